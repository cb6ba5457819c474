"""Choose parameters before a long run: sliders, and outlines that follow them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Thread

import numpy as np
from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, Checkbox, ColumnDataSource, Range1d, Select, Slider
from bokeh.palettes import gray
from bokeh.plotting import figure

from fovea.config.phase_tuning import MODES
from fovea.errors import FoveaError
from fovea.pages.live import trial_work
from fovea.pages.live.browser import Browser, on
from fovea.pages.live.pictures import COLOURS, grey
from fovea.pages.live.rerun_tab import copy_button
from fovea.pages.live.style import note, page_style, pre
from fovea.pages.live.trial_work import Found, Sample, Settings, Trials
from fovea.pages.views.html import text
from fovea.segmentation.phase.choose import Trial

_SIDE = 620
_LOOKING = "Looking for modes and diameters that may suit, which takes some seconds …"
_COLOURS = COLOURS[1:]


class TrialPage:
    """The page of a recording that was not processed yet.

    Parameters
    ----------
    samples : sequence of Sample
        What is looked at.
    name : str
        Of the recording.
    """

    def __init__(self, samples: Sequence[Sample], name: str):
        self._samples, self._name = samples, name
        self.work = ThreadPoolExecutor(1)
        self._candidates: Future | None = None

    def candidates(self) -> Future:
        """Look for modes and diameters that may suit, once for all windows."""
        if self._candidates is None:
            self._candidates = Future()
            # A daemon, for which nobody has to wait who stops the page.
            Thread(target=self._look, args=[self._candidates], daemon=True).start()
        return self._candidates

    def _look(self, found: Future) -> None:
        try:
            found.set_result(trial_work.candidates(self._samples))
        except Exception as error:  # shown in the page
            found.set_exception(error)

    def fill(self, document: Document) -> None:
        """Make the page of one browser window."""
        TrialWindow(document, self, self._samples, self._name)

    def close(self) -> str:
        """Give up what has not begun."""
        self.work.shutdown(wait=False, cancel_futures=True)
        return ""


class TrialWindow:
    """The page in one browser window."""

    def __init__(self, document: Document, page: TrialPage, samples: Sequence[Sample], name: str):
        self._document, self._page, self._samples = document, page, samples
        self._trials = Trials(samples)
        self._wanted = 0
        self._quiet = False
        places = [(str(i), f"field of view {sample.fov}") for i, sample in enumerate(samples)]
        self.place = Select(title="Field of view", options=places, value="0", width=160)
        self.frame = Slider(title="Frame", start=0, end=1, value=0, step=1, width=260)
        self.whole = Checkbox(label="the whole frame (slower)", active=False)
        self.mode = Select(title="Mode", options=list(MODES), value="dark", width=160, name="mode")
        ways = [("dark", "darker"), ("bright", "brighter")]
        self.contrast = Select(title="Cells are", options=ways, value="dark", width=160)
        largest = max(60, min(400, min(samples[0].images.shape[1:]) // 2))
        self.diameter = Slider(title="Cell diameter (pixels)", start=6, end=largest, value=30,
                               step=1, width=330, name="diameter")  # fmt: skip
        self.method = Select(title="Tracking", options=["iou", "lap"], value="iou", width=160)
        self.overlap = Select(title="Overlap of", options=["box", "mask"], value="mask", width=160)
        self.least = Slider(
            title="Least overlap", start=0, end=0.9, value=0.1, step=0.05, width=330
        )
        self.gap = Slider(title="Frames in which a cell may be missed", start=0, end=4, value=2,
                          step=1, width=330)  # fmt: skip
        self.divisions = Checkbox(label="daughter cells get IDs of their own", active=False)
        self.said = note("Looking …", width=_SIDE, name="found")
        self.config = note(name="config")
        self.suggested = note(_LOOKING, sizing_mode="stretch_width", name="suggested")
        self.pictures = row(sizing_mode="stretch_width")
        self.copied = column()
        self._image = ColumnDataSource({name: [] for name in ("image", "dw", "dh")})
        self._lines = [ColumnDataSource({"x": [], "y": []}) for _ in _COLOURS]
        self._ids = ColumnDataSource({"x": [], "y": [], "text": []})
        self._x, self._y = Range1d(-0.5, 1), Range1d(1, -0.5)
        self._watch()
        head = note(f"<h1>Fovea</h1> &nbsp; {text(name)}", sizing_mode="stretch_width")
        what = note("<h2>How cells are found</h2>"), note("<h2>How they are followed</h2>")
        left = column(self._figure(), self.said, row(self.place, self.frame), self.whole)
        right = column(
            what[0], row(self.mode, self.contrast), self.diameter, what[1],
            row(self.method, self.overlap), self.least, self.gap, self.divisions,
            note("<h2>For config/config.yaml</h2>"), self.config, self.copied,
        )  # fmt: skip
        below = column(note("<h2>What may suit this recording</h2>"), self.suggested, self.pictures,
                       sizing_mode="stretch_width")  # fmt: skip
        document.title = f"Fovea: {name}"
        document.add_root(column(head, row(left, right), below, sizing_mode="stretch_width",
                                 stylesheets=[page_style()]))  # fmt: skip
        Browser(lambda _: None, lambda: None, lambda _: None).listen(document)
        self._new_place()
        page.candidates().add_done_callback(partial(self._then, self._suggest))

    def _figure(self):
        made = figure(frame_width=_SIDE, frame_height=_SIDE, x_range=self._x, y_range=self._y,
                      tools="pan,wheel_zoom,reset", active_scroll="wheel_zoom", min_border=0,
                      toolbar_location="right", name="trial")  # fmt: skip
        made.axis.visible = made.grid.visible = False
        made.toolbar.logo = None
        made.image("image", x=-0.5, y=-0.5, dw="dw", dh="dh", source=self._image,
                   palette=gray(256))  # fmt: skip
        for colour, source in zip(_COLOURS, self._lines, strict=True):
            made.line("x", "y", source=source, color=colour, width=2)
        made.text("x", "y", text="text", source=self._ids, text_color="#ffffff",
                  text_font_size="11px", text_align="center", text_baseline="middle", padding=1,
                  background_fill_color="#000000", background_fill_alpha=0.55)  # fmt: skip
        return made

    def _watch(self) -> None:
        on(self.place, "value", lambda _: self._new_place())
        on(self.whole, "active", lambda _: self._new_place())
        values = (self.mode, self.contrast, self.diameter, self.method, self.overlap, self.least,
                  self.gap, self.frame)  # fmt: skip
        for widget in values:
            on(widget, "value", lambda _: self._changed())
        on(self.divisions, "active", lambda _: self._changed())

    # --- What somebody does

    def _new_place(self) -> None:
        sample = self._samples[int(self.place.value)]
        self._quiet = True
        self.frame.end = max(1, len(sample.frames) - 1)
        self.frame.disabled = len(sample.frames) < 2
        self.frame.value = min(self.frame.value, len(sample.frames) - 1)
        self._quiet = False
        height, width = sample.part(self.whole.active).shape[1:]
        longer = max(height, width)
        for axis, ends in ((self._x, (-0.5, longer - 0.5)), (self._y, (longer - 0.5, -0.5))):
            axis.update(start=ends[0], end=ends[1], reset_start=ends[0], reset_end=ends[1])
        self._changed()

    def settings(self) -> Settings:
        """Return what the sliders say."""
        tracking = {"method": self.method.value, "max_gap": int(self.gap.value),
                    "divisions": bool(self.divisions.active)}  # fmt: skip
        if self.method.value == "iou":
            tracking |= {"overlap": self.overlap.value, "min_iou": round(self.least.value, 2)}
        return Settings(
            {"mode": self.mode.value, "contrast": self.contrast.value,
             "cell_diameter": int(self.diameter.value)},
            tracking, int(self.place.value), int(self.frame.value), bool(self.whole.active),
        )  # fmt: skip

    def _changed(self) -> None:
        if self._quiet:
            return
        self.overlap.disabled = self.least.disabled = self.method.value != "iou"
        settings = self.settings()
        self.config.text = pre(settings.text)
        self.copied.children = [copy_button(settings.text, "Copy these lines")]
        self._wanted += 1
        self._page.work.submit(self._compute, self._wanted, settings)

    def _compute(self, number: int, settings: Settings) -> None:
        """Compute in a thread what is wanted, unless something else is wanted by then."""
        if number != self._wanted:
            return
        try:
            for found in self._trials.run(settings):
                self._later(partial(self._show, found))
                if number != self._wanted:
                    return
        except FoveaError as error:
            self._later(partial(self._complain, str(error)))
        except Exception as error:  # a thread would swallow it
            self._later(partial(self._complain, f"{type(error).__name__}: {error}"))

    def _later(self, function: Callable[[], None]) -> None:
        self._document.add_next_tick_callback(function)

    def _then(self, show: Callable[[Future], None], done: Future) -> None:
        self._later(partial(show, done))

    # --- What is shown

    def _complain(self, words: str) -> None:
        self.said.text = f'<div class="warn">{text(words)}</div>'

    def _show(self, found: Found) -> None:
        height, width = found.image.shape
        step = max(1, max(height, width) // 1200)
        limits = tuple(np.percentile(found.image[::4, ::4], (0.5, 99.5)))
        self._image.data = {"image": [grey(found.image[::step, ::step], limits)], "dw": [width],
                            "dh": [height]}  # fmt: skip
        for kind, source in enumerate(self._lines):
            own = [line for cell, line in found.cells.items() if (cell - 1) % len(_COLOURS) == kind]
            joined = [np.concatenate([np.append(line[axis], np.float32(np.nan)) for line in own])
                      if own else np.zeros(0, np.float32) for axis in range(2)]  # fmt: skip
            source.data = {"x": joined[0], "y": joined[1]}
        shown = found.centres if found.tracked and len(found.centres) < 300 else {}
        self._ids.data = {"x": [x for x, _ in shown.values()], "y": [y for _, y in shown.values()],
                          "text": [str(cell) for cell in shown]}  # fmt: skip
        self.said.text = f"<b>{text(found.words)}</b>"

    def _suggest(self, done: Future) -> None:
        try:
            choice, shown = done.result()
        except FoveaError as error:
            self.suggested.text = f'<div class="warn">{text(error)}</div>'
            return
        words, warning = trial_work.advice_on(choice)
        self.suggested.text = f'<div class="{"warn" if warning else "fine"}">{text(words)}</div>'
        parts = []
        for trial, picture in shown:
            use = Button(label="Try this one", width=120)
            use.on_click(partial(self._use, trial))
            title = note(f"<b>{text(trial_work.words_of(trial))}</b>", width=300)
            parts.append(column(title, note(picture, width=300), use))
        self.pictures.children = parts
        if choice is not None:
            self._use(choice.best)

    def _use(self, trial: Trial) -> None:
        """Set the sliders to a candidate."""
        self._quiet = True
        self.mode.value, self.contrast.value = trial.mode, trial.contrast
        self.diameter.end = max(self.diameter.end, int(np.ceil(trial.cell_diameter)))
        self.diameter.value = max(6, round(trial.cell_diameter))
        self._quiet = False
        self._changed()

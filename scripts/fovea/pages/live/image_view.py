"""The picture of a field of view: one frame, with outlines and IDs of its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from bokeh.events import Tap
from bokeh.models import (
    Button,
    CheckboxGroup,
    ColumnDataSource,
    LinearColorMapper,
    Range1d,
    RangeSlider,
    Select,
    Slider,
)
from bokeh.palettes import gray
from bokeh.plotting import figure

from fovea.pages.live.browser import empty, more_cells, on
from fovea.pages.live.pictures import (
    COLOURS,
    Window,
    cell_at,
    cells_in,
    display_limits,
    is_labels,
    outlines,
    picture,
    recorded,
)
from fovea.pages.live.results import Field
from fovea.pages.live.style import WORDS, legend, note
from fovea.pages.views.html import text

SIDE = 610  # pixels of the picture on the screen
_FULL = (1 << 16) - 1
_CLOSE = 5  # part of the frame that is in view when a cell is followed, in sizes of its box
_LEAST = 120  # pixels of that part, at least
_MANY_IDS = 400  # more IDs than these would hide the cells
OUTLINES, IDS, FOLLOW = range(3)


class ImageView:
    """One frame of a field of view.

    Parameters
    ----------
    clicked : callable
        Is given the cell at a click, or None, and whether more cells are to be chosen with it.
    moved : callable
        Is given the number of a frame that somebody has asked for.
    later : callable
        Calls a function as soon as there is nothing else to do.
    play : callable
        Is called where somebody starts or stops the movie.
    safely : callable
        Wraps a function so that its errors are shown and not raised.
    """

    def __init__(
        self, clicked: Callable[[int | None, bool], None], moved: Callable[[int], None],
        later: Callable[[Callable[[], None]], None], play: Callable[[], None],
        safely: Callable[[Callable], Callable],
    ):  # fmt: skip
        self._moved, self._clicked, self._later = moved, clicked, later
        self.field: Field | None = None
        self.frame = 0
        self._kinds: Mapping[int, str] = {}
        self._chosen: list[int] = []
        self._quiet = self._waiting = self._closer = False
        names = ("image", "x", "y", "dw", "dh")
        self.sources = [ColumnDataSource({key: [] for key in names}, name=name)
                        for name in ("image", "image_in_colours")]  # fmt: skip
        self._lines = {kind: ColumnDataSource({"x": [], "y": []}) for kind in WORDS}
        self._ids = ColumnDataSource({name: [] for name in ("x", "y", "text", "colour")})
        self._x, self._y = Range1d(0, 1), Range1d(1, 0)
        self.figure = self._figure()
        self.slider = Slider(
            start=0, end=1, value=0, title="Frame", sizing_mode="stretch_width", name="frame"
        )
        self.play = Button(label="▶ Play", width=90, name="play")
        self.layer = Select(title="Image", options=[], width=250, name="layer")
        self.contrast = RangeSlider(start=0, end=1, value=(0, 1), step=1, title="Black and white",
                                    width=250)  # fmt: skip
        self.switches = CheckboxGroup(labels=["Outlines", "IDs", "Follow the cell"], inline=True,
                                      active=[OUTLINES, IDS, FOLLOW], name="switches")  # fmt: skip
        self.said = note(width=SIDE)
        self.legend = note(legend(*WORDS), width=SIDE)
        on(self.slider, "value", self._slid)
        on(self.layer, "value", safely(lambda _: self._new_layer()))
        on(self.contrast, "value", self._looked)
        on(self.switches, "active", lambda _: self.soon())
        self.play.on_click(play)
        for name in ("start", "end"):
            on(self._x, name, self._looked)
            on(self._y, name, self._looked)
        self.figure.on_event(Tap, safely(self._tapped))

    def _figure(self):
        made = figure(
            frame_width=SIDE, frame_height=SIDE, x_range=self._x, y_range=self._y,
            tools="pan,wheel_zoom,box_zoom,reset", active_scroll="wheel_zoom", active_drag="pan",
            toolbar_location="right", output_backend="canvas", name="picture",
            min_border=0,
        )  # fmt: skip
        made.axis.visible = False
        made.grid.visible = False
        made.background_fill_color = "#404040"
        made.toolbar.logo = None
        place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        # One of two has an image: a glyph of Bokeh 3.9 keeps its colours, and takes time if hidden
        for source, palette in zip(self.sources, (gray(256), COLOURS), strict=True):
            mapper = LinearColorMapper(palette=palette, low=-0.5, high=len(palette) - 0.5)
            made.image("image", source=source, color_mapper=mapper, **place)
        for kind, source in self._lines.items():
            made.line("x", "y", source=source, color=WORDS[kind][0],
                      width=3 if kind == "chosen" else 1.5)  # fmt: skip
        made.text("x", "y", text="text", source=self._ids, text_color="colour",
                  text_font_size="11px", text_align="center", text_baseline="middle",
                  background_fill_color="#000000", background_fill_alpha=0.55, padding=1,
                  border_radius=3)  # fmt: skip
        return made

    # --- What is shown

    def show(self, field: Field, frame: int, layer: str | None = None) -> None:
        """Show another field of view as a whole."""
        self.field = field
        shape = field.shape or (1, 1, 1)
        layers = field.layers()
        self._quiet = True
        self.layer.options = list(layers.items())
        wanted = layer or self.layer.value
        self.layer.value = wanted if wanted in layers else next(iter(layers), "")
        self.slider.end = max(shape[0] - 1, 1)
        self.slider.disabled = shape[0] < 2
        self._quiet = False
        self.see_all()
        self._new_layer(draw=False)
        self.go(min(frame, shape[0] - 1))

    def see_all(self) -> None:
        """Bring the whole frame into view."""
        shape = (self.field and self.field.shape) or (1, 1, 1)
        x, y, half = (shape[2] - 1) / 2, (shape[1] - 1) / 2, max(shape[1:]) / 2
        self._look(x, y, 2 * half)
        self._x.update(reset_start=x - half, reset_end=x + half)
        self._y.update(reset_start=y + half, reset_end=y - half)

    def _look(self, x: float, y: float, side: float) -> None:
        """Bring a square into view."""
        self._quiet = True
        self._x.update(start=x - side / 2, end=x + side / 2)
        self._y.update(start=y + side / 2, end=y - side / 2)
        self._quiet = False

    def go(self, frame: int) -> None:
        """Show another frame."""
        self.frame = frame
        self._quiet = True
        self.slider.value = frame
        self._quiet = False
        self.soon()

    def mark(self, kinds: Mapping[int, str], chosen: list[int]) -> None:
        """Draw outlines of cells in the colours of their kinds, see `style.WORDS`."""
        self._closer = chosen != self._chosen and bool(chosen)
        self._kinds, self._chosen = kinds, chosen
        self.soon()

    def soon(self) -> None:
        """Draw as soon as nothing else is to be done; many wishes are one drawing."""
        if not self._waiting:
            self._waiting = True
            self._later(self.draw)

    def draw(self) -> None:
        """Draw the frame, and what lies on it."""
        self._waiting = False
        if self.field is None or not self.layer.value:
            self._clear("There is no image of this field of view yet.")
            return
        self._follow()
        field, layer = self.field, self.layer.value
        window = Window.of(field.shape[1:], self._x.start, self._x.end, self._y.end, self._y.start)
        if not recorded(field, layer, self.frame):
            self._clear("This channel was not recorded in this frame.")
        else:
            found = picture(field, layer, self.frame, window, tuple(self.contrast.value))
            part = found.window
            used, other = self.sources[:: -1 if found.coloured else 1]
            used.data = {
                "image": [found.pixels], "x": [part.x0 - 0.5], "y": [part.y0 - 0.5],
                "dw": [part.x1 - part.x0], "dh": [part.y1 - part.y0],
            }  # fmt: skip
            empty(other)
            self.said.text = ""
        self._draw_cells(window)

    def _clear(self, words: str) -> None:
        self.said.text = f'<div class="warn">{text(words)}</div>'
        grey, *others = self.sources
        grey.data = {name: [] for name in grey.data}  # which goes on with a movie in any case
        for source in (*others, *self._lines.values(), self._ids):
            empty(source)

    def _follow(self) -> None:
        """Keep the chosen cell in the middle, and come closer when another is chosen."""
        if not self._chosen or FOLLOW not in self.switches.active:
            return
        cells = cells_in(self.field, self.frame)
        place = cells.place(self._chosen[-1])
        if place is None:
            return
        side = abs(self._x.end - self._x.start)
        if self._closer:
            y0, x0, y1, x1 = cells.boxes[cells.ids == self._chosen[-1]][0].tolist()
            side = min(max(self.field.shape[1:]), max(_LEAST, _CLOSE * max(y1 - y0, x1 - x0)))
            self._closer = False
        self._look(*place, side)

    def _draw_cells(self, window: Window) -> None:
        field = self.field
        lines = {kind: ([], []) for kind in WORDS}
        ids: dict[str, list] = {name: [] for name in self._ids.data}
        if field.labelled and recorded(field, field.labelled, self.frame):
            cells = cells_in(field, self.frame)
            y0, x0, y1, x1 = cells.boxes.T
            seen = (y0 < window.y1) & (y1 > window.y0) & (x0 < window.x1) & (x1 > window.x0)
            cells = type(cells)(cells.ids[seen], cells.boxes[seen])
            if OUTLINES in self.switches.active:
                labels = field.reader(field.labelled)[self.frame]
                for cell, (x, y) in outlines(labels, cells, window.step).items():
                    kind = "chosen" if cell in self._chosen else self._kinds.get(cell, "lost")
                    lines[kind][0].extend((x, [np.nan]))
                    lines[kind][1].extend((y, [np.nan]))
            if IDS in self.switches.active and len(cells.ids) <= _MANY_IDS:
                middle = (cells.boxes[:, :2] + cells.boxes[:, 2:] - 1) / 2
                colours = [WORDS["chosen"][0] if cell in self._chosen
                           else "#ffffff" if cell in self._kinds else WORDS["lost"][0]
                           for cell in cells.ids.tolist()]  # fmt: skip
                ids = {"x": middle[:, 1], "y": middle[:, 0], "text": cells.ids.astype(str).tolist(),
                       "colour": colours}  # fmt: skip
        for kind, source in self._lines.items():
            x, y = (np.concatenate(part).astype(np.float32) if part else np.zeros(0, np.float32)
                    for part in lines[kind])  # fmt: skip
            if len(x) or len(source.data["x"]):
                source.data = {"x": x, "y": y}
        if len(ids["x"]) or len(self._ids.data["x"]):
            self._ids.data = ids

    # --- What somebody does

    def _slid(self, frame: float) -> None:
        if not self._quiet:
            self._moved(int(frame))

    def _looked(self, _) -> None:
        """Draw what has come into view, or has another contrast."""
        if not self._quiet:
            self.soon()

    def _tapped(self, event: Tap) -> None:
        if self.field is None or event.x is None:
            return
        more = more_cells(event)
        self._clicked(cell_at(self.field, self.frame, event.x, event.y), more)

    def _new_layer(self, draw: bool = True) -> None:
        """Take over the contrast of another image."""
        if self._quiet or self.field is None or not self.layer.value:
            return
        layer = self.layer.value
        labels = is_labels(layer)
        self.contrast.disabled = labels
        if not labels:
            low, high = display_limits(self.field, layer)
            span = high - low
            start, end = low - span, high + 2 * span
            if layer.startswith(("pc_", "fl_ch_")):
                start, end = max(0, start), min(_FULL, end)
            self._quiet = True
            self.contrast.update(start=start, end=end, step=max(span / 200, 1e-3),
                                 value=(low, high))  # fmt: skip
            self._quiet = False
        if draw:
            self.soon()

    def toggle(self, switch: int) -> None:
        """Switch outlines, IDs or following on or off."""
        active = list(self.switches.active)
        active.remove(switch) if switch in active else active.append(switch)
        self.switches.active = active

"""The picture of a field of view: one frame, with outlines and IDs of its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from bokeh.events import Tap
from bokeh.models import (
    Button,
    CheckboxGroup,
    ColumnDataSource,
    Range1d,
    RangeSlider,
    Select,
    Slider,
)

from fovea.pages.live.browser import empty, more_cells, on
from fovea.pages.live.image_figure import SIDE, image_figure
from fovea.pages.live.pictures import (
    Window,
    cell_at,
    cells_in,
    display_limits,
    is_labels,
)
from fovea.pages.live.results import Field
from fovea.pages.live.scenes import Ahead, Scene, Wanted
from fovea.pages.live.style import WORDS, legend, note
from fovea.pages.views.html import text

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
        self._ahead, self._drawn, self._screen = Ahead(), 0, SIDE
        names = ("image", "x", "y", "dw", "dh")
        self.sources = [ColumnDataSource({key: [] for key in names}, name=name)
                        for name in ("image", "image_in_colours")]  # fmt: skip
        self._lines = {kind: ColumnDataSource({"x": [], "y": []}) for kind in WORDS}
        self._ids = ColumnDataSource({name: [] for name in ("x", "y", "text", "colour")})
        self._x, self._y = Range1d(0, 1), Range1d(1, 0)
        self.figure = image_figure(self.sources, self._lines, self._ids, self._x, self._y)
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
        found = self._ahead.get(self._wanted(self.frame))
        if found.picture is None:
            self._clear("This channel was not recorded in this frame.")
        else:
            part = found.picture.window
            used, other = self.sources[:: -1 if found.picture.coloured else 1]
            used.data = {
                "image": [found.picture.pixels], "x": [part.x0 - 0.5], "y": [part.y0 - 0.5],
                "dw": [part.x1 - part.x0], "dh": [part.y1 - part.y0],
            }  # fmt: skip
            empty(other)
            self.said.text = ""
        self._draw_cells(found)
        step, self._drawn = self.frame - self._drawn, self.frame
        if step:
            self._later(lambda: self._look_ahead(self.frame + step))

    def _wanted(self, frame: int) -> Wanted:
        """Return what is to be drawn of a frame in the part that is in view."""
        window = Window.of(self.field.shape[1:], self._x.start, self._x.end, self._y.end,
                           self._y.start)  # fmt: skip
        return Wanted(self.field, self.layer.value, frame, window, tuple(self.contrast.value),
                      OUTLINES in self.switches.active, self._screen)  # fmt: skip

    def _look_ahead(self, frame: int) -> None:
        """Make ready the frame that follows if somebody goes on as before."""
        follows = self._chosen and FOLLOW in self.switches.active  # then the part will be another
        shape = self.field and self.field.shape
        if shape and 0 <= frame < shape[0] and not (follows or self._waiting):
            self._ahead.make(self._wanted(frame))

    def resolve(self, resolution: float) -> None:
        """Draw for a screen with so many pixels in one of the page."""
        self._screen = round(SIDE * min(max(resolution, 1), 4))
        self.soon()

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

    def _draw_cells(self, found: Scene) -> None:
        lines = {kind: ([], []) for kind in WORDS}
        for cell, (x, y) in found.outlines.items():
            kind = "chosen" if cell in self._chosen else self._kinds.get(cell, "lost")
            lines[kind][0].extend((x, [np.nan]))
            lines[kind][1].extend((y, [np.nan]))
        ids: dict[str, list] = {name: [] for name in self._ids.data}
        cells = found.cells
        if IDS in self.switches.active and 0 < len(cells.ids) <= _MANY_IDS:
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

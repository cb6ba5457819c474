"""The page of one field of view: picture, traces and list of cells, which are chosen together."""

from __future__ import annotations

from collections.abc import Callable

from bokeh.document import Document
from bokeh.layouts import column, row

from fovea.errors import FoveaError
from fovea.pages.live.cell_list import CellList
from fovea.pages.live.cells import cell_table, read_traces
from fovea.pages.live.image_view import FOLLOW, IDS, OUTLINES, ImageView
from fovea.pages.live.judge_bar import JudgeBar
from fovea.pages.live.judgements import ChangedError, History, Judgements, Key, Place, Row
from fovea.pages.live.movie import Movie
from fovea.pages.live.pictures import cells_in
from fovea.pages.live.results import Field
from fovea.pages.live.style import note
from fovea.pages.live.trace_view import Frames, TraceView
from fovea.pages.views.html import text

_ALL: Frames = (None, None)


class Workspace:
    """One field of view in one browser window.

    Parameters
    ----------
    document : Document
    judgements : Judgements
        Of all windows.
    safely : callable
        Wraps a function so that its errors are shown and not raised.
    say : callable
        Shows a line, and whether it is a warning.
    judged : callable
        Is called when a verdict was given in this window.
    """

    def __init__(
        self, document: Document, judgements: Judgements,
        safely: Callable[[Callable], Callable], say: Callable[[str, bool], None],
        judged: Callable[[], None],
    ):  # fmt: skip
        self._document, self._judgements = document, judgements
        self._safely, self._say, self._judged = safely, say, judged
        self._history = History()
        self.field: Field | None = None
        self.chosen: list[int] = []
        self._frames: Frames = _ALL
        self._shown: dict[Key, tuple[Row, ...]] = {}
        self._kept: set[int] = set()
        self.picture = ImageView(
            safely(self._click), safely(self.go), self._later, safely(self.play), safely
        )
        self.traces = [TraceView(safely(self._click_trace), safely(self.part), number)
                       for number in range(2)]  # fmt: skip
        self.cells = CellList(safely(self.choose))
        self.movie = Movie(document, safely(self._forward), self.picture.play)
        self.bar = JudgeBar(safely(self.act))
        self._title = note("<h2>Choose a field of view first</h2>", name="field")
        self.layout = self._layout()

    def _layout(self):
        picture, bar = self.picture, self.bar
        left = column(
            self._title, picture.figure, picture.said, row(picture.play, picture.slider, width=640),
            row(picture.layer, picture.contrast, width=640), picture.switches, picture.legend,
        )  # fmt: skip
        judging = column(
            bar.about, row(bar.good, bar.bad, bar.clear, bar.undo, bar.redo, bar.whole), bar.note,
            bar.count, sizing_mode="stretch_width",
        )  # fmt: skip
        figures = [part for traces in self.traces for part in (traces.feature, traces.figure)]
        right = column(
            *figures, judging, row(self.cells.filter, self.cells.shortest),
            self.cells.said, self.cells.table, sizing_mode="stretch_width",
        )  # fmt: skip
        return row(left, right, sizing_mode="stretch_width")

    def _later(self, function: Callable[[], None]) -> None:
        self._document.add_next_tick_callback(self._safely(function))

    # --- What is shown

    def open(self, field: Field, cells: list[int] | None = None, frame: int | None = None) -> None:
        """Show a field of view, and cells of it."""
        same = self.field is not None and (self.field.dataset, self.field.fov) == (
            field.dataset, field.fov)  # fmt: skip
        self.movie.stop()
        self.field = field
        self._title.text = f"<h2>{text(field.dataset)}, field of view {text(field.fov)}</h2>"
        self._frames, self.chosen = _ALL, list(cells or [])
        traces = read_traces(field)
        for view in self.traces:
            view.show(traces, field.columns)
            view.part(_ALL)
        start = self.picture.frame if same and frame is None else frame or 0
        self.picture.show(field, start)
        self.refresh()
        if cells and frame is None:
            self._into_view()
        if traces is None:
            self._say("This field of view has no traces yet: they are made at the end.", True)

    def refresh(self) -> None:
        """Show verdicts as they are now, also those of other windows."""
        if self.field is None:
            return
        field = self.field
        verdicts = self._judgements.by_cell(field.dataset, field.number)
        self._shown = {key: tuple(rows) for key, rows in verdicts.items()}
        table = cell_table(field, self._shown)
        self._kept = set(table.loc[table["kept"].astype(bool), "cell"])
        self.cells.show(table)
        self._mark()

    def tally(self, judged: int, kept: int) -> None:
        """Say how many cells are judged here and, of so many, in all fields of view."""
        here = sum(key[2] in self._kept for key in self._shown)
        self.bar.tally((here, len(self._kept)), (judged, kept))

    def _mark(self) -> None:
        """Show everywhere which cells are chosen and judged."""
        if self.field is None:
            return
        rows = {key[2]: own for key, own in self._shown.items()}
        kinds = dict.fromkeys(self._kept, "kept")
        for cell, own in rows.items():
            kinds[cell] = "bad" if any(not good for good, *_ in own) else "good"
        self.picture.mark(kinds, self.chosen)
        for view in self.traces:
            view.mark(rows, self.chosen)
            view.go(self.picture.frame)
        self.cells.mark(self.chosen)
        own = rows.get(self.chosen[0], ()) if len(self.chosen) == 1 else ()
        self.bar.show(self.chosen, self._frames, tuple(own))

    # --- What somebody does

    def choose(self, cells: list[int], more: bool = False) -> None:
        """Choose cells in place of others, or with them."""
        if more:
            cells = [c for c in self.chosen if c not in cells] + [
                c for c in cells if c not in self.chosen
            ]
        changed = cells != self.chosen
        self.chosen = cells
        if changed:
            self.part(_ALL)
            self._into_view()
        self._mark()

    def _into_view(self) -> None:
        """Go to the nearest frame in which the chosen cell exists."""
        if not self.chosen or self.field is None:
            return
        boxes = self.field.boxes()
        frames = boxes[boxes[:, 1] == self.chosen[-1], 0]
        if len(frames) and self.picture.frame not in frames:
            self.go(int(frames[abs(frames - self.picture.frame).argmin()]))

    def _click(self, cell: int | None, more: bool) -> None:
        if cell is not None or not more:
            self.choose([] if cell is None else [cell], more)

    def _click_trace(self, cell: int | None, frame: int, more: bool) -> None:
        if cell is not None:
            self.choose([cell], more)
        self.go(frame)

    def part(self, frames: Frames) -> None:
        """Choose the frames that the next verdict is on."""
        self._frames = frames
        for view in self.traces:
            view.part(frames)
        rows = self._shown.get(self._key(self.chosen[0]), ()) if self.chosen else ()
        self.bar.show(self.chosen, frames, tuple(rows))

    def _key(self, cell: int) -> Key:
        return self.field.dataset, self.field.number, int(cell)

    def go(self, frame: int) -> None:
        """Go to a frame."""
        shape = self.field.shape if self.field else None
        if shape:
            frame = min(max(frame, 0), shape[0] - 1)
            self.picture.go(frame)
            for view in self.traces:
                view.go(frame)

    def act(self, name: str) -> None:
        """Do what a button or key of the bar says."""
        if name == "all frames":
            self.part(_ALL)
            return
        try:
            said = self._said(name)
        except ChangedError:
            self._judged()  # shows what others have done
            raise
        if said:
            self._say(said, False)
            self._judged()

    def _said(self, name: str) -> str:
        """Do it, and return what was done."""
        if name in ("undo", "redo"):
            return getattr(self._judgements, name)(self._history)
        if not self.chosen or self.field is None:
            return ""
        if name == "clear":
            return self._judgements.clear(self._history, map(self._key, self.chosen))
        said = self._judge(name == "good")
        self.bar.note.value = ""
        return said

    def _judge(self, good: bool) -> str:
        """Save a verdict on the chosen cells, with where they are seen."""
        places = {self._key(cell): self._place(cell) for cell in self.chosen}
        shown = {key: self._shown.get(key, ()) for key in places}
        words = self.bar.note.value or ""
        said = self._judgements.judge(self._history, places, good, self._frames, words, shown)
        left_out = [cell for cell in self.chosen if cell not in self._kept]
        if left_out:
            names = ", ".join(map(str, left_out))
            said += f"; without a trace, for which this changes nothing: {names}"
        return said

    def _place(self, cell: int) -> Place | None:
        """Return where a cell is in this frame or, if it is not in it, in the nearest one."""
        boxes = self.field.boxes()
        frames = boxes[boxes[:, 1] == cell, 0]
        first, last = self._frames
        if first is not None:
            inside = frames[(frames >= first) & (frames <= (last if last is not None else first))]
            if not len(inside):
                raise FoveaError(
                    f"cell {cell} is not seen in frames {first} to {last}; choose others, or all"
                )
        if not len(frames):
            return None
        frame = int(frames[abs(frames - self.picture.frame).argmin()])
        return Place(frame, *cells_in(self.field, frame).place(cell))

    def key(self, name: str) -> None:
        """Do what a key says."""
        frame = self.picture.frame
        moves = {"ArrowLeft": -1, "ArrowRight": 1, "Shift+ArrowLeft": -10, "Shift+ArrowRight": 10,
                 "Home": -frame, "End": 10**9}  # fmt: skip
        acts = {"g": "good", "b": "bad", "c": "clear", "Control+z": "undo", "u": "undo",
                "Control+y": "redo", "Control+Shift+z": "redo"}  # fmt: skip
        switches = {"o": OUTLINES, "i": IDS, "f": FOLLOW}
        if name in moves:
            self.go(frame + moves[name])
        elif name in acts:
            self.act(acts[name])
        elif name in switches:
            self.picture.toggle(switches[name])
        elif name == " ":
            self.play()
        elif name in ("n", "p"):
            self._next(1 if name == "n" else -1)
        elif name == "Escape":
            self.part(_ALL) if self._frames != _ALL else self.choose([])

    def _next(self, step: int) -> None:
        """Choose the next, or the previous, cell of the list."""
        listed = self.cells.listed
        if listed:
            now = (
                listed.index(self.chosen[-1]) if self.chosen and self.chosen[-1] in listed else None
            )
            start = -1 if step > 0 else len(listed)
            at = (start if now is None else now) + step
            if 0 <= at < len(listed):
                self.choose([listed[at]])

    # --- Movie

    def play(self) -> None:
        """Start the movie, or stop it."""
        if self.movie.runs:
            self.movie.stop()
        elif self.field is not None and self.field.shape and self.field.shape[0] > 1:
            self.movie.start()

    def _forward(self) -> None:
        self.go((self.picture.frame + 1) % self.field.shape[0])

"""Traces of a field of view beside its picture: the frame and the cells of both are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource, Range1d, Select, Span
from bokeh.plotting import figure

from fovea.config.names import feature_of, feature_unit
from fovea.figures.style import feature_words
from fovea.pages.live.browser import more_cells, on
from fovea.pages.live.judgements import Row, frames_judged
from fovea.pages.live.style import BAD, CHOSEN_LINE, WORDS

_NEAR = 0.06  # of the height of the figure, within which a click means a trace
Frames = tuple[int | None, int | None]


class TraceView:
    """One feature of all cells over the frames.

    Parameters
    ----------
    clicked : callable
        Is given the cell at a click or None, the frame, and whether more cells are to be chosen.
    ranged : callable
        Is given the first and last frame that somebody has dragged over.
    number : int
        Which of the traces' figures it is; each begins with another feature.
    """

    def __init__(
        self, clicked: Callable[[int | None, int, bool], None], ranged: Callable[[Frames], None],
        number: int,
    ):  # fmt: skip
        self._clicked, self._ranged, self._number = clicked, ranged, number
        self._traces: pd.DataFrame | None = None
        self._verdicts: Mapping[int, Sequence[Row]] = {}
        self._chosen: list[int] = []
        self._quiet = False
        self.feature = Select(options=[], width=220, name=f"feature_{number}")
        on(self.feature, "value", lambda _: None if self._quiet else self._draw(fit=True))
        names = {"x": [], "y": []}
        self._all, self._bad = ColumnDataSource(dict(names)), ColumnDataSource(dict(names))
        self._own, self._own_bad = ColumnDataSource(dict(names)), ColumnDataSource(dict(names))
        self._x, self._y = Range1d(0, 1), Range1d(0, 1)
        self.figure = figure(
            height=185, sizing_mode="stretch_width", x_range=self._x, y_range=self._y,
            tools="xwheel_zoom,reset,save", toolbar_location="right", name=f"traces_{number}",
            x_axis_label="frame" if number else None, min_border_left=70,
        )  # fmt: skip
        self.figure.toolbar.logo = None
        self.figure.yaxis.formatter.power_limit_high = 6  # 100000 is easier to read than 1e5
        # a part of the frames is chosen by dragging
        drag = BoxSelectTool(dimensions="width", description="Drag over frames to judge them")
        self.figure.add_tools(drag)
        self.figure.toolbar.active_drag = drag
        self.figure.line("x", "y", source=self._all, color=WORDS["kept"][0], alpha=0.6, width=1)
        self.figure.line("x", "y", source=self._bad, color=BAD, alpha=0.5, width=1)
        self.figure.line("x", "y", source=self._own, color=CHOSEN_LINE, width=2.5)
        self.figure.scatter("x", "y", source=self._own, color=CHOSEN_LINE, size=4)
        self.figure.scatter("x", "y", source=self._own_bad, color=BAD, size=9, marker="x",
                            line_width=2)  # fmt: skip
        # Bokeh draws the level "overlay" without drawing the traces again.
        self._now = Span(location=0, dimension="height", line_color="#222222", line_width=1.5,
                         level="overlay")  # fmt: skip
        self._part = BoxAnnotation(fill_color="#e69f00", fill_alpha=0.25, visible=False,
                                   level="overlay")  # fmt: skip
        self.figure.add_layout(self._now)
        self.figure.add_layout(self._part)
        self.figure.on_event(Tap, self._tapped)
        self.figure.on_event(SelectionGeometry, self._dragged)

    def show(self, traces: pd.DataFrame | None, columns: Sequence[str]) -> None:
        """Show the traces of another field of view; `columns` are features that there may be."""
        self._traces = traces
        there = [name for name in columns if traces is None or name in traces]
        self._quiet = True
        self.feature.options = [(name, feature_words(name)) for name in there]
        if self.feature.value not in there:
            # fluorescence is looked at first, and the area beside it
            total = [name for name in there if name.startswith("intensity_total")]
            wanted = [*total, *there[::-1]] if self._number == 0 else there
            self.feature.value = next(iter(wanted), "")
        self._quiet = False
        self._draw(fit=True)

    def mark(self, verdicts: Mapping[int, Sequence[Row]], chosen: list[int]) -> None:
        """Draw what is judged bad in another colour, and chosen cells above the others."""
        self._verdicts, self._chosen = verdicts, chosen
        self._draw()

    def go(self, frame: int) -> None:
        """Mark the frame that the picture shows."""
        self._now.location = frame

    def part(self, frames: Frames) -> None:
        """Mark the frames that a verdict is going to be on."""
        first, last = frames
        self._part.visible = first is not None
        if first is not None and last is not None:
            self._part.update(left=first - 0.5, right=last + 0.5)

    def _draw(self, fit: bool = False) -> None:
        name, traces = self.feature.value, self._traces
        unit = feature_unit(feature_of(name)) if name else ""
        self.figure.yaxis.axis_label = unit if unit != "1" else "ratio"
        nothing = {"x": np.zeros(0), "y": np.zeros(0)}
        if traces is None or traces.empty or name not in traces:
            for source in (self._all, self._bad, self._own, self._own_bad):
                source.data = dict(nothing)
            return
        whole = traces[["cell", "frame", "good", name]].dropna(subset=[name])
        bad = _bad(whole, self._verdicts)
        own = whole["cell"].isin(self._chosen).to_numpy()
        self._all.data = _joined(whole[~bad], name)
        self._bad.data = _joined(whole[bad], name)
        self._own.data = _joined(whole[own], name)
        self._own_bad.data = _joined(whole[own & bad], name)
        if fit and len(whole):
            low, high = whole[name].min(), whole[name].max()
            margin = 0.05 * (high - low) or 1.0
            frames = traces["frame"].min() - 1, traces["frame"].max() + 1
            for axis, (start, end) in ((self._x, frames), (self._y, (low - margin, high + margin))):
                axis.update(start=float(start), end=float(end), reset_start=float(start),
                            reset_end=float(end))  # fmt: skip

    def _tapped(self, event: Tap) -> None:
        if self._traces is None or event.x is None or self.feature.value not in self._traces:
            return
        name, frame = self.feature.value, round(event.x)
        here = self._traces.loc[self._traces["frame"] == frame, ["cell", name]].dropna()
        distance = ((here[name] - event.y).abs() / (self._y.end - self._y.start)).to_numpy()
        cell = None
        if len(here) and distance.min() < _NEAR:
            cell = int(here["cell"].iloc[distance.argmin()])
        more = more_cells(event)
        self._clicked(cell, frame, more)

    def _dragged(self, event: SelectionGeometry) -> None:
        if not event.final or event.geometry.get("type") != "rect":
            return
        ends = sorted((event.geometry["x0"], event.geometry["x1"]))
        first, last = max(int(np.ceil(ends[0])), 0), int(np.floor(ends[1]))
        if last >= first and ends[1] - ends[0] > 0.2:
            self._ranged((first, last))


def _bad(traces: pd.DataFrame, verdicts: Mapping[int, Sequence[Row]]) -> np.ndarray:
    """Return which rows are not good, by what was computed and by verdicts; (n,) bool."""
    good = traces["good"].astype(bool).to_numpy(copy=True)
    cells = traces["cell"].to_numpy()
    for cell, rows in verdicts.items():
        here = np.flatnonzero(cells == cell)
        if len(here):
            frames = traces["frame"].to_numpy()[here]
            good[here] = frames_judged(rows, frames.tolist(), good[here].tolist())
    return ~good


def _joined(rows: pd.DataFrame, name: str) -> dict[str, np.ndarray]:
    """Return lines as one, with NaN between cells and where frames are missing."""
    frames, values = rows["frame"].to_numpy(np.float64), rows[name].to_numpy(np.float64)
    cells = rows["cell"].to_numpy()
    gaps = np.flatnonzero(
        (cells[1:] != cells[:-1]) | (np.diff(frames) > _widest_gap(frames, cells))
    )
    return {"x": np.insert(frames, gaps + 1, np.nan), "y": np.insert(values, gaps + 1, np.nan)}


def _widest_gap(frames: np.ndarray, cells: np.ndarray) -> float:
    """Return how far apart the frames of a line are usually: more where a channel skips some."""
    steps = np.diff(frames)[cells[1:] == cells[:-1]]
    return 1.5 * float(np.median(steps)) if len(steps) else 1.0

"""What became of the tracked cells: how many there are in each frame, how long, how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource

from fovea.pages.views import style
from fovea.pages.views.traces import legend
from fovea.samples.parts import CELL


def cells_per_frame(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return how many cells there are in each frame: ``frame``, ``tracked`` and ``kept``, (F,).

    `table` has one row per tracked cell: `first_frame`, `last_frame`, and `kept`, (N,) bool. A cell
    counts from its first to its last frame, also where it was missed for a while.
    """
    last = int(table["last_frame"].max()) if len(table) else -1
    found = {"frame": np.arange(last + 1)}
    for name, rows in (("tracked", table), ("kept", table[table["kept"].to_numpy(bool)])):
        steps = np.zeros(last + 2, np.int64)
        np.add.at(steps, rows["first_frame"].to_numpy(np.int64), 1)
        np.add.at(steps, rows["last_frame"].to_numpy(np.int64) + 1, -1)
        found[name] = steps.cumsum()[:-1]
    return found


def displacements(rows: pd.DataFrame) -> np.ndarray:
    """Return how far cells moved between frames that follow each other, (K,) float64, in pixels.

    `rows` are traces: `dataset`, `fov`, `cell`, `frame`, `position_x` and `position_y`, in order.
    """
    groups = rows.groupby(CELL, sort=False)
    follows = groups["frame"].diff().to_numpy() == 1
    x, y = (groups[name].diff().to_numpy(float)[follows] for name in ("position_x", "position_y"))
    return np.hypot(x, y)


def counts_figure(counts: Mapping[str, np.ndarray]):
    """Return a figure of what `cells_per_frame` returns."""
    drawing = style.figure("Cells in each frame", "frame", "cells", size=(520, 280))
    source = ColumnDataSource(dict(counts))
    look = {"source": source, "mode": "center", "line_width": 2.2}
    drawing.step("frame", "tracked", line_color=style.CELL, legend_label="tracked", **look)
    drawing.step("frame", "kept", line_color=style.COLOURS[0], legend_label="kept", **look)
    drawing.y_range.start = 0
    legend(drawing)
    drawing.legend.location = "bottom_left"
    return drawing


def histogram_figure(
    title: str, label: str, parts: Mapping[str, Sequence[float]], unit: str = "cells",
    whole: bool = False,
):  # fmt: skip
    """Return a histogram of several groups of values, one behind the other.

    `whole` numbers get bins around integers. What is not finite is left out.
    """
    drawing = style.figure(title, label, unit, size=(520, 280))
    values = {name: np.asarray(part, float) for name, part in parts.items()}
    values = {name: part[np.isfinite(part)] for name, part in values.items()}
    together = np.concatenate([np.zeros(0), *values.values()])
    if not len(together):
        return drawing
    edges = _edges(together, whole)
    colours = [style.PALE, style.COLOURS[0]] if len(values) > 1 else [style.COLOURS[0]]
    for colour, (name, part) in zip(colours, values.items(), strict=True):
        counts, _ = np.histogram(part, edges)
        named = {"legend_label": name} if len(values) > 1 else {}
        drawing.quad(edges[:-1], edges[1:], counts, 0, fill_color=colour, line_color="white",
                     fill_alpha=0.85, **named)  # fmt: skip
    drawing.y_range.start = 0
    if len(values) > 1:
        legend(drawing)
    return drawing


def _edges(values: np.ndarray, whole: bool, most: int = 30) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if whole:
        step = max(1, -(-int(high - low + 1) // most))
        return np.arange(low - 0.5, high + step + 0.5, step)
    return np.linspace(low, high if high > low else low + 1, most + 1)

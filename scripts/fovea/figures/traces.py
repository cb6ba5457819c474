"""Traces of a sample: every cell, the median, and the quartiles."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from fovea.config.names import trace_unit
from fovea.figures import style
from fovea.fits.traces import Traces, load_traces
from fovea.recordings.times import SECONDS

_LOG = logging.getLogger("fovea")
_LONGEST = 36  # letters beside an axis
_LINE, _BAND, _CELL = style.COLOURS[0], style.COLOURS[5], "#6f6f6f"


def plot_traces(
    traces: str | Path,
    targets: Sequence[str | Path],
    columns: Sequence[str],
    log: logging.Logger = _LOG,
) -> None:
    """Draw the traces of a sample, a panel for each feature, of which `columns` are the columns."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rows = max(1, (len(columns) + 1) // 2)
    across = 2 if len(columns) > 1 else 1
    with style.figure((style.WIDTH / 2 * across, 2.4 * rows + 0.2), targets) as drawing:
        grid = drawing.subplots(rows, across, squeeze=False)
        for axes in grid.flat[len(columns) :]:
            axes.set_axis_off()
        if not columns:
            style.nothing(grid[0, 0], "no features")
            return
        for axes, column in zip(grid.flat, columns, strict=False):
            data = load_traces(traces, column)
            _panel(axes, data, column)
        drawing.suptitle(f"{data.sample}: {len(data)} cells", fontsize=9)
        # once, and outside the panels, which traces may fill
        style.key(drawing, [Line2D([], [], color=_CELL, lw=0.6, label="one cell"),
                            Line2D([], [], color=_LINE, lw=1.6, label="median"),
                            Patch(color=_BAND, alpha=0.45, lw=0, label="quartiles")])  # fmt: skip
        style.note(drawing, data.left_out)
        log.info("%d cells, %d features", len(data), len(columns))


def middle_and_quartiles(data: Traces) -> tuple[np.ndarray, np.ndarray]:
    """Return times (F,) and the quartiles (3, F) of all cells, by frame; at least 2 cells each."""
    found, times = [], []
    for frame in np.unique(data.frame[data.frame >= 0]):
        here = (data.frame == frame) & np.isfinite(data.value)
        if here.sum() >= 2:
            times.append(np.median(data.time[here]))
            found.append(np.quantile(data.value[here], (0.25, 0.5, 0.75)))
    return np.array(times), np.array(found).reshape(-1, 3).T


def _panel(axes, data: Traces, column: str) -> None:
    # on several lines where it is longer than the axis
    axes.set_ylabel(fill(style.label(style.feature_words(column), trace_unit(column)), _LONGEST))
    if not len(data):
        style.nothing(axes, "no cells")
        return
    known = np.isfinite(data.time) & np.isfinite(data.value)
    if not known.any():
        style.nothing(axes, "no values")
        return
    span = np.nanmax(data.time) - np.nanmin(data.time)
    unit = style.unit_for(span, data.unit)
    factor = SECONDS[data.unit] / SECONDS[unit]
    from matplotlib.collections import LineCollection

    thin = min(0.5, max(0.08, 12 / len(data)))
    lines = [np.stack([time * factor, value], axis=1)[np.isfinite(value)]
             for time, value in zip(data.time, data.value, strict=True)]  # fmt: skip
    axes.add_collection(LineCollection(lines, colors=_CELL, linewidths=0.4, alpha=thin))
    single = np.concatenate([line for line in lines if len(line) == 1] or [np.zeros((0, 2))])
    if len(single):  # such as those of an end-point stain
        axes.plot(*single.T, ".", color=_CELL, ms=3)
    times, (low, middle, high) = middle_and_quartiles(data)
    axes.fill_between(times * factor, low, high, color=_BAND, alpha=0.45, lw=0, zorder=3)
    mark = "o" if len(times) == 1 else None
    axes.plot(times * factor, middle, color=_LINE, lw=1.6, marker=mark, ms=4, zorder=4)
    axes.set_xlabel(f"time ({unit})")
    axes.margins(x=0.01)

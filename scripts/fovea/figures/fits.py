"""Example fits of a sample, from the best to the worst."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.names import trace_unit
from fovea.figures import style
from fovea.fits.bounds import notes_of_table
from fovea.fits.fit_table import read_fits
from fovea.fits.settings import Settings, settings_of
from fovea.fits.traces import Traces, load_traces

_LOG = logging.getLogger("fovea")
EXAMPLES, ACROSS = 12, 4


def plot_fits(
    traces: str | Path,
    fits: str | Path,
    targets: Sequence[str | Path],
    entry: Mapping[str, Any],
    column: str,
    area: Mapping[str, str] | None = None,
    log: logging.Logger = _LOG,
) -> None:
    """Draw traces and fits of up to `EXAMPLES` cells, at even steps from the best R² to the worst.

    `fits` is the table of fits of the one sample.
    """
    settings = settings_of(entry)
    data, table = load_traces(traces, column, area), read_fits(fits)
    shown = examples(table["r_squared"].to_numpy(), EXAMPLES)
    rows = max(1, -(-len(shown) // ACROSS))
    with style.figure((style.WIDTH, 1.5 * rows + 0.5), targets) as drawing:
        grid = drawing.subplots(rows, ACROSS, squeeze=False)
        for axes, row in zip(grid.flat, shown, strict=False):
            _panel(axes, settings, data, table.iloc[row], row)
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        if not len(shown):
            style.nothing(grid[0, 0], "no fits")
        label = style.label(style.feature_words(column, area), trace_unit(column, area))
        drawing.supylabel(label, fontsize=8)
        title, count = settings.model.title, int(table["success"].sum())
        words = f"{title[:1].lower()}{title[1:]}, {count} of {len(data)} fits succeeded"
        drawing.suptitle(f"{data.sample}: {words}; examples from best to worst", fontsize=8.5)
        for axes in grid[-1]:
            axes.set_xlabel(f"time ({settings.model.time_unit})")
        style.note(drawing, data.left_out, list(notes_of_table(settings, table).values()))
    log.info("%d of %d fits drawn", len(shown), len(data))


def examples(r_squared: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of fits at even steps from the best to the worst."""
    known = np.flatnonzero(np.isfinite(r_squared))
    order = known[np.argsort(-r_squared[known], kind="stable")]
    steps = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[steps]


def r_squared_text(value: float) -> str:
    """Return R² with as many digits as tell it from 1."""
    value = value if abs(value) >= 5e-4 else 0.0  # not -0.000
    digits = 3 if value < 0.99 else min(6, int(-np.log10(max(1 - value, 1e-7))) + 2)
    return f"{value:.{digits}f}"


def _panel(axes, settings: Settings, data: Traces, fit: pd.Series, row: int) -> None:
    model = settings.model
    there = np.isfinite(data.value[row])
    time, value = data.time_in(model.time_unit)[row, there], data.value[row, there]
    inside = np.ones(len(time), bool)
    if settings.window is not None:
        inside = time <= time.min() + settings.window * (1 + 1e-12)
    axes.plot(time[inside], value[inside], "o", color="#9a9a9a", ms=2.4, mew=0)
    axes.plot(time[~inside], value[~inside], "o", color="#dddddd", ms=2.4, mew=0)
    line = np.linspace(time.min(), time[inside].max(), 300)
    values = [np.array([[fit[name]]]) for name in model.names]
    good = bool(fit["success"])
    colour = style.COLOURS[0] if good else style.COLOURS[1]
    axes.plot(line, np.ravel(model(line[None], *values)), color=colour, lw=0.9)
    place = f"{data.dataset[row]}, " if data.several else ""
    place += f"field of view {data.fov[row]}, cell {data.cell[row]}"
    axes.set_title(f"{place}\nR² {r_squared_text(fit['r_squared'])}", fontsize=6.5)
    if fit["message"]:
        first = fit["message"].split("; ")[0].split(" (")[0].split(", so ")[0]
        axes.text(0.98, 0.03, first, transform=axes.transAxes, fontsize=5.5, ha="right",
                  color=style.DARK if good else colour, zorder=2.3,  # above lines, below axes
                  bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.8})  # fmt: skip
    axes.tick_params(labelsize=6)

"""The cells of a sample as one data source, which all figures of a page share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource

from fovea.fits.settings import Settings
from fovea.fits.traces import Traces

#: So many cells, and so many values of each, are drawn at most; tables and numbers hold all.
DRAWN_CELLS, DRAWN_VALUES = 300, 180
_CURVE = 90  # points of a fitted curve


@dataclass(frozen=True)
class Thinning:
    """What of N cells of up to T values is drawn."""

    rows: np.ndarray  # (n,) int64, rows of the cells that are drawn, ascending
    step: int  # every so many values
    cells: int
    values: int

    @property
    def words(self) -> str:
        """Say what is not drawn; empty where everything is."""
        said = []
        if len(self.rows) < self.cells:
            said.append(f"traces of {len(self.rows)} of {self.cells} cells are drawn, the "
                        "most doubtful of them first and others evenly spread")  # fmt: skip
        if self.step > 1:
            said.append(f"every {self.step}. value of a trace is drawn")
        if not said:
            return ""
        return f"To keep this page small, {' and '.join(said)}; all numbers are those of all cells."


def thinned(order: np.ndarray, values: int, cells: int = DRAWN_CELLS) -> Thinning:
    """Choose which cells and values are drawn.

    `order` are the rows of all cells, the worst first, (N,) int64; `values` is the length of the
    longest trace. Of too many cells a third are the worst ones, the others evenly spread.
    """
    chosen = order
    if len(order) > cells:
        worst = cells // 3
        rest = order[worst:]
        steps = np.linspace(0, len(rest) - 1, cells - worst).round().astype(int)
        chosen = np.concatenate([order[:worst], rest[steps]])
    return Thinning(np.sort(chosen), max(1, -(-values // DRAWN_VALUES)), len(order), values)


def cell_names(traces: Traces) -> list[str]:
    """Return a name for each cell, for people: ``field of view 3, cell 17``."""
    several = traces.several
    return [
        (f"{dataset}, " if several else "") + f"field of view {fov}, cell {cell}"
        for dataset, fov, cell in zip(traces.dataset, traces.fov, traces.cell, strict=True)
    ]


def drawn_traces(
    traces: Traces, unit: str, thinning: Thinning
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return times in `unit`, values and frames of each cell, empty for those not drawn.

    Each is float32, or int32, of one length per cell; values are finite.
    """
    times, values, frames = [], [], []
    time, drawn = traces.time_in(unit), set(thinning.rows.tolist())
    nothing = np.zeros(0, np.float32)
    for row in range(len(traces)):
        here = np.flatnonzero(np.isfinite(traces.value[row]) & np.isfinite(time[row]))
        here = here[:: thinning.step] if row in drawn else here[:0]
        times.append(time[row, here].astype(np.float32) if len(here) else nothing)
        values.append(traces.value[row, here].astype(np.float32) if len(here) else nothing)
        frames.append(traces.frame[row, here].astype(np.int32))
    return times, values, frames


@dataclass(frozen=True)
class Curves:
    """Fitted curves, residuals, and which values took part, of each cell."""

    times: list[np.ndarray]  # float32, in the model's unit
    values: list[np.ndarray]
    residuals: list[np.ndarray]  # float32, at the drawn values; NaN outside the window
    inside: list[np.ndarray]  # bool, at the drawn values: part of the fit


def curves(
    settings: Settings, table: pd.DataFrame, times: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
) -> Curves:  # fmt: skip
    """Evaluate the fitted model of each cell, from its first time to the end of the fit.

    `table` is a table of fits, `times` and `values` are those of `drawn_traces`, in the model's
    unit. A cell without estimates, or without drawn values, has no curve.
    """
    model, found = settings.model, Curves([], [], [], [])
    empty = np.zeros(0, np.float32)
    if model.measure is not None:
        nothing = [empty] * len(times)
        return Curves(nothing, nothing, [np.full(len(t), np.nan, np.float32) for t in times],
                      [np.ones(len(t), bool) for t in times])  # fmt: skip
    parameters = table[list(model.names)].to_numpy(float)
    ends = table["time_end"].to_numpy(float)
    for time, value, own, end in zip(times, values, parameters, ends, strict=True):
        inside = time <= np.float32(end) * (1 + 1e-6)  # none where the end is NaN
        found.inside.append(inside)
        if not np.isfinite(own).all() or not inside.any():
            found.times.append(empty)
            found.values.append(empty)
            found.residuals.append(np.full(len(time), np.nan, np.float32))
            continue
        line = np.linspace(float(time[0]), float(time[inside].max()), _CURVE)
        given = [np.array([[number]]) for number in own]
        with np.errstate(all="ignore"):
            curve = np.ravel(model(line[None], *given))
            here = np.ravel(model(time.astype(float)[None], *given))
        found.times.append(line.astype(np.float32))
        found.values.append(curve.astype(np.float32))
        found.residuals.append(np.where(inside, value - here, np.nan).astype(np.float32))
    return found


def cell_source(columns: Mapping[str, Sequence], **lists: list[np.ndarray]) -> ColumnDataSource:
    """Return the source that figures share: `columns`, one value per cell, and lists of arrays.

    ``x`` and ``y``, what a scatter shows, and ``shown``, whether it can, are filled by it.
    """
    data = {name: np.asarray(values) if not isinstance(values, list) else values
            for name, values in columns.items()}  # fmt: skip
    return ColumnDataSource(data | lists)

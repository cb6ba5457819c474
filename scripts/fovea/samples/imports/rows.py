"""Traces that were read from a file, whatever its form: one row per cell and frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS

PLACE = ["fov", "cell", "frame"]
ROUNDING = 1e-3  # of the usual step; times that are closer differ in their digits only
UNITS = {
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), "s"),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), "min"),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), "h"),
}


@dataclass
class Read:
    """What a file of traces, or a sheet of a workbook, holds.

    `rows` has fov, cell, and frame (int64) where the file has it; dataset; time, in `unit`; good
    (bool) and the position and box in pixels, with exclusive ends, where the file has them; and the
    features, such as ``intensity_total_ch_1``. `headers` are those of the cells' columns where they
    are no numbers of cells, which are numbered by the order of the columns then. `line` says where
    in the file a row stands, which is given by its index in `rows`.
    """

    source: str  # the file, and where it has several the sheet, for messages
    form: str  # see `fovea.samples.imports.pyama`; ``sheet`` in a workbook
    rows: pd.DataFrame
    line: Callable[[int], str]
    unit: str | None = None  # of the times in the file's words; None where it does not say it
    notes: list[str] = field(default_factory=list)  # what a user ought to know
    headers: list[str] | None = None

    @property
    def features(self) -> list[str]:
        """The columns of features."""
        return [name for name in self.rows if "_ch_" in name and name not in self.times]

    @property
    def times(self) -> list[str]:
        """The columns of times: ``time``, and those of channels (``time_ch_1``)."""
        return [name for name in self.rows if name == "time" or name.startswith("time_ch_")]


def factor(part: Read, unit: str, file_unit: str | None) -> float:
    """Return what brings a part's times to `unit` (s, min, h); `file_unit` if the file has none."""
    if "time" not in part.rows:
        raise FoveaError(
            f"{part.source}: has no times; set `time: {{interval: ..., unit: ...}}` or "
            "`time.mapping` of the dataset in the config"
        )
    stated = file_unit if part.unit is None else UNITS.get(part.unit.strip().lower())
    if stated is None and part.unit is not None:
        raise FoveaError(
            f"{part.source}: the unit of time {part.unit!r} is not known; allowed: s, min, h"
        )
    if stated is None:
        raise FoveaError(
            f"{part.source}: does not state the unit of its times; set `time.file_unit` of the "
            "dataset to s, min or h"
        )
    return SECONDS[stated] / SECONDS[unit]


def side_by_side(
    source,
    form: str,
    time: np.ndarray,
    names: Sequence[str],
    values: np.ndarray,
    column: str,
    line: Callable[[int], str],
) -> Read:
    """Return the traces of the feature `column` from a table with one column per cell.

    `time` is (T,) float64, rising or falling, and `values` (T, N), NaN where a cell was not seen;
    `line` says where a row of them stands. The headers `names` are the cells' numbers if all are
    different whole numbers; else the cells are numbered from 1 on.
    """
    if not np.isfinite(time).all():
        row = int(np.flatnonzero(~np.isfinite(time))[0]) + 1
        raise FoveaError(f"{source}: row {row} below the header has no time; give it one")
    falling = len(time) > 1 and bool((np.diff(time) < 0).all())
    order = np.arange(len(time))[:: -1 if falling else 1]
    _check_rising(source, time[order], [*order], line)
    numbers = [int(name) if name.isdecimal() else -1 for name in names]
    named = -1 not in numbers and len(set(numbers)) == len(numbers)
    if not named:
        numbers = range(1, len(names) + 1)
    values = values[order].T
    there = np.isfinite(values)
    cell, row = np.nonzero(there)
    rows = pd.DataFrame({
        "fov": 0, "cell": np.array(numbers, np.int64)[cell], "time": time[order][row],
        "good": True, column: values[there],
    })  # fmt: skip
    notes = ["the times run from the last to the first; the rows are turned round"] * falling
    place = order[row]
    return Read(str(source), form, rows, lambda number: line(place[number]), notes=notes,
                headers=None if named else list(names))  # fmt: skip


def _check_rising(source, time: np.ndarray, rows: Sequence[int], line) -> None:
    """Refuse times that repeat or run backwards; `rows` are the numbers of their rows."""
    step = np.diff(time)
    close = ROUNDING * np.median(np.abs(step)) if len(step) else 0.0
    order = np.argsort(time, kind="stable")
    same = np.diff(time[order]) <= close
    if same.any():
        first = int(np.flatnonzero(same)[0])
        one, other = sorted(order[first : first + 2])
        raise FoveaError(
            f"{source}: {line(rows[one])} and {line(rows[other])} have the same time, "
            f"{time[other]:.9g}; remove one of them"
        )
    if (step < 0).any():
        number = int(np.flatnonzero(step < 0)[0])
        raise FoveaError(
            f"{source}: the times run backwards: {time[number]:.9g} in {line(rows[number])} and "
            f"{time[number + 1]:.9g} in {line(rows[number + 1])}; correct the times, or sort the "
            "rows by time"
        )

"""Traces that were read from a file, whatever its form: one row per cell and frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS

PLACE = ["fov", "cell", "frame"]
UNITS = {
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), "s"),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), "min"),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), "h"),
}


@dataclass
class Read:
    """What a file of traces, or a sheet of a workbook, holds.

    `rows` has fov, cell, frame (int64); time, in `unit`, where the file has it; good (bool) and the
    position and box in pixels, with exclusive ends, where the file has them; and the features, such
    as ``intensity_total_ch_1``. `headers` are those of the cells' columns where they are no numbers
    of cells, which are numbered by the order of the columns then.
    """

    source: str  # the file, and where it has several the sheet, for messages
    form: str  # see `fovea.samples.imports.pyama`; ``sheet`` in a workbook
    rows: pd.DataFrame
    unit: str | None = None  # of the times in the file's words; None where it does not say it
    notes: list[str] = field(default_factory=list)  # what a user ought to know
    headers: list[str] | None = None

    @property
    def features(self) -> list[str]:
        """The columns of features."""
        return [name for name in self.rows if "_ch_" in name]


def convert_times(part: Read, unit: str, file_unit: str | None) -> pd.Series:
    """Return a part's times in `unit` (s, min, h); theirs is `file_unit` if the file has none."""
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
    return part.rows["time"] * (SECONDS[stated] / SECONDS[unit])


def side_by_side(
    source, form: str, time: np.ndarray, names: Sequence[str], values: np.ndarray, column: str
) -> Read:
    """Return the traces of the feature `column` from a table with one column per cell.

    `time` is (T,) float64, in any order, and `values` (T, N), NaN where a cell was not seen. The
    headers `names` are the cells' numbers if all are different whole numbers; else the cells are
    numbered from 1 on.
    """
    if not np.isfinite(time).all():
        row = int(np.flatnonzero(~np.isfinite(time))[0]) + 1
        raise FoveaError(f"{source}: row {row} below the header has no time; give it one")
    numbers = [int(name) if name.isdecimal() else -1 for name in names]
    named = -1 not in numbers and len(set(numbers)) == len(numbers)
    if not named:
        numbers = range(1, len(names) + 1)
    order = np.argsort(time, kind="stable")
    values = values[order].T
    there = np.isfinite(values)
    cell, frame = np.nonzero(there)
    rows = pd.DataFrame({
        "fov": 0, "cell": np.array(numbers, np.int64)[cell], "frame": frame,
        "time": time[order][frame], "good": True, column: values[there],
    })  # fmt: skip
    return Read(str(source), form, rows, headers=None if named else list(names))

"""Traces that were read from a file, whatever its form: one row per cell and frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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

    Attributes
    ----------
    source : str
        The file, and where it has several the sheet, for messages.
    form : str
        See `fovea.samples.imports.pyama`; ``sheet`` in a workbook.
    rows : DataFrame
        fov, cell, frame (int64); time, in `unit`, where the file has it; good (bool) and the
        position and box in pixels, with exclusive ends, where the file has them; the features,
        such as ``intensity_total_ch_1``.
    unit : str or None
        Unit of the times in the file's words; None where it does not say it.
    notes : list of str
        What a user ought to know.
    headers : list of str or None
        Headers of the cells' columns where these are no numbers of cells, which are numbered by
        the order of the columns then; None else.
    """

    source: str
    form: str
    rows: pd.DataFrame
    unit: str | None = None
    notes: list[str] = field(default_factory=list)
    headers: list[str] | None = None

    @property
    def features(self) -> list[str]:
        """The columns of features."""
        return [name for name in self.rows if "_ch_" in name]


def known_unit(source: str, text: str) -> str:
    """Return the unit of time, s, min or h, for which a file has its own word."""
    unit = UNITS.get(text.strip().lower())
    if unit is None:
        raise FoveaError(f"{source}: the unit of time {text!r} is not known; allowed: s, min, h")
    return unit


def convert_times(part: Read, unit: str, file_unit: str | None) -> pd.Series:
    """Return the times of a part in another unit.

    Parameters
    ----------
    part : Read
    unit : {"s", "min", "h"}
    file_unit : {"s", "min", "h"} or None
        The unit of its times, where the file does not state it.

    Raises
    ------
    FoveaError
        If there are no times, or their unit is not known.
    """
    if "time" not in part.rows:
        raise FoveaError(
            f"{part.source}: has no times; set `time: {{interval: ..., unit: ...}}` or "
            "`time.mapping` of the dataset in the config"
        )
    stated = file_unit if part.unit is None else known_unit(part.source, part.unit)
    if stated is None:
        raise FoveaError(
            f"{part.source}: does not state the unit of its times; set `time.file_unit` of the "
            "dataset to s, min or h"
        )
    return part.rows["time"] * (SECONDS[stated] / SECONDS[unit])


def side_by_side(
    source: str | Path,
    form: str,
    time: np.ndarray,
    names: Sequence[str],
    values: np.ndarray,
    column: str,
) -> Read:
    """Return the traces of a table with one column per cell.

    Parameters
    ----------
    source : str or path
    form : str
    time : (T,) float64
        One per row; rows need not be in order.
    names : sequence of str
        Headers of the cells' columns. They are the cells' numbers if all are different whole
        numbers; else the cells are numbered from 1 on.
    values : (T, N) float64
        NaN where a cell was not seen.
    column : str
        The feature's column.

    Raises
    ------
    FoveaError
        If a time is missing.
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

"""Traces of a sample as arrays, one row per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS
from fovea.samples.tables import as_numpy, parquet_about, parquet_columns, read_parquet

SMOOTHING = 10  # rows over which the area is smoothed before intensities are divided by it


@dataclass
class Traces:
    """Traces of N cells.

    Attributes
    ----------
    dataset : list of str
    fov, cell : (N,) int64
    frame : (N, T) int64
        Frame of each value; -1 beyond the last.
    time : (N, T) float64
        In `unit`; NaN beyond the last.
    value : (N, T) float64
        NaN where the cell was not seen or its row is not good.
    unit : {"s", "min", "h"}
    sample : str
    left_out : list of str
        Fields of view of the sample that are missing, in words.
    """

    dataset: list[str]
    fov: np.ndarray
    cell: np.ndarray
    frame: np.ndarray
    time: np.ndarray
    value: np.ndarray
    unit: str
    sample: str
    left_out: list[str]

    def __len__(self) -> int:
        return len(self.fov)

    @property
    def several(self) -> bool:
        """Whether the cells are of more than one dataset."""
        return len(set(self.dataset)) > 1

    def time_in(self, unit: str) -> np.ndarray:
        """Return the times in another unit, (N, T) float64."""
        return self.time * (SECONDS[self.unit] / SECONDS[unit])


def load_traces(path: str | Path, column: str, area: Mapping[str, str] | None = None) -> Traces:
    """Read one feature of a sample.

    Parameters
    ----------
    path : path
        ``{sample}_traces.parquet``.
    column : str
        The feature's column, such as ``intensity_total_ch_1``.
    area : mapping of str to str, optional
        Dataset to the column of its cells' area; values are divided by the area, smoothed by a
        median over `SMOOTHING` rows.

    Returns
    -------
    Traces
        Cells with at least one good row, by dataset, field of view and number.

    Raises
    ------
    FoveaError
        If the file does not state the unit of its times.
    """
    channel = column.rpartition("_ch_")[2]
    names = parquet_columns(path)
    time = f"time_ch_{channel}" if f"time_ch_{channel}" in names else "time"
    needed = ["dataset", "fov", "cell", "frame", time, "good", column]
    needed += [name for name in dict.fromkeys((area or {}).values()) if name not in needed]
    table = read_parquet(path, needed)
    about = parquet_about(table)
    unit = about.get("time_unit")
    if unit not in SECONDS:
        raise FoveaError(
            f"{path}: does not state the unit of its times; delete it, it will be made again"
        )
    table = table.filter(table["good"])
    codes = table["dataset"].combine_chunks().dictionary_encode()
    groups = codes.dictionary.to_pylist()
    code = as_numpy(codes.indices).astype(np.int64)
    fov, cell, frame = (as_numpy(table[name]) for name in ("fov", "cell", "frame"))
    value = as_numpy(table[column]).copy()
    if area:
        for number, dataset in enumerate(groups):
            if dataset not in area:
                continue
            size = as_numpy(table[area[dataset]])
            for rows in _runs(np.stack([code, fov, cell], axis=1)):
                if code[rows.start] == number:
                    value[rows] /= smoothed(size[rows])
    return _arranged(code, fov, cell, frame, as_numpy(table[time]), value, groups, unit, about)


def smoothed(area: np.ndarray) -> np.ndarray:
    """Return the running median of a cell's area; NaN where the area is not known or 0."""
    from scipy.ndimage import median_filter

    known = np.isfinite(area) & (area > 0)
    result = np.full(len(area), np.nan)
    if known.any():
        result[known] = median_filter(area[known], size=SMOOTHING, mode="nearest")
    return result


def _runs(keys: np.ndarray) -> list[slice]:
    """Return the runs of equal rows."""
    if not len(keys):
        return []
    ends = np.flatnonzero((np.diff(keys, axis=0) != 0).any(axis=1)) + 1
    starts = [0, *ends.tolist(), len(keys)]
    return [slice(a, b) for a, b in pairwise(starts)]


def _arranged(code, fov, cell, frame, time, value, groups, unit: str, about: dict) -> Traces:
    """Return traces; cells of a field of view have the same frames, with gaps."""
    fields = _runs(np.stack([code, fov], axis=1))
    cells = _runs(np.stack([code, fov, cell], axis=1))
    axes = [np.unique(frame[rows], return_index=True) for rows in fields]
    length = max((len(axis) for axis, _ in axes), default=0)
    shape = (len(cells), length)
    frames = np.full(shape, -1, np.int64)
    times, values = np.full(shape, np.nan), np.full(shape, np.nan)
    place = 0
    for row, rows in enumerate(cells):
        while rows.start >= fields[place].stop:
            place += 1
        axis, first = axes[place]
        frames[row, : len(axis)] = axis
        times[row, : len(axis)] = time[fields[place]][first]
        columns = np.searchsorted(axis, frame[rows])
        times[row, columns], values[row, columns] = time[rows], value[rows]
    starts = np.array([rows.start for rows in cells], dtype=np.int64)
    return Traces(
        [groups[code[start]] for start in starts], fov[starts], cell[starts], frames, times,
        values, unit, about["sample"], about.get("left_out", []),
    )  # fmt: skip

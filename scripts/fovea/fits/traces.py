"""Traces of a sample as arrays, one row per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.config.names import time_column
from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS
from fovea.samples.parts import CELL
from fovea.samples.tables import parquet_columns, read_parquet

SMOOTHING = 10  # rows over which the area is smoothed before intensities are divided by it


@dataclass
class Traces:
    """Traces of N cells."""

    dataset: list[str]
    fov: np.ndarray  # (N,) int64, as is `cell`
    cell: np.ndarray
    frame: np.ndarray  # (N, T) int64, recorded frame of each value; -1 beyond the last
    time: np.ndarray  # (N, T) float64, in `unit`; NaN beyond the last
    value: np.ndarray  # (N, T) float64, NaN where the cell was not seen or its row is not good
    unit: str  # "s", "min" or "h"
    sample: str
    left_out: list[str]  # fields of view of the sample that are missing, in words

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
    path, column, area
        As explained in `fovea.fits`; values are divided by the area, smoothed by a median over
        `SMOOTHING` rows.

    Returns
    -------
    Traces
        Cells with at least one good row, by dataset, field of view and number. Frames in which
        the channel was not recorded, so that it has no time there, are left out.

    Raises
    ------
    FoveaError
        If the file does not state the unit of its times.
    """
    time = time_column(parquet_columns(path), column)
    needed = [*CELL, "frame", time, "good", column, *(area or {}).values()]
    table = read_parquet(path, list(dict.fromkeys(needed)))
    unit = table.attrs.get("time_unit")
    if unit not in SECONDS:
        raise FoveaError(
            f"{path}: does not state the unit of its times; delete it, it will be made again"
        )
    about, good = table.attrs, table["good"]
    rows = table if good.all() else table.loc[good]  # which is a copy
    del table
    value = rows[column]
    for dataset, name in (area or {}).items():
        sizes = rows.loc[rows["dataset"] == dataset].groupby(CELL, sort=False)[name]
        value = value / sizes.transform(smoothed).reindex(value.index, fill_value=1.0)
    return _arranged(rows, rows[time].to_numpy(), value.to_numpy(np.float64), unit, about)


def smoothed(area: pd.Series) -> np.ndarray:
    """Return the running median of a cell's area; NaN where the area is not known or 0."""
    from scipy.ndimage import median_filter

    area = area.to_numpy()
    known = np.isfinite(area) & (area > 0)
    result = np.full(len(area), np.nan)
    if known.any():
        result[known] = median_filter(area[known], size=SMOOTHING, mode="nearest")
    return result


def _arranged(
    rows: pd.DataFrame, time: np.ndarray, value: np.ndarray, unit: str, about: Mapping
) -> Traces:
    """Return traces; cells of a field of view have the same frames, with gaps.

    `rows` are (R,) of `CELL` and frame; those without a time, (R,) float64, only say which cells
    there are.
    """
    row = rows.groupby(CELL, sort=False).ngroup().to_numpy()
    cells = rows.iloc[np.unique(row, return_index=True)[1]]
    own = cells.groupby(CELL[:2], sort=False).ngroup().to_numpy()  # field of view of each cell
    frame, taken = rows["frame"].to_numpy(), ~np.isnan(time)
    if not taken.all():
        row, frame, time, value = (part[taken] for part in (row, frame, time, value))
    field = own[row]
    place, at = _ranks(field, frame)
    length = place.max(initial=-1) + 1
    frames = np.full((own.max(initial=-1) + 1, length), -1, np.int64)
    frames[field[at], place[at]] = frame[at]
    times = np.full(frames.shape, np.nan)
    times[field[at], place[at]] = time[at]
    frames, times = frames[own], times[own]
    times[row, place] = time
    values = np.full((len(cells), length), np.nan)
    values[row, place] = value
    return Traces(
        cells["dataset"].tolist(), cells["fov"].to_numpy(), cells["cell"].to_numpy(), frames,
        times, values, unit, about["sample"], about.get("left_out", []),
    )  # fmt: skip


def _ranks(field: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of its field's frames each of (R,) frames is, and where each is first.

    Both are int64, (R,) and (K,) of the K different frames of all fields. Fields of view are
    numbered from 0 on, and frames are at least 0.
    """
    span = frame.max(initial=0) + 1
    key = field * span + frame
    every, at = np.unique(key, return_index=True)
    first = np.searchsorted(every, np.arange(field.max(initial=-1) + 1) * span)
    return np.searchsorted(every, key) - first[field], at

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
    good = table[table["good"]]
    value = good[column]
    for dataset, name in (area or {}).items():
        sizes = good.loc[good["dataset"] == dataset].groupby(CELL, sort=False)[name]
        value = value / sizes.transform(smoothed).reindex(value.index, fill_value=1.0)
    rows = good.assign(time=good[time], value=value)
    return _arranged(rows, rows["time"].notna().to_numpy(), unit, table.attrs)


def smoothed(area: pd.Series) -> np.ndarray:
    """Return the running median of a cell's area; NaN where the area is not known or 0."""
    from scipy.ndimage import median_filter

    area = area.to_numpy()
    known = np.isfinite(area) & (area > 0)
    result = np.full(len(area), np.nan)
    if known.any():
        result[known] = median_filter(area[known], size=SMOOTHING, mode="nearest")
    return result


def _arranged(rows: pd.DataFrame, taken: np.ndarray, unit: str, about: Mapping) -> Traces:
    """Return traces; cells of a field of view have the same frames, with gaps.

    Rows that are not `taken`, (R,) bool, only say which cells there are.
    """
    cells = rows.drop_duplicates(CELL)
    fields = rows.groupby(CELL[:2], sort=False)
    field, count = fields.ngroup().to_numpy(), fields.ngroups
    own = field[~rows.duplicated(CELL).to_numpy()]
    row = rows.groupby(CELL, sort=False).ngroup().to_numpy()[taken]
    rows, field = rows[taken], field[taken]
    place = rows.groupby(CELL[:2], sort=False)["frame"].rank("dense").to_numpy(np.int64) - 1
    frame, time = rows["frame"].to_numpy(), rows["time"].to_numpy()
    length = place.max(initial=-1) + 1
    # backwards, so that the time of a frame is that of the first cell in it
    frames = np.full((count, length), -1, np.int64)
    frames[field[::-1], place[::-1]] = frame[::-1]
    times = np.full((count, length), np.nan)
    times[field[::-1], place[::-1]] = time[::-1]
    frames, times = frames[own], times[own]
    times[row, place] = time
    values = np.full((len(cells), length), np.nan)
    values[row, place] = rows["value"].to_numpy()
    return Traces(
        cells["dataset"].tolist(), cells["fov"].to_numpy(), cells["cell"].to_numpy(), frames,
        times, values, unit, about["sample"], about.get("left_out", []),
    )  # fmt: skip

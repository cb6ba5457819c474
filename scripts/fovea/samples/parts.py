"""Read the traces of one field of view for merging: check them, and add columns and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.names import channel_of, column, columns_of, physical_columns
from fovea.config.paths import place_of
from fovea.errors import FoveaError
from fovea.recordings.frames import channel_frames
from fovea.recordings.times import SECONDS, frame_times
from fovea.samples.tables import comment_lines, numbers, read_csv, truth, whole_numbers

CELL = ["dataset", "fov", "cell"]
KEY = [*CELL, "frame"]
GEOMETRY = ("position_x", "position_y", "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1")
CELL_COLUMNS = [
    "dataset", "fov", "cell", "first_frame", "last_frame", "first_time", "last_time", "frames",
    "kept", "reason", "good", "confidence", "repaired",
]  # fmt: skip
_TRUST = ("confidence", "repaired")  # of tracks, see `fovea.tracking.confidence`
DECIMALS = {"s": 6, "min": 6, "h": 9}  # of times; below a microsecond but for minutes
SOURCES = {"stamps": "stamp"}  # words of `frame_times` to those of tables, where they differ


@dataclass
class Dataset:
    """What merge needs to know of a dataset."""

    features: Mapping[str, Sequence[str]]  # channel (``pc_ch_0``, ``fl_ch_1``) to its features
    time: Mapping[str, Any]  # `interval`, `unit` and `mapping` of the config
    fovs: Sequence[int] | None = None  # the sample's, of a file that holds several; None for all

    @property
    def channels(self) -> dict[str, int]:
        """Channel to its index; the channel in which cells are segmented comes first."""
        return {name: channel_of(name) for name in self.features}

    @property
    def time_columns(self) -> dict[str, int]:
        """Column of times to the index of its channel, ``time`` first."""
        found = {"time": next(iter(self.channels.values()))}
        return found | {column("time", index): index for name, index in self.channels.items()
                        if name.startswith("fl_")}  # fmt: skip


def read_part(
    path: str | Path, entry: Dataset, recording: dict | None, columns: Sequence[str], unit: str
) -> pd.DataFrame:
    """Read the traces of a field of view, or of a dataset that is given by its traces.

    `recording` is its metadata, None where the file holds the times; `columns` are the features of
    the sample, NaN where the dataset does not measure them. Rows are by field of view, cell and
    frame, columns `KEY`, the times in `unit`, `good`, position and box, the features, and measures
    in micrometers if the table has them. A channel has no times in frames that it lacks.
    """
    dataset, fov = place_of(path)
    own = columns_of(entry.features)
    table = read_csv(path, ["time_source"])
    for name in (*KEY[1:], "good", *own):
        if name not in table:
            raise FoveaError(
                f"{path}: has no column {name}; the traces are of another config: delete the "
                "file, it will be made again"
            )
    found = pd.DataFrame({"dataset": dataset}, index=table.index, dtype="str")
    for name in KEY[1:]:
        found[name] = whole_numbers(path, table, name)
    if recording is None:
        found = found.assign(**_times_of_file(path, table, entry, unit))
    else:
        found = found.assign(**_times(found["frame"].to_numpy(), entry, recording, fov, unit))
    found["good"] = truth(path, table, "good")
    known = (
        truth(path, table, "merged", missing=False) if "merged" in table else [pd.NA] * len(table)
    )
    found["merged"] = pd.array(known, "boolean")
    for name in (*GEOMETRY, *columns):
        there = name in table if name in GEOMETRY else name in own
        found[name] = numbers(path, table, name) if there else np.nan
    for name in physical_columns(own):
        if name in table and recording is not None:
            found[name] = numbers(path, table, name)
    if entry.fovs is not None:
        found = found[found["fov"].isin(entry.fovs)]
    if found.duplicated(KEY).any():
        raise FoveaError(f"{path}: a cell has two rows for one frame; remove one of them")
    return found.sort_values(KEY[1:], ignore_index=True)


def _times(frames: np.ndarray, entry: Dataset, recording: dict, fov: int, unit: str) -> dict:
    """Return the columns of times of a field of view, and the word for where they come from."""
    added, source = {}, ""
    for name, channel in entry.time_columns.items():
        times, source = rounded_times(recording, fov, channel, entry, unit)
        if frames.max(initial=-1) >= len(times):
            raise FoveaError(
                f"field of view {fov} has traces of frame {frames.max()}, but the recording has "
                f"{len(times)} frames; delete the field's folder in results, it is made again"
            )
        recorded = channel_frames(recording, fov, channel)
        gaps = np.setdiff1d(np.arange(len(times)), recorded)
        if len(gaps):
            times[gaps] = np.nan
        added[name] = times[frames]
    return added | {"time_source": pd.array([SOURCES.get(source, source)] * len(frames), "str")}


def _times_of_file(path: str | Path, table: pd.DataFrame, entry: Dataset, unit: str) -> dict:
    """Return the same of a file of traces that holds its own times, in the sample's unit."""
    stated = [c.partition(":")[2].strip() for c in comment_lines(path) if c.startswith("Time unit")]
    factor = SECONDS[stated[0]] / SECONDS[unit]
    found = {name: np.round(numbers(path, table, name if name in table else "time") * factor,
                            DECIMALS[unit]) for name in entry.time_columns}  # fmt: skip
    return found | {"time_source": table["time_source"]}


def rounded_times(
    recording: dict, fov: int, channel: int, entry: Dataset, unit: str
) -> tuple[np.ndarray, str]:
    """Return when the frames of a channel were taken, (T,) float64 in a unit, and the source."""
    seconds, source = frame_times(recording, fov, channel, **entry.time)
    return np.round(seconds / SECONDS[unit], DECIMALS[unit]), source


def cell_table(
    cells: Sequence, traces: pd.DataFrame, recordings: Mapping, known: Mapping, unit: str
) -> pd.DataFrame:
    """Return one row per tracked cell: its first and last frame and time, and why it was removed.

    `cells` are the paths of ``..._cells.csv``, for the fields of view that have one; `recordings`
    and `known` map a dataset to the metadata of its recording and to its `Dataset`.
    """
    grouped = traces.groupby(CELL, sort=False)
    seen = grouped.agg(
        first_frame=("frame", "first"), last_frame=("frame", "last"),
        first_time=("time", "first"), last_time=("time", "last"),
        frames=("frame", "size"), good=("good", "any"),
    ).reset_index()  # fmt: skip
    parts = []
    for path in cells:
        dataset, fov = place_of(path)
        entry = known[dataset]
        channel = next(iter(entry.channels.values()))
        times = rounded_times(recordings[dataset], fov, channel, entry, unit)[0]
        part = read_csv(path, ["reason"]).assign(dataset=dataset, fov=fov)
        part["kept"] = part["kept"].astype(bool)
        for name in _TRUST:  # not there in tables of older versions
            part[name] = numbers(path, part, name) if name in part else np.nan
        for end in ("first", "last"):
            part[f"{end}_frame"] = part[f"{end}_frame"].astype(np.int64)
            part[f"{end}_time"] = times[part[f"{end}_frame"]]
        good = (seen["dataset"] == dataset) & (seen["fov"] == fov) & seen["good"]
        part["good"] = part["cell"].isin(seen.loc[good, "cell"])
        parts.append(part)
    listed = pd.MultiIndex.from_tuples([place_of(path) for path in cells], names=CELL[:2])
    others = ~pd.MultiIndex.from_frame(seen[CELL[:2]]).isin(listed)
    parts.append(seen[others].assign(kept=True, reason="", **dict.fromkeys(_TRUST, np.nan)))
    types = dict.fromkeys(("fov", "cell", "first_frame", "last_frame", "frames"), np.int64)
    types |= dict.fromkeys(("dataset", "reason"), "str") | dict.fromkeys(("kept", "good"), bool)
    types |= {"confidence": np.float64, "repaired": "Int64"}
    table = pd.concat([part[CELL_COLUMNS].astype(types) for part in parts], ignore_index=True)
    return table.sort_values(
        CELL, key=lambda column: column.map(list(known).index) if column.name == "dataset" else
        column, kind="stable", ignore_index=True,
    )  # fmt: skip

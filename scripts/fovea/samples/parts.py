"""The traces of one field of view, as merge needs them: checked, completed, with times."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS, frame_times
from fovea.samples.tables import arrow, as_numpy, comment_lines, constant, read_csv

if TYPE_CHECKING:
    import pyarrow as pa

KEY = ("dataset", "fov", "cell", "frame")
GEOMETRY = ("position_x", "position_y", "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1")
CELL_COLUMNS = (
    "dataset", "fov", "cell", "first_frame", "last_frame", "first_time", "last_time", "frames",
    "kept", "reason", "good",
)  # fmt: skip
DECIMALS = {"s": 6, "min": 6, "h": 9}  # of times; below a microsecond but for minutes
SOURCES = {"stamps": "stamp"}  # what `frame_times` calls them, where tables use another word


@dataclass
class Dataset:
    """What merge needs to know of a dataset.

    Attributes
    ----------
    features : mapping of str to list of str
        Channel (``pc_ch_0``, ``fl_ch_1``) to its features.
    time : mapping
        `interval`, `unit` and `mapping` of the config.
    fovs : list of int or None
        The sample's fields of view, where one file holds those of several; None for all.
    """

    features: Mapping[str, Sequence[str]]
    time: Mapping[str, Any]
    fovs: Sequence[int] | None = None

    @property
    def channels(self) -> dict[str, int]:
        """Channel to index, the one in which cells are found first."""
        return {name: int(name.rpartition("_")[2]) for name in self.features}

    def columns(self) -> dict[str, str]:
        """Column to the channel that it is measured in."""
        found = {}
        for channel, names in self.features.items():
            found |= {f"{name}_{channel.split('_', 1)[1]}": channel for name in names}
        return found


def place_of(path: str | Path) -> tuple[str, int | None]:
    """Return dataset and field of view of a file in the results; None where it holds several."""
    parent = Path(path).parent
    if parent.name.startswith("fov_"):
        return parent.parent.name, int(parent.name[4:])
    return parent.name, None


def load_recordings(paths: Sequence[str | Path]) -> dict[str, dict]:
    from fovea.recordings.inspect_input import load_metadata

    return {Path(path).parent.name: load_metadata(path) for path in paths}


def read_part(path: str | Path, dataset: str, entry: Dataset, columns: list[str]) -> pa.Table:
    """Read traces: the key, good, position and box, and all features of the sample."""
    pa = arrow()

    types = dict.fromkeys(("fov", "cell", "frame"), pa.int64())
    types |= {"good": pa.bool_(), "time": pa.float64(), "time_source": pa.string()}
    types |= dict.fromkeys(GEOMETRY, pa.float64())
    types |= dict.fromkeys(entry.columns(), pa.float64())
    table = read_csv(path, types)
    lacking = [name for name in ("fov", "cell", "frame", "good", *entry.columns())
               if name not in table.column_names]  # fmt: skip
    if lacking:
        raise FoveaError(
            f"{path}: has no column {lacking[0]}; the traces are of another config: delete the "
            "file, it will be made again"
        )
    if entry.fovs is not None:
        chosen = np.isin(as_numpy(table["fov"]), list(entry.fovs))
        table = table.filter(pa.array(chosen))
    table = table.sort_by([(name, "ascending") for name in KEY[1:]])
    rows = len(table)
    key = np.stack([as_numpy(table[name]) for name in KEY[1:]], axis=1)
    if rows and (np.diff(key, axis=0) == 0).all(axis=1).any():
        raise FoveaError(f"{path}: a cell has two rows for one frame; remove one of them")
    found = {"dataset": constant(dataset, rows)}
    found |= {name: table[name] for name in ("fov", "cell", "frame")}
    for name in ("time", "time_source"):
        if name in table.column_names:
            found[name] = table[name]
    found["good"] = table["good"].fill_null(True)
    for name in (*GEOMETRY, *columns):
        there = name in table.column_names and (name in GEOMETRY or name in entry.columns())
        found[name] = table[name] if there else pa.nulls(rows, pa.float64())
    return pa.table(found)


def timed(table: pa.Table, entry: Dataset, metadata: dict, fov: int, unit: str) -> pa.Table:
    """Add the times of a field of view, per channel."""
    pa = arrow()

    frames = as_numpy(table["frame"])
    first = next(iter(entry.channels.values()))
    names = {"time": first} | {
        f"time_{name.split('_', 1)[1]}": channel
        for name, channel in entry.channels.items()
        if name.startswith("fl_")
    }
    added, source = {}, ""
    for name, channel in names.items():
        seconds, source = frame_times(metadata, fov, channel, **entry.time)
        if len(frames) and frames.max() >= len(seconds):
            raise FoveaError(
                f"field of view {fov} has traces of frame {frames.max()}, but the recording has "
                f"{len(seconds)} frames; delete the field's folder in results, it is made again"
            )
        added[name] = pa.array(np.round(seconds / SECONDS[unit], DECIMALS[unit])[frames])
    word = SOURCES.get(source, source)
    added["time_source"] = constant(word, len(frames))
    return _with_times(table, added)


def timed_by_file(path: str | Path, table: pa.Table, entry: Dataset, unit: str) -> pa.Table:
    """Convert the times that a file of traces holds to the sample's unit."""
    pa = arrow()
    stated = [c.partition(":")[2].strip() for c in comment_lines(path) if c.startswith("Time unit")]
    factor = SECONDS[stated[0]] / SECONDS[unit]
    time = pa.array(np.round(as_numpy(table["time"]) * factor, DECIMALS[unit]))
    added = {"time": time}
    for name in entry.channels:
        if name.startswith("fl_"):
            added[f"time_{name.split('_', 1)[1]}"] = time
    added["time_source"] = table["time_source"]
    return _with_times(table.drop_columns(["time", "time_source"]), added)


def _with_times(table: pa.Table, added: dict) -> pa.Table:
    pa = arrow()

    columns = dict(zip(table.column_names, table.columns, strict=True))
    key = {name: columns.pop(name) for name in KEY}
    return pa.table(key | added | columns)


def cell_table(cells, traces: pa.Table, groups, good, recordings, known, unit: str) -> pa.Table:
    """Return one row per tracked cell: when it was seen, and why it was left out."""
    pa = arrow()

    listed = {place_of(path): path for path in cells}
    frames, times = as_numpy(traces["frame"]), as_numpy(traces["time"])
    rows = []
    for (dataset, fov), path in listed.items():
        entry = known[dataset]
        channel = next(iter(entry.channels.values()))
        seconds = frame_times(recordings[dataset], fov, channel, **entry.time)[0]
        when = np.round(seconds / SECONDS[unit], DECIMALS[unit])
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                place = groups.get((dataset, fov, int(row["cell"])))
                ends = int(row["first_frame"]), int(row["last_frame"])
                span = [float(when[end]) for end in ends]
                kept = row["kept"] == "True"
                fine = bool(good[place].any()) if place is not None else False
                rows.append([dataset, fov, int(row["cell"]), *ends, *span, int(row["frames"]),
                             kept, row["reason"], fine])  # fmt: skip
    for (dataset, fov, cell), place in groups.items():
        if (dataset, fov) not in listed:
            ends = int(frames[place][0]), int(frames[place][-1])
            span = float(times[place][0]), float(times[place][-1])
            rows.append([dataset, fov, cell, *ends, *span, place.stop - place.start, True, "",
                         bool(good[place].any())])  # fmt: skip
    order = list(known)
    rows.sort(key=lambda row: (order.index(row[0]), row[1], row[2]))
    columns = list(zip(*rows, strict=True)) or [()] * len(CELL_COLUMNS)
    whole, real, truth, text = pa.int64(), pa.float64(), pa.bool_(), pa.string()
    types = [text, *[whole] * 4, real, real, whole, truth, text, truth]
    arrays = [pa.array(list(v), kind) for v, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=list(CELL_COLUMNS))

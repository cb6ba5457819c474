"""Times of imported traces: checks of them, and the frames that files without frames are given."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fovea.errors import FoveaError
from fovea.samples.imports.rows import PLACE, ROUNDING, Read

#: How far times may be from an even grid, as a share of its step.
JITTER = 0.25


def check_rows(part: Read) -> None:
    """Refuse rows of a file that hold the same cell twice, and times that repeat or run backwards.

    Traces without frames must have their rows in the order of time within each cell; a file that
    has them all in the opposite order is turned round.
    """
    rows, cell = part.rows, ["dataset"] * ("dataset" in part.rows) + PLACE[:2]
    if "frame" in rows:
        same = rows.duplicated([*cell, "frame"])
        if same.any():
            _refuse_twice(part, cell, "frame", rows.index[same.to_numpy()][0])
    if "time" not in rows or rows.empty:
        return
    missing = ~np.isfinite(rows["time"].to_numpy())
    if missing.any():
        raise FoveaError(f"{part.source}: {part.line(rows.index[missing][0])} has no time; give it "
                         "one, or remove it")  # fmt: skip
    if "frame" not in rows:
        same = rows.duplicated([*cell, "time"])
        if same.any():
            _refuse_twice(part, cell, "time", rows.index[same.to_numpy()][0])
    order = [*cell, "frame"] if "frame" in rows else cell
    rows = rows.sort_values(order, kind="stable")
    later = np.r_[False, (rows[cell].to_numpy()[1:] == rows[cell].to_numpy()[:-1]).all(axis=1)]
    step = np.r_[np.nan, np.diff(rows["time"])]
    if later.any() and "frame" not in rows and (step[later] < 0).all():
        part.rows = part.rows.iloc[::-1]
        part.notes.append("the times run from the last to the first; the rows are turned round")
        _check_close(part, cell, part.rows.sort_values(cell, kind="stable"), -step[later])
        return
    back = later & (step < 0)
    if back.any():
        row, before = rows.index[back][0], rows.index[np.flatnonzero(back)[0] - 1]
        raise FoveaError(
            f"{part.source}: the times of a cell run backwards: {_cell(part, cell, row)} has "
            f"{rows.time[before]:.9g} in {part.line(before)} and {rows.time[row]:.9g} in "
            f"{part.line(row)}; correct the times, or sort the rows by time"
        )
    _check_close(part, cell, rows, step[later])


def _check_close(part: Read, cell: list[str], rows: pd.DataFrame, steps: np.ndarray) -> None:
    """Refuse two rows of a cell whose times are the same but for rounding.

    `rows` are sorted by cell and time, and `steps` are the times between them.
    """
    if not len(steps):
        return
    usual = np.median(steps)
    here = rows[cell].to_numpy()
    close = np.r_[False, (here[1:] == here[:-1]).all(axis=1)]
    close &= np.r_[np.inf, np.diff(rows["time"])] <= ROUNDING * usual
    if close.any():
        number = int(np.flatnonzero(close)[0])
        row, before = rows.index[number], rows.index[number - 1]
        raise FoveaError(
            f"{part.source}: a cell has two rows for one time: {_cell(part, cell, row)} has "
            f"{rows.time[before]:.9g} in {part.line(before)} and {rows.time[row]:.9g} in "
            f"{part.line(row)}; remove one of them"
        )


def _refuse_twice(part: Read, cell: list[str], key: str, row) -> None:
    rows = part.rows
    same = (rows[[*cell, key]] == rows.loc[row, [*cell, key]]).all(axis=1)
    raise FoveaError(
        f"{part.source}: a cell has two rows for one {key}: {_cell(part, cell, row)}, {key} "
        f"{rows.loc[row, key]:.9g}, in {part.line(rows.index[same.to_numpy()][0])} and "
        f"{part.line(row)}; remove one of them"
    )


def _cell(part: Read, cell: list[str], row) -> str:
    values = part.rows.loc[row, cell]
    dataset = f"dataset {values['dataset']}, " if "dataset" in cell else ""
    return f"{dataset}field of view {values['fov']}, cell {values['cell']}"


def check_across(parts: Sequence[Read]) -> None:
    """Refuse parts of one feature that hold the same cell at the same or overlapping times.

    A cell may go on in another file. Frames are numbered.
    """
    rows = pd.concat([part.rows[PLACE].assign(part=n) for n, part in enumerate(parts)])
    twice = rows.duplicated(PLACE)
    if twice.any():
        row = rows.index[twice.to_numpy()][0]
        fov, cell, frame, second = rows[twice.to_numpy()].iloc[0]
        same = (rows[PLACE] == [fov, cell, frame]).all(axis=1).to_numpy()
        first = rows[same].iloc[0]
        one, other = parts[first["part"]], parts[second]
        raise FoveaError(
            f"{other.source}: a cell has two rows for one frame: field of view {fov}, cell {cell}, "
            f"frame {frame}, in {one.line(rows.index[same][0])} of {one.source} and in "
            f"{other.line(row)} of this file; give each field of view and feature once"
        )
    ends = rows.groupby([*PLACE[:2], "part"])["frame"].agg(["min", "max"])
    ends = ends.reset_index().sort_values([*PLACE[:2], "min"], ignore_index=True)
    next_one = (ends[PLACE[:2]] == ends[PLACE[:2]].shift()).all(axis=1)
    mixed = next_one & (ends["min"] < ends["max"].shift())
    if mixed.any():
        found = ends[mixed].iloc[0]
        before = ends.loc[ends.index[mixed][0] - 1]
        raise FoveaError(
            f"{parts[found['part']].source}: field of view {found['fov']}, cell {found['cell']} is "
            f"also in {parts[before['part']].source}, at other times between the same ones; give "
            "each field of view and feature once, or make a dataset of each file"
        )


def number_frames(parts: Sequence[Read], even: bool, log: logging.Logger) -> None:
    """Number the frames of parts that have times and no frames, alike in all of them.

    Times of different parts belong to one frame if they are less than half a step apart, for
    channels are exposed after each other, and times are written with more or fewer digits. The
    step is the shortest time between two rows of one cell. If `even`, the times are those of an
    even interval that the config sets, and a frame that no part has keeps its number.
    """
    timed = [part for part in parts if "frame" not in part.rows]
    for part in timed:
        part.rows["frame"] = 0
    axes: dict[int, np.ndarray] = {}
    for fov in sorted(set().union(*(part.rows["fov"] for part in timed))):
        here = [part.rows.loc[part.rows["fov"] == fov] for part in timed]
        step = min((_shortest_step(rows) for rows in here), default=np.inf)
        starts, furthest = _frame_starts([np.unique(rows["time"]) for rows in here], step)
        if np.isfinite(step) and furthest > step * ROUNDING:
            log.warning("the times of files differ by up to %.3g within a frame; each channel "
                        "keeps its own", furthest)  # fmt: skip
        axes[fov] = starts
        for part, rows in zip(timed, here, strict=True):
            part.rows.loc[rows.index, "frame"] = _nearest(starts, rows["time"].to_numpy())
    if even and timed:
        _number_evenly(timed, axes)


def _shortest_step(rows: pd.DataFrame) -> float:
    ordered = rows.sort_values(["cell", "time"])
    steps = np.diff(ordered["time"])[np.diff(ordered["cell"]) == 0]
    return steps.min(initial=np.inf)


def _frame_starts(axes: list[np.ndarray], step: float) -> tuple[np.ndarray, float]:
    """Return the time of each frame, and how far a time of one is from it.

    The file with the most times comes first; what others have besides are frames of their own.
    """
    limit = step / 2 * (1 - 1e-9)
    starts, furthest = np.empty(0), 0.0
    for axis in sorted(axes, key=len, reverse=True):
        for time in axis:
            place = _nearest(starts, np.array([time]))[0] if len(starts) else 0
            distance = abs(starts[place] - time) if len(starts) else np.inf
            if (np.isfinite(limit) and distance < limit) or distance == 0:
                furthest = max(furthest, distance)
            else:
                starts = np.insert(starts, np.searchsorted(starts, time), time)
    return starts, furthest


def _nearest(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
    after = np.clip(np.searchsorted(starts, times), 1, max(len(starts) - 1, 1))
    if len(starts) < 2:
        return np.zeros(len(times), np.int64)
    return np.where(times - starts[after - 1] <= starts[after] - times, after - 1, after)


def _number_evenly(parts: Sequence[Read], axes: dict[int, np.ndarray]) -> None:
    """Number frames by their place on an even grid, so that missing ones keep their numbers."""
    steps = np.concatenate([np.diff(axis) for axis in axes.values()])
    if not len(steps):
        return
    step = np.median(steps[steps < 1.5 * steps.min()])
    begin = min(axis[0] for axis in axes.values() if len(axis))
    for fov, axis in axes.items():
        first = np.floor((axis[0] - begin) / step + 0.05)
        place = (axis - axis[0]) / step
        number = np.round(place)
        if (np.abs(place - number) > JITTER).any() or (np.diff(number) < 1).any():
            raise FoveaError(
                f"{parts[0].source}: the times of field of view {fov} are not evenly spaced, so "
                "that `time.interval` and `time.mapping` do not say which frame is which; remove "
                "them from the dataset, the file's own times are taken then"
            )
        number = (number + first).astype(np.int64)
        for part in parts:
            here = part.rows["fov"] == fov
            part.rows.loc[here, "frame"] = number[part.rows.loc[here, "frame"]]

"""Choose between time stamps, nominal times and none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fovea.recordings.readers.info import FieldInfo, RecordingInfo, ranges
from fovea.recordings.times import UNUSED

# Stamps and nominal times of each field, as `set_times` takes them, and the reading of the
# file's clock where stamps are 0, in seconds; None without a clock.
Times = tuple[Sequence[np.ndarray | None], Sequence[np.ndarray | None], float | None]

SAME = f"{UNUSED}: they are the same for every frame"


def times_when_asked(info: RecordingInfo, read: Callable[[], Times]) -> None:
    """Call `read` when the times of any field are asked for, and set those of all fields.

    The `remarks` and `start_s` of `info` are set then, too.
    """

    def load() -> None:
        for field in info.fields:
            field.load_times = None  # type: ignore[misc]
        stamps, nominal, zero = read()
        remarks, start = set_times(info.fields, stamps, nominal)
        info.start_s = None if start is None or zero is None else zero + start
        info.remarks += remarks

    for field in info.fields:
        field.load_times = load  # type: ignore[misc]


def set_times(
    fields: Sequence[FieldInfo],
    stamps: Sequence[np.ndarray | None],
    nominal: Sequence[np.ndarray | None],
) -> tuple[list[str], float | None]:
    """Set `times` and `times_source` of every field.

    Stamps are used if none is missing, they never decrease, and they are not all equal: there are
    files in which every frame has the same time. Otherwise nominal times are used where the file
    states an interval. `stamps` are (T,) or (C, T) float64 in seconds for the existing frames,
    `nominal` (T_planned,) float64 in seconds by planned frame number.

    Returns remarks on stamps that were not used, and the earliest stamp, which is time 0; None
    without stamps.
    """
    faults: dict[str, list[int]] = {}
    good: dict[int, np.ndarray] = {}
    for info, given in zip(fields, stamps, strict=True):
        if given is None or info.frames == 0:
            continue
        values = np.atleast_2d(np.array(given, dtype=np.float64))
        lacking = _lacking(info, len(values))
        values[lacking] = np.nan
        fault = _fault(values, ~lacking)
        if fault:
            faults.setdefault(fault, []).append(info.index)
        else:
            good[info.index] = values

    # One stamp alone cannot be checked. Fields of one frame use theirs if longer fields do, or
    # if no field is longer and the stamps of the fields differ.
    long = [info for info in fields if info.frames > 1]
    if long and not any(info.index in good for info in long):
        good = {}
    if not long and len(good) > 1 and len({values.tobytes() for values in good.values()}) == 1:
        faults[SAME] = sorted(good)
        good = {}

    start = min((float(np.nanmin(values)) for values in good.values()), default=None)
    for info, regular in zip(fields, nominal, strict=True):
        if info.index in good:
            values = good[info.index] - start
            known = values[np.isfinite(values).all(axis=1)][:1]
            if len(values) > 1 and len(known) and (np.isnan(values) | (values == known)).all():
                values = known
            info.times, info.times_source = values.tolist(), "stamps"
        elif regular is not None and info.frames:
            info.times = [[float(regular[n]) for n in info.frame_numbers]]
            info.times_source = "nominal"
        else:
            info.times, info.times_source = None, "none"
    remarks = [f"{fault} (field of view {ranges(who)})" for fault, who in faults.items()]
    return remarks, start


def _lacking(info: FieldInfo, rows: int) -> np.ndarray:
    """Return in which frames each row of stamps has none, as its channel was not recorded."""
    lacking = np.zeros((rows, info.frames), bool)
    if rows > 1 and info.channel_frames is not None:
        lacking[:] = True
        for row, frames in zip(lacking, info.channel_frames, strict=True):
            row[list(frames)] = False
    return lacking


def _fault(values: np.ndarray, present: np.ndarray) -> str | None:
    """Return why (C, T) stamps cannot be used, or None; `present` tells where one is needed."""
    if not np.isfinite(values[present]).all() or not present.any():
        return f"{UNUSED}: some are missing"
    steps = np.concatenate(
        [np.diff(row[there]) for row, there in zip(values, present, strict=True)]
    )
    if steps.size and (steps == 0).all():
        return SAME
    if (steps < 0).any():
        return f"{UNUSED}: they go backwards"
    return None


def regular_times(planned: int, interval_s: float | None) -> np.ndarray | None:
    """Return (planned,) nominal times in seconds, or None without a positive interval."""
    if not interval_s or not np.isfinite(interval_s) or interval_s <= 0:
        return None
    return np.arange(planned) * float(interval_s)

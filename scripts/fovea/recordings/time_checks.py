"""Whether the times of a recording can be used, and whether the config contradicts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.frames import channel_frames
from fovea.recordings.times import SECONDS, frame_numbers, frame_times, stored_times

if TYPE_CHECKING:
    import numpy as np

_RATE = 0.02  # share of the time since the first frame by which both may differ
_JITTER = 0.5  # and, for a single frame, share of the interval, because exposures are delayed
_END = 0.1  # the same for the last frame


def check_field_times(
    metadata: Mapping[str, Any], fov: int, channel: int, time: Mapping[str, Any], source: str
) -> None:
    """Raise FoveaError if the times of a channel cannot be used.

    Parameters
    ----------
    metadata : mapping
        Content of ``metadata.yaml``.
    fov, channel : int
        Field of view, and index of the channel.
    time : mapping
        `time` of the config: ``interval``, ``mapping``, ``unit`` and ``override``.
    source : str
        The recording, for messages.

    Raises
    ------
    FoveaError
        If there are no times, if they do not increase, or if those of the config contradict those
        of the recording and ``override`` is not true.
    """
    import numpy as np

    given = {key: time[key] for key in ("interval", "mapping", "unit")}
    own = channel_frames(metadata, fov, channel)
    times, kind = frame_times(metadata, fov, channel, **given)
    if len(own) < 2:
        return
    if kind in ("stamps", "nominal"):
        later = times[own]
        if not np.isfinite(later).all() or (np.diff(later) < 0).any() or later[0] == later[-1]:
            raise FoveaError(
                f"{source}: the times of field of view {fov}, channel {channel}, do not increase "
                "from frame to frame; set `time.interval` or `time.mapping` in the config"
            )
        return
    rows, kind = stored_times(metadata, fov)
    if rows is None or time.get("override"):
        return
    known = rows[channel if len(rows) > 1 else 0][own]
    place = f"{source}: field of view {fov}"
    check_contradiction(times[own], known, frame_numbers(metadata["fields"][fov])[own], time,
                        place, "states" if kind == "nominal" else "has time stamps of")  # fmt: skip


def check_contradiction(
    given: np.ndarray, known: np.ndarray, numbers: np.ndarray, time: Mapping[str, Any], place: str,
    verb: str = "has times of",
) -> None:  # fmt: skip
    """Raise FoveaError if times that the config gives contradict those that a file has.

    A pace that differs by more than 2 % does, and so does a frame that is off by more than half an
    interval beside that. Delays of single frames do not, nor does another time of the first frame.

    Parameters
    ----------
    given, known : (n,) float64
        Seconds of the same frames, by the config and by the file.
    numbers : (n,) int64
        Planned numbers of these frames.
    time : mapping
        As in `check_field_times`.
    place : str
        Where, for messages.
    verb : str
        What the file does to say its times, for messages.
    """
    if not _contradict(given, known, numbers):
        return
    unit, size = time["unit"], SECONDS[time["unit"]]
    others = [name for name in SECONDS if name != unit and not
              _contradict(given * SECONDS[name] / size, known, numbers)]  # fmt: skip
    hint = f" (with `unit: {others[0]}` both would agree)" if others else ""
    if time["mapping"]:
        worst = int(abs((given - given[0]) - (known - known[0])).argmax())
        here, there = (f"{(row[worst] - row[0]) / size:.6g} {unit}" for row in (given, known))
        said = f"`time.mapping` has frame {numbers[worst]} {here} after the first"
    else:
        here = f"{time['interval']:.6g} {unit}"
        there = f"{_interval(known, numbers) / size:.6g} {unit} per frame"
        said = f"`time.interval` is {here}"
    raise FoveaError(
        f"{place}: {said}, but the file {verb} {there}{hint}; remove it from the config to use the "
        "times of the file, or add `override: true` to `time` if those are wrong"
    )


def _interval(known: np.ndarray, numbers: np.ndarray) -> float:
    return float(known[-1] - known[0]) / int(numbers[-1] - numbers[0])


def _contradict(given: np.ndarray, known: np.ndarray, numbers: np.ndarray) -> bool:
    import numpy as np

    if not np.isfinite(known).all() or (np.diff(known) < 0).any() or known[-1] <= known[0]:
        return False  # no times that anything could contradict
    passed, step = known - known[0], _interval(known, numbers)
    off = abs((given - given[0]) - passed)
    return bool(off[-1] > max(_RATE * passed[-1], _END * step)
                or (off > _RATE * passed + _JITTER * step).any())  # fmt: skip

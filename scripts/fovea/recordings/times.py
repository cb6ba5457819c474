"""Acquisition times of frames: those of the recording, or those that the config sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError, counted

if TYPE_CHECKING:
    import numpy as np

UNUSED = "time stamps not used"  # how remarks on them begin
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def frame_times(
    metadata: Mapping[str, Any],
    fov: int,
    channel: int,
    interval: float | None = None,
    mapping: Mapping[Any, float] | None = None,
    unit: str = "min",
) -> tuple[np.ndarray, str]:
    """Return when each frame of a field of view was taken.

    Parameters
    ----------
    metadata : dict
        As `fovea.recordings.inspect_input.load_metadata` gives it.
    fov : int
        Number of the field of view.
    channel : int
        Index of the channel; channels are exposed one after another.
    interval : float, optional
        Time from frame to frame, in `unit`; replaces the recording's own times.
    mapping : dict, optional
        Time of every frame, in `unit`; replaces the recording's own times and `interval`.
    unit : {"s", "min", "h"}
        Unit of `interval` and `mapping`.

    Returns
    -------
    times : ndarray
        (T,) float64, seconds.
    source : str
        ``"stamps"``, ``"nominal"``, ``"mapping"`` or ``"interval"``.

    Raises
    ------
    FoveaError
        If the recording has no times and the config gives none, or `mapping` lacks a frame.
    """
    import numpy as np

    info = metadata["fields"][fov]
    frames = info["frames"]
    if mapping:
        by_frame = {int(frame): float(time) for frame, time in mapping.items()}
        lacking = [frame for frame in range(frames) if frame not in by_frame]
        if lacking:
            raise FoveaError(
                f"time.mapping has no time for frame {lacking[0]} of field of view {fov}, which "
                f"has {counted(frames, 'frame')}; give a time for each of "
                f"0 to {frames - 1}"
            )
        return np.array([by_frame[n] for n in range(frames)]) * _seconds(unit), "mapping"
    if interval is not None:
        return frame_numbers(info) * (float(interval) * _seconds(unit)), "interval"
    rows, kind = stored_times(metadata, fov)
    if rows is None:
        why = [f" ({note})" for note in metadata.get("notes", ()) if note.startswith(UNUSED)]
        raise FoveaError(
            f"{metadata['files'][0]}: has no times of its frames{''.join(why[:1])}; set "
            "`time.interval` in the config, as in `time: {interval: 10, unit: min}`, or "
            "`time.mapping`"
        )
    return rows[channel if len(rows) > 1 else 0], kind


def stored_times(metadata: Mapping[str, Any], fov: int) -> tuple[list[np.ndarray] | None, str]:
    """Return the times of one field of view in the metadata.

    Returns
    -------
    rows : list of ndarray, or None
        Seconds, (T,) float64; one for all channels, or one per channel.
    source : str
        ``"stamps"``, ``"nominal"`` or ``"none"``.
    """
    import numpy as np

    info = metadata["fields"][fov]
    times = info.get("times", metadata.get("times"))
    if times["source"] == "none":
        return None, "none"
    if "values" not in times:
        row = times["start"] + np.arange(info["frames"]) * times.get("interval", 0.0)
        return [np.round(row, 6)], times["source"]
    texts = times["values"] if isinstance(times["values"], list) else [times["values"]]
    return [np.array(text.split(), dtype=np.float64) for text in texts], times["source"]


def frame_numbers(info: Mapping[str, Any]) -> np.ndarray:
    """Return the planned number of each existing frame of a field, (T,) int64."""
    import numpy as np

    missing = info.get("missing", [])
    return np.setdiff1d(np.arange(info["frames"] + len(missing)), missing)


def _seconds(unit: str) -> float:
    try:
        return SECONDS[unit]
    except KeyError:
        raise FoveaError(f"time.unit is {unit!r}; it is one of {', '.join(SECONDS)}") from None

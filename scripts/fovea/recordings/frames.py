"""The frames and z planes in which each channel was recorded, as `metadata.yaml` states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fovea.config.fovs import parse_fovs

if TYPE_CHECKING:
    import numpy as np


def channel_frames(metadata: Mapping[str, Any], fov: int, channel: int) -> np.ndarray:
    """Return the frames in which a channel was recorded.

    Parameters
    ----------
    metadata : dict
        As `fovea.recordings.inspect_input.load_metadata` gives it.
    fov : int
        Number of the field of view.
    channel : int
        Index of the channel.

    Returns
    -------
    (n,) int64
        Indices into the frames of the field of view, ascending.
    """
    import numpy as np

    recorded = recorded_frames(metadata, fov)
    if recorded is None:
        return np.arange(metadata["fields"][fov]["frames"])
    return np.array(recorded[channel], np.int64)


def recorded_frames(metadata: Mapping[str, Any], fov: int) -> tuple[tuple[int, ...], ...] | None:
    """Return the frames of each channel of a field of view; None if each has all of them."""
    texts = metadata["fields"][fov].get("channel_frames", metadata.get("channel_frames"))
    return _numbers(texts)


def recorded_planes(metadata: Mapping[str, Any], fov: int) -> tuple[tuple[int, ...], ...] | None:
    """Return the z planes of each channel of a field of view; None if each has all of them."""
    return _numbers(metadata["fields"][fov].get("channel_planes"))


def _numbers(texts: Sequence[str] | None) -> tuple[tuple[int, ...], ...] | None:
    if texts is None:
        return None
    return tuple(tuple(parse_fovs(text) or ()) if text else () for text in texts)

"""Planes that were not recorded, in whose place a file holds zeros.

ND2 files have a plane of every channel in each frame, and so have OME-Zarr stores whose chunks hold
several planes. Where a channel is recorded less often than the others, in time or along z, the
planes in between are zero. The metadata of ND2 say which they are where phases of the experiment
have channels of their own. Otherwise a plane of zeros is taken as not recorded if other planes of
its channel are not zero: a camera's offset keeps even dark planes above zero.

The detector of a confocal microscope may be set so low that most of the background is zero. Planes
above and below the cells are then zero although they were recorded. In such a channel a plane of
zeros is taken as recorded where its z plane never shows much, unless it is the only one that does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fovea.errors import counted
from fovea.recordings.readers.info import RecordingInfo

LOW_DETECTOR = 0.05  # share of pixels that are 0 in the recorded planes of a camera: hardly any
MUCH = 0.25  # of the pixels above 0 in the channel's fullest plane


class SkippedPlanes:
    """Tells which planes were not recorded; asked for one field of view after another.

    Parameters
    ----------
    look : callable
        Returns the share of pixels above 0 in each plane of a field, (T, C, Z) float64.
    there : callable
        Returns which planes of a field the file has, (T, C, Z) bool.
    count : int
        Number of fields.
    planned : ndarray, optional
        (T, C) bool: which channels the experiment records in which frames, if the file tells.
    """

    def __init__(
        self,
        look: Callable[[int], np.ndarray],
        there: Callable[[int], np.ndarray],
        count: int,
        planned: np.ndarray | None = None,
    ) -> None:
        self._look, self._there, self._count, self._planned = look, there, count, planned
        self._found: dict[int, np.ndarray] = {}

    def skipped(self, fov: int) -> np.ndarray:
        """Return which planes of a field of view were not recorded, (T, C, Z) bool."""
        every = self._there(fov)
        found = np.zeros_like(every)
        for channel in range(found.shape[1]):
            there = every[:, channel]
            filled = self._filled(fov)[:, channel]
            due = np.ones(len(there), bool) if self._planned is None else self._planned[:, channel]
            if (filled[there] > 0).any():
                found[:, channel] = there & _skipped(filled, there)
            elif there.any() and self._elsewhere(fov, channel):
                found[:, channel] = there
            if not due.all():
                # What was to be recorded and shows nothing is dark, unless its z plane never does.
                shows = (filled * there)[due].any(axis=0)
                found[np.ix_(due, [channel], shows)] = False
                found[~due, channel] = (there & (filled == 0))[~due]
        return found

    def remarks(self, info: RecordingInfo) -> list[str]:
        """Return what people should know of zeros, and set `zero_channels` of a recording."""
        fields = range(self._count)
        known = [self._there(fov).any(axis=(0, 2)) for fov in fields]
        info.zero_channels = [
            channel
            for channel in range(len(info.channels))
            if any(there[channel] for there in known)
            and not any(self._shows(fov, channel) for fov in fields)
        ]
        remarks = [
            f'channel {channel} "{info.channels[channel]}" is 0 in every plane that was looked at; '
            "it was not recorded, or its detector was off"
            for channel in info.zero_channels
        ]
        counts = sum(self.skipped(fov).sum(axis=(0, 2)) for fov in fields)
        remarks += [
            f'channel {channel} "{info.channels[channel]}": '
            + counted(
                counts[channel], "plane holds only zeros and is", "planes hold only zeros and are"
            )
            + " taken as not recorded"
            for channel in np.flatnonzero(counts).tolist()
        ]
        return remarks

    def _elsewhere(self, fov: int, channel: int) -> bool:
        """Return whether a channel is above 0 in another field of view."""
        others = (other for other in range(self._count) if other != fov)
        return any(self._shows(other, channel) for other in others)

    def _shows(self, fov: int, channel: int) -> bool:
        return bool((self._filled(fov)[:, channel][self._there(fov)[:, channel]] > 0).any())

    def _filled(self, fov: int) -> np.ndarray:
        if fov not in self._found:
            self._found[fov] = self._look(fov)
        return self._found[fov]


def _skipped(filled: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return which planes of a channel were not recorded, (T, Z) bool.

    `filled` is the share of pixels above 0, (T, Z) float64, and `there` tells which planes the
    file has; at least one of them is above 0.
    """
    zero = there & (filled == 0)
    shown = there & (filled > 0)
    if np.median(filled[shown]) >= 1 - LOW_DETECTOR:
        return zero
    most = np.where(there, filled, 0).max(axis=0)
    only = np.count_nonzero(most) == 1
    return zero & ((most >= MUCH * most.max()) | only)

"""The interface of all readers: a description of the recording, and its frames one by one."""

from __future__ import annotations

import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fovea.errors import FoveaError
from fovea.recordings.readers.checks import check_channel, reading
from fovea.recordings.readers.info import FieldInfo, RecordingInfo, ranges

if TYPE_CHECKING:
    import numpy as np


def join(base: str | os.PathLike[str], name: str) -> str:
    """Return the absolute path of `name`, relative to `base`."""
    return os.path.abspath(os.path.join(base, name))


class Recording(ABC):
    """An open input, to be used as a context manager.

    A reader of one file is called with its name, relative to `base`, and with `base`, the directory
    that relative paths start from.
    """

    source: str  # name of the input for messages
    info: RecordingInfo  # its description

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Close the files if a constructor fails."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def close(self) -> None:
        """Close the files; frames cannot be read afterwards."""

    def frames(
        self,
        fov: int,
        channels: Sequence[int],
        z: int | str = 0,
        only: Sequence[int] | None = None,
    ) -> Iterator[list[np.ndarray | None]]:
        """Read one field of view, frame by frame.

        Parameters
        ----------
        fov : int
            Number of the field of view, from 0.
        channels : sequence of int
            Channel indices.
        z : int, "max" or "mean"
            Index of a plane, or a projection over the planes in which the channel was recorded.
            A channel that was recorded in a single plane gives that plane, whatever `z` is. The
            mean is rounded to the nearest integer, halves upwards: floor(sum / n + 1/2).
        only : sequence of int, optional
            Which of the frames that exist, counted from 0; all without it.

        Yields
        ------
        list of (ndarray or None)
            For each frame that exists (or of `only`), in order, one (H, W) array per channel asked
            for, in that order; uint8 or uint16 as in the file, native byte order, C-contiguous.
            None for a channel that was not recorded in the frame.

        Raises
        ------
        FoveaError
            If the field, a channel or the plane does not exist, or the file cannot be read.
        """
        info = self.check_field(fov)
        if info.error is not None:
            raise FoveaError(f"{info.error}; `exclude_fovs: [{fov}]` leaves the field of view out")
        channels = [self.check_channel(channel) for channel in channels]
        z = self.check_z(z, info, channels)
        if not info.frames:
            raise FoveaError(
                f"{self.source}: field of view {fov} has no complete frame (of "
                f"{info.planned_frames} planned); leave it out with `exclude_fovs: [{fov}]`"
            )
        indices = range(info.frames) if only is None else only
        return self._frames(info, indices, channels, z)

    def _frames(
        self, info: FieldInfo, indices: Sequence[int], channels: list[int], z: int | str
    ) -> Iterator[list[np.ndarray | None]]:
        numbers = info.frame_numbers
        # Channels of the same planes are read together, as a file may hold them interleaved.
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, channel in enumerate(channels):
            own = tuple(info.planes_of(channel))
            groups.setdefault(own if isinstance(z, str) or len(own) == 1 else (z,), []).append(
                place
            )
        for index in indices:
            planes: list[np.ndarray | None] = [None] * len(channels)
            for own, places in groups.items():
                there = [place for place in places if info.has_frame(channels[place], index)]
                if there:
                    wanted = [channels[place] for place in there]
                    with reading(self.source):
                        found = self._project(info.index, numbers[index], own, wanted, z)
                    for place, plane in zip(there, found, strict=True):
                        planes[place] = plane
            yield planes

    def _project(
        self, fov: int, number: int, planes: Sequence[int], channels: list[int], kind: int | str
    ) -> list[np.ndarray]:
        import numpy as np

        first, *others = planes
        n, totals = len(planes), self.read_planes(fov, number, first, channels)
        if n == 1:
            return totals
        combine, dtype = np.maximum, totals[0].dtype
        if kind == "mean":
            combine, totals = np.add, [plane.astype(np.uint32) for plane in totals]
        for z in others:
            for total, plane in zip(
                totals, self.read_planes(fov, number, z, channels), strict=True
            ):
                combine(total, plane, out=total)
        if kind == "max":
            return totals
        # floor(sum / n + 1/2) without leaving the integers
        return [((2 * total + n) // (2 * n)).astype(dtype) for total in totals]

    def check_field(self, fov: int) -> FieldInfo:
        """Return the description of field `fov`, or raise FoveaError if there is none."""
        fields = self.info.fields
        if not 0 <= fov < len(fields):
            raise FoveaError(
                f"{self.source}: there is no field of view {fov}; the input has {len(fields)} "
                f"(0 to {len(fields) - 1}); correct `fovs` in the config"
            )
        return fields[fov]

    def check_channel(self, channel: int) -> int:
        """Return `channel`, or raise FoveaError if there is none of that index."""
        channel = operator.index(channel)
        check_channel(self.source, self.info.channels, channel)
        return channel

    def check_z(self, z: int | str, info: FieldInfo, channels: Sequence[int] = ()) -> int | str:
        """Return `z` if it is a plane of the field, "max" or "mean"; else raise FoveaError.

        Each of `channels` must have the plane `z`, or have been recorded in a single plane.
        """
        if isinstance(z, str):
            if z not in ("max", "mean"):
                raise FoveaError(f"{self.source}: z is {z!r}; it is a plane's index, max or mean")
            return z
        z = operator.index(z)
        if not 0 <= z < info.planes:
            raise FoveaError(
                f"{self.source}: field of view {info.index} has no z plane {z}; it has "
                f"{info.planes} (0 to {info.planes - 1}); correct `z` in the config"
            )
        for channel in channels:
            own = info.planes_of(channel)
            if len(own) > 1 and z not in own:
                raise FoveaError(
                    f"{self.source}: field of view {info.index} has no z plane {z} of channel "
                    f"{channel}, which was recorded in the planes {ranges(own)}; correct `z` in "
                    "the config"
                )
        return z

    @abstractmethod
    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        """Read one z plane of one frame, given by its planned number, for several channels.

        Only called for planes that exist. Returns new (H, W) arrays, native byte order,
        C-contiguous, writable.
        """

"""Recordings whose fields of view are stacks of planes: TIFF, files by pattern, OME-Zarr."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import channel_names, nothing_complete, places_of, spread
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.stamps import Times, regular_times, times_when_asked


@dataclass
class Stack:
    """One field of view, as its file describes it."""

    source: str  # name of its file for messages
    name: str  # its own name, or an empty string
    height: int  # of a plane in pixels
    width: int
    dtype: str
    sizes: tuple[int, int, int]  # announced numbers of frames, channels and z planes
    channels: list[str | None] = field(default_factory=list)  # names
    pixel_size_um: dict[str, float] | None = None  # {"y", "x"}
    position_um: dict[str, float] | None = None  # on the stage
    interval_s: float | None = None  # planned time between frames
    stamps: np.ndarray | None = None  # (C, T) float64, acquisition times in seconds
    significant_bits: int | None = None  # of a pixel
    own: list[int | None] = field(default_factory=list)  # see `share_channels`


def share_channels(stacks: Sequence[Stack], what: str) -> None:
    """Give all fields of view the channels of the one that has most.

    Names tell which ones a field lacks. `own` becomes the index in the field's file of each channel
    of the recording, None where the field lacks it. It is a FoveaError if that cannot be told, or
    if pixel types differ; `what` is the word for a field in the message.
    """
    most = max(stacks, key=lambda stack: stack.sizes[1])
    for index, stack in enumerate(stacks):
        frames, count, planes = stack.sizes
        own = places_of(stack.channels, count, most.channels, most.sizes[1])
        if own is None or stack.dtype != stacks[0].dtype:
            raise FoveaError(
                f"{stack.source}: {what} {stack.name or index} differs from the others in channels "
                f"or pixel type ({count} channels, {stack.dtype}); export those that are alike to "
                "files of their own, and name these as a list"
            )
        stack.own = own
        if count < most.sizes[1]:
            stack.sizes = frames, most.sizes[1], planes
            stack.channels = list(most.channels)
            stack.stamps = None if stack.stamps is None else spread(stack.stamps, own)


class StackRecording(Recording):
    """Base of recordings that have one `Stack` for each field of view, in `_stacks`."""

    _stacks: Sequence[Any]

    def describe_stacks(self, kind: str, files: list[str], remarks: list[str]) -> RecordingInfo:
        """Return the description of the recording; frames and times are read on their first use.

        It is a FoveaError if no field has a complete frame.
        """
        fields = []
        for index, stack in enumerate(self._stacks):
            name = stack.name or f"Position {index}"
            info = FieldInfo(
                index, name, stack.height, stack.width, stack.sizes[2], stack.position_um
            )
            info.source = self.source
            info.load_frames = partial(self._find_frames, info)  # type: ignore[misc]
            fields.append(info)
        if not any(info.frames for info in fields):
            raise self.nothing_there()
        first = self._stacks[0]
        result = RecordingInfo(
            kind, files, first.dtype, channel_names(first.channels, first.sizes[1]),
            first.pixel_size_um, fields, remarks, significant_bits=first.significant_bits,
        )  # fmt: skip
        times_when_asked(result, lambda: self.find_times(result))
        return result

    def nothing_there(self) -> FoveaError:
        """Return the error where no field of view has a frame."""
        return nothing_complete(self.source)

    def _find_frames(self, info: FieldInfo) -> None:
        info.set_existing(*self.planes(info.index))

    def find_times(self, info: RecordingInfo) -> Times:
        """Return stamps and nominal times of all fields, and the clock's zero."""
        pairs = list(zip(self._stacks, info.fields, strict=True))
        nominal = [regular_times(own.planned_frames, stack.interval_s) for stack, own in pairs]
        return [self.stamps(own) for own in info.fields], nominal, 0.0

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which planes of a field of view are whole, and which its file announces.

        Both are (T, C, Z) bool. A plane that is announced and not whole was cut off or damaged;
        one that is not announced was not recorded. By default all planes are announced.
        """
        exists = self.existing_planes(fov)
        return exists, np.ones_like(exists)

    @abstractmethod
    def existing_planes(self, fov: int) -> np.ndarray:
        """Return which planes of a field of view are whole, (T, C, Z) bool."""

    def stamps(self, info: FieldInfo) -> np.ndarray | None:
        """Return the (C, T) acquisition times of a field's frames in seconds, or None."""
        stamps = self._stacks[info.index].stamps
        return None if stamps is None else stamps[:, info.frame_numbers]

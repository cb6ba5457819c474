"""TIFF of every kind: OME-TIFF in one or many files, ImageJ hyperstacks, plain stacks."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import channel_names, nothing_complete
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.stamps import regular_times, times_when_asked
from fovea.recordings.readers.tiff.ome import is_ome, is_part_of_set, ome_stacks
from fovea.recordings.readers.tiff.pages import TiffSources, collect_log, join
from fovea.recordings.readers.tiff.plain import plain_stacks
from fovea.recordings.readers.tiff.stack import Stack

if TYPE_CHECKING:
    import numpy as np


def belong_together(files: list[str], base: str | os.PathLike[str]) -> bool:
    """Return whether files are parts of one OME-TIFF set, by what the first of them says."""
    sources = TiffSources()
    try:
        return is_part_of_set(sources, files[0], base)
    finally:
        sources.close()


class TiffRecording(Recording):
    """One TIFF file, or the files of one OME-TIFF set.

    Parameters
    ----------
    files : str or list of str
        Relative to `base`.
    base : path
        Directory that relative paths start from.
    axes : str, optional
        What the pages of a plain stack are, slowest first, e.g. ``"TCYX"``.
    sizes : dict, optional
        Sizes of axes that the number of pages does not tell, e.g. ``{"C": 2}``.
    """

    def __init__(
        self,
        files: str | list[str],
        base: str | os.PathLike[str] = ".",
        *,
        axes: str | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        files = [files] if isinstance(files, str) else files
        self.source = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        self._sources = TiffSources()
        with self.closed_on_error():
            remarks: list[str] = []
            with collect_log([]):
                self._stacks = self._find_stacks(files, base, axes, sizes, remarks)
            self.info = self._describe(files, remarks)

    def close(self) -> None:
        self._sources.close()

    def _find_stacks(
        self,
        files: list[str],
        base: str | os.PathLike[str],
        axes: str | None,
        sizes: dict[str, int] | None,
        remarks: list[str],
    ) -> list[Stack]:
        file = files[0]
        if axes is None and (
            file.lower().endswith(".ome")
            or is_ome(self._sources.get(join(base, file), file).description())
        ):
            return ome_stacks(self._sources, files, base, remarks)
        return plain_stacks(self._sources, file, base, axes, sizes, remarks)

    def _describe(self, files: list[str], remarks: list[str]) -> RecordingInfo:
        if not self._stacks:
            raise nothing_complete(self.source)
        first = self._stacks[0]
        fields = []
        for index, stack in enumerate(self._stacks):
            _check_alike(first, stack)
            name = stack.name or f"Position {index}"
            info = FieldInfo(index, name, stack.height, stack.width, planes=stack.sizes[2])
            info.source = self.source
            info.stage_position_um = stack.position_um
            info.load_frames = partial(self._find_frames, info, stack)  # type: ignore[misc]
            fields.append(info)
        if not any(info.frames for info in fields):
            raise nothing_complete(self.source)
        result = RecordingInfo(
            format="OME-TIFF" if first.is_ome else "TIFF",
            files=list(files),
            dtype=first.dtype,
            channels=channel_names(first.channels, first.sizes[1]),
            pixel_size_um=first.pixel_size_um,
            fields=fields,
            remarks=remarks,
        )
        times_when_asked(result, lambda: self._times(result))
        return result

    def _find_frames(self, info: FieldInfo, stack: Stack) -> None:
        info.set_existing(stack.existing(self._sources).all(axis=(1, 2)).tolist())
        self._sources.release()

    def _times(
        self, info: RecordingInfo
    ) -> tuple[list[np.ndarray | None], list[np.ndarray | None], float]:
        pairs = list(zip(info.fields, self._stacks, strict=True))
        stamps = [
            None if stack.stamps is None else stack.stamps[:, field.frame_numbers]
            for field, stack in pairs
        ]
        nominal = [regular_times(field.planned_frames, stack.interval_s) for field, stack in pairs]
        return stamps, nominal, 0.0

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        stack = self._stacks[fov]
        return [stack.read(self._sources, frame, channel, z) for channel in channels]


def _check_alike(first: Stack, other: Stack) -> None:
    """Raise FoveaError unless all positions have the same channels and pixel type."""
    pairs: list[tuple[str, Any, Any]] = [
        ("numbers of channels", first.sizes[1], other.sizes[1]),
        ("pixel types", first.dtype, other.dtype),
    ]
    for what, a, b in pairs:
        if a != b:
            raise FoveaError(
                f"{other.source}: its positions have different {what} ({a} and {b}); "
                "save those that are alike as files of their own"
            )

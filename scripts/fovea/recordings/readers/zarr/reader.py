"""OME-Zarr 0.4 and 0.5, and older: one image, several, or a plate."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import numpy as np

from fovea.errors import FoveaError, counted
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import brief, check_pixels, spread
from fovea.recordings.readers.info import RecordingInfo
from fovea.recordings.readers.skipped import SkippedPlanes
from fovea.recordings.readers.stack import StackRecording, share_channels
from fovea.recordings.readers.stamps import Times
from fovea.recordings.readers.zarr.chunks import filled_planes, plane_stored, stored_planes
from fovea.recordings.readers.zarr.ngff import find_images

MAX_OPEN = 8
BLOCKS = 8  # decoded blocks that are kept: one for each channel of a frame


class ZarrRecording(StackRecording):
    """An OME-Zarr directory; each image is a field of view.

    A plane without any stored chunk was not recorded. Where only some chunks of a plane are
    missing, their pixels are 0, as Zarr defines it.
    """

    def __init__(self, file: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = file
        remarks: list[str] = []
        self._stacks = find_images(join(base, file), file, remarks)
        self._arrays: OrderedDict[int, Any] = OrderedDict()
        self._stored: dict[int, np.ndarray] = {}
        self._blocks: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()
        self._check_alike()
        names = {image.name or f"Position {n}" for n, image in enumerate(self._stacks)}
        if len(names) < len(self._stacks):  # the same name for several images
            for image in self._stacks:
                image.name = ""
        self._skips = SkippedPlanes(self._filled, self.existing_planes, len(self._stacks))
        self.info = self.describe_stacks("OME-Zarr", [file], remarks)

    def close(self) -> None:
        self._arrays.clear()
        self._blocks.clear()

    def _check_alike(self) -> None:
        """Raise FoveaError unless all images have the same, known pixel type and alike channels."""
        for image in self._stacks:
            try:
                stored = np.dtype(image.dtype)
            except TypeError as error:
                raise FoveaError(
                    f"{self.source}: its pixel type {image.dtype!r} is unknown; export it as 16 bit"
                ) from error
            image.dtype = check_pixels(self.source, stored, image.height, image.width)
        share_channels(self._stacks, "image")

    def nothing_there(self) -> FoveaError:
        return FoveaError(
            f"{self.source}: none of the chunks of its {counted(len(self._stacks), 'image')} "
            "is there, only their descriptions; copy the rest of the store, too"
        )

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        exists = self.existing_planes(fov) & ~self._skips.skipped(fov)
        return exists, exists  # a store does not tell what was planned from what was recorded

    def find_times(self, info: RecordingInfo) -> Times:
        info.remarks += self._skips.remarks(info)
        return super().find_times(info)

    def _filled(self, fov: int) -> np.ndarray:
        """Return the share of pixels above 0 in each plane, (T, C, Z) float64."""
        image = self._stacks[fov]

        def read(where: tuple[slice, ...]) -> np.ndarray:
            try:
                return np.asarray(self._array(fov)[where])
            except Exception:  # copying says that a chunk is damaged
                return np.ones((1,) * (len(image.shape) - 2) + image.shape[-2:], bool)

        filled = spread(filled_planes(image, read), image.own, axis=1)
        return np.where(np.isnan(filled), 1.0, filled)

    def existing_planes(self, fov: int) -> np.ndarray:
        if fov not in self._stored:  # a look at every file of the image
            self._stored[fov] = spread(
                stored_planes(self._stacks[fov]), self._stacks[fov].own, axis=1
            )
        return self._stored[fov]

    def _array(self, fov: int) -> Any:
        if fov not in self._arrays:
            import zarr

            while len(self._arrays) >= MAX_OPEN:
                self._arrays.popitem(last=False)
            try:
                self._arrays[fov] = zarr.open_array(self._stacks[fov].path, mode="r")
            except Exception as error:
                raise self._unreadable(fov, error) from error
        self._arrays.move_to_end(fov)
        return self._arrays[fov]

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        planes = []
        for channel in channels:
            index = {"t": frame, "c": self._stacks[fov].own[channel], "z": z}
            block, inside = self._block(fov, index)
            plane = block[inside]
            # zarr reads chunks that were deleted as zeros
            if not plane[0, 0] and not plane.any():
                self._check_stored(fov, index)
            planes.append(np.array(plane, dtype=plane.dtype.newbyteorder("="), order="C"))
        return planes

    def _block(self, fov: int, index: dict[str, int]) -> tuple[np.ndarray, tuple[int, ...]]:
        """Read the row of chunks that holds a plane, so that each chunk is decoded once."""
        axes = self._stacks[fov].axes[:-2]
        array = self._array(fov)
        depth = array.chunks[: len(axes)]
        number = tuple(index[axis] // n for axis, n in zip(axes, depth, strict=True))
        inside = tuple(index[axis] % n for axis, n in zip(axes, depth, strict=True))
        key = (fov, *number)
        block = self._blocks.get(key)
        if block is None:
            while len(self._blocks) >= BLOCKS or any(k[0] != fov for k in self._blocks):
                self._blocks.popitem(last=False)
            where = tuple(slice(i * n, (i + 1) * n) for i, n in zip(number, depth, strict=True))
            try:
                block = array[where]
            except Exception as error:
                raise self._unreadable(fov, error) from error
            if any(n > 1 for n in depth):
                self._blocks[key] = block
        else:
            self._blocks.move_to_end(key)
        return block, inside

    def _check_stored(self, fov: int, index: dict[str, int]) -> None:
        image = self._stacks[fov]
        if not plane_stored(image, index):
            raise FoveaError(
                f"{self.source}: frame {index['t']}, channel {index['c']} of image "
                f"{image.name or fov} is not in it any more; copy the store again and rerun inspect"
            )

    def _unreadable(self, fov: int, error: Exception) -> FoveaError:
        return FoveaError(
            f"{self.source}: image {self._stacks[fov].name or fov} cannot be read "
            f"({brief(error)}); copy the store again"
        )

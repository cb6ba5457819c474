"""OME-Zarr 0.4 and 0.5, and older: one image, several, or a plate."""

from __future__ import annotations

import os
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import brief, channel_names, check_pixels, nothing_complete
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.stamps import regular_times, times_when_asked
from fovea.recordings.readers.tiff.pages import join
from fovea.recordings.readers.zarr.chunks import plane_stored, stored_planes
from fovea.recordings.readers.zarr.ngff import Image, find_images

if TYPE_CHECKING:
    import numpy as np

MAX_OPEN = 8
BLOCKS = 8  # decoded blocks that are kept: one for each channel of a frame


class ZarrRecording(Recording):
    """An OME-Zarr directory; each image is a field of view.

    A plane of which no chunk is stored was not recorded. (Chunks that are missing from a plane
    that has others are 0, as Zarr has it.)

    Parameters
    ----------
    file : str
        The directory, relative to `base`.
    base : path
        Directory that relative paths start from.
    """

    def __init__(self, file: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = file
        self._images = find_images(join(base, file), file)
        self._arrays: OrderedDict[int, Any] = OrderedDict()
        self._blocks: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()
        self.info = self._describe()

    def close(self) -> None:
        self._arrays.clear()
        self._blocks.clear()

    def _describe(self) -> RecordingInfo:
        import numpy as np

        first = self._images[0]
        fields = []
        dtype = ""
        for index, image in enumerate(self._images):
            try:
                stored = np.dtype(image.dtype)
            except TypeError as error:
                raise FoveaError(
                    f"{self.source}: its pixel type {image.dtype!r} is unknown; export it as 16 bit"
                ) from error
            own = check_pixels(self.source, stored, *image.shape[-2:])
            dtype = dtype or own
            if (own, image.size("c")) != (dtype, first.size("c")):
                raise FoveaError(
                    f"{self.source}: image {image.name or index} differs from the first in "
                    "channels or pixel type; name the images that are alike as a list"
                )
            name = image.name or f"Position {index}"
            info = FieldInfo(index, name, *image.shape[-2:], planes=image.size("z"))
            info.source = self.source
            info.stage_position_um = image.position_um
            info.load_frames = partial(self._find_frames, info, image)  # type: ignore[misc]
            fields.append(info)
        if len({info.name for info in fields}) < len(fields):
            for info in fields:
                info.name = f"Position {info.index}"
        if not any(info.frames for info in fields):
            raise nothing_complete(self.source)
        result = RecordingInfo(
            "OME-Zarr", [self.source], dtype, channel_names(first.labels, first.size("c")),
            first.pixel_size_um, fields,
        )  # fmt: skip
        times_when_asked(result, lambda: self._times(result))
        return result

    def _find_frames(self, info: FieldInfo, image: Image) -> None:
        there = stored_planes(image, self.source)
        info.set_existing(there.all(axis=(1, 2)).tolist())

    def _times(
        self, info: RecordingInfo
    ) -> tuple[list[np.ndarray | None], list[np.ndarray | None], float]:
        stamps, nominal = [], []
        for field, image in zip(info.fields, self._images, strict=True):
            ome = image.ome
            fits = ome is not None and ome.stamps is not None
            fits = fits and ome.stamps.shape == (image.size("c"), field.planned_frames)
            stamps.append(ome.stamps[:, field.frame_numbers] if fits else None)
            nominal.append(regular_times(field.planned_frames, image.interval_s))
        return stamps, nominal, 0.0

    def _array(self, fov: int) -> Any:
        if fov not in self._arrays:
            import zarr

            while len(self._arrays) >= MAX_OPEN:
                self._arrays.popitem(last=False)
            try:
                self._arrays[fov] = zarr.open_array(self._images[fov].path, mode="r")
            except Exception as error:
                raise self._unreadable(fov, error) from error
        self._arrays.move_to_end(fov)
        return self._arrays[fov]

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        import numpy as np

        planes = []
        for channel in channels:
            index = {"t": frame, "c": channel, "z": z}
            block, inside = self._block(fov, index)
            plane = block[inside]
            # chunks that are gone are zeros to zarr
            if not plane[0, 0] and not plane.any():
                self._check_stored(fov, index)
            planes.append(np.array(plane, dtype=plane.dtype.newbyteorder("="), order="C"))
        return planes

    def _block(self, fov: int, index: dict[str, int]) -> tuple[np.ndarray, tuple[int, ...]]:
        """Read the row of chunks that holds a plane, so that each chunk is decoded once."""
        axes = self._images[fov].axes[:-2]
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
        image = self._images[fov]
        if not plane_stored(image, self.source, index):
            raise FoveaError(
                f"{self.source}: frame {index['t']}, channel {index['c']} of image "
                f"{image.name or fov} is not in it any more; copy the store again and rerun inspect"
            )

    def _unreadable(self, fov: int, error: Exception) -> FoveaError:
        return FoveaError(
            f"{self.source}: image {self._images[fov].name or fov} cannot be read "
            f"({brief(error)}); copy the store again"
        )

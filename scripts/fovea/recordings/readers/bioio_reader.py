"""All other formats, through bioio and whichever of its plugins is installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import brief, check_pixels, rgb_error
from fovea.recordings.readers.stack import Stack, StackRecording


class BioioRecording(StackRecording):
    """One file; its scenes are fields of view."""

    def __init__(self, file: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = file
        suffix = os.path.splitext(file)[1].lower()
        try:
            from bioio import BioImage
            from bioio_base.exceptions import UnsupportedFileFormatError
        except ImportError as error:
            raise FoveaError(
                f"{file}: files of type {suffix or 'unknown'} are read through bioio, which is not "
                f"installed; install bioio and bioio-{suffix[1:] or 'bioformats'}"
            ) from error
        try:
            self._image = BioImage(join(base, file))
            self._scenes = list(self._image.scenes)
        except UnsupportedFileFormatError as error:
            raise FoveaError(
                f"{file}: no installed plugin of bioio reads it; install the one for {suffix} "
                f"files (e.g. bioio-{suffix[1:]}), or export it as OME-TIFF"
            ) from error
        except Exception as error:
            raise FoveaError(
                f"{file}: cannot be read ({brief(error)}); export it as OME-TIFF"
            ) from error
        self._scene = -1
        self._stacks = self._read_stacks()
        self.info = self.describe_stacks("bioio", [file], [])

    def close(self) -> None:
        """Nothing to do: bioio opens the file for each read."""

    def _read_stacks(self) -> list[Stack]:
        stacks: list[Stack] = []
        for index, scene in enumerate(self._scenes):
            self._select(index)
            image = self._image
            dims = image.dims
            if "S" in dims.order:
                raise rgb_error(self.source)
            dtype = check_pixels(self.source, image.dtype, dims.Y, dims.X)
            stack = Stack(
                self.source, str(scene), dims.Y, dims.X, dtype, (dims.T, dims.C, dims.Z),
                list(image.channel_names or []), _pixel_size(image), None, _interval(image),
            )  # fmt: skip
            stacks.append(stack)
            if (dtype, dims.C) != (stacks[0].dtype, stacks[0].sizes[1]):
                raise FoveaError(
                    f"{self.source}: scene {scene} differs from the first in channels or pixel "
                    "type; export its positions as separate files"
                )
        return stacks

    def existing_planes(self, fov: int) -> np.ndarray:
        return np.ones(self._stacks[fov].sizes, bool)

    def _select(self, scene: int) -> None:
        if scene != self._scene:
            self._image.set_scene(self._scenes[scene])
            self._scene = scene

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        self._select(fov)
        planes = []
        for channel in channels:
            try:
                plane = self._image.get_image_dask_data("YX", T=frame, C=channel, Z=z).compute()
            except Exception as error:
                raise FoveaError(
                    f"{self.source}: frame {frame}, channel {channel} cannot be read "
                    f"({brief(error)}); copy the file again"
                ) from error
            planes.append(np.array(plane, dtype=plane.dtype.newbyteorder("="), order="C"))
        return planes


def _pixel_size(image: Any) -> dict[str, float] | None:
    size = image.physical_pixel_sizes
    return {"y": float(size.Y), "x": float(size.X)} if size.Y and size.X else None


def _interval(image: Any) -> float | None:
    try:
        value = image.time_interval
    except Exception:
        return None
    return float(value.total_seconds()) if hasattr(value, "total_seconds") else None

"""All other formats, through bioio and whichever of its plugins is installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import brief, check_pixels, rgb_error
from fovea.recordings.readers.stack import Stack, StackRecording, share_channels

#: The plug-in of bioio for each kind of file; Bio-Formats reads most others, and needs Java.
PLUGINS = {
    **dict.fromkeys((".lif",), "bioio-lif"),
    **dict.fromkeys((".dv", ".r3d"), "bioio-dv"),
    **dict.fromkeys((".sldy",), "bioio-sldy"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".avi", ".mp4", ".mov"),
                    "bioio-imageio"),
    **dict.fromkeys((".oib", ".oif", ".oir", ".vsi", ".ims", ".flex", ".zvi", ".lei", ".mvd2",
                     ".dm3", ".dm4", ".ids", ".ics", ".pic", ".sld", ".mrc", ".xdce", ".ndpi",
                     ".svs", ".scn", ".ipl", ".al3d", ".obf", ".msr"), "bioio-bioformats"),
}  # fmt: skip


class BioioRecording(StackRecording):
    """One file; its scenes are fields of view."""

    def __init__(self, file: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = file
        suffix = os.path.splitext(file)[1].lower()
        plugin = PLUGINS.get(suffix)
        try:
            from bioio import BioImage
            from bioio.plugins import get_plugins
            from bioio_base.exceptions import UnsupportedFileFormatError
        except ImportError as error:
            raise FoveaError(
                f"{file}: files of type {suffix} are read through bioio, which is not "
                f"installed; install bioio and {plugin or 'bioio-bioformats'}"
            ) from error
        installed = suffix in get_plugins(use_cache=True)
        if not installed and plugin is None:
            raise FoveaError(
                f"{file}: files of type {suffix} are no recordings that Fovea knows; name the "
                "recording itself, or export it as OME-TIFF"
            )
        try:
            self._image = BioImage(join(base, file))
            self._scenes = list(self._image.scenes)
        except UnsupportedFileFormatError as error:
            if installed:
                raise FoveaError(
                    f"{file}: is damaged, or no {suffix} file: the plug-in for these is installed "
                    "and cannot read it; copy it again, or export it as OME-TIFF"
                ) from error
            raise FoveaError(
                f"{file}: no plug-in of bioio for {suffix} files is installed; install "
                f"{plugin}, or export it as OME-TIFF"
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
        share_channels(stacks, "scene")
        return stacks

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        exists = self.existing_planes(fov)
        return exists, exists  # bioio does not tell what was planned from what was recorded

    def existing_planes(self, fov: int) -> np.ndarray:
        frames, _, planes = self._stacks[fov].sizes
        there = np.array([own is not None for own in self._stacks[fov].own])
        return np.broadcast_to(there[None, :, None], (frames, len(there), planes))

    def _select(self, scene: int) -> None:
        if scene != self._scene:
            self._image.set_scene(self._scenes[scene])
            self._scene = scene

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        self._select(fov)
        planes = []
        for channel in channels:
            own = self._stacks[fov].own[channel]
            try:
                plane = self._image.get_image_dask_data("YX", T=frame, C=own, Z=z).compute()
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

"""Gains of fluorescence channels: read and write their files, and divide counts by them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fovea.config.names import channel_of, group_name
from fovea.errors import FoveaError
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import as_written, read_whole


def channels_of(files: Iterable[str]) -> dict[str, Path]:
    """Fluorescence channel, such as ``fl_ch_1``, to its gain, from ``flat_field_ch_1.tif``."""
    return {group_name("fl", channel_of(Path(file).stem)): Path(file) for file in files}


def write_gain(path: str | Path, gain: np.ndarray) -> None:
    """Write a gain, (H, W) float32; the file appears only when it is complete."""
    import tifffile

    with whole_file(path, checked=True) as temporary:
        tifffile.imwrite(temporary, gain, photometric="minisblack", metadata=None)


def read_gain(path: str | Path, shape: tuple[int, int]) -> np.ndarray:
    """Read a gain, (H, W) float32; FoveaError if it is not of `shape`."""
    import tifffile

    with as_written(path):
        gain = tifffile.imread(io.BytesIO(read_whole(path)))
    if gain.shape != tuple(shape):
        raise FoveaError(
            f"the flat field {path} is of {gain.shape[0]} x {gain.shape[1]} pixels, the frames of "
            f"{shape[0]} x {shape[1]}; give an image of their size, or leave this field of view out"
        )
    return gain


def flattened(frame: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Counts divided by the gain, (H, W) float32."""
    return frame.astype(np.float32) / gain


def whole_counts(values: np.ndarray) -> np.ndarray:
    """Counts rounded to integers, (H, W) uint16; tile medians are counted in these."""
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def gain_in(gain: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The gain in windows (n, 4) of one size, [y0, x0, y1, x1]; 1 beyond the borders."""
    height, width = gain.shape
    sides = windows[0, 2:] - windows[0, :2]
    out = np.ones((len(windows), *sides.tolist()))
    for part, (y0, x0, y1, x1) in zip(out, windows.tolist(), strict=True):
        top, left, bottom, right = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
        if top < bottom and left < right:
            part[top - y0 : bottom - y0, left - x0 : right - x0] = gain[top:bottom, left:right]
    return out

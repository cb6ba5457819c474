"""Annotated frames: images and labels read from TIFF, PNG and NPY files, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError, counted

#: Endings of the files that can be read, longest first.
ENDINGS = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png", ".npy")
#: Axes of an image file that are no position or time, as tifffile calls them.
_CHANNELS = "CS"


@dataclass(frozen=True)
class Position:
    """Frames of one field of view, and the labels of their cells."""

    name: str
    frames: np.ndarray  # (T, H, W) uint8 or uint16
    labels: np.ndarray  # (T, H, W) uint32, 0 background


def stem(path: Path) -> str:
    """Return a file's name without its ending, that of OME-TIFF included."""
    name = path.name
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def read_position(frames: Path, labels: Path, channel: int | None = None) -> Position:
    """Read the frames of a file and the labels that belong to them.

    Parameters
    ----------
    frames : path
        Whole numbers of 8 or 16 bits with the axes Y, X, or T, Y, X; and channels, which are an
        axis that the file calls so, or any that labels lack where `channel` is given.
    labels : path
        Whole numbers, one for each cell and frame, with the same axes without channels.
    channel : int, optional
        Index of the channel; without it the first.

    Raises
    ------
    FoveaError
        If a file cannot be read or has other values, sizes differ, or no cell is labelled.
    """
    known = _labels(labels)
    found = _one_channel(*_pixels(frames), known.shape, frames, labels, channel)
    if found.dtype not in (np.uint8, np.uint16):
        raise FoveaError(
            f"{frames} holds {found.dtype}; frames are whole numbers of 8 or 16 bits, as cameras "
            "give them"
        )
    if known.ndim == 2:
        known, found = known[None], found[None]
    return Position(stem(frames), found, known)


def _pixels(path: Path) -> tuple[np.ndarray, str]:
    """Read all pixels of a file, and what it calls its axes: "?" where it does not say."""
    import tifffile

    try:
        if path.suffix.lower() == ".npy":
            pixels = np.load(path, allow_pickle=False)
            return pixels, "?" * pixels.ndim
        if path.suffix.lower() == ".png":
            import imagecodecs

            pixels = imagecodecs.png_decode(path.read_bytes())
            return pixels, "YXS"[: pixels.ndim]
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            return series.asarray(), series.axes
    # OSError and the errors of three decoders, which have no common base
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FoveaError(f"{path} cannot be read: {reason}") from error


def _squeezed(pixels: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
    """Leave out axes of length one in front of the last two of positions and times."""
    kept = [i for i, n in enumerate(pixels.shape) if n > 1 or axes[i] in "YX" or pixels.ndim < 3]
    if len(kept) < 2:  # one row or column of pixels
        kept = [pixels.ndim - 2, pixels.ndim - 1]
    return pixels.reshape([pixels.shape[i] for i in kept]), "".join(axes[i] for i in kept)


def _labels(path: Path) -> np.ndarray:
    """Read labels, (H, W) or (T, H, W) uint32."""
    pixels, axes = _squeezed(*_pixels(path))
    if pixels.dtype.kind not in "uib" or pixels.ndim not in (2, 3) or axes.endswith("S"):
        raise FoveaError(
            f"{path} holds {pixels.dtype} {pixels.shape}; labels are whole numbers with the axes "
            "T, Y, X or Y, X"
        )
    if pixels.min(initial=0) < 0:
        raise FoveaError(f"{path} has labels below 0; 0 is the background, and cells count from 1")
    if not pixels.any():
        raise FoveaError(f"{path} has no labels: all its pixels are 0; name another file")
    labels = pixels.astype(np.uint32)
    if labels.min() == labels.max() or (len(np.unique(labels)) == 2 and _in_pieces(labels)):
        raise FoveaError(
            f"{path} is a mask, in which all cells have one value; give each cell a number of its "
            "own, for example with Process > Find Connected Regions of Fiji"
        )
    return labels


def _in_pieces(labels: np.ndarray) -> bool:
    """Return whether what is labelled has two or more pieces in a frame."""
    from scipy.ndimage import label

    frames = labels if labels.ndim == 3 else labels[None]
    return any(label(frame > 0, np.ones((3, 3)))[1] > 1 for frame in frames)


def _one_channel(
    pixels: np.ndarray, axes: str, wanted: Sequence[int], frames: Path, labels: Path,
    channel: int | None,
) -> np.ndarray:  # fmt: skip
    """Take the channel out of frames whose labels have the shape `wanted`."""
    pixels, axes = _squeezed(pixels, axes)
    if pixels.shape == tuple(wanted):
        return pixels
    for axis, length in enumerate(pixels.shape):
        known = axes[axis] in _CHANNELS
        if pixels.shape[:axis] + pixels.shape[axis + 1 :] != tuple(wanted):
            continue
        if not known and channel is None:
            continue
        if (channel or 0) >= length:
            raise FoveaError(
                f"{frames} has {counted(length, 'channel')}, so there is no channel {channel}; "
                "they count from 0"
            )
        if channel is None and axes[axis] == "S" and _coloured(pixels):
            raise FoveaError(
                f"{frames} is a picture in colours; say which channel shows the cells with "
                "`channel`"
            )
        return np.ascontiguousarray(np.take(pixels, channel or 0, axis))
    raise FoveaError(
        f"{frames} has the shape {pixels.shape} ({axes}), and its labels {labels} {tuple(wanted)}; "
        "give labels of the same frames, and the index of the channel where there are several"
    )


def _coloured(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :3] != pixels[..., :1]).any())

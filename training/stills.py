"""Annotated frames, read and resampled to the size at which the network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.kernels import resample
from fovea.segmentation.phase.network import scaled
from fovea.segmentation.phase.segment_phase import flatten
from targets import depth_map, without_specks

#: Pixels per cell diameter at which frames are varied, twice those of the network's input.
DIAMETER = 36
_FRAME, _LABELS = ".ome.tiff", "_ids.ome.tiff"
_SPECK = 0.026  # squared cell diameters; smaller parts of labels are ignored


@dataclass(frozen=True)
class Still:
    """A frame and its labels as read from files."""

    name: str
    frame: np.ndarray  # (H, W) uint8 or uint16
    labels: np.ndarray  # (H, W) uint32


@dataclass(frozen=True)
class Example:
    """A still at `DIAMETER` pixels per cell diameter, all (H, W) float32."""

    flat: np.ndarray  # without background, divided by its spread
    labels: np.ndarray  # float32, which is what OpenCV can resample
    depth: np.ndarray


def read_stills(folder: str | Path) -> list[Still]:
    """Read all pairs NAME.ome.tiff and NAME_ids.ome.tiff of a folder, in the order of names.

    Raises
    ------
    FoveaError
        If there is none, one lacks its partner, or they are not a frame and its labels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FoveaError(f"{folder} is no folder; name the one with the annotated frames")
    files = sorted(path.name for path in folder.glob(f"*{_FRAME}"))
    labels = {name.removesuffix(_LABELS) for name in files if name.endswith(_LABELS)}
    frames = {name.removesuffix(_FRAME) for name in files if not name.endswith(_LABELS)}
    for name in sorted(frames ^ labels):
        missing = name + (_LABELS if name in frames else _FRAME)
        raise FoveaError(f"{folder} lacks {missing}; each NAME{_FRAME} needs its NAME{_LABELS}")
    if not frames:
        raise FoveaError(f"{folder} holds no pair NAME{_FRAME} and NAME{_LABELS}")
    return [_read_still(folder, name) for name in sorted(frames)]


def _read_still(folder: Path, name: str) -> Still:
    paths = [folder / (name + end) for end in (_FRAME, _LABELS)]
    images = [read_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.ndim != 2:
            raise FoveaError(f"{path} is {image.shape}; it must hold one frame with the axes Y, X")
    return as_still(name, *images, *paths)


def as_still(
    name: str, frame: np.ndarray, labels: np.ndarray, frame_path: Path, labels_path: Path
) -> Still:
    """Check a frame and its labels, both (H, W), and return them together.

    Raises
    ------
    FoveaError
        If they are not a frame and its labels, or no cell is labelled.
    """
    if frame.dtype not in (np.uint8, np.uint16):
        raise FoveaError(f"{frame_path} holds {frame.dtype}; it must be uint16")
    if labels.dtype.kind not in "ui" or labels.min() < 0:
        raise FoveaError(
            f"{labels_path} holds {labels.dtype}; labels are whole numbers, 0 background"
        )
    if labels.shape != frame.shape:
        raise FoveaError(
            f"{labels_path} is {labels.shape}, its frame {frame.shape}; they must be alike"
        )
    if not labels.any():
        raise FoveaError(f"{labels_path} labels no cell; take the pair out of the folder")
    return Still(name, frame, labels.astype(np.uint32))


def read_image(path: Path) -> np.ndarray:
    """Read a TIFF without its axes of length 1; a FoveaError where that fails."""
    import tifffile

    try:
        image = np.squeeze(tifffile.imread(path))
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise FoveaError(f"{path} cannot be read: {error}") from error
    if image.ndim < 2 or not image.size:
        raise FoveaError(f"{path} is {image.shape}; it must hold frames with the axes Y, X")
    return image


def as_example(still: Still, cell_diameter: float) -> Example:
    """Prepare a still for training, see `Example`.

    Raises
    ------
    FoveaError
        If the frame has no contrast, or its cells are far smaller than the diameter.
    """
    flat = scaled(flatten(still.frame, cell_diameter))
    if flat is None:
        raise FoveaError(f"{still.name} has no contrast; take the pair out of the folder")
    shape = tuple(max(1, round(n * DIAMETER / cell_diameter)) for n in flat.shape)
    labels = without_specks(still.labels, _SPECK * cell_diameter**2)
    if not labels.any():
        raise FoveaError(
            f"{still.name} has specks only for a cell diameter of {cell_diameter:g}; correct it"
        )
    if shape != flat.shape:
        flat, labels = resample.resample(flat, shape), resample.nearest(labels, shape)
    return Example(flat, labels.astype(np.float32), depth_map(labels))

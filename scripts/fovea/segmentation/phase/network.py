"""Modes `network` and `general` of method `phase`: a small network predicts where cells are.

The input is the frame resampled to 18 pixels per cell diameter, whatever its magnification. The
outputs are, for each pixel, the probabilities of being inside a cell and of lying where two cells
touch, and the depth inside its cell. Cells are then segmented by flooding from the deepest pixels.
docs/network.md describes the training, also on frames of one's own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from fovea.config.phase_tuning import NETWORKS, Network
from fovea.errors import FoveaError
from fovea.kernels import basins, fields, regions, resample, winograd
from fovea.segmentation.phase.unet import predict

_FOLDER = Path(__file__).parent / "weights"
#: The files of the modes' own networks.
WEIGHTS = {mode: _FOLDER / f"{mode}.npz" for mode in NETWORKS}
PIXELS_PER_DIAMETER = 18
FEATURES, OUTPUTS = 3, 3
_TEXTURE = 0.019  # sigma of the local variance, in cell diameters
_SHARPEST = 0.6  # pixels, the smallest sigma
_BLOCKS = 3  # blocks per cell diameter, of whose means the surroundings are computed
_NEAR = 1.0  # sigma of the surroundings of a pixel, in cell diameters
_FAINT = 0.3  # of the frame's spread, which is added to that of the surroundings
_FAR = 8.0  # spreads to which brightness is limited
_LEVELS = 1024  # levels of the flood per unit of depth
_LOWEST, _HIGHEST = -1.0, 60.0  # depths are clipped to this range


def label_network(
    flat: np.ndarray, cell_diameter: float, p: Network, valid: np.ndarray | None = None, *,
    weights: str | Path, rises: Sequence[tuple[float, float]] = ((1.0, 1.0),),
) -> np.ndarray:  # fmt: skip
    """Label the cells that the network predicts.

    `weights` is the file of the network; the other parameters and the result are as in
    `fovea.segmentation.phase`. For each of `rises`, multiples of `least_rise` and of `least_depth`,
    there are labels in the result, (rises, H, W), or (H, W) if there is one.
    """
    arrays = read_weights(weights)
    seen = features(flat, p.scale * cell_diameter, valid)
    found = np.zeros((len(rises), *flat.shape), np.int32)
    if seen is None:
        return found if len(rises) > 1 else found[0]
    inside, contact, depth = predict(seen, arrays)
    inside = probability(inside)
    taps = fields.gaussian_taps(p.smoothing * PIXELS_PER_DIAMETER)
    depth = fields.smooth(depth - np.float32(p.contact_weight) * probability(contact), taps)
    levels = ((np.clip(depth, _LOWEST, _HIGHEST) - np.float32(_LOWEST)) * _LEVELS).astype(np.uint16)
    certain = inside > np.float32(p.level)
    mask = resample.resample(inside, flat.shape) > np.float32(p.level)
    if valid is not None:
        mask &= valid
    for labels, (rise, least) in zip(found, rises, strict=True):
        limits = rise * p.least_rise, least * p.least_depth - _LOWEST
        small = basins.basins(levels, certain, *(round(limit * _LEVELS) for limit in limits))
        np.multiply(resample.nearest(small, flat.shape), mask, out=labels)
        regions.grow(labels, mask, max(1, round(p.reach * cell_diameter)))
    return found if len(rises) > 1 else found[0]


def features(
    flat: np.ndarray, cell_diameter: float, valid: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the network's input for a frame without background, (H, W) float32.

    It is brightness, texture and relative brightness, (3, h, w) float32; None for a frame
    without contrast.
    """
    flat = scaled(flat, valid)
    return None if flat is None else as_seen(flat, cell_diameter)


def scaled(flat: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray | None:
    """Divide a frame without background by its standard deviation; None without contrast.

    Pixels that are not `valid`, (H, W) bool, do not count.
    """
    values = flat[::2, ::2]
    if valid is not None and valid[::2, ::2].any():
        values = values[valid[::2, ::2]]
    spread = values.astype(np.float64).std()
    return flat * np.float32(1 / spread) if spread > 0 else None


def as_seen(flat: np.ndarray, cell_diameter: float) -> np.ndarray:
    """Return the `features` of a frame, or of a part of one, that is `scaled`."""
    shape = tuple(max(1, round(n * PIXELS_PER_DIAMETER / cell_diameter)) for n in flat.shape)
    taps = fields.gaussian_taps(max(_TEXTURE * cell_diameter, _SHARPEST))
    variance = np.maximum(fields.local_variance(flat, taps), 0)
    bright, texture = (resample.resample(image, shape) for image in (flat, variance))
    near, spread = _near(bright)
    # Logarithms of different processors differ in the last bit of double precision, which the
    # rounding to single precision removes.
    bright = np.arcsinh(bright.astype(np.float64))
    texture = 0.5 * np.log(texture.astype(np.float64) / spread**2 + 1e-3) + 1
    return np.stack([bright, texture, near]).astype(np.float32)


def _near(bright: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return brightness relative to the mean and spread within about a diameter, and the spread."""
    height, width = bright.shape
    block = PIXELS_PER_DIAMETER // _BLOCKS
    padded = np.pad(bright, [(0, -n % block) for n in bright.shape], mode="edge")
    rows, columns = (n // block for n in padded.shape)
    squares = padded.reshape(rows, block, columns, block)
    taps = fields.gaussian_taps(_BLOCKS * _NEAR)
    mean, square = (
        fields.smooth(values.mean(axis=(1, 3)), taps) for values in (squares, squares * squares)
    )
    spread = np.sqrt(np.maximum(square - mean * mean, 0) + np.float32(_FAINT**2))
    mean, spread = (
        resample.resample(coarse, padded.shape)[:height, :width] for coarse in (mean, spread)
    )
    return np.clip((bright - mean) / spread, -_FAR, _FAR), spread


def probability(values: np.ndarray) -> np.ndarray:
    """Return the logistic function of `values`, float32."""
    return (1 / (1 + np.exp(-np.clip(values, -80, 80).astype(np.float64)))).astype(np.float32)


@lru_cache(maxsize=2)
def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a network by name, float32, `prepared` for `predict`.

    Their shapes must fit those of the other layers.
    """
    arrays = _arrays(path)
    if not _of_a_network(arrays):
        raise FoveaError(
            f"{path} does not hold the weights of a network for method phase; "
            "docs/network.md says how they are made"
        )
    return prepared(arrays)


def prepared(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrange the weights of a network, (out, in, rows, columns), as the kernels need them."""
    ways = {1: winograd.mixing, 3: winograd.transformed}
    return {name: ways[a.shape[-1]](a) if a.ndim == 4 else a for name, a in arrays.items()}


def _of_a_network(arrays: dict[str, np.ndarray]) -> bool:
    """Whether there is every array that `predict` needs, each of a shape that fits the others."""
    depth = sum(name.startswith("enc") and name.endswith(".0.0.b") for name in arrays)
    channels = [arrays.get(f"enc.{level}.0.0.b", np.empty(0)).size for level in range(depth)]
    if not channels:
        return False
    ins = [4 * FEATURES, *channels]
    wanted = {"out": (4 * OUTPUTS, ins[1], 1, 1)}
    for level in range(depth):
        below, here = ins[level], ins[level + 1]
        wanted[f"enc.{level}.0.0"] = (here, below, 3, 3)
        wanted[f"enc.{level}.1.0"] = (here, here, 3, 3)
        if level:
            wanted[f"lat.{level - 1}"] = (below, here, 1, 1)
            wanted[f"dec.{level - 1}.0"] = (below, below, 3, 3)
    shapes = {f"{name}.w": shape for name, shape in wanted.items()}
    shapes |= {f"{name}.b": shape[:1] for name, shape in wanted.items()}
    return shapes == {name: array.shape for name, array in arrays.items()}


def _arrays(path: str | Path) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise FoveaError(f"{path} cannot be read as the weights of a network: {error}") from error

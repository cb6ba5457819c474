"""Modes `network` and `general` of method `phase`: a small network predicts where cells are.

The input is the frame resampled to 18 pixels per cell diameter, whatever its magnification. The
outputs are, for each pixel, the probabilities of being inside a cell and of lying where two cells
touch, and the depth inside its cell. Cells are then segmented by flooding from the deepest pixels.
docs/network.md describes the training, also on frames of one's own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from fovea.config.phase_tuning import NETWORKS, Network
from fovea.errors import FoveaError
from fovea.kernels import basins, boxes, contrast, fields, regions, resample, winograd
from fovea.segmentation.guards import note
from fovea.segmentation.phase.parts import ground_spread, sample
from fovea.segmentation.phase.unet import FEATURES, OUTPUTS, levels, predict

_FOLDER = Path(__file__).parent / "weights"
#: The files of the modes' own networks.
WEIGHTS = {mode: _FOLDER / f"{mode}.npz" for mode in NETWORKS}
PIXELS_PER_DIAMETER = 18
_TEXTURE = 0.019  # sigma of the local variance, in cell diameters
_SHARPEST = 0.6  # pixels, the smallest sigma
_BLOCK = PIXELS_PER_DIAMETER // 3  # the surroundings are computed from means of blocks
#: The surroundings of a pixel, of which sigma is one cell diameter.
_AROUND = fields.gaussian_taps(PIXELS_PER_DIAMETER / _BLOCK)
_FAINT = 0.3  # of the frame's spread, which is added to that of the surroundings
_FAR = 8.0  # spreads to which brightness is limited
_ROWS = 32  # of the frame, for which the outline is computed at a time
_RING = 2  # pixels of its input around an object
_CALM = fields.gaussian_taps(1.0)  # a pixel's noise counts less than what is larger
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
    found = np.zeros((len(rises), *flat.shape), np.int32)
    bright = scaled(flat, valid)
    if bright is None:
        return found if len(rises) > 1 else found[0]
    seen = Seen(bright, p.scale * cell_diameter)
    twice = cell_diameter >= p.twice_from
    inside, depth = _predicted(seen, arrays, p.contact_weight, twice)
    depth = fields.smooth(depth, fields.gaussian_taps(p.smoothing * PIXELS_PER_DIAMETER))
    np.clip(depth, _LOWEST, _HIGHEST, out=depth)
    depth -= np.float32(_LOWEST)
    depth *= _LEVELS
    levels, certain = depth.astype(np.uint16), inside > np.float32(p.level)
    mask = np.empty(flat.shape, bool)
    for start in range(0, len(mask), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(mask)))
        mask[rows] = resample.resample(inside, mask.shape, rows) > np.float32(p.level)
    if valid is not None:
        mask &= valid
    for labels, (rise, least) in zip(found, rises, strict=True):
        limits = rise * p.least_rise, least * p.least_depth - _LOWEST
        small = basins.basins(levels, certain, *(round(limit * _LEVELS) for limit in limits))
        small = without_faint(small, seen.bright, p.least_contrast, p.noise_level)
        np.multiply(resample.nearest(small, flat.shape), mask, out=labels)
        regions.grow(labels, mask, max(1, round(p.reach * cell_diameter)))
    return found if len(rises) > 1 else found[0]


def without_faint(
    labels: np.ndarray, bright: np.ndarray, least: float, noise: float = 0.0
) -> np.ndarray:
    """Return labels without objects that do not stand out, or far less than most.

    How much an object stands out is the standard deviation of the brightness, (H, W) float32, in it
    and in a ring around it, or that of a neighbour whose ring meets its own: crowded cells differ
    less from what is around them. Of slightly blurred brightness it must be at least `noise` times
    that of the ground, which leaves out pieces of noise, and then at least `least` of what is
    usual: dust, stains, blurred ones. Usual is the value at which half of the sum over all
    remaining objects is reached, so that many faint things do not count as usual. Labels are 1..N,
    (H, W) int32.
    """
    count = int(labels.max(initial=0))
    if not count or not (least or noise):
        return labels
    around = labels.copy()
    regions.grow(around, np.ones(labels.shape, bool), _RING)
    kept = np.arange(count + 1, dtype=np.int32)
    if noise:
        calm = fields.smooth(bright, _CALM)
        best = regions.highest_of_neighbours(around, contrast.spreads(around, calm, count))
        ground = ground_spread(calm, sample(around) == 0)
        kept[best < noise * ground] = 0
        if not kept.any():
            measure = "the spread of brightness in and around the clearest object, of the ground's,"
            note("noise_level", best.max() / ground, noise, measure)
    if least and kept.any():
        spreads = contrast.spreads(around, bright, count)
        ordered = np.sort(spreads[kept > 0])
        total = np.cumsum(ordered)
        usual = ordered[np.searchsorted(total, total[-1] / 2)]
        best = regions.highest_of_neighbours(around, spreads)
        kept[best < least * usual] = 0
        if not kept.any():
            measure = (
                "the spread of brightness in and around the clearest object, of the usual one,"
            )
            note("least_contrast", best.max() / usual, least, measure)
    clear = np.empty_like(labels)
    boxes.relabel(labels, kept, clear)
    return clear


def _predicted(
    seen: Seen, arrays: dict[str, np.ndarray], contact_weight: float, twice: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of being inside a cell, and the depth less the weighted contact.

    Seen `twice`, they are means of those of the frame and of the frame turned by 180 degrees.
    """
    inside, depth = _applied(seen.rows, seen.shape, arrays, contact_weight)
    if twice:
        last = seen.shape[0] - 1

        def turned(places: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(seen.rows(last - places)[:, :, ::-1])

        others = _applied(turned, seen.shape, arrays, contact_weight)
        for values, other in zip((inside, depth), others, strict=True):
            values += other[::-1, ::-1]
            values *= np.float32(0.5)
    return inside, depth


def _applied(
    rows: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int],
    arrays: dict[str, np.ndarray], contact_weight: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    inside, depth = np.empty(shape, np.float32), np.empty(shape, np.float32)
    done = 0
    for part in predict(rows, shape, arrays):
        here = slice(done, done + part.shape[1])
        inside[here] = probability(part[0])
        depth[here] = part[2] - np.float32(contact_weight) * probability(part[1])
        done = here.stop
    return inside, depth


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
    """Return all that the network sees of a frame that is `scaled`, (3, h, w) float32."""
    seen = Seen(flat, cell_diameter)
    return seen.rows(np.arange(seen.shape[0]))


class Seen:
    """What the network sees of a frame: brightness, texture and relative brightness.

    `flat` (H, W) float32 is a frame, or a part of one, that is `scaled`. `shape` (h, w) is the size
    at 18 pixels per diameter.
    """

    def __init__(self, flat: np.ndarray, cell_diameter: float):
        height, width = (max(1, round(n * PIXELS_PER_DIAMETER / cell_diameter)) for n in flat.shape)
        self.shape = height, width
        taps = fields.gaussian_taps(max(_TEXTURE * cell_diameter, _SHARPEST))
        self._variance = fields.local_variance(flat, taps)
        np.maximum(self._variance, 0, out=self._variance)
        self.bright = resample.resample(flat, self.shape)
        means, squares = (
            fields.smooth(a, _AROUND) for a in fields.means_and_squares(self.bright, _BLOCK)
        )
        self._means = means
        self._spreads = np.sqrt(np.maximum(squares - means * means, 0) + np.float32(_FAINT**2))

    def rows(self, places: np.ndarray) -> np.ndarray:
        """Return the rows at `places`, (n,) integers, in this order: (3, n, w) float32."""
        width, bright = self.shape[1], self.bright[places]
        texture = resample.resample(self._variance, self.shape, places)
        padded = tuple(n * _BLOCK for n in self._means.shape)
        mean, spread = (
            resample.resample(coarse, padded, places)[:, :width]
            for coarse in (self._means, self._spreads)
        )
        out = np.empty((FEATURES, *bright.shape), np.float32)
        # Logarithms of different processors differ in the last bit of double precision, which the
        # rounding to single precision removes.
        out[0] = np.arcsinh(bright.astype(np.float64))
        out[1] = 0.5 * np.log(texture.astype(np.float64) / spread**2 + 1e-3) + 1
        out[2] = np.clip((bright - mean) / spread, -_FAR, _FAR)
        return out


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
    depth = levels(arrays)
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

"""Features of one cell in one frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from fovea.kernels.cells import mask_moments, values_inside


def phase_features(
    mask: np.ndarray, origin: tuple[int, int], names: Sequence[str]
) -> dict[str, float]:
    """Features of a cell's mask.

    Parameters
    ----------
    mask : (h, w) bool
        The cell within its crop.
    origin : (int, int)
        Row and column of the crop's first pixel in the frame.
    names : sequence of str
        Which features, see ``docs/algorithms.md``.

    Returns
    -------
    dict
        Name to value: lengths in pixels, areas in pixels, positions in pixels of the frame;
        NaN where a feature is not defined.

    Raises
    ------
    KeyError
        For an unknown name.
    """
    shape = _Shape(np.ascontiguousarray(mask, bool), origin)
    return {name: float(_PHASE[name](shape)) for name in names}


class _Shape:
    """A mask and its moments, computed once for all features."""

    def __init__(self, mask: np.ndarray, origin: tuple[int, int]):
        self.mask, self.origin = mask, origin
        self.area, self.sum_y, self.sum_x, *second = mask_moments(mask)
        # n² times the covariances of the pixels' coordinates, exact integers
        n = self.area
        self.yy = n * second[0] - self.sum_y * self.sum_y
        self.yx = n * second[1] - self.sum_y * self.sum_x
        self.xx = n * second[2] - self.sum_x * self.sum_x

    def axes(self) -> tuple[float, float, float]:
        """Squares of the axes of the ellipse of equal second moments, and their difference.

        Larger, smaller, larger - smaller, up to a common factor; each without cancellation, so
        that a round cell has a difference of 0 and a line a smaller axis of 0.
        """
        yy, yx, xx = float(self.yy), float(self.yx), float(self.xx)
        difference = math.hypot(yy - xx, 2 * yx)
        larger = (yy + xx + difference) / 2
        smaller = (yy * xx - yx * yx) / larger if larger > 0 else 0.0
        return larger, max(smaller, 0.0), difference

    def perimeter(self) -> float:
        from skimage.measure import perimeter

        return perimeter(self.mask, neighborhood=4)


def _aspect_ratio(shape: _Shape) -> float:
    larger, smaller, _ = shape.axes()
    return math.sqrt(larger / smaller) if smaller > 0 else math.nan


def _eccentricity(shape: _Shape) -> float:
    larger, _, difference = shape.axes()
    return math.sqrt(min(difference / larger, 1.0)) if larger > 0 else 0.0


def _circularity(shape: _Shape) -> float:
    perimeter = shape.perimeter()
    return 4 * math.pi * shape.area / perimeter**2 if perimeter > 0 else math.nan


def _solidity(shape: _Shape) -> float:
    from skimage.measure import regionprops

    return regionprops(shape.mask.astype(np.uint8))[0].solidity


_PHASE: dict[str, Callable[[_Shape], float]] = {
    "area": lambda shape: shape.area,
    "aspect_ratio": _aspect_ratio,
    "eccentricity": _eccentricity,
    "circularity": _circularity,
    "perimeter": _Shape.perimeter,
    "solidity": _solidity,
    "centroid_x": lambda shape: shape.origin[1] + shape.sum_x / shape.area,
    "centroid_y": lambda shape: shape.origin[0] + shape.sum_y / shape.area,
}

_FLUORESCENCE: dict[str, Callable[[np.ndarray], float]] = {
    "intensity_total": np.sum,
    "intensity_mean": np.mean,
    "intensity_median": np.median,
    "intensity_std": np.std,
    "intensity_max": np.max,
    "intensity_min": np.min,
}


def fluorescence_features(
    values: np.ndarray, mask: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """Features of a cell's fluorescence.

    Parameters
    ----------
    values : (h, w) float64
        Counts, background subtracted.
    mask : (h, w) bool
        The cell within its crop.
    names : sequence of str
        Which features, see ``docs/algorithms.md``.

    Returns
    -------
    dict
        Name to value in counts.

    Raises
    ------
    KeyError
        For an unknown name.
    """
    inside = values_inside(np.ascontiguousarray(values, float), np.ascontiguousarray(mask, bool))
    return {name: float(_FLUORESCENCE[name](inside)) for name in names}

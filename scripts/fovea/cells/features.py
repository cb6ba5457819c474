"""Features of a cell: of its masks and of its fluorescence, for several frames at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from fovea.kernels.cells import intensity_statistics, mask_moments


def mask_features(
    masks: np.ndarray, origins: np.ndarray, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Features of a cell's masks.

    Parameters
    ----------
    masks : (n, h, w) bool
        The cell within its crops; every mask has at least one pixel.
    origins : (n, 2) int
        Row and column of the crops' first pixels in the frame.
    names : sequence of str
        Which features, see ``docs/algorithms.md``; a KeyError for an unknown one.

    Returns
    -------
    dict of str to (n,) float64
        Lengths in pixels, areas in pixels, positions in pixels of the frame; NaN where a feature
        is not defined.
    """
    shapes = _Shapes(np.ascontiguousarray(masks, bool), np.asarray(origins))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: np.asarray(_MASK[name](shapes), np.float64) for name in names}


def intensity_features(
    values: np.ndarray, masks: np.ndarray, names: Sequence[str], bright: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Features of a cell's fluorescence.

    Parameters
    ----------
    values : (n, h, w) float64
        Counts, background subtracted.
    masks, names
        As for `mask_features`.
    bright : (n, h, w) bool, optional
        Pixels in which the camera is saturated; none by default.

    Returns
    -------
    dict of str to (n,) float64
        Counts, and numbers of pixels.
    """
    masks = np.ascontiguousarray(masks, bool)
    found = dict.fromkeys(names, np.zeros(len(masks)))
    if columns := {name: _INTENSITY[name] for name in names if name != SATURATED_PIXELS}:
        values = np.ascontiguousarray(values, np.float64)
        table = intensity_statistics(values, masks, "intensity_median" in columns)
        found |= {name: table[:, column] for name, column in columns.items()}
    if SATURATED_PIXELS in names and bright is not None:
        found[SATURATED_PIXELS] = (bright & masks).sum(axis=(1, 2), dtype=np.float64)
    return found


def in_micrometers(name: str, values: np.ndarray, pixel_um: tuple[float, float]) -> np.ndarray:
    """Return a measure in micrometers, (n,) float64, or an area in their square.

    Parameters
    ----------
    name : str
        Its column: ``position_x``, ``area_ch_0``, ``perimeter_ch_0``, ``centroid_y_ch_0``.
    values : (n,) float64
        The measure in pixels.
    pixel_um : (float, float)
        Height and width of a pixel in micrometers. A perimeter is NaN where they differ: its
        steps in x and y are not known any more.
    """
    height, width = pixel_um
    if name.startswith("area"):
        return values * (height * width)
    if name.startswith("perimeter"):
        return values * (height if math.isclose(height, width, rel_tol=1e-3) else np.nan)
    return values * (width if name.partition("_ch_")[0].endswith("x") else height)


#: The only feature of raw counts.
SATURATED_PIXELS = "saturated_pixels"


class _Shapes:
    """Masks and their moments, computed once for all features."""

    def __init__(self, masks: np.ndarray, origins: np.ndarray):
        self.masks, self.origins = masks, origins
        self.area, self.sum_y, self.sum_x, sum_yy, sum_yx, sum_xx = mask_moments(masks).T
        # area² times the covariances of the pixels' coordinates: exact integers until here
        self.yy = (self.area * sum_yy - self.sum_y * self.sum_y).astype(np.float64)
        self.yx = (self.area * sum_yx - self.sum_y * self.sum_x).astype(np.float64)
        self.xx = (self.area * sum_xx - self.sum_x * self.sum_x).astype(np.float64)

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squares of the axes of the ellipse of equal second moments, and their difference.

        Larger, smaller, larger - smaller, up to a common factor; each without cancellation, so
        that a round cell has a difference of 0 and a line a smaller axis of 0.
        """
        difference = np.hypot(self.yy - self.xx, 2 * self.yx)
        larger = (self.yy + self.xx + difference) / 2
        smaller = np.where(larger > 0, (self.yy * self.xx - self.yx * self.yx) / larger, 0.0)
        return larger, np.maximum(smaller, 0.0), difference

    def perimeter(self) -> np.ndarray:
        from skimage.measure import perimeter

        return np.array([perimeter(mask, neighborhood=4) for mask in self.masks], np.float64)

    def solidity(self) -> np.ndarray:
        from skimage.measure import regionprops

        return np.array([regionprops(mask.astype(np.uint8))[0].solidity for mask in self.masks])

    def aspect_ratio(self) -> np.ndarray:
        larger, smaller, _ = self.axes()
        return np.where(smaller > 0, np.sqrt(larger / smaller), np.nan)

    def eccentricity(self) -> np.ndarray:
        larger, _, difference = self.axes()
        return np.where(larger > 0, np.sqrt(np.minimum(difference / larger, 1.0)), 0.0)

    def circularity(self) -> np.ndarray:
        perimeter = self.perimeter()
        return np.where(perimeter > 0, 4 * math.pi * self.area / perimeter**2, np.nan)


_MASK: dict[str, Callable[[_Shapes], np.ndarray]] = {
    "area": lambda shapes: shapes.area,
    "aspect_ratio": _Shapes.aspect_ratio,
    "eccentricity": _Shapes.eccentricity,
    "circularity": _Shapes.circularity,
    "perimeter": _Shapes.perimeter,
    "solidity": _Shapes.solidity,
    "centroid_x": lambda shapes: shapes.origins[:, 1] + shapes.sum_x / shapes.area,
    "centroid_y": lambda shapes: shapes.origins[:, 0] + shapes.sum_y / shapes.area,
}

#: Column of `intensity_statistics`.
_INTENSITY = {
    f"intensity_{name}": column
    for column, name in enumerate(("total", "mean", "std", "min", "max", "median"))
}

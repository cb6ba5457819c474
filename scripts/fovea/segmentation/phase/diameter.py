"""The typical size of segmented objects."""

from __future__ import annotations

import numpy as np


def inner_areas(labels: np.ndarray) -> np.ndarray:
    """Return the areas in pixels of the objects that do not touch the border, (N,) int64."""
    areas = np.bincount(labels.ravel(), minlength=1)
    areas[0] = 0
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        areas[edge] = 0
    return areas[areas > 0]


def median_diameter(labels: np.ndarray) -> tuple[float, int]:
    """Return the median diameter of the objects that do not touch the border, and their number.

    The diameter is that of a disk of the object's area; NaN where there is no object.
    """
    areas = inner_areas(labels)
    if len(areas) == 0:
        return np.nan, 0
    return float(np.sqrt(4 / np.pi * np.median(areas))), len(areas)

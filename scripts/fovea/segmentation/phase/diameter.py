"""Estimate the cell diameter for segmentation `phase` from frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_STEP = 1.25  # ratio of successive trial diameters
_SMALLEST = 8.0  # pixels
_FEW = 3  # objects that an estimate needs at least


def median_diameter(labels: np.ndarray) -> tuple[float, int]:
    """Return the median diameter of the objects that do not touch the border, and their number.

    The diameter is that of a disk of the object's area; NaN where there is no object.
    """
    areas = np.bincount(labels.ravel()).astype(float)
    areas[0] = 0
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        areas[edge] = 0
    areas = areas[areas > 0]
    if len(areas) == 0:
        return np.nan, 0
    return float(np.sqrt(4 / np.pi * np.median(areas))), len(areas)


def suggest_diameter(frames: Sequence[np.ndarray], mode: str = "adherent") -> float | None:
    """Find the diameter D whose segmentation yields cells of median diameter D.

    Trial diameters go from 8 pixels to a quarter of the frame in steps of a quarter. One that is
    too small divides cells into parts of its own size, or finds their texture; one that is too
    large leaves the cells' size unchanged, or misses them. So the largest trial diameter is taken
    that does not exceed the median diameter of the objects it yields, and the result is
    interpolated between it and the next one, to where the two diameters would be equal.
    Trials that yield few objects, or objects that cover less than half the area of those of
    another trial, are ignored.

    Frames are (H, W) uint16, mode is "adherent" or "dark" as of `segment_phase`. The result is in
    pixels; None where there are too few objects.
    """
    tried, diameter = [], _SMALLEST
    while diameter <= min(frames[0].shape) / 4:
        tried.append((diameter, *_found(frames, diameter, mode)))
        diameter *= _STEP
    most = max((covered for _, _, _, covered in tried), default=0)
    rows = [(d, size) for d, size, count, covered in tried if count >= _FEW and covered > most / 2]
    larger = [i for i, (d, size) in enumerate(rows) if size >= d]
    if not larger:
        return None
    d, size = rows[larger[-1]]
    if larger[-1] + 1 < len(rows):
        after, its_size = rows[larger[-1] + 1]
        above, below = np.log(size / d), np.log(after / its_size)
        size = d * (after / d) ** (above / (above + below))
    return round(size, 0 if size >= 20 else 1)


def _found(frames: Sequence[np.ndarray], diameter: float, mode: str) -> tuple[float, float, float]:
    """Return the objects' median diameter, their number, and the fraction of area they cover."""
    from fovea.segmentation.phase.segment_phase import segment_phase

    labels = [segment_phase(frame, cell_diameter=diameter, mode=mode) for frame in frames]
    sizes, counts = zip(*(median_diameter(found) for found in labels), strict=True)
    known = [size for size in sizes if size == size]
    covered = float(np.mean([(found > 0).mean() for found in labels]))
    return float(np.median(known)) if known else np.nan, float(np.mean(counts)), covered

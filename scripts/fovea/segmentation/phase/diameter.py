"""Suggest a cell diameter for segmentation `phase`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Ratio of one diameter that is tried to the one before.
_STEP = 1.25
_SMALLEST = 8.0  # pixels
_FEW = 3  # objects that an estimate needs


def median_diameter(labels: np.ndarray) -> tuple[float, int]:
    """Median diameter of the objects that do not touch the border, and their number.

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
    """A diameter that the cells it finds have, too.

    Diameters from 8 pixels to a quarter of the frame, each a quarter more than the last, are
    tried. What is assumed too small cuts cells into parts of its own size, or finds their
    texture; what is assumed too large leaves cells as they are, or loses them. So of the
    diameters that are no larger than the median of the objects found with them, the largest one
    counts, and the suggestion lies between it and the next, where the two would be equal.
    Diameters with which few objects are found, or which cover less than half as much of the
    frame as another one, are left out.

    Parameters
    ----------
    frames : sequence of (H, W) uint16
        Phase contrast.
    mode : {"adherent", "dark"}
        As of `fovea.segmentation.phase.segment_phase.segment_phase`.

    Returns
    -------
    float or None
        Pixels; None where there are too few objects to tell.
    """
    tried = []
    diameter = _SMALLEST
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
    """Median diameter and number of the objects in a frame, and the share that they cover."""
    from fovea.segmentation.phase.segment_phase import segment_phase

    labels = [segment_phase(frame, cell_diameter=diameter, mode=mode) for frame in frames]
    sizes, counts = zip(*(median_diameter(found) for found in labels), strict=True)
    known = [size for size in sizes if size == size]
    covered = float(np.mean([(found > 0).mean() for found in labels]))
    return float(np.median(known)) if known else np.nan, float(np.mean(counts)), covered

"""What tells good outlines from bad ones where nobody has annotated any cell.

Every measure is of labels in windows of a recording, found with one mode, contrast and diameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fovea.kernels import boxes, fields, outlines

_ADDED = 6  # objects without a partner, in the agreement: a few agree by chance
_INSIDE = 0.12  # of D: how far inside the outline brightness is compared with the outline's
_SHIFT = 0.5  # of D: how far outlines are moved to see what brightness does elsewhere
_GROWN = 0.2  # of D: what lies so near to an object is not missed
_GRAIN = 12  # pixels per D that suffice to see whether objects overlap
_STRONG = 90  # percentile: gradients above it are structure
_LOWEST = 1e-3  # of ratios, before their logarithm is taken


@dataclass(frozen=True)
class Measures:
    """Measures of labels, over all windows together."""

    count: int  # objects that do not touch the windows' borders
    objects: float  # mean number per window, of all objects
    found: float  # median diameter of the objects that do not touch the border; NaN without any
    agreement: float  # with the results of neighbouring diameters, 0 to 1
    consensus: float  # with the most alike of the other modes, 0 to 1
    edge: float  # logarithm of the steps across outlines over those across moved outlines
    clean: float  # share of the steps along an outline that have its usual sign: -1 to 1
    solid: float  # median share of the convex hull that an object fills
    spread: float  # of the objects' log diameters, robust standard deviation
    missed: float  # share of the structure that lies away from all objects


def smoothed(frame: np.ndarray) -> np.ndarray:
    """Return a frame smoothed by a Gaussian of 1 pixel, (H, W) float32."""
    return fields.smooth(frame.astype(np.float32), fields.gaussian_taps(1.0))


def structure(image: np.ndarray) -> np.ndarray:
    """Return the squared gradient of a smoothed frame, (H, W) float32."""
    found = np.zeros(image.shape, np.float32)
    found[1:-1] += ((image[2:] - image[:-2]) / 2) ** 2
    found[:, 1:-1] += ((image[:, 2:] - image[:, :-2]) / 2) ** 2
    return found


def measured(
    labels: Sequence[np.ndarray],
    images: Sequence[np.ndarray],
    structures: Sequence[np.ndarray],
    diameter: float,
    agreement: float = 0.0,
    consensus: float = 0.0,
) -> Measures:
    """Measure labels in windows.

    Parameters
    ----------
    labels : sequence of (H, W) unsigned integer
        Of each window, 0 background, 1..N.
    images, structures : sequence of (H, W) float32
        As `smoothed` and `structure` return them.
    diameter : float
        Of a cell, pixels: the scale on which brightness is compared.
    agreement, consensus : float
        As `agreement` returns it, with neighbouring diameters and with other modes.
    """
    depth = max(2, round(_INSIDE * diameter))
    shift = max(3, round(_SHIFT * diameter))
    here, moved, areas, solidity = [], [], [], []
    away = strong = 0.0
    count = 0
    for found, image, energy in zip(labels, images, structures, strict=True):
        number = int(found.max(initial=0))
        count += number
        box, area = boxes.boxes_and_areas(found, number)
        inside = whole(box, found.shape) & (area > 0)
        areas.append(area[inside])
        solidity.append((area / np.maximum(outlines.hull_areas(found, box), 1))[inside])
        steps = outlines.steps_across(found, image, depth, 0, 0, number)[1:]
        here.append(steps)
        others = [outlines.steps_across(found, image, depth, dy, dx, number)[1:]
                  for dy, dx in ((shift, 0), (-shift, 0), (0, shift), (0, -shift))]  # fmt: skip
        moved.append(others)
        root = np.sqrt(energy)
        level = float(np.percentile(energy[::2, ::2], _STRONG))
        near = _near(found, max(1, round(_GROWN * diameter)))
        root[energy <= level] = 0
        strong += float(root.sum())
        away += float(root[~near].sum())
    sizes = np.concatenate(areas) if areas else np.zeros(0)
    steps = np.concatenate(here) if here else np.zeros((0, 3))
    rest = [np.concatenate([window[k] for window in moved]) for k in range(4)] if moved else []
    signs = steps[:, 0] / np.maximum(steps[:, 1], 1e-9)
    mean = _mean_step(steps)
    elsewhere = np.mean([_mean_step(other) for other in rest]) if rest else 0.0
    logs = 0.5 * np.log(sizes) if len(sizes) else np.zeros(0)
    return Measures(
        count=len(sizes),
        objects=count / max(len(labels), 1),
        found=float(np.sqrt(4 / np.pi * np.median(sizes))) if len(sizes) else np.nan,
        agreement=agreement,
        consensus=consensus,
        edge=float(np.log(max(mean, _LOWEST) / max(elsewhere, _LOWEST))),
        clean=float(np.median(np.abs(signs))) if len(signs) else 0.0,
        solid=float(np.median(np.concatenate(solidity))) if len(sizes) else 0.0,
        spread=float(np.subtract(*np.percentile(logs, (75, 25))) / 1.35) if len(sizes) else 0.0,
        missed=away / strong if strong > 0 else 1.0,
    )


def _mean_step(steps: np.ndarray) -> float:
    """Return the mean over objects of the size of the mean step across their outlines."""
    known = steps[steps[:, 2] > 0]
    return float(np.mean(np.abs(known[:, 0]) / known[:, 2])) if len(known) else 0.0


def _near(labels: np.ndarray, steps: int) -> np.ndarray:
    from scipy.ndimage import maximum_filter

    return maximum_filter(labels > 0, 2 * steps + 1)


def whole(box: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which boxes (N, 4) do not touch the border of an image, (N,) bool."""
    return (
        (box[:, 0] > 0) & (box[:, 1] > 0) & (box[:, 2] < shape[0]) & (box[:, 3] < shape[1])
    )  # fmt: skip


def agreement(first: Sequence[np.ndarray], second: Sequence[np.ndarray], diameter: float) -> float:
    """Return the mean intersection over union of objects, 0 for those without a partner.

    Partners are those whose intersection over union exceeds 0.5. Objects that touch a border may
    be partners, but do not count. It is taken over the objects of all windows together. Only every
    n-th pixel of every n-th row is looked at, so that a cell's diameter still has twelve of them.
    """
    n = max(1, int(diameter / _GRAIN))
    pairs = [_overlaps(a[::n, ::n], b[::n, ::n]) for a, b in zip(first, second, strict=True)]
    shared, total = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    return shared / (total + 2 * _ADDED)


def _overlaps(a: np.ndarray, b: np.ndarray) -> tuple[float, int]:
    """Return the sum of the partners' intersections over union, and the number of objects."""
    from scipy.sparse import coo_matrix

    ones = np.ones(a.size, np.int32)
    table = coo_matrix((ones, (a.ravel(), b.ravel()))).tocsr()
    table.sum_duplicates()
    sizes = [np.asarray(table.sum(axis=axis)).ravel() for axis in (1, 0)]
    pairs = table[1:, 1:].tocoo() if min(table.shape) > 1 else coo_matrix((0, 0))
    iou = pairs.data / (sizes[0][1:][pairs.row] + sizes[1][1:][pairs.col] - pairs.data)
    shared, total = 0.0, 0
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    for found, place in ((a, pairs.row), (b, pairs.col)):
        box, area = boxes.boxes_and_areas(found, int(found.max(initial=0)))
        inside = whole(box, found.shape) & (area > 0)
        total += int(inside.sum())
        shared += float(iou[(iou > 0.5) & inside[place]].sum())
    return shared, total

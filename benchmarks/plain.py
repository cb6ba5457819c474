"""Plain versions of some steps, as one would write them with scipy and scikit-image.

The references of the tests are written to be obviously right, one object after the other in
Python; measuring against them would flatter. These give the same numbers and are what a
benchmark should be held against. The other steps use the tests' references themselves.
"""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage.measure import regionprops
from skimage.segmentation import watershed

from fovea.config.phase_tuning import Adherent
from fovea.segmentation.phase.parts import merge
from support.reference import phase


def track(frames, min_iou=0.1):
    """Labels (T, H, W) uint16 with one ID per cell over all frames."""
    out, last, ids, count = [], None, None, 0
    for labels in frames:
        boxes = np.array([r.bbox for r in regionprops(labels)], float)
        table = np.zeros(len(boxes) + 1, np.int64)
        if last is not None:
            a, b = last[:, None], boxes[None]
            sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
            shared = np.prod(np.clip(sides, 0, None), axis=2)
            areas = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (last, boxes)]
            iou = shared / (areas[0][:, None] + areas[1] - shared)
            iou[iou < min_iou] = 0
            for i, j in zip(*linear_sum_assignment(iou, maximize=True), strict=True):
                if iou[i, j] > 0:
                    table[j + 1] = ids[i + 1]
        new = np.flatnonzero(table[1:] == 0) + 1
        table[new] = count + 1 + np.arange(len(new))
        count += len(new)
        out.append(table[labels].astype(np.uint16))
        last, ids = boxes, table
    return np.stack(out)


def segment_adherent(frame, cell_diameter):
    """The tests' version, with scikit-image's watershed in place of loops over pixels.

    Mergers are Fovea's own in both: they take little time.
    """
    replaced = {"watershed": _watershed, "maxima": _maxima, "merge": _merge}
    with patch.multiple(phase, **replaced):
        return phase.segment_adherent(frame, cell_diameter, Adherent())


def _watershed(levels, mask, markers):
    labels = watershed(levels, np.where(mask, markers, 0), mask=mask)
    rest, _ = ndimage.label(mask & (labels == 0))
    return np.where(rest > 0, rest + markers.max(), labels).astype(np.int32)


def _maxima(values, mask, radius, least):
    near = ndimage.maximum_filter(values, size=3)
    disk, reach = phase.disk(radius), int(radius)
    padded = np.pad(values, reach, constant_values=-1)
    found = []
    for y, x in np.argwhere(mask & (values == near) & (values > np.float32(least))):
        around = np.where(disk, padded[y : y + len(disk), x : x + len(disk)], -1)
        if around.argmax() == (around.size - 1) // 2:
            found.append((y, x))
    return found


def _merge(labels, depth, ridge, saddle, ridge_weight, small):
    return merge(labels, depth, ridge, saddle=saddle, ridge_weight=ridge_weight, small=small)


def extract(labels, channels, backgrounds):
    """Area, aspect ratio, total and mean intensity of all cells of a frame, by label."""
    regions = regionprops(labels)
    columns = [
        [r.label for r in regions],
        [r.area for r in regions],
        [r.axis_major_length / r.axis_minor_length for r in regions],
    ]
    index = columns[0]
    for raw, background in zip(channels, backgrounds, strict=True):
        corrected = raw - background.astype(np.float64)
        columns.append(ndimage.sum(corrected, labels, index))
        columns.append(ndimage.mean(corrected, labels, index))
    return np.array(columns, float).T

"""Segmentation of a relief into the regions of its peaks, by flooding from above."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel
from fovea.kernels.labelling import root


@kernel
def basins(levels, mask, least_rise, least_peak):
    """Label the pixels of a (H, W) bool mask by the peak of the uint16 levels that they belong to.

    Pixels are taken from the highest level down, in raster order within a level. A pixel without a
    neighbour (of 4) that was taken before is a new peak; others join their highest neighbour, of
    equal ones the upper, then the left, right, lower one. Where two peaks meet, the lower one is
    merged into the other unless it rises at least `least_rise` above the meeting point. One pass so
    equals a watershed from h-maxima as markers (Soille 2004, Morphological Image Analysis, chapters
    6 and 9). Peaks up to the level `least_peak` are merged into the peak they meet, or removed
    where they meet none. Returns (H, W) int32: 0 background, 1..N from the highest peak down.
    """
    height, width = levels.shape
    order = _from_the_top(levels, mask)
    labels = np.zeros((height, width), np.int32)
    parent = np.zeros(1024, np.int32)
    peak = np.zeros(1024, np.int64)
    count = 0
    for place in order:
        y, x = place // width, place % width
        level = np.int64(levels[y, x])
        best = np.int64(-1)
        own = np.int32(0)
        for k in range(4):
            yy = y + (k == 3) - (k == 0)
            xx = x + (k == 2) - (k == 1)
            if 0 <= yy < height and 0 <= xx < width and labels[yy, xx] > 0:
                here = np.int64(levels[yy, xx])
                if here > best:
                    best, own = here, labels[yy, xx]
        if own == 0:
            count += 1
            if count == len(parent):
                parent = np.concatenate((parent, np.zeros_like(parent)))
                peak = np.concatenate((peak, np.zeros_like(peak)))
            parent[count] = count
            peak[count] = level
            labels[y, x] = count
            continue
        labels[y, x] = own
        for k in range(4):
            yy = y + (k == 3) - (k == 0)
            xx = x + (k == 2) - (k == 1)
            if 0 <= yy < height and 0 <= xx < width and labels[yy, xx] > 0:
                one, other = root(parent, labels[y, x]), root(parent, labels[yy, xx])
                # peaks are numbered as they are found, from the highest down
                higher, lower = min(one, other), max(one, other)
                minor = peak[lower] - level < least_rise or peak[lower] <= least_peak
                if higher != lower and minor:
                    parent[lower] = higher
    number = np.zeros(count + 1, np.int32)
    kept = 0
    for i in range(1, count + 1):
        if parent[i] == i and peak[i] > least_peak:
            kept += 1
            number[i] = kept
    for place in order:
        y, x = place // width, place % width
        labels[y, x] = number[root(parent, labels[y, x])]
    return labels


@kernel
def _from_the_top(levels, mask):
    """Flat indices of the pixels of a mask, highest level first, by a counting sort."""
    height, width = levels.shape
    start = np.zeros((1 << 16) + 1, np.int64)
    total = 0
    for y in range(height):
        for x in range(width):
            if mask[y, x]:
                start[levels[y, x]] += 1
                total += 1
    below = total
    for level in range(1 << 16):
        below -= start[level]
        start[level] = below
    order = np.empty(total, np.int64)
    for y in range(height):
        for x in range(width):
            if mask[y, x]:
                order[start[levels[y, x]]] = y * width + x
                start[levels[y, x]] += 1
    return order

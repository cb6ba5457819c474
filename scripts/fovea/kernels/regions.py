"""Neighbours, peaks, areas and growth of the regions of a labelled image."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def borders(labels, values, ridge):
    """Find all pairs of neighbouring pixels (of 4) with different labels, int32, neither 0.

    Values are (H, W) float32, `ridge` is (H, W) bool or int16. Returns for each pair the smaller
    label times 2**32 plus the larger one, (P,) int64; the lower of the two values, (P,) float32;
    and the larger of the two of the ridge, (P,) of its type.
    """
    height, width = labels.shape
    keys = np.empty(4096, np.int64)
    saddles = np.empty(4096, np.float32)
    crossed = np.empty(4096, ridge.dtype)
    n = 0
    for y in range(height):
        for x in range(width):
            a = np.int64(labels[y, x])
            if a == 0:
                continue
            for k in range(2):
                yy, xx = y + k, x + 1 - k
                if yy >= height or xx >= width:
                    continue
                b = np.int64(labels[yy, xx])
                if b == 0 or a == b:
                    continue
                if n == len(keys):
                    keys = np.concatenate((keys, np.empty_like(keys)))
                    saddles = np.concatenate((saddles, np.empty_like(saddles)))
                    crossed = np.concatenate((crossed, np.empty_like(crossed)))
                keys[n] = (min(a, b) << 32) | max(a, b)
                saddles[n] = min(values[y, x], values[yy, xx])
                crossed[n] = max(ridge[y, x], ridge[yy, xx])
                n += 1
    return keys[:n], saddles[:n], crossed[:n]


@kernel
def peaks_and_areas(labels, values, count):
    """Largest of the (H, W) float32 values, and number of pixels, of each of the labels 1..count.

    Returns (count + 1,) float32, -1 for a label that does not occur, and (count + 1,) int64.
    """
    peaks = np.full(count + 1, np.float32(-1))
    areas = np.zeros(count + 1, np.int64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            here = labels[y, x]
            if here > 0:
                areas[here] += 1
                peaks[here] = max(peaks[here], values[y, x])
    return peaks, areas


@kernel
def highest_of_neighbours(labels, values):
    """Largest value of each label and of those that it touches, (N + 1,) float64.

    Labels are (H, W) int32, 0..N, values (N + 1,) float64. Labels touch where two of their pixels
    are neighbours (of 4).
    """
    height, width = labels.shape
    highest = values.copy()
    for y in range(height):
        for x in range(width):
            a = labels[y, x]
            if a == 0:
                continue
            for k in range(2):
                yy, xx = y + k, x + 1 - k
                if yy < height and xx < width:
                    b = labels[yy, xx]
                    if b != a and b > 0:
                        highest[a] = max(highest[a], values[b])
                        highest[b] = max(highest[b], values[a])
    return highest


@kernel
def grow(labels, mask, steps):
    """Grow int32 labels into a mask, one pixel (of 4 neighbours) per step, in place.

    A pixel that several labels reach in one step gets the smallest of them. Only pixels that were
    reached in the step before can reach others. In the step in which a pixel is reached its label
    is negative, so that it does not reach others in the same step.
    """
    height, width = labels.shape
    reached = _edge(labels)
    n = len(reached)
    for _ in range(steps):
        following = np.empty(4 * n, np.int64)
        m = 0
        for place in reached[:n]:
            y, x = place // width, place % width
            for k in range(4):
                yy = y + (k == 3) - (k == 0)
                xx = x + (k == 2) - (k == 1)
                if 0 <= yy < height and 0 <= xx < width and mask[yy, xx]:
                    if labels[yy, xx] == 0:
                        following[m] = yy * width + xx
                        m += 1
                        labels[yy, xx] = -labels[y, x]
                    elif labels[yy, xx] < 0:
                        labels[yy, xx] = max(labels[yy, xx], -labels[y, x])
        _make_positive(labels, following[:m])
        reached, n = following, m


@kernel
def _make_positive(labels, places):
    """Change the sign of the labels of pixels, whose flat indices are given, in place."""
    width = labels.shape[1]
    for place in places:
        y, x = place // width, place % width
        labels[y, x] = -labels[y, x]


@kernel
def first_pixels_and_areas(labels, count):
    """Flat index of the first pixel in raster order, and number of pixels, of the labels 1..count.

    Both are (count + 1,) int64; the index is H W for a label that does not occur.
    """
    height, width = labels.shape
    first = np.full(count + 1, height * width, np.int64)
    areas = np.zeros(count + 1, np.int64)
    for y in range(height):
        for x in range(width):
            here = labels[y, x]
            if here > 0:
                areas[here] += 1
                if areas[here] == 1:
                    first[here] = y * width + x
    return first, areas


@kernel
def recede(labels, mask, steps):
    """Take pixels outside a mask from the edges of integer labels, one per step, in place.

    The edge of a label are its pixels with one of another label, or none, among their 4 neighbours;
    the image's border is no edge.
    """
    height, width = labels.shape
    edge = _edge(labels)
    n = 0
    for place in edge:
        if not mask[place // width, place % width]:
            edge[n] = place
            n += 1
    for _ in range(steps):
        after = np.empty(max(4 * n, 1), np.int64)
        m = 0
        for i in range(n):
            labels[edge[i] // width, edge[i] % width] = -1
        for i in range(n):
            y, x = edge[i] // width, edge[i] % width
            for k in range(4):
                yy = y + (k == 3) - (k == 0)
                xx = x + (k == 2) - (k == 1)
                if 0 <= yy < height and 0 <= xx < width and labels[yy, xx] > 0 and not mask[yy, xx]:
                    after[m] = yy * width + xx
                    m += 1
        for i in range(n):
            labels[edge[i] // width, edge[i] % width] = 0
        edge = np.unique(after[:m])
        n = len(edge)


@kernel
def _edge(labels):
    """Flat indices of labelled pixels with one of another label, or none, among 4 neighbours."""
    height, width = labels.shape
    edge = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            here = labels[y, x]
            if here <= 0:
                continue
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            if (
                labels[above, x] != here or labels[below, x] != here
                or labels[y, left] != here or labels[y, right] != here
            ):  # fmt: skip
                if n == len(edge):
                    edge = np.concatenate((edge, np.empty_like(edge)))
                edge[n] = y * width + x
                n += 1
    return edge[:n]

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

    Which neighbour a pixel joins, and so its peak, does not depend on the pixels taken before. Only
    peaks and the pixels where two of them meet have to be taken in order.
    """
    height, width = levels.shape
    heights = levels.ravel()
    top = _tops(levels, mask)
    places = _peaks_and_meetings(heights, top, width)
    order = _from_the_highest(heights, places)
    labels = np.zeros(height * width, np.int32)
    parent = np.empty(len(order) + 1, np.int32)
    peak = np.empty(len(order) + 1, np.int64)
    count = 0
    for place in order:
        level = np.int64(heights[place])
        if top[place] == place:
            count += 1
            parent[count] = count
            peak[count] = level
            labels[place] = count
            continue
        y, x = place // width, place % width
        for k in range(4):
            yy = y + (k == 3) - (k == 0)
            xx = x + (k == 2) - (k == 1)
            if not (0 <= yy < height and 0 <= xx < width):
                continue
            beside = yy * width + xx
            taken = heights[beside] > level or (heights[beside] == level and beside < place)
            if top[beside] < 0 or not taken:
                continue
            one = root(parent, labels[top[place]])
            other = root(parent, labels[top[beside]])
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
        if top[place] == place:
            labels[place] = number[root(parent, labels[place])]
    for place in range(height * width):
        if top[place] >= 0:
            labels[place] = labels[top[place]]
    return labels.reshape(height, width)


@kernel
def _tops(levels, mask):
    """Flat index of the peak of each pixel of a mask, (H W,) int32; -1 outside the mask."""
    height, width = levels.shape
    top = np.empty((height, width), np.int32)
    above = np.full(width + 2, np.int32(-1))
    here, below = above.copy(), above.copy()
    _put_levels(levels, mask, 0, below)
    for y in range(height):
        above, here, below = here, below, above
        _put_levels(levels, mask, y + 1, below)
        _join(above, here, below, y * width, top[y])
    flat = top.ravel()
    for place in range(height * width):
        if flat[place] >= 0:
            flat[place] = root(flat, place)
    return flat


@kernel
def _put_levels(levels, mask, y, line):
    """Put the levels of row y into the middle of a buffer; -1 outside the mask and the image."""
    if y == len(levels):
        line[:] = -1
        return
    row, inside = levels[y], mask[y]
    for x in range(len(row)):
        line[x + 1] = np.int32(row[x]) if inside[x] else np.int32(-1)


@kernel
def _join(above, here, below, start, out):
    """Flat index of the neighbour that each pixel of a row joins: its own for a peak, or -1.

    The rows of levels have one more at each end. Of equal neighbours, only the upper and the left
    one were taken before. Without branches the loop is vectorised.
    """
    width = np.int32(len(out))
    for x in range(len(out)):
        i = np.uint64(x)
        own = here[i + np.uint64(1)]
        place = np.int32(start + x)
        best, joined = own - np.int32(1), place
        level = above[i + np.uint64(1)]
        joined = place - width if level > best else joined
        best = max(best, level)
        level = here[i]
        joined = place - np.int32(1) if level > best else joined
        best = max(best, level, own)
        level = here[i + np.uint64(2)]
        joined = place + np.int32(1) if level > best else joined
        best = max(best, level)
        level = below[i + np.uint64(1)]
        joined = place + width if level > best else joined
        out[i] = joined if own >= 0 else np.int32(-1)


@kernel
def _peaks_and_meetings(heights, top, width):
    """Flat indices, in raster order, of peaks and of pixels beside one of another peak.

    Of two such neighbours it is the one taken later.
    """
    chosen = np.zeros(len(top), np.bool_)
    count = 0
    for place in range(len(top)):
        own = top[place]
        if own < 0:
            continue
        if own == place and not chosen[place]:
            chosen[place] = True
            count += 1
        for k in range(2):
            beside = place + (width if k else 1)
            if beside >= len(top) or (k == 0 and beside % width == 0):
                continue
            if top[beside] >= 0 and top[beside] != own:
                later = beside if heights[beside] <= heights[place] else place
                if not chosen[later]:
                    chosen[later] = True
                    count += 1
    places = np.empty(count, np.int64)
    count = 0
    for place in range(len(top)):
        if chosen[place]:
            places[count] = place
            count += 1
    return places


@kernel
def _from_the_highest(heights, places):
    """Sort flat indices by the uint16 level there, the highest first, else as they are."""
    start = np.zeros((1 << 16) + 1, np.int64)
    for place in places:
        start[heights[place]] += 1
    below = len(places)
    for level in range(1 << 16):
        below -= start[level]
        start[level] = below
    order = np.empty_like(places)
    for place in places:
        order[start[heights[place]]] = place
        start[heights[place]] += 1
    return order

"""Watershed, local maxima, borders and distances of labelled images."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

_FAR = 1 << 30


@kernel
def squared_distances(mask):
    """Squared distance to the nearest pixel outside the mask, (H, W) int64.

    The outside of the image does not count; where there is no pixel outside the mask, it is
    2**30. Columns by two passes, rows by the lower envelope of parabolas (Felzenszwalb and
    Huttenlocher 2012, Theory of Computing 8, 415).
    """
    height, width = mask.shape
    column = np.empty((height, width), np.int64)
    for x in range(width):
        column[0, x] = _FAR if mask[0, x] else 0
    for y in range(1, height):
        for x in range(width):
            column[y, x] = min(column[y - 1, x] + 1, _FAR) if mask[y, x] else 0
    for y in range(height - 2, -1, -1):
        for x in range(width):
            column[y, x] = min(column[y, x], column[y + 1, x] + 1)
    out = np.empty((height, width), np.int64)
    place = np.empty(width, np.int64)
    start = np.empty(width + 1, np.float64)
    for y in range(height):
        n = -1
        for x in range(width):
            if column[y, x] >= _FAR:
                continue
            value = column[y, x] * column[y, x] + x * x
            begins = -np.inf
            while n >= 0:
                p = place[n]
                begins = (value - column[y, p] * column[y, p] - p * p) / (2.0 * (x - p))
                if begins > start[n]:
                    break
                n -= 1
                begins = -np.inf
            n += 1
            place[n] = x
            start[n] = begins
        if n < 0:
            out[y] = _FAR
            continue
        k = 0
        for x in range(width):
            while k < n and start[k + 1] <= x:
                k += 1
            p = place[k]
            out[y, x] = column[y, p] * column[y, p] + (x - p) * (x - p)
    return out


@kernel
def peaks(values, mask):
    """Pixels of the mask that are no lower than their 8 neighbours in it, as flat indices."""
    height, width = values.shape
    found = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        for x in range(width):
            if not mask[y, x]:
                continue
            highest = True
            for yy in range(max(y - 1, 0), min(y + 2, height)):
                for xx in range(max(x - 1, 0), min(x + 2, width)):
                    if mask[yy, xx] and values[yy, xx] > values[y, x]:
                        highest = False
            if highest:
                if n == len(found):
                    found = np.concatenate((found, np.empty_like(found)))
                found[n] = y * width + x
                n += 1
    return found[:n]


@kernel
def thin_out(candidates, components, width, radius):
    """Those candidates that have none before them, kept, of their component within `radius`.

    Candidates are flat indices, the best first; a grid of cells as wide as the radius keeps the
    search local.
    """
    side = max(np.int64(np.ceil(radius)), 1)
    columns = width // side + 3
    rows = 3
    for c in candidates:
        rows = max(rows, (c // width) // side + 3)
    head = np.full((rows, columns), -1, np.int64)
    after = np.full(len(candidates), -1, np.int64)
    kept = np.empty(len(candidates), np.int64)
    n = 0
    for c in candidates:
        y, x = c // width, c % width
        row, column = y // side + 1, x // side + 1
        free = True
        for i in range(row - 1, row + 2):
            for j in range(column - 1, column + 2):
                if i >= rows or j >= columns:
                    continue
                k = head[i, j]
                while k >= 0 and free:
                    dy, dx = y - kept[k] // width, x - kept[k] % width
                    same = components[y, x] == components[kept[k] // width, kept[k] % width]
                    free = not same or dy * dy + dx * dx > radius * radius
                    k = after[k]
        if free:
            kept[n] = c
            after[n] = head[row, column]
            head[row, column] = n
            n += 1
    return kept[:n]


@kernel
def watershed(levels, mask, labels):
    """Flood the mask from the labels, in place; low levels first, then first come, first served.

    Parameters
    ----------
    levels : (H, W) uint8 or uint16
        Heights.
    mask : (H, W) bool
        Where to flood; neighbours are the 4 nearest pixels.
    labels : (H, W) int32
        Markers; the pixels that water reaches get their labels.
    """
    height, width = levels.shape
    highest = np.int64(levels.max()) if levels.size else 0
    first = np.full(highest + 2, -1, np.int32)
    last = np.full(highest + 2, -1, np.int32)
    following = np.full(height * width, -1, np.int32)
    level = highest + 1
    for y in range(height):
        for x in range(width):
            if labels[y, x] > 0 and mask[y, x]:
                place = np.int32(y * width + x)
                here = np.int64(levels[y, x])
                if first[here] < 0:
                    first[here] = place
                else:
                    following[last[here]] = place
                last[here] = place
                level = min(level, here)
    while level <= highest:
        if first[level] < 0:
            level += 1
            continue
        place = np.int64(first[level])
        first[level] = following[place]
        y, x = place // width, place % width
        for k in range(4):
            yy = y + (k == 3) - (k == 0)
            xx = x + (k == 2) - (k == 1)
            if 0 <= yy < height and 0 <= xx < width and mask[yy, xx] and labels[yy, xx] == 0:
                labels[yy, xx] = labels[y, x]
                other = np.int32(yy * width + xx)
                here = np.int64(levels[yy, xx])
                following[other] = -1
                if first[here] < 0:
                    first[here] = other
                else:
                    following[last[here]] = other
                last[here] = other
                level = min(level, here)


@kernel
def borders(labels, values):
    """Pairs of neighbouring pixels with different labels.

    Returns
    -------
    keys : (P,) int64
        Smaller label times 2**32 plus the larger.
    saddles : (P,) float32
        The lower of the two values.
    """
    height, width = labels.shape
    keys = np.empty(4096, np.int64)
    saddles = np.empty(4096, np.float32)
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
                keys[n] = (min(a, b) << 32) | max(a, b)
                saddles[n] = min(values[y, x], values[yy, xx])
                n += 1
    return keys[:n], saddles[:n]


@kernel
def highest(labels, values, count):
    """Largest value of each of the labels 0..count, (count + 1,) float32; -1 where there is none."""
    out = np.full(count + 1, np.float32(-1))
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            out[labels[y, x]] = max(out[labels[y, x]], values[y, x])
    return out


@kernel
def grow(labels, mask, steps):
    """Let labels grow into the mask, one pixel (of 4 neighbours) a step, the smaller label first."""
    height, width = labels.shape
    edge = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        for x in range(width):
            if labels[y, x] > 0:
                if n == len(edge):
                    edge = np.concatenate((edge, np.empty_like(edge)))
                edge[n] = y * width + x
                n += 1
    new = np.zeros((height, width), labels.dtype)
    for _ in range(steps):
        after = np.empty(max(4 * n, 1), np.int64)
        m = 0
        for i in range(n):
            y, x = edge[i] // width, edge[i] % width
            for k in range(4):
                yy = y + (k == 3) - (k == 0)
                xx = x + (k == 2) - (k == 1)
                if 0 <= yy < height and 0 <= xx < width and labels[yy, xx] == 0 and mask[yy, xx]:
                    if new[yy, xx] == 0:
                        after[m] = yy * width + xx
                        m += 1
                        new[yy, xx] = labels[y, x]
                    else:
                        new[yy, xx] = min(new[yy, xx], labels[y, x])
        for i in range(m):
            labels[after[i] // width, after[i] % width] = new[after[i] // width, after[i] % width]
        edge, n = after, m


@kernel
def first_pixels(labels, count):
    """First pixel in raster order of the labels 0..count; the number of pixels where there is none."""
    height, width = labels.shape
    out = np.full(count + 1, height * width, np.int64)
    for y in range(height):
        for x in range(width):
            if out[labels[y, x]] == height * width:
                out[labels[y, x]] = y * width + x
    return out


@kernel
def fill_simple(components, labels, count):
    """Label components that hold one marker or none, in place; a mask of those that hold several.

    Parameters
    ----------
    components : (H, W) unsigned integer
        Connected components, 0 background.
    labels : (H, W) int32
        Markers; a component with one gets its label as a whole, one with none a new label.
    count : int
        Largest label so far.
    """
    height, width = labels.shape
    number = 0
    for y in range(height):
        for x in range(width):
            number = max(number, np.int64(components[y, x]))
    only = np.zeros(number + 1, np.int32)
    for y in range(height):
        for x in range(width):
            marker = labels[y, x]
            if marker > 0:
                here = components[y, x]
                if only[here] == 0:
                    only[here] = marker
                elif only[here] != marker:
                    only[here] = -1
    for c in range(1, number + 1):
        if only[c] == 0:
            count += 1
            only[c] = count
    rest = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            here = components[y, x]
            if here > 0:
                if only[here] > 0:
                    labels[y, x] = only[here]
                else:
                    rest[y, x] = True
    return rest

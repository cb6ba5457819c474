"""Watershed of a labelled image, and the markers it starts from."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def maxima(values, mask, radius, least):
    """Find the pixels of a mask that are the highest within a radius.

    Returns ascending flat indices. Values are (H, W) float32; maxima are higher than `least`. Of
    equal pixels the first one in raster order counts as the higher, so that a plateau has one
    maximum. Pixels outside the mask take part in the comparison. Most pixels have a higher one
    among their 8 neighbours; only the others are compared with the whole disk.
    """
    height, width = values.shape
    reach = np.int64(np.floor(radius))
    found = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        for x in range(width):
            here = values[y, x]
            if not mask[y, x] or here <= least:
                continue
            if not _highest(values, y, x, min(reach, 1), 2.0):
                continue
            if not _highest(values, y, x, reach, radius * radius):
                continue
            found = _append(found, n, y * width + x)
            n += 1
    return found[:n]


@kernel
def _append(found, n, place):
    """Write an entry at n, into an array of twice the size if it is full; returns the array."""
    if n == len(found):
        found = np.concatenate((found, np.empty_like(found)))
    found[n] = place
    return found


@kernel
def _highest(values, y, x, reach, squared):
    """Whether no pixel within `reach` rows and columns and a squared distance is higher."""
    height, width = values.shape
    here = values[y, x]
    for yy in range(max(y - reach, 0), min(y + reach + 1, height)):
        for xx in range(max(x - reach, 0), min(x + reach + 1, width)):
            dy, dx = yy - y, xx - x
            if dy * dy + dx * dx > squared:
                continue
            other = values[yy, xx]
            if other > here or (other == here and (dy < 0 or (dy == 0 and dx < 0))):
                return False
    return True


@kernel
def peaks(values, mask):
    """Find the pixels of a mask that are at least as high as their 8 neighbours in it.

    Values are (H, W) float32. Returns ascending flat indices.
    """
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
                found = _append(found, n, y * width + x)
                n += 1
    return found[:n]


@kernel
def thin_out(candidates, components, width, radius):
    """Keep the candidates that have no better one of their component within a radius in pixels.

    Candidates are flat indices, the best one first, as are those that are returned; `components` is
    a label image of the given width. A grid of cells as wide as the radius limits the comparison to
    nearby candidates.
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
    """Flood a mask from markers: low levels first, within a level in the order of arrival.

    Levels are (H, W) uint8 or uint16; `labels` (H, W) int32 holds the markers, and the pixels that
    are flooded get their labels, in place.
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
def heights(depth, ridge, mask, step, top, steps):
    """Levels of a watershed: steps * (top - depth + step on the ridge); 0 outside the mask.

    The depth is (H, W) float32, ridge and mask are (H, W) bool, scalars float32. Returns uint16.
    """
    height, width = depth.shape
    out = np.zeros((height, width), np.uint16)
    for y in range(height):
        for x in range(width):
            if mask[y, x]:
                level = top - depth[y, x]
                if ridge[y, x]:
                    level = level + step
                out[y, x] = np.uint16(max(steps * level, np.float32(0)))
    return out


@kernel
def fill_simple(components, labels, count):
    """Label the components that hold at most one marker, in place; return the pixels of the others.

    `components` is a label image. A component with one of the markers in `labels` (H, W) int32 gets
    its label as a whole, one without gets a new label after `count`, the largest so far.
    """
    height, width = labels.shape
    number = np.int64(components.max()) if components.size else 0
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

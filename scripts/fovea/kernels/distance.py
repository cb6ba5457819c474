"""Euclidean distance to the background."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

FAR = 1 << 30  # distance along a column in which there is no background


@kernel
def distances(mask, farthest):
    """Return the distance of each pixel of a mask to the nearest pixel outside it.

    Distances are float32, in pixels. Pixels outside the image do not count as background; distances
    are limited to `farthest` (float32), and 0 outside the mask. Squared distances are exact
    integers: two passes along the columns, then the lower envelope of parabolas along each row
    (Felzenszwalb and Huttenlocher 2012, Theory of Computing 8, 415). The envelope is computed for
    each run of the mask separately, because the pixels at both ends of a run are background and
    nothing beyond them can be nearer; the time is therefore proportional to the number of pixels in
    the mask.
    """
    height, width = mask.shape
    column = np.empty((height, width), np.int32)
    for x in range(width):
        column[0, x] = FAR if mask[0, x] else 0
    for y in range(1, height):
        for x in range(width):
            column[y, x] = min(column[y - 1, x] + 1, FAR) if mask[y, x] else 0
    for y in range(height - 2, -1, -1):
        for x in range(width):
            column[y, x] = min(column[y, x], column[y + 1, x] + 1)
    out = np.zeros((height, width), np.float32)
    place = np.empty(width, np.int64)
    start = np.empty(width + 1, np.float64)
    for y in range(height):
        x = 0
        while x < width:
            if not mask[y, x]:
                x += 1
                continue
            stop = x
            while stop < width and mask[y, stop]:
                stop += 1
            ends = max(x - 1, 0), min(stop + 1, width)
            _run(column[y], out[y], ends, x, stop, farthest, place, start)
            x = stop
    return out


@kernel
def _run(column, out, ends, begin, stop, farthest, place, start):
    """Distances of the pixels begin..stop - 1 of a row from the columns ends[0]..ends[1] - 1."""
    n = -1
    for x in range(ends[0], ends[1]):
        if column[x] >= FAR:
            continue
        value = np.int64(column[x]) * column[x] + x * x
        begins = -np.inf
        while n >= 0:
            p = place[n]
            begins = (value - np.int64(column[p]) * column[p] - p * p) / (2.0 * (x - p))
            if begins > start[n]:
                break
            n -= 1
            begins = -np.inf
        n += 1
        place[n] = x
        start[n] = begins
    if n < 0:
        out[begin:stop] = farthest
        return
    k = 0
    for x in range(begin, stop):
        while k < n and start[k + 1] <= x:
            k += 1
        p = place[k]
        squared = np.int64(column[p]) * column[p] + (x - p) * (x - p)
        out[x] = min(np.float32(np.sqrt(squared)), farthest)

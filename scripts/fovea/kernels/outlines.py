"""Outlines of the objects of a labelled image: brightness across them, and their convex hulls."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def steps_across(labels, image, depth, dy, dx, count):
    """Sum how brightness changes from inside each object to its outline.

    Every pair of neighbouring pixels (of 4), one in the object and one not, is a place on its
    outline. The step there is the mean of the pair in `image` (H, W) float32, moved by `dy`, `dx`
    pixels, minus the pixel `depth` further inside, or the last one in the object in that direction.
    Pairs that the move takes out of the image do not count.

    Returns (count + 1, 3) float64, for the labels 0..count: the sum of the steps, the sum of their
    sizes, and their number.
    """
    height, width = labels.shape
    out = np.zeros((count + 1, 3))
    for y in range(height):
        for x in range(width):
            here = labels[y, x]
            if here == 0:
                continue
            for k in range(4):
                sy = (k == 3) - (k == 0)
                sx = (k == 2) - (k == 1)
                yy, xx = y + sy, x + sx
                if not (0 <= yy < height and 0 <= xx < width) or labels[yy, xx] == here:
                    continue
                iy, ix = y, x
                for _ in range(depth):
                    ny, nx = iy - sy, ix - sx
                    if not (0 <= ny < height and 0 <= nx < width) or labels[ny, nx] != here:
                        break
                    iy, ix = ny, nx
                if not (min(iy, yy) + dy >= 0 and max(iy, yy) + dy < height):
                    continue
                if not (min(ix, xx) + dx >= 0 and max(ix, xx) + dx < width):
                    continue
                edge = 0.5 * (
                    np.float64(image[y + dy, x + dx]) + np.float64(image[yy + dy, xx + dx])
                )
                step = edge - np.float64(image[iy + dy, ix + dx])
                out[here, 0] += step
                out[here, 1] += abs(step)
                out[here, 2] += 1.0
    return out


@kernel
def hull_areas(labels, boxes):
    """Areas of the convex hulls of the pixels' corners of the labels 1..N, (N,) float64.

    Boxes are (N, 4) y0, x0, y1, x1 with exclusive ends; 0 for a label without pixels.
    """
    out = np.zeros(len(boxes))
    for i in range(len(boxes)):
        y0, x0, y1, x1 = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        if y1 <= y0:
            continue
        # Corners of the leftmost and rightmost pixels, at the heights 0..n between rows.
        n = y1 - y0
        left = np.full(n + 1, np.int64(x1))
        right = np.full(n + 1, np.int64(x0))
        for y in range(y0, y1):
            for x in range(x0, x1):
                if labels[y, x] == i + 1:
                    for t in (y - y0, y - y0 + 1):
                        left[t] = min(left[t], x)
                        right[t] = max(right[t], x + 1)
        # The right side's hull lies above its points, and so does that of the mirrored left side.
        out[i] = _under_hull(right) + _under_hull(-left)
    return out


@kernel
def _under_hull(values):
    """Area under the upper convex hull of the points (0, values[0]), (1, values[1]), …"""
    chain = np.empty(len(values), np.int64)
    n = 0
    for t in range(len(values)):
        while n > 1:
            a, b = chain[n - 2], chain[n - 1]
            if (b - a) * (values[t] - values[a]) - (t - a) * (values[b] - values[a]) >= 0:
                n -= 1
            else:
                break
        chain[n] = t
        n += 1
    area = 0.0
    for k in range(1, n):
        a, b = chain[k - 1], chain[k]
        area += 0.5 * (b - a) * np.float64(values[a] + values[b])
    return area

"""Moments of the background pixels of blocks: where they lie, to second order."""

from __future__ import annotations

import numpy as np

from fovea.kernels.bits import ALL, lowest_bit
from fovea.kernels.jit import kernel

#: Terms of a polynomial of degree 2: 1, y, x, y², yx, x².
TERMS = 6


@kernel
def free_moments(covered, borders_y, borders_x):
    """Moments of the uncovered pixels of each block: number, Σy, Σx, Σy², Σyx, Σx².

    `covered` is the packed mask, borders are as in `fovea.kernels.tiles.block_medians`. Returns
    (ny, nx, 6) int64, rows and columns of the frame, in pixels. They are those of all pixels less
    those of the covered ones, which are few in most frames.
    """
    ny, nx = len(borders_y) - 1, len(borders_x) - 1
    moments = np.empty((ny, nx, TERMS), np.int64)
    for i in range(ny):
        y0, y1 = borders_y[i], borders_y[i + 1]
        for j in range(nx):
            x0, x1 = borders_x[j], borders_x[j + 1]
            here = moments[i, j]
            here[0] = (y1 - y0) * (x1 - x0)
            here[1] = _sum(y0, y1) * (x1 - x0)
            here[2] = (y1 - y0) * _sum(x0, x1)
            here[3] = _sum_of_squares(y0, y1) * (x1 - x0)
            here[4] = _sum(y0, y1) * _sum(x0, x1)
            here[5] = (y1 - y0) * _sum_of_squares(x0, x1)
        for y in range(y0, y1):
            j = 0
            for k in range(covered.shape[1]):
                word = covered[y, k]
                if word == 0:
                    continue
                x, end = k << 6, min((k + 1) << 6, borders_x[nx])
                while borders_x[j + 1] <= x:
                    j += 1
                while x < end:
                    stop = min(end, borders_x[j + 1])
                    _subtract(moments[i, j], y, x, stop, word)
                    x = stop
                    j += x == borders_x[j + 1] and x < end
    return moments


@kernel
def _subtract(moments, y, x0, x1, word):
    """Subtract the covered pixels x0 .. x1 - 1 of a row, which are bits of one word."""
    rest = word >> np.uint64(x0 & 63)
    while rest != 0:  # run by run
        start = x0 + lowest_bit(rest)
        rest >>= np.uint64(start - x0)
        stop = start + lowest_bit(~rest) if rest != ALL else start + 64
        if start >= x1:
            return
        end = min(stop, x1)
        n, sx, sxx = end - start, _sum(start, end), _sum_of_squares(start, end)
        moments[0] -= n
        moments[1] -= n * y
        moments[2] -= sx
        moments[3] -= n * y * y
        moments[4] -= sx * y
        moments[5] -= sxx
        if stop >= x1:
            return
        rest >>= np.uint64(stop - start)
        x0 = stop


@kernel
def _sum(start, stop):
    """Sum of start .. stop - 1."""
    return (stop - start) * (start + stop - 1) // 2


@kernel
def _sum_of_squares(start, stop):
    """Sum of the squares of start .. stop - 1."""
    return (stop * (stop - 1) * (2 * stop - 1) - start * (start - 1) * (2 * start - 1)) // 6


@kernel
def means_of(moments):
    """Means of the terms over the uncovered pixels of blocks, (ny, nx, 6) float64; NaN for none."""
    ny, nx = moments.shape[:2]
    means = np.empty((ny, nx, TERMS))
    for i in range(ny):
        for j in range(nx):
            for a in range(TERMS):
                means[i, j, a] = moments[i, j, a] / moments[i, j, 0]
    return means

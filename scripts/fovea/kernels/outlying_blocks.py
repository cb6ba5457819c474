"""Robust weights of blocks: those that stand out from the blocks around them count less.

Blocks stand out where cells were not found, or by debris. What is usual differs within a frame, so
that a block is compared with the 3 x 3 blocks around it as well as with all others.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

#: Up to this many times their usual size residuals have full weight, from there on none.
_USUAL, _CUT = 3.0, 6.0
#: Residuals in counts that are usual in any frame: counts are whole numbers.
_FINEST = 0.05
#: A normal distribution's standard deviation is this many times its median absolute deviation.
_SIGMAS = 1.4826


@kernel
def from_neighbours(values):
    """Compare blocks with the median of the 3 x 3 blocks around them, themselves included.

    Values are (ny, nx) float64, NaN for none. Returns what a block differs by, and the median of
    what the blocks around it differ by from that median; NaN for none.
    """
    ny, nx = values.shape
    rest = np.full((ny, nx), np.nan)
    spread = np.full((ny, nx), np.nan)
    around = np.empty(9)
    for i in range(ny):
        for j in range(nx):
            if np.isnan(values[i, j]):
                continue
            n = _gather(values, i, j, around)
            middle = _median(around, n)
            rest[i, j] = values[i, j] - middle
            for k in range(n):
                around[k] = abs(around[k] - middle)
            spread[i, j] = _median(around, n)
    return rest, spread


@kernel
def spread_around(rest):
    """Median of the absolute residuals of the 3 x 3 blocks around each block, NaN where it is."""
    ny, nx = rest.shape
    spread = np.full((ny, nx), np.nan)
    around = np.empty(9)
    for i in range(ny):
        for j in range(nx):
            if np.isnan(rest[i, j]):
                continue
            n = _gather(rest, i, j, around)
            for k in range(n):
                around[k] = abs(around[k])
            spread[i, j] = _median(around, n)
    return spread


@kernel
def weights(rest, spread):
    """Weights (ny, nx) of residuals: 1 up to 3 times their usual size, 0 from 6 times on or if NaN.

    The usual size of a residual is the larger one of the median of all, and of `spread`. Between,
    weights decrease like Tukey's.
    """
    ny, nx = rest.shape
    sizes = np.abs(rest).ravel()
    sizes = sizes[~np.isnan(sizes)]
    everywhere = _FINEST
    if len(sizes) > 0:
        everywhere = max(everywhere, _SIGMAS * np.median(sizes))
    found = np.zeros((ny, nx))
    for i in range(ny):
        for j in range(nx):
            if not np.isnan(rest[i, j]):
                z = abs(rest[i, j]) / max(everywhere, _SIGMAS * spread[i, j])
                beyond = max(z - _USUAL, 0.0) / (_CUT - _USUAL)
                if beyond < 1.0:
                    found[i, j] = (1 - beyond * beyond) ** 2
    return found


@kernel
def _gather(values, i, j, out):
    """Put the 3 x 3 values around (i, j) that are there and not NaN into `out`; how many."""
    n = 0
    for k in range(max(i - 1, 0), min(i + 2, values.shape[0])):
        for m in range(max(j - 1, 0), min(j + 2, values.shape[1])):
            if not np.isnan(values[k, m]):
                out[n] = values[k, m]
                n += 1
    return n


@kernel
def _median(values, n):
    """Median of the first `n` values, which are sorted in place."""
    for k in range(1, n):
        value = values[k]
        m = k
        while m > 0 and values[m - 1] > value:
            values[m] = values[m - 1]
            m -= 1
        values[m] = value
    return (values[(n - 1) // 2] + values[n // 2]) / 2

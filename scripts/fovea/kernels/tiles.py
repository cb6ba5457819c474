"""Medians of overlapping tiles by counting.

Every pixel is counted once, into the histogram of the block it lies in; blocks are what the
borders of all tiles cut the frame into, so that a tile is a rectangle of blocks. A tile's
histogram is the sum of its blocks', and its median is read from it, exactly.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.bits import ALL
from fovea.kernels.jit import kernel


@kernel
def _count_rows(frame, covered, y0, y1, borders, base, counts):
    """Count the uncovered pixels of rows y0..y1-1 into `counts` (blocks, bins).

    Bin 0 holds what lies below base, the last one what lies above all bins.
    """
    top = np.uint32(counts.shape[1] - 1)
    below = np.int32(base - 1)
    counts[:] = 0
    for y in range(y0, y1):
        for j in range(len(borders) - 1):
            x = borders[j]
            while x < borders[j + 1]:
                stop = min(borders[j + 1], ((x >> 6) + 1) << 6)
                word = covered[y, x >> 6]
                if word == 0:
                    _count(frame[y, x:stop], below, top, counts[j])
                elif word != ALL:
                    _count_some(frame[y, x:stop], word >> np.uint64(x & 63), below, top, counts[j])
                x = stop


@kernel
def _count(values, below, top, counts):
    # unsigned indices need no check for negative ones
    one = counts.dtype.type(1)
    for k in range(len(values)):
        counts[min(np.uint32(max(np.int32(values[k]) - below, np.int32(0))), top)] += one


@kernel
def _count_some(values, covered, below, top, counts):
    one = counts.dtype.type(1)
    for k in range(len(values)):
        if (covered >> np.uint64(k)) & np.uint64(1) == 0:
            counts[min(np.uint32(max(np.int32(values[k]) - below, np.int32(0))), top)] += one


@kernel
def _order_statistic(counts, rank):
    """Bin of the element of this rank (from 0), and its rank within the bin."""
    passed = np.int64(0)
    k = 0
    while passed + np.int64(counts[k]) <= rank:
        passed += np.int64(counts[k])
        k += 1
    return k, rank - passed


@kernel
def _select(frame, covered, y0, y1, x0, x1, rank):
    """The value of this rank among a tile's uncovered pixels, by counting twice."""
    coarse = np.zeros(256, np.int64)
    fine = np.zeros(256, np.int64)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if (covered[y, x >> 6] >> np.uint64(x & 63)) & np.uint64(1) == 0:
                coarse[frame[y, x] >> 8] += 1
    high, rest = _order_statistic(coarse, rank)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if (covered[y, x >> 6] >> np.uint64(x & 63)) & np.uint64(1) == 0 and (
                frame[y, x] >> 8 == high
            ):
                fine[frame[y, x] & 255] += 1
    low, _ = _order_statistic(fine, rest)
    return (high << 8) + low


@kernel
def tile_medians(frame, covered, starts_y, size_y, starts_x, size_x, base, ring):
    """Median of the uncovered pixels of each tile.

    Parameters
    ----------
    frame : (H, W) uint16
        Counts.
    covered : (H, ceil(W / 64)) uint64
        Packed mask of pixels to leave out.
    starts_y, starts_x : (ny,), (nx,) int64
        First row and column of the tiles.
    size_y, size_x : int
        Size of the tiles in pixels.
    base : int
        Counts from base on have a bin of their own. A median outside of the bins is found by
        counting the tile anew, so base and bins set the speed and not the result.
    ring : (depth, blocks, bins) uint16 or uint32
        Room for the histograms of the rows of blocks that one row of tiles covers; see
        `block_borders`. uint16 holds the counts of tiles of up to 65,535 pixels.

    Returns
    -------
    medians : (ny, nx) float64
        NaN for a tile without an uncovered pixel.
    numbers : (ny, nx) int64
        Uncovered pixels.
    """
    ny, nx = len(starts_y), len(starts_x)
    rows = np.unique(np.concatenate((starts_y, starts_y + size_y)))
    columns = np.unique(np.concatenate((starts_x, starts_x + size_x)))
    depth, _, bins = ring.shape
    medians = np.full((ny, nx), np.nan)
    numbers = np.zeros((ny, nx), np.int64)
    band = np.zeros(ring.shape[1:], ring.dtype)
    total = np.zeros(bins, ring.dtype)
    ready = 0
    for i in range(ny):
        y0, y1 = starts_y[i], starts_y[i] + size_y
        first = np.searchsorted(rows, y0)
        last = np.searchsorted(rows, y1)
        while ready < last:
            if ready >= first:
                here = ring[ready % depth]
                _count_rows(frame, covered, rows[ready], rows[ready + 1], columns, base, here)
            ready += 1
        band[:] = ring[first % depth]
        for k in range(first + 1, last):
            _add(band.ravel(), ring[k % depth].ravel())
        for j in range(nx):
            x0, x1 = starts_x[j], starts_x[j] + size_x
            left = np.searchsorted(columns, x0)
            right = np.searchsorted(columns, x1)
            total[:] = band[left]
            for k in range(left + 1, right):
                _add(total, band[k])
            n = np.int64(0)
            for k in range(bins):
                n += np.int64(total[k])
            numbers[i, j] = n
            if n == 0:
                continue
            median = 0.0
            for rank in ((n - 1) // 2, n // 2):
                k, _ = _order_statistic(total, rank)
                if 0 < k < bins - 1:
                    median += base - 1 + k
                else:
                    median += _select(frame, covered, y0, y1, x0, x1, rank)
            medians[i, j] = median / 2
    return medians, numbers


@kernel
def _add(total, more):
    for k in range(len(total)):
        total[k] += more[k]


def block_borders(starts: np.ndarray, size: int) -> tuple[int, int]:
    """Number of blocks along an axis, and the most of them that one tile consists of."""
    borders = np.unique(np.concatenate((starts, starts + size)))
    inside = np.searchsorted(borders, starts + size) - np.searchsorted(borders, starts)
    return len(borders) - 1, int(inside.max())


@kernel
def sample_uncovered(frame, covered, every):
    """Values of one in `every` uncovered pixels of a frame."""
    height, width = frame.shape
    out = np.empty(height * width // every + 1, frame.dtype)
    n = 0
    for position in range(0, height * width, every):
        y, x = divmod(position, width)
        if (covered[y, x >> 6] >> np.uint64(x & 63)) & np.uint64(1) == 0:
            out[n] = frame[y, x]
            n += 1
    return out[:n]


@kernel
def fill_from_neighbours(values):
    """Give tiles that are NaN the mean of their neighbours (of 8), ring by ring, in place."""
    ny, nx = values.shape
    missing = True
    while missing:
        missing = False
        known = values.copy()
        for i in range(ny):
            for j in range(nx):
                if not np.isnan(known[i, j]):
                    continue
                total = 0.0
                n = 0
                for k in range(max(i - 1, 0), min(i + 2, ny)):
                    for m in range(max(j - 1, 0), min(j + 2, nx)):
                        if not np.isnan(known[k, m]):
                            total += known[k, m]
                            n += 1
                if n > 0:
                    values[i, j] = total / n
                else:
                    missing = True

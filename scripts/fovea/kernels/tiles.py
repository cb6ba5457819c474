"""Medians of overlapping tiles from histograms.

The borders of all tiles divide the frame into blocks, so that every tile is a rectangle of blocks.
Every pixel is counted once, in the histogram of its block; the histogram of a tile is the sum of
those of its blocks, and gives its median exactly. Blocks that do not overlap may have levels of
their own. Pixels in the packed mask `covered` are left out.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.bits import ALL
from fovea.kernels.jit import kernel


@kernel
def _count_rows(frame, covered, y0, y1, borders, base, counts):
    """Count the uncovered pixels of rows y0..y1 - 1 into `counts` (blocks, bins), which is cleared.

    Bin 0 holds values below `base`, the last bin those above all others.
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
    """Count all values of a part of a row."""
    # unsigned indices save the compiler the check for negative ones
    one = counts.dtype.type(1)
    for k in range(len(values)):
        counts[min(np.uint32(max(np.int32(values[k]) - below, np.int32(0))), top)] += one


@kernel
def _count_some(values, covered, below, top, counts):
    """Count the values of a part of a row whose bits in `covered` are 0."""
    one = counts.dtype.type(1)
    for k in range(len(values)):
        if (covered >> np.uint64(k)) & np.uint64(1) == 0:
            counts[min(np.uint32(max(np.int32(values[k]) - below, np.int32(0))), top)] += one


@kernel
def _order_statistic(counts, rank):
    """Bin of the element of a rank (from 0), and its rank within the bin."""
    passed = np.int64(0)
    k = 0
    while passed + np.int64(counts[k]) <= rank:
        passed += np.int64(counts[k])
        k += 1
    return k, rank - passed


@kernel
def _select(frame, covered, y0, y1, x0, x1, rank):
    """The value of a rank among the uncovered pixels of a tile, by two passes of counting."""
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
    """Median of the uncovered pixels of each tile of a (H, W) uint16 frame.

    Tiles of `size_y` x `size_x` pixels begin at the rows `starts_y` and columns `starts_x`, (ny,)
    and (nx,) int64. Counts from `base` on have a bin each. A median outside the bins is found by
    counting the tile again, so `base` and the number of bins affect the speed only. `ring` (depth,
    blocks, bins) is a buffer for the histograms of the rows of blocks that one row of tiles covers,
    see `block_borders`; uint16 suffices for tiles of up to 65,535 pixels, uint32 for all. Returns
    the medians, (ny, nx) float64, NaN for a tile without an uncovered pixel, and the number of
    uncovered pixels, (ny, nx) int64.
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
def block_levels(frame, covered, borders_y, borders_x, numbers, base, bins):
    """Robust means of the uncovered pixels of blocks of a (H, W) uint16 frame.

    Block i begins at row `borders_y`[i] and ends before the next, likewise along x; borders are
    (ny + 1,) and (nx + 1,) int64. `numbers` (ny, nx) int64 are those of uncovered pixels; `base`
    and `bins` affect the speed only, as in `tile_medians`. A level is the mean of the counts within
    `reach` of the median. Unlike the median itself it is the mean of the background also where that
    rises within a block as much as its noise is. Returns (ny, nx) float64, NaN for a block without
    an uncovered pixel.
    """
    ny, nx = len(borders_y) - 1, len(borders_x) - 1
    levels = np.full((ny, nx), np.nan)
    counts = np.zeros((nx, bins), np.uint32)
    for i in range(ny):
        y0, y1 = borders_y[i], borders_y[i + 1]
        _count_rows(frame, covered, y0, y1, borders_x, base, counts)
        for j in range(nx):
            n = numbers[i, j]
            if n == 0:
                continue
            here = counts[j]
            # the bins of the lower quartile, the median and the upper quartile, in one pass
            k, passed = 0, np.int64(here[0])
            while passed <= (n - 1) // 4:
                k += 1
                passed += np.int64(here[k])
            low = k
            while passed <= (n - 1) // 2:
                k += 1
                passed += np.int64(here[k])
            middle = k
            while passed <= 3 * (n - 1) // 4:
                k += 1
                passed += np.int64(here[k])
            first, last = within_reach(low, middle, k)
            if base == 0:
                first = max(first, 1)  # no count is below 0
            if low > 0 and first > 0 and last < bins - 1:
                total, used = np.int64(0), np.int64(0)
                for k in range(first, last + 1):
                    used += np.int64(here[k])
                    total += np.int64(here[k]) * (k - middle)
                levels[i, j] = base - 1 + middle + total / used
            else:
                levels[i, j] = _level(frame, covered, y0, y1, borders_x[j], borders_x[j + 1], n)
    return levels


@kernel
def within_reach(low, middle, high):
    """First and last count within 3 robust standard deviations of the median, at least 3 counts.

    The arguments are quartiles; of a normal distribution they are 1.349 standard deviations apart.
    """
    reach = max(np.int64(3 * (high - low) / 1.349), np.int64(3))
    return middle - reach, middle + reach


@kernel
def _level(frame, covered, y0, y1, x0, x1, n):
    """The level of a block, as `block_levels` has it, by counting its `n` uncovered pixels anew."""
    low = _select(frame, covered, y0, y1, x0, x1, (n - 1) // 4)
    middle = _select(frame, covered, y0, y1, x0, x1, (n - 1) // 2)
    high = _select(frame, covered, y0, y1, x0, x1, 3 * (n - 1) // 4)
    first, last = within_reach(low, middle, high)
    total, used = np.int64(0), np.int64(0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if (covered[y, x >> 6] >> np.uint64(x & 63)) & np.uint64(1) == 0:
                value = np.int64(frame[y, x])
                if first <= value <= last:
                    used += 1
                    total += value - middle
    return middle + total / used


@kernel
def _add(total, more):
    """Add a histogram to another, in place."""
    for k in range(len(total)):
        total[k] += more[k]


def block_borders(starts: np.ndarray, size: int) -> tuple[int, int]:
    """Number of blocks along an axis, and the largest number of them in one tile."""
    borders = np.unique(np.concatenate((starts, starts + size)))
    inside = np.searchsorted(borders, starts + size) - np.searchsorted(borders, starts)
    return len(borders) - 1, int(inside.max())


@kernel
def sample_uncovered(frame, covered, every):
    """Sample one in `every` pixels of a frame; returns the uncovered ones, (n,) uint16."""
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
    """Fill tiles that are NaN with the mean of their neighbours (of 8), ring by ring, in place.

    At least one of the (ny, nx) float64 values is not NaN.
    """
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

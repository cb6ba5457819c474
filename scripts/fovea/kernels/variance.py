"""Local variance in exact integers, and counts of it.

For n = window² pixels, V = n Σx² - (Σx)² is n² times the variance. Unsigned arithmetic wraps
around without losing anything as long as V itself fits, so 32-bit words (twice as many in a
vector register as 64-bit ones) serve whenever V < 2**32; 64-bit words always do for windows up to
99 pixels. Box sums are running sums down the columns, then along the row.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def _reflect(i, size):
    """Index of a neighbour outside the borders: d c b a | a b c d | d c b a."""
    period = 2 * size
    i %= period
    return i if i < size else period - 1 - i


@kernel
def local_variance(frame, window, out):
    """V of every pixel's neighbourhood, and n² where V is 0 (see Notes).

    Parameters
    ----------
    frame : (H, W) uint16
        Counts.
    window : int
        Odd size of the neighbourhood.
    out : (H, W) uint32 or uint64
        Receives V; its type is the type of the arithmetic.

    Returns
    -------
    lowest, highest : int
        Extremes of V.

    Notes
    -----
    The logarithm of the standard deviation is defined as 0 where the variance is 0. A variance of
    1 has the same logarithm, so V = n² stands for V = 0, and the logarithm is monotonic in V.
    """
    height, width = frame.shape
    half = window // 2
    n = out.dtype.type(window * window)
    zero = out.dtype.type(0)
    sums = np.zeros(width + 2 * half, out.dtype)
    squares = np.zeros(width + 2 * half, out.dtype)
    for dy in range(-half, half + 1):
        row = frame[_reflect(dy, height)]
        for x in range(width):
            value = out.dtype.type(row[x])
            sums[half + x] += value
            squares[half + x] += value * value
    lowest = ~zero
    highest = zero
    for y in range(height):
        if y > 0:
            coming = frame[_reflect(y + half, height)]
            going = frame[_reflect(y - half - 1, height)]
            for x in range(width):
                new = out.dtype.type(coming[x])
                old = out.dtype.type(going[x])
                sums[half + x] += new - old
                squares[half + x] += new * new - old * old
        for k in range(1, half + 1):
            left = half + _reflect(-k, width)
            right = half + _reflect(width - 1 + k, width)
            sums[half - k] = sums[left]
            squares[half - k] = squares[left]
            sums[half + width - 1 + k] = sums[right]
            squares[half + width - 1 + k] = squares[right]
        target = out[y]
        if window == 3:
            for x in range(width):
                # numba's integers grow to 64 bits in between; wrap them around again
                s = out.dtype.type(sums[x] + sums[x + 1] + sums[x + 2])
                q = out.dtype.type(squares[x] + squares[x + 1] + squares[x + 2])
                v = out.dtype.type(n * q - s * s)
                target[x] = v if v != zero else n * n
        else:
            s = zero
            q = zero
            for k in range(window - 1):
                s += sums[k]
                q += squares[k]
            for x in range(width):
                s += sums[x + window - 1]
                q += squares[x + window - 1]
                v = out.dtype.type(n * q - s * s)
                target[x] = v if v != zero else n * n
                s -= sums[x]
                q -= squares[x]
        for x in range(width):
            lowest = min(lowest, target[x])
            highest = max(highest, target[x])
    return lowest, highest


@kernel
def count_bins(values, starts, guess):
    """Histogram of (H, W) unsigned integers for bins given by their first integers.

    Parameters
    ----------
    values : (H, W) uint32 or uint64
    starts : (bins + 1,) uint64
        First integer of each bin; the last entry is larger than every value.
    guess : (codes,) int64
        A bin at or before the right one for each code of `bin_code`.

    Returns
    -------
    (bins,) int64
    """
    counts = np.zeros(len(starts) - 1, np.int64)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            value = np.uint64(values[y, x])
            k = guess[bin_code(value)]
            while value >= starts[k + 1]:
                k += 1
            counts[k] += 1
    return counts


CODE_BITS = 7  # of the mantissa: steps of V well under 1 %
_SHIFT = np.uint64(52 - CODE_BITS)
_FIRST = np.uint64(1023 << CODE_BITS)  # code of 1


@kernel
def bin_code(value):
    """Leading bits of an integer > 0 as a floating-point number: equal steps of its logarithm."""
    return (np.float64(value).view(np.uint64) >> _SHIFT) - _FIRST


def bin_codes(values: np.ndarray) -> np.ndarray:
    """`bin_code` of an array."""
    return ((values.astype(np.float64).view(np.uint64) >> _SHIFT) - _FIRST).astype(np.int64)


def first_values(codes: np.ndarray) -> np.ndarray:
    """Smallest floating-point number of each code."""
    return ((codes.astype(np.uint64) + _FIRST) << _SHIFT).view(np.float64)


@kernel
def count_values(values, base, table, codes):
    """Count integers: one by one where the table reaches, by `bin_code` beyond it.

    Parameters
    ----------
    values : (H, W) uint32 or uint64
    base : int
        The smallest of them.
    table : (n,) uint32
        Receives the occurrences of base, base + 1, ...
    codes : (m,) uint32
        Receives the occurrences of larger values, by their code.
    """
    reach = np.uint64(len(table))
    base = np.uint64(base)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            position = np.uint64(values[y, x]) - base
            if position < reach:
                table[position] += np.uint32(1)
            else:
                codes[bin_code(position + base)] += np.uint32(1)

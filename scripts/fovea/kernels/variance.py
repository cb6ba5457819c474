"""Local variance in exact integers, and histograms of it.

For n = window² pixels, V = n Σx² - (Σx)² is n² times the variance. Unsigned arithmetic wraps
around, and V is exact as long as it fits its type itself. So 32-bit words, of which a vector
register holds twice as many, serve whenever V < 2**32; 64-bit words always do for windows up to
99 pixels. Box sums are running sums, first down the columns, then along the row.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def _reflect(i, size):
    """Index of a pixel beyond the borders, reflected: d c b a | a b c d | d c b a."""
    period = 2 * size
    i %= period
    return i if i < size else period - 1 - i


@kernel
def local_variance(frame, window, out):
    """Write V of the neighbourhood of every pixel of a (H, W) uint16 frame; returns its extremes.

    The neighbourhood is a square of odd size `window`. V goes into `out`, (H, W) uint32 or uint64,
    whose type is the type of the arithmetic. The logarithm of the standard deviation is defined as
    0 where the variance is 0. A variance of 1 has the same logarithm, so V = n² stands for V = 0,
    and the logarithm is monotonic in V.
    """
    height, width = frame.shape
    half = window // 2
    sums = np.zeros(width + 2 * half, out.dtype)
    squares = np.zeros(width + 2 * half, out.dtype)
    # slices show the compiler that no index is negative, so that it vectorises the loops
    inner_sums = sums[half : half + width]
    inner_squares = squares[half : half + width]
    for dy in range(-half, half + 1):
        _enter(frame[_reflect(dy, height)], inner_sums, inner_squares)
    lowest = ~out.dtype.type(0)
    highest = out.dtype.type(0)
    for y in range(height):
        if y > 0:
            coming = frame[_reflect(y + half, height)]
            going = frame[_reflect(y - half - 1, height)]
            _slide(coming, going, inner_sums, inner_squares)
        for k in range(1, half + 1):
            left = half + _reflect(-k, width)
            right = half + _reflect(width - 1 + k, width)
            sums[half - k] = sums[left]
            squares[half - k] = squares[left]
            sums[half + width - 1 + k] = sums[right]
            squares[half + width - 1 + k] = squares[right]
        if window == 3:
            low, high = _row_of_three(
                sums[:-2], sums[1:-1], sums[2:], squares[:-2], squares[1:-1], squares[2:], out[y]
            )
        else:
            low, high = _row(sums, squares, window, out[y])
        lowest = min(lowest, low)
        highest = max(highest, high)
    return lowest, highest


@kernel
def _enter(row, sums, squares):
    """Add a row of pixels to the running sums and sums of squares of its columns, in place."""
    for x in range(len(row)):
        value = sums.dtype.type(row[x])
        sums[x] += value
        squares[x] += value * value


@kernel
def _slide(coming, going, sums, squares):
    """Move the running sums of all columns one row on, in place."""
    for x in range(len(sums)):
        new = sums.dtype.type(coming[x])
        old = sums.dtype.type(going[x])
        # new² - old², in the width of the type
        difference = sums.dtype.type(new - old)
        sums[x] += difference
        squares[x] += sums.dtype.type(difference * sums.dtype.type(new + old))


@kernel
def _row_of_three(s0, s1, s2, q0, q1, q2, target):
    """V of a row for a window of 3, from column sums shifted by 0, 1, 2; its extremes."""
    number = target.dtype.type
    n = number(9)
    lowest = ~number(0)
    highest = number(0)
    for x in range(len(target)):
        # numba promotes intermediate integers to 64 bits; convert them back to the type of V
        s = number(number(s0[x] + s1[x]) + s2[x])
        q = number(number(q0[x] + q1[x]) + q2[x])
        v = number(number(n * q) - number(s * s))
        v = v if v != number(0) else number(81)
        target[x] = v
        lowest = min(lowest, v)
        highest = max(highest, v)
    return lowest, highest


@kernel
def _row(sums, squares, window, target):
    """V of a row for any window, from column sums that extend beyond both ends; its extremes."""
    number = target.dtype.type
    n = number(window * window)
    s = number(0)
    q = number(0)
    for k in range(window - 1):
        s += sums[k]
        q += squares[k]
    lowest = ~number(0)
    highest = number(0)
    for x in range(len(target)):
        s += sums[x + window - 1]
        q += squares[x + window - 1]
        v = number(n * q - s * s)
        v = v if v != number(0) else number(n * n)
        target[x] = v
        lowest = min(lowest, v)
        highest = max(highest, v)
        s -= sums[x]
        q -= squares[x]
    return lowest, highest


@kernel
def count_bins(values, starts, guess):
    """Histogram of (H, W) uint32 or uint64 values, (bins,) int64.

    `starts` (bins + 1,) uint64 holds the first integer of each bin, and one larger than every
    value; `guess` (codes,) int64 holds a bin at or before the right one for each code of
    `bin_code`.
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


CODE_BITS = 10  # bits of the mantissa that are kept: steps of V of 0.1 %
_SHIFT = np.uint32(23 - CODE_BITS)
_FIRST = np.uint32(127 << CODE_BITS)  # code of 1


@kernel
def bin_code(value):
    """Code of a positive integer: the leading bits of its floating-point form, uint32.

    Codes divide the logarithm into nearly equal steps. Single precision is used because it is
    vectorised; it rounds integers above 2**24, so one just below a step may get the next code.
    """
    return (np.float32(value).view(np.uint32) >> _SHIFT) - _FIRST


def bin_codes(values: np.ndarray) -> np.ndarray:
    """Codes of an array of positive integers, int64; see `bin_code`."""
    return ((values.astype(np.float32).view(np.uint32) >> _SHIFT) - _FIRST).astype(np.int64)


def first_values(codes: np.ndarray) -> np.ndarray:
    """Smallest floating-point number of each code, float64; see `bin_code`."""
    bits = (codes.astype(np.uint32) + _FIRST) << _SHIFT
    return bits.view(np.float32).astype(np.float64)


@kernel
def count_values(values, base, reach, counts):
    """Count integers: each value below `reach` on its own, larger ones by their `bin_code`.

    Values are (H, W) uint32 or uint64. `counts` (reach - base + codes,) uint32, with counters of
    base (the smallest value), base + 1, ..., reach - 1, then of the codes, is increased in place.
    For each row the indices of all counters are computed first, in a loop that is vectorised; a
    second loop increments the counters.
    """
    number = values.dtype.type
    index = np.empty(values.shape[1], np.uint32)
    for y in range(values.shape[0]):
        _entries(values[y], number(base), number(reach), np.uint32(reach - base), index)
        for x in range(len(index)):
            counts[index[x]] += np.uint32(1)


@kernel
def _entries(row, base, reach, alone, index):
    """Index of the counter of each value of a row, see `count_values`."""
    for x in range(len(row)):
        value = row[x]
        by_code = np.uint32(alone + bin_code(value))
        index[x] = np.uint32(value - base) if value < reach else by_code


@kernel
def deviation(weights, x, centre):
    """Standard deviation of (n,) float64 values that occur `weights` times; 0 if there are none.

    Sums are taken around `centre`, a value near the mean, for precision, and in eight interleaved
    parts, so that they are vectorised in a fixed order.
    """
    parts = np.zeros((3, 8))
    whole = len(x) - len(x) % 8
    for start in range(0, whole, 8):
        for k in range(8):
            weight = np.float64(weights[start + k])
            distance = x[start + k] - centre
            parts[0, k] += weight
            parts[1, k] += weight * distance
            parts[2, k] += weight * distance * distance
    for i in range(whole, len(x)):
        weight = np.float64(weights[i])
        distance = x[i] - centre
        parts[0, 0] += weight
        parts[1, 0] += weight * distance
        parts[2, 0] += weight * distance * distance
    total = parts[0].sum()
    if total == 0:
        return 0.0
    mean = parts[1].sum() / total
    return np.sqrt(max(parts[2].sum() / total - mean * mean, 0.0))


@kernel
def keep_up_to(values, last, kept):
    """Copy the values that are at most `last`, and return their number.

    There is no branch, as half of them usually are. Values are (H, W) uint32 or uint64; `kept` (H W
    + 1,) float64 receives them.
    """
    limit = values.dtype.type(last)
    n = 0
    for row in values:
        for x in range(len(row)):
            kept[n] = row[x]
            n += row[x] <= limit
    return n

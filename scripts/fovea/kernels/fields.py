"""Background of a frame and Gaussian filters; images are float32 where no type is named.

Sums are taken in a fixed order and without fused multiply-add, so that results are those of the
plain versions in the tests, on whole arrays, bit for bit. Outside the image every filter repeats
the edge.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

_COLUMNS = 128  # for which medians are computed at a time


@kernel
def block_means(frame, block):
    """Means of square blocks of a (H, W) uint8 or uint16 frame, (ceil(H / block), ceil(W / block)).

    The last blocks of a row or column may be smaller.
    """
    height, width = frame.shape
    rows, columns = -(-height // block), -(-width // block)
    out = np.empty((rows, columns), np.float32)
    sums = np.empty(columns, np.int64)
    for i in range(rows):
        top, bottom = i * block, min((i + 1) * block, height)
        sums[:] = 0
        for y in range(top, bottom):
            for j in range(columns):
                total = np.int64(0)
                for x in range(j * block, min((j + 1) * block, width)):
                    total += np.int64(frame[y, x])
                sums[j] += total
        for j in range(columns):
            n = (bottom - top) * (min((j + 1) * block, width) - j * block)
            out[i, j] = np.float32(sums[j] / n)
    return out


@kernel
def means_and_squares(values, block):
    """Means of square blocks of an image and of its squares, (2, rows, columns).

    The edge is repeated to whole blocks. Sums run along rows first.
    """
    height, width = values.shape
    rows, columns = -(-height // block), -(-width // block)
    out = np.zeros((2, rows, columns), np.float32)
    line = np.empty(columns * block, np.float32)
    for y in range(rows * block):
        line[:width] = values[min(y, height - 1)]
        line[width:] = line[width - 1]
        means, squares = out[0, y // block], out[1, y // block]
        for j in range(columns):
            total = square = np.float32(0)
            for x in range(j * block, (j + 1) * block):
                total += line[x]
                square += line[x] * line[x]
            means[j] += total
            squares[j] += square
    return out / np.float32(block * block)


@kernel
def median_filter(values, radius):
    """Median over (2 radius + 1)² values of an image of finite numbers.

    Of half of the values and two more, neither the least nor the largest can be the median: both
    are left out and another value is taken instead, until only the median is left. This is done for
    many columns at a time, without branches.
    """
    height, width = values.shape
    side = 2 * radius + 1
    padded = np.empty((height + 2 * radius, width + 2 * radius + _COLUMNS), np.float32)
    for y in range(len(padded)):
        row = values[min(max(y - radius, 0), height - 1)]
        for x in range(padded.shape[1]):
            padded[y, x] = row[min(max(x - radius, 0), width - 1)]
    out = np.empty((height, width), np.float32)
    window = np.empty((side * side, _COLUMNS), np.float32)
    for y in range(height):
        for begin in range(0, width, _COLUMNS):
            for n in range(side * side):
                start = begin + n % side
                window[n] = padded[y + n // side, start : start + _COLUMNS]
            kept = _leave_median(window)
            end = min(begin + _COLUMNS, width)
            out[y, begin:end] = window[kept, : end - begin]
    return out


@kernel
def _leave_median(window):
    """Return the row that holds the medians of the columns afterwards; their number is odd."""
    count = min(len(window) // 2 + 2, len(window))
    following = count
    while count > 2:
        for i in range(1, count):
            _exchange(window[0], window[i])
        for i in range(1, count - 1):
            _exchange(window[i], window[count - 1])
        count -= 1
        if following == len(window):
            return 1
        window[0] = window[following]
        following += 1
    return 0


@kernel
def _exchange(low, high):
    """Sort the two values of each column."""
    for x in range(len(low)):
        a, b = low[x], high[x]
        low[x] = a if a < b else b
        high[x] = b if a < b else a


@kernel
def between_blocks(size, count, block):
    """Where the pixels of an axis lie between the centres of its `count` blocks.

    Returns the block before each pixel, (size,) int64, and how far it is on the way to the next
    one, (size,) float32.
    """
    first = np.empty(size, np.int64)
    share = np.empty(size, np.float32)
    for x in range(size):
        position = min(max((x - (block - 1) / 2) / block, 0.0), count - 1.0)
        first[x] = min(np.int64(position), max(count - 2, 0))
        share[x] = np.float32(position - first[x])
    return first, share


@kernel
def subtract_coarse(frame, coarse, block):
    """Subtract an image of block means, interpolated linearly between the centres of its blocks.

    The frame is (H, W) uint8 or uint16, `coarse` and `block` are as of `block_means`.
    """
    height, width = frame.shape
    rows, columns = coarse.shape
    out = np.empty((height, width), np.float32)
    first, share = between_blocks(width, columns, block)
    line = np.empty(columns, np.float32)
    for y in range(height):
        position = min(max((y - (block - 1) / 2) / block, 0.0), rows - 1.0)
        top = min(np.int64(position), max(rows - 2, 0))
        weight = np.float32(position - top)
        below = min(top + 1, rows - 1)
        for j in range(columns):
            line[j] = coarse[top, j] + weight * (coarse[below, j] - coarse[top, j])
        for x in range(width):
            left = line[first[x]]
            right = line[min(first[x] + 1, columns - 1)]
            out[y, x] = np.float32(frame[y, x]) - (left + share[x] * (right - left))
    return out


def gaussian_taps(sigma: float) -> np.ndarray:
    """Half of a Gaussian filter of `sigma` pixels, the centre first: (radius + 1,) float32.

    The filter is cut off at 4 sigma, and the whole of it sums to 1.
    """
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    return (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)


@kernel
def smooth(values, taps):
    """Filter an image by the symmetric filter of `gaussian_taps`, first along the columns."""
    height, width = values.shape
    radius = len(taps) - 1
    out = np.empty((height, width), np.float32)
    row = np.empty(width, np.float32)
    wide = np.empty(width + 2 * radius, np.float32)
    for y in range(height):
        for x in range(width):
            row[x] = taps[0] * values[y, x]
        for k in range(1, radius + 1):
            above, below = values[max(y - k, 0)], values[min(y + k, height - 1)]
            weight = taps[k]
            for x in range(width):
                row[x] += weight * (above[x] + below[x])
        _filter_row(row, taps, wide, out[y])
    return out


@kernel
def local_variance(values, taps):
    """Gaussian-weighted variance: the filtered squares minus the square of the filtered image.

    Both filters run in one pass, each with the operations of `smooth` in the same order.
    """
    height, width = values.shape
    radius = len(taps) - 1
    out = np.empty((height, width), np.float32)
    row = np.empty(width, np.float32)
    squares = np.empty(width, np.float32)
    wide = np.empty(width + 2 * radius, np.float32)
    mean = np.empty(width, np.float32)
    for y in range(height):
        for x in range(width):
            row[x] = taps[0] * values[y, x]
            squares[x] = taps[0] * (values[y, x] * values[y, x])
        for k in range(1, radius + 1):
            above, below = values[max(y - k, 0)], values[min(y + k, height - 1)]
            weight = taps[k]
            for x in range(width):
                row[x] += weight * (above[x] + below[x])
                squares[x] += weight * (above[x] * above[x] + below[x] * below[x])
        _filter_row(row, taps, wide, mean)
        target = out[y]
        _filter_row(squares, taps, wide, target)
        for x in range(width):
            target[x] -= mean[x] * mean[x]
    return out


@kernel
def _filter_row(row, taps, wide, out):
    """Filter a row, whose ends are repeated in the buffer `wide`, into `out`."""
    width, radius = len(row), len(taps) - 1
    wide[:radius] = row[0]
    wide[radius : radius + width] = row
    wide[radius + width :] = row[width - 1]
    for x in range(width):
        out[x] = taps[0] * wide[radius + x]
    for k in range(1, radius + 1):
        weight = taps[k]
        left, right = wide[radius - k :], wide[radius + k :]
        for x in range(width):
            out[x] += weight * (left[x] + right[x])

"""Smooth fields: background of a frame, Gaussian filters, resampling. All in float32.

Sums are taken in a fixed order and without fused operations, so that the plain versions in the
tests, which do the same with whole arrays, give the same bits. Outside the image every filter
sees the edge repeated.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def block_means(frame, block):
    """Means of square blocks, (ceil(H / block), ceil(W / block)) float32; the last are smaller."""
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
def median_filter(values, radius):
    """Median over (2 radius + 1)² values, the edge repeated."""
    height, width = values.shape
    out = np.empty((height, width), np.float32)
    size = (2 * radius + 1) ** 2
    window = np.empty(size, np.float32)
    for y in range(height):
        for x in range(width):
            n = 0
            for dy in range(-radius, radius + 1):
                yy = min(max(y + dy, 0), height - 1)
                for dx in range(-radius, radius + 1):
                    window[n] = values[yy, min(max(x + dx, 0), width - 1)]
                    n += 1
            out[y, x] = _select(window, size // 2)
    return out


@kernel
def _select(values, k):
    """The k-th smallest value (Hoare's selection); reorders `values`."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]


@kernel
def subtract_coarse(frame, coarse, block):
    """frame - coarse, the latter interpolated linearly between the centres of its blocks."""
    height, width = frame.shape
    rows, columns = coarse.shape
    out = np.empty((height, width), np.float32)
    first = np.empty(width, np.int64)
    share = np.empty(width, np.float32)
    for x in range(width):
        position = min(max((x - (block - 1) / 2) / block, 0.0), columns - 1.0)
        first[x] = min(np.int64(position), max(columns - 2, 0))
        share[x] = np.float32(position - first[x])
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
    """Half of a Gaussian filter, the centre first, cut at 4 sigma, float32; they sum to 1."""
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    return (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)


@kernel
def smooth(values, taps):
    """Separable symmetric filter of a (H, W) float32 image, first down the columns."""
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
        wide[:radius] = row[0]
        wide[radius : radius + width] = row
        wide[radius + width :] = row[width - 1]
        target = out[y]
        for x in range(width):
            target[x] = taps[0] * wide[radius + x]
        for k in range(1, radius + 1):
            weight = taps[k]
            left, right = wide[radius - k :], wide[radius + k :]
            for x in range(width):
                target[x] += weight * (left[x] + right[x])
    return out


def overlaps(size: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels a resampled pixel covers, and how much of each.

    Returns
    -------
    first : (target,) int64
        The first pixel.
    weights : (target, n) float32
        Shares of the pixels from the first on; rows sum to 1.
    """
    edges = np.arange(target + 1) * (size / target)
    first = np.minimum(np.floor(edges[:-1]).astype(np.int64), size - 1)
    last = np.minimum(np.ceil(edges[1:]).astype(np.int64), size)
    count = int((last - first).max(initial=1))
    pixels = first[:, None] + np.arange(count)
    part = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    part = np.where(pixels < size, np.maximum(part, 0), 0)
    return first, (part / part.sum(axis=1, keepdims=True)).astype(np.float32)


@kernel
def shrink(values, first_y, weights_y, first_x, weights_x, squares):
    """Means over rectangles of a (H, W) float32 image, or of its squares; see `overlaps`."""
    height, width = values.shape
    out = np.empty((len(first_y), len(first_x)), np.float32)
    row = np.empty(width, np.float32)
    for i in range(len(first_y)):
        row[:] = 0
        for n in range(weights_y.shape[1]):
            weight = weights_y[i, n]
            if weight > 0:
                source = values[first_y[i] + n]
                if squares:
                    for x in range(width):
                        row[x] += weight * (source[x] * source[x])
                else:
                    for x in range(width):
                        row[x] += weight * source[x]
        for j in range(len(first_x)):
            total = np.float32(0)
            for n in range(weights_x.shape[1]):
                if weights_x[j, n] > 0:
                    total += weights_x[j, n] * row[first_x[j] + n]
            out[i, j] = total
    return out


@kernel
def enlarge(values, height, width):
    """A (h, w) float32 image at (height, width), linear between the centres of its pixels."""
    rows, columns = values.shape
    out = np.empty((height, width), np.float32)
    first = np.empty(width, np.int64)
    second = np.empty(width, np.int64)
    share = np.empty(width, np.float32)
    for x in range(width):
        position = min(max((x + 0.5) * columns / width - 0.5, 0.0), columns - 1.0)
        first[x] = np.int64(position)
        second[x] = min(first[x] + 1, columns - 1)
        share[x] = np.float32(position - first[x])
    line = np.empty(columns, np.float32)
    for y in range(height):
        position = min(max((y + 0.5) * rows / height - 0.5, 0.0), rows - 1.0)
        top = np.int64(position)
        below = min(top + 1, rows - 1)
        weight = np.float32(position - top)
        for j in range(columns):
            line[j] = values[top, j] + weight * (values[below, j] - values[top, j])
        for x in range(width):
            left = line[first[x]]
            out[y, x] = left + share[x] * (line[second[x]] - left)
    return out

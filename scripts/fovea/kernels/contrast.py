"""Local contrast: the brightest and the darkest level around each pixel, and pale lines.

Images are (H, W) float32 where no type is named. Sums are taken in a fixed order and without fused
multiply-add, as in `fovea.kernels.fields`.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.fields import between_blocks
from fovea.kernels.jit import kernel

LINE_STEPS = 1000  # whole numbers in which `dark_and_lines` returns the height 1 of a line


@kernel
def block_extremes(values, block):
    """Maxima and minima of square blocks, (ceil(H / block), ceil(W / block)) each.

    The last blocks of a row or column may be smaller.
    """
    height, width = values.shape
    rows, columns = -(-height // block), -(-width // block)
    highest = np.empty((rows, columns), np.float32)
    lowest = np.empty((rows, columns), np.float32)
    top, low = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(rows):
        top[:] = values[i * block]
        low[:] = values[i * block]
        for y in range(i * block + 1, min((i + 1) * block, height)):
            row = values[y]
            for x in range(width):
                top[x] = max(top[x], row[x])
                low[x] = min(low[x], row[x])
        for j in range(columns):
            first = j * block
            highest[i, j] = top[first]
            lowest[i, j] = low[first]
            for x in range(first + 1, min(first + block, width)):
                highest[i, j] = max(highest[i, j], top[x])
                lowest[i, j] = min(lowest[i, j], low[x])
    return highest, lowest


@kernel
def envelope(values, radius):
    """Maximum over a square of 2 radius + 1 pixels, then the mean over the same square.

    Outside the image both see the edge repeated. The maximum and the mean are taken down the
    columns first, then along the rows, and sums from the upper or left end on.
    """
    height, width = values.shape
    highest = np.empty((height, width), np.float32)
    row = np.empty(width, np.float32)
    for y in range(height):
        row[:] = values[max(y - radius, 0)]
        for k in range(1 - radius, radius + 1):
            other = values[min(max(y + k, 0), height - 1)]
            for x in range(width):
                row[x] = max(row[x], other[x])
        for x in range(width):
            best = row[x]
            for k in range(max(x - radius, 0), min(x + radius + 1, width)):
                best = max(best, row[k])
            highest[y, x] = best
    out = np.empty((height, width), np.float32)
    wide = np.empty(width + 2 * radius, np.float32)
    number = np.float32((2 * radius + 1) * (2 * radius + 1))
    for y in range(height):
        row[:] = highest[max(y - radius, 0)]
        for k in range(1 - radius, radius + 1):
            other = highest[min(max(y + k, 0), height - 1)]
            for x in range(width):
                row[x] += other[x]
        wide[:radius] = row[0]
        wide[radius : radius + width] = row
        wide[radius + width :] = row[width - 1]
        target = out[y]
        target[:] = wide[:width]
        for k in range(1, 2 * radius + 1):
            shifted = wide[k:]
            for x in range(width):
                target[x] += shifted[x]
        for x in range(width):
            target[x] /= number
    return out


@kernel
def dark_and_lines(image, coarse, block, levels, straight, oblique, lowest, highest):
    """Find pixels darker than their surroundings, and pale lines.

    `coarse` (2, rows, columns) holds the bright envelope and the span from the dark envelope to it,
    which is above 0, in blocks of `block` pixels; both are interpolated linearly between the
    centres of the blocks. The darkness of a pixel has one bit for each of the `levels`,
    (3,) float32, that its distance below the bright envelope exceeds, in spans.

    The height of a line is how much brighter the pixel is than those on both of its sides, in
    spans: the pixels `straight` rows or columns, or `oblique` rows and columns, away, in that of
    the four directions in which it is highest. Heights are limited to `lowest`..`highest`.

    Returns the darkness, (H, W) uint8, and the heights in thousandths, (H, W) int16.
    """
    height, width = image.shape
    rows, columns = coarse.shape[1:]
    dark = np.empty((height, width), np.uint8)
    lines = np.empty((height, width), np.int16)
    first, share = between_blocks(width, columns, block)
    edge = max(straight, oblique)
    around = np.empty((5, width + 2 * edge), np.float32)
    bright, span = np.empty(width, np.float32), np.empty(width, np.float32)
    line = np.empty(columns, np.float32)
    steps = np.float32(LINE_STEPS)
    for y in range(height):
        position = min(max((y - (block - 1) / 2) / block, 0.0), rows - 1.0)
        top = min(np.int64(position), max(rows - 2, 0))
        weight = np.float32(position - top)
        below = min(top + 1, rows - 1)
        for k in range(2):
            for j in range(columns):
                line[j] = coarse[k, top, j] + weight * (coarse[k, below, j] - coarse[k, top, j])
            target = bright if k == 0 else span
            for x in range(width):
                left = line[first[x]]
                right = line[min(first[x] + 1, columns - 1)]
                target[x] = left + share[x] * (right - left)
        for k in range(5):
            offset = (0, -straight, straight, -oblique, oblique)[k]
            row = image[min(max(y + offset, 0), height - 1)]
            around[k, :edge] = row[0]
            around[k, edge : edge + width] = row
            around[k, edge + width :] = row[width - 1]
        _row(
            around[0, edge:], around[0, edge - straight :], around[0, edge + straight :],
            around[1, edge:], around[2, edge:],
            around[3, edge - oblique :], around[4, edge + oblique :],
            around[3, edge + oblique :], around[4, edge - oblique :],
            bright, span, levels[0], levels[1], levels[2], lowest, highest, steps, dark[y],
            lines[y],
        )  # fmt: skip
    return dark, lines


@kernel
def _row(here, a0, a1, b0, b1, c0, c1, d0, d1, bright, span, level, inner, certain, lowest,
         highest, steps, dark, lines):  # fmt: skip
    """One row of `dark_and_lines`; a to d are the pixels on both sides in the four directions."""
    for x in range(len(dark)):
        below = bright[x] - here[x]
        dark[x] = (
            np.uint8(below > level * span[x])
            + np.uint8(2) * np.uint8(below > inner * span[x])
            + np.uint8(4) * np.uint8(below > certain * span[x])
        )
        one = min(max(a0[x], a1[x]), max(b0[x], b1[x]))
        other = min(max(c0[x], c1[x]), max(d0[x], d1[x]))
        height = (here[x] - min(one, other)) / span[x]
        lines[x] = np.int16(steps * min(max(height, lowest), highest))


@kernel
def objects(labels, image, count):
    """Areas, moments and brightness of the labels 1..count.

    Labels are (H, W) int32. Returns the areas, (count + 1,) int64; the sums of y, x, y², x² and y x
    over the pixels, (count + 1, 5) int64; and the sums of the image, (count + 1,) float64, in
    raster order.
    """
    height, width = labels.shape
    areas = np.zeros(count + 1, np.int64)
    moments = np.zeros((count + 1, 5), np.int64)
    sums = np.zeros(count + 1, np.float64)
    for y in range(height):
        for x in range(width):
            i = labels[y, x]
            if i > 0:
                areas[i] += 1
                sums[i] += image[y, x]
                moments[i, 0] += y
                moments[i, 1] += x
                moments[i, 2] += y * y
                moments[i, 3] += x * x
                moments[i, 4] += y * x
    return areas, moments, sums


@kernel
def rings(labels, grown, image, count):
    """Number of pixels, and sum of the image, where `grown` has a label and `labels` has none.

    Labels are (H, W) int32. Returns (count + 1,) int64 and (count + 1,) float64, in raster order.
    """
    numbers = np.zeros(count + 1, np.int64)
    sums = np.zeros(count + 1, np.float64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            i = grown[y, x]
            if i > 0 and labels[y, x] == 0:
                numbers[i] += 1
                sums[i] += image[y, x]
    return numbers, sums


@kernel
def spreads(labels, image, count):
    """Standard deviation of the image in each of the labels 1..count, (count + 1,) float64.

    Labels are (H, W) int32; it is 0 for one that does not occur. Sums are taken in raster order.
    """
    numbers = np.zeros(count + 1, np.int64)
    sums = np.zeros(count + 1, np.float64)
    squares = np.zeros(count + 1, np.float64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            i = labels[y, x]
            if i > 0:
                value = np.float64(image[y, x])
                numbers[i] += 1
                sums[i] += value
                squares[i] += value * value
    for i in range(1, count + 1):
        if numbers[i] > 0:
            mean = sums[i] / numbers[i]
            squares[i] = np.sqrt(max(squares[i] / numbers[i] - mean * mean, 0.0))
    return squares

"""Layers of a convolutional network; images, weights and biases are float32.

Sums are taken in a fixed order and without fused multiply-add, so that results are the same bits on
every processor, and those of numpy on whole arrays. Images lie in memory of `empty`, with a border
of one pixel around whole tiles of 4 x 4 that repeats their edge; so the inner loops have no branch.
Kernels take and make any rows of such an image, and a `width` says how many columns are its own.
Vectors reach beyond the last column: what they read there is not used, and nothing is written.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel
from fovea.kernels.winograd import LANES, OUTPUTS, sum_up, transform_back, transform_tiles

TILE = 4
_BESIDE = 16  # without these, the values of a tile would compete for lines of the cache
_BEYOND = TILE * LANES  # how far vectors of the last tiles reach at most


def empty(channels: int, height: int, width: int) -> np.ndarray:
    """Return memory for an image of (C, H, W) pixels and its border.

    The shape is (C, H' + 2, W' + 2), where H' and W' are multiples of 4, and pixel (0, 0) has index
    (1, 1).
    """
    shape = channels, -(-height // TILE) * TILE + 2, -(-width // TILE) * TILE + 2
    memory = np.empty(shape[0] * shape[1] * shape[2] + _BEYOND, np.float32)
    return memory[:-_BEYOND].reshape(shape)


@kernel
def _distances(image):
    """Elements from one channel to the next, and from one row to the next."""
    return image.strides[0] // image.itemsize, image.strides[1] // image.itemsize


@kernel
def _repeat_sides(image, width):
    """Fill the border to the left and to the right, in place."""
    for plane in image:
        for row in plane:
            row[0] = row[1]
            for x in range(width + 1, len(row)):
                row[x] = row[width]


@kernel
def convolve(image, width, weights, bias, out):
    """Convolution 3 x 3 and rectification: max(0, bias + sum over channels and pixels).

    `image` has the row above the first one of `out` (O, H, W' + 2) and, after it, whole tiles and
    the row below them: (C, H' + 2, W' + 2). Weights are of `fovea.kernels.winograd.transformed`,
    and bias is (O,).
    """
    height, count, long = out.shape[1], len(image), TILE * LANES
    (plane, row), (step, line) = _distances(image), _distances(out)
    apart, each = count * LANES + _BESIDE, OUTPUTS * LANES
    values, sums = np.empty(36 * apart, np.float32), np.empty(36 * each, np.float32)
    rest, packed = np.empty((TILE, long), np.float32), weights.reshape(-1)
    for y in range(0, height, TILE):
        for x in range(0, width, long):
            for c in range(count):
                transform_tiles(image, c * plane + y * row + x, row, values, c * LANES, apart)
            for o in range(len(bias)):
                k = o % OUTPUTS
                if k == 0:
                    for n in range(36):
                        start, place = (o * 36 + n * OUTPUTS) * count, n * each
                        sum_up(values, n * apart, LANES, count, packed, start, sums, place, LANES)
                if x + long <= width and y + TILE <= height:
                    place = o * step + y * line + x + 1
                    transform_back(sums, k * LANES, each, bias[o], out, place, line)
                    continue
                transform_back(sums, k * LANES, each, bias[o], rest, 0, long)
                for i in range(min(TILE, height - y)):
                    for j in range(min(long, width - x)):
                        out[o, y + i, 1 + x + j] = rest[i, j]
    _repeat_sides(out, width)


@kernel
def halve(image, width, out):
    """Maximum of 2 x 2 pixels: (C, 2 H, 2 W) into `out` (C, H, W), of which `width` is W."""
    for c in range(len(out)):
        for y in range(out.shape[1]):
            upper, lower = image[c, 2 * y], image[c, 2 * y + 1]
            target = out[c, y]
            for x in range(width):
                left = max(upper[2 * x + 1], lower[2 * x + 1])
                right = max(upper[2 * x + 2], lower[2 * x + 2])
                target[x + 1] = max(left, right)
    _repeat_sides(out, width)


@kernel
def _mixed(image, y, width, weights, i, out):
    """Sum up a row over the channels for outputs 8 i to 8 i + 7, into whole vectors of `out`."""
    plane, row = _distances(image)
    count = len(image)
    for x in range(0, width, LANES):
        origin, start = y * row + 1 + x, i * count * OUTPUTS
        sum_up(image, origin, plane, count, weights, start, out, x, out.shape[1])


@kernel
def add_doubled(image, width, weights, bias, other, out):
    """Convolve an image with 1 x 1 pixels, double its size, and add it to another one.

    Image (C, H, W), of which `width` is W, weights of `fovea.kernels.winograd.mixing`, bias (O,);
    `other` and `out` are (O, 2 H, 2 W).
    """
    sums = np.empty((OUTPUTS, -(-width // LANES) * LANES), np.float32)
    for y in range(image.shape[1]):
        for o in range(len(bias)):
            if o % OUTPUTS == 0:
                _mixed(image, y, width, weights, o // OUTPUTS, sums)
            values, constant = sums[o % OUTPUTS], bias[o]
            for k in range(2 * y, 2 * y + 2):
                below, target = other[o, k], out[o, k]
                for x in range(width):
                    value = values[x] + constant
                    target[2 * x + 1] = below[2 * x + 1] + value
                    target[2 * x + 2] = below[2 * x + 2] + value
    _repeat_sides(out, 2 * width)


@kernel
def mix_and_spread(image, width, weights, bias, out):
    """Convolve an image with 1 x 1 pixels; four channels become 2 x 2 pixels (pixel shuffle).

    Image (C, H, W), of which `width` is W, weights of `fovea.kernels.winograd.mixing`, bias (4 O,);
    `out` is (O, 2 H, 2 W) without a border, or less by the last rows or columns.
    """
    rows, columns = out.shape[1:]
    sums = np.empty((OUTPUTS, -(-width // LANES) * LANES), np.float32)
    for y in range((rows + 1) // 2):
        for o in range(0, len(bias), 2):
            if o % OUTPUTS == 0:
                _mixed(image, y, width, weights, o // OUTPUTS, sums)
            k = 2 * y + o % 4 // 2
            if k == rows:
                continue
            left, right, target = sums[o % OUTPUTS], sums[o % OUTPUTS + 1], out[o // 4, k]
            for x in range(columns // 2):
                target[2 * x] = left[x] + bias[o]
                target[2 * x + 1] = right[x] + bias[o + 1]
            if columns % 2:
                target[columns - 1] = left[columns // 2] + bias[o]


@kernel
def gather(image, width, out):
    """Turn 2 x 2 pixels into four channels: (C, 2 H, 2 W) without a border into `out` (4 C, H, W).

    The channels of one of the input are its upper left, upper right, lower left and lower right
    pixels. `width` is W: the input may have fewer columns, and is mirrored beyond them.
    """
    columns = image.shape[2]
    for o in range(len(out)):
        for y in range(out.shape[1]):
            row, target, k = image[o // 4, 2 * y + o % 4 // 2], out[o, y], o % 2
            inside = min(width, (columns - k + 1) // 2)
            for x in range(inside):
                target[x + 1] = row[2 * x + k]
            for x in range(inside, width):
                place = (2 * x + k) % (2 * columns)
                target[x + 1] = row[min(place, 2 * columns - 1 - place)]
    _repeat_sides(out, width)


@kernel
def move(image, start, stop, out):
    """Copy rows start to stop of an image to the first rows of `out`, which may be the same."""
    for c in range(len(image)):
        for y in range(stop - start):
            out[c, y] = image[c, start + y]

"""Layers of a convolutional network; images, weights and biases are float32.

Sums are taken in a fixed order and without fused multiply-add, so that results are the same bits on
every processor, and those of numpy on whole arrays. Images of `empty` have a border of one pixel
that repeats their edge; so the inner loops have no branch.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel
from fovea.kernels.weighted_sums import CHANNELS, packed, sum_around, sum_here

#: Rows of an image beyond its height: two of the border, and three that are not used. Without them
#: the rows of many channels of 512 pixels would compete for the same lines of the cache.
_ROWS = 5


def empty(channels: int, height: int, width: int) -> np.ndarray:
    """Return memory for an image of (C, H, W) pixels: (C, H + 5, W + 2), its border included."""
    return np.empty((channels, height + _ROWS, width + 2), np.float32)


@kernel
def size(image):
    """Height and width of the image in an array of `empty`."""
    return image.shape[1] - _ROWS, image.shape[2] - 2


@kernel
def repeat_edges(image):
    """Fill the border of one pixel of an image, in place."""
    height, width = size(image)
    for plane in image:
        for y in range(1, height + 1):
            plane[y, 0] = plane[y, 1]
            plane[y, width + 1] = plane[y, width]
        plane[0] = plane[1]
        plane[height + 1] = plane[height]


@kernel
def convolve(image, weights, bias, out):
    """Convolution 3 x 3 and rectification: max(0, bias + sum over channels and pixels).

    Image (C, H, W), weights (O, C, 9) and bias (O,) give `out` (O, H, W).
    """
    height, width = size(image)
    row = width + 2
    plane, step = image.shape[1] * row, out.shape[1] * row
    pixels, sums, blocks = image.reshape(-1), out.reshape(-1), packed(weights, bias)
    rest = np.empty(CHANNELS * width, np.float32)
    least, count = np.float32(0), len(image)
    for y in range(height):
        origin = y * row
        for i in range(len(blocks)):
            o = i * CHANNELS
            if o + CHANNELS <= len(bias):
                place = o * step + (y + 1) * row + 1
                sum_around(
                    pixels, origin, plane, row, count, blocks[i], least, sums, place, step, width
                )
                continue
            sum_around(pixels, origin, plane, row, count, blocks[i], least, rest, 0, width, width)
            for j in range(len(bias) - o):
                out[o + j, y + 1, 1 : width + 1] = rest[j * width : (j + 1) * width]
    repeat_edges(out)


@kernel
def halve(image, out):
    """Maximum of 2 x 2 pixels: (C, 2 H, 2 W) into `out` (C, H, W)."""
    height, width = size(out)
    for c in range(len(out)):
        for y in range(height):
            upper, lower = image[c, 2 * y + 1], image[c, 2 * y + 2]
            target = out[c, y + 1]
            for x in range(width):
                left = max(upper[2 * x + 1], lower[2 * x + 1])
                right = max(upper[2 * x + 2], lower[2 * x + 2])
                target[x + 1] = max(left, right)
    repeat_edges(out)


@kernel
def add_doubled(image, weights, bias, out):
    """Convolve an image with 1 x 1 pixels, double its size, and add it to `out`, in place.

    Image (C, H, W), weights (O, C, 1), bias (O,); `out` is (O, 2 H, 2 W).
    """
    height, width = size(image)
    plane = image.shape[1] * image.shape[2]
    pixels, blocks = image.reshape(-1), packed(weights, bias)
    sums = np.empty((CHANNELS, width), np.float32)
    for y in range(height):
        origin = (y + 1) * (width + 2) + 1
        for i in range(len(blocks)):
            sum_here(pixels, origin, plane, len(image), blocks[i], sums.reshape(-1), width, width)
            for j in range(min(CHANNELS, len(bias) - i * CHANNELS)):
                for half in range(2):
                    _add_twice(sums[j], out[i * CHANNELS + j, 2 * y + half + 1])
    repeat_edges(out)


@kernel
def _add_twice(values, row):
    """Add each value to two pixels of a row, which has a border, in place."""
    for x in range(len(values)):
        row[2 * x + 1] += values[x]
        row[2 * x + 2] += values[x]


@kernel
def mix_and_spread(image, weights, bias, out):
    """Convolve an image with 1 x 1 pixels; four channels become 2 x 2 pixels (pixel shuffle).

    Image (C, H, W), weights (4 O, C, 1), bias (4 O,); `out` is (O, 2 H, 2 W) without a border.
    """
    height, width = size(image)
    plane = image.shape[1] * image.shape[2]
    pixels, blocks = image.reshape(-1), packed(weights, bias)
    sums = np.empty((CHANNELS, width), np.float32)
    for y in range(height):
        origin = (y + 1) * (width + 2) + 1
        for i in range(len(blocks)):
            sum_here(pixels, origin, plane, len(image), blocks[i], sums.reshape(-1), width, width)
            for j in range(0, min(CHANNELS, len(bias) - i * CHANNELS), 2):
                o = i * CHANNELS + j
                _alternate(sums[j], sums[j + 1], out[o // 4, 2 * y + o % 4 // 2])


@kernel
def _alternate(left, right, row):
    """Put the values of two rows in turns into a row of twice the length."""
    for x in range(len(left)):
        row[2 * x] = left[x]
        row[2 * x + 1] = right[x]


@kernel
def gather(image, out):
    """Turn 2 x 2 pixels into four channels: (C, 2 H, 2 W) without a border into `out` (4 C, H, W).

    The channels of one of the input are its upper left, upper right, lower left and lower right
    pixels.
    """
    height, width = size(out)
    for o in range(len(out)):
        for y in range(height):
            row, target = image[o // 4, 2 * y + o % 4 // 2], out[o, y + 1]
            for x in range(width):
                target[x + 1] = row[2 * x + o % 2]
    repeat_edges(out)

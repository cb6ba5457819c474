"""Layers of a convolutional network; images, weights and biases are float32.

Sums are taken in a fixed order and without fused multiply-add, so that results are the same bits on
every processor, and those of numpy on whole arrays. Images (C, H + 2, W + 2) have a border of one
pixel that repeats their edge; so the inner loops have no branch and are vectorised.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

_ONE, _TWO = np.uint64(1), np.uint64(2)


@kernel
def repeat_edges(image):
    """Fill the border of one pixel of a (C, H + 2, W + 2) image, in place."""
    for plane in image:
        for y in range(1, plane.shape[0] - 1):
            plane[y, 0] = plane[y, 1]
            plane[y, -1] = plane[y, -2]
        plane[0] = plane[1]
        plane[-1] = plane[-2]


@kernel
def convolve(image, weights, bias, out):
    """Convolution 3 x 3 and rectification: max(0, bias + sum over channels and pixels).

    Image (C, H + 2, W + 2), weights (O, C, 9) and bias (O,), with O divisible by 4, give `out` (O,
    H + 2, W + 2). Four output channels at a time share what is loaded of the input.
    """
    height, width = image.shape[1] - 2, image.shape[2] - 2
    sums = np.empty((4, width), np.float32)
    for y in range(height):
        for o in range(0, len(bias), 4):
            for j in range(4):
                sums[j] = bias[o + j]
            for c in range(len(image)):
                _add_to_four(
                    image[c, y], image[c, y + 1], image[c, y + 2], weights[o : o + 4, c],
                    sums[0], sums[1], sums[2], sums[3],
                )  # fmt: skip
            for j in range(4):
                target = out[o + j, y + 1]
                for x in range(width):
                    target[x + 1] = max(sums[j, x], np.float32(0))
    repeat_edges(out)


@kernel
def _add_to_four(above, here, below, w, sums0, sums1, sums2, sums3):
    """Add the contribution of three rows of one input channel to four output channels.

    Unsigned indices, and weights in variables of their own, let the compiler vectorise the loop.
    """
    p0, p1, p2, p3, p4, p5, p6, p7, p8 = w[0]
    q0, q1, q2, q3, q4, q5, q6, q7, q8 = w[1]
    r0, r1, r2, r3, r4, r5, r6, r7, r8 = w[2]
    s0, s1, s2, s3, s4, s5, s6, s7, s8 = w[3]
    for i in range(len(sums0)):
        x = np.uint64(i)
        a0, a1, a2 = above[x], above[x + _ONE], above[x + _TWO]
        b0, b1, b2 = here[x], here[x + _ONE], here[x + _TWO]
        c0, c1, c2 = below[x], below[x + _ONE], below[x + _TWO]
        total = ((sums0[x] + p0 * a0) + p1 * a1) + p2 * a2
        total = ((total + p3 * b0) + p4 * b1) + p5 * b2
        sums0[x] = ((total + p6 * c0) + p7 * c1) + p8 * c2
        total = ((sums1[x] + q0 * a0) + q1 * a1) + q2 * a2
        total = ((total + q3 * b0) + q4 * b1) + q5 * b2
        sums1[x] = ((total + q6 * c0) + q7 * c1) + q8 * c2
        total = ((sums2[x] + r0 * a0) + r1 * a1) + r2 * a2
        total = ((total + r3 * b0) + r4 * b1) + r5 * b2
        sums2[x] = ((total + r6 * c0) + r7 * c1) + r8 * c2
        total = ((sums3[x] + s0 * a0) + s1 * a1) + s2 * a2
        total = ((total + s3 * b0) + s4 * b1) + s5 * b2
        sums3[x] = ((total + s6 * c0) + s7 * c1) + s8 * c2


@kernel
def halve(image, out):
    """Maximum of 2 x 2 pixels: (C, 2 H + 2, 2 W + 2) float32 into `out` (C, H + 2, W + 2)."""
    for c in range(len(out)):
        for y in range(out.shape[1] - 2):
            upper, lower = image[c, 2 * y + 1], image[c, 2 * y + 2]
            for x in range(out.shape[2] - 2):
                left = max(upper[2 * x + 1], lower[2 * x + 1])
                right = max(upper[2 * x + 2], lower[2 * x + 2])
                out[c, y + 1, x + 1] = max(left, right)
    repeat_edges(out)


@kernel
def add_doubled(image, weights, bias, out):
    """Convolve an image with 1 x 1 pixels, double its size, and add it to `out`, in place.

    Image (C, H + 2, W + 2), weights (O, C), bias (O,); `out` is (O, 2 H + 2, 2 W + 2).
    """
    width = image.shape[2] - 2
    sums = np.empty(width, np.float32)
    for o in range(len(bias)):
        for y in range(image.shape[1] - 2):
            _mix(image, y + 1, weights[o], bias[o], sums)
            for half in range(2):
                target = out[o, 2 * y + half + 1]
                for x in range(width):
                    target[2 * x + 1] += sums[x]
                    target[2 * x + 2] += sums[x]
    repeat_edges(out)


@kernel
def _mix(image, y, weights, bias, sums):
    """Weighted sum of the channels of one row, plus the bias, into `sums`."""
    sums[:] = bias
    for c in range(len(weights)):
        _add_weighted(image[c, y, 1 : len(sums) + 1], weights[c], sums)


@kernel
def _add_weighted(row, weight, sums):
    """Add weight times a row to `sums`, in place."""
    for x in range(len(sums)):
        sums[x] += weight * row[x]


@kernel
def mix_and_spread(image, weights, bias, out):
    """Convolve an image with 1 x 1 pixels; four channels become 2 x 2 pixels (pixel shuffle).

    Image (C, H + 2, W + 2), weights (4 O, C), bias (4 O,); `out` is (O, 2 H, 2 W), without a
    border.
    """
    width = image.shape[2] - 2
    left, right = np.empty(width, np.float32), np.empty(width, np.float32)
    for o in range(0, len(bias), 2):
        for y in range(image.shape[1] - 2):
            _mix(image, y + 1, weights[o], bias[o], left)
            _mix(image, y + 1, weights[o + 1], bias[o + 1], right)
            target = out[o // 4, 2 * y + o % 4 // 2]
            for x in range(width):
                target[2 * x] = left[x]
                target[2 * x + 1] = right[x]


@kernel
def gather(image, out):
    """Turn 2 x 2 pixels into four channels: (C, 2 H, 2 W) into `out` (4 C, H + 2, W + 2)."""
    for o in range(len(out)):
        for y in range(out.shape[1] - 2):
            row = image[o // 4, 2 * y + o % 4 // 2]
            for x in range(out.shape[2] - 2):
                out[o, y + 1, x + 1] = row[2 * x + o % 2]
    repeat_edges(out)

"""Layers of a small convolutional network on (C, H, W) float32 arrays.

Sums run over the input's channels, then the rows and columns of the filter, in this order and
without fused operations: the same bits on every machine.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def convolve3(values, weights, bias):
    """3 x 3 convolution, zeros outside the image, then negative values set to 0.

    Parameters
    ----------
    values : (C, H, W) float32
    weights : (K, C, 3, 3) float32
        K a multiple of 4.
    bias : (K,) float32

    Returns
    -------
    (K, H, W) float32
    """
    channels, height, width = values.shape
    padded = np.zeros((channels, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = values
    out = np.empty((len(weights), height, width), np.float32)
    for first in range(0, len(weights), 4):  # four at a time: each row is loaded once for them
        for y in range(height):
            rows = out[first : first + 4, y]
            for k in range(4):
                rows[k] = bias[first + k]
            r0, r1, r2, r3 = rows[0], rows[1], rows[2], rows[3]
            for c in range(channels):
                for dy in range(3):
                    source = padded[c, y + dy]
                    w = weights[first : first + 4, c, dy]
                    a0, a1, a2 = w[0, 0], w[0, 1], w[0, 2]
                    b0, b1, b2 = w[1, 0], w[1, 1], w[1, 2]
                    c0, c1, c2 = w[2, 0], w[2, 1], w[2, 2]
                    d0, d1, d2 = w[3, 0], w[3, 1], w[3, 2]
                    for x in range(width):
                        s0, s1, s2 = source[x], source[x + 1], source[x + 2]
                        r0[x] += a0 * s0 + a1 * s1 + a2 * s2
                        r1[x] += b0 * s0 + b1 * s1 + b2 * s2
                        r2[x] += c0 * s0 + c1 * s1 + c2 * s2
                        r3[x] += d0 * s0 + d1 * s1 + d2 * s2
            for k in range(4):
                for x in range(width):
                    rows[k, x] = max(rows[k, x], np.float32(0))
    return out


@kernel
def halve(values):
    """Maxima of 2 x 2 pixels of a (C, H, W) array with even H and W."""
    channels, height, width = values.shape
    out = np.empty((channels, height // 2, width // 2), np.float32)
    for c in range(channels):
        for y in range(height // 2):
            for x in range(width // 2):
                above = max(values[c, 2 * y, 2 * x], values[c, 2 * y, 2 * x + 1])
                below = max(values[c, 2 * y + 1, 2 * x], values[c, 2 * y + 1, 2 * x + 1])
                out[c, y, x] = max(above, below)
    return out


@kernel
def double_and_join(values, others):
    """Each pixel of (C, H, W) as 2 x 2 pixels, then the channels of `others`, (K, 2 H, 2 W)."""
    channels, height, width = values.shape
    out = np.empty((channels + len(others), 2 * height, 2 * width), np.float32)
    for c in range(channels):
        for y in range(2 * height):
            for x in range(width):
                out[c, y, 2 * x] = values[c, y // 2, x]
                out[c, y, 2 * x + 1] = values[c, y // 2, x]
    out[channels:] = others
    return out


@kernel
def mix(values, weights, bias):
    """Weighted sums of the channels of a (C, H, W) array: weights (K, C), bias (K,)."""
    channels, height, width = values.shape
    out = np.empty((len(weights), height, width), np.float32)
    for k in range(len(weights)):
        for y in range(height):
            row = out[k, y]
            row[:] = bias[k]
            for c in range(channels):
                for x in range(width):
                    row[x] += weights[k, c] * values[c, y, x]
    return out

"""Display levels: counts of values, and mapping and halving in one pass."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def count_uint16(frame, counts):
    """Add the values of a (H, W) uint16 frame to counts (4, 65536), int64.

    Neighbouring pixels often hold the same value; counting them in four tables in turn keeps one
    increment from waiting for the last.
    """
    height, width = frame.shape
    for y in range(height):
        x = 0
        while x + 4 <= width:
            counts[0, frame[y, x]] += 1
            counts[1, frame[y, x + 1]] += 1
            counts[2, frame[y, x + 2]] += 1
            counts[3, frame[y, x + 3]] += 1
            x += 4
        while x < width:
            counts[0, frame[y, x]] += 1
            x += 1


@kernel
def count_steps(frame, step, base, counts):
    """Add round(value / step) - base of a (H, W) float32 frame to counts (4, n), in turn."""
    inverse = np.float32(1.0 / step)
    width = frame.shape[1]
    steps = np.empty(width, np.uint32)
    offset = np.int32(base)
    for y in range(frame.shape[0]):
        row = frame[y]
        for x in range(width):
            steps[x] = np.uint32(np.int32(np.rint(row[x] * inverse)) - offset)
        x = 0
        while x + 4 <= width:
            counts[0, steps[x]] += 1
            counts[1, steps[x + 1]] += 1
            counts[2, steps[x + 2]] += 1
            counts[3, steps[x + 3]] += 1
            x += 4
        while x < width:
            counts[0, steps[x]] += 1
            x += 1


@kernel
def _scaled(value, low, high):
    """Map low..high to 0..255; everything above low to 255 where both are equal."""
    if value <= low:
        return 0.0
    if value >= high:
        return 255.0
    return (value - low) * 255 / (high - low)


@kernel
def halve_intensity(frame, low, high, out):
    """Map a (H, W) frame from low..high to 0..255 and average 2 x 2 pixels, rounded down."""
    height, width = frame.shape
    low = np.float64(low)
    high = np.float64(high)
    for y in range(height // 2):
        for x in range(width // 2):
            a = _scaled(np.float64(frame[2 * y, 2 * x]), low, high)
            b = _scaled(np.float64(frame[2 * y, 2 * x + 1]), low, high)
            c = _scaled(np.float64(frame[2 * y + 1, 2 * x]), low, high)
            d = _scaled(np.float64(frame[2 * y + 1, 2 * x + 1]), low, high)
            out[y, x] = np.uint8(((a + b) + (c + d)) / 4)
    if width % 2 == 1:
        x = width - 1
        for y in range(height // 2):
            a = _scaled(np.float64(frame[2 * y, x]), low, high)
            c = _scaled(np.float64(frame[2 * y + 1, x]), low, high)
            out[y, x // 2] = np.uint8((a + c) / 2)
    if height % 2 == 1:
        y = height - 1
        for x in range(width // 2):
            a = _scaled(np.float64(frame[y, 2 * x]), low, high)
            b = _scaled(np.float64(frame[y, 2 * x + 1]), low, high)
            out[y // 2, x] = np.uint8((a + b) / 2)
        if width % 2 == 1:
            last = np.float64(frame[height - 1, width - 1])
            out[y // 2, width // 2] = np.uint8(_scaled(last, low, high))


@kernel
def halve_labels(labels, largest, out):
    """Top left pixel of 2 x 2, scaled to 0..255 by the largest label, never to 0."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            value = np.int64(labels[2 * y, 2 * x])
            out[y, x] = 0 if value == 0 else np.uint8(max(1, value * 255 // largest))

"""Display level: percentiles, scaling to 8 bits, 2 x 2 pixels in one."""

import numpy as np


def percentile_limits(stack):
    """The 1st and 99th percentile of a stack, in double precision."""
    low, high = np.percentile(np.asarray(stack, dtype=np.float64), [1, 99])
    return float(low), float(high)


def downsample_intensity(frame, low, high):
    """(H, W) -> (ceil(H/2), ceil(W/2)) uint8."""
    values = frame.astype(np.float64)
    if high == low:
        y = np.where(values <= low, 0.0, 255.0)
    else:
        y = np.clip((values - low) * 255 / (high - low), 0, 255)
    odd = [(0, length % 2) for length in frame.shape]
    # where a row or column is missing there are fewer pixels to average
    return np.floor(
        sum_of_four(np.pad(y, odd)) / sum_of_four(np.pad(np.ones(y.shape), odd))
    ).astype(np.uint8)


def sum_of_four(y):
    """(a + b) + (c + d) of 2 x 2 pixels."""
    return (y[::2, ::2] + y[::2, 1::2]) + (y[1::2, ::2] + y[1::2, 1::2])


def compensate(frame, shift):
    """(H, W): pixel (y, x) is that of (y + shift_y, x + shift_x), 0 where there is none."""
    height, width = frame.shape
    out = np.zeros_like(frame)
    for y in range(height):
        for x in range(width):
            there = y + int(shift[0]), x + int(shift[1])
            if 0 <= there[0] < height and 0 <= there[1] < width:
                out[y, x] = frame[there]
    return out


def downsample_labels(frame, largest):
    """(H, W) -> (ceil(H/2), ceil(W/2)) uint8, never 0 where there is a label."""
    label = frame[::2, ::2].astype(np.int64)
    return np.where(label > 0, np.maximum(1, label * 255 // max(largest, 1)), 0).astype(np.uint8)

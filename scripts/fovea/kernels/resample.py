"""Images resampled to another size, in float32 with sums in a fixed order."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


def axis_taps(size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights with which the pixels of an axis enter each pixel of the resampled axis.

    A shorter axis takes the mean over the pixels that each new one covers; a longer axis is
    interpolated linearly between the two nearest pixels, with the last ones repeated at the edge.
    Returns the first pixel of each new one, (new_size,) int64, and the weights of it and the
    following ones, (new_size, n) float32.
    """
    scale = size / new_size
    places = np.arange(new_size)
    if scale > 1:
        number = min(size, int(np.ceil(scale)) + 1)
        first = np.minimum(np.floor(places * scale).astype(np.int64), size - number)
        pixels = first[:, None] + np.arange(number)
        ends = (places[:, None] + 1) * scale
        overlap = np.minimum(pixels + 1, ends) - np.maximum(pixels, places[:, None] * scale)
        taps = np.maximum(overlap, 0) / scale
        return first, taps.astype(np.float32)
    centres = np.clip((places + 0.5) * scale - 0.5, 0, size - 1)
    number = min(size, 2)
    first = np.minimum(np.floor(centres).astype(np.int64), size - number)
    share = centres - first
    return first, np.stack([1 - share, share], axis=1)[:, :number].astype(np.float32)


def resample(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resample a (H, W) float32 image to a shape (height, width), see `axis_taps`."""
    axes = [axis_taps(n, m) for n, m in zip(values.shape, shape, strict=True)]
    out = np.empty(shape, np.float32)
    _resample(values, *axes[0], *axes[1], out)
    return out


@kernel
def _resample(values, first_y, taps_y, first_x, taps_x, out):
    """Weighted sums down the columns first, then along the row."""
    width = values.shape[1]
    line = np.empty(width, np.float32)
    for y in range(out.shape[0]):
        row = values[first_y[y]]
        weight = taps_y[y, 0]
        for x in range(width):
            line[x] = weight * row[x]
        for k in range(1, taps_y.shape[1]):
            row = values[first_y[y] + k]
            weight = taps_y[y, k]
            for x in range(width):
                line[x] += weight * row[x]
        for x in range(out.shape[1]):
            total = taps_x[x, 0] * line[first_x[x]]
            for k in range(1, taps_x.shape[1]):
                total += taps_x[x, k] * line[first_x[x] + k]
            out[y, x] = total


@kernel
def nearest(labels, shape):
    """Resample labels to a shape (height, width): a pixel takes the label of the nearest centre."""
    height, width = labels.shape
    out = np.empty(shape, labels.dtype)
    columns = (2 * np.arange(shape[1]) + 1) * width // (2 * shape[1])
    for y in range(shape[0]):
        row = labels[(2 * y + 1) * height // (2 * shape[0])]
        for x in range(shape[1]):
            out[y, x] = row[columns[x]]
    return out

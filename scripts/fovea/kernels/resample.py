"""Images resampled to another size, in float32 with sums in a fixed order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fovea.kernels.jit import kernel


@lru_cache(maxsize=32)
def axis_taps(size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights with which the pixels of an axis enter each pixel of the resampled axis.

    A shorter axis takes the mean over the pixels that each new one covers; a longer axis is
    interpolated linearly between the two nearest pixels, with the last ones repeated at the edge.
    Returns the first pixel of each new one, (new_size,) uint32, and the weights of it and the
    following ones, (n, new_size) float32.
    """
    scale = size / new_size
    places = np.arange(new_size)
    if scale > 1:
        number = min(size, int(np.ceil(scale)) + 1)
        first = np.minimum(np.floor(places * scale).astype(np.int64), size - number)
        pixels = first + np.arange(number)[:, None]
        overlap = np.minimum(pixels + 1, (places + 1) * scale) - np.maximum(pixels, places * scale)
        taps = np.maximum(overlap, 0) / scale
    else:
        centres = np.clip((places + 0.5) * scale - 0.5, 0, size - 1)
        number = min(size, 2)
        first = np.minimum(np.floor(centres).astype(np.int64), size - number)
        share = centres - first
        taps = np.stack([1 - share, share])[:number]
    return first.astype(np.uint32), np.ascontiguousarray(taps, np.float32)


def resample(
    values: np.ndarray, shape: tuple[int, int], rows: np.ndarray | None = None
) -> np.ndarray:
    """Resample a (H, W) float32 image to a shape (height, width), see `axis_taps`.

    With `rows`, (n,) integers, only these of the result are computed: (n, width).
    """
    (first, taps), columns = (axis_taps(n, m) for n, m in zip(values.shape, shape, strict=True))
    if rows is not None:
        first, taps = first[rows], taps[:, rows]
    out = np.empty((len(first), shape[1]), np.float32)
    _resample(values, first, taps, *columns, out)
    return out


@kernel
def _resample(values, first_y, taps_y, first_x, taps_x, out):
    """Weighted sums down the columns first, then along the row."""
    line = np.empty(values.shape[1], np.float32)
    for y in range(len(out)):
        for k in range(len(taps_y)):
            row, weight = values[first_y[y] + k], taps_y[k, y]
            for x in range(len(line)):
                line[x] = line[x] + weight * row[x] if k else weight * row[x]
        target = out[y]
        for k in range(len(taps_x)):
            shifted, weights = line[k:], taps_x[k]
            for x in range(len(target)):
                value = weights[x] * shifted[first_x[x]]
                target[x] = target[x] + value if k else value


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

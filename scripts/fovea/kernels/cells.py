"""Crops of all cells of a frame, and measurements on them."""

from __future__ import annotations

import numpy as np

from fovea.kernels.display import halve_intensity, halve_labels
from fovea.kernels.jit import kernel
from fovea.kernels.spline import evaluate


@kernel
def cut_counts(frame, window, out):
    """Copy the window y0, x0, y1, x1 of a frame into `out`; pixels beyond the borders are 0."""
    height, width = frame.shape
    y0, x0 = window[0], window[1]
    for y in range(out.shape[0]):
        inside = 0 <= y0 + y < height
        for x in range(out.shape[1]):
            if inside and 0 <= x0 + x < width:
                out[y, x] = frame[y0 + y, x0 + x]
            else:
                out[y, x] = 0


@kernel
def cut_mask(labels, window, label, out):
    """As `cut_counts`, of the mask of one label: 1 where the label image holds it, else 0."""
    height, width = labels.shape
    y0, x0 = window[0], window[1]
    for y in range(out.shape[0]):
        inside = 0 <= y0 + y < height
        for x in range(out.shape[1]):
            if inside and 0 <= x0 + x < width and labels[y0 + y, x0 + x] == label:
                out[y, x] = 1
            else:
                out[y, x] = 0


@kernel
def mask_moments(masks):
    """Return (n, 6) int64 sums of 1, y, x, y², y x, x² over the set pixels of (n, h, w) masks."""
    out = np.zeros((len(masks), 6), np.int64)
    for i in range(len(masks)):
        for y in range(masks.shape[1]):
            n = np.int64(0)
            sx = np.int64(0)
            sxx = np.int64(0)
            for x in range(masks.shape[2]):
                here = np.int64(masks[i, y, x])
                n += here
                sx += here * x
                sxx += here * (x * x)
            out[i, 0] += n
            out[i, 1] += n * y
            out[i, 2] += sx
            out[i, 3] += n * y * y
            out[i, 4] += y * sx
            out[i, 5] += sxx
    return out


@kernel
def intensity_statistics(values, masks, want_median):
    """Return statistics of (n, h, w) float64 values inside (n, h, w) bool masks, (n, 6) float64.

    These are sum, mean, standard deviation, minimum, maximum, median; NaN for an empty mask. The
    median is computed only if wanted, because it needs sorting.
    """
    out = np.full((len(values), 6), np.nan)
    inside = np.empty(values.shape[1] * values.shape[2])
    for i in range(len(values)):
        n = 0
        total = 0.0
        low = np.inf
        high = -np.inf
        for y in range(values.shape[1]):
            for x in range(values.shape[2]):
                if masks[i, y, x]:
                    value = values[i, y, x]
                    inside[n] = value
                    n += 1
                    total += value
                    low = min(low, value)
                    high = max(high, value)
        if n == 0:
            continue
        mean = total / n
        spread = 0.0
        for k in range(n):
            spread += (inside[k] - mean) ** 2
        out[i, 0] = total
        out[i, 1] = mean
        out[i, 2] = np.sqrt(spread / n)
        out[i, 3] = low
        out[i, 4] = high
        if want_median:
            out[i, 5] = np.median(inside[:n])
    return out


@kernel
def above_background(raw, below, factor, step, weight, out):
    """Raw counts minus `weight` times the background, (n, h, w) float64 into `out`.

    Raw and below, (n, h, w) float32, are crops of the frame and of its background, divided by
    `factor`. The inverse of that scaling is exact for any factor, such as the 65535 of old crops:
    raw counts are integers, backgrounds multiples of `step`, the rounding step of the background,
    0 if it was not rounded.
    """
    flat_raw, flat_below, flat_out = raw.ravel(), below.ravel(), out.ravel()
    inverse = factor / step if step > 0.0 else factor
    for k in range(len(flat_raw)):
        background = np.float64(flat_below[k]) * inverse
        if step > 0.0:
            background = np.rint(background) * step
        flat_out[k] = np.rint(np.float64(flat_raw[k]) * factor) - weight * background


@kernel
def _scale(counts, out):
    """Counts as parts of the 65536 that 16 bits can tell, into `out`; exact for all counts."""
    for y in range(counts.shape[0]):
        for x in range(counts.shape[1]):
            out[y, x] = np.float32(counts[y, x]) * np.float32(1 / 65536)


@kernel
def _views(out, small, starts, small_starts, window, i):
    """Views of a cell's crop and of its display level in the buffers of all cells."""
    h, w = window[2] - window[0], window[3] - window[1]
    crop = out[starts[i] : starts[i] + h * w].reshape((h, w))
    h, w = (h + 1) // 2, (w + 1) // 2
    return crop, small[small_starts[i] : small_starts[i] + h * w].reshape((h, w))


@kernel
def crop_counts(frame, windows, starts, small_starts, low, high, out, small):
    """Crop all cells from a (H, W) uint16 frame, with their display levels.

    Cell i has the window y0, x0, y1, x1 in `windows` (n, 4) int32. Its crop, as parts of the full
    scale, begins at starts[i] of `out` (float32), and its display level, on which counts `low` and
    `high` are 0 and 255, at small_starts[i] of `small` (uint8).
    """
    for i in range(len(windows)):
        crop, level = _views(out, small, starts, small_starts, windows[i], i)
        counts = np.empty(crop.shape, frame.dtype)
        cut_counts(frame, windows[i], counts)
        _scale(counts, crop)
        halve_intensity(counts, low, high, level)


@kernel
def crop_spline(
    shape, coefficients, first_y, weights_y, first_x, powers_x, offset_x, step,
    windows, starts, small_starts, low, high, out, small,
):  # fmt: skip
    """As `crop_counts`, for a spline, which is evaluated in the windows only; see `evaluate`."""
    height, width = shape
    for i in range(len(windows)):
        crop, level = _views(out, small, starts, small_starts, windows[i], i)
        y0, x0, y1, x1 = windows[i]
        top, left = max(y0, 0), max(x0, 0)
        h, w = min(y1, height) - top, min(x1, width) - left
        inside = np.empty((h, w), np.float32)
        evaluate(
            coefficients, first_y, weights_y, first_x, powers_x, offset_x, top, left, step, inside
        )
        counts = np.zeros(crop.shape, np.float32)
        counts[top - y0 : top - y0 + h, left - x0 : left - x0 + w] = inside
        _scale(counts, crop)
        halve_intensity(counts, low, high, level)


@kernel
def crop_masks(labels, windows, ids, starts, small_starts, out, small):
    """As `crop_counts`, for the cells' own masks: 1 inside, 0 outside."""
    for i in range(len(windows)):
        crop, level = _views(out, small, starts, small_starts, windows[i], i)
        mask = np.empty(crop.shape, np.uint8)
        cut_mask(labels, windows[i], ids[i], mask)
        for y in range(mask.shape[0]):
            for x in range(mask.shape[1]):
                crop[y, x] = np.float32(mask[y, x])
        halve_labels(mask, 1, level)

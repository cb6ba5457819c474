"""Crops of all cells of a frame, and what is measured on them."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def cut_counts(frame, window, out):
    """Copy a window [y0, x0, y1, x1] of a (H, W) frame into out (h, w); 0 beyond the borders."""
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
    """As `cut_counts`, 1 where the label image holds `label`, else 0."""
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
def mask_moments(mask):
    """Sums over the set pixels of one (h, w) mask: n, Σy, Σx, Σy², Σyx, Σx² as int64."""
    n = np.int64(0)
    sy = np.int64(0)
    sx = np.int64(0)
    syy = np.int64(0)
    syx = np.int64(0)
    sxx = np.int64(0)
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x]:
                n += 1
                sy += y
                sx += x
                syy += y * y
                syx += y * x
                sxx += x * x
    return n, sy, sx, syy, syx, sxx


@kernel
def values_inside(values, mask):
    """The values (float64) of the set pixels, in raster order."""
    n = 0
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            n += mask[y, x]
    out = np.empty(n)
    n = 0
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x]:
                out[n] = values[y, x]
                n += 1
    return out

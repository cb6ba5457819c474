"""Segmentation `phase`, step by step with whole arrays.

Written from ``docs/algorithms.md``. Sums of float32 run in the documented order, so that the fast
version must give the same bits.
"""

import numpy as np
from scipy import ndimage

from support.reference.phase_parts import (
    disk,
    levels,
    maxima,
    merge,
    numbered,
    numbered_markers,
    watershed,
)

F = np.float32


def flatten(frame, diameter):
    """The frame minus the median of block means over some two diameters, interpolated."""
    block = max(1, round(diameter / 3))
    height, width = frame.shape
    rows, columns = -(-height // block), -(-width // block)
    coarse = np.array([
        [frame[i * block : (i + 1) * block, j * block : (j + 1) * block].mean(dtype=np.float64)
         for j in range(columns)] for i in range(rows)
    ]).astype(F)  # fmt: skip
    coarse = ndimage.median_filter(coarse, 7, mode="nearest")

    def places(size, count):
        position = np.clip((np.arange(size) - (block - 1) / 2) / block, 0, count - 1)
        first = np.minimum(position.astype(int), max(count - 2, 0))
        return first, np.minimum(first + 1, count - 1), (position - first).astype(F)

    top, below, down = places(height, rows)
    left, right, share = places(width, columns)
    lines = coarse[top] + down[:, None] * (coarse[below] - coarse[top])
    return frame.astype(F) - (lines[:, left] + share * (lines[:, right] - lines[:, left]))


def gaussian(image, sigma):
    """Gaussian filter cut at 4 sigma; under 0.3 pixels nothing happens."""
    if sigma < 0.3:
        return image
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(F)
    for axis in (0, 1):
        padded = np.pad(image, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], "edge")

        def shifted(k, padded=padded, axis=axis, size=image.shape[axis]):
            return np.take(padded, np.arange(size) + radius + k, axis)

        total = weights[0] * shifted(0)
        for k in range(1, radius + 1):
            total = total + weights[k] * (shifted(-k) + shifted(k))
        image = total
    return image


def erode(mask, radius):
    return ndimage.binary_erosion(mask, disk(radius), border_value=1)


def dilate(mask, radius):
    return ndimage.binary_dilation(mask, disk(radius))


def remove_small(mask, least):
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    return np.isin(labels, [n for n in range(1, count + 1) if sizes[n] >= least])


def fill_holes(mask, largest):
    """Fill background components of at most so many pixels that do not touch the border."""
    labels, count = ndimage.label(~mask)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    holes = [n for n in range(1, count + 1) if n not in edge and sizes[n] <= largest]
    return mask | np.isin(labels, holes)


def distances(mask, farthest):
    """Distance to the background; the outside of the image is none."""
    if mask.all():
        return np.full(mask.shape, farthest, F)
    squared = np.rint(ndimage.distance_transform_edt(mask) ** 2)
    return np.minimum(np.sqrt(squared).astype(F), F(farthest))


def sample(image):
    step = max(1, int(np.sqrt(image.size / 2**18)))
    return image[::step, ::step]


def otsu(x):
    """Otsu's threshold of 256 bins: the first of those that separate best; None for one value."""
    if x.min() == x.max():
        return None
    counts, edges = np.histogram(x, 256)
    centres = (edges[:-1] + edges[1:]) / 2
    sums = np.cumsum(counts * centres)
    best, found = -1.0, None
    for i in range(255):
        below = counts[: i + 1].sum()
        above = x.size - below
        apart = sums[i] / below - (sums[-1] - sums[i]) / above
        if below * above * apart**2 > best:
            best, found = below * above * apart**2, centres[i]
    return found


def background(x):
    """Centre of the fullest of 256 bins, and the spread of the values up to it."""
    counts, edges = np.histogram(x, 256)
    fullest = int(np.argmax(counts))
    mode = (edges[fullest] + edges[fullest + 1]) / 2
    below = x[x <= mode]
    return mode, np.sqrt(np.mean((below - mode) ** 2)) if len(below) else 0.0


def segment_adherent(frame, diameter, p):
    """Mode `adherent`; p holds the values of `fovea.config.phase_tuning.Adherent`."""
    d, area = diameter, diameter**2
    nothing = np.zeros(frame.shape, np.uint16)
    flat = flatten(frame, d)
    sigma = max(p.texture_sigma * d, 0.6)
    mean = gaussian(flat, sigma)
    variance = gaussian(flat * flat, sigma) - mean * mean
    x = 0.5 * np.log(np.maximum(sample(variance), np.finfo(F).tiny).astype(np.float64))
    x = np.maximum(x, np.percentile(x, 0.1)).ravel()
    threshold = otsu(x)
    if threshold is None:
        return nothing
    threshold += p.threshold_offset
    mode, sigma = background(x)
    low = max(threshold, mode + p.noise_level * sigma)
    mask, certain = (
        variance > F(np.exp(min(2 * limit, 88.0))) for limit in (low, threshold + p.core_contrast)
    )
    labels, count = ndimage.label(mask)
    held = np.bincount(labels[certain], minlength=count + 1)
    mask = np.isin(labels, [n for n in range(1, count + 1) if held[n] >= p.core_area * area])
    mask = fill_holes(mask, p.max_hole * area)

    values = sample(flat)[sample(mask)]
    values = values if len(values) else flat[mask]
    if len(values) == 0:
        return nothing
    low, high = np.percentile(values, (5, 95))
    contrast = float(high - low)
    if contrast <= 0:
        return nothing
    halo = mask & (gaussian(flat, p.halo_sigma * d) > F(p.halo_level * contrast))
    halo &= ~erode(mask, p.halo_width * d)
    labels, _ = ndimage.label(~mask | halo)
    mask &= ~np.isin(labels, np.unique(labels[~mask]))
    mask = fill_holes(mask, p.trimmed_hole * area)

    mask = dilate(erode(mask, p.opening * d), p.opening * d)
    mask = remove_small(erode(mask, p.erosion * d), p.min_area * area)

    ridge = mask & (gaussian(flat, p.ridge_sigma * d) > F(p.ridge_level * contrast))
    ridge = remove_small(ridge, p.ridge_area * area)
    cut = fill_holes(mask & ~ridge, p.ridge_hole * area) & mask
    depth = gaussian(distances(cut, 2 * d), p.distance_sigma * d) / F(d)
    markers = numbered_markers(
        maxima(depth, mask, p.marker_radius * d, p.marker_height), mask.shape
    )
    labels = watershed(levels(depth, ridge, p.ridge_step), mask, markers)
    labels = merge(labels, depth, ridge, p.saddle, p.ridge_weight, p.small_part * area)
    return numbered(labels, p.min_area * area)

"""Parts of objects: the watershed that cuts a mask into parts, and mergers of parts."""

from __future__ import annotations

import numpy as np

from fovea.kernels import boxes, distance, fields, flood, mergers, regions

_SAMPLE = 1 << 18  # pixels that suffice for percentiles and histograms
_FEW = 100  # pixels; fewer do not tell the ground's spread
#: Heights of the watershed per cell diameter, and the depth, in diameters, of height 0.
_STEPS, _TOP = np.float32(1024), np.float32(2)


def sample(image: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Return every n-th pixel of every n-th row, some 2**18 pixels of a large image.

    With `valid` (H, W) bool, only the valid ones of them, (n,), or all where there is none.
    """
    step = max(1, int(np.sqrt(image.size / _SAMPLE)))
    values = image[::step, ::step]
    if valid is None or not (chosen := valid[::step, ::step]).any():
        return values
    return values[chosen]


def spread(values: np.ndarray) -> float:
    """Return the standard deviation of normal values, from their median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def ground_spread(image: np.ndarray, free: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the `spread` of what is no object, or of everything, if that is less.

    Of the image, (H, W), and of `valid` (H, W) bool, the `sample` is taken, of which `free` says
    where no object is. Few pixels of a packed frame are free, and these are less alike than all.
    """
    found = spread(sample(image, valid))
    if valid is not None:
        free = free & sample(valid)
    return min(found, spread(sample(image)[free])) if np.count_nonzero(free) >= _FEW else found


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image after a Gaussian filter; sigmas below 0.3 pixels leave it unchanged."""
    return fields.smooth(image, fields.gaussian_taps(sigma)) if sigma >= 0.3 else image


def at_least(pixels: float) -> int:
    """Round an area up to a whole number of pixels."""
    return int(np.ceil(pixels))


def depths(mask: np.ndarray, cell_diameter: float, sigma: float) -> np.ndarray:
    """Return the smoothed distance to the background in cell diameters, (H, W) float32, <= 2."""
    depth = blurred(distance.distances(mask, np.float32(2 * cell_diameter)), sigma * cell_diameter)
    depth /= np.float32(cell_diameter)
    return depth


def half_widths(radius: float) -> np.ndarray:
    """Return the half-widths per row of a disk, the offsets with dx² + dy² <= radius²."""
    reach = int(np.floor(radius))
    rows = np.arange(-reach, reach + 1)
    return np.floor(np.sqrt(radius**2 - rows**2)).astype(np.int64)


def watershed(depth, mask, markers, components, ridge, ridge_step: float) -> np.ndarray:
    """Flood a mask (H, W) from `markers`, (n,) int64 flat indices, deep pixels first.

    `depth` (H, W) float32 is how far inside an object a pixel lies, in cell diameters. Of the
    mask's connected `components` (H, W), those with at most one marker are one part each. Pixels
    of `ridge` (H, W) bool are flooded as if `ridge_step` less deep. Returns labels, (H, W) int32.
    """
    labels = np.zeros(mask.shape, np.int32)
    labels.ravel()[markers] = np.arange(1, len(markers) + 1)
    rest = flood.fill_simple(components, labels, len(markers))
    levels = flood.heights(depth, ridge, rest, np.float32(ridge_step), _TOP, _STEPS)
    flood.watershed(levels, rest, labels)
    return labels


def merge(
    labels: np.ndarray, depth: np.ndarray, ridge: np.ndarray, *, saddle: float,
    ridge_weight: float, small: float, size_weight: float = 0.0, cell_area: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Merge neighbouring parts, those with the highest score of their border first.

    The score of a border is its greatest depth divided by the lower of the two parts' peaks, minus
    `ridge_weight` times the fraction of the border that lies on the ridge (with a `ridge` of int16
    its mean on the border), minus `size_weight` times the logarithm of the area of both parts in
    multiples of `cell_area`. Two parts are merged if the score exceeds `saddle` or one of them has
    fewer than `small` pixels. After each merger the borders of the new part are scored again. Of
    equal scores those of smaller labels come first, and the smaller label remains. Arrays are as in
    `watershed`, and labels in the result have gaps.
    """
    count = int(labels.max(initial=0))
    keys, heights, crossed = regions.borders(labels, depth, ridge)
    table = mergers.merged(
        keys, heights, crossed, *regions.peaks_and_areas(labels, depth, count), float(saddle),
        float(ridge_weight), float(small), float(size_weight), float(cell_area),
    )  # fmt: skip
    merged = np.empty_like(labels)
    boxes.relabel(labels, table, merged)
    return merged

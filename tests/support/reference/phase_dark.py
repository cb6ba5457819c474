"""Mode `dark` of segmentation `phase`, step by step with whole arrays.

Written from ``docs/algorithms.md``; see ``phase.py``.
"""

import numpy as np
from scipy import ndimage
from skimage.measure import moments_central

from support.reference.phase import (
    F,
    dilate,
    distances,
    erode,
    fill_holes,
    flatten,
    gaussian,
    remove_small,
    sample,
)
from support.reference.phase_parts import (
    grow,
    levels,
    merge,
    numbered,
    peaks,
    recede,
    watershed,
)


def block_extremes(image, block):
    """Maxima and minima of square blocks."""
    rows, columns = (range(0, n, block) for n in image.shape)
    blocks = [[image[y : y + block, x : x + block] for x in columns] for y in rows]
    return tuple(
        np.array([[F(extreme(b)) for b in row] for row in blocks]) for extreme in (np.max, np.min)
    )


def envelope(coarse, radius):
    """Maximum, then mean, over a square; the mean is of sums down the columns, then the rows."""
    size = 2 * radius + 1
    total = ndimage.maximum_filter(coarse, size, mode="nearest")
    for axis in (0, 1):
        padded = np.pad(total, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], "edge")
        parts = [np.take(padded, np.arange(total.shape[axis]) + k, axis) for k in range(size)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
    return total / F(size * size)


def interpolated(coarse, shape, block):
    """Values of blocks, interpolated linearly between the centres of the blocks."""

    def places(size, count):
        position = np.clip((np.arange(size) - (block - 1) / 2) / block, 0, count - 1)
        first = np.minimum(position.astype(int), max(count - 2, 0))
        return first, np.minimum(first + 1, count - 1), (position - first).astype(F)

    top, below, down = places(shape[0], coarse.shape[0])
    left, right, share = places(shape[1], coarse.shape[1])
    lines = coarse[top] + down[:, None] * (coarse[below] - coarse[top])
    return lines[:, left] + share * (lines[:, right] - lines[:, left])


def line_heights(image, span, straight, oblique, highest):
    """How much brighter a pixel is than those on both of its sides, in thousandths of the span."""
    edge = max(straight, oblique)
    height, width = image.shape
    padded = np.pad(image, edge, "edge")

    def beside(dy, dx):
        return padded[edge + dy : edge + dy + height, edge + dx : edge + dx + width]

    s, o = straight, oblique
    both = [np.maximum(beside(dy, dx), beside(-dy, -dx))
            for dy, dx in ((0, s), (s, 0), (o, o), (o, -o))]  # fmt: skip
    found = (image - np.min(both, axis=0)) / span
    return (F(1000) * np.clip(found, F(-0.1), F(highest))).astype(np.int16)


def dark_pixels(image, d, p, valid=None):
    """Mask of dark pixels, those inside edges, and heights of lines; None without contrast."""
    side, area = p.window * d, d * d
    block = max(2, round(side / 9))
    radius = max(1, round((side / block - 1) / 2))
    highest, lowest = block_extremes(image, block)
    bright = envelope(highest, radius)
    span = bright + envelope(-lowest, radius)
    usual = span if valid is None else span[valid[::block, ::block]]
    least = F(p.floor * np.percentile(usual, 97)) if usual.size else F(0)
    if not least > 1e-3:
        return None
    span = interpolated(np.maximum(span, least), image.shape, block)
    below = interpolated(bright, image.shape, block) - image
    mask = below > F(p.dark_level) * span
    mask = dilate(erode(mask, p.opening * d), p.opening * d)
    labels, count = ndimage.label(mask)
    certain = np.bincount(labels[below > F(p.core_level) * span], minlength=count + 1)
    held = [n for n in range(1, count + 1) if certain[n] >= p.core_area * area]
    mask = fill_holes(remove_small(np.isin(labels, held), p.min_area * area), p.max_hole * area)
    reach = p.line_reach * d
    straight, oblique = max(1, round(reach)), max(1, round(reach / np.sqrt(2)))
    inner = below > F(p.edge_level) * span
    return mask, inner, line_heights(image, span, straight, oblique, p.line_height)


def split(mask, lines, d, p):
    """Labels of the parts into which lines and necks divide a mask."""
    ridge = mask & (lines > int(p.line_level * 1000))
    ridge = remove_small(ridge, p.line_area * d * d)
    whole, cut = (
        gaussian(distances(m, 2 * d), p.distance_sigma * d) / F(d) for m in (mask, mask & ~ridge)
    )
    markers = peaks(cut, mask, p.marker_radius * d)
    parts = watershed(levels(cut, ridge, p.line_step), mask, markers)
    return merge(
        parts, whole, lines, p.saddle, p.line_weight / 1000, p.small_part * d * d,
        p.size_weight, d * d,
    )  # fmt: skip


def otsu_median(values):
    """Median of the upper of the two classes that differ most."""
    values = np.sort(values)
    if len(values) == 1:
        return values[0]
    sums = np.cumsum(values)
    best, found = -1.0, None
    for n in range(1, len(values)):
        above = len(values) - n
        apart = sums[n - 1] / n - (sums[-1] - sums[n - 1]) / above
        if n * above * apart**2 > best:
            best, found = n * above * apart**2, n
    return np.median(values[found:])


def compactness(mask):
    """Area over that of the ellipse of the same second moments."""
    m = moments_central(mask.astype(float), order=2)
    area = m[0, 0]
    a, b, c = m[2, 0] / area + 1 / 12, m[0, 2] / area + 1 / 12, m[1, 1] / area
    return area / (4 * np.pi * np.sqrt(a * b - c * c))


def clear_objects(labels, image, d, p, valid=None):
    """Labels of objects that stand out; None without any."""
    around = grow(labels, np.ones(labels.shape, bool), max(2, round(p.ring * d)))
    contrast, shape = {}, {}
    for n in np.unique(labels[labels > 0]).tolist():
        body, ring = labels == n, (around == n) & (labels == 0)
        fits = p.min_area * d * d <= body.sum() <= p.max_area * d * d and ring.any()
        # sums one after another: numpy's own are pairwise
        inside = np.cumsum(image[body], dtype=float)[-1] / body.sum()
        if fits and compactness(body) >= p.bent:
            shape[n] = compactness(body)
            contrast[n] = np.cumsum(image[ring], dtype=float)[-1] / ring.sum() - inside
    if not contrast:
        return None
    compact = [n for n in contrast if shape[n] >= p.compactness]
    usual = otsu_median(np.array([contrast[n] for n in compact or contrast]))
    clear = [n for n, c in contrast.items() if n in compact or c >= p.bent_contrast * usual]
    kept = [n for n in clear if contrast[n] > p.least_contrast * usual]
    free = ~np.isin(around, kept)
    counted = np.ones(image.shape, bool) if valid is None else valid
    places = sample(counted), sample(free & counted)
    background = [sample(image)[at] for at in places[: 1 + (places[1].sum() >= 100)]]
    spread = min(1.4826 * float(np.median(np.abs(b - np.median(b)))) for b in background)
    kept = [n for n in kept if contrast[n] > p.noise_level * spread]
    if not usual > p.faint * spread or not kept:
        return None
    return kept


def closed(mask, steps):
    """Mask with its gaps closed by steps of 4 neighbours; the image's border is no edge."""
    if not steps:
        return mask
    near = ndimage.binary_dilation(mask, iterations=steps)
    return mask | ndimage.binary_erosion(near, iterations=steps, border_value=1)


def segment_dark(frame, d, p):
    """Mode `dark`; p holds the values of `fovea.config.phase_tuning.Dark`."""
    nothing = np.zeros(frame.shape, np.uint16)
    image = gaussian(flatten(frame, d), p.smoothing * d)
    found = dark_pixels(image, d, p)
    if found is None:
        return nothing
    mask, inner, lines = found
    labels = split(mask, lines, d, p)
    cores = recede(labels, inner, max(1, round(p.reach * d)))
    kept = clear_objects(cores, image, d, p)
    if kept is None:
        return nothing
    within = closed(np.isin(cores, kept), max(2, round(p.gap * d)) if p.gap else 0)
    labels = np.where(within & np.isin(labels, kept), labels, 0)
    labels = grow(labels, np.ones(labels.shape, bool), round(p.expand * d))
    return numbered(labels, p.min_area * d * d)

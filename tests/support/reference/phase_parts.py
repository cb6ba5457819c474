"""Parts of segmentation `phase` on whole arrays: markers, watershed, mergers, growth, numbers."""

import heapq
import math

import numpy as np
from scipy import ndimage
from skimage.morphology import disk as square_disk

F = np.float32


def disk(radius):
    """Offsets with dx² + dy² <= radius²."""
    y, x = np.indices(square_disk(int(radius)).shape) - int(radius)
    return y * y + x * x <= radius * radius


def maxima(values, mask, radius, least):
    """Pixels that are the highest within a radius, the first of equal ones, in raster order."""
    order = np.lexsort((np.arange(values.size), -values.ravel()))
    rank = np.empty(values.size, int)
    rank[order] = np.arange(values.size)[::-1]
    rank = rank.reshape(values.shape)
    top = ndimage.maximum_filter(rank, footprint=disk(radius), mode="constant", cval=-1)
    near = ndimage.maximum_filter(rank, size=3, mode="constant", cval=-1) if radius >= 1 else top
    return np.argwhere(mask & (rank == top) & (rank == near) & (values > F(least)))


def numbered_markers(found, shape):
    markers = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(sorted(map(tuple, found)), 1):
        markers[y, x] = number
    return markers


def peaks(depth, mask, radius):
    """Markers: highest first, none within the radius of another one of its component."""
    components, _ = ndimage.label(mask)
    values = np.where(mask, depth, -np.inf)
    high = mask & (values >= ndimage.maximum_filter(values, 3, mode="constant", cval=-np.inf))
    found = []
    for y, x in sorted(np.argwhere(high).tolist(), key=lambda p: (-depth[p[0], p[1]], p)):
        near = [components[y, x] == components[v, u] and (y - v) ** 2 + (x - u) ** 2 <= radius**2
                for v, u in found]  # fmt: skip
        if not any(near):
            found.append((y, x))
    return numbered_markers(found, mask.shape)


def watershed(levels, mask, markers):
    """Flood from the markers: low levels first, among equals first come, first served.

    Components that no marker reaches are one part each.
    """
    labels = np.where(mask, markers, 0).astype(np.int32)
    queue, order = [], 0
    for y, x in np.argwhere(labels > 0):
        heapq.heappush(queue, (levels[y, x], order, y, x))
        order += 1
    while queue:
        _, _, y, x = heapq.heappop(queue)
        for yy, xx in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            inside = 0 <= yy < mask.shape[0] and 0 <= xx < mask.shape[1]
            if inside and mask[yy, xx] and labels[yy, xx] == 0:
                labels[yy, xx] = labels[y, x]
                heapq.heappush(queue, (levels[yy, xx], order, yy, xx))
                order += 1
    rest, _ = ndimage.label(mask & (labels == 0))
    return np.where(rest > 0, rest + markers.max(), labels).astype(np.int32)


def levels(depth, ridge, step):
    height = F(2) - depth
    height = np.where(ridge, height + F(step), height)
    return np.maximum(F(1024) * height, 0).astype(np.uint16)


def merge(labels, depth, ridge, saddle, ridge_weight, small, size_weight=0.0, cell_area=1.0):
    """Merge neighbours, the highest score first."""
    labels = labels.copy()
    while True:
        best = None
        names = np.unique(labels[labels > 0])
        peak = dict(zip(names, ndimage.maximum(depth, labels, names).tolist(), strict=True))
        size = dict(zip(names, ndimage.sum_labels(labels > 0, labels, names), strict=True))
        for (a, b), (top, crossed, length) in sorted(_borders(labels, depth, ridge).items()):
            score = float(top) / max(min(peak[a], peak[b]), 1e-6) - ridge_weight * crossed / length
            score -= size_weight * math.log((size[a] + size[b]) / cell_area)
            wanted = score > saddle or min(size[a], size[b]) < small
            if wanted and (best is None or score > best[0]):
                best = score, a, b
        if best is None:
            return labels
        labels[labels == best[2]] = best[1]


def _borders(labels, depth, ridge):
    """Highest depth, number of pairs of pixels on a ridge, and of all pairs, by pair of labels."""
    pairs = []
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[one], labels[other]
        where = (a != b) & (a > 0) & (b > 0)
        low, on = np.minimum(depth[one], depth[other]), np.maximum(ridge[one], ridge[other])
        pairs.append(np.stack([v[where] for v in (np.minimum(a, b), np.maximum(a, b), low, on)]))
    a, b, low, on = np.concatenate(pairs, axis=1)
    names, which = np.unique(np.stack([a, b]), axis=1, return_inverse=True)
    which, length = which.ravel(), np.bincount(which.ravel())
    top = np.full(len(length), -1.0)
    np.maximum.at(top, which, low)
    crossed = np.bincount(which, on)
    keys = map(tuple, names.T.astype(int).tolist())
    return dict(zip(keys, zip(top, crossed, length, strict=True), strict=True))


def grow(labels, mask, steps):
    """Grow into the mask one pixel (of 4 neighbours) a step; the smaller label wins."""
    labels = labels.copy()
    for _ in range(steps):
        padded = np.pad(labels, 1)
        around = np.stack(
            [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        )
        around = np.where(around > 0, around, np.iinfo(labels.dtype).max).min(axis=0)
        free = (labels == 0) & mask & (around < np.iinfo(labels.dtype).max)
        labels[free] = around[free]
    return labels


def recede(labels, mask, steps):
    """Clear pixels outside the mask that touch another label or none (of 4 neighbours).

    After the first step only pixels beside those that were just cleared can follow.
    """
    labels = labels.copy()
    padded = np.pad(labels, 1, "edge")
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.any([other != labels for other in around], axis=0)
    for _ in range(steps):
        gone = edge & (labels > 0) & ~mask
        labels[gone] = 0
        edge = ndimage.binary_dilation(gone)
    return labels


def numbered(labels, min_area):
    """Labels 1..N in raster order, without small ones."""
    out = np.zeros(labels.shape, np.uint16)
    names, first, sizes = np.unique(labels.ravel(), return_index=True, return_counts=True)
    kept = sorted(
        (i, n) for n, i, s in zip(names, first, sizes, strict=True) if n and s >= min_area
    )
    for number, (_, name) in enumerate(kept, 1):
        out[labels == name] = number
    return out

"""Mergers of neighbouring parts, those with the highest score of their border first."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush

import numpy as np

from fovea.kernels.jit import kernel

_LEAST_PEAK = 1e-6
_LOW = 0xFFFFFFFF  # the larger of two labels in a key


@kernel
def merged(
    keys, heights, crossed, peaks, areas, saddle, ridge_weight, small, size_weight, cell_area
):
    """Merge parts across borders, see `fovea.segmentation.phase.parts.merge`.

    `keys`, `heights` and `crossed`, (P,), are those of `fovea.kernels.regions.borders`; `peaks` and
    `areas`, (count + 1,), those of `peaks_and_areas`. Returns the label that each part gets,
    (count + 1,) int32: the smallest of those that it is merged with.
    """
    count = len(areas) - 1
    ends, top, sums, length = _edges(keys, heights, crossed, count)
    first, after = _lists(ends, count)
    peak, area = peaks.astype(np.float64), areas.copy()
    alive = np.ones(len(ends), np.bool_)
    stamp = np.zeros(len(ends), np.int64)  # how often an edge was scored; older scores are outdated
    shared = np.full(count + 1, -1, np.int64)  # by neighbour, the edge that leads to it
    parent = np.arange(count + 1).astype(np.int32)
    heap = [
        _entry(e, ends, top, sums, length, peak, area, stamp, ridge_weight, size_weight, cell_area)
        for e in range(len(ends))
    ]
    heapify(heap)
    while len(heap):
        minus_score, _, e, age = heappop(heap)
        if not alive[e] or age != stamp[e]:
            continue
        a, b = min(ends[e, 0], ends[e, 1]), max(ends[e, 0], ends[e, 1])
        if -minus_score <= saddle and min(area[a], area[b]) >= small:
            continue
        parent[b] = a
        area[a] += area[b]
        peak[a] = max(peak[a], peak[b])
        _join(a, b, ends, top, sums, length, first, after, alive, shared)
        half, before = first[a], -1
        while half >= 0:
            e = half >> 1
            if alive[e]:
                shared[_other(ends, e, a)] = -1
                stamp[e] += 1
                entry = _entry(
                    e, ends, top, sums, length, peak, area, stamp,
                    ridge_weight, size_weight, cell_area,
                )  # fmt: skip
                heappush(heap, entry)
                before = half
            elif before < 0:
                first[a] = after[half]
            else:
                after[before] = after[half]
            half = after[half]
    for i in range(1, count + 1):  # a parent is always smaller than its child
        parent[i] = parent[parent[i]]
    return parent


@kernel
def _edges(keys, heights, crossed, count):
    """Return, for each two neighbours, labels, greatest height, sum of the ridge, and pixels."""
    start = np.zeros(count + 2, np.int64)
    for key in keys:
        start[(key >> 32) + 1] += 1
    start = np.cumsum(start)
    place = start.copy()
    order = np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        a = keys[i] >> 32
        order[place[a]] = i
        place[a] += 1
    known = np.full(count + 1, -1, np.int64)  # the edge from the present label to another one
    ends = np.empty((len(keys), 2), np.int64)
    top, sums = np.empty(len(keys)), np.empty(len(keys))
    length = np.empty(len(keys), np.int64)
    n = 0
    for a in range(1, count + 1):
        from_here = n
        for i in order[start[a] : start[a + 1]]:
            b = keys[i] & _LOW
            e = known[b]
            if e < from_here:
                e = known[b] = n
                ends[e, 0], ends[e, 1] = a, b
                top[e], sums[e], length[e] = -1.0, 0.0, 0
                n += 1
            top[e] = max(top[e], np.float64(heights[i]))
            sums[e] += np.float64(crossed[i])
            length[e] += 1
    return ends[:n], top[:n], sums[:n], length[:n]


@kernel
def _lists(ends, count):
    """Return linked lists of the edges of each label: the first half-edge, and the one after each.

    Half-edge 2 e + k is the end k of edge e.
    """
    first = np.full(count + 1, -1, np.int64)
    after = np.empty(2 * len(ends), np.int64)
    for e in range(len(ends)):
        for k in range(2):
            after[2 * e + k] = first[ends[e, k]]
            first[ends[e, k]] = 2 * e + k
    return first, after


@kernel
def _other(ends, e, label):
    """Return the label at the other end of an edge."""
    return ends[e, 1] if ends[e, 0] == label else ends[e, 0]


@kernel
def _entry(e, ends, top, sums, length, peak, area, stamp, ridge_weight, size_weight, cell_area):
    """Return an edge's entry in the heap: the highest score comes first, then the smallest labels.

    It has the negative score, both labels as in `borders`, the edge, and how often that was scored.
    """
    a, b = min(ends[e, 0], ends[e, 1]), max(ends[e, 0], ends[e, 1])
    score = top[e] / max(min(peak[a], peak[b]), _LEAST_PEAK) - ridge_weight * sums[e] / length[e]
    score -= size_weight * math.log((area[a] + area[b]) / cell_area)
    return -score, (a << 32) | b, e, stamp[e]


@kernel
def _join(a, b, ends, top, sums, length, first, after, alive, shared):
    """Give the edges of b to a; two that lead to the same label become one.

    Leaves in `shared`, by label, the edges that led from a to it before.
    """
    half = first[a]
    while half >= 0:
        if alive[half >> 1]:
            shared[_other(ends, half >> 1, a)] = half >> 1
        half = after[half]
    half = first[b]
    while half >= 0:
        e, following = half >> 1, after[half]
        if alive[e]:
            label = _other(ends, e, b)
            f = shared[label]
            if label == a:
                alive[e] = False
            elif f >= 0:
                top[f] = max(top[f], top[e])
                sums[f] += sums[e]
                length[f] += length[e]
                alive[e] = False
            else:
                ends[e, half & 1] = a
                after[half] = first[a]
                first[a] = half
        half = following
    shared[b] = -1

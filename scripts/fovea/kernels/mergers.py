"""Mergers of neighbouring parts, those with the highest score of their border first."""

from __future__ import annotations

import math

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
    scores = np.empty(max(2 * len(ends), 1024))
    entries = np.empty((len(scores), 3), np.int64)  # key of both labels, edge, its stamp
    n = 0
    for e in range(len(ends)):
        found = _score(e, ends, top, sums, length, peak, area, ridge_weight, size_weight, cell_area)
        scores, entries, n = _push(scores, entries, n, found, ends, e, stamp[e])
    while n:
        score, e, age = scores[0], entries[0, 1], entries[0, 2]
        n = _pop(scores, entries, n)
        if not alive[e] or age != stamp[e]:
            continue
        a, b = min(ends[e, 0], ends[e, 1]), max(ends[e, 0], ends[e, 1])
        if score <= saddle and min(area[a], area[b]) >= small:
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
                found = _score(
                    e, ends, top, sums, length, peak, area, ridge_weight, size_weight, cell_area
                )
                scores, entries, n = _push(scores, entries, n, found, ends, e, stamp[e])
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
def _score(e, ends, top, sums, length, peak, area, ridge_weight, size_weight, cell_area):
    a, b = ends[e, 0], ends[e, 1]
    found = top[e] / max(min(peak[a], peak[b]), _LEAST_PEAK) - ridge_weight * sums[e] / length[e]
    return found - size_weight * math.log((area[a] + area[b]) / cell_area)


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


@kernel
def _push(scores, entries, n, score, ends, e, age):
    """Add an edge to the heap, whose n entries have the highest score, then smallest key, first."""
    if n == len(scores):
        scores = np.concatenate((scores, np.empty_like(scores)))
        entries = np.concatenate((entries, np.empty_like(entries)))
    key = (min(ends[e, 0], ends[e, 1]) << 32) | max(ends[e, 0], ends[e, 1])
    i = n
    while i:
        up = (i - 1) >> 1
        if not _before(score, key, scores[up], entries[up, 0]):
            break
        scores[i] = scores[up]
        entries[i] = entries[up]
        i = up
    scores[i] = score
    entries[i, 0], entries[i, 1], entries[i, 2] = key, e, age
    return scores, entries, n + 1


@kernel
def _pop(scores, entries, n):
    """Take the first entry from the heap; returns the number of those that are left."""
    n -= 1
    score, key, e, age = scores[n], entries[n, 0], entries[n, 1], entries[n, 2]
    i = 0
    while 2 * i + 1 < n:
        down = 2 * i + 1
        if down + 1 < n and _before(
            scores[down + 1], entries[down + 1, 0], scores[down], entries[down, 0]
        ):
            down += 1
        if not _before(scores[down], entries[down, 0], score, key):
            break
        scores[i] = scores[down]
        entries[i] = entries[down]
        i = down
    scores[i] = score
    entries[i, 0], entries[i, 1], entries[i, 2] = key, e, age
    return n


@kernel
def _before(score, key, other, other_key):
    """Tell whether an entry of the heap comes before another one."""
    return score > other or (score == other and key < other_key)

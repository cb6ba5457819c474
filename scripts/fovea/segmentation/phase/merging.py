"""Merge the parts into which a watershed has cut objects."""

from __future__ import annotations

import heapq

import numpy as np

from fovea.kernels import boxes, regions


def merge(
    labels: np.ndarray,
    depth: np.ndarray,
    ridge: np.ndarray,
    *,
    saddle: float,
    ridge_weight: float,
    small: float,
) -> np.ndarray:
    """Merge neighbours, the weakest border first.

    A border's score is its highest point over the lower of the two parts' peaks, minus
    `ridge_weight` times the share of the border that lies on the ridge. Two parts are one where
    the score exceeds `saddle`, or where one of them has fewer than `small` pixels. After each
    merger the borders of the new part are scored again; of equal scores the smaller labels come
    first, and the smaller label remains.

    Parameters
    ----------
    labels : (H, W) int32
        Parts, 0 background.
    depth : (H, W) float32
        How far inside an object a pixel lies.
    ridge : (H, W) bool
        Pixels that separate objects.
    saddle, ridge_weight, small : float
        See above.

    Returns
    -------
    (H, W) int32
        Labels, with gaps.
    """
    count = int(labels.max(initial=0))
    edges = _edges(labels, depth, ridge, count)
    highest, areas = regions.peaks_and_areas(labels, depth, count)
    peak, area = highest.astype(float).tolist(), areas.tolist()
    parent = list(range(count + 1))

    def score(a: int, b: int) -> float:
        top, crossed, length = edges[a][b]
        return top / max(min(peak[a], peak[b]), 1e-6) - ridge_weight * crossed / length

    current = {(a, b): score(a, b) for a in edges for b in edges[a] if a < b}
    heap = [(-value, a, b) for (a, b), value in current.items()]
    heapq.heapify(heap)
    while heap:
        value, a, b = heapq.heappop(heap)
        if current.get((a, b)) != -value:
            continue  # merged or scored again since
        if -value <= saddle and min(area[a], area[b]) >= small:
            continue
        parent[b] = a
        area[a] += area[b]
        peak[a] = max(peak[a], peak[b])
        for other, (top, crossed, length) in edges.pop(b).items():
            current.pop((min(b, other), max(b, other)))
            del edges[other][b]
            if other != a:
                known = edges[a].get(other, (-1.0, 0, 0))
                both = max(top, known[0]), crossed + known[1], length + known[2]
                edges[a][other] = edges[other][a] = both
        for other in edges[a]:
            pair = min(a, other), max(a, other)
            current[pair] = score(*pair)
            heapq.heappush(heap, (-current[pair], *pair))
    merged = np.empty_like(labels)
    boxes.relabel(labels, _roots(parent), merged)
    return merged


def _edges(labels, depth, ridge, count: int) -> dict[int, dict[int, tuple]]:
    """Neighbours of each part; for each: highest point, pixels on the ridge, pixels."""
    keys, heights, crossed = regions.borders(labels, depth, ridge)
    pairs, inverse = np.unique(keys, return_inverse=True)
    top = np.full(len(pairs), -1, np.float32)
    np.maximum.at(top, inverse, heights)
    lengths = np.bincount(inverse, minlength=len(pairs))
    on_ridge = np.bincount(inverse[crossed], minlength=len(pairs))
    edges: dict[int, dict[int, tuple]] = {}
    columns = (pairs >> 32, pairs & 0xFFFFFFFF, top.astype(float), on_ridge, lengths)
    for a, b, *border in zip(*(column.tolist() for column in columns), strict=True):
        edges.setdefault(a, {})[b] = edges.setdefault(b, {})[a] = tuple(border)
    return edges


def _roots(parent: list[int]) -> np.ndarray:
    """Follow parents to the end; a parent is always smaller than its child."""
    table = np.array(parent, np.int32)
    for i in range(len(table)):
        table[i] = table[table[i]]
    return table

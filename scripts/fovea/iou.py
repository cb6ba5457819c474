"""Tracking `iou`: objects of consecutive frames are linked by intersection over union."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fovea.kernels.boxes import boxes_and_areas, overlapping_boxes, overlapping_runs, relabel


@dataclass
class IouTracker:
    """Give the objects of one frame after the other the IDs of their cells.

    Parameters
    ----------
    min_iou : float
        Pairs with a smaller intersection over union are no match.
    overlap : {"box", "mask"}
        Whether the overlap is that of the bounding boxes or of the pixels.
    min_size, max_size : int or None
        Objects of fewer, or more, pixels take no part.
    """

    min_iou: float = 0.1
    overlap: str = "box"
    min_size: int | None = None
    max_size: int | None = None
    cells: int = field(default=0, init=False)
    _labels: np.ndarray | None = field(default=None, init=False, repr=False)
    _boxes: np.ndarray = field(default=None, init=False, repr=False)
    _areas: np.ndarray = field(default=None, init=False, repr=False)
    _ids: np.ndarray = field(default=None, init=False, repr=False)

    def __post_init__(self):
        if self.overlap not in ("box", "mask"):
            raise ValueError(f"overlap must be box or mask, got {self.overlap!r}")

    @property
    def ids(self) -> np.ndarray:
        """The IDs that occur in the last frame."""
        return self._ids[self._ids > 0]

    def update(self, labels: np.ndarray) -> np.ndarray:
        """IDs of the next frame's objects.

        Parameters
        ----------
        labels : (H, W) unsigned integer
            0 background, 1..N objects.

        Returns
        -------
        (H, W) uint16 or uint32
            0 background, IDs of cells; uint32 once an ID exceeds 65,535.
        """
        boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
        taking_part = areas > 0
        if self.min_size is not None:
            taking_part &= areas >= self.min_size
        if self.max_size is not None:
            taking_part &= areas <= self.max_size
        members = np.flatnonzero(taking_part)
        ids = np.zeros(len(areas), np.int64)
        if self._labels is not None:
            known = np.flatnonzero(self._ids)
            left, right, iou = self._overlaps(labels, boxes, areas, known, members)
            admissible = iou >= self.min_iou
            matches = assign(left[admissible], right[admissible], iou[admissible])
            ids[matches[1]] = self._ids[matches[0]]
        new = members[ids[members] == 0]
        ids[new] = self.cells + 1 + np.arange(len(new))
        self.cells += len(new)
        self._labels, self._boxes, self._areas, self._ids = labels, boxes, areas, ids
        dtype = np.uint16 if self.cells <= np.iinfo(np.uint16).max else np.uint32
        tracked = np.empty(labels.shape, dtype)
        relabel(labels, np.concatenate(([0], ids)).astype(dtype), tracked)
        return tracked

    def _overlaps(self, labels, boxes, areas, known, members):
        """Indices into the last frame's and this frame's objects, and their overlap."""
        if self.overlap == "box":
            last, here = self._boxes[known], boxes[members]
            order = np.argsort(last[:, 0], kind="stable"), np.argsort(here[:, 0], kind="stable")
            pairs, shared = overlapping_boxes(last, here, *order)
            left, right = known[pairs[:, 0]], members[pairs[:, 1]]
            size_left, size_right = _box_areas(self._boxes)[left], _box_areas(boxes)[right]
        else:
            keys, lengths = overlapping_runs(self._labels, labels)
            pairs, inverse = np.unique(keys, return_inverse=True)
            shared = np.bincount(inverse, lengths, len(pairs)).astype(np.int64)
            left = (pairs >> np.uint64(32)).astype(np.int64) - 1
            right = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64) - 1
            kept = np.isin(left, known) & np.isin(right, members)
            left, right, shared = left[kept], right[kept], shared[kept]
            size_left, size_right = self._areas[left], areas[right]
        return left, right, shared / (size_left + size_right - shared)


def _box_areas(boxes: np.ndarray) -> np.ndarray:
    sides = boxes.astype(np.int64)
    return (sides[:, 2] - sides[:, 0]) * (sides[:, 3] - sides[:, 1])


def assign(left: np.ndarray, right: np.ndarray, weight: np.ndarray):
    """The matching with the largest sum of weights.

    Most objects overlap with one other only; those pairs need no solver. The rest falls into
    small groups, each solved by itself, so that time grows with the number of pairs and not with
    the product of the numbers of objects.

    Parameters
    ----------
    left, right : (P,) int64
        The possible pairs.
    weight : (P,) float64
        Positive.

    Returns
    -------
    left, right : (M,) int64
        The matched pairs, sorted by left.
    """
    if len(left) == 0:
        return left, right
    left_names, i = np.unique(left, return_inverse=True)
    right_names, j = np.unique(right, return_inverse=True)
    alone = (np.bincount(i)[i] == 1) & (np.bincount(j)[j] == 1)
    matched_i, matched_j = [i[alone]], [j[alone]]
    i, j, weight = i[~alone], j[~alone], weight[~alone]
    if len(i):
        from scipy.optimize import linear_sum_assignment
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        n, m = len(left_names), len(right_names)
        graph = coo_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m))
        group = connected_components(graph, directed=False)[1][i]
        order = np.argsort(group, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            rows, r = np.unique(i[members], return_inverse=True)
            columns, c = np.unique(j[members], return_inverse=True)
            matrix = np.zeros((len(rows), len(columns)))
            matrix[r, c] = weight[members]
            r, c = linear_sum_assignment(matrix, maximize=True)
            possible = matrix[r, c] > 0
            matched_i.append(rows[r[possible]])
            matched_j.append(columns[c[possible]])
    i, j = np.concatenate(matched_i), np.concatenate(matched_j)
    order = np.argsort(i)
    return left_names[i[order]], right_names[j[order]]


def track_iou(labels: np.ndarray, **parameters) -> np.ndarray:
    """Track a whole (T, H, W) stack; parameters and values as for `IouTracker`."""
    tracker = IouTracker(**parameters)
    frames = [tracker.update(frame) for frame in labels]
    dtype = frames[-1].dtype if frames else np.uint16
    return np.stack(frames).astype(dtype) if frames else np.zeros(labels.shape, dtype)

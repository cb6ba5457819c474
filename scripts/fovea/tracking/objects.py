"""Objects of single frames, as trackers compare and match them: boxes, sizes and overlaps.

The first pass of a tracker sees every frame once and keeps only these tables, so its memory does
not depend on the size of the frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fovea.kernels.boxes import boxes_and_areas, overlapping_runs
from fovea.kernels.motion import contacts, moments
from fovea.tracking.drift import coarse_mask, estimate_shift, overlap

_PRESSED = 0.2  # border with other objects, as a share of an object's circumference


@dataclass
class Objects:
    """The objects of one frame.

    Attributes
    ----------
    boxes : (N, 4) int32
        y0, x0, y1, x1 of the labels 1..N, ends exclusive.
    areas : (N,) int64
        Pixels; 0 for a label that does not occur or takes no part.
    shift : (2,) int64
        How far the image has moved since the frame before, y and x in pixels.
    shared : (P, 3) int64
        Label of the frame before, label of this frame, pixels that both hold once the frame
        before is shifted.
    centroids : (N, 2) float64
        Mean y and x of the pixels, where `measure_shapes` has been called.
    shapes : (N, 2) float64
        How long the objects are and which way, likewise: for the variances v of their pixels
        (v_xx - v_yy, 2 v_xy) / (v_xx + v_yy), which has length 0 for a disk and 1 for a line.
    cut : (N,) bool
        Whether the objects touch the edge of the frame.
    pressed : (N,) bool
        Whether the objects touch others on much of their border, so that these may cover a part of
        them, where `measure_shapes` has been called.
    steps : (N, 2) float64
        Displacement since the frame before, without that of the image; NaN where it is not known.
    """

    boxes: np.ndarray
    areas: np.ndarray
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))
    shared: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    centroids: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    shapes: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    cut: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    pressed: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    steps: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    @property
    def members(self) -> np.ndarray:
        """Indices (label - 1) of the objects that take part, (M,) int64."""
        return np.flatnonzero(self.areas)

    @property
    def centres(self) -> np.ndarray:
        """Centres of the boxes, (N, 2) float64, y and x in pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:] - 1) / 2

    def shifted(self, shift: np.ndarray) -> np.ndarray:
        """Boxes moved by `shift`, (N, 4) int32."""
        return (self.boxes + np.tile(shift, 2)).astype(np.int32)

    def within(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """Indices (label - 1) of the objects whose boxes overlap with a box, ascending, (M,) int64.

        The box is y0, x0, y1, x1, ends exclusive. Only the boxes of nearby rows are looked at.
        """
        order, tops, tallest = self._by_rows
        y0, x0, y1, x1 = box
        near = order[slice(np.searchsorted(tops, y0 - tallest, "right"), np.searchsorted(tops, y1))]
        boxes = self.boxes[near]
        return np.sort(near[(boxes[:, 2] > y0) & (boxes[:, 1] < x1) & (boxes[:, 3] > x0)])

    @cached_property
    def _by_rows(self) -> tuple[np.ndarray, np.ndarray, int]:
        """The objects that take part by their upper edges, these edges, and the largest height."""
        order = self.members[np.argsort(self.boxes[self.members, 0], kind="stable")]
        tops, ends = self.boxes[order, 0].astype(np.int64), self.boxes[order, 2]
        return order, tops, int((ends - tops).max(initial=0))


def describe(
    frames: Iterable[np.ndarray], min_size: int | None, max_size: int | None, drift: bool
) -> Iterator[tuple[Objects, np.ndarray]]:
    """Describe the objects of each frame of labels, (H, W) unsigned integer, one after the other.

    Objects of fewer pixels than `min_size`, or more than `max_size`, take no part. `Objects.shift`
    is 0 without `drift`; `Objects.shared` is not filled. The labels are yielded, too.
    """
    before = None
    for labels in frames:
        boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
        areas[(areas < (min_size or 0)) | (areas > (max_size or labels.size))] = 0
        cut = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == labels.shape).any(axis=1)
        here = Objects(boxes, areas, cut=cut)
        if drift:
            known = coarse_mask(labels), here.centres[here.members]
            if before is not None:
                masks, centres = zip(before, known, strict=True)
                here.shift = estimate_shift(*masks, *centres, labels.shape)
            before = known
        yield here, labels


def measure_shapes(here: Objects, labels: np.ndarray) -> None:
    """Give objects their centroids and shapes, and whether they are pressed, from labels (H, W)."""
    sums = moments(labels, len(here.areas)) / np.maximum(here.areas, 1)[:, None]
    y, x = sums[:, 0], sums[:, 1]
    # a pixel is a square, of variance 1/12 along each side
    yy, yx, xx = sums[:, 2] - y * y + 1 / 12, sums[:, 3] - y * x, sums[:, 4] - x * x + 1 / 12
    here.centroids = sums[:, :2]
    here.shapes = np.stack([xx - yy, 2 * yx], axis=1) / (xx + yy)[:, None]
    here.steps = np.full((len(here.areas), 2), np.nan)
    round_ = 2 * np.sqrt(np.pi * here.areas)  # circumference of a disk of this area
    here.pressed = contacts(labels, len(here.areas)) > _PRESSED * round_


def shared_pixels(before: np.ndarray, here: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Pixels that each pair of objects shares, (P, 3) int64; `before` is moved by `shift`."""
    then, now = overlap(here.shape, shift)
    return sum_runs(*overlapping_runs(before[then], here[now]))


def sum_runs(keys: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Pixels of each pair of labels, (P, 3) int64, of runs as `overlapping_runs` finds them."""
    pairs, inverse = np.unique(keys, return_inverse=True)
    pixels = np.bincount(inverse, lengths, len(pairs)).astype(np.int64)
    columns = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF), pixels
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


def assign(left: np.ndarray, right: np.ndarray, weight: np.ndarray):
    """Return the matching with the largest sum of weights: its pairs, (M,) int64 each, by left.

    The possible pairs are (P,) int64 each, the weights (P,) float64 and positive. Most objects
    overlap with one other only; those pairs need no solver. The rest falls into small groups, each
    solved by itself, so that time grows with the number of pairs and not with the product of the
    numbers of objects.
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

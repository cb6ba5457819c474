"""Tracking in two passes: tables of objects first, then one ID per cell.

The first pass sees every frame once and keeps only tables (boxes, areas, shared pixels), so that
its memory does not depend on the size of the frames. What needs the future (gaps, merged objects,
divisions) is settled on the tables. The second pass, `Links.render`, sees the frames again and
gives the pixels their IDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from fovea.kernels.boxes import boxes_and_areas, overlapping_runs, relabel

Node = tuple[int, int]  # frame, label


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
    """

    boxes: np.ndarray
    areas: np.ndarray
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))
    shared: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    @property
    def members(self) -> np.ndarray:
        """Indices (label - 1) of the objects that take part."""
        return np.flatnonzero(self.areas)

    @property
    def centres(self) -> np.ndarray:
        """Centres of the boxes, (N, 2) float64, in pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:] - 1) / 2

    def shifted(self, shift: np.ndarray) -> np.ndarray:
        """Boxes moved by `shift`, (N, 4) int32."""
        return (self.boxes + np.tile(shift, 2)).astype(np.int32)


def describe(labels: np.ndarray, min_size: int | None, max_size: int | None) -> Objects:
    """Boxes and areas of a frame; objects of other sizes get the area 0."""
    boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
    areas[(areas < (min_size or 0)) | (areas > (max_size or labels.size))] = 0
    return Objects(boxes, areas)


def shared_pixels(before: np.ndarray, here: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Pixels that each pair of objects shares, (P, 3) int64; `before` is moved by `shift`."""
    height, width = here.shape
    dy, dx = (int(n) for n in shift)
    if abs(dy) >= height or abs(dx) >= width:
        return np.zeros((0, 3), np.int64)
    then = before[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    now = here[max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)]
    keys, lengths = overlapping_runs(then, now)
    pairs, inverse = np.unique(keys, return_inverse=True)
    pixels = np.bincount(inverse, lengths, len(pairs)).astype(np.int64)
    columns = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF), pixels
    return np.stack([column.astype(np.int64) for column in columns], axis=1)


@dataclass
class Links:
    """What belongs together.

    Attributes
    ----------
    objects : list of Objects
        One per frame.
    chains : list of list of (frame, label)
        The objects of each cell; cell i has the ID i + 1. An object of several cells is one that
        they are merged in.
    parents : dict of int to int
        Chain to the chain it comes from by division.
    """

    objects: list[Objects]
    chains: list[list[Node]]
    parents: dict[int, int]
    joined: int = 0  # gaps that were closed, for the log
    parted: int = 0  # merged objects that were divided among their cells

    def __post_init__(self):
        self._number()

    def _number(self) -> None:
        """Number the cells by their first frame and, within it, by label."""
        order = sorted(range(len(self.chains)), key=lambda i: self.chains[i][0])
        place = {old: new for new, old in enumerate(order)}
        self.chains = [self.chains[i] for i in order]
        self.parents = {place[child]: place[parent] for child, parent in self.parents.items()}

    @property
    def drift(self) -> np.ndarray:
        """Where the image of each frame is, relative to the first: (T, 2) int64, y and x."""
        return np.cumsum([o.shift for o in self.objects], axis=0)

    @property
    def dtype(self) -> type:
        """Type that holds all IDs."""
        return np.uint16 if len(self.chains) <= np.iinfo(np.uint16).max else np.uint32

    def render(
        self, frames: Iterable[np.ndarray], targets: Iterable[np.ndarray] | None = None
    ) -> Iterator[np.ndarray]:
        """IDs of the pixels, frame by frame.

        Parameters
        ----------
        frames : iterable of (H, W) unsigned integer
            The labels that were linked.
        targets : iterable of (H, W), optional
            Arrays of `dtype` to fill and yield; without it, new ones. At least two must take
            turns, for a frame is compared with the one before.

        Yields
        ------
        (H, W) uint16 or uint32
            0 background, else the ID of the cell.
        """
        targets = None if targets is None else iter(targets)
        owners: list[dict[int, list[int]]] = [{} for _ in self.objects]
        for cell, chain in enumerate(self.chains, 1):
            for t, label in chain:
                owners[t].setdefault(label, []).append(cell)
        last = None
        for known, owner, labels in zip(self.objects, owners, frames, strict=True):
            table = np.zeros(len(known.areas) + 1, self.dtype)
            for label, cells in owner.items():
                table[label] = cells[0]
            tracked = np.empty(labels.shape, self.dtype) if targets is None else next(targets)
            relabel(labels, table, tracked)
            for label, cells in owner.items():
                if len(cells) > 1:
                    part(labels, known.boxes[label - 1], label, cells, last, known.shift, tracked)
            last = tracked
            yield tracked

    def lineage(self) -> list[tuple[int, int, int, int]]:
        """Cell, first frame, last frame and parent (0 for none) of every cell, by cell."""
        return [
            (i + 1, chain[0][0], chain[-1][0], self.parents.get(i, -1) + 1)
            for i, chain in enumerate(self.chains)
        ]


def part(labels, box, label, cells, last, shift, tracked) -> None:
    """Divide a merged object: each pixel goes to the cell that was nearest in the frame before.

    Parameters
    ----------
    labels : (H, W) unsigned integer
    box : (4,) int32
        Box of the object.
    label : int
        Its label.
    cells : list of int
        IDs of its cells.
    last : (H, W) unsigned integer
        IDs of the frame before.
    shift : (2,) int64
        How far the image has moved since then.
    tracked : (H, W) unsigned integer
        IDs of this frame, changed in place.
    """
    from scipy.ndimage import distance_transform_edt

    y0, x0, y1, x1 = (int(n) for n in box)
    dy, dx = (int(n) for n in shift)
    height, width = last.shape
    rows = np.clip(np.arange(y0, y1) - dy, 0, height - 1)
    columns = np.clip(np.arange(x0, x1) - dx, 0, width - 1)
    before = last[np.ix_(rows, columns)]
    distances = [
        distance_transform_edt(before != cell) if (before == cell).any() else
        np.full(before.shape, np.inf) for cell in cells
    ]  # fmt: skip
    nearest = np.array(cells, tracked.dtype)[np.argmin(distances, axis=0)]
    inside = labels[y0:y1, x0:x1] == label
    for cell, distance in zip(cells, distances, strict=True):
        if not (nearest[inside] == cell).any():  # each of them keeps a pixel
            counts = [int((nearest[inside] == other).sum()) for other in cells]
            free = inside & (nearest == cells[int(np.argmax(counts))])
            place = np.argmin(np.where(free, np.minimum(distance, 1e9), np.inf))
            nearest.ravel()[place] = cell
    tracked[y0:y1, x0:x1][inside] = nearest[inside]

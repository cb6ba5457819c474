"""Result of a two-pass tracker: which objects belong to which cell, and the IDs of all pixels.

What needs the future (gaps, merged objects, divisions) is settled on tables of objects. The second
pass over the frames, `Links.render`, gives the pixels the IDs of their cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from fovea.kernels.boxes import relabel
from fovea.tracking.objects import Objects

Node = tuple[int, int]  # frame, label


@dataclass
class Links:
    """The objects of every cell, and which cell comes from which.

    Attributes
    ----------
    objects : list of Objects
        One per frame.
    chains : list of list of (frame, label)
        The objects of each cell; cell i has the ID i + 1. An object of several cells is one that
        they are merged in.
    parents : dict of int to int
        Index of a chain to that of the chain it comes from by division.
    joined, parted : int
        Gaps that were closed, and merged objects that were divided among their cells, for the log.
    held : dict of (frame, label) to tuple of int
        Indices of the chains of the cells that an undivided object holds, where it holds several.
    """

    objects: list[Objects]
    chains: list[list[Node]]
    parents: dict[int, int]
    joined: int = 0
    parted: int = 0
    held: dict[Node, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self):
        """Number the cells by their first frame and, within it, by label."""
        order = sorted(range(len(self.chains)), key=lambda i: self.chains[i][0])
        place = {old: new for new, old in enumerate(order)}
        self.chains = [self.chains[i] for i in order]
        self.parents = {place[child]: place[parent] for child, parent in self.parents.items()}
        self.held = {node: tuple(place[i] for i in cells)
                     for node, cells in self.held.items()}  # fmt: skip

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
        """Yield the IDs of the pixels, (H, W) uint16 or uint32, 0 for background, frame by frame.

        `frames` are the labels that were linked. `targets` are arrays of `dtype` to fill and yield;
        without them, new ones are. At least two must take turns, for a frame is compared with the
        one before.
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
                    _part(labels, known.boxes[label - 1], label, cells, last, known.shift, tracked)
            last = tracked
            yield tracked

    def lineage(self) -> list[tuple[int, int, int, int]]:
        """Cell, first frame, last frame and parent (0 for none) of every cell, by cell."""
        return [
            (i + 1, chain[0][0], chain[-1][0], self.parents.get(i, -1) + 1)
            for i, chain in enumerate(self.chains)
        ]

    def merges(self) -> list[tuple[int, int, int, tuple[int, ...]]]:
        """Cell, first frame and last frame of every time in which its object holds several cells.

        And the IDs of these cells. By cell and frame.
        """
        return merge_rows(
            dict(enumerate(self.chains, 1)),
            {node: tuple(i + 1 for i in cells) for node, cells in self.held.items()},
        )


def merge_rows(
    cells: Mapping[int, list[Node]], held: Mapping[Node, tuple[int, ...]]
) -> list[tuple[int, int, int, tuple[int, ...]]]:
    """Rows of the table of merges, see `Links.merges`, from the objects of every cell."""
    rows = []
    for cell, chain in cells.items():
        for inside, nodes in groupby(chain, held.get):
            if inside:
                frames = [t for t, _ in nodes]
                rows.append((cell, frames[0], frames[-1], tuple(sorted(set(inside)))))
    return rows


def _part(labels, box, label, cells, last, shift, tracked) -> None:
    """Divide a merged object: each pixel goes to the cell that was nearest in the frame before.

    The object has this label in `labels` (H, W), lies in `box` (4,) and holds the IDs `cells`;
    `last` (H, W) are the IDs of the frame before, since which the image has moved by `shift` (2,);
    `tracked` (H, W) are the IDs of this frame, changed in place.
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

"""Objects of several cells in the results of trackers that know of none: btrack and plug-ins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fovea.kernels.boxes import boxes_and_areas
from fovea.tracking.chains import Chains
from fovea.tracking.links import Node, merge_rows
from fovea.tracking.merges import find_merges, set_apart
from fovea.tracking.objects import Objects, shared_pixels


def flag_merges(
    objects: list[Objects], cells: Mapping[int, list[Node]], parents: Mapping, max_gap: int = 0
) -> tuple[dict[Node, tuple[int, ...]], dict]:
    """Find the objects of several cells in the result of any method of tracking.

    `cells` are the objects of every cell and `parents` the cells that others come from by division.
    Returns the cells in each of these objects, and the parents without cells in such an object.
    """
    chains = Chains.of(objects, cells)
    set_apart(chains, find_merges(chains, max_gap, keep_names=True))
    held = {node: tuple(chains.owner[cell] for cell in inside)
            for node, inside in chains.holds.items()}  # fmt: skip
    alone = {
        child: parent for child, parent in parents.items()
        if parent not in cells or not chains.held_several(parent, cells[parent][-1][0])
    }  # fmt: skip
    return held, alone


class FrameByFrame:
    """The objects of a method that gives IDs frame by frame."""

    def __init__(self):
        self.objects: list[Objects] = []
        self.last: np.ndarray | None = None

    def add(self, ids: np.ndarray) -> None:
        """Add the IDs of a frame, (H, W) unsigned integer."""
        here = Objects(*boxes_and_areas(ids, int(ids.max(initial=0))))
        if self.last is not None:
            here.shared = shared_pixels(self.last, ids, here.shift)
        self.objects.append(here)
        self.last = ids.copy()

    def merges(self, parents: Mapping[int, int]) -> tuple[dict[int, int], list[tuple]]:
        """Return the parents of cells that hold no other, and the rows of the table of merges."""
        cells: dict[int, list[Node]] = {}
        for t, here in enumerate(self.objects):
            for cell in (here.members + 1).tolist():
                cells.setdefault(cell, []).append((t, cell))
        cells = dict(sorted(cells.items()))
        held, alone = flag_merges(self.objects, cells, parents)
        return alone, merge_rows(cells, held)

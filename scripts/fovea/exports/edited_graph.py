"""The cells and mothers that a graph of objects stands for, by the IDs that cells had before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError


@dataclass(frozen=True)
class Objects:
    """The objects of a field of view.

    Attributes
    ----------
    frame : (P,) int64
    place : (P, 3) int64
        As of `fovea.tracking.edited.places`.
    tracked, cell : (P,) int64
        The ID that tracking gave, and the one that the object has now; 0 where it is left out.
    """

    frame: np.ndarray
    place: np.ndarray
    tracked: np.ndarray
    cell: np.ndarray

    def at(self, i: int) -> str:
        """Say where an object is."""
        y, x, _ = self.place[i].tolist()
        return f"x {x / 2:g}, y {y / 2:g} of frame {self.frame[i]}"


@dataclass(frozen=True)
class Edges:
    """Links between objects.

    Attributes
    ----------
    links : (L, 2) int64
        Indices of two objects, the earlier one first.
    division : (L,) bool
        Whether a link leads from a mother to a daughter.
    """

    links: np.ndarray
    division: np.ndarray


def cells_of(
    source: Path,
    objects: Objects,
    nodes: np.ndarray,
    edges: Edges,
    before: Edges,
    lost: Mapping[int, int],
) -> tuple[np.ndarray, dict[int, int]]:
    """Return the cell of each object, (P,) int64, 0 for one that is no node, and their mothers.

    An object that leads to several divides. One that leads to a single one is the same cell, unless
    it did divide before, into that one alone, or unless its link says so and did not before. A cell
    keeps the ID of its first object, if no other cell that begins earlier does; else it gets the
    next free number.

    Parameters
    ----------
    source : path
        The store, for messages.
    nodes : (N,) int64
        Indices of the objects that are nodes.
    edges, before : Edges
        The links of the store, and those of the results.
    lost : mapping of int to int
        Cells whose mothers have no link in the results, with these.

    Raises
    ------
    FoveaError
        If a link does not lead forward, or if several lead to one object.
    """
    count = len(objects.frame)
    then, now = edges.links.T
    back = np.flatnonzero(objects.frame[then] >= objects.frame[now])
    if len(back):
        raise FoveaError(
            f"{source}: a link leads from {objects.at(int(then[back[0]]))} to "
            f"{objects.at(int(now[back[0]]))}; links lead to a later frame: delete it"
        )
    into = np.bincount(now, minlength=count)
    if (into > 1).any():
        raise FoveaError(
            f"{source}: {into.max()} links lead to the object at "
            f"{objects.at(int(np.argmax(into > 1)))}; a cell comes from one: delete the others"
        )
    out, out_before = (np.bincount(one.links[:, 0], minlength=count) for one in (edges, before))
    known = dict(zip(map(tuple, before.links.tolist()), before.division.tolist(), strict=True))
    following, mother = np.full(count, -1), np.full(count, -1)
    for (one, two), marked in zip(edges.links.tolist(), edges.division.tolist(), strict=True):
        alone = out_before[one] == 1 if known.get((one, two)) else marked
        if out[one] > 1 or alone:
            mother[two] = one
        else:
            following[one] = two
    inner = np.zeros(count, bool)
    inner[following[following >= 0]] = True
    heads = nodes[~inner[nodes]]
    heads = heads[np.lexsort((objects.tracked[heads], objects.cell[heads], objects.frame[heads]))]
    cells, used, unnamed = np.zeros(count, np.int64), set(), []
    chains = {}
    for head in heads.tolist():
        chain = [head]
        while (after := following[chain[-1]]) >= 0:
            chain.append(int(after))
        chains[head] = chain
        if (name := int(objects.cell[head])) and name not in used:
            used.add(name)
            cells[chain] = name
        else:
            unnamed.append(head)
    largest = max(int(objects.cell.max(initial=0)), int(objects.tracked.max(initial=0)))
    for name, head in enumerate(unnamed, largest + 1):
        cells[chains[head]] = name
    parents = {int(cells[h]): int(cells[mother[h]]) for h in heads.tolist() if mother[h] >= 0}
    first = {int(cells[h]): int(objects.frame[h]) for h in heads.tolist()}
    for cell, parent in lost.items():
        if cell not in parents and first.get(parent, count) < first.get(cell, -1):
            parents[cell] = parent
    return cells, parents

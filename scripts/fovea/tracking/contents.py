"""Which cells the objects of all frames hold, as far as they have been looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain as chain_all
from itertools import product
from statistics import median

import numpy as np

from fovea.tracking.chains import LASTING, Chains
from fovea.tracking.links import Node

_RECENT = 10  # frames over which the area of a cell is taken
MOST = 6  # cells in an object up to which all ways to part are compared


@dataclass(frozen=True)
class Cell:
    """A cell in an object that holds several: its last object of its own, and its area then."""

    node: Node
    area: float


@dataclass
class Merges:
    """What was found.

    Attributes
    ----------
    holds : dict of (frame, label) to tuple of Cell
        The cells of each object that holds more than one, or of which it is not known which of
        these cells it is.
    absorbed : set of int
        Chains that end because another object absorbed them.
    pieces : set of int
        Chains that begin where an object of several cells parts.
    partings : list of (chain, frame)
        Where an object of several cells goes on as one of its parts.
    """

    holds: dict[Node, tuple[Cell, ...]] = field(default_factory=dict)
    absorbed: set[int] = field(default_factory=set)
    pieces: set[int] = field(default_factory=set)
    partings: list[tuple[int, int]] = field(default_factory=list)


class Contents:
    """The cells of every chain in the frames so far."""

    def __init__(self, chains: Chains, missed: int, keep_names: bool):
        self.chains, self.missed, self.keep_names = chains, missed, keep_names
        self.found = Merges()
        self.cells: dict[int, tuple[Cell, ...]] = {}  # of the chains that hold several now
        self.since: dict[int, int] = {}  # frame since which a chain holds what it holds
        self.labels = {name: dict(nodes) for name, nodes in chains.chains.items()}
        self.on: dict[Node, list[int]] = {}  # the chains that an object is divided among
        for name, nodes in chains.chains.items():
            for node in nodes:
                self.on.setdefault(node, []).append(name)
        self.starts: dict[int, list[int]] = {}
        self.ends: dict[int, list[int]] = {}
        for name, nodes in chains.chains.items():
            self.starts.setdefault(nodes[0][0], []).append(name)
            self.ends.setdefault(nodes[-1][0], []).append(name)

    def note(self, t: int) -> None:
        """Note the objects of frame t that hold several cells."""
        for chain, cells in self.cells.items():
            if t in self.labels[chain]:
                self.found.holds[t, self.labels[chain][t]] = cells

    # --- What is known of a chain

    def recent(self, chain: int, t: int) -> list[Node]:
        """The latest objects of a chain before frame t, while it held the same cells."""
        frames = range(t - 1, max(self.since.get(chain, 0), t - _RECENT) - 1, -1)
        known = [(n, self.labels[chain][n]) for n in frames if n in self.labels[chain]]
        return known or [max(node for node in self.chains.chains[chain] if node[0] < t)]

    def area(self, chain: int, t: int) -> float:
        """The usual area of a chain's objects before frame t."""
        return float(median([self.share(node) for node in self.recent(chain, t)]))

    def share(self, node: Node) -> float:
        """Pixels of an object, for each of the chains that it has been divided among."""
        return self.chains.area(node) / len(self.on[node])

    def is_cell(self, chain: int, t: int) -> bool:
        """Whether a chain has lasted long enough before frame t to be no fragment of another."""
        nodes = self.chains.chains[chain]
        known = nodes[0][0] == 0 or chain in self.cells or chain in self.found.pieces
        return known or (len(nodes) >= LASTING and nodes[LASTING - 1][0] < t)

    def held(self, chain: int, t: int) -> tuple[Cell, ...]:
        """The cells of a chain before frame t."""
        one = Cell(self.recent(chain, t)[0], self.area(chain, t))
        return self.cells.get(chain, (one,))

    def hold(self, chain: int, cells: tuple[Cell, ...], t: int) -> None:
        """Let a chain hold these cells from frame t on."""
        self.since[chain] = t
        self.cells.pop(chain, None)
        if len(cells) > 1:
            self.cells[chain] = cells

    def near(self, node: Node, t: int) -> list[Node]:
        """The objects of frame t next to where an object of an earlier frame was."""
        y0, x0, y1, x1 = (self.chains.box(node) + np.tile(self.chains.drift[t], 2)).tolist()
        dy, dx = (y1 - y0) // 2, (x1 - x0) // 2
        near = self.chains.objects[t].within((y0 - dy, x0 - dx, y1 + dy, x1 + dx))
        found = ((t, label) for label in (near + 1).tolist())
        return [node for node in found if node in self.chains.owner]


def together(groups: Iterable[tuple[Cell, ...]]) -> tuple[Cell, ...]:
    """Return the cells of several parts, each once, as two parts may hold the same ones."""
    return tuple(dict.fromkeys(chain_all.from_iterable(groups)))


def shares(cells: tuple[Cell, ...], areas: list[int]) -> list[tuple[Cell, ...]]:
    """Divide cells among parts with these areas; each part has one at least.

    Where there are more parts than cells, or too many cells to compare all ways, each part is one
    cell, or may hold all of them.
    """
    if len(areas) >= len(cells):
        return [(cell,) for cell in (*cells, *[cells[-1]] * len(areas))][: len(areas)]
    if len(cells) > MOST:
        return [cells] * len(areas)
    parts = np.array(areas) / sum(areas) * sum(cell.area for cell in cells)
    best, chosen = np.inf, ()
    for places in product(range(len(areas)), repeat=len(cells)):
        if len(set(places)) == len(areas):
            sums = np.bincount(places, [cell.area for cell in cells], len(areas))
            if (off := np.abs(sums - parts).sum()) < best - 1e-9:
                best, chosen = off, places
    return [tuple(cell for cell, place in zip(cells, chosen, strict=True) if place == part)
            for part in range(len(areas))]  # fmt: skip

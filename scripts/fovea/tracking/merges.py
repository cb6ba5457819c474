"""Find objects that hold more than one cell, because one of them was absorbed by another.

Masks of cells that touch may become one object. Such an object is followed here through the frames:
which cells it holds, and where it parts again. It must not count as one cell, and its parting is no
division.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain as chain_all
from itertools import combinations, product

import numpy as np

from fovea.tracking.chains import LASTING, Chains
from fovea.tracking.links import Node

_RECENT = 10  # frames over which the area of a cell is taken
_SMALL = 0.2  # an object of a smaller share of its neighbour's area is a fragment or dust
_GROWTH = 0.5  # share of the absorbed cell's area by which the other object must grow
_JUMP = (0.6, 1.5)  # the same for cells that move too fast to overlap, from one frame to the next
_ALIKE = 0.4  # and the least share of the smaller one's area in that of the other
_MISSED = 2, 5  # frames, at least and at most, that a cell may be missed before or after a merge
_MOST = 6  # cells in an object up to which all ways to part are compared


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


def find_merges(chains: Chains, max_gap: int = 0, keep_names: bool = False) -> Merges:
    """Follow the objects of more than one cell through all frames.

    Parameters
    ----------
    chains : Chains
        With the pixels that objects of consecutive frames share.
    max_gap : int
        Frames in a row in which a cell may be missed.
    keep_names : bool
        Whether an object that parts keeps its name. Where the cell nearest to it is another than
        the one that the name stood for, the rest of its chain counts as doubtful, see `Merges`.
    """
    search = _Search(chains, min(max(_MISSED[0], max_gap), _MISSED[1]), keep_names)
    for t in range(1, len(chains.objects)):
        search.part(t)
        search.join(t)
        search.note(t)
    return search.found


def set_apart(chains: Chains, found: Merges) -> None:
    """Let chains know of merges: objects that part go on under new names, without a parent."""
    chains.absorbed, chains.pieces = set(found.absorbed), set(found.pieces)
    chains.holds = {node: tuple(cell.node for cell in cells) for node, cells in found.holds.items()}
    for chain, t in sorted(found.partings, reverse=True):
        chains.pieces.add(chains.cut(chain, t))


class _Search:
    """The cells of every chain in the frames so far."""

    def __init__(self, chains: Chains, missed: int, keep_names: bool):
        self.chains, self.missed, self.keep_names = chains, missed, keep_names
        self.found = Merges()
        self.cells: dict[int, tuple[Cell, ...]] = {}  # of the chains that hold several now
        self.since: dict[int, int] = {}  # frame since which a chain holds what it holds
        self.labels = {name: dict(nodes) for name, nodes in chains.chains.items()}
        self.owners = Counter(node for nodes in chains.chains.values() for node in nodes)
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
        return float(np.median([self.share(node) for node in self.recent(chain, t)]))

    def share(self, node: Node) -> float:
        """Pixels of an object, for each of the chains that it has been divided among."""
        return self.chains.area(node) / self.owners[node]

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

    # --- Cells that are absorbed

    def join(self, t: int) -> None:
        """Find the chains that the objects of frame t absorb."""
        hosts: dict[Node, dict[int, bool]] = {}  # to chains, and whether their pixels are inside
        for missed in range(self.missed + 1):
            for chain in self.ends.get(t - 1 - missed, ()):
                if chain in self.found.absorbed or not self.is_cell(chain, t):
                    continue
                last = self.chains.chains[chain][-1]
                inside = None if missed else self.chains.inside(last, 1)
                for host in [inside] if inside else self._near(last, t):
                    hosts.setdefault(host, {})[chain] = inside is not None
        for host, near in sorted(hosts.items()):
            self._absorb(host, near, t)

    def _absorb(self, node: Node, near: Mapping[int, bool], t: int) -> None:
        """Decide which of the chains that end near an object are in it.

        It must have grown by their areas, which tells a cell that was absorbed from one that died.
        """
        host, area = self.chains.owner[node], self.share(node)
        cells, whole, last, taken = (), 0.0, 0.0, []
        if self.chains.chains[host][0][0] < t and self.is_cell(host, t):
            cells, whole = self.held(host, t), self.area(host, t)
            last = self.share(self.recent(host, t)[0])
        sizes = {chain: self.area(chain, t) for chain in near if chain not in self.found.absorbed}
        others = []
        for chain in sorted(sizes, key=lambda c: (not near[c], -sizes[c], c)):
            size, own = sizes[chain], self.held(chain, t)
            unit, other = size / len(own), whole / max(1, len(cells))
            share = min(unit, other) / max(unit, other)
            if not cells and (near[chain] or 0.7 * size <= area):
                cells, whole, last, taken = own, size, size, [chain]
            elif near[chain] and share >= _SMALL and area >= whole + _GROWTH * size:
                cells, whole, last, taken = cells + own, whole + size, last + size, [*taken, chain]
            elif not near[chain] and share >= _ALIKE:
                others.append(chain)
        # Of the cells that only lie near, those whose areas together are best what it has grown by.
        groups = chain_all.from_iterable(
            combinations(others[:_MOST], n) for n in range(1, len(others) + 1)
        )
        ratios = {group: (area - last) / sum(map(sizes.get, group)) for group in groups}
        best = min(ratios, key=lambda group: abs(1 - ratios[group]), default=())
        if best and _JUMP[0] <= ratios[best] <= _JUMP[1]:
            cells = sum((self.held(chain, t) for chain in best), cells)
            taken += best
        if taken and len(cells) > 1:
            self.hold(host, cells, t)
            self.found.absorbed.update(taken)

    def _near(self, node: Node, t: int) -> list[Node]:
        """The objects of frame t next to where an object of an earlier frame was."""
        y0, x0, y1, x1 = self.chains.box(node)
        dy, dx = (y1 - y0) // 2, (x1 - x0) // 2
        boxes = self.chains.objects[t].boxes - np.tile(self.chains.drift[t], 2)
        near = (boxes[:, 0] < y1 + dy) & (boxes[:, 2] > y0 - dy)
        near &= (boxes[:, 1] < x1 + dx) & (boxes[:, 3] > x0 - dx)
        found = ((t, label) for label in (np.flatnonzero(near) + 1).tolist())
        return [node for node in found if node in self.chains.owner]

    # --- Objects that part

    def part(self, t: int) -> None:
        """Find the chains that begin in frame t because an object of several cells parts."""
        parted: dict[tuple[int, int], list[int]] = {}
        for start in self.starts.get(t, ()) if self.cells else ():
            source = self._source(start, t)
            if source is not None and self.chains.lasts(start, t):
                parted.setdefault(source, []).append(start)
        for (host, since), pieces in parted.items():
            goes_on = self.chains.chains[host][-1][0] >= since
            if goes_on or len(pieces) > 1:
                self._divide(host, since, pieces, goes_on)

    def _source(self, start: int, t: int) -> tuple[int, int] | None:
        """The chain that a new one was part of, and the frame in which it left."""
        first = self.chains.chains[start][0]
        inside = self.chains.inside(first, -1)
        if inside is not None:
            host = self.chains.owner[inside]
            return (host, t) if host in self.cells else None
        for since in range(t, t - 1 - self.missed, -1):
            for node in self._near(first, since - 1) if since else ():
                host = self.chains.owner[node]
                if host not in self.cells or self.since[host] >= since:
                    continue
                after = self.labels[host].get(since)
                if after is None and (since < t or self.chains.chains[host][-1][0] >= since):
                    continue
                area = self.chains.area((since, after)) if after is not None else 0
                if self.chains.area(node) - area >= _JUMP[0] * self.chains.area(first):
                    return host, since
        return None

    def _divide(self, host: int, t: int, pieces: list[int], goes_on: bool) -> None:
        """Divide the cells of an object among its parts, so that their areas fit best."""
        cells = self.cells[host]
        parts = [host] * goes_on + pieces
        nodes = [next(n for n in self.chains.chains[part] if n[0] >= t) for part in parts]
        shares = _shares(cells, [self.chains.area(node) for node in nodes])
        for part, own in zip(parts, shares, strict=True):
            self.hold(part, own, t)
        self.found.pieces.update(pieces)
        if not goes_on:
            self.found.absorbed.add(host)
            return
        for n in range(t, nodes[-1][0]):  # the part was not seen at once
            self.found.holds.pop((n, self.labels[host].get(n)), None)
        if not self.keep_names:
            self.found.partings.append((host, t))
        elif len(shares[0]) == 1 and self._is_another(host, cells, nodes[0]):
            self.hold(host, cells, t)

    def _is_another(self, host: int, cells: tuple[Cell, ...], node: Node) -> bool:
        """Whether a cell other than the one that gave an object its name is nearest to a part."""
        own = [self.labels[host].get(cell.node[0]) == cell.node[1] for cell in cells]
        ways = [np.hypot(*(self.chains.centre(cell.node) - self.chains.centre(node)))
                for cell in cells]  # fmt: skip
        return any(own) and not own[int(np.argmin(ways))]


def _shares(cells: tuple[Cell, ...], areas: list[int]) -> list[tuple[Cell, ...]]:
    """Divide cells among parts with these areas; each part has one at least.

    Where there are more parts than cells, or too many cells to compare all ways, each part is one
    cell, or may hold all of them.
    """
    if len(areas) >= len(cells):
        return [(cell,) for cell in (*cells, *[cells[-1]] * len(areas))][: len(areas)]
    if len(cells) > _MOST:
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

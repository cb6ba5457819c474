"""Find objects that hold more than one cell, because one of them was absorbed by another.

Masks of cells that touch may become one object. Such an object is followed here through the frames:
which cells it holds, and where it parts again. It must not count as one cell, and its parting is no
division.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain as chain_all
from itertools import combinations

import numpy as np

from fovea.tracking.chains import Chains
from fovea.tracking.contents import MOST, Cell, Contents, Merges, shares, together
from fovea.tracking.links import Node

_TOUCHED = 0.25  # share of an absorbed cell's last pixels that lie in the object
_SMALL = 0.2  # an object of a smaller share of its neighbour's area is a fragment or dust
_GROWTH = 0.5  # share of the absorbed cell's area by which the other object must grow
_JUMP = (0.6, 1.5)  # the same for cells that move too fast to overlap, from one frame to the next
_ALIKE = 0.4  # and the least share of the smaller one's area in that of the other
_MISSED = 2, 5  # frames, at least and at most, that a cell may be missed before or after a merge


def find_merges(chains: Chains, max_gap: int = 0, keep_names: bool = False) -> Merges:
    """Follow the objects of more than one cell through all frames.

    Parameters
    ----------
    chains : Chains
        With the pixels that objects of consecutive frames share.
    max_gap : int
        Frames in a row in which a cell may be missed.
    keep_names : bool
        Whether an object that parts keeps its name. Unless the cell that the name stood for is by
        far the nearest to it, the rest of its chain counts as doubtful, see `Merges`.
    """
    search = _Search(chains, min(max(_MISSED[0], max_gap), _MISSED[1]), keep_names)
    for t in range(1, len(chains.objects)):
        search.part(t)
        search.exchange(t)
        search.join(t)
        search.note(t)
    return search.found


def set_apart(chains: Chains, found: Merges) -> None:
    """Let chains know of merges: objects that part go on under new names, without a parent."""
    chains.absorbed, chains.pieces = set(found.absorbed), set(found.pieces)
    chains.holds = {node: tuple(cell.node for cell in cells) for node, cells in found.holds.items()}
    for chain, t in sorted(set(found.partings), reverse=True):
        chains.pieces.add(chains.cut(chain, t))


class _Search(Contents):
    """Follows the cells in all objects, frame by frame."""

    # --- Cells that are absorbed

    def join(self, t: int) -> None:
        """Find the chains that the objects of frame t absorb."""
        hosts: dict[Node, dict[int, bool]] = {}  # to chains, and whether their pixels are inside
        for missed in range(self.missed + 1):
            for chain in self.ends.get(t - 1 - missed, ()):
                if chain in self.found.absorbed or not self.is_cell(chain, t):
                    continue
                last = self.chains.chains[chain][-1]
                inside = None if missed else self.chains.inside(last, 1, _TOUCHED)
                for host in {*self.near(last, t), *[inside] * bool(inside)}:
                    hosts.setdefault(host, {})[chain] = host == inside
        for host, near in sorted(hosts.items()):
            self._absorb(host, near, t)

    def _absorb(self, node: Node, near: Mapping[int, bool], t: int) -> None:
        """Decide which of the chains that end near an object are in it.

        It must have grown by their areas, which tells a cell that was absorbed from one that died.
        """
        host, area = self.chains.owner[node], self.chains.area(node)
        cells, whole, last, taken = (), 0.0, 0.0, []
        if self.chains.chains[host][0][0] < t and self.is_cell(host, t):
            here = [c for c in self.on[node] if self.chains.chains[c][0][0] < t]
            cells, whole = self.held(host, t), sum(self.area(c, t) for c in here)
            last = sum(self.share(self.recent(c, t)[0]) for c in here)
        sizes = {chain: self.area(chain, t) for chain in near if chain not in self.found.absorbed}
        others = []
        for chain in sorted(sizes, key=lambda c: (not near[c], -sizes[c], c)):
            size, own = sizes[chain], self.held(chain, t)
            unit, other = size / len(own), whole / max(1, len(cells))
            share = min(unit, other) / max(unit, other)
            if not cells and (near[chain] or 0.7 * size <= area):
                cells, whole, last, taken = own, size, size, [chain]
            elif near[chain] and share >= _SMALL and area >= whole + _GROWTH * size:
                cells, taken = together((cells, own)), [*taken, chain]
                whole, last = whole + size, last + size
            elif not near[chain] and share >= _ALIKE:
                others.append(chain)
        # Of the cells that only lie near, those whose areas together are best what it has grown by.
        groups = chain_all.from_iterable(
            combinations(others[:MOST], n) for n in range(1, len(others) + 1)
        )
        ratios = {group: (area - last) / sum(map(sizes.get, group)) for group in groups}
        best = min(ratios, key=lambda group: abs(1 - ratios[group]), default=())
        if best and _JUMP[0] <= ratios[best] <= _JUMP[1]:
            cells = together([cells, *(self.held(chain, t) for chain in best)])
            taken += best
        if taken and len(cells) > 1:
            self.hold(host, cells, t)
            self.found.absorbed.update(taken)

    # --- Objects that part

    def part(self, t: int) -> None:
        """Find the chains that begin in frame t because an object of several cells parts."""
        parted: dict[tuple[int, int], list[int]] = {}
        for start in self.starts.get(t, ()) if self.cells else ():
            source = self._source(start, t)
            if source is not None and self.chains.lasts(start, t):
                parted.setdefault(source, []).append(start)
        for (host, since), pieces in sorted(parted.items(), key=lambda item: item[0][1]):
            if host not in self.cells:
                continue  # one cell is left since it parted in an earlier frame
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
            for node in self.near(first, since - 1) if since else ():
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
        divided = shares(cells, [self.chains.area(node) for node in nodes])
        for part, own in zip(parts, divided, strict=True):
            self.hold(part, own, t)
        self.found.pieces.update(pieces)
        if not goes_on:
            self.found.absorbed.add(host)
            return
        for n in range(t, nodes[-1][0]):  # the part was not seen at once
            self.found.holds.pop((n, self.labels[host].get(n)), None)
        self._goes_on(host, cells, divided[0], nodes[0], t)

    def _goes_on(
        self, chain: int, cells: tuple[Cell, ...], own: tuple[Cell, ...], node: Node, t: int
    ) -> None:
        """Let a chain hold some of its cells from frame t on; `node` is its object then."""
        self.hold(chain, own, t)
        if not self.keep_names:
            self.found.partings.append((chain, t))
        elif len(own) == 1 and self._is_another(chain, cells, node):
            self.hold(chain, cells, t)

    def exchange(self, t: int) -> None:
        """Find the cells that change from one object to another in frame t, without being alone.

        An object then loses the area of a cell, and another, which lies where a part of it was,
        grows by it. The parts of an object that was divided share all cells that it held.
        """
        for host in list(self.cells):
            before, after = ((n, self.labels[host].get(n)) for n in (t - 1, t))
            if before[1] is None or after[1] is None or self.since[host] == t:
                continue
            both = [chain for chain in self.on[before] if t in self.labels[chain]]
            nodes = [(t, self.labels[chain][t]) for chain in both]
            if len(set(nodes)) > 1:
                cells = together(self.held(chain, t) for chain in both)
                divided = shares(cells, [self.chains.area(node) for node in nodes])
                for chain, node, own in zip(both, nodes, divided, strict=True):
                    self._goes_on(chain, cells, own, node, t)
            elif len(both) == 1:
                self._hand_over(host, before, after)

    def _hand_over(self, host: int, before: Node, after: Node) -> None:
        """Give a cell of an object to another object, if it went there."""
        t, cells = after[0], self.cells[host]
        lost = self.chains.area(before) - self.chains.area(after)
        table = self.chains.objects[t].shared
        for label, pixels in table[table[:, 0] == before[1], 1:].tolist():
            other = self.chains.owner.get((t, label), host)
            last = self.labels[other].get(t - 1)
            if other == host or last is None or self.since.get(other) == t:
                continue
            grown = self.chains.area((t, label)) - self.chains.area((t - 1, last))
            off = [abs(cell.area - grown) for cell in cells]
            gone = cells[int(np.argmin(off))]
            if min(lost, grown, 2 * pixels) >= _GROWTH * gone.area:
                self.hold(other, together((self.held(other, t), (gone,))), t)
                self._goes_on(host, cells, tuple(c for c in cells if c is not gone), after, t)
                return

    def _is_another(self, host: int, cells: tuple[Cell, ...], node: Node) -> bool:
        """Whether a part may be another cell than the one that gave a chain its name.

        It may, unless that cell was at least twice as near to it as all others.
        """
        first = self.chains.chains[host][0]
        own = [self.labels[host].get(cell.node[0]) == cell.node[1] for cell in cells]
        if first in self.found.holds:
            return False  # the name stood for no single cell
        ways = [np.hypot(*(self.chains.centre(cell.node) - self.chains.centre(node)))
                for cell in cells]  # fmt: skip
        mine = [way for way, is_own in zip(ways, own, strict=True) if is_own]
        others = [way for way, is_own in zip(ways, own, strict=True) if not is_own]
        return not mine or 2 * min(mine) > min(others, default=np.inf)

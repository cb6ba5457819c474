"""Turn links between consecutive frames into cells: gaps and merged objects.

A chain is the list of the (frame, label) of one cell. Only tables of objects are needed here, no
images.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

import numpy as np

from fovea.tracking.links import Links, Node
from fovea.tracking.objects import Objects, assign

_CONTAINED = 0.5  # share of an object that must lie in another to be part of it
_SMALLEST = 8  # pixels of an object that can be divided
LASTING = 3  # frames that mother and daughters of a division, and merging cells, must last
_SETTLED = 10  # frames after an object held several cells in which it cannot divide


class Chains:
    """Chains of objects, and where they begin and end.

    `matches` has, for each frame but the first, the labels of the frame before and of this one
    that are linked: two (M,) int64.
    """

    def __init__(self, objects: list[Objects], matches: list[tuple[np.ndarray, np.ndarray]]):
        self.objects = objects
        self.chains: dict[int, list[Node]] = {}
        self.owner: dict[Node, int] = {}
        self.parents: dict[int, int] = {}
        self.absorbed: set[int] = set()
        self.pieces: set[int] = set()
        self.holds: dict[Node, tuple[Node, ...]] = {}
        self.joined = self.parted = 0
        for t, known in enumerate(objects):
            left, right = (m.tolist() for m in matches[t - 1]) if t else ([], [])
            before = dict(zip(right, left, strict=True))
            for label in (known.members + 1).tolist():
                new = label not in before
                chain = len(self.chains) if new else self.owner[t - 1, before[label]]
                self.chains.setdefault(chain, []).append((t, label))
                self.owner[t, label] = chain
        self.drift = np.cumsum([o.shift for o in objects], axis=0)
        self._next = len(self.chains)

    @classmethod
    def of(cls, objects: list[Objects], chains: Mapping[int, list[Node]]) -> Chains:
        """Return chains that another method of tracking has made, under their own names."""
        found = cls([], [])
        found.objects, found.chains = objects, {name: [*nodes] for name, nodes in chains.items()}
        found.owner = {node: name for name, nodes in chains.items() for node in nodes}
        found.drift = np.cumsum([o.shift for o in objects], axis=0)
        return found

    def links(self) -> Links:
        """Return the objects of every cell, and the cells that come from a division."""
        place = {name: i for i, name in enumerate(self.chains)}
        parents = {place[c]: place[p] for c, p in self.parents.items()}
        held = {node: tuple(place[self.owner[cell]] for cell in cells)
                for node, cells in self.holds.items()}  # fmt: skip
        chains = [*self.chains.values()]
        return Links(self.objects, chains, parents, self.joined, self.parted, held)

    def area(self, node: Node) -> int:
        """Pixels of an object."""
        return int(self.objects[node[0]].areas[node[1] - 1])

    def centre(self, node: Node) -> np.ndarray:
        """Centre of an object in the coordinates of the first frame."""
        return self.objects[node[0]].centres[node[1] - 1] - self.drift[node[0]]

    def box(self, node: Node) -> np.ndarray:
        """Box of an object in the coordinates of the first frame."""
        return self.objects[node[0]].boxes[node[1] - 1] - np.tile(self.drift[node[0]], 2)

    def starts(self) -> list[int]:
        """Chains that begin after the first frame, and not as a part, by their first object."""
        found = (c for c, nodes in self.chains.items() if nodes[0][0] > 0 and c not in self.pieces)
        return sorted(found, key=lambda c: self.chains[c][0])

    def ends(self) -> list[int]:
        """Chains that end before the last frame, and not in another, by their last object."""
        last = len(self.objects) - 1
        found = (c for c, nodes in self.chains.items()
                 if nodes[-1][0] < last and c not in self.absorbed)  # fmt: skip
        return sorted(found, key=lambda c: self.chains[c][-1])

    def inside(self, node: Node, step: int, share: float = _CONTAINED) -> Node | None:
        """The object of the next (step 1) or previous (-1) frame that covers most of an object.

        None where no object covers at least this share of it.
        """
        t, label = node
        shared = self.objects[t + max(step, 0)].shared
        own, other = (0, 1) if step > 0 else (1, 0)
        rows = shared[shared[:, own] == label]
        rows = rows[[(t + step, int(n)) in self.owner for n in rows[:, other]]]
        if len(rows) == 0:
            return None
        best = rows[np.argmax(rows[:, 2])]
        return (t + step, int(best[other])) if best[2] >= share * self.area(node) else None

    def cut(self, chain: int, t: int) -> int:
        """Cut a chain before frame t, and return the name of its second part."""
        nodes = self.chains[chain]
        self.chains[chain] = [n for n in nodes if n[0] < t]
        new, self._next = self._next, self._next + 1
        self.chains[new] = [n for n in nodes if n[0] >= t]
        for node in self.chains[new]:
            self.owner[node] = new
        return new

    def append(self, first: int, second: int, between: list[Node] = ()) -> None:
        """Put a chain, and what lies between, behind another."""
        nodes = self.chains.pop(second)
        self.chains[first] = [*self.chains[first], *between, *nodes]
        self.absorbed |= {first} if second in self.absorbed else set()
        for node in nodes:
            self.owner[node] = first

    def part_merged(self, max_frames: int, swapped) -> None:
        """Divide objects in which two cells are merged for at most `max_frames` frames.

        A cell that ends within the next object of another cell, its host, has merged with it. If
        a cell begins within an object of that host at most `max_frames` frames later, it is one
        of the two; `swapped` says which, see `fovea.tracking.linker.TwoPassTracker.swapped`.
        """
        starts: dict[int, list[int]] = {}  # by their first frame
        for start in self.starts():
            starts.setdefault(self.chains[start][0][0], []).append(start)
        waiting = [(self.chains[end][-1], end) for end in self.ends()]
        heapify(waiting)
        while waiting:
            last, end = heappop(waiting)
            if end not in self.chains or last != self.chains[end][-1]:
                continue
            into = self.inside(last, 1)
            host = None if into is None else self.owner[into]
            if host is None or host == end or self._at(host, last[0]) is None:
                continue
            out = self._way_out(host, last, max_frames, starts)
            if out is not None:
                self._part(end, host, out, swapped)
                for chain in (end, host):  # either of them may merge again
                    if self.chains[chain][-1][0] < len(self.objects) - 1:
                        heappush(waiting, (self.chains[chain][-1], chain))

    def _way_out(
        self, host: int, last: Node, max_frames: int, starts: Mapping[int, list[int]]
    ) -> int | None:
        """The chain that splits from the host after the object `last` merged with it."""
        after = range(last[0] + 2, last[0] + 2 + max_frames)
        for start in (chain for t in after for chain in starts.get(t, ()) if chain in self.chains):
            first = self.chains[start][0]
            source = self.inside(first, -1)
            if source is None or self.owner[source] != host or self._at(host, first[0]) is None:
                continue
            large = all(self.area(n) >= _SMALLEST for n in self._between(host, last, first))
            if large and 0.4 < self.area(first) / self.area(last) < 2.5:
                return start
        return None

    def _part(self, end: int, host: int, out: int, swapped) -> None:
        """Give both cells the merged objects, and each its objects after the split."""
        last, first = self.chains[end][-1], self.chains[out][0]
        merged = self._between(host, last, first)
        if swapped(self, [host, end], [self._at(host, first[0]), first], last[0] + 1):
            rest = self.cut(host, first[0])
            self.append(host, out)
            out = rest
        self.append(end, out, merged)
        self.parted += len(merged)

    def last_before(self, chain: int, t: int) -> Node:
        """The last object of a chain before frame t."""
        return max(n for n in self.chains[chain] if n[0] < t)

    def _between(self, chain: int, first: Node, last: Node) -> list[Node]:
        """The objects of a chain in the frames between those of two others."""
        return [n for n in self.chains[chain] if first[0] < n[0] < last[0]]

    def _at(self, chain: int, t: int) -> Node | None:
        """The object of a chain in frame t."""
        return next((n for n in self.chains[chain] if n[0] == t), None)

    def close_gaps(self, max_gap: int, bridge) -> None:
        """Join chains over up to `max_gap` missed frames, short gaps first, and over none at last.

        `bridge` scores the candidates, see `fovea.tracking.linker.TwoPassTracker.bridge`.
        """
        for gap in (*range(1, max_gap + 1), 0):
            ends, starts = self.ends(), self.starts()
            if not ends or not starts:
                return
            tails = [self.chains[c][-1] for c in ends]
            heads = [self.chains[c][0] for c in starts]
            pairs = assign(*bridge(self, tails, heads, gap + 1))
            merged = {}
            for i, j in zip(*(p.tolist() for p in pairs), strict=True):
                first = merged.get(ends[i], ends[i])
                self.append(first, starts[j])
                merged[starts[j]] = first
                self.joined += 1

    def held_several(self, chain: int, t: int) -> bool:
        """Whether a chain is, or was a short time before frame t, in an object of several cells."""
        nodes = self.chains[chain]
        young = chain in self.pieces and t - nodes[0][0] < _SETTLED
        return young or any(n in self.holds for n in nodes if t - _SETTLED < n[0] <= t)

    def lasts(self, chain: int, t: int) -> bool:
        """Whether a chain goes on for some frames from frame t, or to the last."""
        last = self.chains[chain][-1][0]
        return last - t + 1 >= LASTING or last == len(self.objects) - 1

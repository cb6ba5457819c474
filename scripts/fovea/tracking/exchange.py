"""Exchange cells that were confused while they touched or crossed.

Where two cells meet, masks cover each other and a link tells little. Which is which is told by what
they were like some frames before and are like some frames after, and by where they go next.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable

import numpy as np

from fovea.tracking.chains import Chains
from fovea.tracking.links import Node
from fovea.tracking.scales import Scales, line, plane

_WINDOW = 8  # frames before and after, of which areas and shapes are medians
_SAMPLES = 400  # places of chains at which it is measured how much these change
_LEAST = 2  # frames of such a window
_NARROWEST = 0.005  # scale of areas and shapes

#: Frame, two labels of the frame before, their two labels in this frame, and what it costs to
#: exchange the latter. Where a cell was missed, the third label is 0, and the first the cell's.
Rival = tuple[int, int, int, int, int, float]
#: Returns what a link of two objects costs between which a cell was missed.
Across = Callable[[Node, Node], float]


class Evidence:
    """How like two parts of tracks are, measured against parts of the same track.

    Only objects that neither the edge of the frame nor other objects cut are compared, where each
    part has enough of them.

    `scales` and `pressed` are those of links of objects in the open, and of others.
    """

    def __init__(self, chains: Chains, scales: Scales, pressed: Scales):
        self.objects = chains.objects
        self.ways = scales.usual()[0], pressed.usual()[0]
        self.persistence = scales.persistence
        self.growth = 0.0  # of the logarithm of area, per frame
        self.scales = [(_NARROWEST, _NARROWEST)] * 2
        places = [(nodes, k) for nodes in chains.chains.values()
                  for k in range(_LEAST, len(nodes) - _LEAST + 1)]  # fmt: skip
        step = max(1, len(places) // _SAMPLES)
        found = [self._change(nodes[:k], nodes[k:]) for nodes, k in places[::step]]
        if found:
            changes, open_ = np.array([f[0] for f in found]), np.array([f[1] for f in found])
            self.growth = float(np.median(changes[:, 0] / changes[:, 3]))
            self.scales = [self._scales(changes[open_ == known]) for known in (False, True)]

    def _scales(self, changes: np.ndarray) -> tuple[float, float]:
        """Return the scales of area and shape of changes (n, 4), as of `_change`."""
        if len(changes) == 0:
            return _NARROWEST, _NARROWEST
        area = np.median(np.abs(changes[:, 0] - self.growth * changes[:, 3])) / 0.6745
        shape = np.median(np.hypot(changes[:, 1], changes[:, 2])) / 1.1774
        return max(_NARROWEST, float(area)), max(_NARROWEST, float(shape))

    def _change(self, before: list[Node], after: list[Node]) -> tuple[np.ndarray, bool]:
        """Return by how much the usual properties differ, and whether these objects are whole."""
        parts = self._whole(reversed(before)), self._whole(after)
        whole = min(map(len, parts)) >= _LEAST
        then, now = parts if whole else (before[-_WINDOW:], after[:_WINDOW])
        return self._usual(now) - self._usual(then), whole

    def _whole(self, nodes: Iterable[Node]) -> list[Node]:
        """Return the first objects that nothing cuts, as many as a window has."""
        found: list[Node] = []
        for t, n in nodes:
            here = self.objects[t]
            if not (here.pressed[n - 1] or here.cut[n - 1]):
                found.append((t, n))
                if len(found) == _WINDOW:
                    break
        return found

    def _usual(self, nodes: list[Node]) -> np.ndarray:
        """Return medians of the logarithm of area, of the shape and of the frame: (4,) float64."""
        rows = [(np.log(self.objects[t].areas[n - 1]), *self.objects[t].shapes[n - 1], t)
                for t, n in nodes]  # fmt: skip
        return np.median(rows, axis=0)

    def cost(self, before: list[Node], after: list[Node]) -> float:
        """Minus the logarithm of how likely two parts of tracks are of one cell."""
        if min(len(before), len(after)) < _LEAST:
            return 0.0
        (area, *shape, frames), whole = self._change(before, after)
        scales = self.scales[whole]
        return float(line((area - self.growth * frames) ** 2, scales[0])
                     + plane(np.square(shape).sum(), scales[1]))  # fmt: skip

    def turn(self, last: Node, after: list[Node]) -> float:
        """Cost of where the second object after another one is, as it came from that one."""
        if len(after) < 2 or after[1][0] - last[0] > 2:
            return 0.0
        (t, a), (u, b), (v, c) = last, *after[:2]
        one, two, three = self.objects[t], self.objects[u], self.objects[v]
        step = two.centroids[b - 1] - one.centroids[a - 1] - two.shift
        way = three.centroids[c - 1] - two.centroids[b - 1] - three.shift - self.persistence * step
        scale = self.ways[int(two.pressed[b - 1] or three.pressed[c - 1])]
        return float(plane((way**2).sum(), scale))


def exchange(
    chains: Chains, rivals: list[Rival], evidence: Evidence, across: Across | None = None
) -> None:
    """Exchange the rest of two chains wherever that is more likely, first where it is the most.

    `rivals` are the places where two links could also be made crosswise, or where a cell was missed
    and its neighbour may have its object. Each of them is exchanged once at most; the latter ones
    where the gap is closed, with the costs that `across` returns.
    """
    at: dict[Node, list[int]] = {}
    for k, (t, a, b, *_) in enumerate(rivals):
        at.setdefault((t - 1, a), []).append(k)
        at.setdefault((t - 1, b), []).append(k)
    gains = np.array([_gain(chains, rival, evidence, across) for rival in rivals])
    while len(gains) and gains.max() > 0:
        best = int(gains.argmax())
        t, a, b, *_ = rivals[best]
        one, two = chains.owner[t - 1, a], chains.owner[t - 1, b]
        tail = chains.cut(one, t)
        chains.append(one, chains.cut(two, t))
        chains.append(two, tail)
        gains[best] = -np.inf
        changed = {k for x in (one, two) for node in chains.chains[x] for k in at.get(node, ())}
        for k in changed:
            if gains[k] > -np.inf:
                gains[k] = _gain(chains, rivals[k], evidence, across)


def _gain(chains: Chains, rival: Rival, evidence: Evidence, across: Across | None) -> float:
    """Return by how much an exchange is more likely, 0 where it is none."""
    t, a, b, c, d, extra = rival
    one, two = chains.owner[t - 1, a], chains.owner[t - 1, b]
    if one == two or {one, two} & chains.absorbed:
        return 0.0
    (first, rest), (second, other) = (
        (nodes[:k], nodes[k:]) for nodes in (chains.chains[one], chains.chains[two])
        for k in [bisect_left(nodes, (t, 0))]
    )  # fmt: skip
    if any(chains.owner[n] != name for name, nodes in ((one, rest), (two, other)) for n in nodes):
        return 0.0  # an object that was divided among cells is in both of their chains
    heads = {nodes[0] for nodes in (rest, other) if nodes}
    if len(heads) < 2 or {h for h in heads if h[0] == t} != {(t, n) for n in (c, d) if n}:
        return 0.0

    def cost(before: list[Node], after: list[Node]) -> float:
        gap = across(before[-1], after[0]) if after[0][0] > t else 0.0
        return evidence.cost(before, after) + evidence.turn(before[-1], after) + gap

    stay = cost(first, rest) + cost(second, other)
    swap = cost(first, other) + cost(second, rest)
    return stay - swap - (-extra if rest[0] == (t, d) else extra)

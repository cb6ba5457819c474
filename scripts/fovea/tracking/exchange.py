"""Exchange cells that were confused while they touched or crossed.

Where two cells meet, masks cover each other and a link tells little. Which is which is told by what
they were like some frames before and are like some frames after.
"""

from __future__ import annotations

import numpy as np

from fovea.tracking.chains import Chains
from fovea.tracking.links import Node
from fovea.tracking.scales import line, plane

_WINDOW = 8  # frames before and after, of which areas and shapes are medians
_SAMPLES = 200  # places of chains at which it is measured how much these change
_LEAST = 2  # frames of such a window
_NARROWEST = 0.02  # scale of areas and shapes

#: Frame, two labels of the frame before, their two labels in this frame, and what it costs to
#: exchange the latter.
Rival = tuple[int, int, int, int, int, float]


class Evidence:
    """How like two parts of tracks are, measured against parts of the same track."""

    def __init__(self, chains: Chains):
        self.objects = chains.objects
        places = [(c, k) for c, nodes in chains.chains.items()
                  for k in range(_LEAST, len(nodes) - _LEAST + 1)]  # fmt: skip
        step = max(1, len(places) // _SAMPLES)
        changes = [
            self.medians(chains.chains[c][max(0, k - _WINDOW):k])
            - self.medians(chains.chains[c][k:k + _WINDOW]) for c, k in places[::step]
        ]  # fmt: skip
        self.area = self.shape = _NARROWEST
        if changes:
            area, *shape = np.abs(changes).T
            self.area = max(_NARROWEST, float(np.median(area)) / 0.6745)
            self.shape = max(_NARROWEST, float(np.median(np.hypot(*shape))) / 1.1774)

    def medians(self, nodes: list[Node]) -> np.ndarray:
        """Median logarithm of area, and medians of the shape, of objects: (3,) float64."""
        rows = [(np.log(self.objects[t].areas[n - 1]), *self.objects[t].shapes[n - 1])
                for t, n in nodes]  # fmt: skip
        return np.median(rows, axis=0)

    def cost(self, before: list[Node], after: list[Node]) -> float:
        """Minus the logarithm of how likely two parts of tracks are of one cell."""
        if min(len(before), len(after)) < _LEAST:
            return 0.0
        area, *shape = self.medians(before[-_WINDOW:]) - self.medians(after[:_WINDOW])
        return float(line(area**2, self.area) + plane(np.square(shape).sum(), self.shape))


def exchange(chains: Chains, rivals: list[Rival], evidence: Evidence) -> None:
    """Exchange the rest of two chains wherever that is more likely.

    `rivals` are the places where two links could also be made crosswise, in the order of frames.
    """
    for t, a, b, c, d, extra in rivals:
        one, two = chains.owner[t - 1, a], chains.owner[t - 1, b]
        if {chains.owner[t, c], chains.owner[t, d]} != {one, two} or one == two:
            continue
        first, second = ([n for n in chains.chains[x] if n[0] < t] for x in (one, two))
        rest, other = ([n for n in chains.chains[x] if n[0] >= t] for x in (one, two))
        stay = evidence.cost(first, rest) + evidence.cost(second, other)
        swap = evidence.cost(first, other) + evidence.cost(second, rest)
        if rest[0] == (t, d):  # they were exchanged before
            extra = -extra
        if swap + extra < stay:
            tail = chains.cut(one, t)
            chains.append(one, chains.cut(two, t))
            chains.append(two, tail)

"""Find divisions: which chains are daughters, and of which one."""

from __future__ import annotations

from bisect import bisect_left
from statistics import median

import numpy as np

from fovea.tracking.chains import LASTING, Chains
from fovea.tracking.links import Node

_TOUCHED = 0.3  # share of a daughter that must lie where its mother was
_HALF = 1 / 6  # by which a daughter's share of its mother's area may differ from a half
_LEFT = 0.75  # share of its area above which a cell has not yet lost the half of it
_USUAL = 5  # objects whose median area tells that of a cell


def find_divisions(chains: Chains, max_gap: int) -> None:
    """Give daughters IDs of their own, and their mother as parent.

    Two objects are daughters if they lie where one object was in the frame before, each has a
    quarter to four fifths of its area, both together have about all of it, and all three cells last
    for at least three frames. An object that holds several cells, or did so a short time ago, does
    not divide: its parts are cells that were there before.

    Other daughters, which move further or are covered by other cells, are told by their areas: a
    cell loses half of its area, and another of that size begins beside it, see `_halved`. Where
    several cells may be the mother, those that fit best come first.
    """
    families: dict[Node, list[int]] = {}
    for start in chains.starts():
        first = chains.chains[start][0]
        mother = chains.inside(first, -1, _TOUCHED)
        if mother is not None and chains.lasts(start, first[0]):
            families.setdefault(mother, []).append(start)
    for mother, daughters in families.items():
        chain = chains.owner[mother]
        follower = next((n for n in chains.chains[chain] if n > mother), None)
        if chains.chains[chain][0][0] > 0 and mother[0] - chains.chains[chain][0][0] + 1 < LASTING:
            continue
        if chains.held_several(chain, mother[0]):
            continue
        if follower is not None and len(daughters) == 1:
            candidates = [chains.chains[daughters[0]][0], follower]
            if _is_division(chains, mother, candidates) and chains.lasts(chain, follower[0]):
                _divide(chains, chain, follower[0], daughters[0])
        elif chains.chains[chain][-1] == mother and len(daughters) == 2:
            first = [chains.chains[d][0] for d in daughters]
            born = daughters if _is_division(chains, mother, first) else ()
            chains.parents |= dict.fromkeys(born, chain)
    away = [found for start in chains.starts() if start not in chains.parents
            for found in _halved(chains, start, max_gap)]  # fmt: skip
    for _, start, mother, other in sorted(away):
        chain = chains.owner[mother]
        if start not in chains.parents and chains.owner[other] == chain:
            _divide(chains, chain, other[0], start)


def _divide(chains: Chains, chain: int, t: int, daughter: int) -> None:
    """Let a chain divide before frame t, into another one and what comes after it."""
    chains.parents |= {daughter: chain, chains.cut(chain, t): chain}


def _halved(chains: Chains, start: int, max_gap: int) -> list[tuple[float, int, Node, Node]]:
    """Find the cells that went on with half their area, beside the first object of a start.

    Areas are medians of the three to five objects before and after. Mother and daughter may be
    missed for `max_gap` frames, but must not be cut off by the edge of the frame, where areas
    change. The middle between both daughters must be at most the mother's diameter away from her.

    Returns, for each of these cells, this way, the start, the last object of the mother and the
    first one of her other daughter.
    """
    first = chains.chains[start][0]
    if len(chains.chains[start]) < LASTING:
        return []
    t, here = first[0], chains.objects[first[0]]
    size = _usual_area(chains, chains.chains[start][:_USUAL])
    reach = int(np.sqrt(8 / np.pi * size))  # diameter of its mother
    near = here.boxes[first[1] - 1] + reach * np.array([-1, -1, 1, 1])
    found = []
    beside = {chains.owner.get((t, i + 1)) for i in here.within(tuple(near.tolist())).tolist()}
    for chain in sorted(beside - {start, None}):
        nodes, places = chains.chains[chain], []
        earliest = bisect_left(nodes, (t - 2 * max_gap - 2, 0)) + 1
        for k in range(max(LASTING, earliest), len(nodes) - LASTING + 1):
            mother, other = nodes[k - 1 : k + 1]
            if mother[0] >= t:
                break
            whole = _usual_area(chains, nodes[max(0, k - _USUAL) : k])
            parts = np.array([size, _usual_area(chains, nodes[k : k + _USUAL])]) / whole
            if (
                other[0] - mother[0] <= max_gap + 1 >= t + 1 - other[0]
                and (abs(parts - 0.5) < _HALF).all()
                and not any(chains.objects[f].cut[n - 1] for f, n in (first, other, mother))
                and not chains.held_several(chain, mother[0])
                and chains.area(other) < _LEFT * whole
            ):
                off = abs(chains.area(mother) / whole - 1) + abs(chains.area(other) / whole - 0.5)
                places.append((off, mother, other, whole))
        if places:
            _, mother, other, whole = min(places)
            middle = (chains.centre(first) + chains.centre(other)) / 2
            way = float(np.hypot(*(middle - chains.centre(mother))))
            if way <= np.sqrt(4 / np.pi * whole):
                found.append((way, start, mother, other))
    return found


def _usual_area(chains: Chains, nodes: list[Node]) -> float:
    """Median area of some objects, as outlines differ from frame to frame."""
    return float(median([chains.area(node) for node in nodes]))


def _is_division(chains: Chains, mother: Node, daughters: list[Node]) -> bool:
    whole = chains.area(mother)
    parts = np.array([chains.area(d) for d in daughters]) / whole
    return bool((parts > 0.25).all() and (parts < 0.8).all() and 0.6 < parts.sum() < 1.45)

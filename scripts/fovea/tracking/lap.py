"""Tracking `lap`: linear assignment of links that are likely for the recording at hand.

The assignment is that of Jaqaman et al. 2008 (Nature Methods 5, 695); the cost of a link is made of
what tells cells apart: where a cell is expected, the overlap there, area and shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fovea.kernels.motion import moved_overlaps
from fovea.tracking.chains import Chains
from fovea.tracking.exchange import Evidence, Rival, exchange
from fovea.tracking.linker import TwoPassTracker
from fovea.tracking.links import Node
from fovea.tracking.objects import Objects, assign, measure_shapes, sum_runs
from fovea.tracking.scales import Scales, line, plane, ray

_COSTLIEST = 16.0  # link, were all objects to begin and end without one; see `Scales.end`
_MERGED = 16.0  # by how much it may cost less of an object that has gone into a third one
_COSTLIEST_GAP = 25.0  # link of ends of tracks, over frames in which a cell was missed or none
_CUT = 4.0  # by how much area and shape may differ more where the edge of the frame cuts one
_WITHIN = 0.5  # share of the smaller object that lies in the other
_WHOLE = 0.7  # share of the others' area by which an object that holds several exceeds the largest
_REACH = 1.5  # median diameters within which a cell is looked for
_ROUNDS = 2  # of linking two frames: the second one knows how far cells move in them
_EXTRA = 15.0  # cost of two crosswise links, beyond that of those made, up to which they may be


@dataclass
class LapTracker(TwoPassTracker):
    """Link objects by place, overlap, area and shape.

    Each of them is measured against what is usual in the recording, see
    `fovea.tracking.scales.Scales`, and what is usual for objects that are pressed against others,
    whose masks cover each other, is measured apart from the rest. An object is expected where it
    was, moved with the stage and by the share of its last displacement that displacements usually
    repeat. The costs of the four, minus the logarithms of distributions with heavy tails, are added
    up, and the links of two frames have the least sum of costs. Where nearly all links are those of
    objects of which one lies in the other, a link of others costs more.

    Links that cross are then exchanged where the areas and shapes of some frames before and after
    say so, see `fovea.tracking.exchange`.

    Parameters
    ----------
    max_distance : float or None
        Pixels from where a cell is expected within which it is looked for, if it does not overlap
        with that place; None: one and a half median diameters.

    See `fovea.tracking.linker.TwoPassTracker` for the others.
    """

    max_distance: float | None = None
    _scales: Scales | None = field(default=None, init=False, repr=False)
    _pressed: Scales | None = field(default=None, init=False, repr=False)
    _rivals: list[Rival] = field(default_factory=list, init=False, repr=False)
    _missed: list[Rival] = field(default_factory=list, init=False, repr=False)
    _evidence: Evidence | None = field(default=None, init=False, repr=False)
    _frame: int = field(default=0, init=False, repr=False)

    def link(self, frames):
        self._scales, self._rivals, self._missed, self._frame = None, [], [], 0
        return super().link(frames)

    def look(self, here: Objects, labels: np.ndarray) -> None:
        measure_shapes(here, labels)
        if self._scales is None and len(here.members):
            self._scales = Scales.guess(_diameter(here.areas[here.members]))
            self._pressed = self._scales

    def match(self, before: Objects, here: Objects, last: np.ndarray, labels: np.ndarray):
        self._frame += 1
        nobody = np.zeros(0, np.int64)
        if len(before.members) == 0 or len(here.members) == 0:
            return nobody, nobody
        moves = here.shift + self._scales.persistence * np.nan_to_num(before.steps)
        left, right, iou, inside, merged = self._candidates(before, here, last, labels, moves)
        scales, rough = self._scales, self._pressed
        pressed = before.pressed[left] | here.pressed[right]
        limits = _COSTLIEST + 2 * scales.end + np.where(merged & ~inside, -_MERGED, 0)
        wider = np.where(before.cut[left] | here.cut[right], _CUT, 1.0)
        way = here.centroids[right] - before.centroids[left] - moves[left]
        square = (way**2).sum(axis=1)
        for _ in range(_ROUNDS):
            both = np.array([scales.usual(), rough.usual()])
            usual = both[pressed.astype(int)].T
            costs = _costs(
                square, before.areas[left], here.areas[right],
                before.shapes[left], here.shapes[right], usual, shape_wider=wider,
            )  # fmt: skip
            costs += ray(1 - iou, usual[3])
            # a wider distribution is lower; way and shape are distributed in the plane
            costs += pressed * (np.log(both[1] / both[0]) @ [2, 1, 2, 1])
            # masks that merge or part are unlike all that is usual; they overlap all the same
            gain = limits - costs - scales.outside * ~inside
            gain = np.maximum(gain, np.where(inside, iou, 0))
            fits = gain > 0
            i, j = assign(left[fits], right[fits], gain[fits])
            chosen = np.isin(left * len(here.areas) + right, i * len(here.areas) + j)
            scales, rough = self._seen(
                before, here, left[chosen], right[chosen], iou[chosen], moves, pressed[chosen],
                np.array([np.count_nonzero(inside & chosen), len(i)]),
            )  # fmt: skip
        self._scales, self._pressed = scales, rough
        here.steps[j] = here.centroids[j] - before.centroids[i] - here.shift
        self._note_rivals(left, right, costs, i, j)
        return i, j

    def _candidates(self, before, here, last, labels, moves):
        """Return what is known of the pairs of objects that may be linked, (P,) each.

        The indices into both frames, the intersection over union, whether one of both lies in the
        other, and whether one of them went into a third object, or came from one.
        """
        from scipy.spatial import cKDTree

        n, m, count = before.members, here.members, len(here.areas)
        a, b, shared = sum_runs(*moved_overlaps(last, labels, np.rint(moves).astype(np.int64))).T
        known = (before.areas[a - 1] > 0) & (here.areas[b - 1] > 0)
        a, b, shared = a[known] - 1, b[known] - 1, shared[known]
        reach = self.max_distance or _REACH * _diameter(
            np.concatenate([before.areas[n], here.areas[m]])
        )
        expected = cKDTree(before.centroids[n] + moves[n])
        near = expected.sparse_distance_matrix(
            cKDTree(here.centroids[m]), reach, output_type="ndarray"
        )
        keys = np.unique(np.concatenate([n[near["i"]] * count + m[near["j"]], a * count + b]))
        left, right = np.divmod(keys, count)
        both = np.zeros(len(keys), np.int64)
        both[np.searchsorted(keys, a * count + b)] = shared
        areas, others = before.areas[left], here.areas[right]
        inside = both >= _WITHIN * np.minimum(areas, others)
        merged = _merged(left, right, areas, others, both)
        merged |= _merged(right, left, others, areas, both)
        return left, right, both / (areas + others - both), inside, merged

    def _seen(self, before, here, i, j, iou, moves, pressed, inside) -> tuple[Scales, Scales]:
        """Return the scales of objects in the open and of pressed ones, with these links.

        `inside`, (2,), is in how many links one object lies in the other, and how many there are.
        """
        way = here.centroids[j] - before.centroids[i] - moves[i]
        then, now = before.steps[i], here.centroids[j] - before.centroids[i] - here.shift
        known = ~np.isnan(then[:, 0])
        whole = [o.areas.astype(bool) & ~o.cut for o in (before, here)]
        linked = np.count_nonzero(whole[0][i]) + np.count_nonzero(whole[1][j])
        total = np.count_nonzero(whole[0]) + np.count_nonzero(whole[1])
        values = (
            np.hypot(*way.T), np.abs(np.log(here.areas[j] / before.areas[i])),
            np.hypot(*(here.shapes[j] - before.shapes[i]).T), 1 - iou,
        )  # fmt: skip
        steps, ends = np.stack([then, now], axis=1), np.array([total - linked, total])
        return tuple(
            scales.with_links(*(v[of] for v in values), steps[of & known], ends, inside)
            for scales, of in ((self._scales, ~pressed), (self._pressed, pressed))
        )

    # --- What needs the frames before and after

    def _note_rivals(self, left, right, costs, i, j) -> None:
        """Note the pairs of links that could also have been made crosswise."""
        known = dict(zip(zip(left.tolist(), right.tolist(), strict=True), costs.tolist(),
                         strict=True))  # fmt: skip
        partner = dict(zip(i.tolist(), j.tolist(), strict=True))
        of = {b: a for a, b in partner.items()}
        for (a, d), cost in known.items():
            b, c = of.get(d), partner.get(a)
            if b is not None and c is None:
                extra = cost - known[b, d]
                if extra < _EXTRA:
                    self._missed.append((self._frame, a + 1, b + 1, 0, d + 1, extra))
            if b is None or c is None or a >= b or (b, c) not in known:
                continue
            extra = cost + known[b, c] - known[a, c] - known[b, d]
            if extra < _EXTRA:
                self._rivals.append((self._frame, a + 1, b + 1, c + 1, d + 1, extra))

    def revise(self, chains: Chains) -> None:
        if self._scales is not None:
            self._evidence = Evidence(chains, self._scales, self._pressed)
            exchange(chains, self._rivals, self._evidence)

    def revise_gaps(self, chains: Chains) -> None:
        if self._scales is not None:
            exchange(chains, self._missed, self._evidence, partial(self._across, chains))

    def _across(self, chains: Chains, one: Node, two: Node) -> float:
        """Return the cost of a link over a gap."""
        return float(self._gap_costs(chains, [one], [two], two[0] - one[0])[0][0])

    def swapped(self, chains: Chains, before: list[int], after: list[Node], t: int) -> bool:
        parts = [[n for n in chains.chains[c] if n[0] < t] for c in before]
        rests = [[n for n in chains.chains[chains.owner[node]] if n >= node] for node in after]
        costs = np.array([
            [self._evidence.cost(part, rest) + self._far(chains, part[-1], rest[0])
             for rest in rests] for part in parts
        ])  # fmt: skip
        return bool(costs[0, 1] + costs[1, 0] < costs[0, 0] + costs[1, 1])

    def _far(self, chains: Chains, one: Node, two: Node) -> float:
        """Return the cost of the way between two objects, some frames apart."""
        way = self._expected(chains, [one], [two])[0]
        scale = self._scales.usual()[0] * np.sqrt(two[0] - one[0])
        return float(plane((way**2).sum(), scale))

    def _expected(self, chains: Chains, tails: list[Node], heads: list[Node]) -> np.ndarray:
        """Return the ways from where objects are expected to where others are, (n, 2) or so."""
        start, end = ([chains.objects[t].centroids[n - 1] - chains.drift[t] for t, n in nodes]
                      for nodes in (tails, heads))  # fmt: skip
        steps = np.nan_to_num([chains.objects[t].steps[n - 1] for t, n in tails])
        apart = np.array([head[0] - tail[0] for tail, head in zip(tails, heads, strict=True)])
        keep = self._scales.persistence
        # the share of a displacement that goes on, over all frames between
        going = np.array([sum(keep**k for k in range(1, n + 1)) for n in apart.tolist()])
        return np.array(end) - np.array(start) - going[:, None] * steps

    def bridge(self, chains: Chains, tails: list[Node], heads: list[Node], frames: int):
        pairs = [(i, j) for i, tail in enumerate(tails) for j, head in enumerate(heads)
                 if head[0] - tail[0] == frames]  # fmt: skip
        if not pairs:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        left, right = np.array(pairs, np.int64).T
        before, after = [tails[i] for i in left], [heads[j] for j in right]
        costs, square, reach = self._gap_costs(chains, before, after, frames)
        fits = (costs < _COSTLIEST_GAP) & (square <= reach**2 * frames)
        return left[fits], right[fits], _COSTLIEST_GAP - costs[fits]

    def _gap_costs(self, chains: Chains, before: list[Node], after: list[Node], frames: int):
        """Return the costs and the squared ways of links over a gap, (P,) each, and the reach.

        That is how far a cell may go from frame to frame, in pixels.
        """
        way = self._expected(chains, before, after)
        areas, others = (np.array([chains.area(n) for n in nodes]) for nodes in (before, after))
        shapes, theirs = (np.array([chains.objects[t].shapes[n - 1] for t, n in nodes])
                          for nodes in (before, after))  # fmt: skip
        square = (way**2).sum(axis=1)
        costs = _costs(square, areas, others, shapes, theirs, self._scales.usual(), np.sqrt(frames))
        reach = self.max_distance or _REACH * _diameter(np.concatenate([areas, others]))
        return costs, square, reach


def _costs(
    square, areas, others, shapes, other_shapes, usual, wider=1.0, shape_wider=1.0
) -> np.ndarray:
    """Return the costs of ways (P,), by their squares, of areas (P,) and of shapes (P, 2).

    `usual` are the scales of way, area, shape and overlap. The first three are `wider` than that,
    those of areas and shapes by `shape_wider` in addition.
    """
    way, area, shape, _ = usual
    return (
        plane(square, wider * way)
        + line(np.log(others / areas) ** 2, wider * shape_wider * area)
        + plane(((other_shapes - shapes) ** 2).sum(axis=1), wider * shape_wider * shape)
    )


def _merged(part, whole, areas, others, shared) -> np.ndarray:
    """Whether the part of each pair (P,) went into another object, together with others.

    An object holds several where these lie in it for the most part, and it is larger than the
    largest of them by most of what the others have.
    """
    within = shared >= _WITHIN * areas
    held = np.bincount(whole, within * areas, whole.max(initial=0) + 1)
    largest = np.zeros(len(held))
    np.maximum.at(largest, whole, within * areas)
    several = np.bincount(whole, within, len(held)) > 1
    grown = others - largest[whole] >= _WHOLE * (held - largest)[whole]
    holds = within & several[whole] & grown
    return np.isin(part, part[holds]) & ~within


def _diameter(areas: np.ndarray) -> float:
    """Return the diameter of a disk of the median area, in pixels."""
    return float(np.sqrt(4 / np.pi * np.median(areas)))

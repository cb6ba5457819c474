"""Base classes of two-pass trackers.

The first pass reduces each frame to tables of objects, links consecutive frames, and settles what
needs the future: gaps, merged objects, divisions. The second pass, `fovea.tracking.links`, gives
the pixels the IDs of their cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fovea.tracking.chains import Chains
from fovea.tracking.divisions import find_divisions
from fovea.tracking.links import Links, Node
from fovea.tracking.merges import find_merges, set_apart
from fovea.tracking.objects import Objects, assign, describe, shared_pixels


@dataclass
class TwoPassTracker(ABC):
    """Link the objects of all frames.

    A subclass defines `match` and `bridge`, or is a `Linker` and defines `affinity`.

    Parameters
    ----------
    min_size, max_size : int or None
        Objects of fewer, or more, pixels take no part.
    max_gap : int
        Number of consecutive frames in which a cell may be missed; 0 closes no gaps.
    max_merge : int
        Objects in which two cells are merged for at most this number of frames are divided; 0
        divides none.
    divisions : bool
        Whether a cell that divides ends, and its daughters get IDs of their own.
    drift : bool
        Whether jumps of the stage are estimated and corrected.
    """

    min_size: int | None = None
    max_size: int | None = None
    max_gap: int = 2
    max_merge: int = 4
    divisions: bool = False
    drift: bool = True

    def link(self, frames: Iterable[np.ndarray]) -> Links:
        """Link the objects of frames of labels, (H, W) unsigned integer each."""
        objects: list[Objects] = []
        matches, last = [], None
        for here, labels in describe(frames, self.min_size, self.max_size, self.drift):
            self.look(here, labels)
            if objects:
                here.shared = shared_pixels(last, labels, here.shift)
                left, right = self.match(objects[-1], here, last, labels)
                matches.append((left + 1, right + 1))
            objects.append(here)
            last = labels
        chains = Chains(objects, matches)
        self.revise(chains)
        if self.max_merge:
            chains.part_merged(self.max_merge, self.swapped)
        if self.max_gap:  # a cell is not missed where another has absorbed it
            set_apart(chains, find_merges(chains, self.max_gap, keep_names=True))
            chains.close_gaps(self.max_gap, self.bridge)
            self.revise_gaps(chains)
        set_apart(chains, find_merges(chains, self.max_gap, keep_names=not self.max_merge))
        if self.divisions:
            find_divisions(chains, self.max_gap)
        return chains.links()

    # --- What subclasses do

    @abstractmethod
    def match(self, before: Objects, here: Objects, last: np.ndarray, labels: np.ndarray):
        """Link two consecutive frames, with the labels `last` and `labels`, (H, W) each.

        Returns the indices, label - 1, of the objects of the previous and of this frame, (M,) int64
        each.
        """

    @abstractmethod
    def bridge(self, chains: Chains, tails: list[Node], heads: list[Node], frames: int):
        """Score the links from the last object of chains to the first of others, across a gap.

        They lie `frames` frames apart, those of other pairs are passed over. Returns indices into
        `tails` and `heads`, (P,) int64 each, and the weights of these links, (P,) float64, which
        are above 0; the larger, the better.
        """

    # --- What subclasses may do otherwise

    def look(self, here: Objects, labels: np.ndarray) -> None:  # noqa: B027 - none is needed
        """Measure what else is needed of the objects of a frame, labels (H, W)."""

    def revise(self, chains: Chains) -> None:  # noqa: B027
        """Change chains once the links of all frames are known."""

    def revise_gaps(self, chains: Chains) -> None:  # noqa: B027
        """Change chains once gaps are closed."""

    def swapped(self, chains: Chains, before: list[int], after: list[Node], t: int) -> bool:
        """Whether, after two cells were merged, they come out crosswise.

        `before` are the names of two chains that were merged before frame t, `after` the first two
        objects of their own then. Here the total displacement of the centres decides.
        """
        one, two = (chains.centre(chains.last_before(c, t)) for c in before)
        here, there = (chains.centre(node) for node in after)
        stay = np.hypot(*(one - here)) + np.hypot(*(two - there))
        return bool(np.hypot(*(one - there)) + np.hypot(*(two - here)) < stay)


class Linker(TwoPassTracker):
    """Link the objects of all frames by a score of their boxes and areas.

    A subclass defines `affinity`. The parameters are those of `TwoPassTracker`.
    """

    def match(self, before: Objects, here: Objects, last: np.ndarray, labels: np.ndarray):
        return assign(*self.pairs(before, here))

    def bridge(self, chains: Chains, tails: list[Node], heads: list[Node], frames: int):
        left, right, weight = self.affinity(
            *(np.array([chains.box(n) for n in nodes]) for nodes in (tails, heads)),
            *(np.array([chains.area(n) for n in nodes]) for nodes in (tails, heads)), frames,
        )  # fmt: skip
        apart = np.array([n[0] for n in heads])[right] - np.array([n[0] for n in tails])[left]
        fits = apart == frames
        return left[fits], right[fits], weight[fits]

    def pairs(self, before: Objects, here: Objects):
        """Score the candidate links of two consecutive frames, as `affinity` does.

        The indices are label - 1, into the objects of the previous and of this frame.
        """
        known, members = before.members, here.members
        left, right, weight = self.affinity(
            before.shifted(here.shift)[known], here.boxes[members],
            before.areas[known], here.areas[members], 1,
        )  # fmt: skip
        return known[left], members[right], weight

    @abstractmethod
    def affinity(self, boxes, others, areas, other_areas, frames):
        """Score the candidate links of objects that lie `frames` frames apart.

        Parameters
        ----------
        boxes, others : (N, 4), (M, 4) int
            y0, x0, y1, x1, ends exclusive, in the same coordinates.
        areas, other_areas : (N,), (M,) int64
            Pixels.
        frames : int
            1 for consecutive frames.

        Returns
        -------
        left, right : (P,) int64
            Indices into `boxes` and `others`.
        weight : (P,) float64
            Above 0; the larger, the better.
        """

"""Base class of two-pass trackers; subclasses score candidate links."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fovea.tracking.assignment import assign
from fovea.tracking.chains import Chains
from fovea.tracking.links import Links
from fovea.tracking.objects import Objects, describe, shared_pixels


@dataclass
class Linker(ABC):
    """Link the objects of all frames.

    Parameters
    ----------
    min_size, max_size : int or None
        Objects of fewer, or more, pixels take no part.
    max_gap : int
        A cell may be missed in so many frames in a row; 0 closes no gaps.
    max_merge : int
        Objects in which two cells are merged for up to so many frames are divided; 0 turns it off.
    divisions : bool
        Whether a cell that divides ends, and its daughters get IDs of their own.
    drift : bool
        Whether jumps of the stage are estimated and made up for.
    """

    min_size: int | None = None
    max_size: int | None = None
    max_gap: int = 0
    max_merge: int = 0
    divisions: bool = False
    drift: bool = False

    def link(self, frames: Iterable[np.ndarray]) -> Links:
        """Link the objects of frames of labels, (H, W) unsigned integer each."""
        objects: list[Objects] = []
        matches = []
        last = None
        for here, labels in describe(frames, self.min_size, self.max_size, self.drift):
            if objects:
                if self.needs_masks:
                    here.shared = shared_pixels(last, labels, here.shift)
                left, right = assign(*self.pairs(objects[-1], here))
                matches.append((left + 1, right + 1))
            objects.append(here)
            last = labels
        chains = Chains(objects, matches)
        if self.max_merge:
            chains.part_merged(self.max_merge)
        if self.max_gap:
            chains.close_gaps(self.max_gap, self.affinity)
        if self.divisions:
            chains.find_divisions()
        return chains.links()

    @property
    def needs_masks(self) -> bool:
        """Whether the pixels that objects of consecutive frames share must be counted."""
        return bool(self.max_merge or self.divisions)

    def pairs(self, before: Objects, here: Objects):
        """Possible pairs of consecutive frames: indices, indices, weights above 0."""
        known, members = before.members, here.members
        left, right, weight = self.affinity(
            before.shifted(here.shift)[known], here.boxes[members],
            before.areas[known], here.areas[members], 1,
        )  # fmt: skip
        return known[left], members[right], weight

    @abstractmethod
    def affinity(self, boxes, others, areas, other_areas, frames):
        """Possible pairs of objects `frames` frames apart: indices, indices, weights above 0."""


def track_stack(labels: np.ndarray, tracker: Linker) -> np.ndarray:
    """Track a whole (T, H, W) stack."""
    links = tracker.link(labels)
    out = np.empty(labels.shape, links.dtype)
    for _ in links.render(labels, out):
        pass
    return out

"""Tracking `lap`: linear assignment of distances (Jaqaman et al. 2008, Nature Methods 5, 695)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.tracking.linker import Linker


@dataclass
class LapTracker(Linker):
    """Link objects by the distance of their centres and the ratio of their areas.

    The cost of a link is its squared distance times one plus the absolute logarithm of the ratio
    of areas; a link that costs more than the square of `max_distance` is not made. Between objects
    n frames apart the limit is n times as large, as the mean squared distance of a random walk is.

    Parameters
    ----------
    max_distance : float
        Pixels that a cell may move from one frame to the next.

    See `fovea.tracking.linker.Linker` for the others.
    """

    max_distance: float = 30.0

    def affinity(self, boxes, others, areas, other_areas, frames):
        from scipy.spatial import cKDTree

        centres, other_centres = ((b[:, :2] + b[:, 2:] - 1) / 2 for b in (boxes, others))
        if len(centres) == 0 or len(other_centres) == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        limit = self.max_distance**2 * frames
        near = cKDTree(centres).query_ball_tree(cKDTree(other_centres), np.sqrt(limit))
        left = np.repeat(np.arange(len(near)), [len(n) for n in near])
        right = np.array([j for found in near for j in sorted(found)], np.int64)
        distance = ((centres[left] - other_centres[right]) ** 2).sum(axis=1)
        cost = distance * (1 + np.abs(np.log(areas[left] / other_areas[right])))
        fits = cost < limit
        return left[fits], right[fits], (1 - cost / limit)[fits]

"""Background of a fluorescence frame: quadratic surfaces through the levels of small blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fovea.background.spline_grid import SplineGrid, usual_range
from fovea.kernels import local_surface, moments, outlying_blocks, tiles

_LEAST = 0.01  # a window has a surface if at least this share of it, weighted, is background
_MOST_BINS = 1024  # that are added above the usual range of medians
_ROUNDS = 2  # of fits whose residuals weigh the blocks of the next one


@dataclass(frozen=True)
class SurfaceGrid(SplineGrid):
    """Blocks of about half a `tile_size`, and nodes at their corners.

    At each node a quadratic surface is fitted to the blocks around it. A spline goes through the
    heights of these surfaces.
    """

    @cached_property
    def borders(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns where blocks begin, and the frame's height and width at the end."""
        return tuple(_borders(length, self.tile_size) for length in self.shape)

    @property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the corners of blocks; the outermost ones are those of the frame."""
        return tuple(_nodes(borders) for borders in self.borders)

    @property
    def about(self) -> dict:
        """What describes the nodes beside their values."""
        return {"nodes": [n.tolist() for n in self.nodes]}

    def values(self, frame: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, bool]:
        """Heights of the surfaces at the nodes, those without one filled from their neighbours.

        Arguments and results are those of `SplineGrid.values`.
        """
        found = moments.free_moments(covered, *self.borders)
        usable = bool(found[..., 0].any())
        if not usable:
            covered = np.zeros_like(covered)
            found = moments.free_moments(covered, *self.borders)
        numbers, means = found[..., 0].copy(), moments.means_of(found)
        base, bins = usual_range(frame, covered)
        above = min(bins // 2, _MOST_BINS)  # levels need the counts around the medians, too
        below = min(bins // 4, base)
        levels = tiles.block_levels(
            frame, covered, *self.borders, numbers, base - below, bins + below + above
        )
        surfaces = self._surfaces(levels, numbers, means, _LEAST)
        if np.isnan(surfaces).all():
            surfaces = self._surfaces(levels, numbers, means, 0.0)
        values = local_surface.heights(surfaces, *self.borders, *self.nodes)
        tiles.fill_from_neighbours(values)
        return values, usable

    def _surfaces(self, levels, numbers, means, least: float) -> np.ndarray:
        """Coefficients of the surface of each window, robust against blocks that stand out."""
        windows = (max(1, n - local_surface.WINDOW + 1) for n in levels.shape)
        surfaces = np.full((*windows, moments.TERMS), np.nan)
        before = np.full(levels.shape, np.nan)
        robust = outlying_blocks.weights(*outlying_blocks.from_neighbours(levels))
        for turn in range(1 + _ROUNDS):
            local_surface.fit_windows(
                levels, numbers, means, robust, before, *self.borders, least, surfaces
            )
            if turn < _ROUNDS:
                rest = local_surface.residuals(levels, means, surfaces, *self.borders)
                before = robust
                robust = outlying_blocks.weights(rest, outlying_blocks.spread_around(rest))
        return surfaces


def _borders(length: int, tile_size: int) -> np.ndarray:
    """Where the blocks along an axis begin, and its end; their lengths differ by one at most."""
    blocks = max(1, min(length, (4 * length + tile_size) // (2 * tile_size)))
    return (2 * length * np.arange(blocks + 1) + blocks) // (2 * blocks)


def _nodes(borders: np.ndarray) -> np.ndarray:
    """Places of the nodes along an axis: between two blocks, and on the outermost pixels."""
    if len(borders) == 2:
        return np.array([(borders[-1] - 1) / 2])
    return np.clip(borders - 0.5, 0, borders[-1] - 1)

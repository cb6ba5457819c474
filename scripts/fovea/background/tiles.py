"""Background of a fluorescence frame: a spline through the medians of tiles, without the cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fovea.background.spline_grid import SplineGrid, usual_range
from fovea.kernels import tiles

_TILE_TO_FREE = 10  # a tile has a median if at least 1 / 10 of its pixels are background


@dataclass(frozen=True)
class TileGrid(SplineGrid):
    """Overlapping tiles, with nodes at their centres."""

    tile_overlap: float = 0.5

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Height and width of the tiles."""
        return tuple(min(n, self.tile_size) for n in self.shape)

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """First rows and first columns of the tiles."""
        step = max(1, int(self.tile_size * (1 - self.tile_overlap) + 0.5))
        starts = []
        for length, size in zip(self.shape, self.sizes, strict=True):
            regular = np.arange(0, length - size + 1, step)
            flush = [length - size] if regular[-1] + size < length else []
            starts.append(np.append(regular, flush).astype(np.int64))
        return tuple(starts)

    @property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the tiles' centres."""
        return tuple(s + (n - 1) / 2 for s, n in zip(self.starts, self.sizes, strict=True))

    @property
    def about(self) -> dict:
        """What describes the tiles beside their medians."""
        return {"tile_starts": [s.tolist() for s in self.starts], "tile_shape": list(self.sizes)}

    def values(self, frame: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, bool]:
        """Medians of the tiles, those without enough pixels filled from their neighbours.

        Arguments and results are those of `SplineGrid.values`.
        """
        size_y, size_x = self.sizes
        values, numbers = self._medians(frame, covered)
        enough = numbers * _TILE_TO_FREE >= size_y * size_x
        usable = bool(numbers.any())
        if enough.any():
            values[~enough] = np.nan
        elif not usable:
            values, _ = self._medians(frame, np.zeros_like(covered))
        tiles.fill_from_neighbours(values)
        return values, usable

    def _medians(self, frame: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Medians of the tiles' uncovered pixels, and how many there are: (ny, nx) each."""
        base, bins = usual_range(frame, covered)
        (starts_y, starts_x), (size_y, size_x) = self.starts, self.sizes
        _, depth = tiles.block_borders(starts_y, size_y)
        blocks, _ = tiles.block_borders(starts_x, size_x)
        small = size_y * size_x <= np.iinfo(np.uint16).max
        ring = np.empty((depth, blocks, bins), np.uint16 if small else np.uint32)
        return tiles.tile_medians(frame, covered, starts_y, size_y, starts_x, size_x, base, ring)

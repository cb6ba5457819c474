"""A background on disk, evaluated from its tile medians instead of read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.background.tiles import TileGrid
from fovea.store.reader import ArrayReader, FrameReader


class StoredBackground(FrameReader):
    """A background that the background step wrote; equal to its array ``0`` bit by bit.

    `shape` is (T, H, W), `about` has Fovea's attributes of the array, and `grid` the tiles.
    """

    def __init__(self, group: str | Path):
        with ArrayReader(Path(group) / "0") as array:
            self.shape, self.about = array.shape, array.attributes["fovea"]
            self.missing = array.missing
        self.grid = TileGrid.of(self.about["parameters"], self.shape[1:])
        self.grid.axes  # noqa: B018  computed here, once, and not in several threads
        self._medians = ArrayReader(Path(group) / "tile_medians")

    def close(self) -> None:
        """Close the file of the tile medians."""
        self._medians.close()

    def coefficients(self, t: int) -> np.ndarray:
        """Coefficients (ny, nx) of one frame's spline."""
        return self.grid.coefficients(self._medians[t])

    def __getitem__(self, t: int) -> np.ndarray:
        """One frame, (H, W) float32, counts."""
        return self.grid.evaluate(self.coefficients(t))

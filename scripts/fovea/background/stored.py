"""A background on disk, evaluated from the values at its nodes instead of read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.background.methods import grid_of
from fovea.store.reader import ArrayReader, FrameReader


class StoredBackground(FrameReader):
    """A background that the background step wrote; equal to its array ``0`` bit by bit.

    `shape` is (T, H, W), `about` has Fovea's attributes of the array, and `grid` the nodes.
    """

    def __init__(self, group: str | Path):
        with ArrayReader(Path(group) / "0") as array:
            self.shape, self.about = array.shape, array.attributes["fovea"]
            self.missing = array.missing
        self.grid = grid_of(self.about["parameters"], self.shape[1:])
        self.grid.axes  # noqa: B018  computed here, once, and not in several threads
        self._values = ArrayReader(Path(group) / "tile_medians")

    def close(self) -> None:
        """Close the file of the values."""
        self._values.close()

    def coefficients(self, t: int) -> np.ndarray:
        """Coefficients (ny, nx) of one frame's spline."""
        return self.grid.coefficients(self._values[t])

    def __getitem__(self, t: int) -> np.ndarray:
        """One frame, (H, W) float32, counts."""
        return self.grid.evaluate(self.coefficients(t))

"""What crops are cut from: raw counts, backgrounds, masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.display import downsample_intensity, downsample_labels
from fovea.kernels.cells import cut_counts, cut_mask
from fovea.tile_background import TileGrid
from fovea.zarrays import COUNTS, LABELS, SMOOTH, ArrayReader

#: Counts are divided by this, so that crops lie in [0, 1].
FULL_SCALE = 65535


class _Source:
    """One channel group. `cut` gives a crop and its display level, as they are stored."""

    codec = COUNTS

    def __init__(self, group: Path):
        self.group = group
        self.name = group.name
        self.array = ArrayReader(group / "0")
        self.shape = self.array.shape

    def load(self, t: int) -> None:
        self.frame = self.array[t]

    def close(self) -> None:
        self.array.close()

    def _intensity_attributes(self, **more) -> list[dict]:
        limits = self.array.attributes["fovea"]["display_limits"]
        self.low, self.high = limits
        return [
            {"unit": "count / 65535", "factor": FULL_SCALE, **more},
            {"unit": "display level 0..255", "display_limits": limits},
        ]

    def _levels(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = counts.astype(np.float32) / np.float32(FULL_SCALE)
        return scaled, downsample_intensity(counts, self.low, self.high)


class CountSource(_Source):
    """Raw counts of a phase-contrast or fluorescence channel."""

    def __init__(self, group: Path):
        super().__init__(group)
        self.about = self._intensity_attributes()

    def cut(self, window: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
        counts = np.empty((window[2] - window[0], window[3] - window[1]), np.uint16)
        cut_counts(self.frame, window, counts)
        return self._levels(counts)


class BackgroundSource(_Source):
    """A background, evaluated in the windows only, from its tile medians."""

    codec = SMOOTH

    def __init__(self, group: Path):
        super().__init__(group)
        known = self.array.attributes["fovea"]
        used = known["parameters"]
        self.about = self._intensity_attributes(step_size=known["step_size"])
        self.grid = TileGrid(
            self.shape[1:], used["tile_size"], used["tile_overlap"], used["rounding_error"]
        )
        self.medians = ArrayReader(group / "tile_medians")

    def load(self, t: int) -> None:
        self.coefficients = self.grid.coefficients(self.medians[t])

    def cut(self, window: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
        y0, x0, y1, x1 = (int(n) for n in window)
        height, width = self.shape[1:]
        inside = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
        counts = np.zeros((y1 - y0, x1 - x0), np.float32)
        part = counts[inside[0] - y0 : inside[2] - y0, inside[1] - x0 : inside[3] - x0]
        part[:] = self.grid.evaluate(self.coefficients, inside)
        return self._levels(counts)

    def close(self) -> None:
        super().close()
        self.medians.close()


class MaskSource(_Source):
    """The cell's own mask."""

    codec = LABELS

    def __init__(self, group: Path):
        super().__init__(group)
        self.about = [{"unit": "1 inside the cell", "factor": 1},
                      {"unit": "display level 0..255"}]  # fmt: skip

    def cut(self, window: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
        mask = np.empty((window[2] - window[0], window[3] - window[1]), np.uint8)
        cut_mask(self.frame, window, cell, mask)
        return mask.astype(np.float32), downsample_labels(mask, 1)

"""Sources of crops: raw counts, backgrounds, and the masks of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fovea.background.stored import StoredBackground
from fovea.kernels import cells as kernels
from fovea.store.format import COUNTS, LABELS, SMOOTH, stored_rows
from fovea.store.reader import ArrayReader

#: Counts are divided by this, so that crops lie in [0, 1). A power of two leaves them the 16
#: significant bits that they have, which compresses much better than the 24 of other quotients.
FULL_SCALE = 65536


@dataclass
class Batch:
    """The crops of some cells in one frame, one after the other in two buffers.

    `ids` (n,) int64 and `windows` (n, 4) int32, [y0, x0, y1, x1], are given. `crops` float32 is
    level 0, counts / 65536, or 0 and 1 of a mask; `levels` uint8 is level 1, for display. `starts`
    and `small_starts` (n + 1,) int64 are the index of each cell's first pixel in them, and their
    length. Behind each crop is room for the rows that it is stored with, which are 0.
    """

    ids: np.ndarray
    windows: np.ndarray

    def __post_init__(self):
        height, width = (self.windows[:, 2:] - self.windows[:, :2]).astype(np.int64).T
        half_height, half_width = (height + 1) // 2, (width + 1) // 2
        self.starts = _ends(stored_rows(height, width) * width)
        self.small_starts = _ends(stored_rows(half_height, half_width) * half_width)
        self.crops = np.zeros(self.starts[-1], np.float32)
        self.levels = np.zeros(self.small_starts[-1], np.uint8)


def _ends(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(sizes)))


class _Source:
    """One channel group; a subclass has `cut`, which fills a batch with crops of one frame."""

    codec = COUNTS

    def __init__(self, group: Path):
        self.group, self.name = group, group.name
        self.array = ArrayReader(group / "0")
        self.shape, self.missing = self.array.shape, self.array.missing

    def close(self) -> None:
        self.array.close()

    def _intensity_attributes(self, **more) -> list[dict]:
        limits = self.array.attributes["fovea"]["display_limits"]
        self.low, self.high = limits
        return [
            {"unit": f"count / {FULL_SCALE}", "factor": FULL_SCALE, **more},
            {"unit": "display level 0..255", "display_limits": limits},
        ]


class CountSource(_Source):
    """Raw counts of a phase-contrast or fluorescence channel."""

    def __init__(self, group: Path):
        super().__init__(group)
        level = self.array.attributes["fovea"].get("saturated_from")
        self.about = self._intensity_attributes(**{"saturated_from": level} if level else {})

    def cut(self, t: int, batch: Batch) -> None:
        kernels.crop_counts(
            self.array[t], batch.windows, batch.starts, batch.small_starts,
            self.low, self.high, batch.crops, batch.levels,
        )  # fmt: skip


class BackgroundSource(_Source):
    """A background, evaluated from its tile medians in the windows only."""

    codec = SMOOTH

    def __init__(self, group: Path):
        super().__init__(group)
        self.stored = StoredBackground(group)
        self.about = self._intensity_attributes(step_size=self.stored.grid.step)

    def cut(self, t: int, batch: Batch) -> None:
        y, x = self.stored.grid.axes
        kernels.crop_spline(
            self.shape[1:], self.stored.coefficients(t),
            y.first, y.weights, x.first, x.powers, x.offset, self.stored.grid.step,
            batch.windows, batch.starts, batch.small_starts,
            self.low, self.high, batch.crops, batch.levels,
        )  # fmt: skip

    def close(self) -> None:
        super().close()
        self.stored.close()


class MaskSource(_Source):
    """The cell's own mask."""

    codec = LABELS

    def __init__(self, group: Path):
        super().__init__(group)
        self.about = [{"unit": "1 inside the cell", "factor": 1},
                      {"unit": "display level 0..255"}]  # fmt: skip

    def cut(self, t: int, batch: Batch) -> None:
        kernels.crop_masks(
            self.array[t], batch.windows, batch.ids, batch.starts, batch.small_starts,
            batch.crops, batch.levels,
        )  # fmt: skip

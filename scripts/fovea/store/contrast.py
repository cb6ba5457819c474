"""Contrast of a stack for display: its 1st and 99th percentile.

They are counted while the stack is written, kept with it as `display_limits`, and used for the
display level ``1`` and for the contrast that viewers open the stack with.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels import display as kernels


def percentile_limits(counts: np.ndarray) -> tuple[float, float]:
    """1st and 99th percentile of integers, given how often 0, 1, .. n - 1 occur, (n,) int64.

    Equal to ``numpy.percentile(values, [1, 99])``; 0, 0 if there are no values.
    """
    ends = np.cumsum(counts)
    if len(ends) == 0 or ends[-1] == 0:
        return 0.0, 0.0
    total = int(ends[-1])

    def percentile(percent: int) -> float:
        position = (total - 1) * (percent / 100)
        below = int(np.floor(position))
        share = position - below
        ranks = below, min(below + 1, total - 1)
        low, high = (int(np.searchsorted(ends, rank, side="right")) for rank in ranks)
        # numpy's percentile starts from the nearer end; this must, too, to be equal to it
        value = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
        return float(value)

    return percentile(1), percentile(99)


class CountLimits:
    """Display limits of uint16 frames, one after the other."""

    def __init__(self):
        self._counts = np.zeros((4, 1 << 16), np.int64)

    def add(self, frame: np.ndarray) -> None:
        """Count a (H, W) uint16 frame."""
        kernels.count_uint16(frame, self._counts)

    @property
    def counts(self) -> np.ndarray:
        """How often 0, 1, .. 65535 occur in all frames, (65536,) int64."""
        return self._counts.sum(axis=0)

    def limits(self) -> tuple[float, float]:
        """1st and 99th percentile of all frames."""
        return percentile_limits(self.counts)


class SmoothLimits:
    """Display limits of float32 frames that are multiples of a step, one after the other.

    Values are counted in multiples of the step, which is in counts; 0 means 1/64 count.
    """

    def __init__(self, step: float):
        self.step = step or 1 / 64
        self._base = 0
        self._counts = np.zeros((4, 0), np.int64)

    def add(self, frame: np.ndarray, bounds: tuple[float, float] | None = None) -> None:
        """Count a (H, W) float32 frame; `bounds` spare the search for its extremes."""
        lowest, highest = bounds or (float(frame.min()), float(frame.max()))
        low = int(np.floor(lowest / self.step)) - 1
        high = int(np.ceil(highest / self.step)) + 1
        if self._counts.size == 0:
            self._base = low
        before = max(0, self._base - low)
        after = max(0, high + 1 - (self._base + self._counts.shape[1]))
        if before or after:
            self._counts = np.pad(self._counts, ((0, 0), (before, after)))
            self._base -= before
        kernels.count_steps(frame, self.step, self._base, self._counts)

    def limits(self) -> tuple[float, float]:
        """1st and 99th percentile of all frames."""
        low, high = percentile_limits(self._counts.sum(axis=0))
        return (low + self._base) * self.step, (high + self._base) * self.step

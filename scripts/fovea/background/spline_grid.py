"""A smooth background: the spline through values at the nodes of a grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fovea.kernels import bits, display, morphology, spline, tiles

_BINS = 4096  # of the histograms that medians are counted with
_SAMPLE = 211  # 1 in 211 pixels is read to place the bins; a prime number avoids patterns


@dataclass(frozen=True)
class SplineGrid(ABC):
    """The nodes on a frame of `shape` (H, W) and the spline through the values there.

    Subclasses choose the nodes and estimate the values. `rounding_error` and the other parameters
    are those of `fovea.background.methods.estimate_background`.
    """

    shape: tuple[int, int]
    tile_size: int = 100
    rounding_error: float = 0.0625

    @property
    @abstractmethod
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (ny,) and columns (nx,) of the nodes, float64, in pixels."""

    @property
    @abstractmethod
    def about(self) -> dict:
        """What describes the nodes beside their values, for the attributes of an array."""

    @abstractmethod
    def values(self, frame: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, bool]:
        """Values at the nodes.

        The frame is (H, W) uint16 counts, `covered` the packed mask of the pixels to leave out, see
        `cover`. Returns the values, (ny, nx) float64, and whether the mask leaves any pixel free;
        if not, the values are those of all pixels.
        """

    @cached_property
    def axes(self) -> tuple[spline.Axis, spline.Axis]:
        """The spline along y and x."""
        return tuple(spline.make_axis(c, n) for c, n in zip(self.nodes, self.shape, strict=True))

    @property
    def step(self) -> float:
        """Backgrounds are multiples of this number of counts (0: not rounded)."""
        error = self.rounding_error
        return float(2.0 ** np.floor(np.log2(2 * error))) if error else 0.0

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (ny, nx) of the spline through the values (ny, nx) at the nodes."""
        expected = tuple(len(nodes) for nodes in self.nodes)
        if values.shape != expected:
            raise ValueError(f"expected tile values of shape {expected}, got {values.shape}")
        along_y = spline.solve(self.axes[0].collocation, np.ascontiguousarray(values, float))
        return np.ascontiguousarray(
            spline.solve(self.axes[1].collocation, np.ascontiguousarray(along_y.T)).T
        )

    def evaluate(self, coefficients: np.ndarray, window=None) -> np.ndarray:
        """Background of a window [y0, x0, y1, x1] of the frame (default: all), float32."""
        y0, x0, y1, x1 = window if window is not None else (0, 0, *self.shape)
        if not (0 <= y0 <= y1 <= self.shape[0] and 0 <= x0 <= x1 <= self.shape[1]):
            raise ValueError(f"window {window} is not within a frame of {self.shape}")
        y, x = self.axes
        out = np.empty((y1 - y0, x1 - x0), np.float32)
        spline.evaluate(
            coefficients, y.first, y.weights, x.first, x.powers, x.offset, y0, x0, self.step, out
        )
        return out

    def level(self, coefficients: np.ndarray, low: float, high: float) -> np.ndarray:
        """Display level of the background, (ceil(H / 2), ceil(W / 2)) uint8.

        Equal to `fovea.display.cache.downsample_intensity` of what `evaluate` gives.
        """
        y, x = self.axes
        out = np.empty(tuple((n + 1) // 2 for n in self.shape), np.uint8)
        display.halve_spline(
            self.shape, coefficients, y.first, y.weights, x.first, x.powers, x.offset, self.step,
            low, high, out,
        )  # fmt: skip
        return out


def usual_range(frame: np.ndarray, covered: np.ndarray) -> tuple[int, int]:
    """First bin and number of bins that hold the medians of nearly all tiles."""
    sample = np.sort(tiles.sample_uncovered(frame, covered, _SAMPLE))
    if sample.size == 0:
        return int(frame.min()), 64
    low, high = int(sample[0]), int(sample[(sample.size - 1) * 99 // 100])
    if high - low > _BINS - 3:
        low = max(low, int(sample[sample.size // 2]) - _BINS // 2)
    return low, min(high - low + 3, _BINS)


def cover(foreground: np.ndarray | None, shape: tuple[int, int], radius: int) -> np.ndarray:
    """Packed mask of a foreground (H, W), dilated by a disk of a radius in pixels.

    The foreground is bool or labels, or None for no cells. The mask is (H, ceil(W / 64)) uint64,
    one bit per pixel, see `fovea.kernels.bits`.
    """
    if foreground is None:
        return np.zeros((shape[0], (shape[1] + 63) >> 6), np.uint64)
    if foreground.shape != tuple(shape):
        raise ValueError(f"foreground is {foreground.shape}, the frame {tuple(shape)}")
    packed = bits.pack_above(foreground, foreground.dtype.type(0))
    return morphology.dilate(packed, shape[1], morphology.disk_half_widths(2 * radius + 1))

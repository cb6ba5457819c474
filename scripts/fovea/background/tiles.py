"""Background of a fluorescence frame: a spline through the medians of tiles, without the cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fovea.kernels import bits, display, morphology, spline, tiles

_TILE_TO_FREE = 10  # a tile has a median if at least 1 / 10 of its pixels are background
_BINS = 4096  # of the histograms that medians are counted with
_SAMPLE = 211  # 1 in 211 pixels is read to place the bins; a prime number avoids patterns


@dataclass(frozen=True)
class TileGrid:
    """The tiles of a frame of `shape` (H, W) and the spline through their centres.

    The other parameters are those of `estimate_background`.
    """

    shape: tuple[int, int]
    tile_size: int = 100
    tile_overlap: float = 0.5
    rounding_error: float = 0.0625
    sizes: tuple[int, int] = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "sizes", tuple(min(n, self.tile_size) for n in self.shape))

    @classmethod
    def of(cls, parameters: dict, shape: tuple[int, int]) -> TileGrid:
        """The grid for the parameters of the background step."""
        keys = ("tile_size", "tile_overlap", "rounding_error")
        return cls(tuple(shape), **{key: parameters[key] for key in keys})

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

    @cached_property
    def axes(self) -> tuple[spline.Axis, spline.Axis]:
        """The spline along y and x."""
        centres = (s + (n - 1) / 2 for s, n in zip(self.starts, self.sizes, strict=True))
        return tuple(spline.make_axis(c, n) for c, n in zip(centres, self.shape, strict=True))

    @property
    def step(self) -> float:
        """Backgrounds are multiples of this number of counts (0: not rounded)."""
        error = self.rounding_error
        return float(2.0 ** np.floor(np.log2(2 * error))) if error else 0.0

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (ny, nx) of the spline through the tile values (ny, nx)."""
        expected = tuple(len(starts) for starts in self.starts)
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

    def medians(self, frame: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, bool]:
        """Medians of the tiles, those without enough pixels filled from their neighbours.

        The frame is (H, W) uint16 counts, `covered` the packed mask of the pixels to leave out, see
        `cover`. Returns the medians, (ny, nx) float64, and whether the mask leaves any pixel free;
        if not, the medians are of all pixels.
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
        base, bins = _usual_range(frame, covered)
        (starts_y, starts_x), (size_y, size_x) = self.starts, self.sizes
        _, depth = tiles.block_borders(starts_y, size_y)
        blocks, _ = tiles.block_borders(starts_x, size_x)
        small = size_y * size_x <= np.iinfo(np.uint16).max
        ring = np.empty((depth, blocks, bins), np.uint16 if small else np.uint32)
        return tiles.tile_medians(frame, covered, starts_y, size_y, starts_x, size_x, base, ring)


def _usual_range(frame: np.ndarray, covered: np.ndarray) -> tuple[int, int]:
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


def estimate_background(
    frame: np.ndarray,
    foreground: np.ndarray | None,
    *,
    dilation_radius: int = 10,
    tile_size: int = 100,
    tile_overlap: float = 0.5,
    rounding_error: float = 0.0625,
) -> tuple[np.ndarray, np.ndarray]:
    """Background of one fluorescence frame.

    Parameters
    ----------
    frame : (H, W) uint16
        Raw counts.
    foreground : (H, W) bool or labels, or None
        Cells, which are left out.
    dilation_radius : int
        Pixels around the cells that are left out too.
    tile_size : int
        Size of the tiles in pixels.
    tile_overlap : float
        Share of a tile that the next one covers again.
    rounding_error : float
        Largest error in counts that rounding may bring; 0 for no rounding.

    Returns
    -------
    background : (H, W) float32
        Counts.
    tile_values : (ny, nx) float64
        Medians of the tiles, those without one filled from their neighbours.
    """
    grid = TileGrid(frame.shape, tile_size, tile_overlap, rounding_error)
    values, _ = grid.medians(frame, cover(foreground, frame.shape, dilation_radius))
    return grid.evaluate(grid.coefficients(values)), values

"""Background: medians of tiles and a spline through them."""

import math

import numpy as np
from scipy.interpolate import RectBivariateSpline

from . import morphology


def tile_starts(length, tile_size, tile_overlap):
    """Starts of the tiles along one axis, and the tiles' size."""
    size = min(tile_size, length)
    step = max(1, math.floor(tile_size * (1 - tile_overlap) + 0.5))
    starts = [0]
    while starts[-1] + step + size <= length:
        starts.append(starts[-1] + step)
    if starts[-1] + size < length:
        starts.append(length - size)
    return starts, size


def tile_centres(length, tile_size, tile_overlap):
    """(start + stop − 1) / 2 of each tile along one axis."""
    starts, size = tile_starts(length, tile_size, tile_overlap)
    return [(start + start + size - 1) / 2 for start in starts]


def fill_from_neighbours(values):
    """Give NaN tiles the mean of their neighbours (of 8), all at once, until none is left."""
    values = values.copy()
    while np.isnan(values).any():
        before = np.pad(values, 1, constant_values=np.nan)
        for i, j in np.argwhere(np.isnan(values)):
            around = before[i : i + 3, j : j + 3]
            known = around[~np.isnan(around)]
            if known.size:
                values[i, j] = known.mean()
    return values


def tile_medians(frame, excluded, tile_size=100, tile_overlap=0.5):
    """Tile values (ny, nx) float64; `excluded` is the dilated foreground."""
    y_starts, y_size = tile_starts(frame.shape[0], tile_size, tile_overlap)
    x_starts, x_size = tile_starts(frame.shape[1], tile_size, tile_overlap)
    if excluded.all():
        excluded = np.zeros_like(excluded)
    medians = np.full((len(y_starts), len(x_starts)), np.nan)
    enough = np.zeros(medians.shape, dtype=bool)
    for i, y in enumerate(y_starts):
        for j, x in enumerate(x_starts):
            tile = np.s_[y : y + y_size, x : x + x_size]
            left = frame[tile][~excluded[tile]]
            if left.size:
                medians[i, j] = np.median(left)
            enough[i, j] = 10 * left.size >= y_size * x_size
    if enough.any():
        medians[~enough] = np.nan
    return fill_from_neighbours(medians)


def evaluate(values, shape, tile_size=100, tile_overlap=0.5):
    """Spline through the tile values at every pixel, (H, W) float64, not rounded."""
    nodes, pixels, degrees = [], [], []
    for axis in (0, 1):
        centres = tile_centres(shape[axis], tile_size, tile_overlap)
        pixels.append(np.clip(np.arange(shape[axis]), centres[0], centres[-1]))
        if len(centres) == 1:  # constant: the value twice, degree 1
            centres = [centres[0], centres[0] + 1]
            values = np.repeat(values, 2, axis=axis)
        nodes.append(centres)
        degrees.append(min(3, len(centres) - 1))
    spline = RectBivariateSpline(*nodes, values, kx=degrees[0], ky=degrees[1], s=0)
    return spline(*pixels)


def rounding_step(rounding_error):
    """The largest power of two that is at most 2 · rounding_error; 0 for none."""
    if rounding_error == 0:
        return 0.0
    step = 1.0
    while step > 2 * rounding_error:
        step /= 2
    while step * 2 <= 2 * rounding_error:
        step *= 2
    return step


def estimate_background(frame, foreground, dilation_radius=10, tile_size=100, tile_overlap=0.5):
    """Background (H, W) float64, not rounded, and the tile values."""
    if foreground is None:
        foreground = np.zeros(frame.shape, dtype=bool)
    excluded = morphology.dilate(foreground != 0, dilation_radius)
    values = tile_medians(frame, excluded, tile_size, tile_overlap)
    return evaluate(values, frame.shape, tile_size, tile_overlap), values

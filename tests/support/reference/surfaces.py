"""Background: quadratic surfaces through the levels of blocks, and a spline through them."""

import math

import numpy as np
from scipy.interpolate import RectBivariateSpline

from . import morphology
from .background import fill_from_neighbours


def borders(length, tile_size):
    """Where blocks of about half a tile begin along one axis, and the axis's length."""
    number = math.floor(length / (tile_size / 2) + 0.5)
    number = max(1, min(length, number))
    return [math.floor(length * i / number + 0.5) for i in range(number + 1)]


def nodes(edges):
    """Corners of the blocks, on the outermost pixels at both ends; the middle of a single block."""
    last = edges[-1] - 1
    if len(edges) == 2:
        return [last / 2]
    return [0.0, *(edge - 0.5 for edge in edges[1:-1]), float(last)]


def level(counts):
    """Mean of the counts within 3 robust standard deviations of the median, or 3 counts."""
    low, middle, high = np.sort(counts)[[k * (counts.size - 1) // 4 for k in (1, 2, 3)]].astype(int)
    reach = max(math.floor(3 * (high - low) / 1.349), 3)
    near = counts[np.abs(counts.astype(int) - middle) <= reach].astype(int)
    return middle + (near - middle).sum() / near.size


def around(values, i, j):
    """The values of the 3 x 3 blocks around one that are there."""
    near = values[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
    return near[~np.isnan(near)]


def from_neighbours(levels):
    """What each block differs by from the median around it, and how much others there do."""
    rest, spread = np.full((2, *levels.shape), np.nan)
    for i, j in np.argwhere(~np.isnan(levels)):
        near = around(levels, i, j)
        rest[i, j] = levels[i, j] - np.median(near)
        spread[i, j] = np.median(np.abs(near - np.median(near)))
    return rest, spread


def robust_weights(rest, spread):
    """1 up to 3 usual residuals, 0 from 6 on, smooth between."""
    known = ~np.isnan(rest)
    weights = np.zeros(rest.shape)
    if known.any():
        usual = max(0.05, 1.4826 * np.median(np.abs(rest[known])))
        z = np.abs(rest[known]) / np.maximum(usual, 1.4826 * spread[known])
        weights[known] = np.interp(z, [3, 6], [0, 1])
        weights[known] = (1 - weights[known] ** 2) ** 2
    return weights


def terms(y, x):
    """1, y, x, y², yx, x² along a new first axis."""
    return np.array([np.ones_like(y), y, x, y * y, y * x, x * x])


class Window:
    """Up to 4 x 4 blocks, with coordinates of -1 to 1, and the surface through their levels."""

    def __init__(self, edges, first, counts):
        self.slices, self.middle, self.reach, self.near = [], [], [], []
        for e, k in zip(edges, first, strict=True):
            size = min(4, len(e) - 1)
            begin, end = e[k], e[k + size]
            self.slices.append(slice(k, k + size))
            self.middle.append((begin + end - 1) / 2)
            self.reach.append((end - begin) / 2)
            centres = (np.array(e[k : k + size]) + e[k + 1 : k + size + 1] - 1) / 2
            self.near.append(1 - ((centres - self.middle[-1]) / self.reach[-1]) ** 2)
        self.slices, self.near = tuple(self.slices), np.outer(*self.near)
        self.full = (self.near * counts[self.slices]).sum()
        ny, nx = (len(e) - 1 for e in edges)
        self.used = [True, ny > 1, nx > 1, ny > 2, ny > 1 and nx > 1, nx > 2]
        self.coefficients = None

    def scaled(self, y, x):
        """Coordinates of pixels in the window."""
        return (y - self.middle[0]) / self.reach[0], (x - self.middle[1]) / self.reach[1]

    def means(self, pixels):
        """Means of the terms over the pixels (y, x) of a block."""
        return terms(*self.scaled(*pixels)).mean(axis=1)

    def fit(self, levels, pixels, robust, least):
        """Weighted least squares, without the terms that earlier ones explain nearly."""
        numbers = np.array([[p.shape[1] for p in row] for row in pixels])
        weights = (self.near * (numbers * robust)[self.slices]).ravel()
        kept = np.flatnonzero(weights > 0)
        self.coefficients = None
        if kept.size == 0 or weights.sum() < least * self.full:
            return
        inside = [p for row in pixels[self.slices[0]] for p in row[self.slices[1]]]
        design = np.array([self.means(inside[k]) for k in kept])
        weights, target = weights[kept], levels[self.slices].ravel()[kept]
        root = np.sqrt(weights / weights.sum())
        rows, chosen = design * root[:, None], [0]
        for term in range(1, 6):
            column = rows[:, term]
            explained = np.linalg.lstsq(rows[:, chosen], column, rcond=None)[0]
            if self.used[term] and np.sum((column - rows[:, chosen] @ explained) ** 2) >= 0.02:
                chosen.append(term)
        self.coefficients = np.zeros(6)
        self.coefficients[chosen] = np.linalg.lstsq(rows[:, chosen], target * root, rcond=None)[0]


def windows_at(index, count):
    """The window whose middle is the corner before block `index`, or the nearest one."""
    return min(max(index - min(4, count) // 2, 0), max(count - 4, 0))


def block_values(frame, excluded, edges):
    """Levels of the blocks, and the coordinates (y, x) of their pixels."""
    shape = tuple(len(e) - 1 for e in edges)
    levels, pixels = np.full(shape, np.nan), []
    for i in range(shape[0]):
        pixels.append([])
        for j in range(shape[1]):
            y0, x0 = edges[0][i], edges[1][j]
            free = ~excluded[y0 : edges[0][i + 1], x0 : edges[1][j + 1]]
            y, x = np.nonzero(free)
            pixels[-1].append(np.array([y + y0, x + x0], float))
            if y.size:
                levels[i, j] = level(frame[y + y0, x + x0])
    return levels, pixels


def surfaces(levels, pixels, edges, least):
    """A fitted window for each corner of the blocks, (ny + 1, nx + 1)."""
    counts = np.outer(*(np.diff(e) for e in edges))
    ny, nx = levels.shape
    made = {}
    for k in {windows_at(i, ny) for i in range(ny + 1)}:
        for m in {windows_at(j, nx) for j in range(nx + 1)}:
            made[k, m] = Window(edges, (k, m), counts)
    rest, spread = from_neighbours(levels)
    for _ in range(3):
        robust = robust_weights(rest, spread)
        for window in made.values():
            window.fit(levels, pixels, robust, least)
        rest = np.full((ny, nx), np.nan)
        for i, j in np.argwhere(~np.isnan(levels)):
            corners = {(windows_at(a, ny), windows_at(b, nx))
                       for a in (i, i + 1) for b in (j, j + 1)}  # fmt: skip
            known = [made[c] for c in corners if made[c].coefficients is not None]
            if known:
                said = [w.coefficients @ w.means(pixels[i][j]) for w in known]
                rest[i, j] = levels[i, j] - np.mean(said)
        spread = np.full((ny, nx), np.nan)
        for i, j in np.argwhere(~np.isnan(rest)):
            spread[i, j] = np.median(np.abs(around(rest, i, j)))
    return made


def node_values(frame, excluded, tile_size=100):
    """Heights of the surfaces at the nodes; `excluded` is the dilated foreground."""
    if excluded.all():
        excluded = np.zeros_like(excluded)
    edges = [borders(length, tile_size) for length in frame.shape]
    levels, pixels = block_values(frame, excluded, edges)
    made = surfaces(levels, pixels, edges, 0.01)
    if all(window.coefficients is None for window in made.values()):
        made = surfaces(levels, pixels, edges, 0)
    ny, nx = levels.shape
    places = [nodes(e) for e in edges]
    values = np.full([len(p) for p in places], np.nan)
    for i, y in enumerate(places[0]):
        for j, x in enumerate(places[1]):
            window = made[windows_at(i, ny), windows_at(j, nx)]
            if window.coefficients is not None:
                values[i, j] = window.coefficients @ terms(*window.scaled(np.float64(y), x))
    return fill_from_neighbours(values)


def evaluate(values, shape, tile_size=100):
    """Spline through the values at the nodes at every pixel, (H, W) float64, not rounded."""
    places = [nodes(borders(length, tile_size)) for length in shape]
    degrees = [min(3, len(p) - 1) for p in places]
    for axis in (0, 1):
        if degrees[axis] == 0:  # constant: the value twice, degree 1
            places[axis] = [places[axis][0], places[axis][0] + 1]
            values, degrees[axis] = np.repeat(values, 2, axis=axis), 1
    spline = RectBivariateSpline(*places, values, kx=degrees[0], ky=degrees[1], s=0)
    inside = [np.clip(np.arange(n), p[0], p[-1]) for n, p in zip(shape, places, strict=True)]
    return spline(*inside)


def estimate_background(frame, foreground, dilation_radius=10, tile_size=100):
    """Background (H, W) float64, not rounded, and the values at the nodes."""
    if foreground is None:
        foreground = np.zeros(frame.shape, dtype=bool)
    excluded = morphology.dilate(foreground != 0, dilation_radius)
    values = node_values(frame, excluded, tile_size)
    return evaluate(values, frame.shape, tile_size), values

"""Interpolating tensor-product spline through a grid of values, evaluated at every pixel.

The spline is separable: for each row of pixels, 4 rows of coefficients are combined into one, of
which each pixel combines 4. Every pixel is computed by the same operations in the same order in
any window, so that a window equals the same part of the full frame bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.kernels.jit import kernel

#: Number of pixels that are computed together, in loops that the compiler vectorises.
LANES = 32


@dataclass(frozen=True)
class Axis:
    """The spline along one axis; arrays are float64 where no type is named."""

    collocation: np.ndarray  # (n, n): value of each basis spline at each of the n nodes
    first: np.ndarray  # (size,) int64: first of the basis splines that are not 0 at a pixel
    weights: np.ndarray  # (4, size): values of these basis splines at the pixels
    # (n, 4, 4): coefficients of 1, t, t², t³ for each interval, given by its first basis spline,
    # and each of the basis splines that are not 0 there
    powers: np.ndarray
    # (size + LANES,): t at the pixels, the distance from the beginning of their interval; then 0
    offset: np.ndarray


def make_axis(nodes: np.ndarray, size: int) -> Axis:
    """The interpolating spline through ascending `nodes` (in pixels) at the pixels 0..size - 1.

    Degree and knots are those of FITPACK's interpolating spline: degree min(3, n - 1) and "not a
    knot". Pixels beyond the outermost nodes take the value at these nodes.
    """
    n = len(nodes)
    degree = min(3, n - 1)
    inner = nodes[2:-2] if degree == 3 else nodes[:0]
    ends = np.ones(degree + 1)
    knots = np.concatenate((nodes[0] * ends, inner, nodes[-1] * ends))
    pixels = np.clip(np.arange(size, dtype=float), nodes[0], nodes[-1])
    first, weights = _basis(knots, degree, n, pixels)
    node_first, node_weights = _basis(knots, degree, n, np.asarray(nodes, float))
    collocation = np.zeros((n, n))
    for k in range(degree + 1):
        collocation[np.arange(n), node_first + k] = node_weights[k]
    padded = np.zeros((4, size))
    padded[: degree + 1] = weights
    offset = np.pad(pixels - knots[first + degree], (0, LANES))
    return Axis(collocation, first, padded, _powers(knots, degree, n), offset)


def _powers(knots, degree, n):
    """Coefficients of the basis splines in each interval, see `Axis.powers`."""
    powers = np.zeros((n, 4, 4))
    for j in range(n - degree):
        begin, end = knots[j + degree], knots[j + degree + 1]
        # Chebyshev's points lie within the interval, and none on its ends
        t = (end - begin) / 2 * (1 - np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)))
        _, values = _basis(knots, degree, n, begin + t)
        powers[j, : degree + 1, : degree + 1] = np.linalg.solve(
            np.vander(t, increasing=True), values.T
        ).T
    return powers


def _basis(knots, degree, n, x):
    """First of the degree + 1 basis splines that are not 0 at x, and their values (de Boor)."""
    interval = np.clip(np.searchsorted(knots, x, side="right") - 1, degree, n - 1)
    weights = np.zeros((degree + 1, len(x)))
    weights[0] = 1
    for k in range(1, degree + 1):
        carried = np.zeros(len(x))
        for r in range(k):
            right = knots[interval + r + 1]
            left = knots[interval + 1 - k + r]
            share = weights[r] / (right - left)
            weights[r] = carried + (right - x) * share
            carried = (x - left) * share
        weights[k] = carried
    return interval - degree, weights


@kernel
def solve(matrix, right_side):
    """Solve matrix @ X = right_side, (n, n) and (n, m) float64, by Gaussian elimination.

    Collocation matrices of interpolating splines are totally positive, so no pivoting is needed (de
    Boor and Pinkus 1977, Numerische Mathematik 27, 485), and the order of operations is fixed.
    """
    a = matrix.copy()
    x = right_side.copy()
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            if a[i, k] != 0.0:
                factor = a[i, k] / a[k, k]
                for j in range(k, n):
                    a[i, j] -= factor * a[k, j]
                for j in range(x.shape[1]):
                    x[i, j] -= factor * x[k, j]
    for k in range(n - 1, -1, -1):
        for j in range(x.shape[1]):
            for i in range(k + 1, n):
                if a[k, i] != 0.0:
                    x[k, j] -= a[k, i] * x[i, j]
            x[k, j] /= a[k, k]
    return x


@kernel
def evaluate(coefficients, first_y, weights_y, first_x, powers_x, offset_x, y0, x0, step, out):
    """Evaluate the spline in the window of `out` (h, w) float32 that begins at (y0, x0).

    The coefficients are (ny, nx) float64; `first_y`, `weights_y`, `first_x`, `powers_x` and
    `offset_x` are those of the two axes, see `Axis`. Between two knots the spline is a cubic
    polynomial in x, whose coefficients are computed once per row. Values are rounded to multiples
    of `step`, a power of two; 0 for no rounding. It divides the coefficients, which is exact.
    """
    stop_x = x0 + out.shape[1]
    n = coefficients.shape[1]
    row = np.zeros(n + 3)
    scale = 1.0 / step if step > 0.0 else 1.0
    line = np.zeros(out.shape[1] + LANES, np.float32)
    begins = np.empty(out.shape[1] + 1, np.int64)
    intervals = 0
    for x in range(x0, stop_x):
        if x == x0 or first_x[x] != first_x[x - 1]:
            begins[intervals] = x
            intervals += 1
    begins[intervals] = stop_x
    for y in range(out.shape[0]):
        top = first_y[y0 + y]
        # beyond the last coefficient the weights are 0
        for j in range(n):
            total = 0.0
            for k in range(min(4, coefficients.shape[0] - top)):
                total += weights_y[k, y0 + y] * coefficients[top + k, j]
            row[j] = total * scale
        for i in range(intervals):
            start = begins[i]
            stop = begins[i + 1]
            j = first_x[start]
            p = powers_x[j]
            a = ((row[j] * p[0, 0] + row[j + 1] * p[1, 0])
                 + (row[j + 2] * p[2, 0] + row[j + 3] * p[3, 0]))  # fmt: skip
            b = ((row[j] * p[0, 1] + row[j + 1] * p[1, 1])
                 + (row[j + 2] * p[2, 1] + row[j + 3] * p[3, 1]))  # fmt: skip
            c = ((row[j] * p[0, 2] + row[j + 1] * p[1, 2])
                 + (row[j + 2] * p[2, 2] + row[j + 3] * p[3, 2]))  # fmt: skip
            d = ((row[j] * p[0, 3] + row[j + 1] * p[1, 3])
                 + (row[j + 2] * p[2, 3] + row[j + 3] * p[3, 3]))  # fmt: skip
            # whole groups of pixels: the next interval overwrites those beyond this one
            end = start + (stop - start + LANES - 1) // LANES * LANES
            end = min(end, stop_x + LANES - 1)
            _cubic(a, b, c, d, offset_x[start:end], step, line[start - x0 : end - x0])
        out[y] = line[: out.shape[1]]


@kernel
def _cubic(a, b, c, d, t, step, out):
    """a + b t + c t² + d t³ for the pixels between two knots, into `out`.

    Arguments are slices of one length, so that the loop is vectorised.
    """
    if step > 0.0:
        for k in range(len(out)):
            out[k] = np.float32(np.rint(a + t[k] * (b + t[k] * (c + t[k] * d))) * step)
    else:
        for k in range(len(out)):
            out[k] = np.float32(a + t[k] * (b + t[k] * (c + t[k] * d)))

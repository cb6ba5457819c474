"""Tensor-product interpolating spline through a grid of values, evaluated at every pixel.

The spline is separable: for each row of pixels 4 rows of coefficients are combined into one, and
each pixel combines 4 of that row. Every pixel is computed by the same operations in the same
order whatever the window, so a window equals the same part of the full frame bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.kernels.jit import kernel


@dataclass(frozen=True)
class Axis:
    """The spline along one axis.

    Attributes
    ----------
    collocation : (n, n) float64
        Value of each basis spline at each of the n nodes.
    first : (size,) int64
        First of the basis splines that are not 0 at a pixel.
    weights : (4, size) float64
        Values of these basis splines at the pixels.
    """

    collocation: np.ndarray
    first: np.ndarray
    weights: np.ndarray


def make_axis(nodes: np.ndarray, size: int) -> Axis:
    """The interpolating spline through `nodes` at the pixels 0..size-1.

    Degree min(3, n - 1), knots as FITPACK's interpolating spline ("not a knot"); pixels beyond the
    outermost nodes take these nodes' value.
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
    return Axis(collocation, first, padded)


def _basis(knots, degree, n, x):
    """The degree + 1 basis splines that are not 0 at x (Cox and de Boor's recursion)."""
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
    """Solve matrix @ X = right_side by elimination without pivoting.

    Collocation matrices of interpolating splines are totally positive: no pivoting is needed
    (de Boor and Pinkus, 1977), and the order of operations never depends on the values.
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
def evaluate(coefficients, first_y, weights_y, first_x, weights_x, step, out):
    """Values at the pixels of the given rows and columns, rounded to multiples of `step`.

    `step` 0 leaves them as they are. `out` is float32 (rows, columns).
    """
    columns = len(first_x)
    n = coefficients.shape[1]
    row = np.zeros(n + 3)
    inverse = 1.0 / step if step > 0.0 else 0.0
    for y in range(len(first_y)):
        # beyond the last coefficient a weight is 0, and so must be what it is multiplied with
        for j in range(n):
            total = 0.0
            for k in range(min(4, coefficients.shape[0] - first_y[y])):
                total += weights_y[k, y] * coefficients[first_y[y] + k, j]
            row[j] = total
        start = 0
        while start < columns:
            j = first_x[start]
            stop = start + 1
            while stop < columns and first_x[stop] == j:
                stop += 1
            a, b, c, d = row[j], row[j + 1], row[j + 2], row[j + 3]
            if step > 0.0:
                for x in range(start, stop):
                    value = ((weights_x[0, x] * a + weights_x[1, x] * b)
                             + (weights_x[2, x] * c + weights_x[3, x] * d))  # fmt: skip
                    out[y, x] = np.rint(value * inverse) * step
            else:
                for x in range(start, stop):
                    out[y, x] = ((weights_x[0, x] * a + weights_x[1, x] * b)
                                 + (weights_x[2, x] * c + weights_x[3, x] * d))  # fmt: skip
            start = stop

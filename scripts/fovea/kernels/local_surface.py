"""Quadratic surfaces through the levels of blocks, each fitted to the blocks around a place.

A level, the robust mean of a block, stands for the mean of the surface over the uncovered pixels of
its block, not for its value at the block's centre: the mean of a quadratic surface follows from
these pixels' moments. This is local regression (Cleveland and Devlin 1988, J. Am. Stat. Assoc. 83,
596) on areas.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel
from fovea.kernels.moments import TERMS

#: Blocks along each side of a window.
WINDOW = 4
#: A term of which the terms before it leave less than this share unexplained is left out.
_LEAST_PIVOT = 0.02


@kernel
def in_window(means, cy, cx, by, bx):
    """Means of u, v, u², uv, v² over a block's pixels, in the coordinates of a window.

    They are u = (y - cy) by and v = (x - cx) bx; `means` (6,) are those of `means_of`.
    """
    y, x = means[1], means[2]
    return ((y - cy) * by, (x - cx) * bx,
            (means[3] - 2 * cy * y + cy * cy) * (by * by),
            (means[4] - cx * y - cy * x + cy * cx) * (by * bx),
            (means[5] - 2 * cx * x + cx * cx) * (bx * bx))  # fmt: skip


@kernel
def fit_windows(levels, numbers, means, robust, before, borders_y, borders_x, least, surfaces):
    """Fit a surface to the levels of each window of (at most) 4 x 4 blocks.

    Parameters
    ----------
    levels, numbers, means, robust
        (ny, nx) float64, (ny, nx) int64, (ny, nx, 6) float64 and (ny, nx) float64, of the blocks.
        A block weighs as much as it has uncovered pixels, times its robust weight, times 1 - d²
        along either axis, d being the distance of its middle from the window's, 1 at its edge.
    before : (ny, nx) float64
        Robust weights that `surfaces` were fitted with; NaN for those that are to be fitted.
    least : float
        Windows in which the weights are below this share of what they would be without cells have
        no surface.
    surfaces : (my, mx, 6) float64
        Coefficients of 1, u, v, u², uv, v², see `in_window`, in counts; NaN for no surface. They
        are fitted anew where weights have changed. Window (i, j) begins with block (i, j). Terms
        that the blocks of a window do not tell from those before them are 0.
    """
    ny, nx = levels.shape
    sy, sx = min(WINDOW, ny), min(WINDOW, nx)
    used = np.array([True, ny > 1, nx > 1, ny > 2, ny > 1 and nx > 1, nx > 2])
    normal = np.empty((TERMS, TERMS))
    right = np.empty(TERMS)
    near_y, near_x = np.empty(WINDOW), np.empty(WINDOW)
    for i in range(len(surfaces)):
        cy, ry = middle_and_reach(borders_y, i, sy)
        by = 1 / ry
        full_y = _nearness(borders_y, i, sy, near_y)
        for j in range(surfaces.shape[1]):
            if _alike(robust[i : i + sy, j : j + sx], before[i : i + sy, j : j + sx]):
                continue
            cx, rx = middle_and_reach(borders_x, j, sx)
            bx = 1 / rx
            full = full_y * _nearness(borders_x, j, sx, near_x)
            # the lower triangle of the normal equations, by term, and their right side
            t00 = t10 = t11 = t20 = t21 = t22 = t30 = t31 = t32 = t33 = 0.0
            t40 = t41 = t42 = t43 = t44 = t50 = t51 = t52 = t53 = t54 = t55 = 0.0
            r0 = r1 = r2 = r3 = r4 = r5 = 0.0
            for k in range(i, i + sy):
                for m in range(j, j + sx):
                    w = near_y[k - i] * near_x[m - j] * numbers[k, m] * robust[k, m]
                    if w <= 0.0:
                        continue
                    u, v, uu, uv, vv = in_window(means[k, m], cy, cx, by, bx)
                    wu, wv, wuu, wuv, wvv = w * u, w * v, w * uu, w * uv, w * vv
                    t00 += w
                    t10, t11 = t10 + wu, t11 + wu * u
                    t20, t21, t22 = t20 + wv, t21 + wv * u, t22 + wv * v
                    t30, t31, t32, t33 = t30 + wuu, t31 + wuu * u, t32 + wuu * v, t33 + wuu * uu
                    t40, t41, t42 = t40 + wuv, t41 + wuv * u, t42 + wuv * v
                    t43, t44 = t43 + wuv * uu, t44 + wuv * uv
                    t50, t51, t52 = t50 + wvv, t51 + wvv * u, t52 + wvv * v
                    t53, t54, t55 = t53 + wvv * uu, t54 + wvv * uv, t55 + wvv * vv
                    b = levels[k, m]
                    r0, r1, r2 = r0 + w * b, r1 + wu * b, r2 + wv * b
                    r3, r4, r5 = r3 + wuu * b, r4 + wuv * b, r5 + wvv * b
            if t00 > 0.0 and t00 >= least * full:
                normal[0, 0], normal[1, 0], normal[1, 1] = t00, t10, t11
                normal[2, 0], normal[2, 1], normal[2, 2] = t20, t21, t22
                normal[3, 0], normal[3, 1], normal[3, 2], normal[3, 3] = t30, t31, t32, t33
                normal[4, 0], normal[4, 1], normal[4, 2] = t40, t41, t42
                normal[4, 3], normal[4, 4] = t43, t44
                normal[5, 0], normal[5, 1], normal[5, 2] = t50, t51, t52
                normal[5, 3], normal[5, 4], normal[5, 5] = t53, t54, t55
                right[0], right[1], right[2] = r0, r1, r2
                right[3], right[4], right[5] = r3, r4, r5
                solve_in_order(normal, right, used, surfaces[i, j])
            else:
                surfaces[i, j] = np.nan


@kernel
def _alike(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j] != b[i, j]:
                return False
    return True


@kernel
def middle_and_reach(borders, start, size):
    """Middle of `size` blocks from `start` on along an axis, and half their length, pixels."""
    first, stop = borders[start], borders[start + size]
    return (first + stop - 1) / 2, (stop - first) / 2


@kernel
def _nearness(borders, start, size, out):
    """Weights of a window's blocks along an axis, into `out`; returns their sum over pixels."""
    centre, reach = middle_and_reach(borders, start, size)
    total = 0.0
    for k in range(size):
        first, stop = borders[start + k], borders[start + k + 1]
        distance = ((first + stop - 1) / 2 - centre) / reach
        out[k] = 1.0 - distance * distance
        total += out[k] * (stop - first)
    return total


@kernel
def solve_in_order(normal, right, used, out):
    """Solve normal equations (6, 6), of which the lower triangle is read, by Cholesky's method.

    The equations are divided by the sum of the weights, normal[0, 0], so that a pivot is what a
    term varies by beyond those before it. Where that is too little, or the term is not `used`, its
    coefficient is 0. `normal` and `right` are overwritten.
    """
    total = normal[0, 0]
    kept = used.copy()
    for a in range(TERMS):
        right[a] /= total
        for b in range(a + 1):
            normal[a, b] /= total
    for a in range(TERMS):
        for b in range(a + 1):
            if not (kept[a] and kept[b]):
                continue
            value = normal[a, b]
            for k in range(b):
                if kept[k]:
                    value -= normal[a, k] * normal[b, k]
            if b < a:
                normal[a, b] = value / normal[b, b]
            elif value < _LEAST_PIVOT:
                kept[a] = False
            else:
                normal[a, a] = np.sqrt(value)
        if kept[a]:
            value = right[a]
            for k in range(a):
                if kept[k]:
                    value -= normal[a, k] * right[k]
            right[a] = value / normal[a, a]
    for a in range(TERMS - 1, -1, -1):
        out[a] = 0.0
        if kept[a]:
            value = right[a]
            for k in range(a + 1, TERMS):
                value -= normal[k, a] * out[k] if kept[k] else 0.0
            out[a] = value / normal[a, a]


@kernel
def residuals(levels, means, surfaces, borders_y, borders_x):
    """Medians of blocks less the means of the surfaces over their pixels, (ny, nx) float64.

    The surfaces (my, mx, 6) are those of the windows in whose middle the block is, up to four; the
    mean of what they say counts. NaN where there is no level or no surface.
    """
    ny, nx = levels.shape
    sy, sx = min(WINDOW, ny), min(WINDOW, nx)
    last_y, last_x = surfaces.shape[0] - 1, surfaces.shape[1] - 1
    rest = np.full((ny, nx), np.nan)
    for i in range(ny):
        for j in range(nx):
            if np.isnan(levels[i, j]):
                continue
            total, n = 0.0, 0
            for k in range(_clip(i - sy // 2, last_y), _clip(i - sy // 2 + 1, last_y) + 1):
                cy, ry = middle_and_reach(borders_y, k, sy)
                for m in range(_clip(j - sx // 2, last_x), _clip(j - sx // 2 + 1, last_x) + 1):
                    if np.isnan(surfaces[k, m, 0]):
                        continue
                    cx, rx = middle_and_reach(borders_x, m, sx)
                    total += _height(surfaces[k, m], in_window(means[i, j], cy, cx, 1 / ry, 1 / rx))
                    n += 1
            if n > 0:
                rest[i, j] = levels[i, j] - total / n
    return rest


@kernel
def _clip(index, last):
    return max(0, min(index, last))


@kernel
def heights(surfaces, borders_y, borders_x, nodes_y, nodes_x):
    """Heights of the surfaces at nodes (pixels), (ny + 1, nx + 1) float64, NaN without one.

    Node (i, j) lies where block (i, j) begins, or at the end of the frame. It takes the surface of
    the window that is centred there, or of the nearest one.
    """
    ny, nx = len(borders_y) - 1, len(borders_x) - 1
    sy, sx = min(WINDOW, ny), min(WINDOW, nx)
    out = np.empty((len(nodes_y), len(nodes_x)))
    for i in range(len(nodes_y)):
        k = _clip(i - sy // 2, surfaces.shape[0] - 1)
        cy, ry = middle_and_reach(borders_y, k, sy)
        u = (nodes_y[i] - cy) / ry
        for j in range(len(nodes_x)):
            m = _clip(j - sx // 2, surfaces.shape[1] - 1)
            cx, rx = middle_and_reach(borders_x, m, sx)
            v = (nodes_x[j] - cx) / rx
            out[i, j] = _height(surfaces[k, m], (u, v, u * u, u * v, v * v))
    return out


@kernel
def _height(c, terms):
    """Height of a surface of coefficients (6,) for the terms u, v, u², uv, v²."""
    u, v, uu, uv, vv = terms
    return (c[0] + u * c[1] + v * c[2]) + (uu * c[3] + uv * c[4] + vv * c[5])

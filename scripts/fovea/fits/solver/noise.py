"""Noise of single values of a trace as a function of their size."""

from __future__ import annotations

import numpy as np

BINS = 40
ROUNDS = 4
_MEDIAN = 0.4549364231195724  # of the square of a standard normal variable
_TINY = 1e-300
_LEAST = 1e-6  # of the largest standard deviation, so that all weights are finite


def noise_level(value: np.ndarray, noise: tuple[float, float, float]) -> np.ndarray:
    """Return sqrt(constant² + poisson F + (relative F)²), the standard deviation of values F.

    `value` holds F, the values of a trace without noise, in any shape; `noise` is `constant`,
    `poisson` and `relative`.
    """
    constant, poisson, relative = noise
    size = np.maximum(value, 0.0)
    level = np.sqrt(constant**2 + poisson * size + (relative * size) ** 2)
    largest = level.max(initial=0.0)
    return np.maximum(level, _LEAST * largest) if largest > 0 else np.ones_like(level)


def estimate_noise(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """Estimate the noise model from fitted values and residuals of many traces.

    Each part is a pair of fitted values and their residuals, (n, T) float64 both, NaN where there
    is none. The noise of a cell is its own factor, whose median is 1, times the noise model: how
    noise grows with the value is the same for all cells, how large it is need not be. Factors and
    model are estimated in turn.
    """
    wide = max((residual.shape[1] for _, residual in parts), default=0)
    value, residual = np.concatenate([np.empty((2, 0, wide)), *map(np.array, parts)], axis=1)
    kept = np.isfinite(residual).any(axis=1) & (np.nan_to_num(residual) != 0).any(axis=1)
    value, residual = value[kept], residual[kept]
    if not len(residual):
        return 1.0, 0.0, 0.0
    factor, noise = _factors(residual), (1.0, 0.0, 0.0)
    for _ in range(ROUNDS):
        there = np.isfinite(residual)
        noise = _shape(value[there], (residual / factor[:, None])[there])
        factor = _factors(residual / noise_level(value, noise))
    return noise


def _factors(residual: np.ndarray) -> np.ndarray:
    """Return the root mean squares of rows, as multiples of their median."""
    size = np.sqrt(np.nanmean(residual**2, axis=1))
    return size / np.median(size)


def _shape(value: np.ndarray, residual: np.ndarray) -> tuple[float, float, float]:
    """Return the noise model of values (n,) with residuals (n,).

    The variance of the residuals is estimated in `BINS` bins of equal numbers of values, from the
    median of their squares, so that traces that the model does not describe have little influence.
    A non-negative combination of 1, F and F² is fitted to it by least squares, in which each bin is
    weighted by the inverse of the variance that the previous round predicts.
    """
    from scipy.optimize import nnls

    shapes, measured = [], []
    order = np.argsort(value, kind="stable")
    for part in np.array_split(order, min(BINS, max(1, len(order) // 10))):
        size = np.maximum(value[part], 0.0)
        shapes.append([1.0, size.mean(), np.mean(size**2)])
        measured.append(np.median(residual[part] ** 2) / _MEDIAN)
    matrix, target = np.array(shapes), np.array(measured)
    scale = np.maximum(matrix.max(axis=0), _TINY)
    matrix /= scale
    expected = np.full(len(target), target.mean())
    for _ in range(ROUNDS):
        if not expected.any():
            return 1.0, 0.0, 0.0
        weight = 1 / np.maximum(expected, _LEAST * expected.max())
        parameters = nnls(matrix * weight[:, None], target * weight)[0]
        expected = matrix @ parameters
    constant, poisson, relative = parameters / scale
    return float(np.sqrt(constant)), float(poisson), float(np.sqrt(relative))

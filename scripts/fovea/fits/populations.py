"""The population that cells were drawn from: the spread of their parameters without that of errors.

The spread of fitted values is the spread of the cells plus the errors of the fits. Here the
parameters of a sample's cells (logarithms of those that are positive) have a normal distribution,
and each fitted value has its own error: y_i ~ N(mean, spread + V_i), with the covariance V_i of the
fit. Mean and spread maximise the likelihood of all cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.fits.solver.uncertainty import t_quantile

ROUNDS = 500
TOLERANCE = 1e-7  # of the logarithm of the likelihood, per cell
_LEAST = 1e-9  # least eigenvalue of the spread, relative to that of the raw values


@dataclass
class Population:
    """K parameters of N cells; arrays are float64."""

    mean: np.ndarray  # (K,), as are the following
    mean_error: np.ndarray
    deviation: np.ndarray  # standard deviation between cells, without errors
    #: Ends of the 95 % intervals of both, (2, K).
    mean_interval: np.ndarray
    deviation_interval: np.ndarray
    correlation: np.ndarray  # (K, K), between cells
    correlation_interval: np.ndarray  # (2, K, K)
    raw_deviation: np.ndarray  # (K,), of the fitted values
    cells: np.ndarray  # (N, K), the values that are most likely for each cell given all others
    cell_errors: np.ndarray  # (N, K), their standard deviations
    converged: bool


def population_of(values: np.ndarray, covariance: np.ndarray) -> Population:
    """Estimate the population of cells from fitted values (N, K) and their covariances (N, K, K).

    The estimates maximise the likelihood: expectation-maximisation, with steps of Fisher's scoring
    in between. Intervals follow from the expected information; those of standard deviations are
    symmetric on a logarithmic scale, those of correlations on that of artanh (Fisher's z). N has to
    exceed K + 1.
    """
    count, size = values.shape
    unit = values.std(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    y, errors = values / unit, covariance / unit[:, None] / unit
    mean = y.mean(axis=0)
    spread = np.cov(y.T).reshape(size, size)
    deviance, converged = np.inf, False
    for number in range(ROUNDS):
        inverse = np.linalg.inv(spread + errors)
        away = y - mean
        new = float(np.einsum("ni,nij,nj->", away, inverse, away)
                    - np.linalg.slogdet(inverse)[1].sum())  # fmt: skip
        if abs(deviance - new) < TOLERANCE * count:
            converged = True
            break
        deviance = new
        mean = np.linalg.solve(inverse.sum(axis=0), np.einsum("nij,nj->i", inverse, y))
        gain = spread @ inverse
        residual = y - mean
        moved = np.einsum("nij,nj->ni", gain, residual)
        left = spread - gain @ spread
        step = (np.einsum("ni,nj->ij", moved, moved) + left.sum(axis=0)) / count
        scored = _scored(residual, inverse, spread) if number % 3 == 2 else None
        spread = step if scored is None else scored
    inverse = np.linalg.inv(spread + errors)
    residual = y - mean
    gain = spread @ inverse
    shrunk = mean + np.einsum("nij,nj->ni", gain, residual)
    left = np.maximum(np.einsum("nii->ni", spread - gain @ spread), 0.0)
    mean_error = np.sqrt(np.diag(np.linalg.inv(inverse.sum(axis=0))))
    reach = t_quantile(np.array([count - 1.0]))[0]
    information, pairs = _information(inverse)
    variance = np.linalg.pinv(information)
    deviation = np.sqrt(np.diag(spread))
    places = {pair: k for k, pair in enumerate(pairs)}
    diagonal = [places[i, i] for i in range(size)]
    relative = np.sqrt(np.diag(variance)[diagonal]) / (2 * deviation**2)
    correlation, low, high = _correlations(spread, variance, places, reach)
    both = np.array([-reach, reach])[:, None]
    return Population(
        mean * unit, mean_error * unit, deviation * unit,
        (mean + both * mean_error) * unit, deviation * np.exp(both * relative) * unit,
        correlation, np.stack([low, high]), values.std(axis=0, ddof=1),
        shrunk * unit, np.sqrt(left) * unit, converged,
    )  # fmt: skip


def _information(inverse: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the expected information on the entries of the spread, and which entries these are."""
    size = inverse.shape[1]
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    basis = np.zeros((len(pairs), size, size))
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j] = basis[k, j, i] = 1.0
    turned = np.einsum("nij,kjl->nkil", inverse, basis)
    return np.einsum("nkij,nlji->kl", turned, turned) / 2, pairs


def _scored(residual: np.ndarray, inverse: np.ndarray, spread: np.ndarray) -> np.ndarray | None:
    """Return the spread after a step of Fisher's scoring; None if it is no covariance any more."""
    information, pairs = _information(inverse)
    away = np.einsum("nij,nj->ni", inverse, residual)
    score = (np.einsum("ni,nj->ij", away, away) - inverse.sum(axis=0)) / 2
    slope = np.array([score[i, j] * (1 if i == j else 2) for i, j in pairs])
    new = spread.copy()
    for (i, j), step in zip(pairs, np.linalg.pinv(information) @ slope, strict=True):
        new[i, j] = new[j, i] = spread[i, j] + step
    return new if np.linalg.eigvalsh(new)[0] > _LEAST else None


def _correlations(spread, variance, places, reach) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the correlations of a spread and the ends of their intervals, (K, K) each."""
    deviation = np.sqrt(np.diag(spread))
    correlation = np.clip(spread / np.outer(deviation, deviation), -1.0, 1.0)
    low, high = correlation.copy(), correlation.copy()
    for (i, j), k in places.items():
        if i == j:
            continue
        r, rows = correlation[i, j], [k, places[i, i], places[j, j]]
        slope = np.array([1 / (deviation[i] * deviation[j]), -r / (2 * spread[i, i]),
                          -r / (2 * spread[j, j])])  # fmt: skip
        error = np.sqrt(slope @ variance[np.ix_(rows, rows)] @ slope)
        z, wide = np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9)), reach * error / max(1 - r * r, 1e-9)
        low[i, j] = low[j, i] = np.tanh(z - wide)
        high[i, j] = high[j, i] = np.tanh(z + wide)
    return correlation, low, high

"""The population that cells were drawn from: the spread of their parameters without that of errors.

The spread of fitted values is the spread of the cells plus the errors of the fits. Here the
parameters of a sample's cells (logarithms of those that are positive) have a normal distribution,
and each fitted value has its own error: y_i ~ N(mean, spread + V_i), with the covariance V_i of the
fit. The spread maximises the restricted likelihood of all cells (Patterson and Thompson 1971),
which does not take the mean for known, and the mean that of all cells given the spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.fits.population_errors import expected_errors
from fovea.fits.solver.uncertainty import LEVEL, t_quantile

ROUNDS = 500
_CONVERGED = 1e-3  # slope of the deviance by the relative change of a standard deviation
_NONE = 1e-4  # standard deviations below this part of that of the fitted values count as 0


@dataclass
class Population:
    """K parameters of N cells; arrays are float64."""

    mean: np.ndarray  # (K,), as are the following
    mean_error: np.ndarray
    deviation: np.ndarray  # standard deviation between cells, without errors
    #: Ends of the 95 % intervals of both, (2, K).
    mean_interval: np.ndarray
    deviation_interval: np.ndarray
    correlation: np.ndarray  # (K, K), between cells; NaN with a parameter that does not vary
    correlation_interval: np.ndarray  # (2, K, K)
    raw_deviation: np.ndarray  # (K,), of the fitted values
    cells: np.ndarray  # (N, K), the values that are most likely for each cell given all others
    cell_errors: np.ndarray  # (N, K), their standard deviations
    converged: bool


def population_of(
    values: np.ndarray, covariance: np.ndarray, noise: np.ndarray | None = None
) -> Population:
    """Estimate the population of cells from fitted values (N, K) and their covariances (N, K, K).

    Likelihoods take the covariances and the bias of `expected_errors`, to which `noise` belongs;
    the values of single cells their own. Intervals follow from the expected information, see
    `_deviations` and `_correlations`. N has to exceed K + 1.
    """
    count, unit = len(values), values.std(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    y, own = values / unit, covariance / unit[:, None] / unit
    errors, bias = expected_errors(y, own, noise)
    y = y - bias
    spread, converged = _spread(y, errors)
    inverse = np.linalg.inv(spread + errors)
    mean_covariance = np.linalg.inv(inverse.sum(axis=0))
    mean = mean_covariance @ np.einsum("nij,nj->i", inverse, y)
    mean_error = np.sqrt(np.diag(mean_covariance))
    gain = spread @ np.linalg.inv(spread + own)
    shrunk = mean + np.einsum("nij,nj->ni", gain, y - mean)
    left = np.maximum(np.einsum("nii->ni", spread - gain @ spread), 0.0)
    reach = float(t_quantile(np.array(count - 1.0)))
    variance, places = _variance(inverse)
    variance = variance * (count / (count - 1))  # the mean is not known
    deviation, deviations = _deviations(spread, variance, places, count)
    correlation, low, high = _correlations(spread, variance, places, reach, deviation > 0)
    both = np.array([-reach, reach])[:, None]
    return Population(
        mean * unit, mean_error * unit, deviation * unit,
        (mean + both * mean_error) * unit, deviations * unit,
        correlation, np.stack([low, high]), values.std(axis=0, ddof=1),
        shrunk * unit, np.sqrt(left) * unit, converged,
    )  # fmt: skip


def deviance_of(spread: np.ndarray, y: np.ndarray, errors: np.ndarray) -> tuple[float, np.ndarray]:
    """Return twice the negative logarithm of the restricted likelihood of a spread (K, K).

    With it goes its slope by the entries of the spread, (K, K). Both are without a constant.
    """
    inverse = np.linalg.inv(spread + errors)
    total = inverse.sum(axis=0)
    mean_covariance = np.linalg.inv(total)
    mean = mean_covariance @ np.einsum("nij,nj->i", inverse, y)
    pulled = np.einsum("nij,nj->ni", inverse, y - mean)
    value = np.einsum("ni,ni->", pulled, y - mean) - np.linalg.slogdet(inverse)[1].sum()
    slope = total - np.einsum("ni,nj->ij", pulled, pulled)
    slope -= np.einsum("nij,jk,nkl->il", inverse, mean_covariance, inverse)
    return float(value + np.linalg.slogdet(total)[1]), slope


def _spread(y: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the most likely spread (K, K), and whether the search for it converged.

    The search is over its Cholesky factor, for which no matrix is out of bounds.
    """
    from scipy.optimize import minimize

    size = y.shape[1]
    rows = np.tril_indices(size)

    def deviance(point: np.ndarray) -> tuple[float, np.ndarray]:
        factor = np.zeros((size, size))
        factor[rows] = point
        value, slope = deviance_of(factor @ factor.T, y, errors)
        return value, 2 * (slope @ factor)[rows]

    start = np.cov(y.T).reshape(size, size) + 1e-9 * np.eye(size)
    found = minimize(deviance, np.linalg.cholesky(start)[rows], jac=True, method="BFGS",
                     options={"maxiter": ROUNDS, "gtol": _CONVERGED / 10})  # fmt: skip
    factor = np.zeros((size, size))
    factor[rows] = found.x
    return factor @ factor.T, bool(np.abs(found.jac).max() < _CONVERGED)


def _variance(inverse: np.ndarray) -> tuple[np.ndarray, dict[tuple[int, int], int]]:
    """Return the covariance of the entries of the spread from the expected information.

    With it goes the place of each entry (i, j) with i <= j.
    """
    size = inverse.shape[1]
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    basis = np.zeros((len(pairs), size, size))
    for k, (i, j) in enumerate(pairs):
        basis[k, i, j] = basis[k, j, i] = 1.0
    turned = np.einsum("nij,kjl->nkil", inverse, basis)
    information = np.einsum("nkij,nlji->kl", turned, turned) / 2
    return np.linalg.pinv(information), {pair: k for k, pair in enumerate(pairs)}


def _deviations(spread, variance, places, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the standard deviations (K,) and the ends of their intervals (2, K).

    The variance of the fitted values is that of the cells plus a part from errors; their sum has a
    chi² distribution with N - 1 degrees of freedom if all errors are alike. In general that part is
    the one with which such a sum has the error that the information says.
    """
    from scipy.stats import chi2

    square, diagonal = np.diag(spread), [places[i, i] for i in range(len(spread))]
    error = np.sqrt(np.diag(variance)[diagonal])
    part = np.maximum(error * np.sqrt((count - 1) / 2) - square, 0.0)
    ends = (count - 1) / chi2.ppf([[0.5 + LEVEL / 2], [0.5 - LEVEL / 2]], count - 1)
    deviations = np.sqrt(np.maximum((square + part) * ends - part, 0.0))
    return np.where(square > _NONE**2, np.sqrt(square), 0.0), deviations


def _correlations(spread, variance, places, reach, varies) -> tuple[np.ndarray, ...]:
    """Return the correlations of a spread and the ends of their intervals, (K, K) each.

    Intervals are symmetric on the scale of artanh (Fisher's z).
    """
    square = np.where(varies, np.diag(spread), np.nan)
    correlation = np.clip(spread / np.sqrt(np.outer(square, square)), -1.0, 1.0)
    np.fill_diagonal(correlation, np.where(varies, 1.0, np.nan))
    low, high = correlation.copy(), correlation.copy()
    for (i, j), k in places.items():
        if i == j or not (varies[i] and varies[j]):
            continue
        r, rows = correlation[i, j], [k, places[i, i], places[j, j]]
        slope = np.array([1 / np.sqrt(square[i] * square[j]), -r / (2 * square[i]),
                          -r / (2 * square[j])])  # fmt: skip
        error = np.sqrt(max(slope @ variance[np.ix_(rows, rows)] @ slope, 0.0))
        z, wide = np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9)), reach * error / max(1 - r * r, 1e-9)
        low[i, j] = low[j, i] = np.tanh(z - wide)
        high[i, j] = high[j, i] = np.tanh(z + wide)
    return correlation, low, high

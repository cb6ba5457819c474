"""Errors of the fits of a sample as its population needs them: not tied to the values, and biased.

The covariance of a fit is computed at the estimate, so that it changes with the error of the
estimate: values that are off to one side count more than those to the other. And the estimates of a
curved model are biased. Both follow from how covariances change with the values over the cells.
"""

from __future__ import annotations

import numpy as np

_STEP = 1e-3  # for derivatives by values whose standard deviation is about 1


def expected_errors(
    values: np.ndarray, covariance: np.ndarray, noise: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariances of fits without what depends on the values, and the fits' bias.

    Parameters
    ----------
    values : (N, K) float64
        Estimates, in units in which their standard deviations are about 1.
    covariance : (N, K, K) float64
        Of their errors; positive definite.
    noise : (N,) float64, optional
        Standard deviation of the noise that each was fitted to. Without it, the values are no fits
        of a curve, and have no bias.

    Returns
    -------
    (N, K, K) float64
        Covariances whose logarithms do not depend on the values, as far as a linear regression
        over the cells tells; their mean is that of the given ones.
    (K,) float64
        The mean error of the estimates.

    Notes
    -----
    Logarithms of matrices can be added and subtracted freely, and their exponentials are
    covariances again (log-Euclidean metric, Arsigny et al. 2006). The bias is that of Box (1971):
    -1/2 C_kl C_mn P_lmn, summed over l, m, n, with the covariance C and the sums P_lmn of products
    of first derivatives f_l of the curve and second ones f_mn, over the variance of the noise. The
    sums follow from G = 1/C, whose entries are the sums of f_l f_m: P_lmn is half of
    d_m G_ln + d_n G_lm - d_l G_mn. Derivatives of G are those of the regression, in which the noise
    of the cells, which is no part of the curve, is divided out.
    """
    away, logs = values - values.mean(axis=0), _logarithm(covariance)
    even = _exponential(logs - np.einsum("nk,kij->nij", away, _slopes(away, logs)))
    turn = _power(covariance.mean(axis=0), 0.5) @ _power(even.mean(axis=0), -0.5)
    even = turn @ even @ turn.T
    if noise is None:
        return even, np.zeros(values.shape[1])
    level, noise = np.sqrt(np.mean(noise**2)), np.asarray(noise)
    logs = logs - 2 * np.log(noise / level)[:, None, None] * np.eye(values.shape[1])
    slopes, middle = _slopes(away, logs) * _STEP, logs.mean(axis=0)
    change = (_exponential(-middle - slopes) - _exponential(-middle + slopes)) / (2 * _STEP)
    products = (change.transpose(1, 0, 2) + change.transpose(1, 2, 0) - change) / 2
    typical = _exponential(middle)
    return even, -np.einsum("kl,mn,lmn->k", typical, typical, products) / 2


def _slopes(away: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return how matrices (N, K, K) change with values (N, K) around their means, (K, K, K)."""
    count, size = away.shape
    flat = (logs - logs.mean(axis=0)).reshape(count, -1)
    return np.linalg.lstsq(away, flat, rcond=1e-9)[0].reshape(size, size, size)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def _logarithm(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrices)
    values = np.maximum(values, 1e-14 * values[..., -1:])
    return (vectors * np.log(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def _exponential(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.exp(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)

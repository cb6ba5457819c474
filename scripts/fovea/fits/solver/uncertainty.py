"""Standard errors, intervals and correlations of fitted parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.95  # of the intervals
_AT_BOUND = 1e-6  # of the size of the bound, or of the range where that is smaller
_SINGULAR = 1e-12


@dataclass
class Uncertainty:
    """Uncertainties from the curvature of the cost at its minimum."""

    #: Standard errors, (N, K) float64; NaN for parameters at a bound and where none is defined.
    error: np.ndarray
    #: Of the estimates, (N, K, K) float64; NaN where one of the two has no standard error.
    correlation: np.ndarray
    #: (N, K) bool, False where another value, with suitable values of the other parameters, fits
    #: equally well.
    determined: np.ndarray


def at_bounds(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return -1 for parameters at their lower bound, 1 at the upper, else 0; (N, K) int8."""

    def near(bound):
        size = np.minimum(np.abs(bound), high - low)
        return np.abs(values - bound) <= _AT_BOUND * size

    return np.where(near(low), -1, np.where(near(high), 1, 0)).astype(np.int8)


def uncertainty(
    gram: np.ndarray, points: np.ndarray, bound: np.ndarray, seen: np.ndarray | None = None
) -> Uncertainty:
    """Return standard errors and correlations from the derivatives at the minimum.

    The covariance is s² (J Jᵀ)⁻¹ over the parameters that are not at a bound, with the residual
    variance s² = cost / (points - parameters), as in linear regression. `gram` is that of
    `Solution`, `points` (N,) the number of values of each trace, `bound` (N, K) from `at_bounds`.
    `seen` (N, K) bool says which parameters the values can tell anything of; without it all.
    """
    size = bound.shape[1]
    matrix = gram[:, :-1, :-1]
    length = np.sqrt(np.einsum("nii->ni", matrix))
    acts = length > 0 if seen is None else (length > 0) & seen
    free = (bound == 0) & acts
    scale = np.where(free, 1 / np.where(acts, length, 1.0), 0.0)
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    scaled += np.eye(size) * (~free)[:, None, :]
    values, vectors = np.linalg.eigh(scaled)
    small = values <= _SINGULAR * values[:, -1:]
    inverse = (vectors / np.where(small, np.inf, values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    # a parameter with a component along a direction of no curvature is not determined
    loose = np.sum(np.where(small[:, None, :], vectors**2, 0.0), axis=2) > 1e-6
    determined = acts & ~loose
    degrees = points - size
    variance = np.where(degrees > 0, gram[:, -1, -1] / np.maximum(degrees, 1), np.nan)
    diagonal = np.einsum("nii->ni", inverse)
    known = free & determined & (degrees > 0)[:, None]
    error = np.where(known, np.sqrt(np.abs(diagonal) * variance[:, None]) * scale, np.nan)
    root = np.sqrt(np.where(known, np.abs(diagonal), np.nan))
    correlation = inverse / root[:, :, None] / root[:, None, :]
    return Uncertainty(error, correlation, determined | (bound != 0))


def t_quantile(degrees: np.ndarray) -> np.ndarray:
    """Return the half width of an interval in standard errors; NaN without degrees of freedom."""
    from scipy.special import stdtrit

    degrees = np.asarray(degrees, float)
    enough = degrees > 0
    return np.where(enough, stdtrit(np.where(enough, degrees, 1.0), 0.5 + LEVEL / 2), np.nan)

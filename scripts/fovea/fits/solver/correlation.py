"""Correlation of the noise of neighbouring values, estimated from all cells of a sample together.

The noise of a cell is its own standard deviation (times the weights) times a process that is the
same for all cells: a share of its variance decays over a time, the rest is independent from value
to value. Without the rest this is AR(1) noise, at irregular times too. One cell's residuals
underestimate the correlation, since the fit follows the noise; the restricted likelihood
(Patterson and Thompson 1971) of many cells does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fovea.fits.solver.levenberg_marquardt import Batch, Job, Problem, Solution, weighted_rows
from fovea.fits.solver.uncertainty import Uncertainty, at_bounds
from fovea.kernels.whitening import correlate, whiten, whitening_filter

#: As many cells, evenly chosen, determine the correlation well; a part of them where to start.
CELLS, FIRST = 256, 48
#: Cells from which on it can be told what their residuals have in common.
FEWEST = 10
#: Correlations over the usual time between values, and shares, from which the search starts.
_STARTS = [(r, share) for r in (0.3, 0.6, 0.8, 0.92, 0.98) for share in (1.0, 0.6, 0.25)]
_HIGHEST = 0.999
#: Noise counts as correlated where twice the logarithm of the likelihood grows by more: the 95 %
#: quantile of chi² with two degrees of freedom.
_NOTABLE = 5.99


@dataclass(frozen=True)
class Correlation:
    """Correlation of noise: `share` exp(-d / `time`) over a time d > 0, in the model's unit."""

    time: float
    share: float

    def over(self, step: float) -> float:
        """Return the correlation over a time."""
        return float(self.share * np.exp(-step / self.time))


def usual_step(jobs: Sequence[Job]) -> float:
    """Return the median time between neighbouring values of all cells; NaN without any."""
    steps = []
    for job in jobs:
        batch = job.problem.batch
        both = (batch.weight[:, 1:] > 0) & (batch.weight[:, :-1] > 0)
        steps.append(np.diff(batch.time, axis=1)[both])
    steps = np.concatenate(steps)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else np.nan


class Series:
    """Times and gaps of N traces, of which many are alike."""

    def __init__(self, batch: Batch):
        there = batch.weight > 0
        known = np.concatenate([np.where(there, batch.time, 0.0), there], axis=1)
        index = np.zeros(len(known), np.int64)
        first = np.zeros(min(len(known), 1), np.int64)
        if (known != known[:1]).any():
            _, first, index = np.unique(known, axis=0, return_index=True, return_inverse=True)
        self.index = index.ravel().astype(np.int64)
        self.time, self.there = batch.time[first], there[first]

    def filters(self, noise: Correlation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the filters of the U different series, see `whitening_filter`."""
        return whitening_filter(self.time, self.there, noise.time, noise.share)

    def whitened(self, rows: np.ndarray, noise: Correlation) -> tuple[np.ndarray, np.ndarray]:
        """Return rows (N, R, T) that are independent of each other, and (N,) float64.

        The latter are the logarithms of the determinants of the correlation matrices.
        """
        rows, filters = rows.copy(), self.filters(noise)
        whiten(rows, self.index, *filters)
        used = np.where(filters[2] > 0, filters[2], 1.0)
        return rows, -2 * np.log(used).sum(axis=1)[self.index]

    def correlated(self, rows: np.ndarray, noise: Correlation) -> np.ndarray:
        """Return rows (N, R, T) times the correlation matrices."""
        decays, result = self.filters(noise)[0], np.empty_like(rows)
        correlate(rows, self.index, decays, self.there, noise.share, result)
        return result


def estimate_correlation(jobs: Sequence[Job], found: Sequence[Solution]) -> Correlation | None:
    """Estimate the correlation of the noise from solutions of all cells; None if there is none.

    The model is taken to be linear around the solutions, so that they need not be precise.
    """
    from scipy.optimize import minimize

    step, parts = usual_step(jobs), _chosen(jobs, found, CELLS)
    if not parts or not np.isfinite(step):
        return None

    def deviance(point: Sequence[float], parts: list[Linearised] = parts) -> float:
        share = float(np.clip(point[1], 0.0, 1.0))
        decay = -step / np.log(np.clip(point[0], 1e-6, _HIGHEST))
        return sum(part.deviance(Correlation(decay, share)) for part in parts)

    independent = sum(part.deviance(None) for part in parts)
    few = _chosen(jobs, found, FIRST)
    start = min(_STARTS, key=lambda point: deviance(point, few))
    result = minimize(deviance, start, method="Nelder-Mead", bounds=[(1e-3, _HIGHEST), (0.0, 1.0)],
                      options={"xatol": 1e-3, "fatol": 1e-2, "maxfev": 60})  # fmt: skip
    if independent - result.fun < _NOTABLE:
        return None
    return Correlation(float(-step / np.log(result.x[0])), float(result.x[1]))


class Linearised:
    """Cells of a chunk, with the derivatives at their solutions."""

    def __init__(self, problem: Problem, values: np.ndarray):
        self.series = Series(problem.batch)
        bound = at_bounds(values[:, problem.columns], problem.low, problem.high)
        #: Weighted derivatives and, last, residuals, 0 for parameters at a bound; (N, K + 1, T).
        self.rows = weighted_rows(problem.model, problem.fitted, problem.batch, values)
        self.rows[:, :-1][bound != 0] = 0.0
        self.fixed = (np.abs(self.rows[:, :-1]).max(axis=2, initial=0.0) == 0).astype(float)
        #: (N,), values less parameters.
        self.degrees = problem.batch.points - (1 - self.fixed).sum(axis=1)

    def normal(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return derivatives divided by their lengths, the inverse of their products, lengths.

        They are (N, K, T), (N, K, K) and (N, K); the length is 1 where there is none.
        """
        slopes = self.rows[:, :-1]
        length = np.linalg.norm(slopes, axis=2)
        length = np.where(length > 0, length, 1.0)
        slopes = slopes / length[:, :, None]
        products = slopes @ slopes.transpose(0, 2, 1)
        return slopes, np.linalg.pinv(products, rcond=1e-12, hermitian=True), length

    def costs(self, noise: Correlation | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the least sums of squares for a noise, and its part of the likelihood; (N,) each.

        The latter is the logarithm of the determinants of the noise's correlation and of the
        curvature of the cost.
        """
        rows, logs = self.rows, 0.0
        if noise is not None:
            rows, logs = self.series.whitened(rows, noise)
        gram = rows @ rows.transpose(0, 2, 1)
        matrix = gram[:, :-1, :-1]
        size = np.sqrt(np.einsum("nii->ni", matrix)) + self.fixed
        scaled = matrix / size[:, :, None] / size[:, None, :]
        np.einsum("nii->ni", scaled)[...] += self.fixed + 1e-12
        slope = gram[:, :-1, -1] / size
        gain = np.einsum("ni,ni->n", slope, np.linalg.solve(scaled, slope[..., None])[..., 0])
        least = np.finfo(float).tiny
        cost = np.maximum(gram[:, -1, -1] - gain, 1e-12 * gram[:, -1, -1] + least)
        return cost, logs + np.linalg.slogdet(scaled)[1] + 2 * np.log(size).sum(axis=1)

    def deviance(self, noise: Correlation | None) -> float:
        """Return twice the negative logarithm of the restricted likelihood, up to a constant."""
        cost, volume = self.costs(noise)
        return float(np.sum(self.degrees * np.log(cost) + volume))


def common_share(jobs: Sequence[Job], found: Sequence[Solution]) -> float:
    """Return the part of the residuals' variance that is common to all cells at the same time.

    It is the mean product of the residuals of two cells in a frame, each divided by the cell's root
    mean square: 0 for noise of the cells, correlated or not, up to chance, and 1 where all cells
    depart from the model in the same way. Lack of fit that differs between cells is not in it. NaN
    with fewer than `FEWEST` cells.
    """
    rows = [part.rows[:, -1] for part in _chosen(jobs, found, CELLS)]
    count = sum(map(len, rows))
    if count < FEWEST:
        return np.nan
    rows = np.concatenate(rows)
    there = (rows != 0).sum(axis=1, keepdims=True)
    rows = rows / np.sqrt(np.sum(rows**2, axis=1, keepdims=True) / there)
    cells = (rows != 0).sum(axis=0)
    squares = np.sum(rows**2, axis=0)
    pairs = np.maximum(cells * (cells - 1), 1)
    share = (rows.sum(axis=0) ** 2 - squares) / pairs
    return float(np.average(share, weights=cells))


def _chosen(jobs: Sequence[Job], found: Sequence[Solution], count: int) -> list[Linearised]:
    """Return at most `count` cells with a solution and values to spare, evenly chosen."""
    usable = [np.flatnonzero((s.cost > 0) & np.isfinite(s.gram).all(axis=(1, 2))) for s in found]
    total = sum(map(len, usable))
    taken = np.zeros(total, bool)
    taken[np.linspace(0, total - 1, min(total, count)).astype(int)] = True
    parts, start = [], 0
    for job, solution, rows in zip(jobs, found, usable, strict=True):
        rows, start = rows[taken[start : start + len(rows)]], start + len(rows)
        if len(rows):
            parts.append(Linearised(job.fittable().take(rows), solution.values[rows]))
    return parts


def corrected(
    known: Uncertainty, linear: Linearised, noise: Correlation
) -> tuple[Uncertainty, np.ndarray]:
    """Return uncertainties of a least-squares fit whose noise is correlated.

    The covariance is s² C J R Jᵀ C with C = (J Jᵀ)⁻¹ and the correlation R of the noise; s² is the
    variance that R gives to the values, from the least sum of whitened squares. `known` is that
    of independent noise.

    Returns
    -------
    Uncertainty
    (N, K) float64
        By what the variance of each parameter is larger than that of independent noise.
    """
    cost = linear.costs(noise)[0]
    enough = linear.degrees > 0
    variance = np.where(enough, cost / np.maximum(linear.degrees, 1), np.nan)
    slopes, inverse, size = linear.normal()
    middle = linear.series.correlated(slopes, noise) @ slopes.transpose(0, 2, 1)
    covariance = inverse @ middle @ inverse * variance[:, None, None]
    diagonal = np.maximum(np.einsum("nii->ni", covariance), 0.0)
    error = np.where(np.isfinite(known.error), np.sqrt(diagonal) / size, np.nan)
    root = error * size
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / root[:, :, None] / root[:, None, :]
        factor = (error / known.error) ** 2
    return Uncertainty(error, correlation, known.determined), factor

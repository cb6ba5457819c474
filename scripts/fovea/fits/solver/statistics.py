"""Results of fits: estimates with uncertainties, goodness of fit, information criterion."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fovea.fits.settings import Settings
from fovea.fits.solver.branches import settle
from fovea.fits.solver.correlation import Correlation, Linearised, corrected
from fovea.fits.solver.levenberg_marquardt import Batch, Job, Problem, Solution, time_span
from fovea.fits.solver.profile import onset_intervals
from fovea.fits.solver.uncertainty import at_bounds, t_quantile, uncertainty

CORRELATED = 0.99  # correlation from which two parameters are reported as hardly separable


@dataclass(frozen=True)
class Noise:
    """The noise of a sample, as far as fits take account of it."""

    #: Constant, poisson and relative part of the noise of a value, if values do not count alike.
    level: tuple[float, float, float] | None = None
    #: Correlation of the noise of neighbouring values; None where they are independent.
    correlation: Correlation | None = None
    #: Part of the residuals' variance that all cells have in common, see `common_share`.
    common: float = np.nan
    #: Distance of the knots of smooth curves, in the model's unit of time, where there are any.
    knots: float = np.nan


@dataclass
class Fits:
    """Fits of N traces; K fitted parameters of P. Arrays are float64 unless said otherwise."""

    #: (N, P), all parameters, in the model's unit of time; NaN for fitted ones without a fit.
    values: np.ndarray
    #: (N, K), standard errors, NaN where there is none; then both ends of the 95 % intervals.
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    #: (N, K) int8, -1 where a parameter stopped at its lower bound, 1 at its upper bound, else 0.
    bound: np.ndarray
    correlation: np.ndarray  # (N, K, K), of the estimates
    determined: np.ndarray  # (N, K) bool, False where other values fit equally well
    converged: np.ndarray  # (N,) bool
    points: np.ndarray  # (N,) int, number of values
    cost: np.ndarray  # (N,), sum of the weighted squared residuals
    #: (N,), twice the negative logarithm of the likelihood, up to a constant that depends on the
    #: number of points only.
    deviance: np.ndarray
    #: (N,), 1 - (residuals squared) / (deviations from the mean squared), without weights;
    #: negative where the mean fits better, NaN for a constant trace.
    r_squared: np.ndarray
    rmse: np.ndarray  # (N,), root mean square residual, in the trace's unit, without weights
    #: (N,), of neighbouring residuals, and of what the correlation of the sample's noise leaves of
    #: it: errors are too small where that is far above 0.
    autocorrelation: np.ndarray
    remaining: np.ndarray
    #: (N,), times of the first and the last value, in the model's unit.
    first: np.ndarray
    last: np.ndarray
    #: (N, B) int8, for each branch of the model 1 where the fit is on it, -1 where it has another
    #: point with the same curve within the bounds, else 0.
    branch: np.ndarray
    #: What the fit was weighted by.
    noise: Noise = Noise()

    def set_intervals(self, columns: list[int], degrees: np.ndarray) -> None:
        """Set the intervals from the errors; `columns` are the places of the K parameters."""
        reach = t_quantile(degrees)[:, None] * self.error
        self.low, self.high = self.values[:, columns] - reach, self.values[:, columns] + reach


def fits_of(settings: Settings, jobs: list[Job], found: list[Solution], noise: Noise) -> Fits:
    """Return the fits of all traces from the solutions of their chunks, see `solve`."""
    parts = [_fits_of_chunk(settings, job, s, noise) for job, s in zip(jobs, found, strict=True)]
    return joined_fits(parts, noise)


def joined_fits(parts: list[Fits], noise: Noise) -> Fits:
    """Return the fits of several chunks as one."""
    names = [field.name for field in fields(Fits) if field.name != "noise"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Fits(**joined, noise=noise)


def predict(settings: Settings, batch: Batch, values: np.ndarray) -> np.ndarray:
    """Return the model's values (N, T) for parameters (N, P)."""
    columns = [values[:, i, None] for i in range(values.shape[1])]
    return np.broadcast_to(settings.model(batch.time, *columns), batch.time.shape)


def _fits_of_chunk(settings: Settings, job: Job, solution: Solution, noise: Noise) -> Fits:
    rows, problem = np.flatnonzero(job.enough), job.fittable()
    part = problem.batch
    branch = settle(settings, problem, solution)
    fits = empty_fits(settings, job.problem.batch)
    points = fits.points[rows]
    best = solution.values[:, problem.columns]
    bound = at_bounds(best, problem.low, problem.high)
    there = part.weight > 0
    mean = part.value.sum(axis=1) / points
    total = np.sum(np.where(there, part.value - mean[:, None], 0.0) ** 2, axis=1)
    # the deviations of a constant trace from its mean are rounding errors
    varies = total > 1e-24 * np.sum(part.value**2, axis=1)
    # and nothing is seen in it of when and how fast a curve rises
    seen = varies[:, None] | np.isin(np.arange(best.shape[1]), problem.of_kind("linear"))
    known, factor = uncertainty(solution.gram, points, bound, seen), np.ones(best.shape)
    if noise.correlation is not None:
        linear = Linearised(problem, solution.values)
        known, factor = corrected(known, linear, noise.correlation)
    reach = t_quantile(points - best.shape[1])[:, None] * known.error
    lower, upper = best - reach, best + reach
    if not settings.model.smooth:
        _profile(problem, solution, factor, known.error, lower, upper)
    fits.low[rows], fits.high[rows], fits.bound[rows] = lower, upper, bound
    fits.values[rows], fits.error[rows] = solution.values, known.error
    fits.correlation[rows], fits.determined[rows] = known.correlation, known.determined
    fits.branch[rows] = branch
    fits.converged[rows], fits.cost[rows] = solution.converged, solution.cost
    residual = np.where(there, part.value - predict(settings, part, solution.values), 0.0)
    squares = np.sum(residual**2, axis=1)
    fits.r_squared[rows] = np.where(varies, 1 - squares / np.where(varies, total, 1.0), np.nan)
    fits.rmse[rows] = np.sqrt(squares / points)
    logs = np.log(np.where(there, part.weight, 1.0)).sum(axis=1)
    least = np.maximum(solution.cost / points, np.finfo(float).tiny)
    fits.deviance[rows] = points * np.log(least) - 2 * logs
    fits.autocorrelation[rows] = fits.remaining[rows] = _autocorrelation(residual, there)
    if noise.correlation is not None:
        independent = linear.series.whitened(linear.rows[:, -1:], noise.correlation)[0]
        fits.remaining[rows] = _autocorrelation(independent[:, 0], there)
    return fits


def _profile(problem: Problem, solution: Solution, factor, error, lower, upper) -> None:
    """Replace intervals of onsets by those from the profile of the cost, in place."""
    onsets = problem.of_kind("onset")
    if not onsets:
        return
    onset, degrees = onsets[0], problem.batch.points - len(problem.fitted)
    quantile = t_quantile(degrees)
    limit = quantile**2 * factor[:, onset] * solution.cost / np.maximum(degrees, 1)
    half_width = (upper - lower)[:, onset] / 2
    limit = np.where(degrees > 0, limit, 0.0)
    rows, first, last = onset_intervals(problem, onset, solution, half_width, limit)
    lower[rows, onset], upper[rows, onset] = first, last
    error[rows, onset] = (last - first) / (2 * quantile[rows])


def _autocorrelation(residual: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the correlation of neighbouring residuals, (N,)."""
    both = there[:, 1:] & there[:, :-1]
    products = np.where(both, residual[:, 1:] * residual[:, :-1], 0.0).sum(axis=1)
    squares = np.sum(residual**2, axis=1)
    share = there.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    valid = (squares > 0) & both.any(axis=1)
    return np.where(valid, share * products / np.where(valid, squares, 1.0), np.nan)


def empty_fits(settings: Settings, batch: Batch) -> Fits:
    """Return fits that hold fixed parameters, numbers of points and times only; the rest is NaN."""
    there = batch.weight > 0
    count, size = len(there), len(settings.fitted)
    values = np.tile(np.array(settings.values), (count, 1))
    values[:, [settings.model.names.index(name) for name in settings.fitted]] = np.nan
    first, last = time_span(batch.time, there)

    def nothing(*shape):
        return np.full((count, *shape), np.nan)

    return Fits(
        values=values,
        error=nothing(size), low=nothing(size), high=nothing(size),
        bound=np.zeros((count, size), np.int8),
        correlation=nothing(size, size),
        determined=np.ones((count, size), bool),
        converged=np.zeros(count, bool),
        branch=np.zeros((count, len(settings.model.branches)), np.int8),
        points=there.sum(axis=1),
        cost=nothing(), deviance=nothing(), r_squared=nothing(), rmse=nothing(),
        autocorrelation=nothing(), remaining=nothing(),
        first=np.where(np.isfinite(first), first, np.nan),
        last=np.where(np.isfinite(last), last, np.nan),
    )  # fmt: skip


def information(fits: Fits, settings: Settings) -> np.ndarray:
    """Return Akaike's information criterion for small samples (AICc), (N,); smaller is better.

    The variance of the noise counts as a parameter. NaN where there are too few values for it.
    """
    size = len(settings.fitted) + 1
    left = fits.points - size - 1
    enough = left > 0
    small = 2 * size * (size + 1) / np.where(enough, left, 1)
    return np.where(enough, fits.deviance + 2 * size + small, np.nan)

"""Fits of a model to many traces by least squares, weighted by the noise if the config says so."""

from __future__ import annotations

from functools import partial

import numpy as np

from fovea.fits.settings import Settings
from fovea.fits.solver.correlation import (
    Correlation,
    Linearised,
    common_share,
    estimate_correlation,
)
from fovea.fits.solver.curves import smooth
from fovea.fits.solver.levenberg_marquardt import (
    Batch,
    Job,
    Problem,
    Solution,
    time_span,
)
from fovea.fits.solver.noise import estimate_noise, noise_level
from fovea.fits.solver.search import refine, search
from fovea.fits.solver.statistics import Fits, Noise, empty_fits, fits_of, joined_fits, predict
from fovea.jobs.threads import ordered_map

CHUNK = 128  # traces that are fitted together; fixed, so that results do not depend on threads
REWEIGHTINGS = 2
_LEAST_LEFT = 0.01  # of the variance of a value, after the fit has taken its part


def fit_traces(settings: Settings, time: np.ndarray, value: np.ndarray, threads: int = 1) -> Fits:
    """Fit a model to every trace.

    Parameters
    ----------
    settings : Settings
    time, value : (N, T) float64
        Times in the model's unit; values are NaN where there is none.
    threads : int
        The result does not depend on it.

    Returns
    -------
    Fits
        A trace with too few values, or none, has NaN for its parameters.
    """
    if settings.model.measure is not None:
        measured = _measured_of_curves if settings.model.of_curve else _measured
        return measured(settings, time, value, threads)
    jobs, found, level = solve(settings, time, value, threads)
    return fits_of(settings, jobs, found, noise_of(settings, jobs, found, level))


def solve(
    settings: Settings, time: np.ndarray, value: np.ndarray, threads: int = 1
) -> tuple[list[Job], list[Solution], tuple[float, float, float] | None]:
    """Return chunks of traces, with their final weights, their solutions, and `Noise.level`."""
    jobs = _chunks(settings, time, value)
    found = list(ordered_map(partial(_first_fit, settings), jobs, threads))
    level, correlation = settings.noise, None
    for _ in range(0 if level is None else REWEIGHTINGS):
        pairs = list(zip(jobs, found, strict=True))
        if settings.noise == "estimate":
            if settings.correlated:
                correlation = estimate_correlation(jobs, found)
            level = estimate_noise([_fitted_and_residual(*pair, correlation) for pair in pairs])
        again = partial(_weighted_fit, settings, level)
        found = list(ordered_map(lambda pair, again=again: again(*pair), pairs, threads))
    return jobs, found, level


def _chunks(settings: Settings, time: np.ndarray, value: np.ndarray) -> list[Job]:
    chunks = [slice(i, i + CHUNK) for i in range(0, len(time), CHUNK)] or [slice(0, 0)]
    return [_prepare(settings, time[chunk], value[chunk]) for chunk in chunks]


def noise_of(settings: Settings, jobs: list[Job], found: list[Solution], level) -> Noise:
    """Return the noise with which these solutions are to be judged."""
    correlation = estimate_correlation(jobs, found) if settings.correlated else None
    return Noise(level, correlation, common_share(jobs, found))


def _prepare(settings: Settings, time: np.ndarray, value: np.ndarray) -> Job:
    there = np.isfinite(value) & np.isfinite(time)
    begin, end = time_span(time, there)
    if settings.window is not None:
        there &= time <= (begin + settings.window * (1 + 1e-12))[:, None]
        end = time_span(time, there)[1]
    begin, end = (np.where(np.isfinite(x), x, 0.0) for x in (begin, end))
    finite = np.where(np.isfinite(time), time, end[:, None])
    batch = Batch(finite, np.where(there, value, 0.0), there.astype(float))
    width = end - begin if settings.window is None else np.full(len(end), settings.window)
    shape = (len(time), len(settings.fitted))
    low, high = np.empty((2, *shape))
    for i, (lower, upper) in enumerate(zip(settings.low, settings.high, strict=True)):
        low[:, i] = begin - width if lower is None else lower
        high[:, i] = end if upper is None else upper
    high = np.maximum(high, low)
    enough = there.sum(axis=1) > len(settings.fitted)
    return Job(Problem(settings.model, settings.fitted, batch, low, high), enough)


def _first_fit(settings: Settings, job: Job) -> Solution:
    return search(job.fittable(), np.array(settings.values), settings.starts, settings.given)


def _weighted_fit(settings: Settings, noise, job: Job, solution: Solution) -> Solution:
    """Fit again with weights from the values of the previous fit, which the job then holds."""
    problem = job.fittable()
    level = noise_level(predict(settings, problem.batch, solution.values), noise)
    weight = np.where(problem.batch.weight > 0, 1 / level, 0.0)
    job.problem.batch.weight[job.enough] = problem.batch.weight = weight
    return refine(problem, solution.values)


def _fitted_and_residual(job: Job, solution: Solution, correlation: Correlation | None):
    """Return fitted values, and residuals with NaN where there is no value, (n, T) each.

    Of each residual the fit took a part, by which it is enlarged here. With H the projection to the
    derivatives and R the correlation of the noise, the variance that is left is the diagonal of
    (1 - H) R (1 - H).
    """
    problem = job.fittable()
    part, linear = problem.batch, Linearised(problem, solution.values)
    slopes, inverse, _ = linear.normal()
    projected = inverse @ slopes
    if correlation is None:
        left = 1 - np.einsum("nit,nit->nt", projected, slopes)
    else:
        after = linear.series.correlated(slopes, correlation)
        middle = after @ slopes.transpose(0, 2, 1)
        left = 1 - 2 * np.einsum("nit,nit->nt", projected, after)
        left += np.einsum("nit,nit->nt", projected, middle @ projected)
    there = part.weight > 0
    weight, residual = np.where(there, part.weight, 1.0), linear.rows[:, -1]
    grown = np.sqrt(np.maximum(left, _LEAST_LEFT)) * weight
    return part.value + residual / weight, np.where(there, -residual / grown, np.nan)


def _measured(settings: Settings, time: np.ndarray, value: np.ndarray, _: int) -> Fits:
    """Return the results of a measure in the form of fits."""
    job = _prepare(settings, time, value)
    batch, columns = job.problem.batch, job.problem.columns
    fits = empty_fits(settings, batch)
    for row in range(len(batch.time)):
        there = batch.weight[row] > 0
        number, error = settings.model.compute(batch.time[row, there], batch.value[row, there])
        fits.values[row, columns], fits.error[row] = number, error
    fits.converged = np.isfinite(fits.values).all(axis=1)
    fits.set_intervals(columns, fits.points - 2)
    return fits


def _measured_of_curves(
    settings: Settings, time: np.ndarray, value: np.ndarray, threads: int
) -> Fits:
    """Return the results of a measure of smooth curves in the form of fits."""
    jobs = _chunks(settings, time, value)
    batches = [job.problem.batch for job in jobs]
    curves, correlation, knots = smooth(batches, settings.correlated, threads)
    parts = [empty_fits(settings, job.problem.batch) for job in jobs]
    fits, columns = (
        joined_fits(parts, Noise(None, correlation, knots=knots)),
        jobs[0].problem.columns,
    )
    degrees = np.zeros(len(curves))
    for row, curve in enumerate(curves):
        if curve is not None:
            number, error, bound = settings.model.compute(curve)
            fits.values[row, columns], fits.error[row], fits.bound[row] = number, error, bound
            degrees[row] = curve.degrees
    fits.converged = np.isfinite(fits.values).all(axis=1)
    fits.set_intervals(columns, degrees)
    return fits

"""Smooth curves through the traces of a sample, with the covariance of everything linear in them.

A curve is a cubic spline whose knots are the same for all cells of a sample. How many there are,
and how the noise is correlated, follows from all cells together, so that correlated noise is not
taken for the course of a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fovea.fits.models.declarations import Model, Parameter
from fovea.fits.solver.correlation import (
    CELLS,
    Correlation,
    Linearised,
    corrected,
    estimate_correlation,
    usual_step,
)
from fovea.fits.solver.levenberg_marquardt import Batch, Job, Problem, Solution, minimise, time_span
from fovea.fits.solver.uncertainty import uncertainty
from fovea.jobs.threads import ordered_map

_INTERVALS = (1, 2, 4, 8, 16, 32, 64)
_VALUES = 2  # between two knots, at least
_UNBOUNDED = 1e300
_DRAWS = 16


@dataclass
class Curve:
    """The curve of one cell at the n times at which it has values; arrays are float64."""

    time: np.ndarray  # (n,), in the model's unit, ascending, as of the following
    value: np.ndarray
    slope: np.ndarray
    value_rows: np.ndarray  # (n, P), derivatives of `value` by the spline's coefficients
    slope_rows: np.ndarray  # the same of `slope`
    covariance: np.ndarray  # (P, P), of the coefficients
    degrees: int  # values less coefficients

    def error(self, row: np.ndarray) -> float:
        """Return the standard error of a sum of coefficients with weights `row`, (P,)."""
        return float(np.sqrt(max(row @ self.covariance @ row, 0.0)))

    def bias(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return by how much a function of the values (n,) is too large on average.

        The mean over `_DRAWS` pairs of curves that are off by an error to one side and to the other
        is compared with the function of the curve itself (parametric bootstrap, Efron and
        Tibshirani 1993, with antithetic pairs).
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        errors = np.random.default_rng(0).standard_normal((_DRAWS, len(root))) @ root.T
        values = np.concatenate([errors, -errors]) @ self.value_rows.T + self.value
        return np.mean([function(value) for value in values], axis=0) - function(self.value)


@dataclass(frozen=True)
class Spline:
    """Cubic B-splines with knots at even distances from `begin` to `end`."""

    begin: float
    end: float
    intervals: int

    @property
    def names(self) -> list[str]:
        """Names of the coefficients."""
        return [f"c{k}" for k in range(self.intervals + 3)]

    def rows(self, time: np.ndarray, order: int) -> np.ndarray:
        """Return the basis, or a derivative by time, at times (n,): (n, P) float64."""
        from scipy.interpolate import BSpline

        knots = np.linspace(self.begin, self.end, self.intervals + 1)
        knots = np.concatenate([[self.begin] * 3, knots, [self.end] * 3])
        basis = BSpline(knots, np.eye(self.intervals + 3), 3)
        return (basis.derivative(order) if order else basis)(np.clip(time, self.begin, self.end))

    def derivatives(self, wanted, time, *values):
        """Return the curve and the wanted derivatives, see `fovea.fits.models.formulas`."""
        flat, place = np.unique(time, return_inverse=True)
        rows = self.rows(flat, 0)[place.reshape(time.shape)]
        names = self.names
        return (sum(rows[..., k] * value for k, value in enumerate(values)),
                [rows[..., names.index(name)] for name in wanted])  # fmt: skip

    def job(self, batch: Batch) -> Job:
        """Return the problem of finding the coefficients of traces."""
        parameters = tuple(Parameter(n, n, "{y}", 0.0, None, None, kind="linear")
                           for n in self.names)  # fmt: skip
        model = Model("smooth", "Smooth curve", "h", parameters, derivatives=self.derivatives)
        bounds = np.full((len(batch.time), len(parameters)), _UNBOUNDED)
        return Job(Problem(model, self.names, batch, -bounds, bounds),
                   batch.points > self.supported(batch) + 1)  # fmt: skip

    def supported(self, batch: Batch) -> np.ndarray:
        """Return how many coefficients have to do with any value, (N,)."""
        _, derivatives = self.derivatives(self.names, batch.time, *[np.zeros(1)] * len(self.names))
        return sum(((d > 0) & (batch.weight > 0)).any(axis=1).astype(int) for d in derivatives)


def smooth(
    batches: Sequence[Batch], correlated: bool = True, threads: int = 1
) -> tuple[list[Curve | None], Correlation | None, float]:
    """Return a curve for each trace, in order, the correlation of the noise, and a time.

    The latter is the distance of knots: what happens in a shorter time is blurred.

    `batches` have the same number of times. The result does not depend on the number of threads.
    There is no curve through traces with too few values, and none where they do not determine it.
    """
    whole = Batch(*(np.concatenate([getattr(batch, name) for batch in batches])
                    for name in ("time", "value", "weight")))  # fmt: skip
    firsts, lasts = time_span(whole.time, whole.weight > 0)
    known = np.isfinite(firsts)
    if not known.any() or lasts[known].max() <= firsts[known].min():
        return [None] * len(firsts), None, np.nan
    begin, end = float(firsts[known].min()), float(lasts[known].max())
    spline = Spline(begin, end, _best(whole, begin, end, correlated))
    jobs = [spline.job(batch) for batch in batches]
    found = list(ordered_map(_solved, jobs, threads))
    noise = estimate_correlation(jobs, found) if correlated else None
    parts = ordered_map(partial(_curves, spline, noise), zip(jobs, found, strict=True), threads)
    step = (end - begin) / spline.intervals
    return [curve for part in parts for curve in part], noise, step


def _solved(job: Job) -> Solution:
    problem = job.fittable()
    return minimise(problem, np.zeros((len(problem.low), len(problem.fitted))))


def _best(whole: Batch, begin: float, end: float, correlated: bool) -> int:
    """Return the number of intervals with the least AICc, with the noise that belongs to each."""
    rows = np.flatnonzero(whole.points > _VALUES)
    whole = whole.take(rows[np.linspace(0, len(rows) - 1, min(len(rows), CELLS)).astype(int)])
    step = usual_step([Spline(begin, end, 1).job(whole)]) if len(rows) else np.nan
    most = (end - begin) / step / _VALUES if np.isfinite(step) else 0
    splines = [Spline(begin, end, n) for n in _INTERVALS if n <= most] or [Spline(begin, end, 1)]
    enough = splines[-1].job(whole).enough
    whole = whole.take(np.flatnonzero(enough))
    if not enough.any():
        return 1
    return min(splines, key=lambda spline: _information(spline, whole, correlated)).intervals


def _information(spline: Spline, batch: Batch, correlated: bool) -> tuple[bool, float]:
    """Return Akaike's information criterion for small samples of all traces.

    Before it stands whether noise would be correlated for longer than knots are apart: it could not
    be told from the course of a cell then, and other knots come first.
    """
    job = spline.job(batch)
    found = _solved(job)
    noise = estimate_correlation([job], [found]) if correlated else None
    linear = Linearised(job.fittable(), found.values)
    cost = linear.costs(noise)[0]
    logs = 0.0 if noise is None else linear.series.whitened(linear.rows[:, -1:], noise)[1]
    points = batch.points
    size = spline.supported(batch) + 1
    small = 2 * size * points / np.maximum(points - size - 1, 1)
    slow = noise is not None and noise.time > (spline.end - spline.begin) / spline.intervals
    least = np.maximum(cost, np.finfo(float).tiny)
    return slow, float(np.sum(points * np.log(least / points) + small) + np.sum(logs))


def _curves(spline: Spline, noise: Correlation | None, pair) -> list[Curve | None]:
    """Return the curves of a chunk."""
    job, solution = pair
    problem, curves = job.fittable(), [None] * len(job.enough)
    batch = problem.batch
    nowhere = np.zeros(solution.values.shape, np.int8)
    without = len(spline.names) - spline.supported(batch)  # coefficients that are none of the fit
    known = uncertainty(solution.gram, batch.points + without, nowhere)
    linear = Linearised(problem, solution.values)
    if noise is not None:
        known, _ = corrected(known, linear, noise)
    acts = linear.fixed == 0
    loose = (acts & ~np.isfinite(known.error)).any(axis=1)
    errors = np.where(acts, known.error, 0.0)
    covariance = np.where(np.isfinite(known.correlation), known.correlation, 0.0)
    covariance = covariance * errors[:, :, None] * errors[:, None, :]
    for row, place in enumerate(np.flatnonzero(job.enough)):
        if loose[row]:
            continue
        time = batch.time[row, batch.weight[row] > 0]
        values, slopes = spline.rows(time, 0), spline.rows(time, 1)
        best = solution.values[row]
        curves[place] = Curve(time, values @ best, slopes @ best, values, slopes, covariance[row],
                              int(linear.degrees[row]))  # fmt: skip
    return curves

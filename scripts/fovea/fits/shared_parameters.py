"""Parameters that all cells of a sample share, estimated jointly by maximum likelihood.

The other parameters and the noise are each cell's own. The shared parameters maximise the product
of the cells' likelihoods, which is to minimise the sum over the cells of n log C: n is the number
of a cell's values and C its residual sum of squares, minimal with respect to its own parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fovea.fits.settings import Settings
from fovea.fits.solver.correlation import Correlation, Linearised
from fovea.fits.solver.least_squares import noise_of, solve
from fovea.fits.solver.levenberg_marquardt import (
    Problem,
    Solution,
    gram_of,
    minimise,
    weighted_rows,
)
from fovea.fits.solver.statistics import Fits, fits_of
from fovea.fits.solver.uncertainty import at_bounds, t_quantile
from fovea.jobs.threads import ordered_map

ROUNDS = 60
TOLERANCE = 1e-9  # of the logarithm of the likelihood


@dataclass
class Shared:
    """S shared parameters of a sample of N cells."""

    #: Estimates, standard errors and ends of the 95 % intervals, (S,) float64.
    values: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    #: -1 or 1 where an estimate stopped at its lower or upper bound, (S,) int8.
    bound: np.ndarray
    #: The cells that entered the estimate, (N,) bool: those whose own fit converged.
    used: np.ndarray
    #: Twice the negative logarithm of their likelihood, up to a constant; then the same with the
    #: shared parameters at the values of the config.
    deviance: float
    before: float
    converged: bool
    #: All cells with the shared parameters fixed at the estimates, and the settings of these fits;
    #: the standard errors include the uncertainty of the shared parameters.
    settings: Settings
    fits: Fits


def fit_shared(
    settings: Settings, names: list[str], time: np.ndarray, value: np.ndarray, threads: int = 1
) -> Shared:
    """Estimate the shared parameters `names`; `time` and `value` are as of `fit_traces`.

    They may be fixed or fitted in `settings`; the estimate starts from their values there.
    """
    model = settings.model
    keep = [i for i, name in enumerate(settings.fitted) if name not in names]
    own = replace(settings, **{part: tuple(getattr(settings, part)[i] for i in keep)
                               for part in ("fitted", "low", "high")})  # fmt: skip
    limits = {p.name: (p.low, p.high) for p in model.parameters}
    limits |= zip(settings.fitted, zip(settings.low, settings.high, strict=True), strict=True)
    low, high = (np.array([limits[name][side] for name in names], float) for side in (0, 1))
    jobs, found, level = solve(own, time, value, threads)
    cells = _Cells(own, names, jobs, found, threads)
    estimate = np.clip([settings.value(name) for name in names], low, high)
    state = cells.at(estimate)
    before, converged = state.deviance, False
    for _ in range(ROUNDS if cells.count else 0):
        # a Newton step of the parameters that do not press against a bound
        slope = state.gradient
        stuck = ((estimate <= low) & (slope > 0)) | ((estimate >= high) & (slope < 0))
        step = np.clip(estimate - _covariance(state.curvature, ~stuck) @ slope, low, high)
        step = step - estimate
        expected = -(slope @ step) - step @ state.curvature @ step / 2
        if expected < TOLERANCE:
            converged = True
            break
        for _ in range(30):
            new = np.clip(estimate + step, low, high)
            trial = cells.at(new, state)
            if trial.deviance < state.deviance:
                break
            step = step / 2
        else:
            converged = True
            break
        estimate, state = new, trial
    bound = at_bounds(estimate[None], low[None], high[None])[0]
    noise = noise_of(own, jobs, state.solutions, level)
    covariance = _covariance(state.information, bound == 0)
    if noise.correlation is not None:
        covariance = covariance @ cells.scatter(state, noise.correlation) @ covariance
    known = (bound == 0) & (np.diag(covariance) > 0)
    error = np.sqrt(np.where(known, np.diag(covariance), np.nan))
    reach = float(t_quantile(cells.degrees)) * error
    values = dict(zip(names, estimate, strict=True))
    final = replace(own, values=tuple(values.get(n, own.value(n)) for n in model.names))
    fits = cells.fits(final, state, covariance, noise)
    return Shared(
        estimate, error, estimate - reach, estimate + reach, bound, cells.used_all,
        state.deviance, before, converged, final, fits,
    )  # fmt: skip


@dataclass
class _State:
    """The cells at given shared parameters."""

    solutions: list
    deviance: float
    gradient: np.ndarray
    curvature: np.ndarray
    information: np.ndarray


class _Cells:
    """The cells of a sample, fitted by their own parameters for any values of the shared ones."""

    def __init__(self, own: Settings, names: list[str], jobs, found, threads: int):
        self.own, self.names, self.jobs, self.threads = own, names, jobs, threads
        self.first = found
        self.columns = [own.model.names.index(name) for name in names]
        self.used, used_all = [], []
        for job, solution in zip(jobs, found, strict=True):
            good = solution.converged & (solution.cost > 0)
            self.used.append(good)
            every = np.zeros(len(job.enough), bool)
            every[job.enough] = good
            used_all.append(every)
        self.used_all = np.concatenate(used_all)
        self.count = int(self.used_all.sum())
        points = [job.fittable().batch.points for job in jobs]
        total = sum(int(p[u].sum()) for p, u in zip(points, self.used, strict=True))
        self.degrees = total - self.count * len(own.fitted) - len(names)

    def at(self, shared: np.ndarray, near: _State | None = None) -> _State:
        """Minimise every cell over its own parameters."""
        starts = self.first if near is None else near.solutions
        work = zip(self.jobs, starts, self.used, strict=True)
        parts = list(ordered_map(lambda item: self._chunk(shared, *item), work, self.threads))
        solutions = [part[0] for part in parts]
        return _State(solutions, *(sum(column) for column in list(zip(*parts, strict=True))[1:]))

    def _chunk(self, shared: np.ndarray, job, start, used: np.ndarray):
        problem, size = job.fittable(), len(self.own.fitted)
        values = start.values.copy()
        values[:, self.columns] = shared
        solution = minimise(problem, values)
        gram, inverse = self._gram_and_inverse(problem, solution)
        # the Schur complement of the shared parameters, and their gradient
        mixed = gram[:, :size, size:-1]
        follow = mixed.transpose(0, 2, 1) @ inverse
        schur = (gram[:, size:-1, size:-1] - follow @ mixed)[used]
        slope = gram[:, size:-1, -1] - np.einsum("nsk,nk->ns", follow, gram[:, :size, -1])
        n = problem.batch.points[used]
        cost = np.maximum(solution.cost[used], np.finfo(float).tiny)
        weight = problem.batch.weight[used]
        logs = np.log(np.where(weight > 0, weight, 1))
        deviance = float(np.sum(n * np.log(cost / n)) - 2 * logs.sum())
        part = n / cost
        gradient = 2 * np.einsum("n,ni->i", part, slope[used])
        curvature = 2 * np.einsum("n,nij->ij", part, schur)
        variance = cost / np.maximum(n - size, 1)
        information = np.einsum("n,nij->ij", 1 / variance, schur)
        return solution, deviance, gradient, curvature, information

    def scatter(self, state: _State, noise: Correlation) -> np.ndarray:
        """Return the covariance of the gradient of the shared parameters if noise is correlated.

        For independent noise it is the information.
        """
        names, size = [*self.own.fitted, *self.names], len(self.own.fitted)
        total = np.zeros((len(self.names), len(self.names)))
        for job, solution, used in zip(self.jobs, state.solutions, self.used, strict=True):
            problem = job.fittable()
            rows = weighted_rows(self.own.model, names, problem.batch, solution.values)
            gram, inverse = self._gram_and_inverse(problem, solution)
            follow = gram[:, :size, size:-1].transpose(0, 2, 1) @ inverse
            alone = rows[:, size:-1] - follow @ rows[:, :size]
            linear = Linearised(problem, solution.values)
            variance = linear.costs(noise)[0] / np.maximum(linear.degrees, 1)
            usual = solution.cost / np.maximum(problem.batch.points - size, 1)
            spread = linear.series.correlated(alone, noise) @ alone.transpose(0, 2, 1)
            weight = np.where(used, variance / np.where(used, usual, 1.0) ** 2, 0.0)
            total += np.einsum("n,nij->ij", weight, spread)
        return total

    def _gram_and_inverse(self, problem: Problem, solution: Solution):
        """Return the gram matrices of the cells' own and, after them, the shared parameters.

        With them the inverses over the own parameters that are not at a bound; other rows are 0.
        """
        names, size = [*self.own.fitted, *self.names], len(self.own.fitted)
        gram = gram_of(self.own.model, names, problem.batch, solution.values)
        matrix, values = gram[:, :size, :size], solution.values[:, problem.columns]
        free = (at_bounds(values, problem.low, problem.high) == 0).astype(float)
        length = np.sqrt(np.einsum("nii->ni", matrix))
        scale = np.where(length > 0, free / np.where(length > 0, length, 1.0), 0.0)
        scaled = matrix * scale[:, :, None] * scale[:, None, :]
        inverse = np.linalg.pinv(scaled, rcond=1e-12, hermitian=True)
        return gram, inverse * (scale[:, :, None] * scale[:, None, :])

    def fits(self, final: Settings, state: _State, covariance, noise) -> Fits:
        """Return the fits of all cells, with errors that include those of shared parameters."""
        fits, size = fits_of(final, self.jobs, state.solutions, noise), len(self.own.fitted)
        start = 0
        for job, solution in zip(self.jobs, state.solutions, strict=True):
            rows = start + np.flatnonzero(job.enough)
            start += len(job.enough)
            gram, inverse = self._gram_and_inverse(job.fittable(), solution)
            # the derivatives of the cells' own parameters by the shared ones, (n, K, S)
            moves = -inverse @ gram[:, :size, size:-1]
            extra = np.einsum("nks,st,nkt->nk", moves, covariance, moves)
            fits.error[rows] = np.sqrt(fits.error[rows] ** 2 + extra)
        columns = self.jobs[0].problem.columns
        fits.set_intervals(columns, fits.points - len(columns))
        return fits


def _covariance(matrix: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Invert over the free parameters; NaN on the diagonal where one is not determined."""
    part = np.zeros_like(matrix)
    rows = np.flatnonzero(free & (np.diag(matrix) > 0))
    if len(rows):
        scale = 1 / np.sqrt(np.diag(matrix)[rows])
        scaled = matrix[np.ix_(rows, rows)] * np.outer(scale, scale)
        inverse = np.linalg.pinv(scaled, rcond=1e-12, hermitian=True)
        part[np.ix_(rows, rows)] = inverse * np.outer(scale, scale)
    return part

"""Bounded least squares for many traces at once: Levenberg-Marquardt steps on whole batches.

All arrays have the traces along their first axis. One step is a few numpy calls for all traces;
those that have converged drop out, and no trace influences another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fovea.fits.models.declarations import Model

FIRST_DAMPING = 1e-3
LARGEST_DAMPING = 1e12
#: Traces that take more steps than this are taken to lie in a narrow, curved valley.
SLOW = 20


@dataclass
class Batch:
    """Traces on common times, with gaps where a weight is 0; arrays are (N, T) float64."""

    time: np.ndarray  # in the model's unit; finite also where there is no value
    value: np.ndarray  # 0 where there is no value
    #: Square roots of the weights of the squared residuals; 0 where there is no value.
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> Batch:
        """Return some traces, in this order; a trace may occur several times."""
        return Batch(self.time[rows], self.value[rows], self.weight[rows])

    @property
    def points(self) -> np.ndarray:
        """Number of values of each trace, (N,) int64."""
        return np.count_nonzero(self.weight, axis=1)


def time_span(time: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last time with a value, (N,) each; inf and -inf where none is."""
    first = np.where(there, time, np.inf).min(axis=1, initial=np.inf)
    return first, np.where(there, time, -np.inf).max(axis=1, initial=-np.inf)


@dataclass
class Problem:
    """What is minimised: N traces, a model, and K of its P parameters within bounds."""

    model: Model
    fitted: Sequence[str]  # names of the fitted parameters
    batch: Batch
    low: np.ndarray  # bounds of the fitted parameters, (N, K) float64
    high: np.ndarray

    def take(self, rows: np.ndarray) -> Problem:
        """Return the problem for some traces, see `Batch.take`."""
        batch = self.batch.take(rows)
        return replace(self, batch=batch, low=self.low[rows], high=self.high[rows])

    @property
    def columns(self) -> list[int]:
        """Places of the fitted parameters among all parameters."""
        return [self.model.names.index(name) for name in self.fitted]

    def of_kind(self, *kinds: str) -> list[int]:
        """Return the places of parameters of some kinds among the fitted ones."""
        return [i for i, n in enumerate(self.fitted) if self.model.parameter(n).kind in kinds]


@dataclass
class Job:
    """A chunk of traces that are fitted together, and (N,) bool: which have enough values."""

    problem: Problem
    enough: np.ndarray

    def fittable(self) -> Problem:
        """Return the problem for the traces that have enough values."""
        return self.problem.take(np.flatnonzero(self.enough))


@dataclass
class Solution:
    """Parameters of least cost."""

    values: np.ndarray  # all parameters of the model, fixed ones included, (N, P) float64
    cost: np.ndarray  # sum of the weighted squares of the residuals, (N,) float64
    #: Products of the derivatives with respect to the K fitted parameters and, last, of the
    #: residuals: J Jᵀ, J r and r r, weighted, (N, K + 1, K + 1) float64.
    gram: np.ndarray
    #: Whether steps became negligible before the largest number of steps was reached, (N,) bool.
    converged: np.ndarray

    def take(self, rows: np.ndarray) -> Solution:
        """Return the solutions of some traces."""
        return Solution(self.values[rows], self.cost[rows], self.gram[rows], self.converged[rows])


def weighted_rows(
    model: Model, fitted: Sequence[str], batch: Batch, values: np.ndarray
) -> np.ndarray:
    """Return the weighted derivatives and, last, the weighted residuals, (N, K + 1, T)."""
    columns = [values[:, i, None] for i in range(values.shape[1])]
    predicted, derivatives = model.differentiate(fitted, batch.time, *columns)
    rows = np.empty((len(values), len(fitted) + 1, batch.time.shape[1]))
    for i, derivative in enumerate(derivatives):
        np.multiply(derivative, batch.weight, out=rows[:, i])
    np.subtract(predicted, batch.value, out=rows[:, -1])
    rows[:, -1] *= batch.weight
    return rows


def gram_of(model: Model, fitted: Sequence[str], batch: Batch, values: np.ndarray) -> np.ndarray:
    """Return products of derivatives and residuals, see `Solution.gram`."""
    rows = weighted_rows(model, fitted, batch, values)
    return rows @ rows.transpose(0, 2, 1)


def minimise(
    problem: Problem, start: np.ndarray, tolerance: float = 1e-13, steps: int = 200
) -> Solution:
    """Minimise the weighted sum of squares of each trace within bounds, in at most so many steps.

    `start` (N, P) has all parameters; the fitted ones are clipped to their bounds. A trace has
    converged when a step lowers its cost by less than the fraction `tolerance`.

    The step solves (J Jᵀ + d diag(J Jᵀ)) step = -J r for the parameters that do not press against
    a bound, and is cut off at the bounds; d is adapted as H. B. Nielsen (1999) proposes.
    After `SLOW` steps the method is variable projection (Golub and Pereyra 1973): only the
    nonlinear parameters are damped, and after each step the linear ones take their best values.
    """
    model, fitted, columns = problem.model, problem.fitted, problem.columns
    values = start.copy()
    values[:, columns] = np.clip(values[:, columns], problem.low, problem.high)
    gram = gram_of(model, fitted, problem.batch, values)
    solution = Solution(values, gram[:, -1, -1].copy(), gram, np.zeros(len(values), bool))
    if not columns:
        solution.converged[:] = True
        return solution
    linear = np.isin(np.arange(len(fitted)), problem.of_kind("linear"))
    damping = np.full(len(values), FIRST_DAMPING)
    factor = np.full(len(values), 2.0)
    # The cost of a perfect fit is rounding alone and cannot be lowered by a fraction of itself.
    floor = 1e-28 * np.sum((problem.batch.weight * problem.batch.value) ** 2, axis=1)
    left = np.flatnonzero(np.isfinite(solution.cost))
    for number in range(steps):
        if not len(left):
            break
        project = number >= SLOW and linear.any() and not linear.all()
        part = problem.take(left)
        x, cost, gram = values[left][:, columns], solution.cost[left], solution.gram[left]
        damped = damping[left, None] * (~linear if project else np.ones(len(linear)))
        step = _step(x, gram, damped, part.low, part.high)
        hoped = _gain(step, gram)
        step = _within(step, x, gram, damped, part.low, part.high)
        new, expected = x + step, _gain(step, gram)
        trial = values[left]
        trial[:, columns] = new
        new_gram = gram_of(model, fitted, part.batch, trial)
        if project:
            trial, new_gram = _with_best_linear(part, linear, trial, new_gram)
        new_cost = new_gram[:, -1, -1]
        better = new_cost < cost  # False for NaN
        ratio = np.where(expected > 0, (cost - new_cost) / np.where(expected > 0, expected, 1), 0)
        accepted = left[better]
        values[accepted] = trial[better]
        solution.cost[accepted] = new_cost[better]
        solution.gram[accepted] = new_gram[better]
        ratio = np.clip(ratio, -1, 2)
        damping[left] *= np.where(better, np.maximum(1 / 3, 1 - (2 * ratio - 1) ** 3), factor[left])
        factor[left] = np.where(better, 2.0, 2 * factor[left])
        small = np.maximum(tolerance * cost, floor[left])
        done = (hoped <= small) | (damping[left] > LARGEST_DAMPING)
        solution.converged[left[done]] = True
        left = left[~done]
    return solution


def _gain(step: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return by how much steps lower the cost of the linearised problems, (N,)."""
    slope = np.einsum("ni,ni->n", step, gram[:, :-1, -1])
    return -2 * slope - np.einsum("ni,nij,nj->n", step, gram[:, :-1, :-1], step)


def _step(x, gram, damping, low, high) -> np.ndarray:
    """Return Gauss-Newton steps with a damping (N, K); parameters pressed against a bound stay."""
    gradient = gram[:, :-1, -1]
    stuck = ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))
    return _solve(gram, gradient, damping, ~stuck)


def _within(step, x, gram, damping, low, high) -> np.ndarray:
    """Return steps that end at the bounds which they would cross, the others adapted to that."""
    for _ in range(step.shape[1]):
        cut = np.clip(x + step, low, high) - x
        crossing = cut != step
        rows = np.flatnonzero(crossing.any(axis=1))
        if not len(rows):
            break
        # parameters that were cut off before, or pressed against a bound, stay where they are
        held = crossing[rows] | (step[rows] == 0) | (x[rows] + step[rows] <= low[rows])
        held |= x[rows] + step[rows] >= high[rows]
        fixed = np.where(held, cut[rows], 0.0)
        part = gram[rows]
        gradient = part[:, :-1, -1] + np.einsum("nij,nj->ni", part[:, :-1, :-1], fixed)
        step = step.copy()
        step[rows] = fixed + _solve(part, gradient, damping[rows], ~held)
    return np.clip(x + step, low, high) - x


def _solve(gram, gradient, damping, free) -> np.ndarray:
    """Solve the damped normal equations for the free parameters; the others' steps are 0."""
    size = np.sqrt(np.einsum("nii->ni", gram[:, :-1, :-1]))
    free = free & (size > 0)
    scale = np.where(free, 1 / np.where(size > 0, size, 1.0), 0.0)
    matrix = gram[:, :-1, :-1] * scale[:, :, None] * scale[:, None, :]
    diagonal = np.einsum("nii->ni", matrix)  # a view
    # the least damping keeps the matrix regular where parameters are perfectly correlated
    diagonal[...] = np.where(free, 1 + np.maximum(damping, 1e-14), 1.0)
    return np.linalg.solve(matrix, -(gradient * scale)[..., None])[..., 0] * scale


def _with_best_linear(
    problem: Problem, linear: np.ndarray, values: np.ndarray, gram: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return values with the linear parameters that fit best, and their gram matrices."""
    x = values[:, problem.columns]
    others = ~np.append(linear, True)
    alone = gram.copy()
    alone[:, others] = 0.0
    alone[:, :, others] = 0.0
    step = _step(x, alone, np.zeros_like(x), problem.low, problem.high)
    better = values.copy()
    better[:, problem.columns] = np.clip(x + step, problem.low, problem.high)
    return better, gram_of(problem.model, problem.fitted, problem.batch, better)

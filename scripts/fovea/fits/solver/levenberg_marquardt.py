"""Bounded least squares for many traces at once: Levenberg-Marquardt steps on whole batches.

Every quantity has the problems along its first axis; one step is a few numpy calls for all of
them, and problems that have converged drop out. Problems do not influence each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fovea.fits.models.declarations import Model

FIRST_DAMPING = 1e-3
LARGEST_DAMPING = 1e12
#: Steps after which problems that are left are taken to lie in a narrow, curved valley.
SLOW = 20


@dataclass
class Batch:
    """Traces on common times, with gaps where a weight is 0.

    Attributes
    ----------
    time : (N, T) float64
        In the model's unit; finite also where there is no value.
    value : (N, T) float64
        0 where there is no value.
    weight : (N, T) float64
        Square roots of the weights of the squared residuals; 0 where there is no value.
    """

    time: np.ndarray
    value: np.ndarray
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> Batch:
        """Return some traces, in this order; a trace may occur several times."""
        return Batch(self.time[rows], self.value[rows], self.weight[rows])


@dataclass
class Job:
    """A chunk of traces, the bounds (N, K) of their parameters, and which can be fitted."""

    batch: Batch
    low: np.ndarray
    high: np.ndarray
    enough: np.ndarray

    def fittable(self) -> tuple[Batch, np.ndarray, np.ndarray]:
        """Return traces and bounds of those that have enough values."""
        rows = np.flatnonzero(self.enough)
        return self.batch.take(rows), self.low[rows], self.high[rows]


@dataclass
class Solution:
    """Parameters of least cost.

    Attributes
    ----------
    values : (N, P) float64
        All parameters of the model, fixed ones included.
    cost : (N,) float64
        Sum of the weighted squares of the residuals.
    gram : (N, K + 1, K + 1) float64
        Products of the derivatives with respect to the K fitted parameters and, last, of the
        residuals: J Jᵀ, J r and r r, weighted.
    converged : (N,) bool
        Whether steps became too small to matter before their number ran out.
    """

    values: np.ndarray
    cost: np.ndarray
    gram: np.ndarray
    converged: np.ndarray


def gram_of(model: Model, fitted: Sequence[str], batch: Batch, values: np.ndarray) -> np.ndarray:
    """Return products of derivatives and residuals, see `Solution.gram`."""
    columns = [values[:, i, None] for i in range(values.shape[1])]
    predicted, derivatives = model.differentiate(fitted, batch.time, *columns)
    rows = np.empty((len(values), len(fitted) + 1, batch.time.shape[1]))
    for i, derivative in enumerate(derivatives):
        np.multiply(derivative, batch.weight, out=rows[:, i])
    np.subtract(predicted, batch.value, out=rows[:, -1])
    rows[:, -1] *= batch.weight
    return rows @ rows.transpose(0, 2, 1)


def minimise(
    model: Model,
    fitted: Sequence[str],
    batch: Batch,
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    tolerance: float = 1e-13,
    steps: int = 200,
) -> Solution:
    """Minimise the weighted sum of squares of each trace within bounds.

    Parameters
    ----------
    model : Model
    fitted : sequence of str
        Names of the parameters that are fitted.
    batch : Batch
        N traces.
    start : (N, P) float64
        Starting values of all parameters; the fitted ones are moved into their bounds.
    low, high : (N, K) float64
        Bounds of the fitted parameters.
    tolerance : float
        A problem is solved when a step lowers the cost by less than this part of it.
    steps : int
        Most steps.

    Notes
    -----
    The step solves (J Jᵀ + d diag(J Jᵀ)) step = -J r for the parameters that do not press against
    a bound, and is cut off at the bounds; d is adapted as H. B. Nielsen (1999) proposes.
    Problems that are slow go on by variable projection (Golub and Pereyra 1973): only the other
    parameters are damped, and after each step linear ones take their best values.
    """
    columns = [model.names.index(name) for name in fitted]
    values = start.copy()
    values[:, columns] = np.clip(values[:, columns], low, high)
    gram = gram_of(model, fitted, batch, values)
    solution = Solution(values, gram[:, -1, -1].copy(), gram, np.zeros(len(values), bool))
    if not columns:
        solution.converged[:] = True
        return solution
    linear = np.array([model.parameter(name).kind == "linear" for name in fitted])
    damping = np.full(len(values), FIRST_DAMPING)
    factor = np.full(len(values), 2.0)
    # A perfect fit has no cost to lower by a part of it.
    floor = 1e-28 * np.sum((batch.weight * batch.value) ** 2, axis=1)
    left = np.flatnonzero(np.isfinite(solution.cost))
    for number in range(steps):
        if not len(left):
            break
        project = number >= SLOW and linear.any() and not linear.all()
        x, cost, gram = values[left][:, columns], solution.cost[left], solution.gram[left]
        damped = damping[left, None] * (~linear if project else np.ones(len(linear)))
        step = _step(x, gram, damped, low[left], high[left])
        hoped = _gain(step, gram)
        step = _within(step, x, gram, damped, low[left], high[left])
        new, expected = x + step, _gain(step, gram)
        trial = values[left]
        trial[:, columns] = new
        part = batch.take(left)
        new_gram = gram_of(model, fitted, part, trial)
        if project:
            trial, new_gram = _with_best_linear(
                *(model, fitted, columns, linear, part, trial, new_gram, low[left], high[left])
            )
        new_cost = new_gram[:, -1, -1]
        better = new_cost < cost  # False where it is not a number
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


def _step(
    x: np.ndarray, gram: np.ndarray, damping: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return Gauss-Newton steps with a damping (N, K); parameters pressed against a bound stay."""
    gradient = gram[:, :-1, -1]
    stuck = ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))
    return _solve(gram, gradient, damping, ~stuck)


def _within(
    step: np.ndarray,
    x: np.ndarray,
    gram: np.ndarray,
    damping: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Return steps that end at the bounds which they would cross, the others adapted to that."""
    for _ in range(step.shape[1]):
        cut = np.clip(x + step, low, high) - x
        crossing = cut != step
        rows = np.flatnonzero(crossing.any(axis=1))
        if not len(rows):
            break
        # those that were stopped before, or were pressed against a bound, stay where they are
        held = crossing[rows] | (step[rows] == 0) | (x[rows] + step[rows] <= low[rows])
        held |= x[rows] + step[rows] >= high[rows]
        fixed = np.where(held, cut[rows], 0.0)
        part = gram[rows]
        gradient = part[:, :-1, -1] + np.einsum("nij,nj->ni", part[:, :-1, :-1], fixed)
        step = step.copy()
        step[rows] = fixed + _solve(part, gradient, damping[rows], ~held)
    return np.clip(x + step, low, high) - x


def _solve(
    gram: np.ndarray, gradient: np.ndarray, damping: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Solve the damped normal equations for the free parameters; the others' steps are 0."""
    size = np.sqrt(np.einsum("nii->ni", gram[:, :-1, :-1]))
    free = free & (size > 0)
    scale = np.where(free, 1 / np.where(size > 0, size, 1.0), 0.0)
    matrix = gram[:, :-1, :-1] * scale[:, :, None] * scale[:, None, :]
    diagonal = np.einsum("nii->ni", matrix)  # a view
    # the smallest damping keeps the matrix regular where parameters cannot be told apart
    diagonal[...] = np.where(free, 1 + np.maximum(damping, 1e-14), 1.0)
    return np.linalg.solve(matrix, -(gradient * scale)[..., None])[..., 0] * scale


def _with_best_linear(
    model: Model,
    fitted: Sequence[str],
    columns: list[int],
    linear: np.ndarray,
    batch: Batch,
    values: np.ndarray,
    gram: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return values with the linear parameters that fit best, and their products."""
    x = values[:, columns]
    others = ~np.append(linear, True)
    alone = gram.copy()
    alone[:, others] = 0.0
    alone[:, :, others] = 0.0
    step = _step(x, alone, np.zeros_like(x), low, high)
    better = values.copy()
    better[:, columns] = np.clip(x + step, low, high)
    return better, gram_of(model, fitted, batch, better)

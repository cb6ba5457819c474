"""Put fits on one branch of a model that has the same curve at several points of parameter space.

Which points there are is said by `fovea.fits.models.branches`. Fits end on any of them; those that
lie within the bounds are equally good, and a convention chooses.
"""

from __future__ import annotations

import numpy as np

from fovea.fits.settings import Settings
from fovea.fits.solver.levenberg_marquardt import Problem, Solution, gram_of, minimise
from fovea.fits.solver.uncertainty import at_bounds

_SAME = 1e-9  # relative difference of parameters up to which two points are the same
_LOWER = 1e-10  # fraction by which another branch has to lower the cost to be taken instead


def settle(settings: Settings, problem: Problem, solution: Solution) -> np.ndarray:
    """Move solutions to the preferred branch, in place, where bounds allow it.

    A solution that is stopped by a bound is no minimum on the other branches, and the minimum there
    may be lower: those are searched from the equivalent point.

    Returns
    -------
    (N, B) int8
        For each branch 1 where the solution is on it, -1 where the point on it with the same curve
        lies within the bounds too, else 0. Points that coincide count for the first of them.
    """
    model = settings.model
    points = _points(settings, solution.values)
    if not points:
        return np.zeros((len(solution.values), len(model.branches)), np.int8)
    _escape(problem, solution, points)
    points = _points(settings, solution.values)
    inside = _inside(problem, solution.values, points)
    own = np.stack([_same(point, solution.values) for point in points.values()], axis=1)
    first = np.argmax(inside, axis=1)  # branches are in the order of preference
    move = np.flatnonzero(inside.any(axis=1) & ~own[np.arange(len(first)), first])
    stacked = np.stack(list(points.values()))
    if len(move):
        solution.values[move] = stacked[first[move], move]
        part = problem.batch.take(move)
        solution.gram[move] = gram_of(model, problem.fitted, part, solution.values[move])
    names = list(points)
    state = np.zeros((len(solution.values), len(names)), np.int8)
    for k, name in enumerate(names):
        here = _same(points[name], solution.values)
        state[:, k] = np.where(here, 1, -inside[:, k].astype(np.int8))
        for earlier in names[:k]:
            state[_same(points[name], points[earlier]), k] = 0
    return state[:, [names.index(name) for name in model.branches]]


def _points(settings: Settings, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the equivalent points (N, P) by branch, the preferred one first; none without any."""
    model = settings.model
    if not model.exchangeable(settings.fitted):
        return {}
    found = {}
    changes = model.equivalent(**dict(zip(model.names, values.T, strict=True)))
    for name, changed in changes.items():
        found[name] = values.copy()
        for key, column in changed.items():
            found[name][:, model.names.index(key)] = column
        for key in settings.fixed:  # differences of rounding
            k = model.names.index(key)
            near = np.abs(found[name][:, k] - values[:, k]) <= _SAME * np.abs(values[:, k])
            found[name][near, k] = values[near, k]
    order = sorted(found, key=lambda name: name != settings.faster)
    return {name: found[name] for name in order}


def _same(point: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return which points (N, P) are the same but for rounding, (N,) bool."""
    size = np.maximum(np.abs(point), np.abs(other))
    return (np.abs(point - other) <= _SAME * size).all(axis=1)


def _inside(problem: Problem, values: np.ndarray, points: dict[str, np.ndarray]) -> np.ndarray:
    """Return which equivalent points are minima within the bounds, (N, B) bool."""
    columns = problem.columns
    here = at_bounds(values[:, columns], problem.low, problem.high) != 0
    fixed = [k for k in range(values.shape[1]) if k not in columns]
    found = []
    for point in points.values():
        chosen = point[:, columns]
        # parameters that differ between the branches must not be stopped by a bound
        differs = np.abs(chosen - values[:, columns]) > _SAME * np.abs(chosen)
        inside = (chosen >= problem.low) & (chosen <= problem.high) & ~(differs & here)
        kept = (point[:, fixed] == values[:, fixed]).all(axis=1)
        found.append((inside | (~differs & here)).all(axis=1) & kept)
    return np.stack(found, axis=1)


def _escape(problem: Problem, solution: Solution, points: dict[str, np.ndarray]) -> None:
    """Search the other branches of solutions that a bound stopped, in place."""
    columns = problem.columns
    stopped = (at_bounds(solution.values[:, columns], problem.low, problem.high) != 0).any(axis=1)
    fixed = [k for k in range(solution.values.shape[1]) if k not in columns]
    for point in points.values():
        usable = stopped & np.isfinite(point).all(axis=1) & ~_same(point, solution.values)
        usable &= (point[:, fixed] == solution.values[:, fixed]).all(axis=1)
        rows = np.flatnonzero(usable)
        if not len(rows):
            continue
        other = minimise(problem.take(rows), point[rows])
        better = other.cost < solution.cost[rows] * (1 - _LOWER)
        for name in ("values", "cost", "gram", "converged"):
            getattr(solution, name)[rows[better]] = getattr(other, name)[better]

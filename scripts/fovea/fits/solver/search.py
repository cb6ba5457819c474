"""The minimum of each trace: several starts, then the neighbourhood of the onset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from fovea.fits.solver.levenberg_marquardt import Batch, Problem, Solution, minimise
from fovea.fits.solver.starts import starting_points
from fovea.fits.solver.uncertainty import at_bounds, uncertainty

ROUGH, FINE = 1e-6, 1e-13  # tolerances, relative to the cost
STAGES = ((8, 2), (40, 1))  # number of steps, and how many of a trace's starts are kept after them
#: Frames that are enough to compare starts with, and the least share of frames that is used, 1 / 4.
ENOUGH, LEAST_SHARE = 30, 4
REACH = 3.0  # standard errors around the onset that are searched
NEIGHBOURS = 5  # intervals between frames on either side, at most
ROUNDS = 3


def search(problem: Problem, default: np.ndarray, starts: int, given: Sequence[str]) -> Solution:
    """Find the parameters of least cost; arguments as of `starting_points`."""
    points = starting_points(problem, default, starts, given)
    rows = np.tile(np.arange(len(problem.batch.time)), len(points))
    values = points.reshape(len(rows), len(default))
    few = _thinned(problem, points.shape[0] > 1)
    for steps, keep in STAGES:
        found = _minimise_some(problem, few, rows, values, steps)
        few = None
        order = np.lexsort((found.cost, rows))  # the least costs of each trace, trace by trace
        first = np.searchsorted(rows[order], rows[order])
        best = order[np.arange(len(order)) - first < keep]
        rows, values = rows[best], found.values[best]
    return refine(problem, values)


def _thinned(problem: Problem, worth: bool) -> tuple[Problem, np.ndarray] | None:
    """Return a problem of some of the frames, evenly chosen, and which traces keep enough values.

    Few values tell which starts are good. None where there are not more than enough frames.
    """
    batch = problem.batch
    every = min(LEAST_SHARE, batch.time.shape[1] // ENOUGH)
    if every < 2 or not worth:
        return None
    part = slice(every // 2, None, every)
    few = Batch(*(np.ascontiguousarray(array[:, part])
                  for array in (batch.time, batch.value, batch.weight)))  # fmt: skip
    return replace(problem, batch=few), 2 * every * few.points >= np.maximum(batch.points, ENOUGH)


def _minimise_some(problem: Problem, few, rows, values, steps: int) -> Solution:
    """Minimise starts roughly, those of traces that may be thinned with a part of their values."""
    if few is None:
        return minimise(problem.take(rows), values, ROUGH, steps)
    thin, usable = few
    chosen = usable[rows]
    parts = [minimise(which.take(rows[mask]), values[mask], ROUGH, steps)
             for which, mask in ((thin, chosen), (problem, ~chosen))]  # fmt: skip
    order = np.argsort(np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)]))
    joined = (np.concatenate([getattr(part, field.name) for part in parts])
              for field in fields(Solution))  # fmt: skip
    return Solution(*joined).take(order)


def refine(problem: Problem, start: np.ndarray) -> Solution:
    """Find the minimum near a starting point, also beyond the frames next to its onset.

    The residual of a frame depends on the onset only while the onset lies before the frame. With
    noise the cost therefore has a minimum of its own between any two frames; the least of those
    near the onset is wanted.
    """
    solution = minimise(problem, start, FINE)
    onsets = problem.of_kind("onset")
    left = np.arange(len(problem.batch.time))
    for _ in range(ROUNDS if onsets else 0):
        rows, first, last = _neighbours(problem, solution, left, onsets[0])
        if not len(rows):
            break
        near = problem.take(rows)
        near.low[:, onsets[0]], near.high[:, onsets[0]] = first, last
        trial = solution.values[rows]
        trial[:, problem.columns[onsets[0]]] = (first + last) / 2
        other = minimise(near, trial, FINE)
        order = np.lexsort((other.cost, rows))
        best = order[np.unique(rows[order], return_index=True)[1]]
        best = best[other.cost[best] < solution.cost[rows[best]] * (1 - 1e-10)]
        left = rows[best]
        for name in ("values", "cost", "gram", "converged"):
            getattr(solution, name)[left] = getattr(other, name)[best]
    return solution


def _neighbours(
    problem: Problem, solution: Solution, left: np.ndarray, onset: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return traces (a trace may occur several times) and an interval of onsets to try for each.

    These are the intervals between frames within reach of the onset, its own included; there are
    none where the onset is well inside its interval.
    """
    batch, low, high = problem.batch, problem.low, problem.high
    values = solution.values[:, problem.columns]
    error = uncertainty(solution.gram, batch.points, at_bounds(values, low, high)).error[:, onset]
    found = []
    for row in left:
        here, ends = values[row, onset], (low[row, onset], high[row, onset])
        times = batch.time[row, batch.weight[row] > 0]
        knots = np.unique(np.concatenate([ends, np.clip(times, *ends)]))
        own = min(max(np.searchsorted(knots, here) - 1, 0), len(knots) - 2)
        reach = REACH * error[row] if np.isfinite(error[row]) else np.inf
        part = knots[max(own - NEIGHBOURS, 0) : own + NEIGHBOURS + 2]
        near = (part[:-1] - here < reach) & (here - part[1:] < reach)
        if np.count_nonzero(near) > 1:
            found += [(row, *pair) for pair in zip(part[:-1][near], part[1:][near], strict=True)]
    table = np.array(found, float).reshape(-1, 3)
    return table[:, 0].astype(int), table[:, 1], table[:, 2]

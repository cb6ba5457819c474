"""The minimum of each trace: several starts, then the neighbourhood of the onset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fovea.fits.models.declarations import Model
from fovea.fits.solver.levenberg_marquardt import Batch, Solution, minimise
from fovea.fits.solver.starts import starting_points
from fovea.fits.solver.uncertainty import at_bounds, uncertainty

ROUGH, FINE = 1e-6, 1e-13  # tolerances, relative to the cost
STAGES = ((8, 2), (40, 1))  # steps from the starting points that are left, and how many go on
REACH = 3.0  # standard errors around the onset that are searched
NEIGHBOURS = 5  # intervals between frames on either side, at most
ROUNDS = 3


def search(
    model: Model,
    fitted: Sequence[str],
    batch: Batch,
    default: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    starts: int,
    given: Sequence[str] = (),
) -> Solution:
    """Find the parameters of least cost; arguments as of `starting_points`."""
    points = starting_points(model, fitted, batch, default, low, high, starts, given)
    count = len(batch.time)
    rows = np.tile(np.arange(count), len(points))
    values = points.reshape(len(rows), len(default))
    for steps, keep in STAGES:
        found = minimise(
            model, fitted, batch.take(rows), values, low[rows], high[rows], ROUGH, steps
        )
        best = _best(rows, found.cost, keep)
        rows, values = rows[best], found.values[best]
    return refine(model, fitted, batch, values, low, high)


def _best(rows: np.ndarray, cost: np.ndarray, keep: int) -> np.ndarray:
    """Return the places of the `keep` least costs of each trace, trace by trace."""
    order = np.lexsort((cost, rows))
    first = np.searchsorted(rows[order], rows[order])
    return order[np.arange(len(order)) - first < keep]


def refine(
    model: Model,
    fitted: Sequence[str],
    batch: Batch,
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> Solution:
    """Find the minimum near a starting point, also beyond the frames next to its onset.

    As the onset passes a frame, that frame's residual begins or ceases to depend on it. So noise
    gives the cost a minimum of its own between any two frames, and the least of those near the
    onset is wanted.
    """
    solution = minimise(model, fitted, batch, start, low, high, FINE)
    onsets = [i for i, name in enumerate(fitted) if model.parameter(name).kind == "onset"]
    left = np.arange(len(batch.time))
    for _ in range(ROUNDS if onsets else 0):
        rows, first, last = _neighbours(solution, batch, left, onsets[0], fitted, model, low, high)
        if not len(rows):
            break
        near_low, near_high = low[rows].copy(), high[rows].copy()
        near_low[:, onsets[0]], near_high[:, onsets[0]] = first, last
        trial = solution.values[rows]
        trial[:, model.names.index(fitted[onsets[0]])] = (first + last) / 2
        other = minimise(model, fitted, batch.take(rows), trial, near_low, near_high, FINE)
        order = np.lexsort((other.cost, rows))
        best = order[np.unique(rows[order], return_index=True)[1]]
        best = best[other.cost[best] < solution.cost[rows[best]] * (1 - 1e-10)]
        left = rows[best]
        for name in ("values", "cost", "gram", "converged"):
            getattr(solution, name)[left] = getattr(other, name)[best]
    return solution


def _neighbours(
    solution: Solution,
    batch: Batch,
    left: np.ndarray,
    onset: int,
    fitted: Sequence[str],
    model: Model,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return traces, and from when to when their onset may also lie; a trace occurs several times.

    These are the intervals between frames within reach of the onset, its own included; there are
    none where the onset is well inside its interval.
    """
    values = solution.values[:, [model.names.index(name) for name in fitted]]
    points = np.count_nonzero(batch.weight, axis=1)
    error = uncertainty(solution.gram, points, at_bounds(values, low, high)).error[:, onset]
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

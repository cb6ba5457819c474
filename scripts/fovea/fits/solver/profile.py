"""Intervals of onsets from the profile of the cost, for models with a kink at the onset.

In such a model the slope of the cost jumps at every frame that the onset passes, so its curvature
at the minimum says little. The 95 % interval then holds the onsets at which the cost, with all
other parameters fitted anew, is at most t² residual variances above the minimum.
"""

from __future__ import annotations

import numpy as np

from fovea.fits.solver.levenberg_marquardt import Problem, Solution, minimise, time_span

#: Distances from the minimum at which the profile is computed, in half widths of the interval
#: that follows from the curvature.
STEPS = np.array([0.5, 0.7, 0.85, 1.0, 1.15, 1.35, 1.7, 2.3])
ROUGH = 1e-7
#: Intervals narrower than this fraction of the time between frames are those of the curvature.
NARROW = 0.1


def onset_intervals(
    problem: Problem, onset: int, solution: Solution, reach: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers (M,) of traces whose interval follows from the profile, and its ends.

    `onset` is the place of the onset among the fitted parameters. For each of N traces `reach` is
    the half width of the interval that follows from the curvature, NaN where there is none, and
    `limit` the largest difference of the cost from its minimum.
    """
    first, last = time_span(problem.batch.time, problem.batch.weight > 0)
    with np.errstate(invalid="ignore"):
        wide = reach > NARROW * (last - first) / np.maximum(problem.batch.points - 1, 1)
    rows = np.flatnonzero(np.isfinite(reach) & wide & (limit > 0))
    low, high = (_end(problem, onset, solution, reach, limit, rows, side) for side in (-1, 1))
    return rows, low, high


def _end(problem, onset, solution, reach, limit, rows, side) -> np.ndarray:
    """Return the lower (side -1) or upper (1) end for some rows."""
    columns, low, high = problem.columns, problem.low, problem.high
    here = solution.values[rows, columns[onset]]
    far = here[:, None] + side * reach[rows, None] * STEPS
    far = np.clip(far, low[rows, onset, None], high[rows, onset, None])
    others = [i for i in range(len(columns)) if i != onset]
    slope = _slope(solution.gram[rows], onset, others)
    many = np.repeat(rows, len(STEPS))
    trial = solution.values[many]
    trial[:, columns[onset]] = far.ravel()
    moved = (far - here[:, None]).ravel()[:, None] * np.repeat(slope, len(STEPS), axis=0)
    trial[:, [columns[i] for i in others]] += moved
    names = [problem.fitted[i] for i in others]
    bounds = low[many][:, others], high[many][:, others]
    fixed = Problem(problem.model, names, problem.batch.take(many), *bounds)
    found = minimise(fixed, trial, ROUGH)
    more = np.maximum(found.cost.reshape(far.shape) - solution.cost[rows, None], 0.0)
    # the square root of the excess, relative to that of the limit, is nearly linear in the onset
    height = np.sqrt(more / limit[rows, None])
    height = np.concatenate([np.zeros((len(rows), 1)), height], axis=1)
    place = np.concatenate([here[:, None], far], axis=1)
    below = height <= 1
    inner = height.shape[1] - 1 - np.argmax(below[:, ::-1], axis=1)  # the outermost one below
    outer = np.minimum(inner + 1, height.shape[1] - 1)
    index = np.arange(len(rows))
    a, b = height[index, inner], height[index, outer]
    part = np.where(b > a, (1 - a) / np.where(b > a, b - a, 1.0), 0.0)
    end = place[index, inner] + part * (place[index, outer] - place[index, inner])
    last = height[:, -1]
    beyond = here + (place[:, -1] - here) / np.where(last > 0, last, 1.0)
    beyond = np.where(last > 0, beyond, np.inf * side)
    end = np.where(inner == height.shape[1] - 1, beyond, end)
    return np.clip(end, low[rows, onset], high[rows, onset])


def _slope(gram: np.ndarray, onset: int, others: list[int]) -> np.ndarray:
    """Return how the other parameters follow the onset, (M, K - 1)."""
    if not others:
        return np.zeros((len(gram), 0))
    part = gram[:, others][:, :, others]
    length = np.sqrt(np.maximum(np.einsum("nii->ni", part), 1e-300))
    scaled = part / length[:, :, None] / length[:, None, :]
    right = gram[:, others, onset] / length
    inverse = np.linalg.pinv(scaled, rcond=1e-10, hermitian=True)
    return -(inverse @ right[..., None])[..., 0] / length

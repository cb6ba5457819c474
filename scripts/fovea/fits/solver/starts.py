"""Where fits start: the configured values, and the best points of a fixed grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product

import numpy as np

from fovea.fits.solver.levenberg_marquardt import Problem

#: Grid points along the first and the other axes, by the number of axes.
_POINTS = {1: (24, 0), 2: (12, 10), 3: (8, 4), 4: (6, 3)}


def starting_points(
    problem: Problem, default: np.ndarray, starts: int, given: Sequence[str]
) -> np.ndarray:
    """Return starting values for every trace.

    The first start has the configured values. The others are points of a grid of onsets and
    rates, whose first axis is divided into `starts` - 1 parts: of each part the point that fits
    the trace best, together with its best linear parameters, which are found for the whole grid
    at once. In the first start, too, linear parameters are the best ones unless the user set them:
    `given` names those. `default` (P,) holds the configured values of all parameters.

    The result is (S, N, P) float64 for N traces; S is the number of starts, or 1 where all fitted
    parameters are linear, as such a cost has a single minimum.
    """
    count, columns = len(problem.batch.time), problem.columns
    linear, axes = problem.of_kind("linear"), problem.of_kind("onset", "rate")
    kinds = [problem.model.parameter(problem.fitted[i]).kind for i in axes]
    names = [problem.fitted[i] for i in linear]
    places = [columns[i] for i in linear]
    keep = [k for k, name in enumerate(names) if name not in given]
    starts = starts if len(axes) > 0 else 1
    points = np.broadcast_to(default, (starts, count, len(default))).copy()
    # the grid depends on the times, which most traces share
    _, first, group = np.unique(problem.batch.time, axis=0, return_index=True, return_inverse=True)
    for shared in np.argsort(first):
        rows = np.flatnonzero(group.ravel() == shared)
        part = problem.take(rows)
        bounds = [(part.low[:, i].min(), part.high[:, i].max()) for i in axes]
        used = part.batch.weight.any(axis=0)
        time = part.batch.time[0, used] if used.any() else part.batch.time[0]
        grid, stratum = _grid(kinds, bounds, time, starts - 1)
        candidates = np.broadcast_to(default, (1 + len(grid), len(default))).copy()
        candidates[1:, [columns[i] for i in axes]] = grid
        best, cost = _best_linear(part, linear, candidates)
        points[0, rows[:, None], [places[k] for k in keep]] = best[:, 0][:, keep]
        for number in range(1, starts):
            members = 1 + np.flatnonzero(stratum == number - 1)
            chosen = members[np.argmin(cost[:, members], axis=1)]
            points[number, rows] = candidates[chosen]
            points[number, rows[:, None], places] = best[np.arange(len(rows)), chosen]
    return points


def _grid(
    kinds: list[str], bounds: list[tuple[float, float]], time: np.ndarray, parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return grid points (C, A), and the number of the part of the first axis each lies in."""
    if not kinds:
        return np.empty((0, 0)), np.empty(0, int)
    first, other = _POINTS[min(len(kinds), max(_POINTS))]
    first = max(first, parts)
    span = time.max() - time.min() or 1.0
    axes = []
    for number, (kind, (low, high)) in enumerate(zip(kinds, bounds, strict=True)):
        count = other if number else first
        fractions = (np.arange(count) + 0.5) / count
        if kind == "onset":
            low, high = max(low, time.min() - 0.1 * span), min(high, time.max())
            axes.append(low + fractions * (high - low))
        else:
            step = span / max(len(time) - 1, 1)
            low = max(low, 0.1 / span)
            high = max(low, min(high, 1 / step))
            axes.append(low * (high / low) ** fractions)
    grid = np.array(list(product(*axes)))
    return grid, np.repeat(np.arange(first) * parts // first, len(grid) // first)


def _best_linear(
    problem: Problem, linear: list[int], candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best linear parameters (N, C, L), and their cost (N, C).

    They are those of N traces on the same times and of candidates (C, P); `linear` holds the
    places of the L linear parameters among the fitted ones.
    """
    batch, names = problem.batch, [problem.fitted[i] for i in linear]
    bare = candidates.copy()
    bare[:, [problem.columns[i] for i in linear]] = 0.0
    arguments = [bare[:, i, None] for i in range(bare.shape[1])]
    time = np.broadcast_to(batch.time[:1], (len(bare), batch.time.shape[1]))
    rest, shapes = problem.model.differentiate(names, time, *arguments)
    parts = [*shapes, -rest]  # value = parts @ (linear parameters, -1)
    weight = batch.weight**2
    weighted = weight * batch.value
    size = len(parts)
    matrix = np.empty((len(weight), len(bare), size, size))
    for i, j in combinations_with_replacement(range(size), 2):
        matrix[..., i, j] = matrix[..., j, i] = weight @ (parts[i] * parts[j]).T
    right = np.stack([weighted @ part.T for part in parts], axis=-1)
    # the residual is parts @ (p, -1) - value
    square = matrix[..., :-1, :-1]
    target = right[..., :-1] + matrix[..., :-1, -1]
    best = np.zeros_like(target)
    if names:
        ridge = 1e-12 * np.maximum(np.einsum("ncii->nc", square), 1e-300)
        damped = square + ridge[..., None, None] * np.eye(size - 1)
        low, high = (bound[:, None, linear] for bound in (problem.low, problem.high))
        best = np.clip(np.linalg.solve(damped, target[..., None])[..., 0], low, high)
    cost = np.einsum("nci,ncij,ncj->nc", best, square, best)
    cost = cost - 2 * np.einsum("nci,nci->nc", best, target)
    return best, cost + (matrix[..., -1, -1] + 2 * right[..., -1])

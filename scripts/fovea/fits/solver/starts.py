"""Where fits start: the configured values, and the best points of a fixed grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product

import numpy as np

from fovea.fits.models.declarations import Model
from fovea.fits.solver.levenberg_marquardt import Batch

#: Grid points along the first and the other axes, by the number of axes.
_POINTS = {1: (24, 0), 2: (12, 10), 3: (8, 4), 4: (6, 3)}


def starting_points(
    model: Model,
    fitted: Sequence[str],
    batch: Batch,
    default: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    starts: int,
    given: Sequence[str] = (),
) -> np.ndarray:
    """Return starting values for every trace.

    The first start has the configured values. The others are grid points of onsets and rates,
    one from each of `starts` - 1 parts of the first axis: the one that fits the trace best with
    its best linear parameters, which are found for the whole grid at once. In the first start
    too linear parameters are the best ones, unless the user gave them.

    Parameters
    ----------
    model : Model
    fitted : sequence of str
    batch : Batch
        N traces.
    default : (P,) float64
        Configured values of all parameters.
    low, high : (N, K) float64
        Bounds of the fitted parameters.
    starts : int
        Number of starting points.
    given : sequence of str
        Parameters whose start was set by the user.

    Returns
    -------
    (S, N, P) float64
        S is 1 where all fitted parameters are linear, for then there is one minimum only.
    """
    count = len(batch.time)
    linear = [i for i, name in enumerate(fitted) if model.parameter(name).kind == "linear"]
    axes = [i for i, name in enumerate(fitted) if model.parameter(name).kind in ("onset", "rate")]
    starts = starts if len(axes) > 0 else 1
    points = np.broadcast_to(default, (starts, count, len(default))).copy()
    columns = [model.names.index(name) for name in fitted]
    for rows in same_times(batch.time):
        part = batch.take(rows)
        kinds = [model.parameter(fitted[i]).kind for i in axes]
        bounds = [(low[rows, i].min(), high[rows, i].max()) for i in axes]
        used = part.weight.any(axis=0)
        time = part.time[0, used] if used.any() else part.time[0]
        grid, stratum = _grid(kinds, bounds, time, starts - 1)
        candidates = np.broadcast_to(default, (1 + len(grid), len(default))).copy()
        candidates[1:, [columns[i] for i in axes]] = grid
        names = [fitted[i] for i in linear]
        best, cost = _best_linear(
            model, names, part, candidates, low[rows][:, linear], high[rows][:, linear]
        )
        places = [columns[i] for i in linear]
        keep = [k for k, name in enumerate(names) if name not in given]
        points[0, rows[:, None], [places[k] for k in keep]] = best[:, 0][:, keep]
        for number in range(1, starts):
            members = 1 + np.flatnonzero(stratum == number - 1)
            chosen = members[np.argmin(cost[:, members], axis=1)]
            points[number, rows] = candidates[chosen]
            points[number, rows[:, None], places] = best[np.arange(len(rows)), chosen]
    return points


def same_times(time: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the numbers of the traces that share their times, (N, T) float64."""
    _, first, group = np.unique(time, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    for number in np.argsort(first):
        yield np.flatnonzero(group == number)


def _grid(
    kinds: list[str], bounds: list[tuple[float, float]], time: np.ndarray, parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return grid points (C, A), and of which part of the first axis each is."""
    if not kinds:
        return np.empty((0, 0)), np.empty(0, int)
    first, other = _POINTS[min(len(kinds), max(_POINTS))]
    first = max(first, parts)
    span = time.max() - time.min() or 1.0
    axes = []
    for number, (kind, (low, high)) in enumerate(zip(kinds, bounds, strict=True)):
        fractions = (np.arange(first if number == 0 else other) + 0.5) / (
            other if number else first
        )
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
    model: Model,
    names: list[str],
    batch: Batch,
    candidates: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best linear parameters for every trace and candidate, and their cost.

    Parameters
    ----------
    names : list of str
        L linear parameters.
    batch : Batch
        N traces on the same times.
    candidates : (C, P) float64
    low, high : (N, L) float64

    Returns
    -------
    (N, C, L) float64
    (N, C) float64
    """
    bare = candidates.copy()
    bare[:, [model.names.index(name) for name in names]] = 0.0
    arguments = [bare[:, i, None] for i in range(bare.shape[1])]
    time = np.broadcast_to(batch.time[:1], (len(bare), batch.time.shape[1]))
    rest, shapes = model.differentiate(names, time, *arguments)
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
        best = np.clip(
            np.linalg.solve(damped, target[..., None])[..., 0], low[:, None], high[:, None]
        )
    cost = np.einsum("nci,ncij,ncj->nc", best, square, best) - 2 * np.einsum(
        "nci,nci->nc", best, target
    )
    cost += matrix[..., -1, -1] + 2 * right[..., -1]
    return best, cost

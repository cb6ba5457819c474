"""Intervals of onsets from the profile of the cost, where its curvature does not tell them.

In a model that begins with a kink, every frame that the onset passes changes the cost's slope.
The onset's 95 % interval is then where fixing it there, with all else fitted anew, does not raise
the cost by more than t² residual variances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fovea.fits.models.declarations import Model
from fovea.fits.solver.levenberg_marquardt import Batch, Solution, minimise

#: Where the profile is looked at, in units of the half width that the curvature tells.
STEPS = np.array([0.5, 0.7, 0.85, 1.0, 1.15, 1.35, 1.7, 2.3])
ROUGH = 1e-7
#: Intervals narrower than this part of the time between frames are left to the curvature.
NARROW = 0.1


def onset_intervals(
    model: Model,
    fitted: Sequence[str],
    onset: int,
    batch: Batch,
    low: np.ndarray,
    high: np.ndarray,
    solution: Solution,
    reach: np.ndarray,
    limit: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which traces have an interval of their onset from its profile, and the ends.

    Parameters
    ----------
    model : Model
    fitted : sequence of str
    onset : int
        Place of the onset among the fitted parameters.
    batch : Batch
        N traces.
    low, high : (N, K) float64
        Bounds of the fitted parameters.
    solution : Solution
        Their minima.
    reach : (N,) float64
        Half width that the curvature tells; NaN where there is none.
    limit : (N,) float64
        How much more the cost may be.

    Returns
    -------
    (M,) int
    (M,) float64
    (M,) float64
    """
    there = batch.weight > 0
    count = there.sum(axis=1)
    last = np.where(there, batch.time, -np.inf).max(axis=1, initial=-np.inf)
    first = np.where(there, batch.time, np.inf).min(axis=1, initial=np.inf)
    with np.errstate(invalid="ignore"):
        wide = reach > NARROW * (last - first) / np.maximum(count - 1, 1)
    rows = np.flatnonzero(np.isfinite(reach) & wide & (limit > 0))
    ends = []
    for side in (-1, 1):
        ends.append(
            _end(model, fitted, onset, batch, low, high, solution, reach, limit, rows, side)
        )
    return rows, ends[0], ends[1]


def _end(model, fitted, onset, batch, low, high, solution, reach, limit, rows, side) -> np.ndarray:
    """Return the lower (side -1) or upper (1) end for some rows."""
    columns = [model.names.index(name) for name in fitted]
    here = solution.values[rows, columns[onset]]
    far = here[:, None] + side * reach[rows, None] * STEPS
    far = np.clip(far, low[rows, onset, None], high[rows, onset, None])
    others = [i for i in range(len(fitted)) if i != onset]
    slope = _slope(solution.gram[rows], onset, others)
    many = np.repeat(rows, len(STEPS))
    trial = solution.values[many]
    trial[:, columns[onset]] = far.ravel()
    moved = (far - here[:, None]).ravel()[:, None] * np.repeat(slope, len(STEPS), axis=0)
    trial[:, [columns[i] for i in others]] += moved
    found = minimise(
        model, [fitted[i] for i in others], batch.take(many), trial,
        low[many][:, others], high[many][:, others], ROUGH,
    )  # fmt: skip
    more = np.maximum(found.cost.reshape(far.shape) - solution.cost[rows, None], 0.0)
    # in units of the limit, the root of the excess grows about evenly
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
    return (
        -(np.linalg.pinv(scaled, rcond=1e-10, hermitian=True) @ right[..., None])[..., 0] / length
    )

"""Series whose noise is a decaying correlation over time plus independent noise."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def whitening_filter(
    time: np.ndarray, there: np.ndarray, decay: float, share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the filter that turns noise of unit variance into independent noise of that variance.

    The noise is the sum of a stationary process of variance `share`, whose correlation over a time
    d is exp(-d / `decay`), and of independent noise of variance 1 - `share`. The filter subtracts
    from each value what the earlier ones predict of it, and divides by the standard deviation of
    the difference (Kalman 1960; on irregular times, Jones 1981).

    Parameters
    ----------
    time : (U, T) float64
        Ascending where there is a value.
    there : (U, T) bool
    decay : float
        In the unit of `time`.
    share : float
        In [0, 1].

    Returns
    -------
    (U, T) float64
        By which the prediction has decayed since the last value.
    (U, T) float64
        The part of a difference that the prediction is corrected by.
    (U, T) float64
        The inverse of the standard deviation of a difference; 0 where there is no value.
    """
    decays, gains, scales = np.zeros(time.shape), np.zeros(time.shape), np.zeros(time.shape)
    for u in range(time.shape[0]):
        variance, last = share, time[u, 0]
        for t in range(time.shape[1]):
            if not there[u, t]:
                continue
            kept = np.exp(-(time[u, t] - last) / decay)
            last = time[u, t]
            variance = kept * kept * variance + share * (1 - kept * kept)
            total = variance + (1 - share)
            decays[u, t] = kept
            gains[u, t] = variance / total
            scales[u, t] = 1 / np.sqrt(total)
            variance *= (1 - share) / total
    return decays, gains, scales


@kernel
def whiten(
    rows: np.ndarray,
    index: np.ndarray,
    decays: np.ndarray,
    gains: np.ndarray,
    scales: np.ndarray,
) -> None:
    """Apply filters of `whitening_filter` to rows (N, R, T) float64, in place.

    `index` (N,) int64 says which of the U filters is that of the rows of each n.
    """
    length = rows.shape[2]
    for n in range(rows.shape[0]):
        u = index[n]
        for r in range(rows.shape[1]):
            expected = 0.0
            for t in range(length):
                scale = scales[u, t]
                if scale == 0.0:
                    rows[n, r, t] = 0.0
                else:
                    expected *= decays[u, t]
                    away = rows[n, r, t] - expected
                    expected += gains[u, t] * away
                    rows[n, r, t] = away * scale


@kernel
def correlate(rows: np.ndarray, index: np.ndarray, decays: np.ndarray, there: np.ndarray,
              share: float, result: np.ndarray) -> None:  # fmt: skip
    """Write rows (N, R, T) times the covariance of that noise, at values that are `there`.

    Values that are not there have to be 0 in `rows`, and are 0 in `result`.
    """
    length = rows.shape[2]
    for n in range(rows.shape[0]):
        u = index[n]
        for r in range(rows.shape[1]):
            before = 0.0
            for t in range(length):
                if there[u, t]:
                    before *= decays[u, t]
                    result[n, r, t] = rows[n, r, t] + share * before
                    before += rows[n, r, t]
                else:
                    result[n, r, t] = 0.0
            after = 0.0
            for t in range(length - 1, -1, -1):
                if there[u, t]:
                    result[n, r, t] += share * after
                    after = (after + rows[n, r, t]) * decays[u, t]

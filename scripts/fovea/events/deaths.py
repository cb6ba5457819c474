"""Death of a cell, as the loss of its area or of its signal for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW = 9  # values before, whose median is what is usual for the cell
_FEWEST = 3  # of them
BEFORE, AFTER = 6, 3  # values that there must be before a death, and after it
_CLEAR = 4.0  # usual deviations of the cell by which its values must fall
_UNSURE = 2.0  # usual deviations from the threshold within which a value is on neither side


@dataclass(frozen=True)
class Loss:
    """A trace that falls for good; places among its values, of which the first is 0."""

    event: int  # the first value from which on all are below the threshold
    before: int  # the last value that is clearly above it
    after: int  # the first value that is clearly below it


def loss(value: np.ndarray, share: float) -> Loss | None:
    """Return where a trace falls for good below a share of what is usual for the cell.

    Parameters
    ----------
    value : (n,) float64
        In the order of time, without missing values.
    share : float
        Between 0 and 1.

    Returns
    -------
    Loss or None
        The first value k for which the following holds. All values from k on, smoothed by a running
        median of three, are below the threshold: `share` times the median u of up to `WINDOW`
        values before k. So trends that are slow against this window are none. The median from k on
        is below u by more than `_CLEAR` times the usual deviation of the values before k from what
        was usual for each (1.48 times the median absolute one, which is the standard deviation of
        normal noise). There are at least `BEFORE` values before k, and `AFTER` from k on.
    """
    count = len(value)
    if count < BEFORE + AFTER:
        return None
    usual = usual_before(value)
    deviation = np.abs(value - usual)
    highest = np.maximum.accumulate(_smooth(value)[::-1])[::-1]  # of this value and those after
    with np.errstate(invalid="ignore"):
        low = (highest < share * usual) & (usual > 0)
    low[:BEFORE] = low[count - AFTER + 1 :] = False
    for k in np.flatnonzero(low).tolist():
        spread = 1.4826 * float(np.median(deviation[_FEWEST:k]))
        left = float(np.median(value[k:]))
        if usual[k] - left <= _CLEAR * spread:
            continue
        threshold, unsure = share * usual[k], _UNSURE * spread
        above = np.flatnonzero(value[:k] > threshold + unsure)
        below = np.flatnonzero(value[k:] <= max(threshold - unsure, left))
        return Loss(k, int(above[-1]) if len(above) else 0, k + int(below[0]))
    return None


def usual_before(value: np.ndarray) -> np.ndarray:
    """Return the median of up to `WINDOW` values before each, (n,); NaN with fewer than three."""
    padded = np.concatenate([np.full(WINDOW, np.nan), value[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    result = np.full(len(value), np.nan)
    result[_FEWEST:] = np.nanmedian(windows[_FEWEST:], axis=1)
    return result


def _smooth(value: np.ndarray) -> np.ndarray:
    """Return the running median of three values; the first and the last stay."""
    windows = np.lib.stride_tricks.sliding_window_view(value, 3)
    return np.concatenate([value[:1], np.median(windows, axis=1), value[-1:]])

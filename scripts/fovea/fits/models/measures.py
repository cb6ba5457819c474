"""Measures: numbers that are computed from a trace without a fit.

`half_maximum` is taken from a smooth curve, see `fovea.fits.solver.curves`.
"""

from __future__ import annotations

import numpy as np

#: Standard errors by which a curve has to rise; that of noise alone rises by up to three.
_NOTABLE = 4.0
#: Share of the largest value up to which a curve of constant values rises by rounding.
_ROUNDING = 1e-9


def auc(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the area under a trace by the trapezoid rule.

    Parameters
    ----------
    time : (n,) float64
        Ascending; gaps are bridged by straight lines.
    value : (n,) float64

    Returns
    -------
    (1,) float64
        The area from the first to the last time; NaN with fewer than two values.
    (1,) float64
        Its standard error, from `local_noise`; NaN with fewer than three values.
    """
    if len(time) < 2:
        return np.full(1, np.nan), np.full(1, np.nan)
    gaps = np.diff(time)
    weight = (np.append(gaps, 0.0) + np.insert(gaps, 0, 0.0)) / 2
    return np.array([weight @ value]), np.array([local_noise(time, value)]) * np.linalg.norm(weight)


def local_noise(time: np.ndarray, value: np.ndarray) -> float:
    """Return the standard deviation of a trace's noise, in the unit of the trace.

    It is estimated from the distance of each value to the straight line between its neighbours, so
    that slow changes do not count as noise. NaN with fewer than three values.
    """
    if len(time) < 3:
        return np.nan
    part = (time[1:-1] - time[:-2]) / (time[2:] - time[:-2])
    away = value[1:-1] - (1 - part) * value[:-2] - part * value[2:]
    return float(np.sqrt(np.mean(away**2 / (1 + part**2 + (1 - part) ** 2))))


def half_maximum(curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when a curve has risen half of the way to its maximum, and the maximum.

    The way begins at the lowest value before the maximum; between two times the curve is a straight
    line.

    Parameters
    ----------
    curve : fovea.fits.solver.curves.Curve

    Returns
    -------
    (2,) float64
        The time, and the maximum, without the bias of `Curve.bias`; NaN where the curve does not
        rise notably.
    (2,) float64
        Their standard errors. That of the time is the error of the curve less half of the way,
        over the slope of the curve there.
    (2,) int8
        1 for a maximum at the end of a curve that still rises there, else 0.
    """
    low, top, after = _places(curve.value)
    rows, rise = curve.value_rows, curve.value[top] - curve.value[low]
    least = _ROUNDING * np.abs(curve.value).max()
    if not rise > max(least, _NOTABLE * curve.error(rows[top] - rows[low])):
        return np.full(2, np.nan), np.full(2, np.nan), np.zeros(2, np.int8)
    time = np.diff(curve.time)[after - 1]
    height = np.diff(curve.value)[after - 1]
    part = (curve.value[[low, top]].mean() - curve.value[after - 1]) / height
    row = (1 - part) * rows[after - 1] + part * rows[after] - (rows[top] + rows[low]) / 2
    rising = top == len(rows) - 1 and curve.slope[-1] > 2 * curve.error(curve.slope_rows[-1])

    def both(value: np.ndarray) -> np.ndarray:
        low, top, after = _places(value)
        half = value[[low, top]].mean()
        around = slice(after - 1, after + 1)
        return np.array([np.interp(half, value[around], curve.time[around]), value[top]])

    return (
        both(curve.value) - curve.bias(both),
        np.array([curve.error(row) * time / height, curve.error(rows[top])]),
        np.array([0, rising], np.int8),
    )


def _places(value: np.ndarray) -> tuple[int, int, int]:
    """Return where a curve is lowest before its maximum, its maximum, and the first beyond half."""
    top = int(np.argmax(value))
    low = int(np.argmin(value[: top + 1]))
    beyond = value[low + 1 : top + 1] >= value[[low, top]].mean()
    return low, top, min(low + 1 + int(np.argmax(beyond)) if len(beyond) else 1, len(value) - 1)

"""Measures: numbers that are computed from a trace without a fit."""

from __future__ import annotations

import numpy as np


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

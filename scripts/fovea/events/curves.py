"""Curves of many cells over the time since an event, with intervals of their median."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fovea.fits.solver.uncertainty import LEVEL

CURVE = ["time", "median", "lower_quartile", "upper_quartile", "median_low", "median_high", "cells"]
_ROUNDING = 1e-6  # of a step


def aligned_curve(
    since: np.ndarray, value: np.ndarray, cell: np.ndarray, event: np.ndarray, step: float
) -> pd.DataFrame:
    """Return the quartiles of cells by the time since their event, one row per step.

    Steps are counted from the event, so that none holds values from before and after it. What a
    cell has in a step is averaged; steps without any value are left out.

    Parameters
    ----------
    since : (R,) float64
        Time since the event.
    value : (R,) float64
        Not missing.
    cell, event : (R,) int64
        Which cell, and which event. Cells of one event, such as sisters, are not independent.
    step : float
        Length of a step, above 0.

    Returns
    -------
    DataFrame
        Columns `CURVE`; `time` is the middle of the step, and `median_low` and `median_high` are
        the interval of `median_interval`.
    """
    place = np.floor(since / step + _ROUNDING).astype(np.int64)
    rows = pd.DataFrame({"place": place, "event": event, "cell": cell, "value": value})
    means = rows.groupby(["place", "event", "cell"], sort=True)["value"].mean().reset_index()
    found = []
    for place, part in means.groupby("place", sort=True):
        values = part["value"].to_numpy()
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        ends = median_interval(values, part["event"].to_numpy())
        found.append(((place + 0.5) * step, middle, low, high, *ends, len(values)))
    table = pd.DataFrame(found, columns=CURVE)
    return table.astype(dict.fromkeys(CURVE[:-1], float) | {"cells": np.int64})


def median_interval(value: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a median, from order statistics and the binomial distribution.

    Values of a group need not be independent: the binomial distribution is that of the effective
    number of values, n (n / 4) / Σ d² but at most n, where d is the number of a group's values
    below the median less half of them (Korn and Graubard 1998). Where each group has one value,
    that is n, and the interval is the exact one of the sign test.

    Parameters
    ----------
    value : (n,) float64
    group : (n,) int64

    Returns
    -------
    float, float
        NaN where there are too few values for an interval, which takes six independent ones.
    """
    from scipy.stats import binom

    count = len(value)
    if count == 0:
        return np.nan, np.nan
    middle = np.median(value)
    side = (value < middle) + 0.5 * (value == middle) - 0.5
    _, whose = np.unique(group, return_inverse=True)
    spread = np.sum(np.bincount(whose, side) ** 2)
    size = int(min(count, count * (count / 4) / max(spread, 1e-12)) + 1e-9)
    rank = int(binom.ppf((1 - LEVEL) / 2, size, 0.5)) if size else 0
    if rank == 0:
        return np.nan, np.nan
    place = int((rank - 0.5) * count / size)
    ordered = np.sort(value)
    return float(ordered[place]), float(ordered[count - 1 - place])

"""Derivatives of models that state none."""

from __future__ import annotations

import numpy as np


def numeric_derivatives(model, wanted, time, *values):
    """Return a model's values and its derivatives as central differences.

    Parameters
    ----------
    model : callable
        ``(time, *parameters) -> values`` with `names`, see `fovea.fits.models.declarations.Model`.
    wanted : sequence of str
        Names of parameters.
    time : (N, T) float64
    *values : (N, 1) float64
        One array for each parameter.

    Returns
    -------
    (N, T) float64
    list of (N, T) float64
    """
    middle = model(time, *values)
    found = []
    for name in wanted:
        i = model.names.index(name)
        value = np.asarray(values[i], float)
        step = np.cbrt(np.finfo(float).eps) * np.maximum(np.abs(value), 1e-3)
        high, low = value + step, value - step
        above = model(time, *values[:i], high, *values[i + 1 :])
        below = model(time, *values[:i], low, *values[i + 1 :])
        found.append((above - below) / (high - low))
    return middle, found

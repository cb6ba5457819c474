"""Values and derivatives of the built-in models; see docs/analysis.md for their sources.

``{model}_derivatives(wanted, time, *parameters)`` returns the model's values and a list with its
derivative for each parameter named in `wanted`, none for ``()``. Times, usually (N, T), and
parameters, usually (N, 1), are broadcast against each other; all arrays are float64. In models
with an onset dt = max(t - t0, 0), and up to the onset t0 there is nothing but the offset.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fovea.fits.models.exponentials import pair, pair_and_twice

Derivatives = tuple[np.ndarray, list[np.ndarray]]


def _pick(wanted, value: np.ndarray, known: dict[str, Callable[[], np.ndarray]]) -> Derivatives:
    """Return the values and the wanted derivatives, which alone are computed."""
    return value, [np.broadcast_to(known[name](), value.shape) for name in wanted]


def _one():
    return np.ones(())


def trivial_derivatives(wanted, time, t0, ktl, delta, beta, offset) -> Derivatives:
    """Translation of decaying mRNA: ktl (exp(-beta dt) - exp(-delta dt)) / (delta - beta)."""
    dt = np.maximum(time - t0, 0.0)
    both, delta_twice = pair_and_twice(dt, delta, beta)
    known = {
        # d/dt of the convolution c of both decays is exp(-beta dt) - delta c
        "t0": lambda: np.where(time > t0, -ktl * (np.exp(-beta * dt) - delta * both), 0.0),
        "ktl": lambda: both,
        "delta": lambda: -ktl * delta_twice,
        "beta": lambda: -ktl * (dt * both - delta_twice),
        "offset": _one,
    }
    return _pick(wanted, ktl * both + offset, known)


_BASE = {
    "time_onset_min": "t0", "ktl_m0_min": "ktl", "mrna_degradation_rate_min": "delta",
    "protein_degradation_rate_min": "beta", "intensity_offset": "offset",
}  # fmt: skip


def base_derivatives(wanted, *arguments) -> Derivatives:
    """Model `trivial` with the parameter names of `base`, in minutes."""
    return trivial_derivatives([_BASE[name] for name in wanted], *arguments)


def _divided_difference(time, a, b):
    """Return (exp(-a t) - exp(-b t)) / (b - a), whose limit for equal rates is t exp(-a t)."""
    x = (b - a) * time
    near = np.abs(x) < 1e-12
    slope = np.where(near, 1.0, -np.expm1(-x) / np.where(near, 1.0, x))
    return time * np.exp(-a * time) * slope


def maturation(time, t0, ktl, km, delta, beta, offset, scale=1.0):
    """Return the fluorescence of the three-stage model of translation and maturation.

    From t0 on, the mRNA m of a cell is translated into immature protein U, which matures into
    the fluorescent protein G; mRNA decays with rate delta, both proteins with rate beta::

        m' = -delta m            m(t0) = 1
        U' = ktl m - (km + beta) U
        G' = km U - beta G       F = scale (G + offset)

    The solution is a sum of three exponentials: ktl km times the second divided difference of
    exp(-r t) at the rates delta, beta and beta + km. That form is exact where rates are equal.

    Parameters
    ----------
    time : array_like
        Time in hours. All arguments are broadcast against each other.
    t0 : array_like
        Onset of translation in hours. Up to t0 the cell shows `offset` alone.
    ktl : array_like
        Translation rate, counts per hour.
    km, delta, beta : array_like
        Rates of maturation, mRNA decay and protein decay, per hour; km > 0.
    offset : array_like
        Fluorescence without the reporter, counts.
    scale : array_like
        Factor applied to the whole.

    Returns
    -------
    numpy.ndarray
        Total fluorescence in counts, float64.
    """
    time, t0, ktl, km, delta, beta = np.broadcast_arrays(time, t0, ktl, km, delta, beta)
    dt = np.maximum(time - t0, 0.0)
    immature = beta + km
    # The difference of nearly equal rates is a limit that `_divided_difference` knows; so the
    # nearest two rates are paired, and the explicit division is by the difference of distant ones.
    near = np.where(np.abs(delta - beta) <= np.abs(delta - immature), beta, immature)
    far = beta + immature - near
    response = _divided_difference(dt, delta, near) - _divided_difference(dt, near, far)
    return scale * (ktl * km * (response / (far - delta)) + offset)


def maturation_derivatives(wanted, time, t0, ktl, km, delta, beta, offset, scale) -> Derivatives:
    """Model `maturation`, written so that its derivatives share their parts.

    The response is ktl km times the convolution of three decays, with rates delta, beta and
    beta + km; its derivative with respect to a rate is minus the convolution in which that rate
    stands twice.
    """
    dt = np.maximum(time - t0, 0.0)
    immature = beta + km
    below = np.abs(delta - beta) <= np.abs(delta - immature)
    near, far = np.where(below, beta, immature), np.where(below, immature, beta)
    mrna, delta_twice = pair_and_twice(dt, delta, near)
    rates = {"km", "beta"} & set(wanted)
    if rates:
        protein, beta_twice = pair_and_twice(dt, beta, immature)
        immature_twice = dt * protein - beta_twice
    else:
        protein = pair(dt, beta, immature)
    distance = 1 / (far - delta)
    three = (mrna - protein) * distance
    gain = scale * ktl * km
    known = {
        "t0": lambda: gain * (delta * three - protein),
        "ktl": lambda: scale * km * three,
        "delta": lambda: (gain * distance) * (three - delta_twice),
        "offset": lambda: scale * _one(),
        "scale": lambda: ktl * km * three + offset,
    }
    if rates:
        near_twice = dt * mrna - delta_twice
        near_again = (near_twice - np.where(below, beta_twice, immature_twice)) * distance
        far_again = (three - np.where(below, immature_twice, beta_twice)) * distance
        immature_again = np.where(below, far_again, near_again)
        known["km"] = lambda: scale * ktl * three - gain * immature_again
        known["beta"] = lambda: -gain * (near_again + far_again)
    return _pick(wanted, gain * three + scale * offset, known)


def maturation_blocked_derivatives(wanted, time, t0, G0, Gu0, km, beta, offset) -> Derivatives:
    """Decay after a block: (G0 + Gu0) exp(-beta dt) - Gu0 exp(-(beta + km) dt) from t0 on."""
    after = time > t0
    dt = np.maximum(time - t0, 0.0)
    mature, immature = np.exp(-beta * dt), np.exp(-(beta + km) * dt)
    matured = mature - immature
    known = {
        "t0": lambda: after * ((G0 + Gu0) * beta * mature - Gu0 * (beta + km) * immature),
        "G0": lambda: after * mature,
        "Gu0": lambda: after * matured,
        "km": lambda: Gu0 * dt * immature,
        "beta": lambda: -dt * (G0 * mature + Gu0 * matured),
        "offset": _one,
    }
    return _pick(wanted, after * (G0 * mature + Gu0 * matured) + offset, known)


def twostage_derivatives(wanted, time, t0, k_tl, k_m, beta, offset) -> Derivatives:
    """Saturation and decay: k_tl (1 - exp(-k_m dt)) exp(-beta dt)."""
    dt = np.maximum(time - t0, 0.0)
    decay = np.exp(-beta * dt)
    rest = np.exp(-k_m * dt)
    shape = -np.expm1(-k_m * dt) * decay
    known = {
        "t0": lambda: np.where(time > t0, k_tl * (beta * shape - k_m * rest * decay), 0.0),
        "k_tl": lambda: shape,
        "k_m": lambda: k_tl * dt * rest * decay,
        "beta": lambda: -k_tl * dt * shape,
        "offset": _one,
    }
    return _pick(wanted, k_tl * shape + offset, known)


def exponential_decay_derivatives(wanted, time, t0, amplitude, rate, offset) -> Derivatives:
    """Exponential decay: amplitude exp(-rate dt)."""
    dt = np.maximum(time - t0, 0.0)
    decay = np.exp(-rate * dt)
    known = {
        "t0": lambda: np.where(time > t0, amplitude * rate * decay, 0.0),
        "amplitude": lambda: decay,
        "rate": lambda: -amplitude * dt * decay,
        "offset": _one,
    }
    return _pick(wanted, amplitude * decay + offset, known)


def line_derivatives(wanted, time, slope, offset) -> Derivatives:
    """Straight line: slope t + offset."""
    return _pick(wanted, slope * time + offset, {"slope": lambda: time, "offset": _one})


def onset_derivatives(wanted, time, onset, slope, offset) -> Derivatives:
    """Line that begins to rise at its onset: slope max(t - onset, 0)."""
    dt = np.maximum(time - onset, 0.0)
    rise = {"onset": lambda: np.where(time > onset, -slope, 0.0)}
    return _pick(wanted, slope * dt + offset, rise | {"slope": lambda: dt, "offset": _one})


def logistic_derivatives(wanted, time, t_max, max_rate, steepness, offset) -> Derivatives:
    """Logistic rise: (4 max_rate / steepness) / (1 + exp(-steepness (t - t_max)))."""
    since = time - t_max
    # exp of a large number is infinite, and its inverse the right limit
    with np.errstate(over="ignore"):
        part = 1 / (1 + np.exp(-steepness * since))
    slope = part * (1 - part)  # of `part`, by steepness (t - t_max)
    shape = 4 / steepness * part
    known = {
        "t_max": lambda: -4 * max_rate * slope,
        "max_rate": lambda: shape,
        "steepness": lambda: max_rate / steepness * (4 * since * slope - shape),
        "offset": _one,
    }
    return _pick(wanted, max_rate * shape + offset, known)


def gompertz_derivatives(wanted, time, t_max, max_rate, steepness, offset) -> Derivatives:
    """Rise of Gompertz: (e max_rate / steepness) exp(-exp(-steepness (t - t_max)))."""
    since = time - t_max
    left = np.exp(np.minimum(-steepness * since, 30.0))  # beyond that, exp(-left) is 0
    part = np.exp(-left)
    slope = left * part
    shape = np.e / steepness * part
    known = {
        "t_max": lambda: -np.e * max_rate * slope,
        "max_rate": lambda: shape,
        "steepness": lambda: max_rate / steepness * (np.e * since * slope - shape),
        "offset": _one,
    }
    return _pick(wanted, max_rate * shape + offset, known)


def numeric_derivatives(model, wanted, time, *values):
    """Return the values and the wanted derivatives of a `Model`, as central differences."""
    found = []
    for name in wanted:
        i = model.names.index(name)
        value = np.asarray(values[i], float)
        step = np.cbrt(np.finfo(float).eps) * np.maximum(np.abs(value), 1e-3)
        high, low = value + step, value - step
        above = model(time, *values[:i], high, *values[i + 1 :])
        below = model(time, *values[:i], low, *values[i + 1 :])
        found.append((above - below) / (high - low))
    return model(time, *values), found

"""The models' functions and their derivatives.

Each function takes times and parameters that are broadcast against each other, usually times
(N, T) and parameters (N, 1), and returns the model's values. `..._derivatives` takes the names of
the wanted derivatives first and returns the values and a list of derivatives.
In all models dt = max(t - t0, 0), and nothing but the offset is seen up to the onset t0.
The formulas are those that PyAMA uses; docs/analysis.md states them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fovea.fits.models.exponentials import pair, pair_and_twice
from fovea.simulation.model import maturation

__all__ = ["maturation"]

Derivatives = tuple[np.ndarray, list[np.ndarray]]


def _pick(
    wanted: Sequence[str], value: np.ndarray, known: dict[str, Callable[[], np.ndarray]]
) -> Derivatives:
    return value, [np.broadcast_to(known[name](), value.shape) for name in wanted]


def _one():
    return np.ones(())


def trivial(time, t0, ktl, delta, beta, offset):
    """Translation of decaying mRNA: ktl (exp(-beta dt) - exp(-delta dt)) / (delta - beta)."""
    return ktl * pair(np.maximum(time - t0, 0.0), delta, beta) + offset


def trivial_derivatives(wanted, time, t0, ktl, delta, beta, offset) -> Derivatives:
    """Return `trivial` and its derivatives."""
    dt = np.maximum(time - t0, 0.0)
    both, delta_twice = pair_and_twice(dt, delta, beta)
    known = {
        # in time, the convolution grows by exp(-beta dt) - delta times itself
        "t0": lambda: np.where(time > t0, -ktl * (np.exp(-beta * dt) - delta * both), 0.0),
        "ktl": lambda: both,
        "delta": lambda: -ktl * delta_twice,
        "beta": lambda: -ktl * (dt * both - delta_twice),
        "offset": _one,
    }
    return _pick(wanted, ktl * both + offset, known)


# The same with the names and the order of the parameters of `base`.
_BASE = {
    "time_onset_min": "t0",
    "ktl_m0_min": "ktl",
    "mrna_degradation_rate_min": "delta",
    "protein_degradation_rate_min": "beta",
    "intensity_offset": "offset",
}


def base_derivatives(wanted, *arguments) -> Derivatives:
    """Return `trivial` and its derivatives by the names of the model `base`."""
    return trivial_derivatives([_BASE[name] for name in wanted], *arguments)


def maturation_derivatives(wanted, time, t0, ktl, km, delta, beta, offset, scale) -> Derivatives:
    """Return `fovea.simulation.model.maturation` and its derivatives.

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


def maturation_blocked(time, t0, G0, Gu0, km, beta, offset):
    """Decay after a block of translation: G0 exp(-beta dt) and what matures from Gu0."""
    return maturation_blocked_derivatives((), time, t0, G0, Gu0, km, beta, offset)[0]


def maturation_blocked_derivatives(wanted, time, t0, G0, Gu0, km, beta, offset) -> Derivatives:
    """Return `maturation_blocked` and its derivatives."""
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


def twostage(time, t0, k_tl, k_m, beta, offset):
    """Return saturation times decay: k_tl (1 - exp(-k_m dt)) exp(-beta dt)."""
    return twostage_derivatives((), time, t0, k_tl, k_m, beta, offset)[0]


def twostage_derivatives(wanted, time, t0, k_tl, k_m, beta, offset) -> Derivatives:
    """Return `twostage` and its derivatives."""
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


def exponential_decay(time, t0, amplitude, rate, offset):
    """Return amplitude exp(-rate dt)."""
    return exponential_decay_derivatives((), time, t0, amplitude, rate, offset)[0]


def exponential_decay_derivatives(wanted, time, t0, amplitude, rate, offset) -> Derivatives:
    """Return `exponential_decay` and its derivatives."""
    dt = np.maximum(time - t0, 0.0)
    decay = np.exp(-rate * dt)
    known = {
        "t0": lambda: np.where(time > t0, amplitude * rate * decay, 0.0),
        "amplitude": lambda: decay,
        "rate": lambda: -amplitude * dt * decay,
        "offset": _one,
    }
    return _pick(wanted, amplitude * decay + offset, known)


def line(time, slope, offset):
    """Return a straight line."""
    return slope * time + offset


def line_derivatives(wanted, time, slope, offset) -> Derivatives:
    """Return `line` and its derivatives."""
    known = {"slope": lambda: time, "offset": _one}
    return _pick(wanted, slope * time + offset, known)


def shifted_relu(time, onset, slope, offset):
    """Return a line that begins to rise at its onset: slope max(t - onset, 0)."""
    return slope * np.maximum(time - onset, 0.0) + offset


def shifted_relu_derivatives(wanted, time, onset, slope, offset) -> Derivatives:
    """Return `shifted_relu` and its derivatives."""
    dt = np.maximum(time - onset, 0.0)
    known = {
        "onset": lambda: np.where(time > onset, -slope, 0.0),
        "slope": lambda: dt,
        "offset": _one,
    }
    return _pick(wanted, slope * dt + offset, known)

"""Fluorescence of the simulated cells: the three-stage maturation model and its parameters.

A cell takes up mRNA at t0. The mRNA m is translated into immature protein, which matures and is
then seen; mRNA decays with rate delta, both proteins with rate beta::

    m' = -delta m            m(t0) = 1
    U' = ktl m - (km + beta) U
    G' = km U - beta G       F = scale (G + offset)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARAMETERS = ("t0", "ktl", "km", "delta", "beta", "offset", "scale")


def _difference(time, a, b):
    """Return (exp(-a t) - exp(-b t)) / (b - a), whose limit for equal rates is t exp(-a t)."""
    x = (b - a) * time
    near = np.abs(x) < 1e-12
    slope = np.where(near, 1.0, -np.expm1(-x) / np.where(near, 1.0, x))
    return time * np.exp(-a * time) * slope


def maturation(time, t0, ktl, km, delta, beta, offset, scale=1.0):
    """Return the fluorescence of the three-stage translation-maturation model.

    The sum of three exponentials, F = scale (ktl (f1 + f2 + f3) [t > t0] + offset), is ktl km
    times the second divided difference of exp(-r t) at the rates delta, beta and beta + km.
    In that form it is exact where delta equals, or nearly equals, one of the other two.

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
    # The two rates nearest each other go into one difference; the division is by a far pair.
    near = np.where(np.abs(delta - beta) <= np.abs(delta - immature), beta, immature)
    far = beta + immature - near
    response = (_difference(dt, delta, near) - _difference(dt, near, far)) / (far - delta)
    return scale * (ktl * km * response + offset)


@dataclass(frozen=True)
class Sample:
    """Medians of a sample's kinetic parameters; single cells scatter log-normally around them."""

    name: str
    ktl: float = 60_000.0  # counts/h
    delta: float = 0.07  # 1/h
    offset: float = 33_000.0  # counts
    km: float = 1.28  # 1/h, the same in all cells
    beta: float = 5.22e-3  # 1/h, the same in all cells
    spread: float = 0.15  # standard deviation of the logarithms of ktl, delta and offset

    def draw(self, rng: np.random.Generator, cells: int) -> dict[str, np.ndarray]:
        """Draw parameters of `cells` cells; returns one (N,) float64 array per parameter."""

        def scattered(median):
            return median * np.exp(self.spread * rng.standard_normal(cells))

        return {
            "t0": rng.uniform(0.0, 1.0, cells),
            "ktl": scattered(self.ktl),
            "km": np.full(cells, self.km),
            "delta": scattered(self.delta),
            "beta": np.full(cells, self.beta),
            "offset": scattered(self.offset),
            "scale": np.ones(cells),
        }


SAMPLES = (Sample("control"), Sample("treated", ktl=36_000.0, delta=0.16))

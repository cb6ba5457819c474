"""Kinetic parameters of the simulated cells, for the model `maturation` of fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARAMETERS = ("t0", "ktl", "km", "delta", "beta", "offset", "scale")


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

"""Populations of cells with known distributions, and how well they are found again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fovea.fits.fit_table import table_of
from fovea.fits.population_tables import difference_table, estimate_populations, positive
from fovea.fits.settings import settings_of
from fovea.fits.solver.least_squares import fit_traces
from support.simulated_traces import Disturbance, evaluate, grid, model_of


@dataclass
class Cells:
    """A population of cells, and the traces that are recorded of them.

    Attributes
    ----------
    model : str
    draw : dict
        Mean and standard deviation of each fitted parameter: of logarithms where these are taken,
        see `fovea.fits.population_tables.positive`.
    correlated : tuple
        Two of these parameters whose correlation is 0.5; others have none.
    noise : float
    time : ndarray
    how : Disturbance
    parameters : dict
        Key of the entry of `analysis`.
    """

    model: str
    draw: dict[str, tuple[float, float]]
    correlated: tuple[str, str]
    noise: float
    time: np.ndarray
    how: Disturbance = field(default_factory=lambda: Disturbance(frames=60))
    parameters: dict = field(default_factory=dict)

    @property
    def correlation(self) -> np.ndarray:
        i, j = (list(self.draw).index(name) for name in self.correlated)
        matrix = np.eye(len(self.draw))
        matrix[i, j] = matrix[j, i] = 0.5
        return matrix

    def sample(self, count: int, seed: int, **change: float):
        """Settings and table of fits of so many cells, and their parameters as in `draw`, (N, K).

        `change` is added to single means.
        """
        rng, time = np.random.default_rng(seed), self.how.times(self.time)
        settings = settings_of({"model": self.model, "parameters": self.parameters})
        assert settings.fitted == tuple(self.draw)
        mean, spread = np.array(list(self.draw.values())).T
        mean = mean + np.array([change.get(name, 0.0) for name in self.draw])
        drawn = rng.standard_normal((count, len(mean))) @ np.linalg.cholesky(self.correlation).T
        drawn = mean + spread * drawn
        values = np.tile(np.array(settings.values), (count, 1))
        columns = [settings.model.names.index(name) for name in self.draw]
        logs = positive(settings)
        values[:, columns] = np.where(logs, np.exp(np.where(logs, drawn, 0.0)), drawn)
        traces = evaluate(model_of(self.model), time, values)
        traces = traces + self.how.draw(rng, time, traces, self.noise)
        table = table_of(settings, fit_traces(settings, grid(time, count), traces))
        return settings, table.assign(fov=0, cell=range(count)), drawn


_TOGETHER = 1200
_HOURS = np.array([0.0, 30.0])  # the span of the recordings
_ONSET = {"t0": {"low": -3, "high": 3}}
_MATURATION = {"t0": (0.5, 0.15), "ktl": (np.log(6e4), 0.03), "delta": (np.log(0.07), 0.04),
               "offset": (33e3, 5e3)}  # fmt: skip
#: Fitted values of one or more parameters are some 30 % to 45 % too wide.
POPULATIONS = {
    "maturation": Cells("maturation", _MATURATION, ("ktl", "delta"), 7500.0, _HOURS,
                        parameters=_ONSET),
    "maturation, AR(1) 0.7": Cells(
        "maturation", _MATURATION, ("ktl", "delta"), 4000.0, _HOURS,
        Disturbance(0.7, frames=120), _ONSET),
    "exponential_decay": Cells(
        "exponential_decay", {"amplitude": (np.log(1e3), 0.05), "rate": (np.log(0.2), 0.1),
                              "offset": (300.0, 20.0)}, ("amplitude", "rate"), 60.0, _HOURS),
    "trivial, kink": Cells(
        "trivial", {"t0": (3.0, 0.1), "ktl": (np.log(2e3), 0.05), "delta": (np.log(0.3), 0.1),
                    "beta": (np.log(0.03), 0.1), "offset": (1000.0, 30.0)}, ("ktl", "delta"), 60.0,
        _HOURS, Disturbance(frames=120)),
}  # fmt: skip


@dataclass
class Found:
    """What was found of samples of a population, by parameter: arrays are (K,).

    Attributes
    ----------
    raw, deviation : ndarray
        Median standard deviations of fitted values and of the population, over the true one.
    mean_inside, deviation_inside, difference_inside : ndarray
        Shares of 95 % intervals that hold the truth; the latter are of pairs of samples.
    correlation_inside : float
        The same, over all pairs of parameters.
    converged : float
    """

    raw: np.ndarray
    deviation: np.ndarray
    mean_inside: np.ndarray
    deviation_inside: np.ndarray
    difference_inside: np.ndarray
    correlation_inside: float
    converged: float


def found_of(cells: Cells, count: int, samples: int, seed: int = 0) -> Found:
    """Estimate the populations of so many samples of `count` cells each; each two are compared.

    Some `_TOGETHER` cells are fitted together, so that fits know the noise a little better than
    those of a single sample.
    """
    mean, spread = np.array(list(cells.draw.values())).T
    upper = np.triu_indices(len(mean), 1)
    correlation = cells.correlation[upper]
    rows, pairs, differences, several = [], [], [], max(2 * (_TOGETHER // (2 * count)), 2)
    for number in range(0, samples, several):
        settings, table, _ = cells.sample(several * count, seed + number)
        parts = [table.iloc[k * count : (k + 1) * count] for k in range(several)]
        for two in zip(parts[::2], parts[1::2], strict=True):
            both = estimate_populations(settings, dict(zip("ab", two, strict=True)))
            compared = difference_table(settings, both)
            differences.append((compared["ci_low"] <= 0) & (compared["ci_high"] >= 0))
            for _, _, found in both.values():
                (low, high), (least, most) = found.mean_interval, found.deviation_interval
                rows.append([
                    found.raw_deviation / spread, found.deviation / spread,
                    (low <= mean) & (mean <= high), (least <= spread) & (spread <= most),
                    np.full(len(mean), found.converged),
                ])  # fmt: skip
                low, high = found.correlation_interval[:, *upper]
                # a correlation that is not known is no statement that could be wrong
                pairs.append(~((low > correlation) | (high < correlation)))
    rows = np.array(rows, float)
    return Found(
        np.median(rows[:, 0], axis=0), np.median(rows[:, 1], axis=0), rows[:, 2].mean(axis=0),
        rows[:, 3].mean(axis=0), np.mean(differences, axis=0), float(np.mean(pairs)),
        float(rows[:, 4].mean()),
    )  # fmt: skip

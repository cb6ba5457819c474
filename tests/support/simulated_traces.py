"""Traces with known parameters, and merged tables made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.fits.fit_table import messages, success
from fovea.fits.models.declarations import Model
from fovea.fits.settings import settings_of
from fovea.fits.solver.least_squares import fit_traces
from fovea.plugins.registry import MODELS, load


def model_of(name: str) -> Model:
    """A built-in model."""
    return load(MODELS, name)


def evaluate(model: Model, time: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Values (N, T) of a model at times (T,) or (N, T), for parameters (N, P)."""
    columns = [parameters[:, i, None] for i in range(parameters.shape[1])]
    time = np.broadcast_to(time, (len(parameters), np.shape(time)[-1]))
    return np.array(np.broadcast_to(model(time, *columns), time.shape))


@dataclass
class Case:
    """A model, how its parameters are drawn, and noise at which they can be identified.

    `draw` maps a parameter to (median, spread of its logarithm), or to (low, high) as a list for
    a uniform one; parameters that are not named keep their default.
    """

    model: str
    draw: dict
    noises: tuple[float, ...]
    fitted: tuple[str, ...]
    time: np.ndarray
    parameters: dict

    def parameters_of(self, rng: np.random.Generator, count: int) -> np.ndarray:
        model = model_of(self.model)
        columns = []
        for parameter in model.parameters:
            how = self.draw.get(parameter.name, (parameter.default, 0.0))
            if isinstance(how, list):
                columns.append(rng.uniform(*how, count))
            else:
                columns.append(how[0] * np.exp(how[1] * rng.standard_normal(count)))
        return np.stack(columns, axis=1)

    def settings(self, **more):
        return settings_of({"model": self.model, "parameters": self.parameters, **more})


HOURS = np.arange(180) / 6
S = 0.15
CASES = {
    "maturation": Case(
        "maturation",
        {"t0": [0.2, 0.8], "ktl": (6e4, S), "delta": (0.07, S), "offset": (33e3, S)},
        (600.0, 3000.0, 10000.0),
        ("t0", "ktl", "delta", "offset"), HOURS, {},
    ),
    "trivial": Case(
        "trivial",
        {"t0": [1, 5], "ktl": (2e3, S), "delta": (0.3, S), "beta": (0.03, S), "offset": (1e3, S)},
        (5.0, 20.0, 100.0),
        ("t0", "ktl", "delta", "beta", "offset"), HOURS, {},
    ),
    "base": Case(
        "base",
        {"time_onset_min": [60, 300], "ktl_m0_min": (30, S),
         "mrna_degradation_rate_min": (0.005, S), "intensity_offset": (1e3, S)},
        (20.0, 100.0, 300.0),
        ("time_onset_min", "ktl_m0_min", "mrna_degradation_rate_min", "intensity_offset"),
        HOURS * 60, {},
    ),
    "twostage": Case(
        "twostage",
        {"t0": [1, 5], "k_tl": (2e3, S), "k_m": (0.5, S), "beta": (0.03, S), "offset": (100, S)},
        (5.0, 20.0, 60.0),
        ("t0", "k_tl", "k_m", "beta", "offset"), HOURS, {},
    ),
    "maturation_blocked": Case(
        "maturation_blocked",
        {"t0": (0, 0), "G0": (1e3, S), "Gu0": (2e3, S), "km": (1.28, S), "beta": (0.1, S),
         "offset": (300, S)},
        (5.0, 20.0, 80.0),
        ("G0", "Gu0", "km", "beta", "offset"), HOURS, {"t0": {"fit": False, "value": -0.01}},
    ),
    "exponential_decay": Case(
        "exponential_decay",
        {"amplitude": (1e3, S), "rate": (0.2, S), "offset": (300, S)},
        (5.0, 50.0, 150.0),
        ("amplitude", "rate", "offset"), HOURS, {},
    ),
    "line": Case("line", {"slope": (100, S), "offset": (300, S)}, (10.0, 300.0),
                 ("slope", "offset"), HOURS, {}),
    "onset": Case("onset", {"onset": [1.0, 2.5], "slope": (1e3, S), "offset": (300, S)},
                  (10.0, 50.0, 150.0), ("onset", "slope", "offset"), np.arange(0, 4, 1 / 12), {}),
}  # fmt: skip
CASES["maturation_blocked"].draw["t0"] = (-0.01, 0.0)


def noisy(case: Case, noise: float, count: int, seed: int):
    """True parameters (N, P) and traces (N, T) with Gaussian noise of a standard deviation."""
    rng = np.random.default_rng(seed)
    parameters = case.parameters_of(rng, count)
    values = evaluate(model_of(case.model), case.time, parameters)
    return parameters, values + noise * rng.standard_normal(values.shape)


def grid(time: np.ndarray, count: int) -> np.ndarray:
    """The same times (T,) for all cells, (N, T)."""
    return np.tile(time, (count, 1))


@dataclass
class Score:
    """How fits of many simulated traces compare with the truth, for one parameter.

    Attributes
    ----------
    bias : float
        Median error, as a share of the median true value.
    shift : float
        Median error, as a share of the median standard error.
    coverage : float
        Share of the 95 % intervals that hold the true value.
    """

    bias: float
    shift: float
    coverage: float


def scores(case: Case, noise: float, count: int, seed: int) -> tuple[float, dict[str, Score]]:
    """The share of fits that succeed, and what these are like, by parameter."""
    truth, values = noisy(case, noise, count, seed)
    settings = case.settings()
    assert settings.fitted == case.fitted
    fits = fit_traces(settings, grid(case.time, count), values)
    good = success(settings, fits)
    found = {}
    for k, name in enumerate(case.fitted):
        column = settings.model.names.index(name)
        true, error = truth[good, column], fits.values[good, column] - truth[good, column]
        inside = (fits.low[good, k] <= true) & (true <= fits.high[good, k])
        middle = np.median(error)
        found[name] = Score(
            float(middle / np.median(np.abs(true))),
            float(middle / np.median(fits.error[good, k])),
            float(inside.mean()),
        )
    return float(good.mean()), found


def fit_one(model: str, time, value, **more):
    """Settings and fit of one trace, its message, and whether it succeeded."""
    settings = settings_of({"model": model, **more})
    fits = fit_traces(settings, np.asarray(time, float)[None], np.asarray(value, float)[None])
    return settings, fits, messages(settings, fits)[0], bool(success(settings, fits)[0])

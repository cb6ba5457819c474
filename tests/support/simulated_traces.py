"""Traces with known parameters, and merged tables made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    "logistic": Case("logistic", {"t_max": [8, 15], "max_rate": (2e3, S), "steepness": (0.5, S),
                                  "offset": (1e3, S)},
                     (50.0, 300.0, 1000.0), ("t_max", "max_rate", "steepness", "offset"), HOURS,
                     {}),
    "gompertz": Case("gompertz", {"t_max": [6, 12], "max_rate": (2e3, S), "steepness": (0.4, S),
                                  "offset": (1e3, S)},
                     (50.0, 300.0, 1000.0), ("t_max", "max_rate", "steepness", "offset"), HOURS,
                     {}),
}  # fmt: skip
CASES["maturation_blocked"].draw["t0"] = (-0.01, 0.0)


def noisy(case: Case, noise: float, count: int, seed: int):
    """True parameters (N, P) and traces (N, T) with Gaussian noise of a standard deviation."""
    rng = np.random.default_rng(seed)
    parameters = case.parameters_of(rng, count)
    values = evaluate(model_of(case.model), case.time, parameters)
    return parameters, values + noise * rng.standard_normal(values.shape)


@dataclass
class Disturbance:
    """Noise of traces that is more than independent noise of one size.

    Attributes
    ----------
    correlation : float
        Of neighbouring values at the mean interval between frames (AR(1), at irregular times too).
    share : float
        Part of the variance that is correlated.
    spread : float
        Standard deviation of the logarithm of a cell's noise.
    relative : float
        Noise as a share of the value, added to a tenth of the constant noise.
    bright : bool
        Whether a cell's noise is proportional to its brightness.
    frames : int
    irregular : bool
        Whether intervals differ, by up to a factor of 30, and a pause interrupts the recording.
    """

    correlation: float = 0.0
    share: float = 1.0
    spread: float = 0.0
    relative: float = 0.0
    bright: bool = False
    frames: int = 180
    irregular: bool = False

    def times(self, time: np.ndarray) -> np.ndarray:
        """As many times, over the same span."""
        if not self.irregular:
            return np.linspace(time[0], time[-1], self.frames)
        steps = np.random.default_rng(self.frames).exponential(1.0, self.frames - 1) + 0.1
        steps[self.frames // 2] += 0.05 * self.frames
        return time[0] + np.append(0.0, np.cumsum(steps)) * np.ptp(time) / steps.sum()

    def draw(
        self, rng: np.random.Generator, time: np.ndarray, values: np.ndarray, noise: float
    ) -> np.ndarray:
        """Noise for values (N, T) at times (T,)."""
        count, frames = values.shape
        alone, process = rng.standard_normal((2, count, frames))
        if self.correlation:
            step = np.ptp(time) / (frames - 1)
            for k in range(1, frames):
                kept = self.correlation ** ((time[k] - time[k - 1]) / step)
                process[:, k] = kept * process[:, k - 1] + np.sqrt(1 - kept**2) * process[:, k]
        unit = np.sqrt(self.share) * process + np.sqrt(1 - self.share) * alone
        size = np.exp(self.spread * rng.standard_normal((count, 1)))
        if self.bright:
            size *= np.ptp(values, axis=1, keepdims=True) / np.median(np.ptp(values, axis=1))
        level = noise
        if self.relative:
            level = np.hypot(0.1 * noise, self.relative * values)
        return size * level * unit


KM_FREE = replace(
    CASES["maturation"], draw=CASES["maturation"].draw | {"km": (1.28, S)}, noises=(600.0,),
    fitted=("t0", "ktl", "km", "delta", "offset"), parameters={"km": {"fit": True}},
)  # fmt: skip
_BRIGHT = replace(CASES["maturation"], draw=CASES["maturation"].draw | {"ktl": (6e4, 0.6)})

#: Cells, noise, what else disturbs them and further keys of `analysis`, by what it is called.
DISTURBED = {
    f"AR(1) {r:g}, {frames} {word}": (CASES["maturation"], 3000.0, Disturbance(
        r, frames=frames, irregular=word == "irregular"), {})
    for r in (0.0, 0.4, 0.7, 0.85) for frames in (60, 120, 240) for word in ("frames", "irregular")
} | {
    "half of it AR(1) 0.9": (CASES["maturation"], 3000.0, Disturbance(0.9, share=0.5), {}),
    "noise of each cell": (_BRIGHT, 3000.0, Disturbance(spread=0.5, bright=True),
                           {"weighting": "noise"}),
    "the same, relative": (_BRIGHT, 3000.0, Disturbance(spread=0.5, relative=0.02),
                           {"weighting": "noise"}),
    "the same, AR(1) 0.7": (_BRIGHT, 3000.0, Disturbance(0.7, spread=0.5, relative=0.02),
                            {"weighting": "noise"}),
    "km free": (KM_FREE, 600.0, Disturbance(), {}),
    "km free, AR(1) 0.7": (KM_FREE, 600.0, Disturbance(0.7, frames=240), {}),
    "kink, AR(1) 0.7": (CASES["trivial"], 20.0, Disturbance(0.7), {}),
    "kink, AR(1) 0.85, 60 frames": (CASES["trivial"], 20.0, Disturbance(0.85, frames=60), {}),
}  # fmt: skip

#: The same of models whose maximal rate is a parameter.
RISES = {
    f"`{name}`, AR(1) {r:g}, {frames} {word}": (CASES[name], 500.0, Disturbance(
        r, frames=frames, irregular=word == "irregular"), {})
    for name in ("logistic", "gompertz") for r in (0.0, 0.7) for frames in (60, 120, 240)
    for word in ("frames", "irregular")
}  # fmt: skip


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


def scores(
    case: Case, noise: float, count: int, seed: int, how: Disturbance | None = None, **more
) -> tuple[float, dict[str, Score]]:
    """The share of fits that succeed, and what these are like, by parameter.

    `more` are further keys of the entry of `analysis`.
    """
    if how is None:
        time, (truth, values) = case.time, noisy(case, noise, count, seed)
    else:
        rng, time = np.random.default_rng(seed), how.times(case.time)
        truth = case.parameters_of(rng, count)
        values = evaluate(model_of(case.model), time, truth)
        values = values + how.draw(rng, time, values, noise)
    settings = case.settings(**more)
    assert settings.fitted == case.fitted
    fits = fit_traces(settings, grid(time, count), values)
    return scores_of(case, settings, fits, truth)


def scores_of(case: Case, settings, fits, truth) -> tuple[float, dict[str, Score]]:
    """The same of fits of cells whose parameters are `truth` (N, P)."""
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

"""Declarations of the models: names, units, defaults and bounds of their parameters.

This module does not import numpy, because every job checks the config against the declarations.
Formulas, defaults and bounds are those of PyAMA; docs/analysis.md states them and their sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Attributes
    ----------
    name : str
        Its name in the config and in tables.
    title : str
        What it is, for plots.
    unit : str
        With ``{y}`` for the unit of the trace; times in the model's unit of time.
    default : float
        Where the fit starts, or the value of a fixed parameter.
    low, high : float or None
        Bounds of the fit. None: the last time of the trace for `high`; for `low`, the time that
        lies before the first time by the duration of the trace.
    fixed : bool
        Whether it is kept at its value unless the config says otherwise.
    kind : {"onset", "rate", "linear", "other"}
        Determines the starting points. The model is jointly linear in all parameters of the
        kind "linear".
    """

    name: str
    title: str
    unit: str
    default: float
    low: float | None
    high: float | None
    fixed: bool = False
    kind: str = "other"


@dataclass(frozen=True)
class Model:
    """A model of a trace.

    Attributes
    ----------
    name, title : str
    time_unit : {"s", "min", "h"}
        Unit of times and rates of its parameters; the data's times are converted to it.
    parameters : tuple of Parameter
        In the order of the function's arguments.
    function : str or callable, optional
        ``(time, *parameters) -> values``: ``"module:name"`` or the function itself. Without it
        the values are those that `derivatives` returns.
    derivatives : str or callable, optional
        ``(wanted, time, *parameters) -> values, [derivative for each wanted name]``, see
        `fovea.fits.models.formulas`. Without it derivatives are taken numerically.
    window : float, optional
        Duration after the first time of a trace that is fitted, unless the config says otherwise.
    smooth : bool
        Whether the curve has no kink at its onset, so that the uncertainty of the onset follows
        from the curvature of the cost; otherwise it is computed from the profile of the cost.
    branches : tuple of str
        Names of the branches of a model that has the same curve at several points of parameter
        space, the preferred one first. A branch is called after the rate that it makes fast; the
        rates of the first two are those that can be exchanged.
    equivalents : str or callable, optional
        ``(**parameters) -> {branch: parameters that differ}``, see `fovea.fits.models.branches`.
    measure : str or callable, optional
        Replaces the fit: ``(time, value) -> parameters, errors``, see `fovea.fits.models.measures`.
    of_curve : bool
        Whether the measure is one of the smooth curve instead, see `fovea.fits.solver.curves`:
        ``(curve) -> parameters, errors, bounds``, the last as in `fovea.fits.solver.statistics`.
    """

    name: str
    title: str
    time_unit: str
    parameters: tuple[Parameter, ...]
    function: str | Callable | None = field(default=None, repr=False)
    derivatives: str | Callable | None = field(default=None, repr=False)
    window: float | None = None
    smooth: bool = False
    branches: tuple[str, ...] = ()
    equivalents: str | Callable | None = field(default=None, repr=False)
    measure: str | Callable | None = field(default=None, repr=False)
    of_curve: bool = False

    def __post_init__(self):
        if self.function is self.derivatives is self.measure is None:
            raise TypeError(f"model {self.name} has neither function nor derivatives nor measure")

    @property
    def names(self) -> list[str]:
        """Names of all parameters."""
        return [parameter.name for parameter in self.parameters]

    def exchangeable(self, fitted: Sequence[str]) -> bool:
        """Return whether several branches are within reach if these parameters are fitted."""
        return bool(self.branches) and set(self.branches[:2]) <= set(fitted)

    def parameter(self, name: str) -> Parameter:
        """Return a parameter by its name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def __call__(self, time, *values):
        """Return the model's values."""
        if self.function is None:
            return self.differentiate((), time, *values)[0]
        return _load(self.function)(time, *values)

    def differentiate(self, wanted, time, *values):
        """Return the model's values and the wanted derivatives."""
        if self.derivatives is None:
            from fovea.fits.models.formulas import numeric_derivatives

            return numeric_derivatives(self, wanted, time, *values)
        return _load(self.derivatives)(wanted, time, *values)

    def equivalent(self, **parameters):
        """Return the points with the same curve, one for each branch."""
        return _load(self.equivalents)(**parameters)

    def compute(self, *trace):
        """Return what a measure measures, its standard errors, and bounds if it is of a curve."""
        return _load(self.measure)(*trace)


def _load(target: str | Callable) -> Callable:
    return resolve_name(target) if isinstance(target, str) else target


def _built_in(name: str, title: str, time_unit: str, *parameters, **more) -> Model:
    derivatives = f"fovea.fits.models.formulas:{name}_derivatives"
    if "branches" in more:
        more["equivalents"] = f"fovea.fits.models.branches:{name}"
    return Model(name, title, time_unit, parameters, derivatives=derivatives, **more)


_OFFSET = Parameter("offset", "Offset", "{y}", 0.0, -1e6, 1e6, kind="linear")
_BETA = 0.0436275356035  # 1/h, the decay of eGFP that PyAMA assumes

TRIVIAL = _built_in(
    "trivial", "Translation of decaying mRNA", "h",
    Parameter("t0", "Onset", "h", 2.0, 0.0, 30.0, kind="onset"),
    Parameter("ktl", "Translation rate", "{y}/h", 20.0, 1.0, 1e6, kind="linear"),
    Parameter("delta", "mRNA decay rate", "1/h", 0.07, 1e-5, 10.1, kind="rate"),
    Parameter("beta", "Protein decay rate", "1/h", _BETA, 1e-5, 10.0, kind="rate"),
    _OFFSET,
    branches=("delta", "beta"),
)  # fmt: skip

MATURATION = _built_in(
    "maturation", "Translation and maturation", "h",
    Parameter("t0", "Onset", "h", 0.0, -1.0, 1.0, kind="onset"),
    Parameter("ktl", "Translation rate", "{y}/h", 1e3, 1.0, 5e8, kind="linear"),
    Parameter("km", "Maturation rate", "1/h", 1.28, 1e-5, 30.0, fixed=True, kind="rate"),
    Parameter("delta", "mRNA decay rate", "1/h", 1e-2, 1e-5, 11.0, kind="rate"),
    Parameter("beta", "Protein decay rate", "1/h", 5.22e-3, 1e-5, 10.0, fixed=True, kind="rate"),
    _OFFSET,
    Parameter("scale", "Scale", "1", 1.0, 1e-6, 1e6, fixed=True),
    function="fovea.fits.models.formulas:maturation", smooth=True,
    branches=("km", "delta", "beta"),
)  # fmt: skip

MATURATION_BLOCKED = _built_in(
    "maturation_blocked", "Decay after a block of translation", "h",
    Parameter("t0", "Onset of the block", "h", 0.0, 0.0, 1.0, kind="onset"),
    Parameter("G0", "Mature protein at the onset", "{y}", 100.0, 0.0, 1e6, kind="linear"),
    Parameter("Gu0", "Immature protein at the onset", "{y}", 100.0, 0.0, 1e6, kind="linear"),
    Parameter("km", "Maturation rate", "1/h", 1.28, 1e-5, 30.0, kind="rate"),
    Parameter("beta", "Protein decay rate", "1/h", 5.22e-3, 1e-5, 10.0, kind="rate"),
    _OFFSET,
)  # fmt: skip

BASE = _built_in(
    "base", "Translation of decaying mRNA, in minutes", "min",
    Parameter("time_onset_min", "Onset", "min", 120.0, -1e6, 1800.0, kind="onset"),
    Parameter("ktl_m0_min", "Translation rate", "{y}/min", 20 / 60, 1 / 60, 5e4 / 60,
              kind="linear"),
    Parameter("mrna_degradation_rate_min", "mRNA decay rate", "1/min", 0.07 / 60, 1e-5 / 60,
              10.1 / 60, kind="rate"),
    Parameter("protein_degradation_rate_min", "Protein decay rate", "1/min", _BETA / 60,
              1e-5 / 60, 10.0 / 60, fixed=True, kind="rate"),
    Parameter("intensity_offset", "Offset", "{y}", 0.0, -1e6, 1e6, kind="linear"),
    branches=("mrna_degradation_rate_min", "protein_degradation_rate_min"),
)  # fmt: skip

TWOSTAGE = _built_in(
    "twostage", "Saturation and decay", "h",
    Parameter("t0", "Onset", "h", 2.0, 0.0, 30.0, kind="onset"),
    Parameter("k_tl", "Amplitude", "{y}", 1e3, 1.0, 5e8, kind="linear"),
    Parameter("k_m", "Maturation rate", "1/h", 1.28, 1e-5, 30.0, kind="rate"),
    Parameter("beta", "Protein decay rate", "1/h", 5.22e-3, 1e-5, 10.0, kind="rate"),
    Parameter("offset", "Offset", "{y}", 0.0, -1000.0, 1000.0, kind="linear"),
)  # fmt: skip

EXPONENTIAL_DECAY = _built_in(
    "exponential_decay", "Exponential decay", "h",
    Parameter("t0", "Onset", "h", 0.0, 0.0, 100.0, fixed=True, kind="onset"),
    Parameter("amplitude", "Amplitude", "{y}", 100.0, 0.0, 5e8, kind="linear"),
    Parameter("rate", "Decay rate", "1/h", 0.1, 1e-5, 10.0, kind="rate"),
    _OFFSET,
)  # fmt: skip

LINE = _built_in(
    "line", "Straight line", "h",
    Parameter("slope", "Slope", "{y}/h", 0.0, -5e8, 5e8, kind="linear"),
    Parameter("offset", "Offset", "{y}", 0.0, -5e8, 5e8, kind="linear"),
)  # fmt: skip

ONSET = _built_in(
    "onset", "Onset of a rise", "h",
    Parameter("onset", "Onset", "h", 0.0, None, None, kind="onset"),
    Parameter("slope", "Slope", "{y}/h", 0.0, 0.0, 5e8, kind="linear"),
    Parameter("offset", "Offset", "{y}", 0.0, -5e8, 5e8, kind="linear"),
    window=4.0,
)  # fmt: skip

_RISE = (
    Parameter("t_max", "Time of the maximal rate", "h", 5.0, None, None, kind="onset"),
    Parameter("max_rate", "Maximal rate", "{y}/h", 100.0, 0.0, 5e8, kind="linear"),
    Parameter("steepness", "Steepness", "1/h", 0.5, 1e-5, 30.0, kind="rate"),
    Parameter("offset", "Offset", "{y}", 0.0, -5e8, 5e8, kind="linear"),
)

LOGISTIC = _built_in("logistic", "Logistic rise", "h", *_RISE, smooth=True)

GOMPERTZ = _built_in("gompertz", "Rise of Gompertz", "h", *_RISE, smooth=True)

AUC = Model(
    "auc", "Area under the curve", "h",
    (Parameter("auc", "Area under the curve", "{y} h", 0.0, -5e15, 5e15),),
    measure="fovea.fits.models.measures:auc",
)  # fmt: skip

HALF_MAXIMUM = Model(
    "half_maximum", "Time to half maximum", "h",
    (Parameter("t_half", "Time of half maximum", "h", 0.0, None, None),
     Parameter("maximum", "Maximum", "{y}", 0.0, -5e15, 5e15)),
    measure="fovea.fits.models.measures:half_maximum", of_curve=True,
)  # fmt: skip

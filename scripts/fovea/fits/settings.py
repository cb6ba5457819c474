"""One entry of the config's `analysis`, resolved against its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fovea.config.names import unit_of
from fovea.fits.models.declarations import Model
from fovea.plugins.registry import MODELS, load


@dataclass(frozen=True)
class Settings:
    """How a model is fitted.

    Attributes
    ----------
    model : Model
    values : tuple of float
        Per parameter of the model: its fixed value, or where the fit starts.
    fitted : tuple of str
        Names of the fitted parameters.
    low, high : tuple of float or None
        Their bounds; None stands for the data's, see `fovea.fits.models.declarations.Parameter`.
    given : tuple of str
        Parameters whose start the user set.
    starts : int
        Number of starting points.
    window : float or None
        Only values up to so long after a trace's first time count, in the model's unit.
    noise : tuple of float or "estimate" or None
        Standard deviation of a value F of a trace: sqrt(constant² + poisson F + (relative F)²).
    """

    model: Model
    values: tuple[float, ...]
    fitted: tuple[str, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    given: tuple[str, ...] = ()
    starts: int = 5
    window: float | None = None
    noise: tuple[float, float, float] | str | None = None

    @property
    def fixed(self) -> list[str]:
        """Names of the parameters that are not fitted."""
        return [name for name in self.model.names if name not in self.fitted]

    def value(self, name: str) -> float:
        """Return the fixed or starting value of a parameter."""
        return self.values[self.model.names.index(name)]


def settings_of(entry: Mapping[str, Any]) -> Settings:
    """Return the settings of an entry of `analysis`, see config/README.md."""
    from fovea.recordings.times import SECONDS

    model = load(MODELS, entry["model"])
    own = entry.get("parameters") or {}
    values, fitted, low, high = [], [], [], []
    for parameter in model.parameters:
        given = own.get(parameter.name) or {}
        value = given.get("value")
        fit = given.get("fit")
        values.append(parameter.default if value is None else float(value))
        if (not parameter.fixed) if fit is None else fit:
            fitted.append(parameter.name)
            for side, limits in (("low", low), ("high", high)):
                limit = given.get(side)
                limits.append(getattr(parameter, side) if limit is None else float(limit))
    window = entry.get("window")
    unit = SECONDS["h"] / SECONDS[model.time_unit]
    weighting = entry.get("weighting", "none")
    noise = None if weighting == "none" else "estimate"
    if isinstance(weighting, Mapping):
        noise = tuple(float(weighting[name]) for name in ("constant", "poisson", "relative"))
    return Settings(
        model,
        tuple(values),
        tuple(fitted),
        tuple(low),
        tuple(high),
        tuple(name for name in fitted if (own.get(name) or {}).get("value") is not None),
        int(entry.get("starts", 5)),
        model.window if window is None else window * unit,
        noise,
    )


def parameter_units(settings: Settings, unit: str) -> dict[str, str]:
    """Return the unit of each parameter of a model, for traces of a unit."""
    return {p.name: unit_of(p.unit, unit) for p in settings.model.parameters}

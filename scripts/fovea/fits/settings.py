"""One entry of the config's `analysis`, resolved against its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fovea.config.names import unit_of
from fovea.fits.models.declarations import Model
from fovea.plugins.registry import MODELS, load
from fovea.recordings.times import SECONDS


@dataclass(frozen=True)
class Settings:
    """How a model is fitted."""

    model: Model
    #: Per parameter of the model: its fixed value, or where the fit starts.
    values: tuple[float, ...]
    #: Names of the fitted parameters, and their bounds; None stands for the data's, see
    #: `fovea.fits.models.declarations.Parameter`.
    fitted: tuple[str, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    #: Parameters whose start the user set.
    given: tuple[str, ...] = ()
    #: Number of starting points.
    starts: int = 5
    #: Only values up to so long after a trace's first time count, in the model's unit.
    window: float | None = None
    #: `constant`, `poisson` and `relative` of `fovea.fits.solver.noise.noise_level`, "estimate", or
    #: None for fits without weights.
    noise: tuple[float, float, float] | str | None = None
    #: Whether the correlation of the noise of neighbouring values is estimated.
    correlated: bool = True
    #: The branch that is preferred where the model has several; None is the model's own choice.
    faster: str | None = None

    @property
    def fixed(self) -> list[str]:
        """Names of the parameters that are not fitted."""
        return [name for name in self.model.names if name not in self.fitted]

    def value(self, name: str) -> float:
        """Return the fixed or starting value of a parameter."""
        return self.values[self.model.names.index(name)]


def settings_of(entry: Mapping[str, Any]) -> Settings:
    """Return the settings of an entry of `analysis`, see config/README.md."""
    model = load(MODELS, entry["model"])
    own = entry.get("parameters") or {}

    def chosen(name: str, key: str, default):
        value = (own.get(name) or {}).get(key)
        return default if value is None else value

    fitted = [p for p in model.parameters if chosen(p.name, "fit", not p.fixed)]
    window = model.window
    if entry.get("window") is not None:
        window = entry["window"] * (SECONDS["h"] / SECONDS[model.time_unit])
    weighting = entry.get("weighting", "none")
    noise = None if weighting == "none" else "estimate"
    if isinstance(weighting, Mapping):
        noise = tuple(float(weighting[name]) for name in ("constant", "poisson", "relative"))
    return Settings(
        model=model,
        values=tuple(float(chosen(p.name, "value", p.default)) for p in model.parameters),
        fitted=tuple(p.name for p in fitted),
        low=tuple(chosen(p.name, "low", p.low) for p in fitted),
        high=tuple(chosen(p.name, "high", p.high) for p in fitted),
        given=tuple(p.name for p in fitted if chosen(p.name, "value", None) is not None),
        starts=int(entry.get("starts", 5)),
        window=window,
        noise=noise,
        correlated=entry.get("correlation", "estimate") == "estimate",
        faster=entry.get("faster"),
    )


def parameter_units(settings: Settings, unit: str) -> dict[str, str]:
    """Return the unit of each parameter of a model, for traces of a unit."""
    return {p.name: unit_of(p.unit, unit) for p in settings.model.parameters}

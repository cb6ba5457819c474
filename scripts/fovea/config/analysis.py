"""What a schema cannot say of `analysis`: models, their parameters, and what samples measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fovea.config.schema import Place, Problems
from fovea.errors import show, suggestion
from fovea.plugins.registry import MODELS, load

Fit = dict
Model = Any  # fovea.fits.models.declarations.Model: config imports no stage


def check_analysis(config: dict, problems: Problems) -> None:
    """Add to `problems` what is wrong with the fits of a config whose defaults are filled in."""
    analysis = config.get("analysis")
    taken: dict[tuple, Place] = {}
    for i, entry in enumerate(analysis if isinstance(analysis, list) else []):
        place = ("analysis", i)
        if not isinstance(entry, dict):
            continue
        model = _model(place, entry, problems)
        if model is not None:
            _parameters(place, model, entry, problems)
        _measured(place, config, entry, problems)
        if not _bad(problems, place):
            _unique(place, entry, taken, problems)


def fit_label(entry: Fit) -> str:
    """Return how files of a fit are called after its feature: ``fitted_maturation``."""
    return f"fitted_{entry['model']}" + (f"_{entry['name']}" if entry["name"] else "")


def _bad(problems: Problems, place: Place) -> bool:
    return any(known[: len(place)] == place for known in problems)


def _model(place: Place, entry: Fit, problems: Problems) -> Model | None:
    name = entry.get("model")
    if not isinstance(name, str) or _bad(problems, (*place, "model")):
        return None
    if name not in MODELS:
        problems[(*place, "model")] = MODELS.unknown(name)
        return None
    return load(MODELS, name)


def _parameters(place: Place, model: Model, entry: Fit, problems: Problems) -> None:
    given = entry.get("parameters")
    if not isinstance(given, dict) or _bad(problems, (*place, "parameters")):
        return
    fitted = 0
    for name, change in given.items():
        if name not in model.names:
            problems[(*place, "parameters", name)] = _no_parameter(name, model)
        elif model.measure is not None:
            problems[(*place, "parameters", name)] = (
                f"{model.name!r} is a measure, which has nothing to set; remove this key"
            )
        else:
            _one_parameter((*place, "parameters", name), model, name, change, problems)
    for parameter in model.parameters:
        fit = (given.get(parameter.name) or {}).get("fit")
        fitted += not parameter.fixed if fit is None else fit
    if not fitted:
        problems.setdefault(
            (*place, "parameters"), "no parameter is left to fit; set fit: true for one of them"
        )
    for i, name in enumerate(entry["shared"] if isinstance(entry.get("shared"), list) else []):
        if name not in model.names:
            problems.setdefault((*place, "shared", i), _no_parameter(name, model))
        elif model.measure is not None:
            problems[(*place, "shared", i)] = f"{model.name!r} is a measure; remove this key"


def _no_parameter(name: object, model: Model) -> str:
    allowed = ", ".join(model.names)
    guess = suggestion(str(name), model.names)
    return f"{show(name)} is no parameter of model {model.name!r}; allowed: {allowed}{guess}"


def _one_parameter(place: Place, model: Model, name: str, change: dict, problems: Problems) -> None:
    parameter = model.parameter(name)
    fit = (not parameter.fixed) if change["fit"] is None else change["fit"]
    for side in ("low", "high"):
        if change[side] is not None and not fit:
            problems[(*place, side)] = (
                f"{name} is not fitted, so a bound has no effect; set fit: true, or remove it"
            )
            return
    if not fit:
        return
    low = parameter.low if change["low"] is None else change["low"]
    high = parameter.high if change["high"] is None else change["high"]
    value = parameter.default if change["value"] is None else change["value"]
    if low is not None and high is not None and low >= high:
        side, limit = ("low", "below") if change["low"] is not None else ("high", "above")
        problems[(*place, side)] = (
            f"the lower bound {low:g} is not below the upper bound {high:g}; "
            f"allowed: a number {limit} {high if side == 'low' else low:g}"
        )
        return
    outside = (low is not None and value < low) or (high is not None and value > high)
    if outside and change["value"] is not None:
        problems[(*place, "value")] = (
            f"{value:g} is outside the bounds {_bound(low)} to {_bound(high)}; "
            "choose a value between them, or other bounds"
        )


def _bound(value: float | None) -> str:
    return "of the data" if value is None else f"{value:g}"


def _measured(place: Place, config: dict, entry: Fit, problems: Problems) -> None:
    """Check that the samples exist and that their datasets measure the feature."""
    if any((*place, key) in problems for key in ("samples", "channel", "feature")):
        return
    parts = [s for s in config.get("samples") or [] if isinstance(s, dict) and "name" in s]
    known = list(dict.fromkeys(str(sample["name"]) for sample in parts))
    chosen = known if entry.get("samples") == "all" else entry.get("samples")
    if not known and not _bad(problems, ("samples",)):
        problems[place] = "there are no samples to fit; list them under samples"
    if isinstance(chosen, str):
        problems[(*place, "samples")] = (
            f"{show(chosen)} is no list of samples; allowed: all, or a list such as [{chosen}]"
        )
        return
    if not known or not isinstance(chosen, list) or _bad(problems, ("samples",)):
        return
    for i, name in enumerate(chosen):
        if name not in known:
            problems[(*place, "samples", i)] = (
                f"{show(name)} is no sample of this config; allowed: {', '.join(known)}"
                f"{suggestion(str(name), known)}"
            )
    used = dict.fromkeys(s.get("dataset") for s in parts if s["name"] in chosen)
    for dataset in used:
        if not _bad(problems, ("datasets", dataset)):
            _in_dataset(place, config, dataset, entry, problems)


def _channels(config: dict, dataset: str) -> Iterator[tuple[str, dict]]:
    channels = config["datasets"][dataset]["channels"]
    if channels["pc"]:
        yield "pc", channels["pc"]
    for channel in channels["fl"]:
        yield "fl", channel


def _in_dataset(place: Place, config: dict, dataset: str, entry: Fit, problems: Problems) -> None:
    given = config["datasets"][dataset]
    if given["traces"] is None and given["channels"]["pc"] is None:
        problems.setdefault(
            place,
            f"dataset {dataset!r} has no phase contrast (pc), so there are no cells whose traces "
            "could be fitted; remove this entry, or name a channel as pc",
        )
        return
    found = {channel["channel"]: channel["features"] for _, channel in _channels(config, dataset)}
    channel, feature = entry.get("channel"), entry.get("feature")
    if channel not in found:
        problems.setdefault(
            (*place, "channel"),
            f"{channel} is no channel of dataset {dataset!r}; "
            f"allowed: {', '.join(map(str, found)) or 'none'}",
        )
        return
    if feature not in found[channel]:
        allowed = ", ".join(found[channel]) or "none, for it has no features"
        problems.setdefault(
            (*place, "feature"),
            f"{show(feature)} is not measured in channel {channel} of dataset {dataset!r}; "
            f"allowed: {allowed}{suggestion(str(feature), found[channel])}",
        )
    phase = config["datasets"][dataset]["channels"]["pc"]
    if entry.get("normalise") == "area" and "area" not in (phase or {"features": ()})["features"]:
        problems.setdefault(
            (*place, "normalise"),
            f"the area of the cells of dataset {dataset!r} is not measured; add area to the "
            "features of its phase-contrast channel",
        )


def _unique(place: Place, entry: Fit, taken: dict, problems: Problems) -> None:
    key = (entry["channel"], entry["feature"], fit_label(entry))
    if key in taken:
        problems[place] = (
            f"model {entry['model']!r} is fitted to {entry['feature']} of channel "
            f"{entry['channel']} already; give one of the two fits a name"
        )
    taken.setdefault(key, place)

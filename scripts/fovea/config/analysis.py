"""What a schema cannot say of `analysis`: models, their parameters, and what samples measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fovea.config.derived import derived_features
from fovea.config.schema import Place, Problems
from fovea.errors import show, suggestion, unknown
from fovea.plugins.registry import MODELS, load

Fit = dict
Model = Any  # fovea.fits.models.declarations.Model: config imports no stage


def check_analysis(config: dict, found: Problems) -> None:
    """Add to `found` what is wrong with the fits of a config; nothing else is wrong with it."""
    taken: set[tuple] = set()
    for i, entry in enumerate(config["analysis"]):
        place = ("analysis", i)
        problems: Problems = {}
        if entry["model"] in MODELS:
            _parameters(place, load(MODELS, entry["model"]), entry, problems)
        else:
            problems[(*place, "model")] = MODELS.unknown(entry["model"])
        check_samples(place, config, entry, problems)
        if not problems:
            key = (entry["channel"], entry["feature"], fit_label(entry))
            if key in taken:
                problems[place] = (
                    f"model {entry['model']!r} is fitted to {entry['feature']} of channel "
                    f"{entry['channel']} already; give one of the two fits a name"
                )
            taken.add(key)
        found |= problems


def fit_label(entry: Fit) -> str:
    """Return how files of a fit are called after its feature: ``fitted_maturation``."""
    return f"fitted_{entry['model']}" + (f"_{entry['name']}" if entry["name"] else "")


def _parameters(place: Place, model: Model, entry: Fit, problems: Problems) -> None:
    """Check the changes to parameters, and those that are shared."""
    unknown_to = f"parameter of model {model.name!r}"
    given = entry["parameters"]
    for name, change in given.items():
        here = (*place, "parameters", name)
        if name not in model.names:
            problems[here] = unknown(name, unknown_to, model.names)
        elif model.measure is not None:
            text = f"{model.name!r} is a measure, which has nothing to set; remove this key"
            problems[here] = text
        else:
            _bounds(here, model.parameter(name), change, problems)
    fitted = [p.name for p in model.parameters if _is_fitted(p, given.get(p.name) or {})]
    if not fitted:
        problems.setdefault(
            (*place, "parameters"), "no parameter is left to fit; set fit: true for one of them"
        )
    if entry["faster"] is not None:
        _faster((*place, "faster"), model, entry["faster"], fitted, problems)
    for i, name in enumerate(entry["shared"]):
        here = (*place, "shared", i)
        if name not in model.names:
            problems[here] = unknown(name, unknown_to, model.names)
        elif model.measure is not None:
            problems[here] = f"{model.name!r} is a measure; remove this key"


def _faster(here: Place, model: Model, name: str, fitted: list[str], problems: Problems) -> None:
    """Check that the branch that is preferred is one that the fit can choose."""
    if name not in model.branches:
        problems[here] = unknown(name, f"exchangeable rate of model {model.name!r}", model.branches)
    elif missing := [n for n in (*model.branches[:2], name) if n not in fitted]:
        problems[here] = (
            f"{missing[0]} is not fitted, so that no rates can be exchanged; "
            "remove this key, or set fit: true"
        )


def _is_fitted(parameter: Any, change: dict) -> bool:
    fit = change.get("fit")
    return not parameter.fixed if fit is None else fit


def _bounds(place: Place, parameter: Any, change: dict, problems: Problems) -> None:
    """Check that bounds are those of a fitted parameter, in order, and around its value."""
    given = {key: change[key] for key in ("low", "high") if change[key] is not None}
    if not _is_fitted(parameter, change):
        for side in list(given)[:1]:
            problems[(*place, side)] = (
                f"{parameter.name} is not fitted, so a bound has no effect; "
                "set fit: true, or remove it"
            )
        return
    low, high = (given.get(side, getattr(parameter, side)) for side in ("low", "high"))
    value = change["value"]
    if low is not None and high is not None and low >= high:
        side, limit = ("low", f"below {high:g}") if "low" in given else ("high", f"above {low:g}")
        problems[(*place, side)] = (
            f"the lower bound {low:g} is not below the upper bound {high:g}; "
            f"allowed: a number {limit}"
        )
    elif value is not None and (
        (low is not None and value < low) or (high is not None and value > high)
    ):
        bounds = " to ".join("of the data" if x is None else f"{x:g}" for x in (low, high))
        problems[(*place, "value")] = (
            f"{value:g} is outside the bounds {bounds}; choose a value between them, "
            "or other bounds"
        )


def check_samples(place: Place, config: dict, entry: Mapping, problems: Problems) -> None:
    """Check that the samples exist and that their datasets measure the feature."""
    known = list(dict.fromkeys(sample["name"] for sample in config["samples"]))
    chosen = known if entry["samples"] == "all" else entry["samples"]
    if not known:
        problems[place] = "there are no samples; list them under samples"
    if isinstance(chosen, str):
        problems[(*place, "samples")] = (
            f"{show(chosen)} is no list of samples; allowed: all, or a list such as [{chosen}]"
        )
        return
    for i, name in enumerate(chosen if known else []):
        if name not in known:
            problems[(*place, "samples", i)] = unknown(name, "sample of this config", known)
    for dataset in dict.fromkeys(s["dataset"] for s in config["samples"] if s["name"] in chosen):
        _measured(place, config, dataset, entry, problems)


def _measured(place: Place, config: dict, dataset: str, entry: Mapping, problems: Problems) -> None:
    """Check that a dataset measures what is needed; each problem is reported of one dataset."""
    given = config["datasets"][dataset]
    phase = given["channels"]["pc"]
    if given["traces"] is None and phase is None:
        problems.setdefault(
            place,
            f"dataset {dataset!r} has no phase contrast (pc), so there are no cells whose traces "
            "could be used; remove this entry, or name a channel as pc",
        )
        return
    channels = [*([phase] if phase else []), *given["channels"]["fl"]]
    measured = {channel["channel"]: channel["features"] for channel in channels}
    channel, feature = entry["channel"], entry["feature"]
    if channel not in measured:
        problems.setdefault(
            (*place, "channel"),
            f"{channel} is no channel of dataset {dataset!r}; "
            f"allowed: {', '.join(map(str, measured)) or 'none'}",
        )
        return
    features = [*measured[channel], *derived_features(config, dataset, channel)]
    if feature not in features:
        problems.setdefault(
            (*place, "feature"),
            f"{show(feature)} is not measured in channel {channel} of dataset {dataset!r}; "
            f"allowed: {', '.join(features) or 'none, for it has no features'}"
            f"{suggestion(feature, features)}",
        )
    if entry.get("normalise") == "area" and "area" not in (phase["features"] if phase else ()):
        problems.setdefault(
            (*place, "normalise"),
            f"the area of the cells of dataset {dataset!r} is not measured; add area to the "
            "features of its phase-contrast channel",
        )

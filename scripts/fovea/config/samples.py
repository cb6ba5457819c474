"""Samples: which fields of view and features they are made of, and which fits there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fovea.config import names
from fovea.config.aligned import aligned_label
from fovea.config.analysis import fit_label
from fovea.config.datasets import features_for
from fovea.config.derived import derived_columns
from fovea.config.edited import edited_fields
from fovea.config.fovs import ALL, format_fovs
from fovea.config.made_from import dataset_digest, recording_of
from fovea.plugins import registry


def sample_names(config: Mapping) -> list[str]:
    """Return the samples for which there are traces, in the order of the config."""
    having = {
        name for name, entry in config["datasets"].items() if entry["traces"] is not None
        or (entry["channels"]["pc"] is not None and not entry["params"]["copy_only"])
    }  # fmt: skip
    given = dict.fromkeys(sample["name"] for sample in config["samples"])
    return [name for name in given if having.issuperset(sample_parts(config, name))]


def sample_parts(config: Mapping, sample: str) -> dict[str, list[int] | str]:
    """Return a sample's datasets, in its order, and its fields of view in each, or ``"all"``."""
    found: dict[str, list[int] | str] = {}
    for entry in (entry for entry in config["samples"] if entry["name"] == sample):
        dataset, fovs = entry["dataset"], entry["fovs"]
        before = found.get(dataset, [])
        found[dataset] = ALL if ALL in (before, fovs) else sorted({*before, *fovs})
    return found


def sample_fovs(config: Mapping, sample: str, dataset: str, available: Iterable[int]) -> list[int]:
    """Return the fields of view of a sample in a dataset, of those that are processed."""
    chosen = sample_parts(config, sample)[dataset]
    return [fov for fov in available if chosen == ALL or fov in chosen]


def sample_columns(config: Mapping, sample: str) -> list[str]:
    """Return the columns of all features of a sample: those measured, then those derived."""
    found: dict[str, None] = {}
    for dataset in sample_parts(config, sample):
        found |= dict.fromkeys(names.columns_of(features_for(config, dataset)))
    return list(found | dict.fromkeys(derived(config, sample)))


def derived(config: Mapping, sample: str) -> dict[str, tuple[str, str]]:
    """Return the derived columns of a sample, each to the two columns that are divided."""
    found: dict[str, tuple[str, str]] = {}
    for dataset in sample_parts(config, sample):
        found |= derived_columns(config, dataset)
    return found


def merge_parameters(config: Mapping, sample: str) -> dict[str, dict[str, Any]]:
    """Return what `fovea.samples.merge.merge` is told of each dataset."""
    found = {}
    for dataset, fovs in sample_parts(config, sample).items():
        entry = config["datasets"][dataset]
        time = {key: entry["time"][key] for key in ("interval", "unit", "mapping")}
        found[dataset] = {"features": features_for(config, dataset), "time": time}
        if entry["traces"] is not None:
            found[dataset]["fovs"] = None if fovs == ALL else fovs
    return found


def made_with(config: Mapping, sample: str) -> dict[str, str]:
    """Return a sample's datasets to what they were made from, in words for the tables."""
    found = {}
    for name, chosen in sample_parts(config, sample).items():
        entry = config["datasets"][name]
        found[name] = f"{recording_of(entry)}, parameters {dataset_digest(entry)}"
        by_hand = [fov for fov in edited_fields(config, name) if chosen == ALL or fov in chosen]
        if by_hand:
            found[name] += f", tracks of field of view {format_fovs(by_hand)} edited by hand"
    return found


def fits(config: Mapping) -> dict[str, dict]:
    """Return the entries of `analysis` by the name of their files, without the sample."""
    return {f"{column(entry)}_{fit_label(entry)}": entry for entry in config["analysis"]}


def aligned(config: Mapping) -> dict[str, dict]:
    """Return the entries of `aligned` by the name of their files."""
    return {f"{column(entry)}_{aligned_label(entry)}": entry for entry in config["aligned"]}


def column(entry: Mapping) -> str:
    """Return the column that an entry of `analysis` fits, or one of `aligned` aligns."""
    return names.column(entry["feature"], entry["channel"])


def area_columns(config: Mapping, sample: str, entry: Mapping) -> dict[str, str] | None:
    """Return dataset to the column of its cells' area, if values are divided by it."""
    if entry["normalise"] != "area":
        return None
    return {dataset: names.column("area", config["datasets"][dataset]["channels"]["pc"]["channel"])
            for dataset in sample_parts(config, sample)}  # fmt: skip


def fit_parameters(entry: Mapping) -> dict:
    """Return the part of an entry of `analysis` that a fit depends on."""
    others = ("samples", "shared", "population", "name")
    return {key: value for key, value in entry.items() if key not in others}


def parameter_words(entry: Mapping) -> list[str]:
    """Say what a fit does with each parameter of its model, for captions.

    ``t0: fitted, -1 to 1 h``, ``km: 1.28 1/h, fixed``, and last the window, if there is one.
    """
    model, words = _model(entry), []
    trace = names.trace_unit(column(entry), entry["normalise"] == "area")
    for parameter in model.parameters if model.measure is None else ():
        own = entry["parameters"].get(parameter.name) or {}
        given = {key: value for key, value in own.items() if value is not None}
        unit = names.unit_of(parameter.unit, trace)
        low, high = (given.get(side, getattr(parameter, side)) for side in ("low", "high"))
        if not given.get("fit", not parameter.fixed):
            text = f"{given.get('value', parameter.default):g} {unit}, fixed"
        elif low is None and high is None:
            text = "fitted, within the times of the trace"
        else:
            text = f"fitted, {low:g} to {high:g} {unit}"
        if "value" in given and "fixed" not in text:
            text += f", from {given['value']:g} on"
        words.append(f"{parameter.name}: {text}".replace(" 1,", ",").removesuffix(" 1"))
    if entry["window"] is not None:
        words.append(f"window: {entry['window']:g} h")
    elif model.window is not None:
        words.append(f"window: {model.window:g} {model.time_unit}")
    return words


def comparisons(fits: Mapping[str, Mapping]) -> dict[str, dict[str, str]]:
    """Return what is compared among the fits of a sample: the comparison to labels and fits.

    Models that are fitted to the same values are compared, without the measures.
    """
    found: dict[str, dict[str, str]] = {}
    for fit, entry in fits.items():
        if is_measure(entry):
            continue
        group = column(entry) + ("_per_area" if entry["normalise"] == "area" else "")
        if entry["window"] is None and _model(entry).window is None:
            found.setdefault(group, {})[fit_label(entry).removeprefix("fitted_")] = fit
    return {group: members for group, members in found.items() if len(members) > 1}


def _model(entry: Mapping):
    return registry.load(registry.MODELS, entry["model"])


def is_measure(entry: Mapping) -> bool:
    """Whether an entry of `analysis` measures something without a fit."""
    return _model(entry).measure is not None


def model_code(entry: Mapping) -> dict[str, str]:
    """Return the plug-in file that a fit's model comes from, with a digest of it."""
    from fovea.plugins.loader import digests

    return digests([(registry.MODELS, entry["model"])])


def left_out_words(
    left_out: Mapping[str, Sequence[int] | None], parts: Mapping[str, Collection[int] | str]
) -> list[str]:
    """Say which fields of view a sample does without."""
    words = []
    for dataset, fovs in left_out.items():
        chosen = parts.get(dataset, [])
        if dataset in parts and fovs is None:
            words.append(f"dataset {dataset} (failed)")
        words += [f"{dataset}, field of view {fov} (failed)" for fov in fovs or []
                  if chosen == ALL or fov in chosen]  # fmt: skip
    return words

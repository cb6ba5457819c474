"""What a checked config says of a dataset: its fields of view, channels, features, parameters."""

from __future__ import annotations

from copy import deepcopy

from fovea.config.fovs import ALL, format_fovs
from fovea.config.inputs import resolve_traces
from fovea.config.names import group_name
from fovea.config.words import show_path
from fovea.errors import FoveaError


def recordings(config: dict) -> list[str]:
    """Return the datasets that are recordings, without those given by their traces."""
    return [name for name, dataset in config["datasets"].items() if dataset["traces"] is None]


def params_for(config: dict, dataset: str) -> dict:
    """Return the parameters of a dataset, with its own overrides and all defaults."""
    return deepcopy(config["datasets"][dataset]["params"])


def channel_indices(config: dict, dataset: str) -> tuple[int | None, list[int]]:
    """Return the index of the phase-contrast channel, or None, and those of fluorescence."""
    channels = config["datasets"][dataset]["channels"]
    pc = channels["pc"]
    return (None if pc is None else pc["channel"]), [fl["channel"] for fl in channels["fl"]]


def features_for(config: dict, dataset: str) -> dict[str, list[str]]:
    """Return the features of each channel, ``{"pc_ch_0": [...], "fl_ch_1": [...]}``."""
    return {group: list(entry["features"]) for group, entry in _channels(config, dataset).items()}


def with_same_traces(config: dict, dataset: str) -> list[str]:
    """Return the other datasets that are read from some of the same files of traces."""
    entries = config["datasets"].items()
    files = {name: set(resolve_traces(entry["traces"]))
             for name, entry in entries if entry["traces"] is not None}  # fmt: skip
    return [name for name in files if name != dataset and files[name] & files[dataset]]


def channel_names(config: dict, dataset: str) -> dict[str, str]:
    """Return the names of the channels that have one, ``{"fl_ch_1": "GFP"}``."""
    named = _channels(config, dataset).items()
    return {group: entry["name"] for group, entry in named if entry["name"]}


def _channels(config: dict, dataset: str) -> dict[str, dict]:
    """Return the entries of the channels by their groups, phase contrast first."""
    channels = config["datasets"][dataset]["channels"]
    entries = [("pc", channels["pc"])] if channels["pc"] else []
    entries += [("fl", entry) for entry in channels["fl"]]
    return {group_name(kind, entry["channel"]): entry for kind, entry in entries}


def dataset_fovs(config: dict, dataset: str, available: int | None = None) -> list[int]:
    """Return the fields of view of a dataset that are to be processed, ascending.

    Parameters
    ----------
    available : int, optional
        Number of fields of view in the recording; needed where the config says ``all``.

    Raises
    ------
    FoveaError
        If the config names a field of view beyond `available`, or excludes all that there are.
    """
    entry = config["datasets"][dataset]
    fovs, excluded = entry["fovs"], entry["exclude_fovs"]
    if available == 0:
        place = show_path(("datasets", dataset, "input"))
        raise FoveaError(f"{place}: the recording has no field of view")
    if available is not None:
        _check_range(config, dataset, available)
    elif fovs == ALL:
        raise ValueError(f"the number of fields of view of {dataset} is not known")
    kept = sorted(set(range(available) if fovs == ALL else fovs) - set(excluded))
    if not kept:
        raise FoveaError(
            f"{show_path(('datasets', dataset, 'exclude_fovs'))}: {format_fovs(excluded)} excludes "
            f"every field of view of the recording, which has {_count(available)}"
        )
    return kept


def _check_range(config: dict, dataset: str, available: int) -> None:
    """Refuse fields of view that the recording does not have."""
    entry = config["datasets"][dataset]
    lists = {("datasets", dataset, key): entry[key] for key in ("fovs", "exclude_fovs")}
    for i, sample in enumerate(config["samples"]):
        if sample["dataset"] == dataset:
            lists["samples", i, "fovs"] = sample["fovs"]
    for place, listed in lists.items():
        beyond = [fov for fov in listed if fov >= available] if listed != ALL else []
        if beyond:
            raise FoveaError(
                f"{show_path(place)}: {format_fovs(beyond)} is not in the recording, "
                f"which has {_count(available)}"
            )


def _count(available: int) -> str:
    return f"{available} fields of view (0-{available - 1})" if available > 1 else "only one (0)"

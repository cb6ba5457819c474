"""Checks the config as a whole before any job starts, and completes it.

Snakemake parses its rules in every job on a cluster, so nothing here imports numpy or readers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping

from fovea.config.aligned import check_aligned
from fovea.config.checks import Checker
from fovea.config.edited import check_edited
from fovea.config.inputs import resolve_input, resolve_traces
from fovea.config.params import check_params, merged_params
from fovea.config.roots import KEY, check_folders
from fovea.config.schema import (
    SCHEMA,
    Place,
    Problems,
    check_schema,
    filled,
    is_number,
    load_schema,
    plain,
)  # fmt: skip
from fovea.config.words import kind, show_path
from fovea.errors import FoveaError, counted

SOURCE = "config/config.yaml"
_WILDCARD = re.compile(r"\{\s*\w+\s*(?:,[^{}]*)?\}")  # in a path, for Snakemake


_MOST_LINES = 20


class ConfigError(FoveaError):
    """All problems of a config, one line each; the message has the first twenty."""

    def __init__(self, lines: Iterable[str]):
        self.lines = list(lines)
        rest = len(self.lines) - _MOST_LINES
        more = [f"and {counted(rest, 'more mistake')}; correct these first"] if rest > 0 else []
        super().__init__("\n".join(self.lines[:_MOST_LINES] + more))


def validated(config: Mapping, *, schema: str | os.PathLike = SCHEMA, source: str = SOURCE) -> dict:
    """Check a config, as read from YAML or JSON, and complete it; `source` names it in messages.

    Returns
    -------
    dict
        A new config with all keys of the schema in its order. `fovs` are ``"all"`` or sorted
        lists, `exclude_fovs` sorted lists, channels mappings, `time.mapping` a dict from int to
        float. Each dataset's `params` are complete: the defaults, overridden by the top-level
        `params`, overridden by its own. Validating the result again gives the same.

    Raises
    ------
    ConfigError
        If anything is wrong; the message names all problems, in the order of the config.
    """
    if config is None or config == {}:
        raise ConfigError([f"{source}: the config is empty; it needs at least one dataset"])
    if not isinstance(config, Mapping):
        raise ConfigError(
            [f"{source}: the config is {kind(config)}; it must be keys and values (`datasets:`)"]
        )
    problems: Problems = {}
    given = plain(config, problems)
    rules = _rules(load_schema(schema), given, problems)
    order = {place: i for i, place in enumerate(_places(given))}
    check_schema(given, rules, problems)

    datasets = _mapping(given.get("datasets"))
    own_params = {name: _mapping(_mapping(d).get("params")) for name, d in datasets.items()}
    for dataset in datasets.values():
        _channels_as_mappings(dataset)
    complete = filled(given, rules)
    Checker(complete, problems).check()
    params_rules = rules["properties"]["params"]
    common = _mapping(given.get("params"))
    complete["params"] = merged_params([common], params_rules)
    check_params(("params",), complete["params"], common, {}, params_rules, problems)
    for name, own in own_params.items():
        merged = merged_params([common, own], params_rules)
        channels = _mapping(_mapping(datasets[name]).get("channels"))
        place = ("datasets", name, "params")
        check_params(place, merged, own, channels, params_rules, problems)
        if isinstance(complete["datasets"][name], dict):
            complete["datasets"][name]["params"] = merged
    if not any(place[:1] == (KEY,) for place in problems):
        check_folders(complete, problems)
    if not problems:  # it relies on everything else
        check_aligned(complete, problems)
    if problems:
        places = sorted(problems, key=lambda place: _rank(place, order))
        raise ConfigError(f"{source}: {show_path(place)}: {problems[place]}" for place in places)
    return complete


def check_inputs(
    config: dict,
    made_by_workflow: Collection[str] = (),
    *,
    source: str = SOURCE,
    archived: Collection[str] = (),
) -> None:
    """Check that the inputs of a checked config's datasets exist, or are made by the workflow.

    The message of the ConfigError names the key, the path and the working directory. Recordings of
    `archived` datasets need not exist.
    """
    made = {os.path.normpath(path) for path in made_by_workflow}
    lines = []

    def report(name: str, keys: tuple[str, ...], text: object) -> None:
        place = show_path(("datasets", name, *keys))
        lines.append(f"{source}: {place}: {text} (working directory: {os.getcwd()})")

    for place, path in (("the working directory", os.getcwd()), *((key, config[key]) for key in
                        ("curation", "edited_tracks"))):  # fmt: skip
        if path and _WILDCARD.search(path):
            lines.append(f"{source}: {place}: {_braces(path)}")
    for name, dataset in config["datasets"].items():
        if dataset["traces"] is not None:
            try:
                check_wildcards(resolve_traces(dataset["traces"]))
            except FoveaError as error:
                report(name, ("traces",), error)
            continue
        for keys, path in _files_of(dataset["params"]):
            if not os.path.isfile(path):
                report(name, ("params", *keys), f"there is no file {path!r}")
            elif _WILDCARD.search(path):
                report(name, ("params", *keys), _braces(path))
        if name in archived:
            continue
        given = dataset["input"]
        paths = given if isinstance(given, list) else [given]
        rest = [p for p in paths if not isinstance(p, str) or os.path.normpath(p) not in made]
        try:
            if rest:
                check_wildcards(resolve_input(rest if isinstance(given, list) else given))
        except FoveaError as error:
            report(name, ("input",), str(error).removeprefix("input: "))
    curation, usual = config["curation"], load_schema(SCHEMA)["properties"]["curation"]["default"]
    needed = curation != usual or os.path.exists(curation or "")  # a pipe would be waited for
    if curation is not None and needed and not os.path.isfile(curation):
        lines.append(f"{source}: curation: there is no file {curation!r} (working directory: "
                     f"{os.getcwd()})")  # fmt: skip
    try:
        check_edited(config)
    except FoveaError as error:
        lines.append(f"{source}: edited_tracks: {error} (working directory: {os.getcwd()})")
    image = config["container"]
    if image and "://" not in image and not os.path.isfile(image):
        lines.append(f"{source}: container: there is no file {image!r} (working directory: "
                     f"{os.getcwd()})")  # fmt: skip
    if lines:
        raise ConfigError(lines)


def check_wildcards(files: Iterable[str]) -> None:
    """Raise FoveaError if Snakemake would take a part of a path for a wildcard."""
    for path in files:
        if _WILDCARD.search(path):
            raise FoveaError(_braces(path))


def _braces(path: str) -> str:
    found = _WILDCARD.search(path)
    what = found.group() if found else ""
    return f"{path}: Snakemake takes {what} in a path for a wildcard; rename the file or folder"


def _files_of(params: dict) -> Iterable[tuple[tuple[str, str], str]]:
    """Yield the files that parameters name, each with the keys where it stands."""
    if params["flat_field"]["method"] == "image":
        for path in params["flat_field"]["images"].values():
            yield ("flat_field", "images"), path
    segmentation = params["segmentation"]
    if segmentation["method"] == "phase" and (path := segmentation["weights"]) is not None:
        yield ("segmentation", "weights"), path


def _rules(schema: dict, given: dict, problems: Problems) -> dict:
    """Load the plug-ins and return the schema with the parameters of their methods."""
    paths = given.get("plugins")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        return schema
    from fovea.plugins.loader import keep_only, load_plugins, with_parameters

    keep_only(paths)
    for i, path in enumerate(paths):
        try:
            load_plugins([path])
        except FoveaError as error:
            problems["plugins", i] = str(error)
    return with_parameters(schema)


def _mapping(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _channels_as_mappings(dataset: object) -> None:
    channels = _mapping(_mapping(dataset).get("channels"))
    if "pc" in channels:
        channels["pc"] = _as_mapping(channels["pc"])
    if isinstance(channels.get("fl"), list):
        channels["fl"] = list(map(_as_mapping, channels["fl"]))


def _as_mapping(channel: object) -> object:
    return {"channel": channel} if is_number(channel) else channel


def _places(value: object, place: Place = ()) -> Iterable[Place]:
    yield place
    items = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from _places(item, (*place, key))


def _rank(place: Place, order: dict[Place, int]) -> tuple[int, Place]:
    """Sort key of a problem: a missing key follows the last known key around it."""
    around = (place[:n] for n in range(len(place), -1, -1))
    return next(order[known] for known in around if known in order), tuple(map(str, place))

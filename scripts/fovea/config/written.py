"""The config as people write it: YAML files, and values on Snakemake's command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from fovea.config.bounded_yaml import parse, read_yaml
from fovea.config.roots import check_readable
from fovea.errors import FoveaError


def read_config(path: str | os.PathLike[str]) -> Any:
    """Read a file of YAML or JSON; the errors are those of `read_yaml`."""
    return read_yaml(path, "name the config with --configfile")


def typed(config: Mapping, given: Mapping) -> dict:
    """Return a config in which values of `--config` have the types that they have in YAML.

    Snakemake takes numbers and truth values in `--config 'params={segmentation: {…}}'`, and words
    such as true, for text.

    Parameters
    ----------
    config : mapping
        The config, of which `given` is a part.
    given : mapping
        What the command line gives.
    """
    return {key: _typed(value, given[key]) if key in given else value
            for key, value in config.items()}  # fmt: skip


def _typed(value: Any, given: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(given, Mapping):
        return typed(value, given)
    if value != given:
        return value
    if isinstance(value, list | tuple):
        return [_typed(item, item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        found = parse(value, "--config")
    except FoveaError:
        return value
    return found if value and isinstance(found, bool | int | float | None) else value


def check_given(files: Iterable[str | os.PathLike[str]]) -> None:
    """End Snakemake with one line if a file of `--configfile` is refused."""
    try:
        for file in files:
            check_readable(read_config(file), file)
    except FoveaError as error:
        print(error, file=sys.stderr)
        sys.exit(1)

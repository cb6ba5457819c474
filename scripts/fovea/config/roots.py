"""The folders that a config sets, under the key by which Snakemake knows them: `pathvars`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import permutations
from typing import Any

from fovea.config.schema import SCHEMA, Problems, check_schema, load_schema
from fovea.config.words import show_path
from fovea.errors import FoveaError, show

KEY = "pathvars"
FOLDERS = ("results", "logs", "benchmarks")


def check_readable(config: Any, source: str | os.PathLike[str]) -> None:
    """Raise FoveaError if Snakemake, which reads this key first, could not make sense of it."""
    if not isinstance(config, Mapping) or KEY not in config:
        return
    known, problems = load_schema(SCHEMA)["properties"][KEY], {}
    check_schema({KEY: config[KEY]}, {"type": "object", "properties": {KEY: known}}, problems)
    if problems:
        raise FoveaError("\n".join(
            f"{source}: {show_path(place)}: {text}" for place, text in problems.items()
        ))  # fmt: skip


def check_folders(config: Mapping, problems: Problems) -> None:
    """Add to `problems` which of the folders are in one another; they are known to be paths."""
    found = {name: config[KEY][name] for name in FOLDERS}
    for one, other in permutations(found, 2):
        # Some file systems do not tell upper from lower case.
        if f"{found[one]}/".lower().startswith(f"{found[other]}/".lower()):
            problems.setdefault(
                (KEY, one),
                f"{show(found[one])} is, or lies in, the folder of {other}, "
                f"{show(found[other])}; allowed: folders of which none holds another",
            )

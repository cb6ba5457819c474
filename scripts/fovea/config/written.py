"""The config as people write it: YAML files, and values on Snakemake's command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError


def read_config(path: str | os.PathLike[str]) -> Any:
    """Read a file of YAML or JSON.

    Raises
    ------
    FoveaError
        If it cannot be read, or is no YAML; the message names the line.
    """
    import yaml

    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise FoveaError(f"{path}: {error.strerror}; name the config with --configfile") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FoveaError(
            f"{path}: line {line}: is not written in UTF-8; save the file in this encoding"
        ) from None
    with suppress(ValueError):  # JSON may have tabs
        return json.loads(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FoveaError(f"{path}: {_fault(error, text.splitlines())}") from None


def _fault(error: Any, lines: list[str]) -> str:
    """Say where a text is no YAML, and what to do."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow
        return f"is no YAML: {' '.join(str(error).split())}; remove what is no text"
    # Python's YAML notices a tab where the line begins, or where the one before was to go on
    near = [n for n in (mark.line, mark.line - 1) if 0 <= n < len(lines)]
    for n in near:
        indent = lines[n][: len(lines[n]) - len(lines[n].lstrip())]
        if "\t" in indent:
            return (
                f"line {n + 1} begins with a tab, and YAML takes spaces only; replace the tabs at "
                "the beginning of lines by spaces"
            )
    problem = " ".join(filter(None, (error.context, error.problem)))
    return (
        f"line {mark.line + 1}, column {mark.column + 1}: is no YAML ({problem}); compare the "
        "indents with those of the lines above, and put text with a colon, # or braces in quotes"
    )


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
    import yaml

    if isinstance(value, Mapping) and isinstance(given, Mapping):
        return typed(value, given)
    if value != given:
        return value
    if isinstance(value, list | tuple):
        return [_typed(item, item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return found if value and isinstance(found, bool | int | float | None) else value

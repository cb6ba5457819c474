"""Fetch what a method of a plug-in needs, once for all fields of view of a dataset."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fovea.errors import FoveaError
from fovea.jobs.atomic import whole_file
from fovea.plugins.loader import needs
from fovea.plugins.registry import METHODS

_LOG = logging.getLogger("fovea")


def prepare(
    target: str | Path, step: str, parameters: Mapping[str, Any], log: logging.Logger = _LOG
) -> None:
    """Let the method fetch what it needs, and write down what it says of it.

    Parameters
    ----------
    target : path
        YAML file to write: what the `prepare` of the plug-in returns.
    step : {"segmentation", "tracking"}
        What the method is for.
    parameters : mapping
        ``method`` and the parameters of that method.

    Raises
    ------
    FoveaError
        If the plug-in has nothing to fetch, or fails to.
    """
    options = dict(parameters)
    method = options.pop("method")
    fetch = needs(METHODS[step], method).prepare
    if fetch is None:
        raise FoveaError(
            f"{step} method {method} has nothing to fetch; its plug-in was changed while "
            "this run was at work, so give the same command again"
        )
    found = fetch(options)
    with whole_file(target, checked=True) as temporary:
        temporary.write_text(yaml.safe_dump(found, sort_keys=False), "utf-8")
    for key, value in found.items():
        log.info("%s: %s", key, value)

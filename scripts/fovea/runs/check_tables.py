"""Whether tables that users bring can be used: told at the start of a run, before long jobs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError


def check_curation(config: Mapping[str, Any], source: str) -> None:
    """Raise FoveaError where a config names a file that is no curation table; rows come later.

    Parameters
    ----------
    config : mapping
        The checked config.
    source : str
        Where it stands, for the message.
    """
    from fovea.samples.curation import open_curation

    curation = config["curation"]
    if not curation or not Path(curation).exists():
        return
    try:
        open_curation(curation)
    except FoveaError as error:
        raise FoveaError(f"{source}: curation: {error}") from error
    except OSError as error:
        why = error.strerror or error
        raise FoveaError(f"{source}: curation: {curation} cannot be read: {why}") from error


def check_tables(
    config: Mapping[str, Any],
    imports: Iterable[Mapping[str, Any]],
    edited: Iterable[tuple[str, str, int]] = (),
) -> None:
    """Raise FoveaError, naming all that is wrong, if tables of the user's cannot be used.

    Parameters
    ----------
    config : mapping
        The checked config.
    imports : iterable of mapping
        Parameters of `fovea.samples.imports.import_traces.gather`, `paths` among them, for each
        dataset whose traces are to be imported.
    edited : iterable of (path, dataset, field of view)
        Tables of edited tracks that are to be applied.
    """
    from fovea.samples.curation import read_curation

    wrong = []
    curation = config["curation"]
    if curation and Path(curation).exists():
        try:
            read_curation(curation, list(config["datasets"]))
        except FoveaError as error:
            wrong.append(str(error))
    silent = logging.Logger("silent", logging.CRITICAL)  # the job itself will log what it reads
    for parameters in imports:
        from fovea.samples.imports.import_traces import gather

        try:
            gather(**parameters, log=silent)
        except FoveaError as error:
            wrong.append(str(error))
    for table in edited:
        from fovea.tracking.edited import read_edited

        try:
            read_edited(*table)
        except FoveaError as error:
            wrong.append(str(error))
    if wrong:
        raise FoveaError("; ".join(dict.fromkeys(wrong)))

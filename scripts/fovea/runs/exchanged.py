"""Recordings that were exchanged or changed after they had been inspected."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.jobs.checksums import as_written, read_text
from fovea.recordings.fingerprint import check_unchanged, source_files, stamp


def check_exchanged(plan: Plan, absent: Mapping[str, str], folder: str | Path = ".") -> None:
    """Raise FoveaError for recordings that are not those that results were made from.

    Snakemake makes everything anew for a recording that is newer than its ``metadata.yaml``, and
    where the config names other files; it sees nothing where another recording was put in the place
    of one that is as old or older.

    Parameters
    ----------
    absent : mapping
        The datasets whose recording is not there, as `fovea.runs.archived.archived` returns them.
    """
    wrong = []
    for name, dataset in plan.datasets.items():
        metadata = Path(folder) / fill(plan.paths.METADATA, dataset=name)
        if name in absent or not metadata.exists():
            continue
        try:
            source, about = dataset.entry["input"], _about(metadata)
            if not _is_newer(source, about, metadata, folder):
                check_unchanged(source, about, fill(plan.paths.METADATA, dataset=name), folder)
        except FoveaError as error:
            wrong.append(str(error))
    if wrong:
        raise FoveaError("\n".join(wrong))


def _is_newer(source: object, about: Mapping, metadata: Path, folder: str | Path) -> bool:
    """Return whether a recording is newer than its metadata, another, or cannot be looked at."""
    try:
        names = source_files(source, folder)
        times = [time for _, _, time in stamp(source, folder)]
    except (FoveaError, OSError):  # the job that reads it says what is wrong
        return True
    if names != about.get("files"):
        return True
    return max(times, default=0) > os.stat(metadata).st_mtime_ns


def _about(metadata: Path) -> dict:
    """Return what identifies a recording, without parsing all of its metadata."""
    import yaml

    with as_written(metadata):
        lines = [line for line in read_text(metadata).splitlines()
                 if line.startswith(("files: ", "recording: "))]  # fmt: skip
        return yaml.load("\n".join(lines), Loader=yaml.CSafeLoader) or {}

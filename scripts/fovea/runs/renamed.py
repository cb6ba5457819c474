"""Datasets of the config that seem to be others of an earlier run under a new name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.jobs.checksums import as_written, read_text


def renamed(plan: Plan, folder: str | Path = ".") -> dict[str, str]:
    """Return datasets without results to others, not in the config, of the same recording."""
    folder = Path(folder)
    known = set(plan.config["datasets"])
    inspected = (folder / plan.paths.RESULTS).glob("*/metadata.yaml")
    others = {path.parent.name: _files(path) for path in inspected
              if path.parent.name not in known}  # fmt: skip
    found = {}
    for name, dataset in plan.datasets.items() if others else ():
        if (folder / fill(plan.paths.METADATA, dataset=name)).exists():
            continue
        try:
            files = _names(dataset.recording())
        except FoveaError:
            continue
        same = [old for old, theirs in sorted(others.items()) if files and theirs == files]
        if same:
            found[name] = same[0]
    return found


def _files(metadata: Path) -> list[str]:
    """Return the names of the files of a recording, without parsing all of its metadata."""
    import yaml

    with as_written(metadata):
        lines = read_text(metadata).splitlines()
        line = next((line for line in lines if line.startswith("files: ")), "files: []")
        return _names(yaml.safe_load(line)["files"])


def _names(files: Iterable[str]) -> list[str]:
    return sorted(os.path.basename(os.path.normpath(file)) for file in files)


def words(found: Mapping[str, str], results: str) -> str:
    """Say which datasets are processed from the beginning although it was done before.

    `results` is the folder of the results.
    """
    return "\n".join(
        f"Fovea: dataset {new} is processed from the beginning, and {results}/{old} holds results "
        f"of the same recording. If {old} was renamed, stop now and call it {old} again, also in "
        "the curation table: figures and tables show the names of samples, which are free"
        for new, old in found.items()
    )

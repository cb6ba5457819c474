"""Recordings that were moved away after they had been copied.

What `metadata.yaml` and the raw arrays hold is enough for all later steps. So a recording that is
not there is no error, as long as nothing is asked for that only the recording could give.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fovea.config.dataset_plan import DatasetPlan
from fovea.config.datasets import dataset_fovs, recordings
from fovea.config.inputs import resolve_input
from fovea.config.names import channel_of
from fovea.config.paths import DEMO_RECORDING, Paths, fill
from fovea.config.plan import Plan
from fovea.config.words import show_path
from fovea.errors import FoveaError
from fovea.jobs.checksums import as_written, read_text
from fovea.recordings.inspect_input import fov_count, load_metadata


def archived(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the datasets that were inspected and whose recording is not there: what is missing."""
    found = {}
    for name in recordings(config):
        source = config["datasets"][name]["input"]
        made = isinstance(source, str) and os.path.normpath(source) == DEMO_RECORDING
        if made or not Path(fill(Paths.of(config).METADATA, dataset=name)).exists():
            continue
        try:
            resolve_input(source)
        except FoveaError as error:
            found[name] = str(error).removeprefix("input: ")
    return found


def check_archived(plan: Plan, missing: Mapping[str, str], source: str) -> None:
    """Raise FoveaError if something is asked for that only a recording can give that is not there.

    Parameters
    ----------
    missing : mapping
        What `archived` returns.
    source : str
        The config, for messages.
    """
    wrong = []
    for name, text in missing.items():
        needed = next(iter(_needed(plan, plan.datasets[name])), None)
        if needed:
            place = show_path(("datasets", name, "input"))
            wrong.append(f"{source}: {place}: {text} (working directory: {os.getcwd()}); {needed}")
    if wrong:
        raise FoveaError("\n".join(wrong))


def _needed(plan: Plan, dataset: DatasetPlan) -> Iterator[str]:
    """Yield what a recording is needed for."""
    metadata = fill(dataset.paths.METADATA, dataset=dataset.name)
    files = load_metadata(metadata)["files"]
    for name in _names(dataset.entry["input"]):
        if not any(fnmatch(os.path.basename(os.path.normpath(file)), name) for file in files):
            yield f"what was copied to {dataset.paths.RESULTS}/{dataset.name} is from {files[0]}"
    try:
        fovs = dataset_fovs(plan.config, dataset.name, fov_count(metadata))
    except FoveaError:  # the start of the run says what is wrong
        return
    for fov in fovs:
        for group in dataset.groups("pc", "fl"):
            array = fill(dataset.paths.arrays([group])[0], dataset=dataset.name, fov=f"{fov:03d}")
            channel = f"channel {channel_of(group)} of field of view {fov}"
            if not Path(array).exists():
                yield f"it is needed to copy {channel}"
                continue
            with as_written(array):
                about = json.loads(read_text(array))["attributes"]["fovea"]
                made = about["parameters"]
            if made["z"] != dataset.entry["z"]:
                yield f"it is needed to copy {channel} with z: {dataset.entry['z']}"
    if not dataset.params["copy_only"]:
        yield from _of_the_whole(dataset)


def _names(source: Any) -> Iterable[str]:
    """Return the names and globs of files that an input states, without their folders."""
    given = source.get("files", []) if isinstance(source, dict) else source
    names = [os.path.basename(os.path.normpath(p)) for p in ([given] if isinstance(given, str)
                                                             else given)]  # fmt: skip
    return [name for name in names if "." in name]


def _of_the_whole(dataset: DatasetPlan) -> Iterator[str]:
    """Yield what is found in the recording as a whole, and was not, or with other parameters."""
    import yaml

    record = Path(fill(dataset.steps.PROCESSING_CONFIG["config"], dataset=dataset.name))
    before = {}
    if record.exists():
        with as_written(record):
            before = yaml.safe_load(read_text(record))["params"]

    def lacks(file: str, section: str, *keys: str) -> bool:
        now, known = dataset.params[section], before.get(section)
        if keys:
            now = {key: now[key] for key in keys}
            known = {key: (known or {}).get(key) for key in keys}
        return now != known or not Path(file).exists()

    for file in dataset.found():
        file = fill(file, dataset=dataset.name)
        if lacks(file, "segmentation") or lacks(file, "preprocess"):
            yield (
                "it is needed to find what params.segmentation leaves open of mode, contrast and "
                "cell_diameter"
            )
    if dataset.flat_field_params["method"] == "recording":
        for channel in dataset.fl:
            gain = str(dataset.steps.FLAT_FIELD.of(dataset=dataset.name, fl=channel)["gain"])
            if lacks(gain, "flat_field", *dataset.flat_field_params):
                yield f"it is needed to find the flat field of channel {channel}"


def words(missing: Mapping[str, str]) -> str:
    """Say that a run goes on without recordings; empty where all are there."""
    return "\n".join(
        f"Fovea: dataset {name} goes on with what was copied from its recording: {text}"
        for name, text in missing.items()
    )

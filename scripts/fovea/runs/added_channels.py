"""Channels that were added to the config after others had been copied: only they are copied then.

All channels of a field of view are copied by one job, because one pass over a recording reads them
all. Snakemake would do that job again for one more channel, and everything after it. So the rules
of a run depend on what is there when it starts: a field of view that has some of its channels gets
a job for the others. Nothing that exists is trusted blindly, for the job of the existing channels
is still in the plan, and runs again if the recording has changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fovea.config.dataset_plan import DatasetPlan
from fovea.config.fovs import format_fovs, parse_fovs
from fovea.config.paths import fill
from fovea.config.plan import Plan

#: Set for the jobs of a run, which must have the rules of its start.
VARIABLE = "FOVEA_ADDED_CHANNELS"

#: Dataset to channel group to the fields of view that lack it, as `format_fovs` writes them.
Added = Mapping[str, Mapping[str, str]]


def plan_added(plan: Plan, at_start: bool) -> None:
    """Tell a plan which channels are to be copied beside existing ones.

    `at_start` is whether this process starts a run; else it is one of its jobs.
    """
    if at_start:
        told = json.dumps(added_channels(plan))
        os.environ[VARIABLE] = told
    for name, lacking in json.loads(os.environ.get(VARIABLE) or "{}").items():
        if name in plan.datasets:
            for group, fovs in lacking.items():
                for fov in parse_fovs(fovs) or ():
                    plan.datasets[name].added.setdefault(fov, []).append(group)


def added_channels(plan: Plan, folder: str | Path = ".") -> Added:
    """Return the channels that fields of view lack which have others."""
    found = {name: _lacking(dataset, Path(folder)) for name, dataset in plan.datasets.items()}
    return {name: lacking for name, lacking in found.items() if lacking}


def _lacking(dataset: DatasetPlan, folder: Path) -> dict[str, str]:
    groups, paths = dataset.groups("pc", "fl"), dataset.paths
    lacking: dict[str, list[int]] = {}
    for field in (folder / paths.RESULTS / dataset.name).glob("fov_*"):
        fov = field.name.removeprefix("fov_")
        if not fov.isdecimal():
            continue

        def there(files: Iterable[str], fov: str = fov) -> bool:
            return all((folder / fill(f, dataset=dataset.name, fov=fov)).exists()
                       for f in files)  # fmt: skip

        missing = [group for group in groups
                   if not there([*paths.arrays([group]), *paths.group_files([group])])]  # fmt: skip
        if missing and len(missing) < len(groups) and there([paths.IMAGES]):
            for group in missing:
                lacking.setdefault(group, []).append(int(fov))
    return {group: format_fovs(lacking[group]) for group in groups if group in lacking}

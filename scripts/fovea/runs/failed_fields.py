"""Samples some of whose fields of view failed: they wait, or are made without these.

Snakemake does not start a job whose input could not be made. With `skip_failed`, a run in which
fields of view failed is therefore followed by a second part: Snakemake once more, with the same
options, told what to do without. It is not left to the user, because a run often ends while nobody
looks, at night or on a cluster, and its samples are to be there in the morning. `rows` are those of
`fovea.runs.status.collect`, `folder` is the working directory.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fovea.config import samples
from fovea.config.datasets import dataset_fovs
from fovea.config.fovs import ALL, format_fovs
from fovea.config.paths import fill
from fovea.config.plan import LeftOut, Plan
from fovea.errors import FoveaError
from fovea.jobs.log_state import read_log
from fovea.recordings.inspect_input import fov_count
from fovea.runs import status
from fovea.runs.status import Row

#: Set for the second part of a run.
VARIABLE = "FOVEA_LEFT_OUT"
#: What a run says whose Snakefile is not Fovea's.
SKIPS_NOTHING = (
    "Fovea: skip_failed does nothing where Fovea is a module, for Snakemake calls the handlers of "
    "the main Snakefile only; leave failed fields of view out with exclude_fovs, or run Fovea by "
    "itself"
)
#: Options that would process everything again.
_FORCE = ("-F", "--forceall", "-f", "--force")
_FORCED = ("-R", "--forcerun")


def left_out_now() -> tuple[LeftOut, list[str] | None]:
    """Return what is left out in this part of a run, and which samples are made (None: all)."""
    told = json.loads(os.environ.get(VARIABLE) or "{}")
    return told.get("without", {}), told.get("samples")


def failed_fields(
    plan: Plan, rows: Sequence[Row], folder: str | Path = "."
) -> dict[str, list[int] | None]:
    """Return the fields of view without traces because a step failed, by dataset.

    None stands for a whole dataset that could not be read.
    """
    found: dict[str, list[int] | None] = {}
    for row in rows:
        if row.state == "failed" and row.step == plan.steps.INSPECT_INPUT.name:
            found[row.dataset] = None
        elif row.state == "failed" and row.fov and not _has_traces(plan, row, folder):
            fovs = found.setdefault(row.dataset, [])
            if fovs is not None:
                fovs.append(int(row.fov))
    return found


def _has_traces(plan: Plan, row: Row, folder: str | Path) -> bool:
    file = plan.steps.EXTRACT.of(dataset=row.dataset, fov=row.fov).outputs["traces"]
    return (Path(folder) / str(file)).exists()


def settled(plan: Plan, sample: str, rows: Sequence[Row], folder: str | Path = ".") -> bool:
    """Return whether every field of view of a sample has its traces or has failed."""
    parts = samples.sample_parts(plan.config, sample)
    return all(
        row.state == "failed" or (row.fov and _has_traces(plan, row, folder))
        for row in rows
        if row.dataset in parts and (not row.fov or _includes(parts[row.dataset], int(row.fov)))
    )


def _includes(chosen: Sequence[int] | str, fov: int) -> bool:
    return chosen == ALL or fov in chosen


def can_go_on(plan: Plan, sample: str, left_out: LeftOut) -> bool:
    """Return whether something of a sample is left."""
    without = Plan(plan.config, left_out)

    def fovs(dataset: str) -> list[int]:
        listed = plan.config["datasets"][dataset]["fovs"] != ALL
        count = None if listed else fov_count(fill(plan.paths.METADATA, dataset=dataset))
        return dataset_fovs(plan.config, dataset, count)

    try:
        return any(
            dataset in plan.traces or without.sample_fovs(sample, dataset, fovs)
            for dataset in samples.sample_parts(plan.config, sample)
        )
    except FoveaError:
        return False


def after_failure(
    plan: Plan,
    rows: Sequence[Row],
    command: Sequence[str] | None,
    folder: str | Path = ".",
    origin: str | Path = ".",
) -> str:
    """Say which samples wait for failed fields of view; with `skip_failed`, make them without.

    `command` is the command line of the run, program first; None where it asked for certain files.
    It was given in `origin`, from which relative paths in it start.
    There is nothing to say after the second part of a run.
    """
    if plan.left_out:
        return ""
    left_out = failed_fields(plan, rows, folder)
    waiting = [name for name in plan.samples if _words(plan, name, left_out)]
    ready = [name for name in plan.samples
             if settled(plan, name, rows, folder) and can_go_on(plan, name, left_out)]  # fmt: skip
    made = [name for name in ready if name in waiting]
    if not plan.config["skip_failed"] or command is None or not made:
        return "\n".join(
            f"Fovea: sample {name} waits for {'; '.join(_words(plan, name, left_out))}; "
            "skip_failed: true in the config makes it of the others"
            for name in waiting
            if not _all_failed(plan, name, left_out)
        )
    status.write(rows, Path(folder) / plan.paths.STATUS, left_out_of(plan, left_out))
    listed = _listed(left_out)
    print(f"Fovea: skip_failed is set, so samples go on without {listed}", file=sys.stderr)
    again = [sys.executable, "-m", "snakemake", *_without_force(command[1:])]
    told = json.dumps({"without": left_out, "samples": ready})
    done = subprocess.run(again, env=os.environ | {VARIABLE: told}, check=False, cwd=origin)
    if done.returncode:
        return f"Fovea: making samples of the rest failed too ({shlex.join(again)})"
    return f"Fovea: samples made without {listed}: {', '.join(made)}"


def left_out_of(plan: Plan, left_out: LeftOut) -> dict[tuple[str, str], str]:
    """Return (dataset, field of view) as in ``status.csv`` to the samples that do without it."""
    found = {}
    for dataset, fovs in left_out.items():
        chosen = {name: samples.sample_parts(plan.config, name).get(dataset, [])
                  for name in samples.sample_names(plan.config)}  # fmt: skip
        if fovs is None:
            found[dataset, ""] = " ".join(name for name, part in chosen.items() if part)
        for fov in fovs or ():
            names = [name for name, part in chosen.items() if _includes(part, fov)]
            found[dataset, f"{fov:03d}"] = " ".join(names)
    return found


def failures(plan: Plan, folder: str | Path = ".") -> str:
    """Say which steps of samples failed, why, and where to read more; empty for none."""
    steps = {f"dataset {name}, step {step.name}": step for name, step in plan.traces.items()}
    for name in plan.samples:
        steps |= {f"sample {name}, step {step.name}": step for step in plan.sample_steps(name)}
    steps |= {f"step {step.name}": step for step in plan.common_steps()}
    lines = []
    for what, step in steps.items():
        state, _, error = read_log(Path(folder) / step.log, active=False)
        if state == "failed":
            lines += [f"  {what}: {error}", f"    log: {step.log}"]
    return "\n".join(["Fovea: failed steps of samples", *lines]) if lines else ""


def _words(plan: Plan, sample: str, left_out: LeftOut) -> list[str]:
    return samples.left_out_words(left_out, samples.sample_parts(plan.config, sample))


def _all_failed(plan: Plan, sample: str, left_out: LeftOut) -> bool:
    """Return whether none of the recordings of a sample could be read: there are no others."""
    parts = samples.sample_parts(plan.config, sample)
    return all(left_out.get(dataset, ()) is None for dataset in parts)


def _listed(left_out: LeftOut) -> str:
    return "; ".join(
        f"dataset {dataset}"
        if fovs is None
        else f"{dataset}, field{'s' * (len(fovs) > 1)} of view {format_fovs(fovs)}"
        for dataset, fovs in left_out.items()
    )


def _without_force(options: Sequence[str]) -> list[str]:
    """Return options without those that would process everything again."""
    kept: list[str] = []
    dropping = False
    for option in options:
        if option.startswith("-"):
            dropping = option in _FORCED
        if not dropping and option not in _FORCE:
            kept.append(option)
    return kept

"""Samples some of whose fields of view failed: they wait, or go on without these.

Snakemake does not start a job whose input could not be made. With `skip_failed`, a run in which
fields of view failed is therefore followed by a second part: Snakemake once more, with the same
options, told what to do without.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fovea.config import samples
from fovea.config.fovs import ALL, format_fovs
from fovea.config.validation import dataset_fovs
from fovea.errors import FoveaError
from fovea.runs import status
from fovea.runs.status import Row

#: Set for the second part of a run.
VARIABLE = "FOVEA_LEFT_OUT"
#: Options that would process everything again.
_FORCE = ("-F", "--forceall", "-f", "--force")
_FORCED = ("-R", "--forcerun")

LeftOut = Mapping[str, Sequence[int] | None]


def left_out_now() -> tuple[dict[str, list[int] | None], list[str] | None]:
    """Return what is left out in this part of a run, and which samples are made.

    Returns
    -------
    dict
        Dataset to fields of view; None stands for the whole dataset.
    list of str or None
        None stands for all samples.
    """
    told = json.loads(os.environ.get(VARIABLE) or "{}")
    return told.get("without", {}), told.get("samples")


def failed_fields(config: Mapping, rows: Sequence[Row], folder: str | Path = ".") -> dict:
    """Return the fields of view without traces because a step failed, by dataset.

    Parameters
    ----------
    config : mapping
        The checked config.
    rows : sequence of Row
        As `fovea.runs.status.collect` gives them.
    folder : path
        The working directory.
    """
    found: dict[str, list[int] | None] = {}
    for row in rows:
        if row.state != "failed":
            continue
        if not row.fov:
            if row.step == "inspect_input":
                found[row.dataset] = None
            continue
        if found.get(row.dataset, ()) is not None and not _traces(folder, row).exists():
            found.setdefault(row.dataset, []).append(int(row.fov))
    return found


def _traces(folder: str | Path, row: Row) -> Path:
    name = f"{row.dataset}_fov_{row.fov}_traces.csv"
    return Path(folder) / "results" / row.dataset / f"fov_{row.fov}" / name


def affected(config: Mapping, left_out: LeftOut) -> list[str]:
    """Return the samples to which some of these fields of view belong."""
    return [name for name in samples.sample_names(config)
            if samples.left_out_words(left_out, samples.sample_parts(config, name))]  # fmt: skip


def settled(config: Mapping, sample: str, rows: Sequence[Row], folder: str | Path = ".") -> bool:
    """Whether every field of view of a sample has its traces or has failed."""
    parts = samples.sample_parts(config, sample)
    for row in rows:
        chosen = parts.get(row.dataset, [])
        mine = row.dataset in parts and (not row.fov or chosen == ALL or int(row.fov) in chosen)
        if mine and row.state != "failed" and row.fov and not _traces(folder, row).exists():
            return False
        if mine and not row.fov and row.state != "failed":
            return False
    return True


def can_go_on(config: Mapping, sample: str, left_out: LeftOut) -> bool:
    """Whether something of a sample is left."""
    for dataset in samples.sample_parts(config, sample):
        without = left_out.get(dataset, [])
        if config["datasets"][dataset]["traces"] is not None:
            return True
        if without is None:
            continue
        try:
            available = _processed(config, dataset)
        except FoveaError:
            return False
        if set(samples.sample_fovs(config, sample, dataset, available)) - set(without):
            return True
    return False


def _processed(config: Mapping, dataset: str) -> list[int]:
    from fovea.recordings.inspect_input import fov_count

    if config["datasets"][dataset]["fovs"] != ALL:
        return dataset_fovs(config, dataset)
    return dataset_fovs(config, dataset, fov_count(f"results/{dataset}/metadata.yaml"))


def after_failure(
    config: Mapping,
    rows: Sequence[Row],
    command: Sequence[str] | None,
    second_part: bool = False,
    folder: str | Path = ".",
) -> str:
    """Say which samples wait for failed fields of view; with `skip_failed`, let them go on.

    Parameters
    ----------
    config, rows, folder
        As of `failed_fields`.
    command : sequence of str or None
        The command line of the run, program first; None where it asked for certain files.
    second_part : bool
        Whether this was the second part of a run already.

    Returns
    -------
    str
        What to tell the user.
    """
    if second_part:
        return ""
    left_out = failed_fields(config, rows, folder)
    waiting = affected(config, left_out)
    if not waiting:
        return ""
    ready = [
        name
        for name in samples.sample_names(config)
        if settled(config, name, rows, folder) and can_go_on(config, name, left_out)
    ]
    if not config["skip_failed"] or command is None or not set(ready) & set(waiting):
        return "\n".join(_waits(config, name, left_out) for name in waiting)
    status.write(rows, Path(folder) / "results" / "status.csv", left_out_of(config, left_out))
    options = _without_force(command[1:])
    print(
        f"Fovea: skip_failed is set, so samples go on without {_listed(left_out)}", file=sys.stderr
    )
    again = [sys.executable, "-m", "snakemake", *options, "--nolock"]
    told = json.dumps({"without": left_out, "samples": ready})
    done = subprocess.run(again, env=os.environ | {VARIABLE: told}, check=False, cwd=folder)
    if done.returncode:
        return f"Fovea: making samples of the rest failed too ({shlex.join(again)})"
    names = ", ".join(name for name in ready if name in waiting)
    return f"Fovea: samples made without {_listed(left_out)}: {names}"


def left_out_of(config: Mapping, left_out: LeftOut) -> dict[tuple[str, str], str]:
    """Return (dataset, field of view) as in ``status.csv`` to the samples that do without it."""
    found = {}
    for dataset, fovs in left_out.items():
        for fov in [""] if fovs is None else [f"{fov:03d}" for fov in fovs]:
            found[dataset, fov] = " ".join(_samples_with(config, dataset, fov))
    return found


def _samples_with(config: Mapping, dataset: str, fov: str) -> list[str]:
    found = []
    for name in samples.sample_names(config):
        chosen = samples.sample_parts(config, name).get(dataset, [])
        if chosen and (not fov or chosen == ALL or int(fov) in chosen):
            found.append(name)
    return found


def failures(config: Mapping, names: Sequence[str], folder: str | Path = ".") -> str:
    """Say which steps of samples failed, why, and where to read more; empty for none.

    Parameters
    ----------
    config : mapping
        The checked config.
    names : sequence of str
        The samples that were to be made.
    folder : path
        The working directory.
    """
    given = [name for name, entry in config["datasets"].items() if entry["traces"] is not None]
    logs = {f"dataset {name}, step import_traces": f"{name}/import_traces" for name in given}
    for name in names:
        logs[f"sample {name}, step merge"] = f"merged/{name}_merge"
        for fit, entry in samples.fits(config).items():
            if name in samples.samples_of(config, entry):
                logs[f"sample {name}, step {fit}"] = f"analysis/{name}_{fit}"
                if entry["shared"]:
                    logs[f"sample {name}, step share of {fit}"] = f"analysis/{name}_{fit}_shared"
    lines = []
    for what, log in logs.items():
        path = Path(folder) / "logs" / f"{log}.log"
        if path.exists():
            state, _, error = status.read_log(path, active=False)
            if state == "failed":
                lines += [f"  {what}: {error}", f"    log: logs/{log}.log"]
    return "\n".join(["Fovea: failed steps of samples", *lines]) if lines else ""


def _waits(config: Mapping, sample: str, left_out: LeftOut) -> str:
    words = samples.left_out_words(left_out, samples.sample_parts(config, sample))
    return (
        f"Fovea: sample {sample} waits for {'; '.join(words)}; "
        "skip_failed: true in the config makes it of the others"
    )


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

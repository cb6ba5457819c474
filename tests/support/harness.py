"""Snakemake in temporary folders: configs, runs, dry runs, and what they leave behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fovea.jobs.checksums import FOLDER

REPOSITORY = Path(__file__).resolve().parents[2]
SNAKEFILE = REPOSITORY / "Snakefile"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

PHASE = ["area", "aspect_ratio", "eccentricity", "circularity", "perimeter", "solidity",
         "centroid_x", "centroid_y"]  # fmt: skip
FLUORESCENCE = ["intensity_total", "intensity_mean", "intensity_median", "intensity_std",
                "intensity_max", "intensity_min"]  # fmt: skip

# What tables have behind all other columns, of recordings that state the size of a pixel.
POSITION_UM = ["position_x_um", "position_y_um"]
PHASE_UM = [*POSITION_UM, "area_um2_ch_0", "perimeter_um_ch_0", "centroid_x_um_ch_0",
            "centroid_y_um_ch_0"]  # fmt: skip

# Small frames: no cell is 50 pixels away from the edge, and no track has 30 frames.
PARAMS = {
    "preset": "pyama",
    "extraction": {"min_frames": 2, "border_margin": 3},
    "background": {"tile_size": 64},
}

# Arguments of a run without pages, and without any pictures, which take half of a small run's time.
NO_PAGES = ("--omit-from", "field_page", "sample_page", "fit_page", "parameters_page",
            "pages_to_send")  # fmt: skip
NO_PICTURES = (*NO_PAGES, "overview", "plot_traces", "plot_retention", "plot_fits", "plot_quality")

# Steps that have one rule for each layout of the datasets or samples, see `fovea.config.plan`.
BY_LAYOUT = ("copy_raw", "track", "background", "crop", "cache", "merge")


@dataclass
class Run:
    """A run of Snakemake that has ended.

    Attributes
    ----------
    code : int
        Its exit code.
    text : str
        What it wrote on the terminal.
    """

    code: int
    text: str

    @property
    def log(self) -> str:
        """What it wrote into Snakemake's own log, with lines of every job; empty for none."""
        named = re.search(r"^Complete log\(s\): (.+)$", self.text, re.M)
        return Path(named[1]).read_text("utf-8") if named else ""

    @property
    def finished(self) -> int:
        """Number of jobs that were finished."""
        return len(re.findall(r"^Finished jobid: ", self.log, re.M))


@dataclass
class DryRun(Run):
    """A dry run, and the jobs it would do, as `dry_runs.py` describes them."""

    jobs: list[dict] = field(default_factory=list)

    @property
    def steps(self) -> set[tuple[str, str, str]]:
        """(step, dataset, field of view) of each job that makes something of a recording."""
        return {
            step(job) for job in self.jobs
            if "dataset" in job["wildcards"] or job["rule_name"] == "simulate"
        }  # fmt: skip


def step(job: dict) -> tuple[str, str, str]:
    """(step, dataset, field of view) of a job."""
    given = job["wildcards"]
    return step_of(job["rule_name"]), given.get("dataset", ""), given.get("fov", "")


def step_of(rule: str) -> str:
    """The step of a rule; where there are several of it, each adds words to the step's name."""
    return next((step for step in BY_LAYOUT if rule.startswith(f"{step}_")), rule)


def environment() -> dict[str, str]:
    """The environment of a user: none of Snakemake's own variables."""
    kept = {name: value for name, value in os.environ.items() if "SNAKEMAKE" not in name}
    return kept | {"TERM": "dumb"}


def arguments(*more: str, cores: int = 2, snakefile: Path = SNAKEFILE) -> list[str]:
    """Command line of Snakemake, without the program."""
    return ["--snakefile", str(snakefile), "--cores", str(cores), *map(str, more)]


def snakemake(
    folder: Path, *more: str, expected: int | None = 0, variables: dict | None = None, **options
) -> Run:
    """Run Snakemake in a folder; `expected` is the exit code, None for any.

    `variables` are added to its environment.
    """
    command = [str(SNAKEMAKE), *arguments(*more, **options)]
    done = subprocess.run(
        command, cwd=folder, env=environment() | (variables or {}), stdin=subprocess.DEVNULL,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if expected is not None:
        assert done.returncode == expected, f"{' '.join(command)}\n{done.stdout}"
    return Run(done.returncode, done.stdout)


def dry_runs(requests: Iterable[tuple[Path, list[str]]], expected: int | None = 0) -> list[DryRun]:
    """Dry runs of Snakemake: one for each folder and list of further arguments."""
    given = [{"folder": str(f), "arguments": arguments(*more)} for f, more in requests]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("dry_runs.py"))],
        input=json.dumps(given), env=environment(), text=True, capture_output=True, check=True,
    )  # fmt: skip
    runs = [DryRun(**item) for item in json.loads(done.stdout)]
    for run in runs:
        assert expected in (None, run.code), run.text
    return runs


def dry_run(folder: Path, *more: str, expected: int = 0) -> DryRun:
    """One dry run."""
    return dry_runs([(folder, list(more))], expected)[0]


def dry_run_with(folder: Path, configs: dict[str, dict], expected: int = 0) -> dict[str, DryRun]:
    """Dry runs in a folder with other configs in place of its own, by name."""
    requests = []
    for number, config in enumerate(configs.values()):
        path = folder / "config" / f"other_{number}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        requests.append((folder, ["--configfile", path.relative_to(folder).as_posix()]))
    return dict(zip(configs, dry_runs(requests, expected), strict=True))


def dataset(source: str, fovs="0-1", pc: int | None = 0, fl=(1, 2), **more) -> dict:
    """A dataset's entry in the config, with all features."""
    phase = None if pc is None else {"channel": pc, "features": PHASE}
    fluorescence = [{"channel": c, "features": FLUORESCENCE} for c in fl]
    return {"input": source, "fovs": fovs, "channels": {"pc": phase, "fl": fluorescence}, **more}


def write_config(folder: Path, datasets: dict, params: dict | None = None, **more) -> dict:
    """Write `config/config.yaml`, with parameters that suit small frames."""
    config = {"datasets": datasets, "params": PARAMS | (params or {}), **more}
    path = folder / "config" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return config


def copied(folder: Path, target: Path, linked: bool = False) -> Path:
    """A copy of a working folder, with the times of its files.

    With `linked` its files are hard links: quickly made, but only to delete some of them.
    """
    shutil.copytree(folder, target, copy_function=os.link if linked else shutil.copy2)
    return target


def files(folder: Path) -> list[str]:
    """All files under a folder but checksums of others, relative and sorted."""
    found = (path for path in folder.rglob("*") if not path.is_dir()
             and path.parent.name != FOLDER)  # fmt: skip
    return sorted(path.relative_to(folder).as_posix() for path in found)


def digests(folder: Path) -> dict[str, str]:
    """Checksum of every file under a folder."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files(folder)
    }


def log_lines(path: Path, level: str) -> list[str]:
    """Messages of a job's log that have a level."""
    text = path.read_text("utf-8")
    return re.findall(rf"^\S+ \S+ {level}\s+(.*)$", text, re.M)


def warnings_in(folder: Path) -> dict[str, list[str]]:
    """Warnings in the logs of a working folder, by log."""
    found = {p.relative_to(folder).as_posix(): log_lines(p, "WARNING")
             for p in sorted((folder / "logs").rglob("*.log"))}  # fmt: skip
    return {name: lines for name, lines in found.items() if lines}

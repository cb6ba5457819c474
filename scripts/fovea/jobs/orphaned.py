"""Jobs that a run left in Slurm's queue because its head was killed: cancel them before a restart.

They would go on, finish, fail and clean up after themselves beside the jobs of the new run.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from pathlib import Path

from fovea.errors import FoveaError

PATIENCE = 120  # seconds until cancelled jobs have to be gone
_RUN = re.compile(r"^SLURM run ID: (\S+)$", re.M)
_HEAD = 1 << 16  # characters of a log in which Snakemake says the run's ID


def _run_names(folder: Path) -> set[str]:
    """Return the names that the runs of a working folder have given to their jobs, one per run."""
    found = set()
    for log in (folder / ".snakemake" / "log").glob("*.log"):
        with log.open(encoding="utf-8", errors="replace") as file:
            found.update(_RUN.findall(file.read(_HEAD)))
    return found


def _left_jobs(names: set[str]) -> list[str]:
    """Return the IDs of the jobs of some runs that wait, run or are about to end."""
    done = _ask("squeue", "--noheader", "--user", getpass.getuser(), "--format", "%i %j")
    lines = [line.split(maxsplit=1) for line in done.splitlines()]
    return [number for number, name in lines if name in names]


def cancel_leftovers(folder: str | Path = ".", patience: float = PATIENCE) -> list[str]:
    """Cancel the jobs that earlier runs of a working folder have left, and wait until they ended.

    To be called at the start of a run, when it has no jobs of its own and Snakemake's lock of the
    folder says that no other run is at work. Returns the IDs of the jobs; raises FoveaError if
    Slurm does not answer, or a job has not ended after `patience` seconds.
    """
    names = _run_names(Path(folder))
    if not names or shutil.which("squeue") is None:
        return []
    left = cancelled = _left_jobs(names)
    if left:
        _ask("scancel", *left)
    end = time.monotonic() + patience
    while left:
        if time.monotonic() > end:
            raise FoveaError(
                f"jobs of an earlier run of this folder do not end: {' '.join(left)}; wait until "
                "squeue shows them no more, then start Snakemake again"
            )
        time.sleep(0.5)
        left = _left_jobs(names)
    return cancelled


def _ask(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FoveaError(
            f"Slurm does not say whether jobs of an earlier run are left: {command[0]}: "
            f"{' '.join(done.stderr.split())}; start Snakemake again when it does"
        )
    return done.stdout

"""A working folder whose runs go to the cluster, and in which they can be held at a step."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from cluster.slurm import Cluster, SlurmJob, wait_until
from support.harness import (
    REPOSITORY,
    SNAKEFILE,
    SNAKEMAKE,
    dataset,
    digests,
    environment,
    write_config,
)

PROFILE = REPOSITORY / "profiles" / "slurm"
FOVS = 3
PATIENCE = 400  # seconds; the stories share two cores with each other
# The profile's pauses are made for long jobs and busy clusters.
FAST = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "20"]

# Segmentation waits while there is a file `hold` or, for field of view 0, `hold_000`; it fails
# while there is a file `broken_000`; and while there is a file `greedy` it takes 1 GB for some
# seconds. The frames stay as they are.
PLUGIN = '''
import time
from pathlib import Path

import __main__
from fovea.plugins import preprocessing

TAKEN = []


@preprocessing("obstacle")
def obstacle(frame):
    """Wait, fail or take memory, while a file says so."""
    fov = __main__.snakemake.wildcards.fov
    while Path("hold").exists() or Path(f"hold_{fov}").exists():
        time.sleep(0.1)
    if Path(f"broken_{fov}").exists():
        raise ValueError("this field of view is broken")
    if Path("greedy").exists() and not TAKEN:
        TAKEN.append(b"x" * (1 << 30))
        time.sleep(5)
    return frame
'''

SAMPLE = {
    "samples": [{"name": "cells"}],
    "analysis": [{"model": "trivial", "channel": 1, "feature": "intensity_total"}],
}


def make_folder(folder: Path, recording: Path, fovs: int, sample: bool) -> Path:
    """A working folder for the first fields of view, which may make a sample, with a fit."""
    (folder / "data").mkdir(parents=True)
    os.link(recording, folder / "data" / recording.name)
    (folder / "obstacle.py").write_text(PLUGIN)
    entry = dataset(f"data/{recording.name}", f"0-{fovs - 1}", fl=(1,))
    more = SAMPLE if sample else {}
    write_config(folder, {"small": entry}, {"preprocess": "obstacle"}, plugins=["obstacle.py"],
                 **more)  # fmt: skip
    return folder


class Site:
    """A working folder whose runs go to a cluster; `undisturbed` are the results to come."""

    def __init__(self, cluster: Cluster, folder: Path, undisturbed: dict[str, str], fovs: int):
        self.cluster, self.folder, self.undisturbed = cluster, folder, undisturbed
        self.fovs = [f"{fov:03d}" for fov in range(fovs)]
        self.head: subprocess.Popen | None = None
        self.runs = 0
        self.more: dict[str, str] = {}  # of the environment

    @property
    def environment(self) -> dict[str, str]:
        return environment() | self.cluster.environment | self.more

    def start(self, *more: str) -> None:
        """Start Snakemake with the profile, in a session of its own."""
        self.runs += 1
        self.terminal = self.folder / f"terminal_{self.runs}.txt"
        with self.terminal.open("wb") as out:
            self.head = subprocess.Popen(
                [SNAKEMAKE, "--snakefile", SNAKEFILE, "--profile", PROFILE, *FAST, *more],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def text(self) -> str:
        """What the last run has written on the terminal."""
        return self.terminal.read_text("utf-8")

    def end(self, expected: int = 0) -> None:
        """Wait for the run to end with an exit code."""
        assert self.head.wait(PATIENCE) == expected, self.text

    def run(self, *more: str, expected: int = 0) -> None:
        """Run Snakemake with the profile to its end."""
        self.start(*more)
        self.end(expected)

    def unlock(self) -> None:
        """What is needed before a restart if the head was killed."""
        done = subprocess.run(
            [SNAKEMAKE, "--snakefile", SNAKEFILE, "--unlock"], cwd=self.folder, text=True,
            env=self.environment, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Cancelled jobs that an earlier run has left" in done.stderr

    def close(self) -> None:
        """End a run that is still at work."""
        if self.head is not None and self.head.poll() is None:
            os.killpg(self.head.pid, signal.SIGKILL)
            self.head.wait()

    def hold(self, *fovs: str) -> None:
        """Let segmentation wait from now on: of some fields of view, or of all."""
        for name in [f"hold_{fov}" for fov in fovs] or ["hold"]:
            (self.folder / name).touch()

    def go_on(self, *fovs: str) -> None:
        """Let segmentation continue."""
        for name in [f"hold_{fov}" for fov in fovs] or ["hold"]:
            (self.folder / name).unlink()

    def submitted(self) -> dict[str, str]:
        """ID to kind of the Slurm jobs of all runs: `group_fov_...`, or `rule_` and its name."""
        logs = self.folder.glob(".snakemake/log/*.snakemake.log")
        texts = [path.read_text("utf-8") for path in logs]
        return dict(re.findall(r"SLURM jobid (\d+) \(log: .*/logs/slurm/([^/]+)", "".join(texts)))

    def jobs(self, kind: str = "") -> list[SlurmJob]:
        """Slurm's jobs of all runs in this folder, in the order they were submitted."""
        kinds = self.submitted()
        jobs = [job for job in self.cluster.jobs() if job.id in kinds]
        return [job for job in jobs if kinds[job.id].startswith(kind)]

    @property
    def states(self) -> list[str]:
        """How the jobs of fields of view ended."""
        return [job.state for job in self.jobs("group_fov")]

    def wait_for_jobs(self) -> None:
        """Wait until none is left in the queue."""
        left = {"RUNNING", "COMPLETING", "PENDING"}
        wait_until(lambda: not left & set(self.states), PATIENCE, what="for jobs to end")

    def log(self, fov: str, step: str) -> str:
        """The log of a step so far."""
        path = self.folder / "logs" / "small" / f"fov_{fov}" / f"{step}.log"
        return path.read_text("utf-8") if path.exists() else ""

    def job_of(self, fov: str, step: str = "segment_ch_0") -> str:
        """ID of the Slurm job whose step has written this log; empty if none has."""
        found = re.search(r"Slurm job (\d+) on node", self.log(fov, step))
        return found[1] if found else ""

    def held(self, *fovs: str, not_in: tuple[str, ...] = ()) -> dict[str, SlurmJob]:
        """Wait until fields of view are held at segmentation, by running jobs that are not old."""

        def ready() -> dict[str, SlurmJob]:
            assert self.head.poll() is None, self.text
            running = {job.id: job for job in self.cluster.jobs("RUNNING")}
            found = {fov: running.get(self.job_of(fov)) for fov in fovs or self.fovs}
            good = all(job and job.id not in not_in for job in found.values())
            return found if good else {}

        return wait_until(ready, PATIENCE, what="for jobs to be held", also=lambda: self.text)

    def segmenting(self, fov: str) -> int:
        """Process that segments a field of view."""
        log = self.log(fov, "segment_ch_0")
        return int(re.search(r"INFO +host \S+, process (\d+)", log)[1])

    def node_log(self, job: SlurmJob) -> str:
        """What Slurm and Snakemake have said on the node."""
        (log,) = (self.folder / "logs" / "slurm").rglob(f"{job.id}.log")
        return log.read_text("utf-8")

    def check(self, *fovs: str) -> None:
        """These results are those of an undisturbed run, and nothing half-made is left."""
        found = digests(self.folder / "results")
        known = re.compile(r"/\.checksums/|/\.snakemake_timestamp$")
        assert not [name for name in found if "/." in known.sub("/", name)]
        if "merged" in {name.split("/")[0] for name in found}:
            assert found == self.undisturbed
        places = ["small/metadata.yaml", *(f"small/fov_{fov}/" for fov in fovs or self.fovs)]
        for place in places:
            mine = {name: sum_ for name, sum_ in found.items() if name.startswith(place)}
            expected = {n: sum_ for n, sum_ in self.undisturbed.items() if n.startswith(place)}
            assert mine == expected, place

"""One cluster for all its tests, and folders in which a run can be held at a step."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.slurm import PACKAGES, Cluster, SlurmJob, missing, wait_until
from fovea.simulate import simulate
from workflow.harness import (
    REPOSITORY,
    SNAKEFILE,
    SNAKEMAKE,
    dataset,
    digests,
    environment,
    snakemake,
    write_config,
)

PROFILE = REPOSITORY / "profiles" / "slurm"
FOVS = 4
# The profile's pauses are made for long jobs and busy clusters.
FAST = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "20"]

# Segmentation waits at its first frame while there is a file `hold`; while there is a file
# `greedy` it takes 1 GB for some seconds. The frames stay as they are.
PLUGIN = '''
import time
from pathlib import Path

from fovea.plugins import preprocessing

TAKEN = []


@preprocessing("obstacle")
def obstacle(frame):
    """Wait, or take memory, while a file says so."""
    while Path("hold").exists():
        time.sleep(0.05)
    if Path("greedy").exists() and not TAKEN:
        TAKEN.append(b"x" * (1 << 30))
        time.sleep(5)
    return frame
'''


@pytest.fixture(scope="session")
def cluster():
    """A cluster of three nodes with four CPUs each."""
    if absent := missing():
        pytest.skip(f"Slurm is not installed (apt-get install {PACKAGES}): no {', '.join(absent)}")
    root = Path(tempfile.mkdtemp(prefix="fovea-"))  # short, because it holds a socket
    cluster = Cluster(root / "slurm")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    """Four fields of view with some cells."""
    folder = tmp_path_factory.mktemp("recording")
    file = folder / "small.ome.tiff"
    simulate(file, folder / "truth", fovs=FOVS, frames=4, height=96, width=96, cells=[3] * FOVS)
    return file


def make_folder(folder: Path, recording: Path, fovs: str) -> Path:
    """A working folder for some fields of view."""
    (folder / "data").mkdir(parents=True)
    os.link(recording, folder / "data" / recording.name)
    (folder / "obstacle.py").write_text(PLUGIN)
    entry = dataset(f"data/{recording.name}", fovs, fl=(1,))
    write_config(folder, {"small": entry}, {"preprocess": "obstacle"}, plugins=["obstacle.py"])
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, recording) -> Path:
    """A local run of all fields of view that nobody disturbs."""
    folder = make_folder(tmp_path_factory.mktemp("undisturbed") / "run", recording, "0-3")
    snakemake(folder)
    return folder / "results"


class Site:
    """A working folder whose runs go to the cluster."""

    def __init__(self, cluster: Cluster, folder: Path, undisturbed: Path, fovs: int):
        self.cluster, self.folder, self.undisturbed = cluster, folder, undisturbed
        self.fovs = [f"{fov:03d}" for fov in range(fovs)]
        self.head: subprocess.Popen | None = None
        self.runs = 0
        self.more: dict[str, str] = {}  # of the environment

    @property
    def environment(self) -> dict[str, str]:
        return environment() | self.cluster.environment | self.more

    def start(self, *more: str) -> subprocess.Popen:
        """Start Snakemake with the profile, in a session of its own."""
        self.runs += 1
        self.terminal = self.folder / f"terminal_{self.runs}.txt"
        with self.terminal.open("wb") as out:
            self.head = subprocess.Popen(
                [SNAKEMAKE, "--snakefile", SNAKEFILE, "--profile", PROFILE, *FAST, *more],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        return self.head

    @property
    def text(self) -> str:
        """What the last run has written on the terminal."""
        return self.terminal.read_text("utf-8")

    def end(self, expected: int = 0, patience: float = 300) -> None:
        """Wait for the run to end with an exit code."""
        assert self.head.wait(patience) == expected, self.text

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

    def hold(self) -> None:
        """Let segmentation wait from now on."""
        (self.folder / "hold").touch()

    def go_on(self) -> None:
        """Let segmentation continue."""
        (self.folder / "hold").unlink()

    def jobs(self) -> list[SlurmJob]:
        """Slurm's jobs of all runs in this folder."""
        names = {name for text in self.texts() for name in re.findall(r"SLURM run ID: (\S+)", text)}
        return [job for job in self.cluster.jobs() if job.name in names]

    def texts(self) -> list[str]:
        return [path.read_text("utf-8") for path in self.folder.glob("terminal_*.txt")]

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

        return wait_until(ready, 300, what="for jobs to be held", also=lambda: self.text)

    def segmenting(self, fov: str) -> int:
        """Process that segments a field of view."""
        log = self.log(fov, "segment_ch_0")
        return int(re.search(r"INFO +host \S+, process (\d+)", log)[1])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the head alone."""
        self.head.send_signal(number)

    def check(self) -> None:
        """The results are those of an undisturbed run, and nothing half-made is left."""
        found = digests(self.folder / "results")
        for fov in self.fovs:
            start = f"small/fov_{fov}/"
            mine = {name: sum_ for name, sum_ in found.items() if name.startswith(start)}
            assert mine == digests_of(self.undisturbed, start), fov
        assert not [name for name in found if "/." in name]
        names = ["small/metadata.yaml"]
        if len(self.fovs) == FOVS:
            names += ["status.csv", "small/processing_config.yaml"]
        for name in names:
            assert found[name] == digests_of(self.undisturbed, name)[name], name


_KNOWN: dict[Path, dict[str, str]] = {}


def digests_of(results: Path, start: str) -> dict[str, str]:
    """Checksums of the undisturbed results whose names begin alike."""
    known = _KNOWN.setdefault(results, digests(results))
    return {name: sum_ for name, sum_ in known.items() if name.startswith(start)}


@pytest.fixture
def site(cluster, recording, undisturbed, tmp_path) -> Callable[[int], Site]:
    """A function that makes a site for the first so many fields of view."""
    made: list[Site] = []

    def make(fovs: int, name: str = "site") -> Site:
        folder = make_folder(tmp_path / name, recording, f"0-{fovs - 1}")
        made.append(Site(cluster, folder, undisturbed, fovs))
        return made[-1]

    yield make
    for one in made:
        if one.head is not None and one.head.poll() is None:
            os.killpg(one.head.pid, signal.SIGKILL)
            one.head.wait()
    cluster.idle()

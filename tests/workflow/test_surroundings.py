"""Runs in a folder that another run uses, on a disk that is read-only, and without a locale."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from fovea.kernels.cache_folder import cache_folder
from fovea.simulation.simulate import simulate
from support.harness import (
    SNAKEMAKE,
    Run,
    arguments,
    copied,
    dataset,
    digests,
    environment,
    snakemake,
    write_config,
)
from support.processes import Process

pytestmark = pytest.mark.xdist_group("workflow-surroundings")

RECORDING = "data/Zellen für µ.ome.tiff"
CAPABILITIES = 1, 2  # by which root reads and writes what modes forbid
DROP = 24  # of prctl


def modes_count() -> None:
    """Let a new process of root keep to the modes of files, as those of all others do."""
    for number in CAPABILITIES:
        ctypes.CDLL(None).prctl(DROP, number, 0, 0, 0)


def run(folder: Path, variables: dict[str, str]) -> Run:
    """Snakemake as a user whose files have modes, with these variables and no others."""
    done = subprocess.run(
        [str(SNAKEMAKE), *arguments()], cwd=folder, env=variables, preexec_fn=modes_count,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout.decode("utf-8", "backslashreplace"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A folder in which a field of view is to be copied."""
    folder = tmp_path_factory.mktemp("fresh")
    simulate(folder / RECORDING, folder / "truth", 1, 2, 64, 64, 2, channels=1)
    write_config(folder, {"movie": dataset(RECORDING, [0], fl=(1,), params={"copy_only": True})})
    return folder


@pytest.fixture(scope="module")
def done(fresh, tmp_path_factory) -> Path:
    """The folder, after a run that was stopped and continued while another one began."""
    folder = copied(fresh, tmp_path_factory.mktemp("done") / "run")
    first = Process(folder)
    assert first.wait_for(lambda: first.jobs() > 0)
    os.killpg(first.process.pid, signal.SIGSTOP)
    try:
        second = snakemake(folder, expected=1)
    finally:
        os.killpg(first.process.pid, signal.SIGCONT)
    assert first.process.wait(120) == 0, first.text
    (folder / "second.txt").write_text(second.text, "utf-8")
    return folder


def test_a_second_run_in_a_folder_is_refused_and_the_first_is_not_harmed(done):
    text = (done / "second.txt").read_text("utf-8")
    assert "Traceback" not in text
    assert f"{done}: Snakemake is at work here, or was killed." in text
    unlock, again = text.splitlines()[-2:]
    assert unlock.split() == [*again.split()[:1], "--unlock", *again.split()[1:]]
    assert "Nothing to be done" in snakemake(done).text


def test_no_home_no_temporary_folder_and_no_locale_give_the_same_bytes(done, fresh, tmp_path):
    folder = copied(fresh, tmp_path / "run")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "FOVEA_CACHE")
            if name in os.environ}  # fmt: skip
    found = run(folder, kept | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"})
    assert found.code == 0, found.text
    assert "Traceback" not in found.text

    def data(place: Path) -> dict[str, str]:
        return digests(place / "results/movie")

    assert data(folder) == data(done)
    assert len(data(folder)) > 5


def a_umask(folder: Path) -> tuple[int, dict[str, str]]:
    """Of a user who lets nobody else read anything."""
    return 0o077, {}


def a_slow_disk(folder: Path) -> tuple[int, dict[str, str]]:
    """On which it takes a while to open, rename or remove a file, or to make a folder."""
    library = Path(__file__).parents[1] / "support/stand_ins/slow_disk"
    paths = [str(library), *filter(None, [os.environ.get("PYTHONPATH")])]
    return 0o022, {"PYTHONPATH": os.pathsep.join(paths), "SLOW_BELOW": str(folder)}


def an_immutable_cache(folder: Path) -> tuple[int, dict[str, str]]:
    """Of compiled kernels, such as that of an image."""
    cache = folder.parent / "cache"
    shutil.copytree(cache_folder().parent, cache)
    for place, folders, files in os.walk(cache):
        for name in [*folders, *files]:
            Path(place, name).chmod(0o500)
    cache.chmod(0o500)
    return 0o022, {"FOVEA_CACHE": str(cache)}


@pytest.mark.parametrize("surroundings", [a_umask, a_slow_disk, an_immutable_cache])
def test_surroundings_that_give_the_same_bytes(done, fresh, tmp_path, surroundings):
    folder = copied(fresh, tmp_path / "run")
    umask, variables = surroundings(folder)
    before = os.umask(umask)
    try:
        found = run(folder, environment() | variables)
    finally:
        os.umask(before)
    assert found.code == 0, found.text
    assert digests(folder / "results/movie") == digests(done / "results/movie")
    log = (folder / "logs/movie/fov_000/copy_raw.log").read_text("utf-8")
    assert "compil" not in log
    assert "cannot" not in log
    if umask == 0o077:
        modes = {path.stat().st_mode & 0o077 for path in (folder / "results").rglob("*")}
        assert modes == {0}


def test_results_that_cannot_be_written(done, tmp_path):
    folder = copied(done, tmp_path / "run")
    results = folder / "results"
    for place in (results, results / "movie"):
        place.chmod(0o555)
    try:
        found = run(folder, environment())
        assert found.code == 0, found.text
        assert "Nothing to be done" in found.text
        assert "Permission denied; what is said of the run is not whole" in found.text
        assert "Traceback" not in found.text
        (results / "movie").chmod(0o755)
        shutil.rmtree(results / "movie/fov_000")
        (results / "movie").chmod(0o555)
        found = run(folder, environment())
    finally:
        for place in (results, results / "movie"):
            place.chmod(0o755)
    assert found.code == 1
    assert "Permission denied" in found.text
    assert "Traceback" not in found.text
    snakemake(folder)
    assert digests(results / "movie") == digests(done / "results/movie")


def test_a_clock_that_was_put_back_by_two_hours(done, tmp_path):
    folder = copied(done, tmp_path / "run")
    results = folder / "results"
    for path in results.rglob("*"):
        about = path.stat()
        os.utime(path, (about.st_atime, about.st_mtime + 7200))
    shutil.rmtree(results / "movie/fov_000/images.zarr")
    assert "are dated up to" in snakemake(folder).text
    assert digests(results / "movie") == digests(done / "results/movie")
    assert "Nothing to be done" in snakemake(folder, "--dry-run").text


def mounted_read_only(folder: Path, place: str) -> Run:
    """Snakemake in a folder of which a part is a disk that is mounted read-only."""
    mount = f'mount --bind {place} {place} && mount -o remount,bind,ro {place} && cd "$PWD" && '
    own = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*own, f"{mount} true"], cwd=folder, check=False).returncode:
        pytest.skip("this system gives no user mounts of their own")
    command = [*own, f"{mount} exec {shlex.join([str(SNAKEMAKE), *arguments()])}"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout
    return Run(done.returncode, done.stdout)


def test_a_disk_that_is_mounted_read_only(done, tmp_path):
    folder = copied(done, tmp_path / "run")
    found = mounted_read_only(folder, "results")
    assert found.code == 0, found.text
    assert "Nothing to be done" in found.text
    assert "Read-only file system; what is said of the run is not whole" in found.text
    shutil.rmtree(folder / "results/movie/fov_000")
    found = mounted_read_only(folder, "results")
    assert found.code == 1
    assert f"{folder}/results: cannot be written: its disk is mounted read-only" in found.text
    found = mounted_read_only(folder, ".")
    assert found.code == 1
    assert f"{folder}: cannot be written (a disk that is mounted read-only" in found.text
    snakemake(folder)
    assert digests(folder / "results/movie") == digests(done / "results/movie")

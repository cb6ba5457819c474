"""Runs that are killed or stopped, and go on: the same bytes in the end as undisturbed."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from fovea.simulation.simulate import simulate
from support.harness import dataset, digests, files, snakemake, write_config
from support.processes import Process

pytestmark = pytest.mark.xdist_group("workflow-kills")

IMAGES = "results/movie/fov_{fov}/images.zarr"
# Half-written stores and arrays to kill a run at, in the order they are made.
MOMENTS = (
    f"{IMAGES}/fl_ch_1/0",
    f"{IMAGES}/seg_labeled_ch_0/0",
    f"{IMAGES}/seg_tracked_ch_0/0",
    f"{IMAGES}/fl_background_ch_1/0",
    "results/movie/fov_{fov}/cells.zarr",
    f"{IMAGES}/seg_tracked_ch_0/1",
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Large enough for a job to be met in the middle of writing."""
    folder = tmp_path_factory.mktemp("movie")
    simulate(folder / "movie.ome.tiff", folder / "truth", 2, 24, 320, 320, 12)
    return folder / "movie.ome.tiff"


def make_folder(folder: Path, recording: Path) -> Path:
    """A working folder for the recording."""
    (folder / "data").mkdir(parents=True)
    os.link(recording, folder / "data" / "movie.ome.tiff")
    write_config(folder, {"movie": dataset("data/movie.ome.tiff", "all", fl=(1,))})
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, recording) -> dict[str, str]:
    """Checksums of the results of a run on two cores that nobody disturbs."""
    folder = make_folder(tmp_path_factory.mktemp("undisturbed") / "run", recording)
    snakemake(folder, cores=2)
    found = digests(folder / "results")
    assert len(found) > 200
    return found


def test_one_core_gives_the_same_bytes(tmp_path, recording, undisturbed):
    folder = make_folder(tmp_path / "run", recording)
    snakemake(folder, cores=1)
    assert digests(folder / "results") == undisturbed


def go_on(folder: Path) -> None:
    """What Snakemake's message tells to do before the same command is given again."""
    snakemake(folder, "--unlock")


def kill_while_writing(folder: Path, moment: str) -> bool:
    """Kill a run that has to make an array or store of both FOVs in the middle of one of them."""
    places = [folder / moment.format(fov=fov) for fov in ("000", "001")]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    run = Process(folder)
    if not run.wait_for(lambda: any(map(run.writing, places)), pause=0.001):
        return False
    run.kill()
    return True


def test_killed_in_the_middle_of_every_store(tmp_path, recording, undisturbed):
    survivor = make_folder(tmp_path / "run", recording)
    for moment in MOMENTS:
        # A machine may be too busy to see it in time, but not always.
        assert any(kill_while_writing(survivor, moment) for _ in range(5)), moment
        go_on(survivor)
    snakemake(survivor)
    assert digests(survivor / "results") == undisturbed


def test_killed_at_random_moments(tmp_path, recording, undisturbed):
    seed = int.from_bytes(os.urandom(4))
    rng = random.Random(seed)
    folder = make_folder(tmp_path / "run", recording)
    for number in range(5):
        run = Process(folder)
        jobs = rng.randint(1, 3)
        assert run.wait_for(lambda: run.jobs() >= jobs), f"seed {seed}: done\n{run.text}"  # noqa: B023
        time.sleep(rng.uniform(0, 1))
        run.kill()
        if number == 0:
            locked = snakemake(folder, expected=1)
            assert "--unlock" in locked.text
        go_on(folder)
    snakemake(folder)
    assert digests(folder / "results") == undisturbed, f"seed {seed}"


def test_stopped_with_control_c(tmp_path, recording, undisturbed):
    """Snakemake cleans up after itself: the same command goes on, no `--unlock`."""
    folder = make_folder(tmp_path / "run", recording)
    run = Process(folder)
    labels = folder / IMAGES.format(fov="001") / "seg_labeled_ch_0"
    assert run.wait_for(lambda: (labels / "zarr.json").exists())
    assert run.interrupt() != 0
    assert (folder / "results/status.csv").exists()
    done = {name for name in files(folder / "results") if name.endswith("/0/zarr.json")}
    assert done
    snakemake(folder)
    assert digests(folder / "results") == undisturbed

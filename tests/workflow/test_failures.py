"""A field of view, a dataset or a step that fails: what stops, what goes on, and what is said."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from support.broken import damage, mend, write_positions
from support.harness import (
    SNAKEMAKE,
    Run,
    copied,
    dataset,
    digests,
    environment,
    files,
    snakemake,
    write_config,
)

pytestmark = pytest.mark.xdist_group("workflow-finished")

BROKEN = "data/pos_1.ome.tiff"
COPIED = {"copy_only": True}
ABOUT_THE_RUN = ("status.csv", "index.csv", "report/index.html")


@pytest.fixture(scope="module")
def broken(tmp_path_factory, small_recording):
    """A run on three files, one per position, of which the second is damaged; and its folder.

    Three more datasets have a config that does not fit their recording, or no readable recording.
    """
    folder = tmp_path_factory.mktemp("broken")
    (folder / "data").mkdir()
    write_positions(small_recording / "small.ome.tiff", folder / "data")
    (folder / "whole.ome.tiff").write_bytes((folder / BROKEN).read_bytes())
    damage(folder / BROKEN)
    (folder / "data/torn.ome.tiff").write_bytes((folder / BROKEN).read_bytes()[:5000])
    write_config(
        folder,
        {
            "torn": dataset("data/torn.ome.tiff", "all"),
            "positions": dataset("data/pos_*.ome.tiff", "all", fl=(1,)),
            "excluded": dataset("data/pos_0.ome.tiff", "all", exclude_fovs=[7], params=COPIED),
            "beyond": dataset("data/pos_2.ome.tiff", [0, 4], params=COPIED),
        },
    )
    run = snakemake(folder, expected=None)
    (folder / "terminal.txt").write_text(run.text, "utf-8")
    return run, folder


def status_of(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "results/status.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:6] == ["dataset", "fov", "state", "failed_step", "error", "log"]
    return {(row["dataset"], row["fov"]): row for row in rows}


def test_the_run_fails(broken):
    assert broken[0].code == 1


def test_the_other_fields_of_view_are_finished(broken):
    folder = broken[1] / "results" / "positions"
    assert (folder / "fov_000/positions_fov_000_traces.csv").stat().st_size > 500
    assert (folder / "fov_002/positions_fov_002_traces.csv").stat().st_size > 500
    assert (folder / "fov_002/images.zarr/pc_ch_0/1/zarr.json").exists()
    assert (folder / "fov_002/cells.zarr/zarr.json").exists()


def test_nothing_of_the_broken_one_looks_finished(broken):
    left = files(broken[1] / "results" / "positions" / "fov_001")
    assert left == []


FAILED = {
    ("torn", ""): ("inspect_input", "data/torn.ome.tiff", "copy it again"),
    ("positions", "001"): ("copy_raw", BROKEN, "copy it again"),
    ("excluded", ""): ("inspect_input", "datasets.excluded.exclude_fovs: 7", "only one (0)"),
    ("beyond", ""): ("inspect_input", "datasets.beyond.fovs: 4", "only one (0)"),
}


@pytest.mark.parametrize("place", FAILED, ids=lambda place: "-".join(place).strip("-"))
def test_status_and_terminal_name_step_reason_and_log(broken, place):
    run, folder = broken
    row = status_of(folder)[place]
    step, what, remedy = FAILED[place]
    assert (row["state"], row["failed_step"]) == ("failed", step)
    assert row["error"].startswith(what)
    assert remedy in row["error"]
    log = folder / row["log"]
    assert log.is_relative_to(folder / "logs" / place[0])
    last = log.read_text("utf-8").splitlines()[-1]
    assert last.endswith(f"ERROR   failed: {row['error']}")
    field = f", field of view {place[1]}" if place[1] else ""
    assert f"  {place[0]}{field}, step {step}: {row['error']}\n    log: {row['log']}\n" in run.text


def test_status_of_all(broken):
    states = {place: row["state"] for place, row in status_of(broken[1]).items()}
    done = [("positions", "000"), ("positions", "002")]
    assert states == dict.fromkeys(FAILED, "failed") | dict.fromkeys(done, "done")
    for place in done:
        row = status_of(broken[1])[place]
        assert (row["failed_step"], row["error"], row["log"]) == ("", "", "")


def test_the_summary_is_all_there_is_to_read(broken):
    run, _ = broken
    summary = run.text[run.text.index("\nFovea: ") :]
    assert "Fovea: 1 of 3 fields of view failed, 3 of 4 datasets failed\n" in summary
    assert summary.count("    try again: ") == len(FAILED)
    assert "results/status.csv" in summary
    assert summary.rstrip().splitlines()[-1].startswith("Try again all of them: ")
    assert "Traceback" not in run.text


def command_for(run, place: str) -> list[str]:
    """The command that the summary recommends."""
    lines = run.text.splitlines()
    (number,) = (i for i, line in enumerate(lines) if line.startswith(f"  {place}, step "))
    command = shlex.split(lines[number + 2].removeprefix("    try again: "))
    assert command[0].endswith("snakemake")
    return [str(SNAKEMAKE), *command[1:]]


@pytest.fixture(scope="module")
def mended(broken, tmp_path_factory):
    """A copy of the broken run with the file mended, after the recommended command."""
    run, folder = broken
    place = copied(folder, tmp_path_factory.mktemp("mended") / "run")
    mend(place / BROKEN, (folder / "whole.ome.tiff").read_bytes())
    command = command_for(run, "positions, field of view 001")
    done = subprocess.run(
        command, cwd=place, env=environment(), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done, place


def test_the_recommended_command_works_after_mending(mended):
    done, folder = mended
    assert done.returncode == 0, done.stdout
    assert status_of(folder)["positions", "001"]["state"] == "done"


def test_it_makes_that_field_of_view_and_no_other(mended, broken):
    done, folder = mended
    jobs = re.findall(r"^Job \d+: (.*)$", Run(done.returncode, done.stdout).log, re.M)
    assert len([job for job in jobs if job.endswith("positions, field of view 001")]) == 7
    assert [job for job in jobs if "field of view" in job and not job.endswith("001")] == []
    others = {name: digest for name, digest in digests(folder / "results").items()
              if "positions/fov_001" not in name and name not in ABOUT_THE_RUN}  # fmt: skip
    assert others == {name: digest for name, digest in digests(broken[1] / "results").items()
                      if name not in ABOUT_THE_RUN}  # fmt: skip


def test_a_step_that_finds_a_damaged_array(finished, tmp_path):
    """It fails, leaves no array behind, and deleting what it names mends it."""
    folder = copied(finished, tmp_path / "run")
    images = folder / "results/main/fov_001/images.zarr"
    array = images / "seg_labeled_ch_0" / "0"
    (shard,) = (p for p in array.rglob("*") if p.is_file() and p.name != "zarr.json")
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    (images / "seg_tracked_ch_0/0/zarr.json").unlink()
    run = snakemake(folder, expected=1)
    row = status_of(folder)["main", "001"]
    assert (row["state"], row["failed_step"]) == ("failed", "track")
    place = array.relative_to(folder)
    assert f"delete the folder {place} and run Snakemake again" in row["error"]
    assert row["error"] in run.text
    assert not (images / "seg_tracked_ch_0/0/zarr.json").exists()
    assert not (images / "seg_tracked_ch_0/zarr.json").exists()
    named = row["error"].split(" is damaged")[0]
    assert named.startswith("results/main/fov_001/images.zarr/seg_labeled_ch_0/0")
    shutil.rmtree(array)
    snakemake(folder)
    assert digests(folder / "results") == digests(finished / "results")

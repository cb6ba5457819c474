"""The state of a run, told from made-up folders, and the command that prints it."""

from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.jobs.log import job, progress
from fovea.jobs.log_state import read_log
from fovea.runs.status import collect, failures, table, write
from support.harness import REPOSITORY, dataset

METADATA = "format: X\nfov_count: 3\nfields:\n" + 3 * "- {frames: 8, planned_frames: 9}\n"
NOBODY = 4194400  # beyond the largest process number


def made(folder: Path, *names: str) -> None:
    """Empty files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def log(folder: Path, name: str, *lines: str, process: int = NOBODY, host: str = "") -> Path:
    """A log as a job writes it, up to `lines`."""
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    start = [
        "INFO    started x (y): Fovea 0.1.0",
        f"INFO    host {host or socket.gethostname()}, process {process}, threads 1, Python 3",
    ]
    text = "".join(f"2026-05-01 12:00:00,000 {line}\n" for line in [*start, *lines])
    path.write_text(text.replace("2026-05-01 12:00:00,000 #", ""), "utf-8")
    return path


def plan(fovs="all", **more) -> Plan:
    return Plan(
        validated(
            {
                "datasets": {"a": dataset("a.nd2", fovs, fl=more.pop("fl", (1,)), **more)},
                "params": {"preset": "pyama"},
            }
        )
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    """A working folder in which the recording has been inspected."""
    made(tmp_path, "results/a/processing_config.yaml", ".snakemake/locks/0.output.lock")
    (tmp_path / "results/a/metadata.yaml").write_text(METADATA, "utf-8")
    return tmp_path


def state(folder: Path, fov: int = 0, **more):
    """The row of one field of view."""
    rows = collect(plan(**more), folder)
    return next(row for row in rows if row.fov == f"{fov:03d}")


def arrays(fov: int, *groups: str, level: int = 0) -> list[str]:
    return [f"results/a/fov_{fov:03d}/images.zarr/{group}/{level}/zarr.json" for group in groups]


def groups(fov: int, *names: str) -> list[str]:
    return [f"results/a/fov_{fov:03d}/images.zarr/{name}/zarr.json" for name in names]


def tables(*names: str) -> list[str]:
    return [f"results/a/fov_000/a_fov_000_{name}.csv" for name in names]


IMAGES = "results/a/fov_000/images.zarr"
RAW = [*arrays(0, "pc_ch_0", "fl_ch_1"), *groups(0, "pc_ch_0", "fl_ch_1"), f"{IMAGES}/zarr.json"]
STAGES = [
    ("copy_raw", RAW),
    ("segment", arrays(0, "seg_labeled_ch_0") + groups(0, "seg_labeled_ch_0")),
    ("track", arrays(0, "seg_tracked_ch_0") + groups(0, "seg_tracked_ch_0")
     + [f"{IMAGES}/seg_tracked_ch_0/boxes/zarr.json"] + tables("lineage", "merges", "drift")),
    ("background", arrays(0, "fl_background_ch_1") + groups(0, "fl_background_ch_1")
     + [f"{IMAGES}/fl_background_ch_1/tile_medians/zarr.json"]),
    ("crop", ["results/a/fov_000/cells.zarr/zarr.json"]),
    ("extract", tables("traces", "cells")),
    ("cache", arrays(0, "pc_ch_0", "fl_ch_1", "seg_labeled_ch_0", "seg_tracked_ch_0",
                     "fl_background_ch_1", level=1)),
]  # fmt: skip


def test_waiting_for_each_step_and_done(folder):
    for step, outputs in STAGES:
        assert (state(folder).state, state(folder).step) == ("waiting", step)
        made(folder, *outputs)
    row = state(folder)
    assert (row.state, row.step, row.error, row.log) == ("done", "", "", "")


def test_without_phase_contrast_there_are_fewer_steps(folder):
    steps = plan(pc=None).datasets["a"].field_steps()
    assert [step.name for step in steps] == ["copy_raw", "background", "cache"]
    steps = plan(params={"copy_only": True}).datasets["a"].field_steps()
    assert [step.name for step in steps] == ["copy_raw"]


def test_every_file_counts(folder):
    """A field of view is not done while any file that its rules declare is missing."""
    made(folder, *(name for _, outputs in STAGES for name in outputs))
    assert state(folder).state == "done"
    for step, outputs in STAGES:
        for name in outputs:
            (folder / name).unlink()
            assert (state(folder).state, state(folder).step) == ("waiting", step), name
            made(folder, name)


def test_images_without_background_count_where_they_are_asked_for(folder):
    corrected = {"params": {"background": {"save_corrected": True}}}
    for _, outputs in STAGES:
        made(folder, *outputs)
    assert state(folder, **corrected).step == "background"
    made(folder, *arrays(0, "fl_corrected_ch_1"), *groups(0, "fl_corrected_ch_1"))
    assert state(folder, **corrected).step == "cache"
    made(folder, *arrays(0, "fl_corrected_ch_1", level=1))
    assert state(folder, **corrected).state == "done"


def test_trying_again_makes_all_of_a_field_of_view(folder):
    """Photobleaching as well, which no later step needs."""
    made(folder, *(name for _, outputs in STAGES for name in outputs))
    log(folder, "a/fov_000/photobleaching", "ERROR   failed: odd")
    row = state(folder, params={"photobleaching": True})
    assert (row.state, row.step) == ("failed", "photobleaching")
    assert row.target.split() == [
        *tables("photobleaching", "traces"), *arrays(0, "pc_ch_0", level=1)
    ]  # fmt: skip


def test_running_with_progress(folder):
    made(folder, *RAW)
    log(folder, "a/fov_000/copy_raw", "INFO    done in 3.0 s")
    log(folder, "a/fov_000/segment_ch_0", "INFO    frame 10 of 180", "INFO    frame 40 of 180",
        process=os.getpid())  # fmt: skip
    row = state(folder)
    assert (row.state, row.step, row.progress) == ("running", "segment", "frame 40 of 180")
    assert row.log == "logs/a/fov_000/segment_ch_0.log"


def test_running_on_another_machine(folder):
    log(folder, "a/fov_000/copy_raw", host="node17")
    assert state(folder).state == "running"


@pytest.mark.parametrize("locked", [True, False])
def test_interrupted(folder, locked):
    """The process is gone, whether or not Snakemake could clean up."""
    if not locked:
        (folder / ".snakemake/locks/0.output.lock").unlink()
    log(folder, "a/fov_000/copy_raw", "INFO    frame 7 of 9", process=NOBODY if locked else 1)
    row = state(folder)
    assert (row.state, row.step, row.progress) == ("interrupted", "copy_raw", "frame 7 of 9")
    assert "killed" in row.error


def test_failed(folder):
    made(folder, *RAW)
    log(folder, "a/fov_000/segment_ch_0", "INFO    frame 3 of 9", "ERROR   traceback",
        "#Traceback (most recent call last):", '#  File "x.py", line 3, in f', "#ValueError: bad",
        "ERROR   failed: the frame is bad; mend it")  # fmt: skip
    row = state(folder)
    assert (row.state, row.step, row.error) == ("failed", "segment", "the frame is bad; mend it")


def test_a_long_traceback_does_not_hide_the_error(folder):
    lines = [f"#  File x.py, line {n}, in f" for n in range(900)]
    path = log(folder, "a/fov_000/copy_raw", *lines, "ERROR   failed: in short")
    assert path.stat().st_size > 20000
    assert state(folder).error == "in short"


def test_output_that_was_deleted_is_waited_for(folder):
    log(folder, "a/fov_000/copy_raw", "INFO    done in 3.0 s; CPU time 2 s")
    assert state(folder).state == "waiting"


def test_the_first_step_in_trouble_counts(folder):
    """While the copy runs again, an old failure of a later step is of no interest."""
    log(folder, "a/fov_000/copy_raw", process=os.getpid())
    log(folder, "a/fov_000/track_ch_0", "ERROR   failed: old")
    assert (state(folder).state, state(folder).step) == ("running", "copy_raw")


def test_crops_that_are_not_kept(folder):
    keep = {"params": {"cropping": {"keep": False}}}
    for step, outputs in STAGES:
        if step != "crop":
            made(folder, *outputs)
    assert state(folder, **keep).state == "done"
    assert state(folder).step == "crop"


def test_a_recording_that_cannot_be_read(tmp_path):
    rows = collect(plan(), tmp_path)
    assert [(row.fov, row.state, row.step) for row in rows] == [("", "waiting", "inspect_input")]
    log(tmp_path, "a/inspect_input", "ERROR   failed: a.nd2: is cut off; copy it again")
    (row,) = collect(plan("0-1"), tmp_path)
    assert (row.state, row.error) == ("failed", "a.nd2: is cut off; copy it again")
    assert row.target == "results/a/metadata.yaml"


def test_fields_of_view_that_the_recording_does_not_have(folder):
    (folder / "results/a/processing_config.yaml").unlink()
    log(folder, "a/processing_config", "ERROR   failed: datasets.a.fovs: 7 is not there")
    rows = collect(plan([1, 7]), folder)
    assert [(row.fov, row.state) for row in rows] == [
        ("", "failed"), ("001", "waiting"), ("007", "waiting"),
    ]  # fmt: skip
    rows = collect(plan("all", exclude_fovs=[9]), folder)
    assert [(row.fov, row.step) for row in rows] == [("", "processing_config")]


def test_logs_that_jobs_write(tmp_path):
    """`read_log` understands what `fovea.jobs.log.job` writes."""

    class Snakemake:
        rule, wildcards, params, threads = "segment", {"fov": "000"}, {"a": 1}, 1
        log = (str(tmp_path / "x.log"),)

    path = tmp_path / "x.log"
    with job(Snakemake) as logger:
        list(progress(range(3), 3, logger))
        assert read_log(path, active=True) == ("running", "frame 3 of 3", "")
        assert read_log(path, active=False)[0] == "interrupted"
    assert read_log(path, active=False)[0] == "waiting"
    with pytest.raises(SystemExit), job(Snakemake):
        raise ValueError("two\nlines")
    assert read_log(path, active=False)[0::2] == ("failed", "ValueError: two lines")


def test_warnings_and_errors_reach_the_terminal(tmp_path, capsys, monkeypatch):
    class Snakemake:
        rule, wildcards, params, threads = "copy_raw", {"fov": "007"}, {}, 1
        log = ("x.log",)

    def fail() -> None:
        with job(Snakemake) as logger:
            logger.info("of no interest")
            logger.warning("it was %s", "stopped early")
            raise FileNotFoundError("gone")

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="^1$"):
        fail()
    assert capsys.readouterr().err.splitlines() == [
        "copy_raw (field of view 007), warning: it was stopped early (log: x.log)",
        "copy_raw (field of view 007) failed: FileNotFoundError: gone (log: x.log)",
    ]
    assert "Traceback (most recent call last)" in (tmp_path / "x.log").read_text("utf-8")


def broken(folder: Path) -> list:
    made(folder, *(name for _, outputs in STAGES for name in outputs))
    log(folder, "a/fov_001/copy_raw", 'ERROR   failed: a.nd2: "odd, bad", mend it')
    return collect(plan(), folder)


def test_status_csv(folder):
    write(broken(folder), folder / "results/status.csv")
    with (folder / "results/status.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[:6] for row in rows] == [
        ["dataset", "fov", "state", "failed_step", "error", "log"],
        ["a", "000", "done", "", "", ""],
        ["a", "001", "failed", "copy_raw", 'a.nd2: "odd, bad", mend it',
         "logs/a/fov_001/copy_raw.log"],
        ["a", "002", "waiting", "", "", ""],
    ]  # fmt: skip


def test_table(folder):
    lines = table(broken(folder)).splitlines()
    assert lines[0].split() == ["dataset", "fov", "state", "cells", "step", "progress", "error"]
    assert lines[1].split() == ["a", "000", "done"]
    assert lines[2].split()[:4] == ["a", "001", "failed", "copy_raw"]
    assert lines[2].endswith('a.nd2: "odd, bad", mend it')
    assert lines[-1] == "1 done, 1 waiting, 1 failed of 3"


def test_summary_of_failures(folder):
    rows = broken(folder)
    text = failures(rows, ["snakemake", "--cores", "4", "--configfile", "my config.yaml"], "")
    assert text.splitlines()[0] == "Fovea: 1 of 3 fields of view failed"
    assert "a, field of view 001, step copy_raw: a.nd2:" in text
    assert (
        "try again: snakemake results/a/fov_001/a_fov_001_traces.csv "
        "results/a/fov_001/images.zarr/pc_ch_0/1/zarr.json --cores 4 --configfile 'my config.yaml'"
    ) in text
    assert failures([row for row in rows if row.state != "failed"], ["snakemake"], "") == ""


def run_command(*options: str, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "fovea.cli", "status", *options]
    path = {"PYTHONPATH": str(REPOSITORY / "scripts")}
    return subprocess.run(
        command, cwd=folder, env=os.environ | path, text=True, capture_output=True, check=False
    )


def test_command(folder, tmp_path_factory):
    rows = broken(folder)
    made(folder, "config/config.yaml")
    config = {"datasets": {"a": dataset("a.nd2", "all", fl=(1,))}, "params": {"preset": "pyama"}}
    text = yaml.safe_dump(config)
    (folder / "config/config.yaml").write_text(text, "utf-8")
    here = run_command(folder=folder)
    assert here.returncode == 0, here.stderr
    assert here.stdout.startswith(table(rows) + "\n")
    *_, frames, times = here.stdout.splitlines()
    assert frames == "56 of 112 frames done, counted in each step (50 %)"
    assert re.fullmatch("running for .+; time left for the fields of view: unknown", times)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    there = run_command("--directory", str(folder), folder=elsewhere)
    assert there.stdout.startswith(table(rows) + f"\n{frames}\n")
    (elsewhere / "other.yaml").write_text(text.replace("a:", "b:", 1), "utf-8")
    other = run_command("--directory", str(folder), "--configfile", "other.yaml", folder=elsewhere)
    assert "inspect_input" in other.stdout
    missing = run_command(folder=elsewhere)
    assert missing.returncode == 1
    assert missing.stderr == (
        "config/config.yaml: No such file or directory; name the config with --configfile\n"
    )

"""How far a run is, told from made-up folders: frames done, time so far, time left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.jobs.log_state import Timing, read_timing
from fovea.runs.status import collect
from fovea.runs.time_left import duration, progress

#: A job that takes 10 s for its 8 frames, after half of them.
MOVING = ("02,500 INFO    frame 2 of 8\n", "05,000 INFO    frame 4 of 8\n")
START = 1_700_000_000.0  # seconds since the epoch: when the run began
METADATA = "files: [data/rec.nd2]\nfov_count: 3\nfields:\n"
METADATA += 3 * "- {frames: 8, planned_frames: 8}\n"


def plan(**params) -> Plan:
    entry = {"input": "data/rec.nd2", "channels": {"pc": {"channel": 0}}}
    return Plan(validated({"datasets": {"a": entry}, "params": params}))


def write(folder: Path, name: str, text: str = "", when: float = START + 1) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (when, when))


def made(folder: Path, plan: Plan, fov: int, step: str) -> None:
    """Make the files of a step, empty."""
    (found,) = (s for s in plan.datasets["a"].field_steps(fov) if s.name == step)
    for file in found.of(dataset="a", fov=f"{fov:03d}").files:
        write(folder, file)


def log(folder: Path, fov: int, step: str, *lines: str, when: float = START + 1) -> None:
    """A log that begins at 12:00:00; each of `lines` is (second, text)."""
    first = f"00,000 INFO    started {step}\n00,001 INFO    host elsewhere, process 1, threads 1\n"
    text = "".join(f"2026-05-01 12:00:{line}" for line in [*first.splitlines(True), *lines])
    write(folder, f"logs/a/fov_{fov:03d}/{step}.log", text, when)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run of three fields of view of 8 frames has begun."""
    write(tmp_path, "results/a/metadata.yaml", METADATA)
    write(tmp_path, "results/a/processing_config.yaml")
    write(tmp_path, ".snakemake/locks/0.output.lock", when=START)
    return tmp_path


def said(folder: Path, plan: Plan, after: float) -> list[str]:
    return progress(plan, collect(plan, folder), folder, START + after)


def test_before_anything_is_done_the_time_left_is_unknown(folder):
    assert said(folder, plan(copy_only=True), 3) == [
        "0 of 24 frames done, counted in each step (0 %)",
        "running for 3 s; time left for the fields of view: unknown",
    ]
    (folder / "results/a/metadata.yaml").unlink()
    assert said(folder, plan(copy_only=True), 3) == [
        "running for 3 s; time left for the fields of view: unknown"
    ]


def test_time_left_by_hand(folder):
    """8 frames in 10 s and 4 in 5 s, 15 s of work in 20 s: 12 frames of 1.25 s take 20 s more."""
    copies = plan(copy_only=True)
    made(folder, copies, 0, "copy_raw")
    log(folder, 0, "copy_raw", "10,000 INFO    done in 10.0 s; CPU time 9 s\n")
    log(folder, 1, "copy_raw", *MOVING)
    assert said(folder, copies, 20) == [
        "12 of 24 frames done, counted in each step (50 %)",
        "running for 20 s; time left for the fields of view: about 20 s",
    ]
    # Four jobs at a time cannot shorten what one job has to do.
    assert said(folder, copies, 4)[1].endswith("view: about 10 s")


def test_each_job_needs_time_beside_its_frames(folder):
    """2 s of 10, as 7 frames took 7 s: two more jobs take 20 s."""
    copies = plan(copy_only=True)
    made(folder, copies, 0, "copy_raw")
    log(folder, 0, "copy_raw", "03,000 INFO    frame 1 of 8\n", "10,000 INFO    frame 8 of 8\n",
        "10,001 INFO    done in 10.0 s; x\n")  # fmt: skip
    assert said(folder, copies, 10)[1].endswith("view: about 20 s")


def test_what_earlier_runs_did_gives_the_time_of_a_frame_but_not_the_pace(folder):
    copies = plan(copy_only=True)
    made(folder, copies, 0, "copy_raw")
    log(folder, 0, "copy_raw", "10,000 INFO    done in 10.0 s; x\n", when=START - 100)
    assert said(folder, copies, 20)[1].endswith("view: unknown")
    log(folder, 1, "copy_raw", *MOVING)
    assert said(folder, copies, 10)[1].endswith("view: about 30 s")


def test_steps_that_have_not_been_timed_are_named(folder):
    whole = plan()
    made(folder, whole, 0, "copy_raw")
    log(folder, 0, "copy_raw", "10,000 INFO    done in 10.0 s; x\n")
    # 8 frames of 1.25 s in all steps but one of three fields of view, as if in one after another.
    steps = len(whole.datasets["a"].field_steps(0))
    line = said(folder, whole, 10)[1]
    assert f"roughly {duration(10 * (3 * steps - 1))} (not timed yet: segment, track, " in line
    assert "copy_raw" not in line


def test_failed_fields_of_view_are_not_waited_for(folder):
    copies = plan(copy_only=True)
    for fov in (0, 1):
        made(folder, copies, fov, "copy_raw")
        log(folder, fov, "copy_raw", "10,000 INFO    done in 10.0 s; x\n")
    log(folder, 2, "copy_raw", "05,000 INFO    frame 4 of 8\n", "06,000 ERROR   failed: torn\n")
    assert said(folder, copies, 20) == [
        "16 of 16 frames done, counted in each step (100 %)",
        "running for 20 s; time left for the fields of view: none, they are done",
    ]


def test_without_a_run_there_is_no_time(folder):
    (folder / ".snakemake/locks/0.output.lock").unlink()
    copies = plan(copy_only=True)
    made(folder, copies, 0, "copy_raw")
    assert said(folder, copies, 20) == ["8 of 24 frames done, counted in each step (33 %)"]


def test_timings_of_logs(folder):
    path = folder / "logs/a/fov_000/x.log"
    log(folder, 0, "x", "03,500 INFO    cell 3 of 12\n", "04,000 INFO    a remark\n")
    assert read_timing(path) == Timing(3.5, 0.25, START + 1, None)
    # What comes before the first cell, such as compiling kernels, takes no longer for more cells.
    log(folder, 0, "x", "33,500 INFO    cell 3 of 12\n", "34,500 INFO    cell 5 of 12\n")
    timing = read_timing(path)
    assert (timing.seconds, timing.done) == (34.5, 5 / 12)
    assert timing.whole == pytest.approx(6)
    log(folder, 0, "x", "33,500 INFO    frame 1 of 3\n", "34,500 INFO    frame 3 of 3\n",
        "35,000 INFO    done in 35.0 s; CPU time 9 s\n")  # fmt: skip
    timing = read_timing(path)
    assert (timing.seconds, timing.done) == (35, 1)
    assert timing.whole == pytest.approx(1.5)
    log(folder, 0, "x", "03,500 INFO    a remark\n")
    assert read_timing(folder / "logs/a/fov_000/x.log") is None
    assert read_timing(folder / "logs/none.log") is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (100, "1 min"), (3599, "59 min"), (3750, "1 h 2 min"),
     (7200, "2 h"), (100_000, "1 d 3 h")],
)  # fmt: skip
def test_duration(seconds, words):
    assert duration(seconds) == words

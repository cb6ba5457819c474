"""Jobs that a killed run has left: which are found and cancelled, with programs that play Slurm."""

from __future__ import annotations

import pytest

from fovea.errors import FoveaError
from fovea.jobs.orphaned import cancel_leftovers

RUN = "fa8f5f5e-0000-4000-8000-000000000001"
OTHER = "fa8f5f5e-0000-4000-8000-000000000002"
SQUEUE = """#!/bin/sh
echo "$*" >> {root}/asked
[ -e {root}/broken ] && {{ echo "slurm_load_jobs error: no controller" >&2; exit 1; }}
cat {root}/queue
"""
SCANCEL = """#!/bin/sh
echo "$*" >> {root}/cancelled
[ -e {root}/stubborn ] || grep -v " {run}" {root}/queue > {root}/rest
[ -e {root}/stubborn ] || mv {root}/rest {root}/queue
true
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with a queue, and programs that show and change it."""
    root = tmp_path / "slurm"
    root.mkdir()
    for name, text in (("squeue", SQUEUE), ("scancel", SCANCEL)):
        (root / name).write_text(text.format(root=root, run=RUN))
        (root / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(root), prepend=":")
    (root / "queue").write_text("")
    return root


@pytest.fixture
def folder(tmp_path):
    """A working folder in which one run on Slurm has been."""
    logs = tmp_path / "work" / ".snakemake" / "log"
    logs.mkdir(parents=True)
    (logs / "1.snakemake.log").write_text(f"Using profile\nSLURM run ID: {RUN}\nBuilding DAG\n")
    (logs / "2.snakemake.log").write_text("Building DAG of jobs...\n")
    return tmp_path / "work"


def test_only_jobs_of_this_folder_are_cancelled(slurm, folder):
    (slurm / "queue").write_text(f"11 {RUN}\n12 {OTHER}\n13 {RUN}\n14 my job\n")
    assert cancel_leftovers(folder) == ["11", "13"]
    assert (slurm / "cancelled").read_text() == "11 13\n"
    assert "--user" in (slurm / "asked").read_text()


def test_nothing_is_cancelled_where_nothing_is_left(slurm, folder):
    (slurm / "queue").write_text(f"12 {OTHER}\n")
    assert cancel_leftovers(folder) == []
    assert not (slurm / "cancelled").exists()


def test_slurm_is_not_asked_where_no_run_was_on_it(slurm, tmp_path):
    (slurm / "broken").touch()
    assert cancel_leftovers(tmp_path) == []
    assert not (slurm / "asked").exists()


def test_jobs_that_do_not_end_stop_the_run(slurm, folder):
    (slurm / "queue").write_text(f"11 {RUN}\n")
    (slurm / "stubborn").touch()
    with pytest.raises(FoveaError, match="do not end: 11"):
        cancel_leftovers(folder, patience=0)


def test_without_an_answer_nothing_is_started(slurm, folder):
    (slurm / "broken").touch()
    with pytest.raises(FoveaError, match="squeue: slurm_load_jobs error"):
        cancel_leftovers(folder)

"""Pages where Bokeh is not installed: one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.harness import REPOSITORY

#: What Snakemake gives to a script, as far as it is asked for before the work begins.
JOB = """
import runpy, sys
from types import SimpleNamespace
sys.modules["bokeh"] = None  # so that it cannot be imported
job = SimpleNamespace(log=["job.log"], wildcards={}, params={}, rule="page", threads=1)
runpy.run_path(sys.argv[1], {"snakemake": job})
"""
COMMAND = """
import sys
sys.modules["bokeh"] = None
from fovea.cli import main
sys.exit(main(["inspect"]))
"""
WORDS = "Bokeh is not installed, which pages need; `pip install -r requirements-inspect.txt` or "


def run(code: str, folder, *words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts")}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["fit_page", "parameters_page", "sample_page"])
def test_a_job_says_it_in_one_line(tmp_path, name):
    done = run(JOB, tmp_path, REPOSITORY / "scripts" / f"{name}.py")
    assert done.returncode == 1
    assert done.stderr.startswith(f"page () failed: {WORDS}")
    assert done.stderr.count("\n") == 1
    assert WORDS in (tmp_path / "job.log").read_text("utf-8").splitlines()[-1]


def test_the_command_says_it_in_one_line(tmp_path):
    done = run(COMMAND, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(WORDS)
    assert done.stderr.count("\n") == 1

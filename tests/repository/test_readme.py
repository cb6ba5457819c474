"""The commands of README.md, run in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")

pytestmark = pytest.mark.xdist_group("readme")


def blocks(language, page="README.md"):
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def table_commands():
    """Commands in the first column of the tables, but for those that start this very test."""
    commands = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)
    others = ("make test", "make test-cluster", "make lint", "make bench", "make sweep")
    return [command for command in commands if command not in others]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What a clone would hold, and the environment of this test in the place of a new one."""
    folder = tmp_path_factory.mktemp("readme") / "fovea"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    venv = folder / ".venv"
    (venv / "bin").mkdir(parents=True)
    for program in Path(sys.executable).parent.iterdir():
        # a link to Python would not find the environment's packages
        script = venv / "bin" / program.name
        script.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        script.chmod(0o755)
    # what `make setup` installs would be this repository's, not the copy's
    command = f'PYTHONPATH="{folder}/scripts" exec "{sys.executable}" -m fovea.cli "$@"'
    (venv / "bin" / "fovea").write_text(f"#!/bin/sh\n{command}\n")
    (venv / "bin" / "fovea").chmod(0o755)
    for name in ("ready", "ready-for-tests"):
        (venv / name).touch()
    return folder


def run(command, folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment | {"CORES": "2"},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def test_the_commands_in_the_order_of_the_page(clone):
    first, second, describe, preview = (block.strip() for block in blocks("bash"))
    done = run(first, clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "results" / "demo" / "fov_003" / "demo_fov_003_traces.csv").exists()
    for command in (second, first):
        again = run(command, clone)
        assert again.returncode == 0, again.stdout + again.stderr
        assert "Nothing to be done" in again.stdout + again.stderr
    told = run(describe, clone)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "fields of view" in told.stdout
    assert "datasets:" in told.stdout
    seen = run(preview, clone)
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert "suggested: segmentation: {method: phase, mode: " in seen.stdout
    assert "expected quality: good" in seen.stdout
    assert (clone / "preview.png").exists()
    for command in table_commands():
        done = run(command, clone)
        assert done.returncode == 0, command + done.stdout + done.stderr
    (code,) = blocks("python", "docs/files.md")
    (clone / "example.py").write_text(code)
    shown = run(".venv/bin/python -W error example.py", clone)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "seg_tracked_ch_0" in shown.stdout


def test_the_tree_names_files_that_there_are(clone):
    (tree,) = blocks("text")
    lines = tree.splitlines()
    assert lines[0] == "results/"
    assert len(lines) > 9
    folders = []
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0].format(dataset="demo")
        path = clone.joinpath(*folders[:depth], name)
        assert path.exists(), path
        folders[depth:] = [name]

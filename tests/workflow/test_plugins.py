"""Plug-ins within the workflow: what reruns when their code changes, and their own environments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.harness import (
    REPOSITORY,
    SNAKEMAKE,
    arguments,
    dataset,
    dry_run,
    environment,
    snakemake,
    write_config,
)

DOCS = REPOSITORY / "docs" / "plugins"

# What Snakemake asks of conda before it lists environments; nothing is installed.
CONDA = """#!/bin/sh
case "$1" in
  info) echo '{"conda_prefix": "/conda", "platform": "linux-64"}' ;;
  config) echo '{"get": {"channel_priority": "strict"}}' ;;
  --version) echo conda 25.1.0 ;;
esac
"""
TRACKER = """
from fovea.plugins import tracking


@tracking("apart", conda="mine.yaml")
class Apart:
    def update(self, labels):
        return labels
"""


@pytest.fixture
def place(workplace) -> Path:
    """A working folder with plug-ins."""
    shutil.copytree(DOCS, workplace / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    return workplace


def test_environments_of_plugins_reach_the_jobs(place):
    (place / "plugins" / "apart.py").write_text(TRACKER)
    (place / "plugins" / "mine.yaml").write_text("channels: [conda-forge]\n")
    program = place / "bin" / "conda"
    program.parent.mkdir()
    program.write_text(CONDA)
    program.chmod(0o755)
    source = "data/small.ome.tiff"
    methods = {"cellpose": {"segmentation": {"method": "cellpose"}},
               "apart": {"tracking": {"method": "apart"}}, "usual": {}}  # fmt: skip
    write_config(
        place,
        {name: dataset(source, [0], params=params) for name, params in methods.items()},
        plugins=["plugins/cellpose_segmentation.py", "plugins/apart.py"],
    )
    variables = environment()
    variables["PATH"] = f"{program.parent}{os.pathsep}{variables['PATH']}"

    def listed(name):
        step = {"cellpose": "seg_labeled", "apart": "seg_tracked", "usual": "seg_tracked"}[name]
        target = f"results/{name}/fov_000/images.zarr/{step}_ch_0/0/zarr.json"
        done = subprocess.run(
            [str(SNAKEMAKE), target, *arguments("--sdm", "conda", "--list-conda-envs")],
            cwd=place, env=variables, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        files = re.findall(r"^(\S+\.yaml)\t", done.stdout, re.M)
        return {(place / file).resolve() for file in files}

    usual = (REPOSITORY / "envs" / "fovea.yaml").resolve()
    assert listed("cellpose") == {usual, place / "plugins" / "cellpose.yaml"}
    assert listed("apart") == {usual, place / "plugins" / "mine.yaml"}
    assert listed("usual") == {usual}


def test_changed_code_reruns_what_depends_on_it(place):
    params = {"segmentation": {"method": "bright", "above": 1}, "preprocess": "gaussian"}
    write_config(
        place,
        {"a": dataset("data/small.ome.tiff", [0], fl=(), params=params)},
        plugins=["plugins/bright.py", "plugins/gaussian.py", "plugins/circularity.py"],
    )
    target = "results/a/fov_000/images.zarr/seg_tracked_ch_0/0/zarr.json"
    snakemake(place, target)

    def planned():
        return {step for step, _, fov in dry_run(place, target).steps if fov}

    def change(name):
        path = place / "plugins" / name
        path.write_text(path.read_text() + "\n# changed\n")

    assert planned() == set()
    change("circularity.py")  # no feature of it is used
    assert planned() == set()
    change("gaussian.py")
    assert planned() == {"segment", "track"}
    snakemake(place, target)
    assert planned() == set()
    change("bright.py")
    assert planned() == {"segment", "track"}

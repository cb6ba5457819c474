"""Fovea as a module whose sources lie in a git repository, on this machine or on a host."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from support.harness import REPOSITORY, dataset, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-hosted")

SOURCES = ("Snakefile", "config", "envs", "report", "rules", "scripts")
MODULE = """configfile: "config/config.yaml"
module fovea:
    snakefile: {source}
    config: config
use rule * from fovea{names}
"""
#: Words of the library in the repository by which it is told from that of the tests: one of the
#: end of a run, one of a job.
MARKS = (
    ("runs/summary.py", "Fovea: ", "Fovea of the repository: "),
    ("jobs/log.py", ": Fovea %s", ": Fovea of the repository %s"),
)


def git(folder, *words) -> str:
    name = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with one commit, tag v1, whose library can be told from that of the tests."""
    folder = tmp_path_factory.mktemp("hosted") / "repository"
    folder.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy2
        copy(REPOSITORY / name, folder / name)
    for file, word, other in MARKS:
        text = (folder / "scripts/fovea" / file).read_text("utf-8")
        assert word in text
        (folder / "scripts/fovea" / file).write_text(text.replace(word, other), "utf-8")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "All")
    git(folder, "tag", "v1")
    return folder


def used(folder, source: str, small_recording, names: str = "", **more):
    """A folder with a Snakefile of five lines, a config and a recording."""
    (folder / "data").mkdir(parents=True)
    shutil.copy2(small_recording / "small.ome.tiff", folder / "data")
    (folder / "Snakefile").write_text(MODULE.format(source=source, names=names), "utf-8")
    write_config(folder, {"small": dataset("data/small.ome.tiff", [1], fl=(1,), **more)})
    return folder


def test_of_a_git_repository(repository, small_recording, tmp_path):
    """All of a run is there: results, status, start page, closing words, of these sources."""
    source = f'gitfile("{repository}", path="Snakefile", tag="v1")'
    folder = used(tmp_path, source, small_recording, " as fovea_*", params={"copy_only": True})
    run = snakemake(folder, snakefile=folder / "Snakefile")
    assert "Fovea of the repository: 1 of 1 field of view done" in run.text
    for name in ("status.csv", "index.csv", "report/index.html", "small/fov_001/images.zarr"):
        assert (folder / "results" / name).exists()
    log = (folder / "logs/small/fov_001/copy_raw.log").read_text("utf-8")
    assert ": Fovea of the repository 0" in log
    commit = git(repository, "rev-parse", "HEAD")
    assert [path.name for path in (folder / ".snakemake/fovea").iterdir()] == [commit]
    again = snakemake(folder, "--dry-run", snakefile=folder / "Snakefile")
    assert "Nothing to be done" in again.text


def test_a_failure_is_told(repository, small_recording, tmp_path):
    commit = git(repository, "rev-parse", "HEAD")
    source = f'gitfile("{repository}", path="Snakefile", commit="{commit}")'
    network = {"method": "phase", "mode": "network", "cell_diameter": 20, "weights": "none.npz"}
    folder = used(tmp_path, source, small_recording, params={"segmentation": network})
    (folder / "none.npz").write_bytes(b"no weights")
    run = snakemake(folder, snakefile=folder / "Snakefile", expected=1)
    assert "1 of 1 field of view failed" in run.text
    status = (folder / "results/status.csv").read_text("utf-8")
    assert "small,001,failed,segment,none.npz cannot be read as the weights" in status


def test_of_a_host(repository, small_recording, tmp_path):
    """A clone that Snakemake has already stands for the host, which tests cannot reach."""
    clone = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache"
    clone = clone / "github.com/cells/fovea"
    clone.parent.mkdir(parents=True)
    git(tmp_path, "clone", "--bare", str(repository), str(clone))
    source = 'github("cells/fovea", path="Snakefile", tag="v1")'
    names = """ as fovea_*
use rule inspect_input from fovea as fovea_inspect_input with:
    message: "Look at {wildcards.dataset} in another way"
"""
    folder = used(tmp_path / "module", source, small_recording, names)
    variables = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = snakemake(folder, "--dry-run", snakefile=folder / "Snakefile", variables=variables)
    assert "Look at small in another way" in run.text


def test_with_a_part_of_another_config(repository, small_recording, tmp_path):
    source = f'gitfile("{repository}", path="Snakefile", tag="v1")'
    folder = used(tmp_path / "module", source, small_recording, params={"copy_only": True})
    config = yaml.safe_load((folder / "config/config.yaml").read_text("utf-8"))
    (folder / "config/config.yaml").write_text(yaml.safe_dump({"cells": config}), "utf-8")
    text = (folder / "Snakefile").read_text("utf-8")
    changed = 'config["cells"]["datasets"]["small"]["fovs"] = [0]\n\n\nmodule fovea'
    text = text.replace("module fovea", changed).replace(
        "config: config", 'config: config["cells"]'
    )
    (folder / "Snakefile").write_text(text, "utf-8")
    run = snakemake(folder, "--dry-run", snakefile=folder / "Snakefile")
    assert "inspect_input" in run.text
    again = snakemake(folder, "results/small/fov_000/images.zarr/zarr.json", "--dry-run",
                      snakefile=folder / "Snakefile")  # fmt: skip
    assert "copy_raw" in again.text


def test_prefixes_of_paths_are_refused(repository, small_recording, tmp_path):
    source = f'gitfile("{repository}", path="Snakefile", tag="v1")\n    prefix: "cells"'
    folder = used(tmp_path / "module", source, small_recording)
    run = snakemake(folder, "--dry-run", snakefile=folder / "Snakefile", expected=1)
    assert "Fovea as a module takes no prefix of paths" in run.text

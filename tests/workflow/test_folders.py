"""Other folders than results, logs and benchmarks: alone, as a module, and for all commands."""

from __future__ import annotations

import re

import pytest
import yaml

from fovea.cli import main
from support.harness import SNAKEFILE, dataset, digests, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-folders")

FOLDERS = {"results": "cells/out", "logs": "cells/log", "benchmarks": "timing"}
DATASETS = {"small": dataset("data/small.ome.tiff", [1], fl=(1,))}
MORE = {"samples": [{"name": "a", "fovs": "1"}]}
#: They name files, by their paths in the working folder.
NAMES_FILES = ("index.csv", "status.csv")
HOST = """configfile: "config/config.yaml"
pathvars: results="of_the_host"
module fovea:
    snakefile: "{snakefile}"
    config: config["cells"]
    pathvars: results="cells/out", logs="cells/log", benchmarks="timing"
use rule * from fovea as fovea_*
"""


def made(folder, results: str) -> dict[str, str]:
    return {name: digest for name, digest in digests(folder / results).items()
            if name not in NAMES_FILES}  # fmt: skip


@pytest.fixture(scope="module")
def usual(tmp_path_factory, small_recording):
    return run_in(tmp_path_factory.mktemp("usual"), small_recording)


@pytest.fixture(scope="module")
def other(tmp_path_factory, small_recording):
    return run_in(tmp_path_factory.mktemp("other"), small_recording, pathvars=FOLDERS)


def run_in(folder, small_recording, **more):
    (folder / "data").symlink_to(small_recording)
    write_config(folder, DATASETS, **MORE, **more)
    run = snakemake(folder)
    (folder / "terminal.txt").write_text(run.text, "utf-8")
    return folder


def test_the_same_files_elsewhere(usual, other):
    """All bytes are the same, and nothing is where it usually is."""
    expected = made(usual, "results")
    assert len(expected) > 50
    assert made(other, "cells/out") == expected
    assert not any((other / name).exists() for name in FOLDERS)
    logs = {path.relative_to(usual / "logs") for path in (usual / "logs").rglob("*.log")}
    assert logs == {path.relative_to(other / "cells/log")
                    for path in (other / "cells/log").rglob("*.log")}  # fmt: skip
    assert len(list((other / "timing").rglob("*.tsv"))) == len(
        list((usual / "benchmarks").rglob("*.tsv"))
    )


def test_tables_name_them(usual, other):
    for name in NAMES_FILES:
        text = (usual / "results" / name).read_text("utf-8")
        there = (other / "cells/out" / name).read_text("utf-8")
        assert re.sub(r"cells/out/", "results/", there) == text
    assert "look at cells/out/report/index.html" in (other / "terminal.txt").read_text("utf-8")


def test_commands_find_them(other, capsys, monkeypatch):
    monkeypatch.chdir(other)
    for words in (["status"], ["check"], ["clean", "--dry-run"],
                  ["export", "trackmate", "--fov", "1"]):  # fmt: skip
        assert main(words) == 0, capsys.readouterr()
        said = capsys.readouterr().out
        expected = {"status": "1 done of 1", "check": "cells/out: ",
                    "clean": "everything that is in cells/out"}.get(words[0], "")  # fmt: skip
        assert expected in said
    assert not (other / "results").exists()


def test_old_results_are_moved_beside_them(other, capsys, monkeypatch):
    monkeypatch.chdir(other)
    (other / "cells/out/small/fov_009").mkdir()
    assert main(["clean", "--yes"]) == 0
    assert "Moved to cells/out_old_1" in capsys.readouterr().out
    assert (other / "cells/out_old_1/small/fov_009").is_dir()


def test_as_a_module(usual, tmp_path, small_recording):
    """The host's own folders, and those that it states for the module."""
    (tmp_path / "data").symlink_to(small_recording)
    config = write_config(tmp_path, {"small": DATASETS["small"] | {"params": {"copy_only": True}}})
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump({"cells": config}), "utf-8")
    (tmp_path / "Snakefile").write_text(HOST.format(snakefile=SNAKEFILE), "utf-8")
    snakemake(tmp_path, snakefile=tmp_path / "Snakefile")
    copied = "small/fov_001/images.zarr/fl_ch_1/0/"
    expected = {k: v for k, v in made(usual, "results").items() if k.startswith(copied)}
    found = made(tmp_path, "cells/out")
    assert {name: found[name] for name in expected} == expected
    assert (tmp_path / "cells/out/status.csv").exists()
    assert not {"results", "logs", "benchmarks", "of_the_host"} & {
        p.name for p in tmp_path.iterdir()
    }
    text = (tmp_path / "Snakefile").read_text("utf-8")
    (tmp_path / "Snakefile").write_text(re.sub(r"(?m)^    pathvars.*\n", "", text), "utf-8")
    again = snakemake(tmp_path, "of_the_host/small/metadata.yaml", "--dry-run",
                      snakefile=tmp_path / "Snakefile")  # fmt: skip
    assert "fovea_inspect_input" in again.text


@pytest.mark.parametrize(("folders", "said"), [
    ({"results": "/absolute"}, "results: '/absolute' is not allowed; allowed: a relative path"),
    (["results"], "pathvars: ['results'] is a list; allowed: keys and values"),
])  # fmt: skip
def test_wrong_folders_are_refused(folders, said, tmp_path, small_recording):
    """Also those of which Snakemake, which reads them first, would give a traceback."""
    (tmp_path / "data").symlink_to(small_recording)
    write_config(tmp_path, DATASETS, pathvars=folders)
    for more in ([], ["--configfile", "config/config.yaml"]):
        run = snakemake(tmp_path, "--dry-run", *more, expected=1)
        assert said in run.text
        assert "Traceback" not in run.text

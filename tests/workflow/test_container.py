"""Jobs in containers, through a program that stands in for Apptainer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.harness import REPOSITORY, dataset, snakemake, write_config

#: It writes down what it was called with, and does in no container what is wanted in one.
STAND_IN = """#!/bin/bash
if [ "$1" = --version ]; then echo apptainer version 1.3.4; exit; fi
echo "$@" | head -1 >> "$CALLS"
while [ "$1" != fovea.sif ]; do shift; done
shift
exec "$@"
"""
TARGET = "results/small/metadata.yaml"


def test_jobs_run_in_the_image(workplace):
    write_config(workplace, {"small": dataset("data/small.ome.tiff", [1])}, container="fovea.sif")
    (workplace / "fovea.sif").touch()
    program = workplace / "bin/apptainer"
    program.parent.mkdir()
    program.write_text(STAND_IN, "utf-8")
    program.chmod(0o755)
    python = Path(sys.executable).parent  # that of the image
    path = f"{program.parent}:{python}:{os.environ['PATH']}"
    variables = {"PATH": path, "CALLS": str(workplace / "calls")}
    snakemake(workplace, TARGET, "--sdm", "apptainer", variables=variables)
    (call,) = (workplace / "calls").read_text("utf-8").splitlines()
    assert call.startswith("exec ")
    assert f" --bind {REPOSITORY} " in call
    assert "fovea.sif bash -c" in call
    assert (workplace / TARGET).exists()


def test_without_an_image_it_is_refused(workplace):
    """Snakemake would run the jobs outside of any container."""
    write_config(workplace, {"small": dataset("data/small.ome.tiff", [1])})
    run = snakemake(workplace, TARGET, "--sdm", "apptainer", "--dry-run", expected=1)
    assert "--sdm apptainer: the config names no image; make one" in run.text


def test_an_image_that_is_not_there(workplace):
    write_config(workplace, {"small": dataset("data/small.ome.tiff", [1])}, container="fovea.sif")
    run = snakemake(workplace, TARGET, "--dry-run", expected=1)
    assert "container: there is no file 'fovea.sif' (working directory: " in run.text

"""The workflow and its report in an environment that holds what `make setup` installs, no more.

Packages of the developers hide what is missing there, so the other tests cannot see it.
`make test-requirements` runs this test; it takes minutes, because it installs everything anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from support.harness import REPOSITORY, environment, write_config

pytestmark = pytest.mark.requirements

DEMO = {"fovs": 1, "frames": 4, "height": 160, "width": 192}
FIT = {"model": "line", "channel": 1, "feature": "intensity_total"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The folder of programs of a new environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for name in ("requirements.txt", "requirements-inspect.txt"):
        subprocess.run([*pip, "install", "--no-deps", "-r", REPOSITORY / name], check=True)
    return folder / "bin"


def run(programs: Path, folder: Path, *command: str) -> str:
    variables = environment() | {"PATH": f"{programs}{os.pathsep}{os.defpath}"}
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(
        [programs / command[0], *command[1:]], cwd=folder, env=variables, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_nothing_is_missing_that_a_package_needs(programs, tmp_path):
    assert "No broken requirements found" in run(programs, tmp_path, "pip", "check")
    installed = run(programs, tmp_path, "pip", "list", "--format", "freeze").lower()
    assert "snakemake==" in installed
    assert "pytest==" not in installed


def test_a_run_and_its_report(programs, tmp_path):
    for name in ("Snakefile", "rules", "report"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    for name in ("scripts", "config", "profiles"):  # not the compiled kernels of other tests
        shutil.copytree(REPOSITORY / name, tmp_path / name, symlinks=True)
    entry = {"input": "data/demo.ome.tiff", "channels": {"pc": 0, "fl": [
        {"channel": 1, "features": ["intensity_total"]}]}}  # fmt: skip
    samples = [{"name": "s", "dataset": "demo"}]
    params = {"extraction": {"min_frames": 1, "border_margin": 0}}
    write_config(tmp_path, {"demo": entry}, params, samples=samples, analysis=[FIT], demo=DEMO)
    config = yaml.safe_load((tmp_path / "config/config.yaml").read_text("utf-8"))
    assert config["demo"] == DEMO
    run(programs, tmp_path, "snakemake", "--cores", "2")
    assert (tmp_path / "results/merged/s_intensity_total_ch_1.csv").stat().st_size > 100
    run(programs, tmp_path, "snakemake", "--report", "report.zip")
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert "report/report.html" in archive.namelist()

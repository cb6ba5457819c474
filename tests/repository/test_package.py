"""The package: what `pip install .` gives, away from the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fovea import __version__
from support.nd2_writer import write_nd2
from support.recordings import pixels

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package, built and installed without network; the variables to use it."""
    folder = tmp_path_factory.mktemp("installed")
    command = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(folder), str(ROOT)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, os.environ | {"PYTHONPATH": str(folder)}


def python(installed, *words, cwd):
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=installed[1], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command(installed, tmp_path):
    command = str(installed[0] / "bin" / "fovea")
    assert "describe" in python(installed, command, "--help", cwd=tmp_path)
    assert python(installed, command, "--version", cwd=tmp_path) == f"{__version__}\n"
    write_nd2(tmp_path / "a.nd2", pixels())
    assert "datasets:" in python(installed, command, "describe", "a.nd2", cwd=tmp_path)


def test_a_config_is_checked_and_a_network_found(installed, tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels())
    (tmp_path / "config").mkdir()
    config = {"datasets": {"a": {"input": "a.nd2", "channels": {"pc": 0, "fl": [1]}}}}
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(config))
    command = str(installed[0] / "bin" / "fovea")
    assert "waiting" in python(installed, command, "status", cwd=tmp_path)
    code = (
        "from pathlib import Path; import fovea, fovea.config.schema as schema\n"
        "here = Path(fovea.__file__).parent\n"
        "assert here in Path(schema.SCHEMA).parents, schema.SCHEMA\n"
        "assert (here / 'segmentation/phase/weights/general.npz').exists()\n"
        "print(here)"
    )
    assert python(installed, "-c", code, cwd=tmp_path) == f"{installed[0] / 'fovea'}\n"


def test_the_version_stands_in_one_place():
    assert "version" not in PROJECT
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__


def test_ranges_hold_the_pins():
    files = ("requirements", "requirements-inspect", "requirements-exchange")
    locked = "\n".join((ROOT / f"{file}.txt").read_text("utf-8") for file in files)
    pins = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", locked, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    wanted = [Requirement(text) for text in sum(extras.values(), PROJECT["dependencies"])]
    names = {canonicalize_name(need.name) for need in wanted}
    for need in wanted:
        name = canonicalize_name(need.name)
        if name != "btrack":  # optional, and not installed
            assert need.specifier.contains(pins[name]), f"{need}, but {pins[name]} is pinned"
    asked = "\n".join((ROOT / f"{file}.in").read_text("utf-8") for file in files)
    lines = asked.splitlines()
    asked = {canonicalize_name(Requirement(line).name) for line in lines if line[:1] not in "#-"}
    # hatchling builds the package
    assert asked == (names - {"btrack"}) | {"hatchling"}

"""Pins: the same everywhere, with hashes and without addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TRAINING = "training/requirements.txt"
IN_ENVIRONMENTS = ("requirements.in", "requirements-inspect.in", "requirements-exchange.in")
LOCKED = [f"requirements{part}.txt" for part in ("", "-inspect", "-exchange", "-dev")]
#: Conda's names of packages, where they differ.
CONDA = {"matplotlib": "matplotlib-base", "opencv-python-headless": "opencv"}

#: Packages of the command line, the report and the installation, which no rule imports.
NOT_IN_RULES = {"typer", "pygments", "hatchling"}


def pins(name):
    text = (ROOT / name).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", text, re.MULTILINE))


def requirements(name):
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and line[0] not in "#-"]


def wanted(name):
    return [re.split(r"[=<> ;\[]", line)[0].lower() for line in requirements(name)]


def environments():
    return sorted((ROOT / "envs").glob("*.yaml"))


def test_conda_has_the_versions_of_pip():
    locked = pins("requirements.txt")
    for name in ("inspect", "exchange"):
        locked |= pins(f"requirements-{name}.txt")
    named = {CONDA.get(name, name): version for name, version in locked.items()}
    seen = set()
    for path in environments():
        for entry in yaml.safe_load(path.read_text("utf-8"))["dependencies"]:
            if isinstance(entry, dict):
                assert entry == {"pip": requirements(TRAINING)}, path.name
                continue
            name, _, version = entry.partition(" =")
            if name == "pip":
                continue
            if name == "python":
                assert version == "3.11"
                continue
            assert named.get(name) == version, f"{path.name}: {entry}, pip has {named.get(name)}"
            seen.add(name)
    asked = [name for file in IN_ENVIRONMENTS for name in wanted(file)]
    needed = {CONDA.get(name, name) for name in asked}
    # Snakemake itself and its plug-ins run outside the rules' environments
    missing = {name for name in needed if not name.startswith("snakemake")} - NOT_IN_RULES - seen
    assert not missing, f"not in envs/: {sorted(missing)}"


@pytest.mark.parametrize(
    ("name", "those"),
    [
        ("inspect.yaml", ["bokeh", "typer"]),
        ("exchange.yaml", ["geff", "imageio-ffmpeg", "rocrate", "typer"]),
    ],
)
def test_pages_and_exports_have_all_that_other_jobs_have(name, those):
    def packages(name):
        return set(yaml.safe_load((ROOT / "envs" / name).read_text("utf-8"))["dependencies"])

    more = packages(name) - packages("fovea.yaml")
    assert packages("fovea.yaml") < packages(name)
    assert sorted(name.split()[0] for name in more) == those


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_is_pinned_with_hashes_and_no_address(name):
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    for block in blocks:
        if not block.startswith("#"):
            assert re.match(r"[a-z0-9._-]+==", block), block[:60]
            assert "--hash=sha256:" in block, block[:60]


def test_the_lock_files_agree():
    known = {}
    for name in LOCKED:
        found = pins(name)
        assert not {n: (v, found[n]) for n, v in known.items() if found.get(n, v) != v}
        known |= found


def names_in(text):
    """Whole names of packages; of `ome-zarr-models` that one name, and not `zarr`."""
    return set(re.findall(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", text.lower()))


def test_every_dependency_has_its_reason():
    assert names_in("For zarr: ome-zarr-models.") == {"for", "zarr", "ome-zarr-models"}
    named = names_in((ROOT / "docs" / "dependencies.md").read_text("utf-8"))
    files = (*IN_ENVIRONMENTS, "requirements-dev.in", TRAINING)
    assert {name for file in files for name in wanted(file)} <= named


def test_training_pins_each_package():
    assert all(re.fullmatch(r"[a-z0-9._-]+==[0-9.]+", r) for r in requirements(TRAINING))

"""Recordings and finished runs that several tests look at; none of them may change these."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fovea.simulation.simulate import simulate
from support.harness import REPOSITORY, dataset, snakemake, write_config

SMALL = {"fovs": 3, "frames": 6, "height": 160, "width": 192, "channels": 2, "interval": 600.0}


@pytest.fixture(scope="session")
def small_recording(tmp_path_factory) -> Path:
    """A folder with `small.ome.tiff`: 3 FOVs, 6 frames, phase contrast and two fluorescences."""
    folder = tmp_path_factory.mktemp("small_recording")
    simulate(folder / "small.ome.tiff", folder / "truth", cells=[5, 6, 5], **SMALL)
    return folder


@pytest.fixture
def workplace(tmp_path, small_recording) -> Path:
    """An empty working folder with `data/small.ome.tiff`."""
    (tmp_path / "data").mkdir()
    shutil.copy2(small_recording / "small.ome.tiff", tmp_path / "data")
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small_recording) -> Path:
    """A finished run of three datasets: `main`, `corrected` (saved too) and `raw` (copied only)."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "data").mkdir()
    shutil.copy2(small_recording / "small.ome.tiff", folder / "data")
    source = "data/small.ome.tiff"
    corrected = {"background": {"save_corrected": True, "weight": 0.9}}
    write_config(
        folder,
        {
            "main": dataset(source, "0-1"),
            "corrected": dataset(source, [2], fl=(1,), params=corrected),
            "raw": dataset(source, [1], params={"copy_only": True}),
        },
    )
    run = snakemake(folder)
    (folder / "terminal.txt").write_text(run.text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """The finished run of the default config."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "config").mkdir()
    shutil.copy2(REPOSITORY / "config" / "config.yaml", folder / "config" / "config.yaml")
    run = snakemake(folder)
    (folder / "terminal.txt").write_text(run.text, "utf-8")
    return folder

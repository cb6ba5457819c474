"""Other ways to run the workflow: another config, another folder, as a module of another one."""

from __future__ import annotations

import shutil

import pytest
import yaml

from support.harness import (
    REPOSITORY,
    SNAKEFILE,
    dataset,
    digests,
    dry_runs,
    snakemake,
    write_config,
)

pytestmark = pytest.mark.xdist_group("workflow-variants")

DEMO = REPOSITORY / "config" / "config.yaml"
SOURCE = "data/small.ome.tiff"
COPIED = {"copy_only": True}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, small_recording):
    """A folder with the demo's config, configs of its own, and a Snakefile that uses Fovea."""
    folder = tmp_path_factory.mktemp("modes")
    (folder / "data").mkdir()
    shutil.copy2(small_recording / "small.ome.tiff", folder / "data")
    mine = write_config(folder, {"mine": dataset(SOURCE, [1], params=COPIED)})
    (folder / "mine.yaml").write_text(yaml.safe_dump(mine), "utf-8")
    (folder / "short.yaml").write_text("params: {copy_only: true}\n", "utf-8")
    shutil.copy2(DEMO, folder / "config" / "config.yaml")
    for name, prefix in (("module", ""), ("prefixed", " as fovea_*")):
        (folder / f"{name}.smk").write_text(
            f'configfile: "mine.yaml"\n\n\nmodule fovea:\n    snakefile:\n        "{SNAKEFILE}"\n'
            f"    config:\n        config\n\n\nuse rule * from fovea{prefix}\n",
            "utf-8",
        )
    return folder


@pytest.fixture(scope="module")
def planned(workspace):
    """Dry runs of all these ways, by name."""
    ways = {
        "demo": [],
        "mine": ["--configfile", "mine.yaml"],
        "shortened": ["--configfile", "short.yaml"],
        "prefixed": ["--snakefile", "prefixed.smk"],
    }
    return dict(zip(ways, dry_runs([(workspace, way) for way in ways.values()]), strict=True))


MINE = {("inspect_input", "mine", ""), ("processing_config", "mine", ""),
        ("copy_raw", "mine", "001"), ("field_page", "mine", "001")}  # fmt: skip


def test_the_default_is_the_demo(planned):
    assert planned["demo"].steps == {("simulate", "", ""), ("inspect_input", "demo", "")}


def test_a_config_with_datasets_replaces_the_default(planned):
    """Nobody wants the demo beside their data."""
    assert planned["mine"].steps == MINE


def test_a_config_without_datasets_changes_the_default(planned):
    assert planned["shortened"].steps == {("simulate", "", ""), ("inspect_input", "demo", "")}


def test_the_rules_may_get_a_prefix(planned):
    found = {(name.removeprefix("fovea_"), *rest) for name, *rest in planned["prefixed"].steps}
    assert found == MINE


def raw_images(folder) -> dict[str, str]:
    """Checksums of a dataset that is only copied; processing_config names the dataset's entry."""
    return {name: digest for name, digest in digests(folder).items() if name.startswith("fov_")}


@pytest.fixture(scope="module")
def elsewhere(workspace, tmp_path_factory):
    """A run with --directory, started in a folder of which it must take no notice."""
    here = tmp_path_factory.mktemp("here")
    there = tmp_path_factory.mktemp("there")
    (here / "config").mkdir()
    (here / "config" / "config.yaml").write_text("datasets: {wrong: 5}\n", "utf-8")
    write_config(there, {"mine": dataset(SOURCE, [1], params=COPIED)})
    shutil.copytree(workspace / "data", there / "data")
    before = sorted(here.rglob("*"))
    run = snakemake(here, "--directory", str(there))
    return run, here, there, before


def test_another_directory_gets_the_results(elsewhere):
    _, _, there, _ = elsewhere
    assert (there / "results/mine/fov_001/images.zarr/zarr.json").exists()
    assert (there / "results/status.csv").exists()
    assert (there / "logs/mine/fov_001/copy_raw.log").exists()
    assert (there / "benchmarks/mine/fov_001/copy_raw.tsv").exists()


def test_the_directory_it_is_started_in_gets_nothing(elsewhere):
    _, here, _, before = elsewhere
    assert sorted(here.rglob("*")) == before


def test_as_a_module(workspace, elsewhere):
    snakemake(workspace, "--snakefile", "module.smk")
    found = raw_images(workspace / "results" / "mine")
    assert len(found) > 8
    assert found == raw_images(elsewhere[2] / "results" / "mine")
    again = snakemake(workspace, "--snakefile", "module.smk")
    assert "Nothing to be done" in again.text

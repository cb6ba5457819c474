"""What a second run makes anew: what is missing and what follows from it, nothing else."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from support.harness import copied, digests, dry_runs, files, snakemake

pytestmark = pytest.mark.xdist_group("workflow-finished")

ALL = {"copy_raw", "segment", "track", "background", "crop", "extract", "cache", "field_page"}
PLACE = "results/main/fov_001"

# What is deleted of field of view 1, and the steps that then run for it.
DELETED = {
    "images.zarr/pc_ch_0/0": ALL,
    "images.zarr/fl_ch_2/0": {"copy_raw", "background", "crop", "extract", "cache", "field_page"},
    "images.zarr/pc_ch_0/zarr.json": ALL,
    "images.zarr/zarr.json": ALL,
    "images.zarr": ALL,
    "images.zarr/seg_labeled_ch_0/0": ALL - {"copy_raw"},
    "images.zarr/seg_tracked_ch_0/0": {"track", "crop", "extract", "cache", "field_page"},
    "images.zarr/seg_tracked_ch_0": {"track", "crop", "extract", "cache", "field_page"},
    "images.zarr/seg_tracked_ch_0/boxes": {"track", "crop", "extract", "cache", "field_page"},
    "images.zarr/fl_background_ch_1/0": {"background", "crop", "extract", "cache", "field_page"},
    "images.zarr/fl_background_ch_2/tile_medians": {
        "background",
        "crop",
        "extract",
        "cache",
        "field_page",
    },
    "images.zarr/pc_ch_0/1": {"cache"},
    "images.zarr/seg_labeled_ch_0/1": {"cache"},
    "cells.zarr": {"crop", "extract", "field_page"},
    "cells.zarr/zarr.json": {"crop", "extract", "field_page"},
    "main_fov_001_lineage.csv": {"track", "crop", "extract", "cache", "field_page"},
    "main_fov_001_merges.csv": {"track", "crop", "extract", "cache", "field_page"},
    "main_fov_001_drift.csv": {"track", "crop", "extract", "cache", "field_page"},
    "main_fov_001_traces.csv": {"extract", "field_page"},
    "main_fov_001_cells.csv": {"extract", "field_page"},
}


def delete(path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.fixture(scope="module")
def mutilated(finished, tmp_path_factory):
    """Dry runs on copies of the finished run from each of which one thing is missing."""
    folder = tmp_path_factory.mktemp("mutilated")
    places = {}
    for number, name in enumerate(DELETED):
        places[name] = copied(finished, folder / str(number), linked=True)
        delete(places[name] / PLACE / name)
    touched = places["touched"] = copied(finished, folder / "touched")
    os.utime(touched / "data" / "small.ome.tiff", (time.time() + 2,) * 2)
    gone = places["metadata"] = copied(finished, folder / "metadata", linked=True)
    delete(gone / "results" / "main" / "metadata.yaml")
    logs = places["logs"] = copied(finished, folder / "logs", linked=True)
    delete(logs / "logs")
    delete(logs / "benchmarks")
    places["nothing"] = finished
    runs = dry_runs([(place, []) for place in places.values()])
    return dict(zip(places, runs, strict=True))


@pytest.mark.parametrize("name", DELETED)
def test_what_is_missing_and_what_follows(mutilated, name):
    assert mutilated[name].steps == {(step, "main", "001") for step in DELETED[name]}


def test_nothing_is_to_be_done_a_second_time(mutilated):
    assert mutilated["nothing"].jobs == []
    assert "Nothing to be done" in mutilated["nothing"].text


def test_logs_and_benchmarks_may_be_deleted(mutilated):
    assert mutilated["logs"].jobs == []


def expected_of(dataset: str, fovs: list[str], steps: set[str]) -> set[tuple[str, str, str]]:
    whole = {("inspect_input", dataset, ""), ("processing_config", dataset, "")}
    return whole | {(step, dataset, fov) for step in steps for fov in fovs}


def test_a_recording_that_was_touched_is_processed_anew(mutilated):
    overviews = {("overview", "main", "000"), ("overview", "corrected", "002")}
    assert mutilated["touched"].steps == (
        expected_of("main", ["000", "001"], ALL)
        | expected_of("corrected", ["002"], ALL)
        | expected_of("raw", ["001"], {"copy_raw", "field_page"})
        | overviews
    )


def test_without_metadata_a_dataset_is_processed_anew(mutilated):
    overview = {("overview", "main", "000")}
    assert mutilated["metadata"].steps == expected_of("main", ["000", "001"], ALL) | overview


@pytest.fixture(scope="module")
def rebuilt(finished, tmp_path_factory):
    """A run that mends a copy of the finished one, the copy, and when its files were written."""
    folder = copied(finished, tmp_path_factory.mktemp("rebuilt") / "run")
    delete(folder / PLACE / "images.zarr" / "seg_tracked_ch_0" / "0")
    delete(folder / "results/main/fov_000/cells.zarr")
    results = folder / "results"
    before = {name: (results / name).stat().st_mtime_ns for name in files(results)}
    return snakemake(folder), folder, before


def test_a_mended_run_equals_the_first(finished, rebuilt):
    assert digests(rebuilt[1] / "results") == digests(finished / "results")


def test_other_files_are_left_alone(rebuilt):
    run, folder, before = rebuilt
    assert run.finished == 5 + 3 + 1 + 1 + 1  # five steps, three, overview, pages_to_send, all
    results = folder / "results"
    after = {name: (results / name).stat().st_mtime_ns for name in files(results)}
    new = {name for name in after if before.get(name) != after[name]}
    mended = ("main/fov_001/images.zarr/seg_tracked_ch_0/", "main/fov_000/cells.zarr/",
              "main/fov_001/cells.zarr/", "main/fov_000/main_fov_000_",
              "main/fov_001/main_fov_001_", "report/main_fov_000.png", "report/fields/main_fov_",
              "report/to_send/", "report/index.html", "status.csv", "index.csv")  # fmt: skip
    display = {
        name for name in new if name.startswith("main/fov_001/images.zarr") and "/1/" in name
    }
    assert {name for name in new - display if not name.startswith(mended)} == set()


def test_the_terminal_says_that_nothing_is_left(rebuilt):
    run = snakemake(rebuilt[1])
    assert "Nothing to be done" in run.text
    assert run.finished == 0


def test_the_end_of_a_run_that_failed_names_another_table_that_is_damaged(finished, tmp_path):
    folder = copied(finished, tmp_path / "run")
    delete(folder / PLACE / "main_fov_001_traces.csv")
    boxes = next((folder / PLACE / "cells.zarr/metadata/bboxes").glob("c.*"))
    boxes.write_bytes(boxes.read_bytes()[:-1])
    table = "results/main/fov_000/main_fov_000_cells.csv"
    (folder / table).write_text("fov,cell\n", "utf-8")
    run = snakemake(folder, expected=1)
    assert "Traceback" not in run.text
    assert f"bboxes/{boxes.name} is damaged or not whole; delete the folder {PLACE}" in run.text
    assert f"\nFovea: {table} is not as Fovea wrote it" in run.text

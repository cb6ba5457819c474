"""A channel that is added to the config later, or taken out: what exists stays."""

from __future__ import annotations

import os
import time

import pytest

from support.harness import copied, dataset, digests, dry_run, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-added")
LATER = {"background", "crop", "extract", "cache", "field_page"}


def configured(folder, fl) -> None:
    write_config(folder, {"a": dataset("data/small.ome.tiff", "0-1", fl=fl)})


@pytest.fixture(scope="module")
def runs(tmp_path_factory, small_recording):
    """A folder after a run with one channel, a copy of it with a second one, and one with both."""
    first = tmp_path_factory.mktemp("added") / "first"
    (first / "data").mkdir(parents=True)
    (first / "data/small.ome.tiff").write_bytes((small_recording / "small.ome.tiff").read_bytes())
    configured(first, (1,))
    snakemake(first)
    added = copied(first, first.parent / "added")
    configured(added, (1, 2))
    planned = dry_run(added)
    run = snakemake(added)
    both = first.parent / "both"
    (both / "data").mkdir(parents=True)
    (both / "data/small.ome.tiff").write_bytes((first / "data/small.ome.tiff").read_bytes())
    configured(both, (1, 2))
    snakemake(both)
    return first, added, both, planned, run


def steps_of(run) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step, _, fov in run.steps:
        if fov and step != "overview":
            found.setdefault(fov, set()).add(step)
    return found


def test_only_the_new_channel_is_copied(runs):
    first, added, _, planned, run = runs
    assert steps_of(planned) == dict.fromkeys(("000", "001"), {"copy_raw"} | LATER)
    copies = [job for job in planned.jobs if job["rule_name"].startswith("copy_raw")]
    assert {name.split("images.zarr/")[1].split("/")[0] for job in copies
            for name in job["output"]} == {"fl_ch_2"}  # fmt: skip
    assert "Copy raw channels: " in run.log
    assert "Segment:" not in run.log
    for fov in ("000", "001"):
        for group in ("pc_ch_0", "fl_ch_1", "seg_labeled_ch_0", "seg_tracked_ch_0"):
            name = f"results/a/fov_{fov}/images.zarr/{group}/0/c.0.0.0"
            assert (added / name).stat().st_mtime_ns == (first / name).stat().st_mtime_ns


def test_the_same_as_with_both_at_once(runs):
    _, added, both, _, _ = runs
    assert digests(added / "results") == digests(both / "results")
    assert dry_run(added).jobs == []


def test_a_channel_that_is_taken_out_leaves_the_others(runs, tmp_path):
    folder = copied(runs[1], tmp_path / "run")
    configured(folder, (2,))
    assert steps_of(dry_run(folder)) == dict.fromkeys(("000", "001"), LATER)


def test_a_changed_recording_is_copied_anew_as_a_whole(runs, tmp_path):
    """Also channels that were there before others were added."""
    folder = copied(runs[1], tmp_path / "run")
    later = time.time() + 2
    os.utime(folder / "data/small.ome.tiff", (later, later))
    everything = {"copy_raw", "segment", "track"} | LATER
    assert steps_of(dry_run(folder)) == dict.fromkeys(("000", "001"), everything)
    # and where a channel is missing at the same time
    folder = copied(runs[0], tmp_path / "again")
    os.utime(folder / "data/small.ome.tiff", (later, later))
    configured(folder, (1, 2))
    run = dry_run(folder)
    written = {name for job in run.jobs if job["rule_name"].startswith("copy_raw")
               for name in job["output"] if "fov_000" in name and "/0/" in name}  # fmt: skip
    groups = {name.split("images.zarr/")[1].split("/")[0] for name in written}
    assert groups == {"pc_ch_0", "fl_ch_1", "fl_ch_2"}


def test_an_old_channel_that_comes_back_is_not_trusted(runs, tmp_path):
    """It was taken out, the recording was exchanged, and it is added again."""
    folder = copied(runs[1], tmp_path / "run")
    configured(folder, (1,))
    os.utime(folder / "data/small.ome.tiff")
    snakemake(folder)
    configured(folder, (1, 2))
    steps = steps_of(dry_run(folder))
    assert all("copy_raw" in names for names in steps.values())
    assert set(steps) == {"000", "001"}


def test_delete_all_output_leaves_nothing(runs, tmp_path):
    folder = copied(runs[1], tmp_path / "run")
    snakemake(folder, "--delete-all-output", "--dry-run")
    assert digests(folder / "results") == digests(runs[1] / "results")
    snakemake(folder, "--delete-all-output")
    assert not (folder / "results").exists()
    assert (folder / "data/small.ome.tiff").exists()

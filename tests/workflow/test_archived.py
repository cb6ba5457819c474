"""The recording is moved away after it was processed: later steps need only what was copied."""

from __future__ import annotations

import pytest

from support.harness import copied, dataset, dry_run, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-archived")
SAMPLES = [{"name": "s", "dataset": "a", "fovs": "0-1"}]
RECORDING = "data/small.ome.tiff"


def configured(folder, fovs="0-1", params=None, **more) -> None:
    entry = dataset(RECORDING, fovs, fl=(1,), **more)
    write_config(folder, {"a": entry}, params, samples=SAMPLES)


@pytest.fixture(scope="module")
def processed(tmp_path_factory, small_recording):
    """A finished run whose recording is not there any more."""
    folder = tmp_path_factory.mktemp("archived") / "run"
    (folder / "data").mkdir(parents=True)
    (folder / RECORDING).write_bytes((small_recording / "small.ome.tiff").read_bytes())
    configured(folder)
    snakemake(folder)
    (folder / RECORDING).unlink()
    return folder


def rules(run) -> set[str]:
    return {job["rule_name"] for job in run.jobs}


@pytest.mark.parametrize("fovs", ["0-1", "all"])
def test_curation_and_later_steps_run(processed, tmp_path, fovs):
    folder = copied(processed, tmp_path / "run")
    configured(folder, fovs, exclude_fovs=[2])
    (folder / "config/curation.csv").write_text("dataset,fov,cell,good\na,0,1,false\n", "utf-8")
    run = snakemake(folder)
    assert "dataset a goes on with what was copied from its recording" in run.text
    assert "Merge the traces of sample s" in run.text
    assert "Copy raw channels" not in run.log
    assert "good changed in" in (folder / "results/merged/s_traces.csv").read_text("utf-8")
    assert dry_run(folder).jobs == []
    report = snakemake(folder, "--report", "report.zip")
    assert (folder / "report.zip").exists(), report.text


def test_cells_are_segmented_anew_from_the_copy(processed, tmp_path):
    folder = copied(processed, tmp_path / "run")
    configured(folder, params={"segmentation": {"method": "logstd", "window_size": 5}})
    run = dry_run(folder)
    assert {"segment", "track", "merge"} <= rules(run)
    assert not {"inspect_input", "copy_raw"} & rules(run)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fovs": "0-2"}, "it is needed to copy channel 0 of field of view 2"),
        ({"z": "max"}, "it is needed to copy channel 0 of field of view 0 with z: max"),
        (
            {"params": {"flat_field": {"method": "recording"}}},
            "it is needed to find the flat field of channel 1",
        ),
        (
            {"params": {"segmentation": {"method": "phase"}}},
            "it is needed to find what params.segmentation leaves open of mode, contrast and "
            "cell_diameter",
        ),
    ],
)
def test_what_needs_the_recording_names_it(processed, tmp_path, change, what):
    folder = copied(processed, tmp_path / "run")
    configured(folder, **change)
    run = dry_run(folder, expected=1)
    (line,) = [line for line in run.text.splitlines() if "does not exist" in line]
    assert f"datasets.a.input: {RECORDING} does not exist" in line
    assert line.endswith(what)


def test_a_wrong_path_is_not_taken_for_an_archived_recording(processed, tmp_path):
    folder = copied(processed, tmp_path / "run")
    write_config(folder, {"a": dataset("data/smal.ome.tiff", fl=(1,))}, samples=SAMPLES)
    run = dry_run(folder, expected=1)
    assert f"what was copied to results/a is from {RECORDING}" in run.text


def test_without_metadata_there_is_nothing_to_go_on_with(processed, tmp_path):
    folder = copied(processed, tmp_path / "run")
    (folder / "results/a/metadata.yaml").unlink()
    run = dry_run(folder, expected=1)
    assert f"datasets.a.input: {RECORDING} does not exist; correct the path" in run.text

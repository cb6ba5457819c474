"""Recordings and configs of other kinds, as datasets of one run."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
import zarr

from fovea.simulation.simulate import simulate
from support.harness import (
    PHASE,
    PHASE_UM,
    POSITION_UM,
    dataset,
    files,
    log_lines,
    snakemake,
    warnings_in,
    write_config,
)
from support.recordings import write_ome_tiff

pytestmark = pytest.mark.xdist_group("workflow-variants")

SMALL = "data/small.ome.tiff"
SHAPES = [(96, 131), (141, 100)]
BASE = "fov,cell,frame,good,merged,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1"


def make_recordings(folder: Path, small: Path) -> None:
    """All recordings of the datasets below."""
    folder.mkdir()
    shutil.copy2(small / "small.ome.tiff", folder)
    simulate(folder / "shapes.ome.tiff", folder / "t1", fovs=2, frames=4, cells=4, shapes=SHAPES)
    simulate(folder / "one.ome.tiff", folder / "t2", 1, 1, 160, 192, 6)
    simulate(folder / "empty.ome.tiff", folder / "t3", 1, 3, 120, 130, 0)
    constant = np.full((1, 3, 1, 2, 120, 130), 1000, np.uint16)
    names = {"Channel": {"Name": ["Phase", "GFP"]}}
    write_ome_tiff(folder / "constant.ome.tiff", constant, metadata=names)
    with tifffile.TiffFile(small / "small.ome.tiff") as recording:
        pixels = recording.series[0].asarray()[:, :2]
    eight_bits = (pixels // 40).clip(0, 255).astype(np.uint8)
    write_ome_tiff(folder / "uint8.ome.tiff", eight_bits[None, :, None])


DATASETS = {
    "no_phase": dataset(SMALL, [0], pc=None),
    "no_fluorescence": dataset(SMALL, [1], fl=()),
    "no_features": {"input": SMALL, "fovs": [0], "channels": {"pc": 0, "fl": [2]}},
    "empty": dataset(["data/empty.ome.tiff", "data/constant.ome.tiff"], "all", fl=(1,)),
    "gaps": dataset(SMALL, "0, 2", params={"copy_only": True}),
    "excluded": dataset(SMALL, "all", exclude_fovs="0-1", params={"copy_only": True}),
    "shapes": dataset("data/shapes.ome.tiff", "all", fl=(1,)),
    "not_kept": dataset(SMALL, [0], fl=(1,), params={
        "cropping": {"keep": False, "padding": 2}, "extraction": {"min_frames": 6},
    }),
    "uint8": dataset("data/uint8.ome.tiff", "all", fl=(1,)),
    "one_frame": dataset("data/one.ome.tiff", [0], fl=(1,), params={
        "extraction": {"min_frames": 1},
    }),
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_recording):
    """The finished run and its folder."""
    folder = tmp_path_factory.mktemp("variants")
    make_recordings(folder / "data", small_recording)
    write_config(folder, DATASETS)
    return snakemake(folder), folder


@pytest.fixture(scope="module")
def folder(run) -> Path:
    return run[1]


def place(folder: Path, name: str, fov: int) -> Path:
    return folder / "results" / name / f"fov_{fov:03d}"


def groups(folder: Path, name: str, fov: int, store: str = "images.zarr") -> dict[str, list[str]]:
    """Channel groups of a store and their arrays."""
    root = zarr.open_group(place(folder, name, fov) / store, mode="r")
    return {group: sorted(root[group].array_keys()) for group in sorted(root.group_keys())}


def traces(folder: Path, name: str, fov: int) -> list[dict[str, str]]:
    path = place(folder, name, fov) / f"{name}_fov_{fov:03d}_traces.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def header(folder: Path, name: str, fov: int) -> str:
    path = place(folder, name, fov) / f"{name}_fov_{fov:03d}_traces.csv"
    return path.read_text("utf-8").splitlines()[0]


BOTH = ["0", "1"]
SMOOTH = ["0", "1", "tile_medians"]
TRACKED = ["0", "1", "boxes"]


def test_without_phase_contrast(folder):
    assert groups(folder, "no_phase", 0) == {
        "fl_background_ch_1": SMOOTH, "fl_background_ch_2": SMOOTH,
        "fl_ch_1": BOTH, "fl_ch_2": BOTH,
    }  # fmt: skip
    assert [p.name for p in place(folder, "no_phase", 0).iterdir()] == ["images.zarr"]


def test_without_phase_contrast_the_background_has_no_mask(folder):
    from support.reference.background import estimate_background

    root = zarr.open_group(place(folder, "no_phase", 0) / "images.zarr", mode="r")
    for t, frame in enumerate(root["fl_ch_1"]["0"][:]):
        exact, _ = estimate_background(frame, None, tile_size=64)
        assert np.abs(root["fl_background_ch_1"]["0"][t] - exact).max() <= 1 / 16 + 1e-6


def test_the_only_warnings(run):
    """One for the dataset without phase contrast, one for each recording without a cell, and
    one for each channel of blank images, which are all alike."""
    terminal, folder = run
    found, repeated = warnings_in(folder), 0
    for fov in ("000", "001"):
        (no_cell,) = found.pop(f"logs/empty/fov_{fov}/extract.log")
        assert "no cell was found" in no_cell
        for text in found.pop(f"logs/empty/fov_{fov}/copy_raw.log", []):
            repeated += 1
            assert "have the same pixels as the frame before" in text  # they are blank
    (warning,) = found.pop("logs/no_phase/processing_config.log")
    assert "no phase-contrast channel" in warning
    (clocks,) = found.pop("logs/empty/inspect_input.log")  # two files, each with its own times
    assert "clocks differ" in clocks
    assert found == {}
    assert terminal.text.count("warning: ") == 4 + repeated
    assert terminal.text.count(warning) == 1
    _, end = terminal.text.split("Fovea: look at results/report/index.html\n")
    assert "Fovea: WARNING: no cell was kept in any of the 2 fields of view of dataset empty" in end
    assert "Traceback" not in terminal.text


def test_without_fluorescence(folder):
    assert groups(folder, "no_fluorescence", 1) == {
        "pc_ch_0": BOTH, "seg_labeled_ch_0": BOTH, "seg_tracked_ch_0": TRACKED,
    }  # fmt: skip
    assert header(folder, "no_fluorescence", 1) == ",".join(
        [BASE, *(f"{f}_ch_0" for f in PHASE), *PHASE_UM]
    )
    assert len(traces(folder, "no_fluorescence", 1)) > 6
    assert sorted(groups(folder, "no_fluorescence", 1, "cells.zarr")) == [
        "metadata", "pc_ch_0", "seg_tracked_ch_0",
    ]  # fmt: skip


def test_without_features(folder):
    assert header(folder, "no_features", 0) == ",".join([BASE, *POSITION_UM])
    assert len(traces(folder, "no_features", 0)) > 6


@pytest.mark.parametrize("fov", [0, 1])
def test_a_blank_recording(folder, fov):
    """No cell, and nothing that numpy warns of: see `test_the_only_warnings`."""
    assert traces(folder, "empty", fov) == []
    assert header(folder, "empty", fov).startswith(BASE + ",area_ch_0,")
    cells = zarr.open_group(place(folder, "empty", fov) / "cells.zarr", mode="r")
    assert cells["metadata"]["cell_ids"].shape == (0,)
    assert cells["metadata"]["bboxes"].shape == (0, 3, 4)
    images = zarr.open_group(place(folder, "empty", fov) / "images.zarr", mode="r")
    for name in ("seg_labeled_ch_0", "seg_tracked_ch_0"):
        assert not images[name]["0"][:].any()
        assert not images[name]["1"][:].any()
    text = (folder / f"logs/empty/fov_{fov:03d}/segment_ch_0.log").read_text("utf-8")
    assert "frames without any: 3" in text
    if fov == 1:
        assert (images["fl_background_ch_1"]["0"][:] == 1000).all()


def test_lists_of_fields_of_view(folder):
    for name, expected in (("gaps", ["fov_000", "fov_002"]), ("excluded", ["fov_002"])):
        found = sorted(p.name for p in (folder / "results" / name).glob("fov_*"))
        assert found == expected
    with tifffile.TiffFile(folder / SMALL) as recording:
        pixels = recording.series[2].asarray()
    for name in ("gaps", "excluded"):
        root = zarr.open_group(place(folder, name, 2) / "images.zarr", mode="r")
        np.testing.assert_array_equal(root["pc_ch_0"]["0"][:], pixels[:, 0])


def test_only_copied(folder):
    assert groups(folder, "gaps", 2) == {"fl_ch_1": ["0"], "fl_ch_2": ["0"], "pc_ch_0": ["0"]}
    assert [p.name for p in place(folder, "gaps", 2).iterdir()] == ["images.zarr"]
    assert not list((folder / "results" / "report").glob("gaps*"))


def test_fields_of_view_of_different_shapes(folder):
    for fov, shape in enumerate(SHAPES):
        root = zarr.open_group(place(folder, "shapes", fov) / "images.zarr", mode="r")
        small = (4, (shape[0] + 1) // 2, (shape[1] + 1) // 2)
        for _, group in root.groups():
            assert group["0"].shape == (4, *shape)
            assert group["1"].shape == small
        assert len(traces(folder, "shapes", fov)) > 0


def test_crops_that_are_not_kept(folder):
    assert sorted(p.name for p in place(folder, "not_kept", 0).iterdir()) == [
        ".checksums", "images.zarr", "not_kept_fov_000_cells.csv", "not_kept_fov_000_drift.csv",
        "not_kept_fov_000_lineage.csv", "not_kept_fov_000_merges.csv",
        "not_kept_fov_000_traces.csv",
    ]  # fmt: skip
    assert len(traces(folder, "not_kept", 0)) > 0


def test_parameters_of_one_dataset(folder):
    """Those of its own where it has them, the general ones elsewhere, the defaults for the rest."""
    lines = log_lines(folder / "logs/not_kept/fov_000/crop.log", "INFO")
    assert "parameter padding: 2" in lines
    lines = log_lines(folder / "logs/shapes/fov_000/crop.log", "INFO")
    assert "parameter padding: 5" in lines
    text = (folder / "results/not_kept/processing_config.yaml").read_text("utf-8")
    params = yaml.safe_load(text)["params"]
    assert params["extraction"] == {"min_frames": 6, "border_margin": 3, "keep_merged": False}
    assert params["cropping"] == {"padding": 2, "keep": False, "drift": False}
    assert params["background"]["tile_size"] == 64
    assert params["tracking"]["min_iou"] == 0.1
    counted = [row["cell"] for row in traces(folder, "not_kept", 0)]
    assert counted
    assert all(counted.count(cell) == 6 for cell in counted)


def test_eight_bits_are_widened(folder):
    root = zarr.open_group(place(folder, "uint8", 0) / "images.zarr", mode="r")
    with tifffile.TiffFile(folder / "data/uint8.ome.tiff") as recording:
        pixels = recording.series[0].asarray()
    assert pixels.dtype == np.uint8
    for index, name in enumerate(["pc_ch_0", "fl_ch_1"]):
        assert root[name]["0"].dtype == np.uint16
        np.testing.assert_array_equal(root[name]["0"][:], pixels[:, index])
    assert len(traces(folder, "uint8", 0)) > 0


def test_a_single_frame(folder):
    root = zarr.open_group(place(folder, "one_frame", 0) / "images.zarr", mode="r")
    assert root["seg_tracked_ch_0"]["0"].shape == (1, 160, 192)
    rows = traces(folder, "one_frame", 0)
    assert len(rows) > 1
    assert {row["frame"] for row in rows} == {"0"}


def test_status_of_every_field_of_view(folder):
    with (folder / "results/status.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["dataset"], row["fov"]) for row in rows] == [
        ("no_phase", "000"), ("no_fluorescence", "001"), ("no_features", "000"), ("empty", "000"),
        ("empty", "001"), ("gaps", "000"), ("gaps", "002"), ("excluded", "002"),
        ("shapes", "000"), ("shapes", "001"), ("not_kept", "000"), ("uint8", "000"),
        ("one_frame", "000"),
    ]  # fmt: skip
    assert {row["state"] for row in rows} == {"done"}


def test_an_overview_of_the_first_field_of_view(folder):
    made = [name for name in files(folder / "results" / "report") if name.endswith(".png")]
    kinds = [name for name in DATASETS if not DATASETS[name].get("params", {}).get("copy_only")]
    first = {"no_fluorescence": 1}
    assert made == sorted(f"{name}_fov_{first.get(name, 0):03d}.png" for name in kinds)


def test_no_path_of_this_machine_in_any_result(folder):
    """A results folder can be moved: whatever it names is relative."""
    roots = {str(folder), str(Path.home()), str(Path(__file__).parents[2])}
    for name in files(folder / "results"):
        content = (folder / "results" / name).read_bytes()
        for root in roots:
            assert root.encode() not in content, name


def test_a_moved_results_folder(folder, tmp_path, monkeypatch):
    moved = tmp_path / "elsewhere" / "results of May"
    shutil.copytree(folder / "results", moved)
    monkeypatch.chdir(tmp_path)
    names = sorted(path.name for path in moved.iterdir() if (path / "metadata.yaml").exists())
    assert names == sorted(DATASETS)
    for store in sorted(moved.rglob("*.zarr")):
        root = zarr.open_group(store, mode="r")
        assert all(array[:].shape == array.shape for _, array in root.members(max_depth=None)
                   if isinstance(array, zarr.Array))  # fmt: skip

"""The stores as other programs see them: zarr-python, a validator of OME-NGFF, napari's reader."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import yaml
import zarr

from fovea import __version__
from support.harness import files

pytestmark = pytest.mark.xdist_group("workflow-finished")

STORES = [("main", 0), ("main", 1), ("corrected", 2), ("raw", 1)]
STEPS = {
    "pc_ch": "copy_raw", "fl_ch": "copy_raw", "seg_labeled_ch": "segment",
    "seg_tracked_ch": "track", "fl_background_ch": "background", "fl_corrected_ch": "background",
}  # fmt: skip
UNITS = {"copy_raw": "count", "segment": "label", "track": "cell ID", "background": "count"}
GROUPS = {
    "main": {"pc_ch_0", "fl_ch_1", "fl_ch_2", "seg_labeled_ch_0", "seg_tracked_ch_0",
             "fl_background_ch_1", "fl_background_ch_2"},
    "corrected": {"pc_ch_0", "fl_ch_1", "seg_labeled_ch_0", "seg_tracked_ch_0",
                  "fl_background_ch_1", "fl_corrected_ch_1"},
    "raw": {"pc_ch_0", "fl_ch_1", "fl_ch_2"},
}  # fmt: skip


@pytest.fixture(scope="module", params=STORES, ids=lambda store: f"{store[0]}-{store[1]}")
def place(request, finished):
    """Dataset, number and folder of a field of view."""
    dataset, fov = request.param
    return dataset, fov, finished / "results" / dataset / f"fov_{fov:03d}"


@pytest.fixture(scope="module")
def scale(place, finished):
    """Seconds between frames, micrometers per pixel, as the recording states them."""
    text = (finished / "results" / place[0] / "metadata.yaml").read_text("utf-8")
    metadata = yaml.safe_load(text)
    times = metadata["fields"][place[1]]["times"]["values"]
    first = [float(time) for time in times[0].split()]  # those of channel 0
    assert metadata["pixel_size_um"] == {"y": 0.65, "x": 0.65}
    interval = (first[-1] - first[0]) / (len(first) - 1)
    assert interval == pytest.approx(600, rel=1e-3)
    return [interval, 0.65, 0.65]


@pytest.fixture(scope="module")
def position(place, finished):
    """Where the stage stood, in micrometers, as the recording states it."""
    text = (finished / "results" / place[0] / "metadata.yaml").read_text("utf-8")
    at = yaml.safe_load(text)["fields"][place[1]]["stage_position_um"]
    assert (at["x"], at["y"]) == (1000.0 * place[1], 0.0)
    return [0, at["y"], at["x"]]


@pytest.fixture
def images(place):
    return zarr.open_group(place[2] / "images.zarr", mode="r")


def image_groups(place):
    """Every group of a field of view that holds an image, in both stores."""
    for name in sorted(GROUPS[place[0]]):
        yield place[2] / "images.zarr" / name
    cells = place[2] / "cells.zarr"
    yield from sorted(path.parent.parent for path in cells.glob("*/*/0/zarr.json"))


def test_the_tree_is_printed_without_a_warning(place):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for store in sorted(place[2].glob("*.zarr")):
            text = str(zarr.open_group(store, mode="r").tree())
            assert "pc_ch_0" in text
            consolidated = zarr.open(store)
            assert len(dict(consolidated.members(max_depth=None))) > 3


def test_groups(place, images):
    assert set(images.group_keys()) == GROUPS[place[0]]
    assert list(images.array_keys()) == []
    assert [*images.attrs.asdict()] == ["fovea"]
    assert [*images.attrs["fovea"]] == ["crc32c"]
    assert (place[2] / "cells.zarr").exists() == (place[0] != "raw")


def test_a_validator_of_ome_ngff_accepts_every_image(place, scale, position):
    from ome_zarr_models.v05.image import Image

    checked = 0
    for path in image_groups(place):
        attributes = Image.from_zarr(zarr.open_group(path, mode="r")).ome_attributes
        assert attributes.version == "0.5"
        (multiscale,) = attributes.multiscales
        axes = [(axis.name, axis.type, axis.unit) for axis in multiscale.axes]
        assert axes == [
            ("t", "time", "second"), ("y", "space", "micrometer"), ("x", "space", "micrometer"),
        ]  # fmt: skip
        (data,) = multiscale.datasets
        assert data.path == "0"
        first, *more = data.coordinateTransformations
        assert first.scale == pytest.approx(scale)
        if "images.zarr" in path.parts:
            assert [step.translation for step in more] == [position]
        else:  # crops move with their cells
            assert not more
        checked += 1
    assert checked >= 3


def test_naparis_reader_opens_every_channel(place, scale, images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of napari's own packages
        from napari_ome_zarr import napari_get_reader
    for name in sorted(GROUPS[place[0]]):
        path = str(place[2] / "images.zarr" / name)
        ((data, options, kind),) = napari_get_reader(path)(path)
        assert kind == ("labels" if name.startswith("seg_") else "image")
        assert np.asarray(data[0]).shape == (6, 160, 192)
        assert options["scale"] == pytest.approx(scale)
        if not name.startswith("seg_"):
            low, high = options["contrast_limits"]
            assert low < high
        if name.startswith(("pc_ch", "fl_ch")):
            channel = images[name]["0"].attrs["fovea"]["name"]
            assert channel in ("Phase", "GFP", "mCherry")
            assert options["name"] == f"{name}: {channel}"
        np.testing.assert_array_equal(np.asarray(data[0]), zarr.open_group(path)["0"][:])


def test_every_array_says_what_it_is(place, images):
    for name, group in images.groups():
        step = STEPS[name.rsplit("_", 1)[0]]
        for level, array in group.arrays():
            about = array.attrs["fovea"]
            assert about["version"] == __version__
            if level == "boxes":
                assert array.metadata.dimension_names == ("row", "column")
                assert (about["step"], about["unit"]) == ("track", "frame, cell ID, pixel")
                assert about["parameters"]
                continue
            assert array.metadata.dimension_names == ("t", "y", "x")
            if level == "1":
                assert (about["step"], about["unit"]) == ("cache", "display level 0..255")
                assert "display_limits" in about or "largest_label" in about
                continue
            assert (about["step"], about["unit"]) == (step, UNITS[step])
            assert about["parameters"], f"{name}/{level} has no parameters"


def test_parameters_in_the_attributes_are_those_of_the_run(place, finished, images):
    text = (finished / "results" / place[0] / "processing_config.yaml").read_text("utf-8")
    params = yaml.safe_load(text)["params"]
    for name, group in images.groups():
        about = group["0"].attrs["fovea"]
        section = {"segment": "segmentation", "track": "tracking", "background": "background"}
        if about["step"] in section:
            expected = params[section[about["step"]]]
            if not params["background"]["save_corrected"]:
                expected = {key: value for key, value in expected.items() if key != "weight"}
            if expected["method"] == "tile_median":  # left out, as before there was another one
                expected = {key: value for key, value in expected.items() if key != "method"}
            assert about["parameters"] == expected, name


def test_every_array_of_the_crops_says_what_it_is(place):
    if place[0] == "raw":
        return
    cells = zarr.open_group(place[2] / "cells.zarr", mode="r")
    arrays = {k: a for k, a in cells.members(max_depth=None) if isinstance(a, zarr.Array)}
    assert len(arrays) > 40
    for name, array in arrays.items():
        about = array.attrs["fovea"]
        assert (about["step"], about["version"]) == ("crop", __version__), name
        assert about["parameters"] == {"padding": 5}
        assert about["unit"], name


def test_factor_of_the_crops(place):
    if place[0] == "raw":
        return
    cells = zarr.open_group(place[2] / "cells.zarr", mode="r")
    for name in ("pc_ch_0", "fl_ch_1", "fl_background_ch_1"):
        about = cells[name]["1"]["0"].attrs["fovea"]
        assert (about["factor"], about["unit"]) == (65536, "count / 65536")
    assert cells["seg_tracked_ch_0"]["1"]["0"].attrs["fovea"]["factor"] == 1


def test_number_of_files(place):
    """One for each group, two for each array, whatever the number of frames."""
    groups = GROUPS[place[0]]
    levels = 1 if place[0] == "raw" else 2
    tables = sum("background" in name or "tracked" in name for name in groups)
    found = files(place[2] / "images.zarr")
    assert len(found) == 1 + len(groups) * (1 + 2 * levels) + 2 * tables
    if place[0] == "raw":
        return
    cells = zarr.open_group(place[2] / "cells.zarr", mode="r")["metadata"]["cell_ids"].shape[0]
    channels = len([name for name in groups if "labeled" not in name and "corrected" not in name])
    found = files(place[2] / "cells.zarr")
    assert len(found) == 1 + (1 + 4 * 2) + channels * (1 + cells * (1 + 2 * 2))


def test_nothing_is_left_over(finished):
    """No temporary file, and no time stamp of Snakemake's but in the folder of pages to send."""
    found = [name.replace("/.checksums/", "/") for name in files(finished / "results")]
    left = [name for name in found if "/." in name or name.startswith(".")]
    assert left == ["report/to_send/.snakemake_timestamp"]

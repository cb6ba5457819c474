"""Traces of channels that lack frames, of saturated cells, and in micrometers."""

from __future__ import annotations

import csv
import math

import numpy as np
import pandas as pd
import pytest
import zarr

import fovea
from fovea.background.background import background
from fovea.cells.crop import crop
from fovea.cells.extract import extract
from fovea.jobs.log_state import saturated_cells
from fovea.plugins.loader import keep_only, load_plugins
from support.channels import write_channel, write_tracked

FRAMES, FULL = 20, 4095
LACKING = {"fl_ch_1": {1, 2, 4, 5, 7, 8, *range(10, 20)}, "fl_ch_2": set(range(FRAMES)) - {19}}
FEATURES = {
    "pc_ch_0": ["area", "perimeter", "centroid_x", "centroid_y", "solidity"],
    "fl_ch_1": ["intensity_total", "saturated_pixels", "intensity_median"],
    "fl_ch_2": ["intensity_mean"],
}
PARAMETERS = {"dilation_radius": 2, "tile_size": 32, "tile_overlap": 0.5, "rounding_error": 0.0625,
              "save_corrected": False}  # fmt: skip


@pytest.fixture(scope="module")
def images():
    """Two cells, of which the second is brighter than the camera can tell in frames 3 and 6."""
    rng = np.random.default_rng(4)
    raw = {name: rng.integers(90, 140, (FRAMES, 72, 80)).astype(np.uint16)
           for name in ("pc_ch_0", *LACKING)}  # fmt: skip
    ids = np.zeros((FRAMES, 72, 80), np.uint16)
    for t in range(FRAMES):
        ids[t, 8 + t : 24 + t, 10:26] = 1
        ids[t, 30:44, 50 : 70 - t % 3] = 2
    for name in LACKING:
        cells = ids == 2
        raw[name][cells] += rng.integers(900, 1100, cells.sum()).astype(np.uint16)
    raw["fl_ch_1"][3, 30:34, 50:55] = raw["fl_ch_1"][6, 35, 60:62] = FULL
    return raw, ids


def traces_of(folder, images, lacking, features=FEATURES, pixel_um=None, log=None):
    """Rows of the traces, and the path of the store of crops."""
    raw, ids = images
    levels = {"fl_ch_1": {"saturated_from": FULL}}
    groups = {
        name: write_channel(folder / name, frames, lacking.get(name, ()), **levels.get(name, {}))
        for name, frames in raw.items()
    }
    tracked = write_tracked(folder / "seg_tracked_ch_0", ids, pixel_um=pixel_um)
    light = [groups[name] for name in LACKING]
    below = [folder / name.replace("fl_", "fl_background_") for name in LACKING]
    background(light, below, tracked, PARAMETERS)
    crop(tracked, list(groups.values()), below, folder / "cells.zarr", 3)
    options = {"log": log} if log else {}
    extract(folder / "cells.zarr", folder / "traces.csv", folder / "cells.csv", 7, features,
            min_frames=2, border_margin=1, **options)  # fmt: skip
    with (folder / "traces.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rows(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    return {name: traces_of(folder / name, images, lacking)
            for name, lacking in (("all", {}), ("some", LACKING))} | {"folder": folder}  # fmt: skip


def test_features_are_measured_where_the_channel_was_recorded(rows):
    """The same numbers, digit for digit, and empty fields in all other frames."""
    assert len(rows["all"]) == len(rows["some"]) == 2 * FRAMES
    for full, row in zip(rows["all"], rows["some"], strict=True):
        expected = dict(full)
        for channel, missing in LACKING.items():
            if int(row["frame"]) in missing:
                expected |= {f"{name}_{channel[3:]}": "" for name in FEATURES[channel]}
        assert row == expected
        assert all(expected[f"{name}_ch_0"] for name in FEATURES["pc_ch_0"])


def test_crops_lack_the_same_frames(rows):
    store = zarr.open_group(rows["folder"] / "some/cells.zarr", mode="r")
    twin = zarr.open_group(rows["folder"] / "all/cells.zarr", mode="r")
    for channel in ("fl_ch_1", "fl_background_ch_1"):
        for level in "01":
            array = store[channel]["2"][level]
            missing = array.attrs["fovea"]["missing_frames"]
            assert missing == sorted(LACKING["fl_ch_1"])
            assert not array[:][missing].any()
            if level == "0":
                here = sorted(set(range(FRAMES)) - set(missing))
                expected = twin[channel]["2"][level][:][here]
                np.testing.assert_array_equal(array[:][here], expected)
    assert "missing_frames" not in store["pc_ch_0"]["2"]["0"].attrs["fovea"]


def test_features_of_plugins_are_not_called_for_missing_frames(images, tmp_path):
    path = tmp_path / "plug.py"
    path.write_text(
        "from fovea.plugins import feature\n"
        "@feature('brightest', channel='fluorescence')\n"
        "def brightest(image, mask, context):\n"
        "    assert context.frame in (0, 3, 6, 9), context\n"
        "    return image[mask].max()\n"
    )
    load_plugins([str(path)])
    try:
        features = {"pc_ch_0": [], "fl_ch_1": ["brightest", "intensity_max"], "fl_ch_2": []}
        found = traces_of(tmp_path, images, LACKING, features)
    finally:
        keep_only([])
    assert {int(r["frame"]) for r in found if r["brightest_ch_1"]} == {0, 3, 6, 9}
    assert all(r["brightest_ch_1"] == r["intensity_max_ch_1"] for r in found)


def test_arrays_are_measured_likewise(images, rows):
    raw, ids = images
    options = {key: PARAMETERS[key] for key in ("dilation_radius", "tile_size")}
    below = {name: fovea.estimate_background(raw[name], ids, missing=sorted(lacking), **options)
             for name, lacking in LACKING.items()}  # fmt: skip
    table = fovea.measure(ids, FEATURES, raw, below, missing=LACKING, pixel_um=(0.5, 0.5))
    for name in ("saturated_pixels_ch_1", "intensity_median_ch_1", "intensity_mean_ch_2"):
        expected = [float(row[name]) if row[name] else np.nan for row in rows["some"]]
        np.testing.assert_allclose(table[name], expected, rtol=1e-6, atol=1e-3)
    np.testing.assert_array_equal(table["area_um2_ch_0"], table["area_ch_0"] / 4)
    np.testing.assert_array_equal(table["position_y_um"], table["position_y"] / 2)


# ------------------------------------------------------------------------------------ saturation


def test_saturated_pixels_within_cells_are_counted(rows):
    found = {(row["cell"], int(row["frame"])): row["saturated_pixels_ch_1"] for row in rows["all"]}
    assert found["2", 3] == "20"
    assert found["2", 6] == "2"
    assert {n for place, n in found.items() if place not in (("2", 3), ("2", 6))} == {"0"}


@pytest.mark.parametrize("asked", [True, False])
def test_saturated_cells_are_warned_of_in_any_case(asked, images, tmp_path, caplog):
    features = FEATURES if asked else FEATURES | {"fl_ch_1": ["intensity_total"]}
    with caplog.at_level("WARNING", "fovea"):
        traces_of(tmp_path, images, {}, features)
    (text,) = [m for m in caplog.messages if "saturates" in m]
    assert text.startswith("fl_ch_1: the camera saturates in 1 of 2 cells (2 rows of the traces)")
    log = tmp_path / "extract.log"
    log.write_text(f"2026-01-01 00:00:00,000 WARNING {text}\n2026-01-01 00:00:00,000 INFO done\n")
    assert saturated_cells(log) == [("fl_ch_1", 1, 2)]
    assert saturated_cells(tmp_path / "none.log") == []


def test_pixels_beside_the_cells_do_not_count(images, tmp_path, caplog):
    raw, ids = images
    outside = raw | {"fl_ch_1": np.where(ids > 0, np.minimum(raw["fl_ch_1"], 2000), FULL)}
    with caplog.at_level("WARNING", "fovea"):
        found = traces_of(tmp_path, (outside, ids), {})
    assert {row["saturated_pixels_ch_1"] for row in found} == {"0"}
    assert not any("saturates" in message for message in caplog.messages)


# ----------------------------------------------------------------------------------- micrometers

LENGTHS = ["perimeter_um_ch_0", "centroid_x_um_ch_0", "centroid_y_um_ch_0"]
PHYSICAL = ["position_x_um", "position_y_um", "area_um2_ch_0", *LENGTHS]


@pytest.mark.parametrize("size", [(0.65, 0.65), (0.2, 0.3)])
def test_measures_in_micrometers_stand_behind_all_others(size, images, rows, tmp_path):
    found = traces_of(tmp_path, images, {}, pixel_um=size)
    before = list(rows["all"][0])
    assert list(found[0]) == before + PHYSICAL
    assert [{name: row[name] for name in before} for row in found] == rows["all"]
    table = pd.DataFrame(found).drop(columns=["good", "merged"]).replace("", "nan").astype(float)
    height, width = size
    np.testing.assert_allclose(table["position_x_um"], table["position_x"] * width)
    np.testing.assert_allclose(table["position_y_um"], table["position_y"] * height)
    np.testing.assert_allclose(table["centroid_y_um_ch_0"], table["centroid_y_ch_0"] * height)
    np.testing.assert_allclose(table["area_um2_ch_0"], table["area_ch_0"] * height * width)
    if height == width:
        np.testing.assert_allclose(table["perimeter_um_ch_0"], table["perimeter_ch_0"] * width)
    else:  # its steps in x and in y are not known any more
        assert {row["perimeter_um_ch_0"] for row in found} == {""}


def test_without_the_size_of_a_pixel_there_are_none(rows):
    assert not any("_um" in name for name in rows["all"][0])
    assert math.isfinite(float(rows["all"][0]["area_ch_0"]))

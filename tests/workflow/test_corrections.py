"""Corrections before measurement, through the workflow: drift, flat field, photobleaching."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
import tifffile
import yaml
import zarr

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.runs.status import collect
from fovea.simulation.simulate import simulate
from support.harness import dataset, dry_run_with, snakemake, write_config
from support.recordings import write_ome_tiff
from support.reference import cache, crop

pytestmark = pytest.mark.xdist_group("workflow-corrections")

SOURCE = "data/moved.ome.tiff"
DRIFT = np.array([[0, 0], [0, 0], [27, -25], [27, -25], [27, -25], [-14, 20]])
TRACKING = {"tracking": {"drift": True, "max_gap": 1}}
CORRECTED = {
    "cropping": {"drift": True, "padding": 2},
    "display": {"drift": True},
    "flat_field": {"method": "recording"},
    "photobleaching": True,
}
FOV = "results/{0}/fov_000/{0}_fov_000_{1}.csv"


def gain(shape):
    """A gain of mean 1."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    surface = 1 - 0.15 * ((y[:, None]) ** 2 + (x - 0.2) ** 2)
    return surface / surface.mean()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run: a recording with jumps of the stage, with corrections and without."""
    place = tmp_path_factory.mktemp("corrections")
    simulate(place / "still.ome.tiff", place / "truth", 1, 6, 260, 280, 14)
    with tifffile.TiffFile(place / "still.ome.tiff") as file:
        still = file.series[0].asarray()[:, :2]
    height, width = 180, 200
    frames = [
        frame[:, 40 - dy : 40 - dy + height, 40 - dx : 40 - dx + width]
        for frame, (dy, dx) in zip(still, DRIFT.tolist(), strict=True)
    ]
    stack = np.stack(frames).astype(float)
    stack[:, 1] *= gain((height, width))
    (place / "data").mkdir()
    stack = np.rint(stack).clip(0, 65535).astype(np.uint16)
    names = {"Channel": {"Name": ["Phase", "GFP"]}}
    write_ome_tiff(place / SOURCE, stack[None, :, None], metadata=names)
    tifffile.imwrite(place / "data" / "flat.tif", np.rint(5000 * gain((height, width))
                                                         ).astype(np.uint16))  # fmt: skip
    image = CORRECTED | {"flat_field": {"method": "image", "images": {1: "data/flat.tif"}}}
    given = {"plain": {}, "corrected": CORRECTED, "image": image}
    write_config(
        place,
        {name: dataset(SOURCE, [0], fl=(1,), params=TRACKING | more)
         for name, more in given.items()},
    )  # fmt: skip
    snakemake(place)
    return place


def rows(folder, name, table):
    with (folder / FOV.format(name, table)).open() as file:
        return list(csv.DictReader(file))


def images(folder, name):
    return zarr.open_group(folder / "results" / name / "fov_000" / "images.zarr", mode="r")


def test_the_drift_is_found(folder):
    found = [[int(row["shift_y"]), int(row["shift_x"])]
             for row in rows(folder, "corrected", "drift")]  # fmt: skip
    assert np.abs(np.array(found) - DRIFT).max() <= 2  # cells move, too


def test_windows_move_with_the_stage(folder):
    drift = np.array([[int(row["shift_y"]), int(row["shift_x"])]
                      for row in rows(folder, "corrected", "drift")])  # fmt: skip
    cells = zarr.open_group(folder / "results/corrected/fov_000/cells.zarr", mode="r")
    valid = cells["metadata/valid_frames"][:]
    windows = cells["metadata/windows"][:]
    expected = crop.still_windows(cells["metadata/bboxes"][:], valid, 2, drift)
    np.testing.assert_array_equal(windows[valid], expected[valid])
    raw = images(folder, "corrected")["fl_ch_1/0"]
    for i, t in zip(*(n.tolist() for n in np.nonzero(valid)), strict=True):
        stored = cells[f"fl_ch_1/{i + 1}/0"][t]
        np.testing.assert_array_equal(
            np.rint(stored.astype(float) * 65536), crop.cut(raw[t], windows[i, t])
        )


def test_display_without_drift(folder):
    group = images(folder, "corrected")
    drift = [(int(row["shift_y"]), int(row["shift_x"]))
             for row in rows(folder, "corrected", "drift")]  # fmt: skip
    for name in ("pc_ch_0", "fl_background_ch_1"):
        stack = group[name]["0"][:]
        low, high = cache.percentile_limits(stack)
        for t, shift in enumerate(drift):
            expected = cache.downsample_intensity(cache.compensate(stack[t], shift), low, high)
            np.testing.assert_array_equal(group[name]["1"][t], expected)
    labels = group["seg_tracked_ch_0"]["0"][:]
    for t, shift in enumerate(drift):
        moved = cache.compensate(labels[t], shift)
        expected = cache.downsample_labels(moved, labels.max())
        np.testing.assert_array_equal(group["seg_tracked_ch_0"]["1"][t], expected)


def test_shapes_are_measured_as_without(folder):
    plain, corrected = rows(folder, "plain", "traces"), rows(folder, "corrected", "traces")
    assert len(plain) > 10
    same = [key for key in plain[0] if not key.startswith(("intensity", "centroid"))]
    assert [[r[k] for k in same] for r in plain] == [[r[k] for k in same] for r in corrected]
    for key in ("centroid_x_ch_0", "centroid_y_ch_0"):  # sums from the window's corner
        values = [[float(row[key]) for row in table] for table in (plain, corrected)]
        np.testing.assert_allclose(*values, rtol=1e-13)


def test_raw_channels_stay_raw(folder):
    for name in ("pc_ch_0", "fl_ch_1"):
        expected = images(folder, "plain")[f"{name}/0"][:]
        np.testing.assert_array_equal(images(folder, "corrected")[f"{name}/0"][:], expected)


@pytest.mark.parametrize(("name", "tolerance"), [("image", 0.002), ("corrected", 0.05)])
def test_the_flat_field(folder, name, tolerance):
    found = tifffile.imread(folder / "results" / name / "flat_field_ch_1.tif")
    expected = gain(found.shape)
    assert expected.max() / expected.min() > 1.3
    assert np.abs(found / expected - 1).mean() < tolerance


def test_traces_are_flat(folder):
    """Counts over gain less background, over the mask, as told plainly."""
    group = images(folder, "image")
    raw, below = group["fl_ch_1/0"][:], group["fl_background_ch_1/0"][:]
    labels = group["seg_tracked_ch_0/0"][:]
    flat = tifffile.imread(folder / "results/image/flat_field_ch_1.tif").astype(float)
    traces = rows(folder, "image", "traces")
    assert len(traces) > 10
    for row in traces:
        t, inside = int(row["frame"]), labels[int(row["frame"])] == int(row["cell"])
        values = raw[t][inside] / flat[inside] - below[t][inside]
        assert float(row["intensity_total_ch_1"]) == pytest.approx(values.sum(), rel=1e-9)
        assert float(row["intensity_median_ch_1"]) == pytest.approx(np.median(values), rel=1e-9)


def test_the_report_of_photobleaching(folder):
    group = images(folder, "image")
    raw, below = group["fl_ch_1/0"][:], group["fl_background_ch_1/0"][:]
    labels = group["seg_tracked_ch_0/0"][:]
    flat = tifffile.imread(folder / "results/image/flat_field_ch_1.tif")
    trend = rows(folder, "image", "photobleaching")
    assert [int(row["frame"]) for row in trend] == list(range(6))
    for t, row in enumerate(trend):
        inside = labels[t] > 0
        values = (raw[t] / flat - below[t])[inside]
        assert int(row["cells"]) == len(np.unique(labels[t][inside]))
        assert float(row["intensity_total"]) == pytest.approx(values.sum(), rel=1e-5)
        assert float(row["intensity_mean"]) == pytest.approx(values.mean(), rel=1e-5)
        assert float(row["background"]) == pytest.approx(below[t].mean(dtype=float), rel=1e-9)
    fits = rows(folder, "image", "photobleaching_fits")
    assert [row["quantity"] for row in fits] == ["intensity_total", "intensity_mean", "background"]
    log = (folder / "logs/image/fov_000/photobleaching.log").read_text()
    assert "fl_ch_1, intensity_mean: " in log
    assert "per frame" in log
    assert not (folder / FOV.format("plain", "photobleaching")).exists()


def test_what_a_change_reruns(folder, tmp_path_factory):
    """Beside what test_reruns.py has, which changes one parameter at a time of a plain run."""
    place = shutil.copytree(folder, tmp_path_factory.mktemp("changed") / "run",
                            copy_function=shutil.copy2)  # fmt: skip
    given = yaml.safe_load((place / "config" / "config.yaml").read_text())

    def changed(section, name="corrected", **keys):
        new = yaml.safe_load(yaml.safe_dump(given))
        params = new["datasets"][name]["params"]
        params[section] = keys["to"] if "to" in keys else params.get(section, {}) | keys
        return new

    runs = dry_run_with(place, {
        "nothing": given,
        "windows": changed("cropping", drift=False),
        "display": changed("display", drift=False),
        "dark": changed("flat_field", dark=20.0),
        "none": changed("flat_field", method="none"),
        "report": changed("photobleaching", to=False),
        "weight": changed("background", weight=0.5),
    })  # fmt: skip
    after = {"background", "photobleaching", "crop", "extract", "cache", "field_page"}
    expected = {
        "nothing": set(), "windows": {"crop", "extract", "field_page"}, "display": {"cache"},
        "dark": after | {"flat_field"}, "none": after, "report": set(),
        "weight": {"extract", "photobleaching", "field_page"},
    }  # fmt: skip
    found = {
        name: {step for step, of, _ in run.steps if of == "corrected"}
        - {"processing_config", "overview"}
        for name, run in runs.items()
    }
    assert found == expected
    (place / "data" / "flat.tif").write_bytes((place / "data" / "flat.tif").read_bytes() + b"\0")
    run = dry_run_with(place, {"image": given})["image"]
    assert {step for step, of, _ in run.steps if of == "image"} >= {"flat_field"}
    assert not {of for _, of, _ in run.steps} & {"plain", "corrected"}


def test_a_flat_field_that_fails_is_named(folder, tmp_path):
    (tmp_path / "data").mkdir()
    shutil.copy2(folder / SOURCE, tmp_path / "data")
    params = TRACKING | {"flat_field": {"method": "recording", "dark": 60000}}
    given = write_config(tmp_path, {"a": dataset(SOURCE, [0], fl=(1,), params=params)})
    run = snakemake(tmp_path, expected=1)
    text = "the background of 6 of 6 frames does not exceed the camera's dark counts"
    assert text in run.text
    row = next(row for row in collect(Plan(validated(given)), tmp_path) if not row.fov)
    assert (row.state, row.step) == ("failed", "flat_field_ch_1")
    assert text in row.error
    assert row.log == "logs/a/flat_field_ch_1.log"
    assert row.target == "results/a/flat_field_ch_1.tif"

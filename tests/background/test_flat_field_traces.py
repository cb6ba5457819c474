"""Counts that are divided by the gain: backgrounds, crops, traces and the report of bleaching."""

import csv

import numpy as np
import pytest

from fovea.background.background import background
from fovea.background.gains import write_gain
from fovea.background.photobleaching import photobleaching
from fovea.cells.crop import crop
from fovea.cells.extract import extract
from fovea.display.cache import cache
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter
from support.channels import read_stored, write_channel, write_tracked
from support.illumination import vignette
from support.reference import background as plain

SHAPE = (240, 320)
DARK = 100
LABELS = [(30, 40), (60, 100), (120, 160), (170, 230), (200, 280)]


@pytest.fixture(scope="module")
def crossing(tmp_path_factory):
    """A folder with a cell that crosses the field, its gain, and results with and without it."""
    place = tmp_path_factory.mktemp("crossing")
    gain = vignette(SHAPE).astype(np.float32)
    labels = np.zeros((len(LABELS), *SHAPE), np.uint16)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for t, (cy, cx) in enumerate(LABELS):
        labels[t][(y - cy) ** 2 + (x - cx) ** 2 <= 10**2] = 1
    raw = np.rint(DARK + gain * (400 + 900.0 * labels)).astype(np.uint16)
    write_channel(place / "fl_ch_1", raw)
    write_tracked(place / "seg_tracked_ch_0", labels)
    write_gain(place / "flat_field_ch_1.tif", gain)
    return place, raw, labels, gain


PARAMETERS = {"dilation_radius": 5, "tile_size": 40, "tile_overlap": 0.5, "rounding_error": 0.0625,
              "save_corrected": True, "weight": 1.0}  # fmt: skip
FEATURES = ["intensity_total", "intensity_mean", "intensity_max"]


def measured(place, folder, flat: bool):
    """Rows of the traces."""
    raw, tracked = place / "fl_ch_1", place / "seg_tracked_ch_0"
    gains = [place / "flat_field_ch_1.tif"] * flat
    smooth = folder / "fl_background_ch_1"
    background([raw], [smooth, folder / "fl_corrected_ch_1"], tracked, PARAMETERS,
               flat_fields=gains)  # fmt: skip
    crop(tracked, [raw], [smooth], folder / "cells.zarr", 3)
    channels = {"fl_ch_1": gains[0]} if flat else {}
    extract(folder / "cells.zarr", folder / "traces.csv", folder / "cells.csv", 0,
            {"fl_ch_1": FEATURES}, min_frames=1, border_margin=0, flat_fields=channels)  # fmt: skip
    with (folder / "traces.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_cell_keeps_its_intensity(crossing, tmp_path):
    place = crossing[0]
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    for flat in (False, True):
        rows = measured(place, tmp_path / ("with" if flat else "without"), flat)
        values = np.array([float(row["intensity_mean_ch_1"]) for row in rows])
        spread = np.ptp(values) / values.mean()
        if flat:
            assert spread < 0.01
            np.testing.assert_allclose(values, 900, rtol=0.01)
        else:
            assert spread > 0.2


def test_against_the_plain_version(crossing, tmp_path):
    place, raw, labels, gain = crossing
    rows = measured(place, tmp_path, True)
    with ArrayReader(tmp_path / "fl_background_ch_1" / "0") as array:
        found = list(array)
        assert array.attributes["fovea"]["flat_field"] == "flat_field_ch_1.tif"
    with ArrayReader(tmp_path / "fl_corrected_ch_1" / "0") as array:
        corrected = list(array)
    for t, row in enumerate(rows):
        flat = raw[t].astype(np.float32) / gain
        counts = np.clip(np.rint(flat), 0, 65535).astype(np.uint16)
        exact, _ = plain.estimate_background(counts, labels[t] > 0, 5, 40, 0.5)
        assert np.abs(found[t] - exact).max() <= 0.0625 + 1e-3
        np.testing.assert_array_equal(corrected[t], flat - found[t])
        inside = labels[t] > 0
        values = raw[t][inside] / gain[inside].astype(np.float64) - found[t][inside]
        assert float(row["intensity_total_ch_1"]) == pytest.approx(values.sum(), rel=1e-12)
        assert float(row["intensity_max_ch_1"]) == pytest.approx(values.max(), rel=1e-12)


@pytest.mark.parametrize("flat", [False, True])
def test_crops_divided_by_65535_give_the_same_traces(crossing, tmp_path, flat):
    """As Fovea 0.1.0 wrote them."""
    rows = measured(crossing[0], tmp_path, flat)
    for group in ("fl_ch_1", "fl_background_ch_1"):
        path = tmp_path / "cells.zarr" / group / "1" / "0"
        stored = read_stored(path)
        old = (stored.frames.astype(np.float64) * 65536 / 65535).astype(np.float32)
        about = {"fovea": stored.about | {"factor": 65535}}
        with ArrayWriter(path, old.shape, np.float32, about) as out:
            for frame in old:
                out.append(frame)
    again = tmp_path / "again.csv"
    gains = {"fl_ch_1": crossing[0] / "flat_field_ch_1.tif"} if flat else {}
    extract(tmp_path / "cells.zarr", again, tmp_path / "again_cells.csv", 0, {"fl_ch_1": FEATURES},
            min_frames=1, border_margin=0, flat_fields=gains)  # fmt: skip
    with again.open() as file:
        assert list(csv.DictReader(file)) == rows


def test_raw_crops_stay_raw_and_an_even_gain_changes_nothing(crossing, tmp_path):
    place, raw, _, _ = crossing
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    even = tmp_path / "even"
    even.mkdir()
    for name in ("fl_ch_1", "seg_tracked_ch_0"):
        (even / name).symlink_to(place / name)
    write_gain(even / "flat_field_ch_1.tif", np.ones(SHAPE, np.float32))
    rows = [measured(even, tmp_path / name, name == "with") for name in ("with", "without")]
    assert rows[0] == rows[1]
    measured(place, tmp_path / "with", True)
    for t, (cy, cx) in enumerate(LABELS):
        with ArrayReader(tmp_path / "with" / "cells.zarr" / "fl_ch_1" / "1" / "0") as array:
            counts = np.rint(array[t].astype(float) * 65536)
        expected = raw[t][cy - 13 : cy + 14, cx - 13 : cx + 14]
        np.testing.assert_array_equal(counts, expected)


def test_level_1_of_a_corrected_background(crossing, tmp_path):
    """It is evaluated from the tile medians, as without a flat field."""
    place = crossing[0]
    measured(place, tmp_path, True)
    cache([tmp_path / "fl_background_ch_1"])
    with ArrayReader(tmp_path / "fl_background_ch_1" / "1") as small:
        assert small.shape == (len(LABELS), 120, 160)


def test_the_report_of_photobleaching_is_corrected_too(crossing, tmp_path):
    place, _, labels, _ = crossing
    measured(place, tmp_path, True)
    paths = tmp_path / "trend.csv", tmp_path / "fits.csv"
    photobleaching(place / "seg_tracked_ch_0", [place / "fl_ch_1"],
                   [tmp_path / "fl_background_ch_1"], *paths, 3, 1.0, float(DARK),
                   [place / "flat_field_ch_1.tif"])  # fmt: skip
    with paths[0].open() as file:
        trend = list(csv.DictReader(file))
    for t, row in enumerate(trend):
        assert (row["fov"], row["channel"], row["frame"], row["cells"]) == ("3", "1", str(t), "1")
        assert int(row["pixels"]) == (labels[t] > 0).sum()
        assert float(row["intensity_mean"]) == pytest.approx(900, rel=0.01)
        total = float(row["intensity_mean"]) * int(row["pixels"])
        assert float(row["intensity_total"]) == pytest.approx(total)
    with paths[1].open() as file:
        fits = {row["quantity"]: row for row in csv.DictReader(file)}
    assert abs(float(fits["intensity_mean"]["rate"])) < 0.003

"""Flat field: known gains are recovered, and intensities do not depend on where a cell is."""

import csv
import re

import numpy as np
import pytest
import tifffile

from fovea.background.background import background
from fovea.background.flat_field import (
    FRAMES,
    checked,
    estimate_gain,
    flat_field,
    middle_mean,
    sampled,
)
from fovea.background.gains import gain_in, read_gain, write_gain
from fovea.background.photobleaching import photobleaching
from fovea.cells.crop import crop
from fovea.cells.extract import extract
from fovea.display.cache import cache
from fovea.errors import FoveaError
from fovea.simulation.simulate import simulate
from fovea.store.reader import ArrayReader
from support.channels import write_channel, write_tracked
from support.reference import background as plain

SHAPE = (240, 320)
DARK = 100


def vignette(shape, strength=0.5, centre=(0.1, -0.2)):
    """A gain of mean 1 that falls off quadratically from a place beside the middle."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    gain = 1 - strength * ((y[:, None] - centre[0]) ** 2 + (x - centre[1]) ** 2) / 2
    return gain / gain.mean()


def beam(shape):
    """A Gaussian beam of mean 1."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    gain = np.exp(-0.4 * (y[:, None] - 0.2) ** 2 - 0.6 * (x + 0.1) ** 2)
    return gain / gain.mean()


def recording(gain, rng, frames=30, cells=12, level=400.0, dark=DARK):
    """Frames (H, W) uint16: light times gain, with cells, and noise of photons."""
    y, x = np.mgrid[: gain.shape[0], : gain.shape[1]]
    places = rng.uniform(0, 1, (cells, 2)) * gain.shape
    for t in range(frames):
        light = np.full(gain.shape, level * 0.99**t)
        places += rng.normal(0, 4, places.shape)
        for cy, cx in places:
            light += 900 * ((y - cy) ** 2 + (x - cx) ** 2 <= 14**2)
        yield rng.poisson(dark + gain * light).clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize("make", [vignette, beam])
def test_a_known_gain_is_recovered(make):
    gain = make(SHAPE)
    assert gain.max() / gain.min() > 1.5
    found, used = estimate_gain(recording(gain, np.random.default_rng(1)), DARK)
    assert used == 30
    assert found.dtype == np.float32
    assert found.mean(dtype=float) == pytest.approx(1, abs=1e-6)
    error = np.abs(found / gain - 1)
    assert error.max() < 0.025  # in a corner, where the gain is 0.4
    assert np.percentile(error, 98) < 0.015
    assert error.mean() < 0.005


def test_an_even_field_stays_even():
    found, _ = estimate_gain(recording(np.ones(SHAPE), np.random.default_rng(2)), DARK)
    assert np.abs(found - 1).max() < 0.01


def test_cells_that_stay_where_they_are():
    """One field of view, and cells that never move: tiles that hold them do not count."""
    gain, rng = vignette(SHAPE), np.random.default_rng(3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, 400.0)
    for cy, cx in rng.uniform(0, 1, (10, 2)) * SHAPE:
        light += 900 * ((y - cy) ** 2 + (x - cx) ** 2 <= 14**2)
    frames = (rng.poisson(DARK + gain * light).astype(np.uint16) for _ in range(8))
    found, _ = estimate_gain(frames, DARK)
    assert np.abs(found / gain - 1).max() < 0.02


def test_dark_counts_matter():
    gain = vignette(SHAPE)
    without, _ = estimate_gain(recording(gain, np.random.default_rng(4), level=100.0), 0)
    assert np.abs(without / gain - 1).max() > 0.1  # too even: half of the counts are no light
    dark, _ = estimate_gain(recording(gain, np.random.default_rng(4), level=100.0), DARK)
    assert np.percentile(np.abs(dark / gain - 1), 98) < 0.02


@pytest.mark.parametrize("shape", [(8, 9), (16, 700), (33, 40), (100, 100)])
def test_frames_of_any_size(shape):
    found, _ = estimate_gain([np.full(shape, 500, np.uint16)] * 2)
    assert found.shape == shape
    np.testing.assert_allclose(found, 1, atol=1e-5)


def test_the_middle_half():
    values = np.array([[9.0, 1], [2, 2], [3, 3], [4, 4], [-50, 5]])
    np.testing.assert_allclose(middle_mean(values), [3, 3])
    np.testing.assert_allclose(middle_mean(values[:1]), [9, 1])


def test_a_background_below_the_dark_counts():
    frames = [np.full(SHAPE, 90, np.uint16)] * 3
    with pytest.raises(FoveaError, match=r"background of 3 of 3 frames .*flat_field\.dark \(100"):
        estimate_gain(frames, DARK)
    some = [np.full(SHAPE, 500, np.uint16)] * 2 + frames[:1]
    assert estimate_gain(some, DARK)[1] == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.04 of the mean"), (0.0, "0 of the mean"), (-1.0, "-1 of the mean"),
     (np.nan, "no number above 0"), (np.inf, "no number above 0")],
)  # fmt: skip
def test_a_gain_that_cannot_be_divided_by(value, text):
    gain = np.ones((200, 300))
    gain[17, 250] = value
    with pytest.raises(FoveaError, match=re.escape(text)):
        checked(gain, "flat.tif")
    gain[17, 250] = 0.06
    assert checked(gain, "flat.tif").min() > 0


def test_windows_of_a_gain():
    gain = np.arange(12, dtype=np.float32).reshape(3, 4) + 2
    windows = np.array([[-1, -1, 2, 2], [1, 2, 4, 5], [50, 60, 53, 63]], np.int32)
    found = gain_in(gain, windows)
    assert found.tolist() == [
        [[1, 1, 1], [1, 2, 3], [1, 6, 7]],
        [[8, 9, 1], [12, 13, 1], [1, 1, 1]],
        [[1, 1, 1]] * 3,
    ]


# ------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """A simulated recording of 5 fields of view and 30 frames."""
    folder = tmp_path_factory.mktemp("flat")
    simulate(folder / "a.ome.tiff", folder / "truth", 5, 30, 96, 128, 3)
    return str(folder / "a.ome.tiff")


def test_frames_are_spread_over_the_recording(movie):
    log = _Log()
    frames = list(sampled(movie, 1, 0, None, log))
    assert len(frames) == FRAMES
    assert all(frame.shape == (96, 128) and frame.dtype == np.uint16 for frame in frames)
    with tifffile.TiffFile(movie) as file:
        stacks = [series.asarray()[:, 1] for series in file.series]
    found = {
        next((f, t) for f, s in enumerate(stacks) for t in range(30) if np.array_equal(s[t], frame))
        for frame in frames
    }
    assert len(found) == FRAMES
    assert {f for f, _ in found} == set(range(5))
    assert log.lines == []


class _Log:
    def __init__(self):
        self.lines = []

    def warning(self, text, *values):
        self.lines.append(text % values)

    def info(self, *_):
        pass


def test_a_field_of_view_that_cannot_be_read_is_left_out(movie, monkeypatch):
    from fovea.recordings.readers.base import Recording

    whole = Recording.frames

    def frames(self, fov, *args, **options):
        if fov == 2:
            raise FoveaError("damaged")
        return whole(self, fov, *args, **options)

    monkeypatch.setattr(Recording, "frames", frames)
    log = _Log()
    assert 60 < len(list(sampled(movie, 1, 0, None, log))) < FRAMES
    assert log.lines == ["field of view 2 is left out of the flat field: damaged"]


def test_files(tmp_path, movie):
    target = tmp_path / "flat_field_ch_1.tif"
    for _ in range(2):
        flat_field(target, {"method": "recording", "dark": 0.0}, 1, movie)
        first = target.read_bytes()
    flat_field(target, {"method": "recording", "dark": 0.0}, 1, movie)
    assert target.read_bytes() == first
    gain = read_gain(target, (96, 128))
    assert gain.dtype == np.float32
    with pytest.raises(FoveaError, match=r"is of 96 x 128 pixels, the frames of 96 x 129; give"):
        read_gain(target, (96, 129))
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.rint(1000 * vignette((96, 128)) + 50).astype(np.uint16))
    flat_field(target, {"method": "image", "dark": 50.0}, 1, image=image)
    np.testing.assert_allclose(read_gain(target, (96, 128)), vignette((96, 128)), atol=1e-3)
    (tmp_path / "no.tif").write_text("nothing")
    with pytest.raises(FoveaError, match=r"no\.tif: cannot be read as a TIFF image"):
        flat_field(target, {"method": "image", "dark": 0.0}, 1, image=tmp_path / "no.tif")


# ----------------------------------------------------------------------------- measurement

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
            {"fl_ch_1": ["intensity_total", "intensity_mean", "intensity_max"]},
            min_frames=1, border_margin=0, flat_fields=channels)  # fmt: skip
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
            counts = np.rint(array[t].astype(float) * 65535)
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

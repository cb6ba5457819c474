"""Flat field: known gains are recovered, from recordings and from images."""

import re

import numpy as np
import pytest
import tifffile

from fovea.background.flat_field import (
    FRAMES,
    checked,
    estimate_gain,
    flat_field,
    middle_mean,
    sampled,
)
from fovea.background.gains import gain_in, read_gain
from fovea.errors import FoveaError
from fovea.simulation.simulate import simulate
from support.illumination import vignette

SHAPE = (240, 320)
DARK = 100


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

"""Movies: pictures against plain loops, and files read back with ffmpeg and Pillow."""

from __future__ import annotations

import gc

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports.movie import COLOURS, View, bar, drawn, export_movie, time_text, window
from support.drawn_field import draw_field, family

# imageio-ffmpeg leaves the pipes to ffmpeg, which has ended, to the collection of garbage.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def pipes_closed_within_the_test():
    yield
    gc.collect()


def frames_of(path):
    """Frames of an MP4, (T, h, w, 3), and their number in a second."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    width, height = about["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return np.array(frames), about["fps"]


def coloured(picture, colour, within):
    """Which pixels have a colour, to within some grey levels."""
    return (np.abs(picture.astype(int) - colour.astype(int)) <= within).all(axis=-1)


@given(
    seed=st.integers(0, 10**6), height=st.integers(1, 9), width=st.integers(1, 9),
    enlarged=st.integers(1, 3), every=st.integers(1, 3), cell=st.sampled_from([None, 1, 2]),
)  # fmt: skip
def test_outlines_and_contrast_by_plain_loops(seed, height, width, enlarged, every, cell):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, (height, width)).astype(np.uint16)
    ids = rng.integers(0, 3, (height, width)).astype(np.uint32)
    found = drawn(image, ids, (50, 150), View(height, width, enlarged, every), cell)
    h, w = (-(-side // every) * enlarged for side in (height, width))
    labels = np.zeros((h + h % 2, w + w % 2), int)
    wanted = np.zeros((*labels.shape, 3), int)
    for y in range(h):
        for x in range(w):
            place = y // enlarged * every, x // enlarged * every
            labels[y, x] = ids[place]
            wanted[y, x] = np.rint(np.clip((float(image[place]) - 50) * 2.55, 0, 255))
    for y, x in np.ndindex(labels.shape):
        beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [(a, b) for a, b in beside if 0 <= a < len(labels) and 0 <= b < labels.shape[1]]
        if labels[y, x] and any(labels[place] != labels[y, x] for place in inside):
            mine = cell in (None, labels[y, x])
            wanted[y, x] = COLOURS[labels[y, x] % len(COLOURS)] if mine else 128
    assert np.abs(found.astype(int) - wanted).max(initial=0) <= 1  # float32 may round otherwise


@given(
    seed=st.integers(0, 99), y=st.integers(-8, 8), x=st.integers(-8, 8),
    height=st.integers(1, 9), width=st.integers(1, 9),
)  # fmt: skip
def test_windows_beyond_the_borders(seed, y, x, height, width):
    frame = np.random.default_rng(seed).integers(1, 9, (5, 6))
    found = window(frame, y, x, (height, width))
    for a, b in np.ndindex(found.shape):
        inside = 0 <= a + y < 5 and 0 <= b + x < 6
        assert found[a, b] == (frame[a + y, b + x] if inside else 0)


def test_a_movie_of_a_field(tmp_path):
    ids, parents = family()
    assert export_movie(draw_field(tmp_path, ids, parents), tmp_path / "out/field.mp4") == 6
    frames, rate = frames_of(tmp_path / "out/field.mp4")
    assert frames.shape == (6, 40 * 9, 50 * 9 + 50 * 9 % 2, 3)
    assert rate == 7
    view = View.of(40, 50)
    assert (view.enlarged, view.every) == (9, 1)
    for t in range(6):  # the middle of each cell's upper edge is in its colour
        for cell in np.unique(ids[t][ids[t] > 0]).tolist():
            y, x = np.argwhere(ids[t] == cell).min(axis=0) * 9
            part = frames[t, y : y + 3, x + 9 : x + 45]
            assert coloured(part, COLOURS[cell % 6], 90).any(), (t, cell)


def test_the_same_results_give_the_same_bytes(tmp_path):
    field = draw_field(tmp_path, *family())
    for suffix in (".mp4", ".gif"):
        for name in "ab":
            export_movie(field, tmp_path / f"{name}{suffix}")
        one, other = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert one == other


def test_a_gif_that_follows_a_cell(tmp_path):
    ids, parents = family()
    field = draw_field(tmp_path, ids, parents)
    assert export_movie(field, tmp_path / "cell.gif", cell=3, frames_per_second=5) == 3
    with Image.open(tmp_path / "cell.gif") as movie:
        assert (movie.n_frames, movie.info["duration"]) == (3, 200)
        sizes = set()
        for t in range(3):
            movie.seek(t)
            picture = np.asarray(movie.convert("RGB"))
            sizes.add(picture.shape)
            marked = np.argwhere(coloured(picture, COLOURS[3], 30))
            middle = (marked.min(axis=0) + marked.max(axis=0)) / 2
            assert np.abs(middle - np.array(picture.shape[:2]) / 2).max() <= 20  # a pixel of ours
        assert len(sizes) == 1


def test_times_and_scale_bars():
    assert time_text(4, None) == "frame 4"
    assert time_text(1, np.array([5.0, 3671.0])) == "1:01:06 h"
    assert bar(View(100, 200, 3, 1), 0.65) == (20 / 0.65 * 3, "20 µm")
    assert bar(View(2048, 2048, 1, 2), None) == (250.0, "500 px")
    assert bar(View(10, 10, 48, 1), 0.1) == (pytest.approx(96), "0.2 µm")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.avi", {}, "movies are .mp4 or .gif; name such a file with --output"),
        ("a.gif", {"cell": 8}, "--cell 8: drawn_fov_000 has no cell of this number"),
        ("a.gif", {"channel": 3}, "--channel: '3' is no channel of drawn; allowed: 0"),
    ],
)
def test_what_cannot_be_shown(tmp_path, name, options, words):
    field = draw_field(tmp_path, *family())
    with pytest.raises(FoveaError, match=words):
        export_movie(field, tmp_path / name, **options)
    assert not (tmp_path / name).exists()


def test_the_command(run, tmp_path, capsys):
    words = ["movie", "--directory", str(run), "--channel", "1"]
    assert main([*words, "--output", str(tmp_path / "a.mp4")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.mp4'}: 5 frames\n"
    assert len(frames_of(tmp_path / "a.mp4")[0]) == 5

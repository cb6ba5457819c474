"""Training of the network: what it is to learn, and what it says about files it cannot use."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from fovea.errors import FoveaError
from stills import DIAMETER, as_example, read_stills
from support.strategies import seeds
from targets import contacts, depth_map, without_specks

TRAIN = Path(__file__).resolve().parents[2] / "training" / "train.py"
sizes = st.integers(1, 40)


def disk(size, y, x, radius):
    v, u = np.mgrid[:size, :size]
    return (v - y) ** 2 + (u - x) ** 2 <= radius**2


def random_labels(seed, height, width):
    """Smooth parts of the plane, some of them touching."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.random((height, width)), 2)
    return np.digitize(field, np.quantile(field, np.sort(rng.random(3)))).astype(np.int32)


def test_depth_of_a_disk_falls_as_a_hemisphere():
    radius = 20.0
    v, u = np.mgrid[:51, :51] - 25.0
    expected = np.sqrt(np.maximum(0, 1 - (v**2 + u**2) / radius**2))
    found = depth_map(disk(51, 25, 25, radius).astype(np.int32))
    # a pixelated outline is uncertain by about half a pixel, where the hemisphere is steepest
    inner = disk(51, 25, 25, radius - 3)
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.04)
    assert not found[~disk(51, 25, 25, radius)].any()


def test_the_edge_of_the_frame_is_no_border():
    whole = disk(41, 20, 20, 15).astype(np.int32)
    # mirrored at the edge, half a cell is a whole one
    half = depth_map(whole[20:])
    doubled = depth_map(np.concatenate([whole[:19:-1], whole[20:]]))
    np.testing.assert_allclose(half, doubled[21:], atol=1e-5)
    assert half[0].max() == pytest.approx(1)


@given(seeds, sizes, sizes)
def test_depth_is_that_of_each_cell_alone(seed, height, width):
    labels = random_labels(seed, height, width)
    found = depth_map(labels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found > 0, labels > 0)
    for label in np.unique(labels[labels > 0]):
        alone = depth_map((labels == label).astype(np.int32))
        np.testing.assert_array_equal(np.where(labels == label, found, 0), alone)
        assert alone.max() == 1


@given(seeds, sizes, sizes)
def test_contacts(seed, height, width):
    labels = random_labels(seed, height, width)
    expected = np.zeros(labels.shape, np.float32)
    for y, x in np.ndindex(*labels.shape):
        near = set(labels[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].ravel().tolist())
        expected[y, x] = len(near - {0}) > 1
    np.testing.assert_array_equal(contacts(labels), expected)


def test_specks_go_and_parts_are_cells():
    labels = np.zeros((20, 20), np.uint16)
    labels[1:5, 1:5] = 7
    labels[10:14, 10:14] = 7  # one label, two places
    labels[1:5, 5:9] = 3  # touches the first
    labels[18, 18] = 7
    expected = np.zeros((20, 20), np.int32)
    expected[1:5, 1:5], expected[1:5, 5:9], expected[10:14, 10:14] = 1, 2, 3
    np.testing.assert_array_equal(without_specks(labels, 16), expected)
    assert not without_specks(labels, 17).any()
    assert without_specks(labels, 1).max() == 4


def write_pair(folder, name="a", frame=None, labels=None):
    rng = np.random.default_rng(0)
    frame = rng.integers(900, 1100, (60, 90)).astype(np.uint16) if frame is None else frame
    if labels is None:
        labels = disk(90, 30, 40, 12)[:60].astype(np.uint16)
    tifffile.imwrite(folder / f"{name}.ome.tiff", frame)
    tifffile.imwrite(folder / f"{name}_ids.ome.tiff", labels)


def test_examples_have_the_size_of_training(tmp_path):
    write_pair(tmp_path)
    (still,) = read_stills(tmp_path)
    assert still.name == "a"
    example = as_example(still, 24.0)
    for array in (example.flat, example.labels, example.depth):
        assert array.shape == (60 * DIAMETER // 24, 90 * DIAMETER // 24)
        assert array.dtype == np.float32
    np.testing.assert_array_equal(example.labels > 0, example.depth > 0)
    # one and a half times as large: the centre of every third pixel is that of every other one
    np.testing.assert_array_equal(example.labels[1::3, 1::3], still.labels[1::2, 1::2])
    same = as_example(still, DIAMETER)
    np.testing.assert_array_equal(same.labels, still.labels)
    assert same.flat[::2, ::2].std() == pytest.approx(1, abs=1e-3)


def test_bad_folders(tmp_path):
    with pytest.raises(FoveaError, match=r"is no folder"):
        read_stills(tmp_path / "absent")
    with pytest.raises(FoveaError, match=r"holds no pair"):
        read_stills(tmp_path)
    write_pair(tmp_path)
    (tmp_path / "b.ome.tiff").write_bytes(b"")
    with pytest.raises(FoveaError, match=r"lacks b_ids\.ome\.tiff"):
        read_stills(tmp_path)
    (tmp_path / "b_ids.ome.tiff").write_bytes(b"")
    with pytest.raises(FoveaError, match=r"b\.ome\.tiff cannot be read"):
        read_stills(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"frame": np.zeros((60, 90), np.float32)}, "holds float32"),
        ({"frame": np.zeros((2, 60, 90), np.uint16)}, "must hold one frame"),
        ({"labels": np.ones((60, 90), np.float32)}, "labels are whole numbers"),
        ({"labels": np.full((60, 90), -1, np.int16)}, "labels are whole numbers"),
        ({"labels": np.ones((60, 91), np.uint16)}, "they must be alike"),
        ({"labels": np.zeros((60, 90), np.uint16)}, "labels no cell"),
    ],
)
def test_bad_pairs(tmp_path, arrays, message):
    write_pair(tmp_path, **arrays)
    with pytest.raises(FoveaError, match=message):
        read_stills(tmp_path)


def test_a_frame_without_contrast(tmp_path):
    write_pair(tmp_path, frame=np.full((60, 90), 7, np.uint16))
    (still,) = read_stills(tmp_path)
    with pytest.raises(FoveaError, match=r"a has no contrast"):
        as_example(still, 30)


def test_a_diameter_that_makes_cells_specks(tmp_path):
    write_pair(tmp_path)
    (still,) = read_stills(tmp_path)
    with pytest.raises(FoveaError, match=r"specks only for a cell diameter of 200"):
        as_example(still, 200)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cell-diameter", "3"], "--cell-diameter must be at least 6"),
        (["--cell-diameter", "inf"], "--cell-diameter must be at least 6"),
        (["--steps", "0"], "--steps must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--out", "absent/weights.npz"], "there is no such folder"),
        (["--out", "."], "name a file in it"),
    ],
)
def test_bad_options(tmp_path, options, message):
    given = [str(tmp_path), "--cell-diameter", "48", "--out", "weights.npz", *options]
    done = subprocess.run(
        [sys.executable, TRAIN, *given], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1

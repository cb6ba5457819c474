"""Features of cells against scikit-image and numpy."""

import csv
import math
import warnings

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from fovea.cells.crop import crop
from fovea.cells.extract import extract as extract_traces
from fovea.cells.extract import select_cells
from fovea.cells.features import intensity_features, mask_features
from support.channels import write_channel, write_tracked
from support.reference import extract
from support.strategies import MASKS, examples, make_mask, seeds, single_masks


def phase_features(mask, origin, names):
    """Features of one mask (h, w) whose first pixel is at `origin` (y, x)."""
    found = mask_features(mask[None], np.array([origin]), names)
    assert all(values.dtype == np.float64 for values in found.values())
    return {name: float(value) for name, (value,) in found.items()}


def fluorescence_features(values, mask, names):
    """Features of one crop (h, w) with its mask (h, w)."""
    found = intensity_features(values[None], mask[None], names)
    return {name: float(value) for name, (value,) in found.items()}


def check_phase(mask, origin=(0, 0)):
    """All features of a mask equal the reference's."""
    found = phase_features(mask, origin, extract.PHASE)
    expected = extract.phase_features(mask, origin)
    assert list(found) == list(extract.PHASE)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, err_msg=name)


def check_fluorescence(values, mask):
    """All features of the values inside a mask equal the reference's."""
    found = fluorescence_features(values, mask, extract.FLUORESCENCE)
    expected = extract.fluorescence_features(values, mask)
    assert list(found) == list(extract.FLUORESCENCE)
    # sums of both signs cancel: the error counts in sizes of what was added
    scale = np.abs(values[mask]).max()
    for name, value in expected.items():
        room = scale * 1e-12 * (mask.sum() if name == "intensity_total" else 1)
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=room, err_msg=name)
    for name in ("intensity_median", "intensity_max", "intensity_min"):
        assert found[name] == expected[name]


def disk(radius):
    """A disk, as symmetric as pixels allow."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return y * y + x * x <= radius * radius


@given(single_masks(largest=24), st.integers(-30, 3000), st.integers(-30, 3000))
@examples(200)
def test_phase_features(mask, y0, x0):
    check_phase(mask, (y0, x0))


@pytest.mark.parametrize("kind", sorted(set(MASKS) - {"none"}))
@pytest.mark.parametrize("shape", [(33, 47), (64, 64), (90, 130)])
def test_phase_features_of_larger_masks(kind, shape):
    mask = make_mask(kind, *shape, np.random.default_rng(2))
    mask[shape[0] // 2, shape[1] // 2] = True
    check_phase(mask)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 10, 64, 65])
def test_lines(length):
    for line in (np.ones((1, length)), np.ones((length, 1)), np.eye(length), np.eye(length)[::-1]):
        mask = line.astype(bool)
        check_phase(mask, (3, 4))
        check_phase(np.pad(mask, 1), (2, 3))
        names = ["aspect_ratio", "eccentricity", "solidity"]
        found = phase_features(mask, (0, 0), names)
        assert math.isnan(found["aspect_ratio"])
        assert found["eccentricity"] == (length > 1)


@pytest.mark.parametrize("slope", [(1, 2), (2, 3), (3, 1), (5, 7)])
def test_pixels_in_a_line_at_any_angle_have_no_minor_axis(slope):
    for number in (2, 3, 8, 50):
        mask = np.zeros((slope[0] * number, slope[1] * number), dtype=bool)
        mask[:: slope[0], :: slope[1]] = np.eye(number)
        check_phase(mask)
        assert math.isnan(phase_features(mask, (0, 0), ["aspect_ratio"])["aspect_ratio"])


def test_long_thin_cells():
    for length in (40, 400):
        for thickness in (2, 3):
            mask = sum(np.eye(length, length + thickness, k) for k in range(thickness)) > 0
            check_phase(mask)
            check_phase(np.ones((thickness, length), dtype=bool))
            mask[length // 2] = False
            check_phase(mask)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 31, 37, 60, 66, 100, 116, 150])
def test_round_cells_have_no_eccentricity(size):
    for mask in (np.ones((size, size), dtype=bool), disk(size), ~np.pad(~disk(size), 2)):
        names = ["aspect_ratio", "eccentricity"]
        found = phase_features(mask, (0, 0), names)
        assert found["eccentricity"] == 0
        if mask.sum() > 1:
            assert found["aspect_ratio"] == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("names", [[], ["area"], ["centroid_y", "area"], ["solidity", "perimeter"]])
def test_only_the_features_asked_for_in_their_order(names):
    assert list(phase_features(disk(3), (0, 0), names)) == names


def test_an_unknown_feature():
    with pytest.raises(KeyError):
        phase_features(disk(3), (0, 0), ["aera"])
    with pytest.raises(KeyError):
        fluorescence_features(np.ones((7, 7)), disk(3), ["area"])


def test_the_crop_around_a_mask_does_not_matter():
    mask = make_mask("blobs", 30, 40, np.random.default_rng(5))
    tight = phase_features(mask, (100, 200), extract.PHASE)
    loose = phase_features(np.pad(mask, ((3, 5), (70, 1))), (97, 130), extract.PHASE)
    for name in extract.PHASE:
        np.testing.assert_allclose(loose[name], tight[name], rtol=1e-12, err_msg=name)


@given(single_masks(largest=24), seeds, st.sampled_from(["noise", "flat", "signed", "extreme"]))
@examples(120)
def test_fluorescence_features(mask, seed, kind):
    rng = np.random.default_rng(seed)
    if kind == "noise":
        values = rng.integers(0, 65536, mask.shape) - rng.normal(900, 1, mask.shape)
    elif kind == "flat":
        values = np.full(mask.shape, rng.uniform(-100, 70000))
    elif kind == "signed":  # an empty cell: the sum nearly cancels
        values = rng.normal(0, 30, mask.shape)
    else:
        values = rng.choice([-65535.0, 0.0, 65535.0], mask.shape)
    check_fluorescence(values, mask)


def test_a_small_spread_on_bright_pixels():
    # sums of squares alone would lose it
    values = 60000 + np.random.default_rng(1).normal(0, 1e-3, (40, 50))
    check_fluorescence(values, make_mask("blobs", 40, 50, np.random.default_rng(1)))


def test_pixels_outside_the_mask_do_not_matter():
    mask = disk(4)
    values = np.where(mask, 5.0, np.inf)
    found = fluorescence_features(values, mask, extract.FLUORESCENCE)
    assert found["intensity_total"] == 5 * mask.sum()
    assert found["intensity_std"] == 0
    values[~mask] = np.nan
    assert fluorescence_features(values, mask, extract.FLUORESCENCE) == found


def test_medians_of_even_and_odd_numbers():
    values = np.array([[4.0, 1.0, 3.0, 10.0]])
    even = fluorescence_features(values, np.ones((1, 4), dtype=bool), ["intensity_median"])
    odd = fluorescence_features(values, values < 10, ["intensity_median"])
    assert even == {"intensity_median": 3.5}
    assert odd == {"intensity_median": 3.0}


# Which cells are kept


@given(seeds, st.integers(0, 7), st.integers(1, 6), st.integers(0, 8), st.integers(0, 12))
@examples(150)
def test_removed_cells(seed, number, length, min_frames, border_margin):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(20, 60, 2).tolist())
    start = rng.integers(0, np.array(shape) - 12, (number, length, 2))
    if rng.random() < 0.8:  # not all of them near the edge
        start = np.clip(start, border_margin, None)
    bboxes = np.concatenate([start, start + rng.integers(1, 9, start.shape)], axis=2)
    valid = rng.random((number, length)) < rng.choice([0.5, 0.9, 1])
    bboxes[~valid] = rng.choice([0, -5])
    reasons = select_cells(bboxes.astype(np.int32), valid, shape, min_frames, border_margin)
    short, near = extract.removal(bboxes, valid, shape, min_frames, border_margin)
    assert ["short" in reason for reason in reasons] == short
    assert ["border" in reason for reason in reasons] == near
    kept = [not (few or edge) for few, edge in zip(short, near, strict=True)]
    assert [reason == "" for reason in reasons] == kept


def test_numbers_that_tracking_leaves_out(tmp_path):
    ids = np.zeros((3, 40, 50), np.uint16)
    ids[:, 10:14, 20:25], ids[1:, 30:33, 8:11] = 2, 5
    raw = write_channel(tmp_path / "pc_ch_0", ids * 100)
    tracked = write_tracked(tmp_path / "seg_tracked_ch_0", ids)
    crop(tracked, [raw], [], tmp_path / "cells.zarr", 1)
    extract_traces(tmp_path / "cells.zarr", tmp_path / "traces.csv", tmp_path / "cells.csv", 0,
                   {"pc_ch_0": ["area"]}, min_frames=3, border_margin=0)  # fmt: skip
    rows = (tmp_path / "traces.csv").read_text().splitlines()[1:]
    assert [row.split(",")[1:3] for row in rows] == [["2", "0"], ["2", "1"], ["2", "2"]]
    assert {row.split(",")[-1] for row in rows} == {"20"}
    cells = (tmp_path / "cells.csv").read_text().splitlines()[1:]
    assert cells == ["0,2,0,2,3,True,,,", "0,5,1,2,2,False,short,,"]
    lineage = tmp_path / "lineage.csv"
    lineage.write_text("cell,confidence,repaired\n5,0.25,1\n2,0.75,0\n")
    extract_traces(tmp_path / "cells.zarr", tmp_path / "traces.csv", tmp_path / "cells.csv", 0,
                   {"pc_ch_0": ["area"]}, min_frames=3, border_margin=0,
                   lineage=lineage)  # fmt: skip
    cells = (tmp_path / "cells.csv").read_text().splitlines()[1:]
    assert cells == ["0,2,0,2,3,True,,0.75,0", "0,5,1,2,2,False,short,0.25,1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zarr.open_group(tmp_path / "cells.zarr", mode="r").tree()


@pytest.mark.parametrize("keep", [False, True])
def test_frames_of_merged_cells(tmp_path, keep):
    """They are not good; neither is a cell of which too few other frames are left."""
    ids = np.zeros((6, 40, 60), np.uint16)
    ids[:, 10:16, 10:16], ids[:, 10:16, 30:36], ids[:, 24:30, 30:36] = 1, 2, 3
    raw = write_channel(tmp_path / "pc_ch_0", ids)
    crop(write_tracked(tmp_path / "seg_tracked_ch_0", ids), [raw], [], tmp_path / "cells.zarr", 1)
    merges = tmp_path / "merges.csv"
    merges.write_text("fov,cell,first_frame,last_frame,holds\n0,1,2,4,1 7\n0,3,0,4,3 8\n")
    extract_traces(
        tmp_path / "cells.zarr", tmp_path / "traces.csv", tmp_path / "summary.csv", 0,
        {"pc_ch_0": ["area"]}, min_frames=3, border_margin=0, merges=merges, keep_merged=keep,
    )  # fmt: skip
    with open(tmp_path / "traces.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    merged = {1: [2, 3, 4], 2: [], 3: [0, 1, 2, 3, 4]}
    bad = {1: [2, 3, 4], 2: [], 3: [] if keep else [0, 1, 2, 3, 4, 5]}
    bad[1] = [] if keep else bad[1]
    for column, expected, word in (("merged", merged, "True"), ("good", bad, "False")):
        found = {
            cell: [int(r["frame"]) for r in rows if r["cell"] == str(cell) and r[column] == word]
            for cell in merged
        }
        assert found == expected

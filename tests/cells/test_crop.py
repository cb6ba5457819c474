"""Windows of cells and the pixels in them against the plain reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.cells.crop import crop_windows
from fovea.cells.sources import FULL_SCALE
from fovea.kernels.cells import above_background, cut_counts
from support.reference import crop
from support.strategies import examples, seeds


def cut(frame, window):
    """A window [y0, x0, y1, x1] of a frame, as the kernel copies it."""
    y0, x0, y1, x1 = window
    out = np.empty((y1 - y0, x1 - x0), frame.dtype)
    cut_counts(frame, np.array(window), out)
    return out


@st.composite
def cells(draw):
    """Boxes (N, T, 4) int32 in an image of up to 4000 pixels, and in which frames they are."""
    number, length = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(seeds))
    largest = draw(st.sampled_from([1, 2, 5, 60, 4000]))
    start = rng.integers(0, 4000, (number, length, 2))
    boxes = np.concatenate([start, start + rng.integers(1, largest + 1, start.shape)], axis=2)
    valid = rng.random((number, length)) < draw(st.sampled_from([0.2, 0.8, 1.0]))
    valid[np.arange(number), rng.integers(0, length, number)] = True
    # what stands in frames without the cell must not matter
    boxes[~valid] = draw(st.sampled_from([(0, 0, 0, 0), (9, 9, 9, 9), (-50, 0, 9999, 9999)]))
    return boxes.astype(np.int32), valid


@given(cells(), st.integers(0, 20))
@examples(200)
def test_windows(cells, padding):
    bboxes, valid = cells
    found = crop_windows(bboxes, valid, padding)
    assert found.shape == bboxes.shape
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found[valid], crop.crop_windows(bboxes, valid, padding)[valid])
    for windows, boxes, present in zip(found, bboxes, valid, strict=True):
        sizes = windows[present, 2:] - windows[present, :2]
        assert (sizes == sizes[0]).all()  # one size per cell
        # every box lies in its window, with its padding but for the half pixel of centring
        assert (boxes[present, :2] - windows[present, :2] >= padding).all()
        assert (windows[present, 2:] - boxes[present, 2:] >= padding).all()
        spare = (
            windows[present, :2] + windows[present, 2:] - boxes[present, :2] - boxes[present, 2:]
        )
        assert np.isin(spare, (-1, 0)).all()


def test_windows_are_centred_by_rounding_down():
    bboxes = np.array([[[10, 0, 13, 2], [0, 10, 2, 13]]], dtype=np.int32)
    windows = crop_windows(bboxes, np.ones((1, 2), dtype=bool), 0)
    assert windows.tolist() == [[[10, -1, 13, 2], [-1, 10, 2, 13]]]


@given(cells(), st.integers(0, 20), seeds)
@examples(200)
def test_windows_that_move_with_the_stage(cells, padding, seed):
    bboxes, valid = cells
    drift = np.random.default_rng(seed).integers(-300, 301, (valid.shape[1], 2))
    found = crop_windows(bboxes, valid, padding, drift)
    assert found.dtype == np.int32
    assert not found[~valid].any()
    expected = crop.still_windows(bboxes, valid, padding, drift)
    np.testing.assert_array_equal(found[valid], expected[valid])
    assert (bboxes[valid][:, :2] - found[valid][:, :2] >= padding).all()
    assert (found[valid][:, 2:] - bboxes[valid][:, 2:] >= padding).all()
    # a cell that moves as the image does has the same window either way
    carried = (bboxes[:, :1] + np.tile(drift, 2)).astype(np.int32)
    whole = crop_windows(carried, np.ones_like(valid), padding, drift)
    plain = crop_windows(carried, np.ones_like(valid), padding)
    np.testing.assert_array_equal(whole, plain)


def test_no_cells():
    empty = np.zeros((0, 5, 4), np.int32), np.zeros((0, 5), dtype=bool), 5
    assert crop_windows(*empty).shape == (0, 5, 4)
    assert crop_windows(*empty, np.ones((5, 2), np.int64)).shape == (0, 5, 4)


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.tuples(st.integers(-15, 15), st.integers(-15, 15)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from([np.uint16, np.uint32, np.float32, np.bool_]),
)
@examples(250)
def test_cut(height, width, start, size, dtype):
    frame = (np.arange(height * width).reshape(height, width) + 1).astype(dtype)
    window = (*start, start[0] + size[0], start[1] + size[1])
    found = cut(frame, window)
    assert found.dtype == frame.dtype
    np.testing.assert_array_equal(found, crop.cut(frame, window))


@pytest.mark.parametrize(
    "window",
    [
        (0, 0, 3, 4),
        (-2, -2, 5, 6),
        (-9, 0, -6, 4),  # wholly outside, on every side
        (0, -9, 3, -5),
        (3, 0, 6, 4),
        (0, 4, 3, 8),
        (50, 60, 52, 63),
        (-3, -4, 0, 0),
        (2, 3, 3, 4),
    ],
)
def test_windows_inside_across_and_outside(window):
    frame = np.arange(12, dtype=np.uint16).reshape(3, 4) + 1
    before = frame.copy()
    found = cut(frame, window)
    np.testing.assert_array_equal(found, crop.cut(frame, window))
    found[...] = 7
    if window != (0, 0, 3, 4):
        np.testing.assert_array_equal(frame, before)


# What is promised of the stored values


def test_stored_intensities_give_the_raw_counts_back():
    counts = np.arange(65536, dtype=np.uint16)
    stored = (counts / FULL_SCALE).astype(np.float32)
    assert stored.min() == 0
    assert stored.max() < 1
    np.testing.assert_array_equal(stored * np.float64(FULL_SCALE), counts)
    assert not (stored.view(np.uint32) & 0xFF).any()  # 16 significant bits of 24


@pytest.mark.parametrize("step", [1 / 64, 1 / 8, 1, 4])
def test_stored_backgrounds_give_multiples_of_their_step_back(step):
    values = np.arange(-8000 / step, min(70000 / step, 6_000_000)) * step
    stored = (values / FULL_SCALE).astype(np.float32)
    np.testing.assert_array_equal(stored * np.float64(FULL_SCALE), values)
    old = (values / 65535).astype(np.float32)  # Fovea 0.1.0
    out = np.empty((1, 1, len(values)))
    zeros = np.zeros(out.shape, np.float32)
    for crops, factor in ((stored, FULL_SCALE), (old, 65535)):
        above_background(zeros, crops.reshape(out.shape), float(factor), step, 1.0, out)
        np.testing.assert_array_equal(-out[0, 0], values)

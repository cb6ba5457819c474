"""The reference implementations against cases worked out by hand: background to display level."""

import math

import numpy as np
import pytest
from hypothesis import given

from support.reference import background, cache, crop, extract
from support.strategies import single_masks

# Background


def test_tiles_by_hand():
    assert background.tile_starts(250, 100, 0.5) == ([0, 50, 100, 150], 100)
    assert background.tile_starts(260, 100, 0.5) == ([0, 50, 100, 150, 160], 100)
    assert background.tile_starts(101, 100, 0.0) == ([0, 1], 100)
    assert background.tile_starts(99, 100, 0.5) == ([0], 99)
    assert background.tile_starts(10, 5, 0.5) == ([0, 3, 5], 5)  # 2.5 is rounded up
    assert background.tile_starts(4, 2, 0.99) == ([0, 1, 2], 2)
    assert background.tile_centres(250, 100, 0.5) == [49.5, 99.5, 149.5, 199.5]


def test_tile_medians_by_hand():
    frame = np.array([[1, 2, 3, 100]], dtype=np.uint16)
    nothing = np.zeros((1, 4), dtype=bool)
    assert background.tile_medians(frame, nothing, 2, 0).tolist() == [[1.5, 51.5]]
    excluded = np.array([[False, False, True, True]])
    assert background.tile_medians(frame, excluded, 2, 0).tolist() == [[1.5, 1.5]]
    assert background.tile_medians(frame, ~nothing, 2, 0).tolist() == [[1.5, 51.5]]


def test_a_tenth_of_a_tile_is_enough_and_less_only_without_better():
    frame = np.arange(40, dtype=np.uint16).reshape(1, 40)
    excluded = np.ones((1, 40), dtype=bool)
    excluded[0, 3] = False  # 1 of 20
    assert background.tile_medians(frame, excluded, 20, 0).tolist() == [[3, 3]]
    excluded[0, 30:32] = False  # 2 of 20
    assert background.tile_medians(frame, excluded, 20, 0).tolist() == [[30.5, 30.5]]


def test_neighbours_fill_all_at_once():
    nan = math.nan
    values = np.array([[1.0, nan, nan, nan, 9.0], [3.0, nan, nan, nan, nan]])
    filled = background.fill_from_neighbours(values)
    # round 1: columns 1 and 3; round 2: column 2 from both
    assert filled.tolist() == [[1, 2, 5.5, 9, 9], [3, 2, 5.5, 9, 9]]


def test_the_spline_goes_through_the_tiles_and_stops_at_the_outermost():
    # cubic splines reproduce a plane; outside the centres it is clamped
    y, x = np.mgrid[:250, :300]
    frame = (1000 + 2 * y + 3 * x).astype(np.uint16)
    found, values = background.estimate_background(frame, None)
    assert values[0, 0] == 1000 + 2 * 49.5 + 3 * 49.5
    plane = 1000 + 2 * np.clip(y, 49.5, 199.5) + 3 * np.clip(x, 49.5, 249.5)
    np.testing.assert_allclose(found, plane, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 10), (10, 3), (4, 6)])
def test_few_tiles(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    centres = [background.tile_centres(length, 4, 0.5) for length in shape]
    values = np.array([[5 * v + 7 * u for u in centres[1]] for v in centres[0]])
    clamped = 5 * np.clip(y, centres[0][0], centres[0][-1]) + 7 * np.clip(
        x, centres[1][0], centres[1][-1]
    )
    np.testing.assert_allclose(background.evaluate(values, shape, 4, 0.5), clamped, atol=1e-9)


def test_rounding_step():
    assert background.rounding_step(0.0625) == 0.125
    assert background.rounding_step(0.1) == 0.125
    assert background.rounding_step(3) == 4
    assert background.rounding_step(0) == 0


# Crop


def test_windows_by_hand():
    bboxes = np.array([[[0, 0, 3, 2], [9, 9, 9, 9], [5, 6, 6, 9]]])
    valid = np.array([[True, False, True]])
    windows = crop.crop_windows(bboxes, valid, 1)  # 5 x 5
    assert windows[0, 0].tolist() == [-1, -2, 4, 3]  # (0 + 2 - 5) / 2 = -1.5, floored
    assert windows[0, 2].tolist() == [3, 5, 8, 10]


def test_cut_by_hand():
    frame = np.array([[1, 2], [3, 4]])
    assert crop.cut(frame, [-1, 0, 1, 3]).tolist() == [[0, 0, 0], [1, 2, 0]]
    assert crop.cut(frame, [5, 5, 6, 7]).tolist() == [[0, 0]]


# Features


def test_features_of_a_rectangle():
    found = extract.phase_features(np.ones((2, 4)), origin=(10, -3))
    # variances of 4 and of 2 points in a row: 5/4 and 1/4
    assert found["aspect_ratio"] == pytest.approx(math.sqrt(5))
    assert found["eccentricity"] == pytest.approx(math.sqrt(1 - 1 / 5))
    assert found["area"] == 8
    assert (found["centroid_y"], found["centroid_x"]) == (10.5, -1.5)
    assert found["solidity"] == 1
    assert found["perimeter"] == 8  # every pixel of the edge counts 1, corners too
    assert found["circularity"] == pytest.approx(4 * math.pi * 8 / 64)


def test_features_that_are_undefined():
    pixel = extract.phase_features(np.ones((1, 1)))
    assert math.isnan(pixel["aspect_ratio"])
    assert math.isnan(pixel["circularity"])
    assert pixel["eccentricity"] == 0
    assert pixel["perimeter"] == 0
    assert pixel["solidity"] == 1
    for line in (np.ones((1, 5)), np.ones((5, 1)), np.eye(5)):
        found = extract.phase_features(line)
        assert math.isnan(found["aspect_ratio"])
        assert found["eccentricity"] == 1
    assert extract.phase_features(np.ones((5, 5)))["eccentricity"] == 0


@given(single_masks())
def test_axes_are_those_of_scikit_image(mask):
    from skimage.measure import regionprops

    (region,) = regionprops(mask.astype(np.uint8))
    found = extract.phase_features(mask)
    np.testing.assert_allclose(found["eccentricity"], region.eccentricity, rtol=1e-6, atol=1e-6)
    if region.axis_minor_length > 1e-3:
        ratio = region.axis_major_length / region.axis_minor_length
        np.testing.assert_allclose(found["aspect_ratio"], ratio, rtol=1e-6)
    else:
        assert math.isnan(found["aspect_ratio"])
    y, x = region.centroid
    np.testing.assert_allclose([found["centroid_y"], found["centroid_x"]], [y, x], atol=1e-9)


def test_intensities_by_hand():
    values = np.array([[1.0, 2.0], [4.0, 1000.0]])
    found = extract.fluorescence_features(values, np.array([[1, 1], [1, 0]]))
    assert found["intensity_total"] == 7
    assert found["intensity_mean"] == pytest.approx(7 / 3)
    assert found["intensity_median"] == 2
    assert found["intensity_std"] == pytest.approx(math.sqrt(14 / 9))
    assert (found["intensity_max"], found["intensity_min"]) == (4, 1)


def test_removed_cells_by_hand():
    inside, near = [5, 5, 8, 8], [5, 4, 8, 8]
    bboxes = np.array([[inside, inside], [inside, near], [inside, near], [[5, 5, 8, 9], inside]])
    valid = np.array([[True, True], [True, True], [True, False], [True, True]])
    assert extract.removal(bboxes, valid, (20, 13), min_frames=2, border_margin=5) == (
        [False, False, True, False],
        [False, True, False, True],
    )
    assert extract.removal(bboxes, valid, (20, 13), 1, 4) == ([False] * 4, [False] * 4)


# Display level


def test_display_levels_by_hand():
    stack = np.arange(101, dtype=np.uint16)
    assert cache.percentile_limits(stack) == (1, 99)
    frame = np.array([[0, 2, 3], [1, 2, 4], [10, 11, 12]])
    found = cache.downsample_intensity(frame, 0, 255)
    assert found.tolist() == [[1, 3], [10, 12]]  # 5 / 4, 7 / 2, 21 / 2
    assert cache.downsample_intensity(frame, 2, 2).tolist() == [[0, 255], [255, 255]]


def test_display_labels_by_hand():
    frame = np.array([[1, 0, 600], [0, 0, 0], [300, 0, 0]], dtype=np.uint16)
    assert cache.downsample_labels(frame, 600).tolist() == [[1, 255], [127, 0]]
    assert not cache.downsample_labels(np.zeros((3, 3), dtype=np.uint16), 0).any()

"""The reference implementations against cases worked out by hand: masks, labels, tracks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from support.reference import morphology, segment, track
from support.strategies import examples, frames, masks


def mask_of(text):
    """A mask from rows of `#` and `.`."""
    return np.array([[pixel == "#" for pixel in row] for row in text.split()])


# Morphology


def test_a_disk_of_radius_2_is_a_square_without_corners():
    assert morphology.disk(2).sum() == 13
    assert np.array_equal(morphology.disk(1), mask_of(".#. ### .#."))
    assert morphology.disk(3).sum() == 29


def test_closing_joins_what_is_near_and_leaves_the_border_alone():
    # diameter 3, once: the cross bridges one pixel, not two
    assert np.array_equal(morphology.close(mask_of("#.#"), 3, 1), mask_of("###"))
    assert np.array_equal(morphology.close(mask_of("#..#"), 3, 1), mask_of("####"))
    assert np.array_equal(morphology.close(mask_of("#...#"), 3, 1), mask_of("#...#"))
    assert np.array_equal(morphology.close(mask_of("#...#"), 3, 2), mask_of("#####"))
    for iterations in (1, 3):
        corner = mask_of("#... .... ....")
        assert np.array_equal(morphology.close(corner, 3, iterations), corner)
    # outside counts as foreground for the erosion: the gap to the border is bridged
    assert np.array_equal(morphology.close(mask_of(".#....."), 3, 1), mask_of("##....."))


def test_opening_keeps_a_full_image_and_removes_what_is_thin():
    full = np.ones((4, 9), dtype=bool)
    assert morphology.open_(full, 7, 3).all()
    # the border helps the erosion: a line along it of half the disk's width stays
    assert np.array_equal(morphology.open_(mask_of("### ### ..."), 3, 1), mask_of("### ### ..."))
    assert not morphology.open_(mask_of("... ### ..."), 3, 1).any()


@given(masks(largest=20), st.sampled_from([1, 3, 5]), st.integers(1, 2))
@examples(40)
def test_closing_and_opening_are_those_of_scipy_on_padded_images(mask, size, iterations):
    margin = size * iterations + 1
    disk = morphology.disk(size // 2)
    inner = np.s_[margin:-margin, margin:-margin]
    # a margin of background is an infinite plane of background; the image's border is neutral,
    # so only what happens away from it must agree
    away = np.pad(mask, margin)
    closed = ndimage.binary_closing(np.pad(away, margin), disk, iterations)[inner]
    opened = ndimage.binary_opening(np.pad(away, margin), disk, iterations)[inner]
    assert np.array_equal(morphology.close(away, size, iterations), closed)
    assert np.array_equal(morphology.open_(away, size, iterations), opened)


@given(masks())
def test_dilation_is_the_set_of_pixels_within_the_radius(mask):
    if mask.any():
        distance = ndimage.distance_transform_edt(~mask)
        # the integer nearest to the squared distance, which is an integer
        assert np.array_equal(morphology.dilate(mask, 3), np.rint(distance**2) <= 9)


def test_labels_follow_the_first_pixel_in_raster_order_and_ignore_diagonals():
    labels, number = morphology.label(mask_of("..#.# #.#.# ###.#"))
    assert labels.tolist() == [[0, 0, 1, 0, 2], [1, 0, 1, 0, 2], [1, 1, 1, 0, 2]]
    assert number == 2
    assert morphology.label(mask_of("#. .#"))[1] == 2
    assert morphology.label(np.zeros((2, 3), dtype=bool))[1] == 0


def test_sizes_at_the_limit_stay():
    mask = mask_of("##.### ......")
    assert np.array_equal(morphology.remove_small(mask, 3), mask_of("...### ......"))
    assert np.array_equal(morphology.remove_small(mask, 2), mask)
    assert np.array_equal(morphology.remove_large(mask, 2), mask_of("##.... ......"))
    assert np.array_equal(morphology.remove_large(mask, 3), mask)


def test_holes():
    ring = mask_of("..... .###. .#.#. .###. .....")
    assert morphology.fill_holes(ring)[2, 2]
    diagonal_gap = mask_of("..... .##.. .#.#. .###. .....")
    assert morphology.fill_holes(diagonal_gap)[2, 2]  # background has four neighbours too
    gap = mask_of("..... .#.#. .#.#. .###. .....")
    assert np.array_equal(morphology.fill_holes(gap), gap)
    at_the_border = mask_of("#.# ###")
    assert np.array_equal(morphology.fill_holes(at_the_border), at_the_border)
    nested = mask_of("####### #.....# #.###.# #.#.#.# #.###.# #.....# #######")
    assert morphology.fill_holes(nested).all()


@given(masks())
def test_holes_are_those_of_scipy(mask):
    assert np.array_equal(morphology.fill_holes(mask), ndimage.binary_fill_holes(mask))


# Segmentation


def test_variance_by_hand():
    # both neighbourhoods hold one of the values twice: three rows each of 0, 0, 9 or 0, 9, 9
    assert segment.scaled_variance(np.array([[0, 9]], dtype=np.uint16), 3).tolist() == [[1458] * 2]
    assert segment.scaled_variance(np.array([[7]], dtype=np.uint16), 5).tolist() == [[0]]
    # windows much wider than the image, and the largest variance there is
    extreme = np.array([[0], [65535]], dtype=np.uint16)
    assert (segment.scaled_variance(extreme, 9) == 9 * 9 * 65535**2 * 4 * 5 * 9 * 9 // 81).all()


@given(frames(largest=12), st.sampled_from([1, 3, 5]))
@examples(20)
def test_variance_is_that_of_scipys_reflected_neighbourhood(frame, window_size):
    variance = ndimage.generic_filter(
        frame.astype(np.float64), np.var, size=window_size, mode="reflect"
    )
    found = segment.scaled_variance(frame, window_size) / window_size**4
    np.testing.assert_allclose(found, variance, rtol=1e-9, atol=1e-6)


def test_log_std_by_hand():
    frame = np.array([[0, 9]], dtype=np.uint16)
    np.testing.assert_allclose(segment.log_std(frame, 3), 0.5 * math.log(18))
    assert not segment.log_std(np.full((3, 3), 65535, dtype=np.uint16), 3).any()


def test_threshold_mode_by_hand():
    x = np.array([0.0, 0.2, 0.2, 0.2, 0.4, 5.0])
    counts, centres = np.array([1, 3, 1, 1]), np.array([0.0, 0.25, 0.5, 5.0])
    # up to 0.25: 0, 0.2, 0.2, 0.2; mean 0.15, variance 0.03 / 4
    assert segment.threshold_mode(x, counts, centres) == pytest.approx(0.25 + 3 * math.sqrt(0.0075))
    assert segment.threshold_mode(x + 1, counts, centres) == 0.25  # nothing up to the mode
    first = segment.threshold_mode(x + 9, np.array([2, 1, 2, 0]), centres)
    assert first == 0.0  # the first of two equal bins


def test_threshold_valley_by_hand():
    centres = np.arange(200.0)
    bins = np.arange(200)
    two = 1000 * np.exp(-(((bins - 40) / 8) ** 2)) + 200 * np.exp(-(((bins - 140) / 8) ** 2))
    x = np.repeat(centres, np.rint(two).astype(int))
    counts = np.rint(two).astype(int)
    valley = segment.threshold_valley(x, counts, centres)
    smooth = ndimage.gaussian_filter1d(counts.astype(float), 3, mode="nearest")
    assert 60 < valley < 120
    assert smooth[int(valley)] == smooth[40:141].min()
    assert smooth[int(valley) - 1] > smooth[int(valley)]  # the first of the lowest
    one = np.rint(1000 * np.exp(-(((bins - 40) / 8) ** 2))).astype(int)
    x = np.repeat(centres, one)
    assert segment.threshold_valley(x, one, centres) == segment.threshold_mode(x, one, centres)
    # a second mode under 1 % of the first is none
    faint = one + np.rint(8 * np.exp(-(((bins - 140) / 8) ** 2))).astype(int)
    x = np.repeat(centres, faint)
    assert segment.threshold_valley(x, faint, centres) == segment.threshold_mode(x, faint, centres)


def test_a_frame_of_one_value_of_x_has_no_objects():
    for frame in (
        np.full((20, 30), 5),
        np.full((1, 1), 65535),
        np.array([[0, 9]]),
        np.indices((9, 70)).sum(0) % 2 * 65535 * 0,
    ):
        labels = segment.segment_logstd(frame.astype(np.uint16), min_object_size=1)
        assert labels.dtype == np.uint16
        assert not labels.any()


def test_orders_differ_where_they_must():
    # a ring one pixel thick: filled first it survives the opening, opened first it does not
    ring = np.zeros((15, 15), dtype=bool)
    ring[3:12, 3:12] = True
    ring[4:11, 4:11] = False
    for order in ("close_open", "open_close"):
        assert segment.clean_up(ring, 3, 1, 1, 100, order).sum() == 77  # 9 x 9 less 4 corners
    # two thin lines side by side: closed first they are a thick one, opened first they are gone
    lines = np.pad(mask_of("####### ....... #######"), 3)
    joined = np.pad(mask_of("..###.. .#####. ..###.."), 3)
    assert np.array_equal(segment.clean_up(lines, 3, 1, 1, 100, "close_open"), joined)
    assert not segment.clean_up(lines, 3, 1, 1, 100, "open_close").any()


# Tracking


def paint(shape, *rectangles):
    """Labels 1, 2, ... of rectangles [y0, x0, y1, x1]."""
    frame = np.zeros(shape, dtype=np.uint16)
    for number, (y0, x0, y1, x1) in enumerate(rectangles, 1):
        frame[y0:y1, x0:x1] = number
    return frame


def test_overlaps_by_hand():
    assert track.box_overlap((0, 0, 2, 2), (1, 1, 3, 3)) == 1 / 7
    assert track.box_overlap((0, 0, 2, 2), (0, 2, 2, 4)) == 0
    a, b = mask_of("## #."), mask_of("## .#")
    assert track.mask_overlap(a, b) == 2 / 4
    # the boxes of an L and of the pixel in its corner overlap, their pixels do not
    corner = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 0]])
    inside = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1]])
    assert track.overlap_matrix(corner, inside, 0.1, "box")[2].tolist() == [[1 / 9]]
    assert track.overlap_matrix(corner, inside, 0.0, "mask")[2].tolist() == [[0]]


def test_ids_by_hand():
    shape = (4, 12)
    a, b = (0, 0, 2, 2), (0, 6, 2, 8)
    stack = np.stack(
        [
            paint(shape, b, a),  # 1 is b, 2 is a
            paint(shape, a, b),
            paint(shape, (2, 0, 4, 2), b),  # a left, another came
            paint(shape),
            paint(shape, b),  # an ID that was not seen has ended
        ]
    )
    found = track.track_iou(stack)
    assert found.dtype == np.uint16
    assert [frame[0, 0] for frame in found] == [2, 2, 0, 0, 0]
    assert [frame[0, 6] for frame in found] == [1, 1, 1, 0, 4]
    assert found[2, 2, 0] == 3


def test_min_iou_is_inclusive():
    stack = np.stack([paint((1, 4), (0, 0, 1, 2)), paint((1, 4), (0, 1, 1, 3))])  # 1 / 3
    assert track.track_iou(stack, min_iou=1 / 3)[1].max() == 1
    assert track.track_iou(stack, min_iou=0.34)[1].max() == 2


def test_the_sum_is_largest_not_the_first_choice():
    # greedy takes B-x (3/5) and leaves A with nothing; the best sum is A-x and B-y
    shape = (1, 12)
    before = paint(shape, (0, 0, 1, 3), (0, 3, 1, 7))
    after = paint(shape, (0, 2, 1, 6), (0, 6, 1, 12))
    _, _, matrix = track.overlap_matrix(before, after, 0.0)
    np.testing.assert_allclose(matrix, [[1 / 6, 0], [3 / 5, 1 / 9]])
    assert track.assign(matrix) == [(1, 0)]
    matrix[0, 0] = matrix[1, 1] = 0.4
    assert track.assign(matrix) == [(0, 0), (1, 1)]


def test_sizes_out_of_bounds_take_no_part():
    stack = paint((2, 9), (0, 0, 1, 1), (0, 2, 1, 4), (0, 5, 2, 8))[None]
    found = track.track_iou(stack, min_size=2, max_size=4)
    assert np.array_equal(found[0], (stack[0] == 2).astype(int))

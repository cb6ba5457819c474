"""Segmentation `logstd` against the plain reference, bit for bit."""

import warnings

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from fovea.segmentation.logstd import segment_logstd
from support.reference import morphology as plain
from support.reference import segment
from support.strategies import (
    FRAMES,
    cell_like,
    examples,
    frames,
    make_frame,
    make_mask,
    seeds,
)


def same_labels(found, expected):
    """Equal in shape, dtype and every value."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_more_objects_in_a_frame_than_16_bits_count():
    # one bright pixel every 4: each raises the variance of 3 x 3 pixels
    frame = np.zeros((1060, 1060), dtype=np.uint16)
    frame[1::4, 1::4] = 100
    found = segment_logstd(frame, morph_size=1, min_object_size=9, max_object_size=9)
    assert found.dtype == np.uint32
    assert found.max() == 265 * 265
    same_labels(
        found, segment.segment_logstd(frame, morph_size=1, min_object_size=9, max_object_size=9)
    )


parameters = st.fixed_dictionaries(
    {
        "window_size": st.sampled_from([3, 3, 3, 5, 7, 1, 15]),
        "threshold": st.sampled_from(["mode", "valley", "otsu"]),
        "morph_size": st.sampled_from([1, 3, 3, 5, 7]),
        "morph_iterations": st.integers(1, 3),
        "min_object_size": st.sampled_from([0, 1, 2, 5, 50]),
        "max_object_size": st.sampled_from([10, 400, 10000, 10000]),
        "order": st.sampled_from(["close_open", "open_close"]),
    }
)


@given(frames(), parameters)
@examples(300)
def test_segmentation(frame, parameters):
    expected = segment.segment_logstd(frame, **parameters)
    event(f"objects: {min(int(expected.max()), 3)}")
    same_labels(segment_logstd(frame, **parameters), expected)


@given(frames(), st.sampled_from([3, 5]), st.sampled_from(["mode", "valley", "otsu"]))
@examples(300)
def test_foreground_alone(frame, window_size, threshold):
    # no clean-up, so that no difference of a single pixel is lost
    found = segment_logstd(
        frame,
        window_size=window_size,
        threshold=threshold,
        morph_size=1,
        morph_iterations=1,
        min_object_size=1,
        max_object_size=frame.size,
        order="open_close",
    )
    expected = plain.fill_holes(segment.foreground(frame, window_size, threshold))
    event(f"foreground: {bool(expected.any())}")
    np.testing.assert_array_equal(found > 0, expected)


@pytest.mark.parametrize("order", ["close_open", "open_close"])
@pytest.mark.parametrize("threshold", ["mode", "valley", "otsu"])
@pytest.mark.parametrize("shape", [(203, 257), (256, 300)])
def test_cell_like_frames(shape, threshold, order):
    frame = cell_like(*shape, np.random.default_rng(shape[1]))
    expected = segment.segment_logstd(frame, threshold=threshold, order=order)
    assert expected.max() >= 2
    same_labels(segment_logstd(frame, threshold=threshold, order=order), expected)


@given(seeds, st.integers(100, 220), st.integers(100, 220), parameters)
@examples(8)
def test_cell_like_frames_with_any_parameters(seed, height, width, parameters):
    frame = cell_like(height, width, np.random.default_rng(seed))
    same_labels(segment_logstd(frame, **parameters), segment.segment_logstd(frame, **parameters))


@pytest.mark.parametrize("kind", sorted(set(FRAMES)))
@pytest.mark.parametrize("threshold", ["mode", "valley", "otsu"])
def test_every_kind_of_frame(kind, threshold):
    rng = np.random.default_rng(7)
    frame = make_frame(kind, make_mask("blobs", 90, 129, rng), rng)
    same_labels(
        segment_logstd(frame, threshold=threshold),
        segment.segment_logstd(frame, threshold=threshold),
    )


def test_values_on_the_edges_of_bins():
    # standard deviations in the ratio 1 : 2 : 4 put the middle one on the edge of bins 99 and 100
    y, x = np.mgrid[:40, :120]
    on_edge = 0
    for contrast in range(1, 60):
        amplitude = np.where(x < 20, contrast, np.where(x < 100, 2 * contrast, 4 * contrast))
        frame = ((y + x) % 2 * amplitude).astype(np.uint16)
        values = segment.log_std(frame, 3)
        on_edge += bool(np.isin(values, np.histogram(values, bins=200)[1][1:-1]).any())
        for threshold in ("mode", "valley", "otsu"):
            parameters = {"threshold": threshold, "morph_size": 1, "min_object_size": 1}
            same_labels(
                segment_logstd(frame, **parameters), segment.segment_logstd(frame, **parameters)
            )
    assert on_edge > 20


@pytest.mark.parametrize("value", [0, 1, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (1, 130), (130, 1), (65, 64)])
def test_a_blank_frame_has_no_objects_and_gives_no_warning(value, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for threshold in ("mode", "valley", "otsu"):
            for window_size in (1, 3, 15):
                found = segment_logstd(
                    np.full(shape, value, dtype=np.uint16),
                    window_size=window_size,
                    threshold=threshold,
                    min_object_size=0,
                )
                same_labels(found, np.zeros(shape, dtype=np.uint16))


def test_the_largest_variances_do_not_overflow():
    rng = np.random.default_rng(3)
    extreme = make_frame("extremes", make_mask("random", 40, 70, rng), rng)
    for window_size in (3, 31, 101):
        for threshold in ("mode", "valley", "otsu"):
            same_labels(
                segment_logstd(extreme, window_size=window_size, threshold=threshold),
                segment.segment_logstd(extreme, window_size=window_size, threshold=threshold),
            )


def test_a_frame_is_read_only_and_in_any_memory_order():
    frame = cell_like(120, 131, np.random.default_rng(5), number=5)
    expected = segment.segment_logstd(frame)
    assert expected.any()
    views = {
        "Fortran": np.asfortranarray(frame),
        "strided": np.repeat(np.repeat(frame, 2, axis=0), 3, axis=1)[::2, ::3],
        "mirrored": np.ascontiguousarray(frame[:, ::-1])[:, ::-1],
    }
    for view in views.values():
        copy = view.copy()
        view.setflags(write=False)
        same_labels(segment_logstd(view), expected)
        np.testing.assert_array_equal(view, copy)

"""Measures of labels that know no annotation, against plain versions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from skimage.measure import label

from fovea.kernels.boxes import boxes_and_areas
from fovea.kernels.outlines import hull_areas, steps_across
from fovea.segmentation.phase.measures import agreement, measured, smoothed, structure
from fovea.segmentation.phase.windows import densest, nested_windows


def blobs(seed: int, shape=(90, 110), sigma: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return label(gaussian_filter(noise, sigma) > 0.02, connectivity=1).astype(np.uint16)


@given(st.integers(0, 10**6), st.floats(0.5, 5))
def test_convex_hulls_are_those_of_scipy(seed, sigma):
    labels = blobs(seed, (40, 50), sigma)
    box, _ = boxes_and_areas(labels, int(labels.max()))
    areas = hull_areas(labels, box)
    for i, area in enumerate(areas):
        y, x = np.nonzero(labels == i + 1)
        corners = [np.stack([y + dy, x + dx], 1) for dy in (0, 1) for dx in (0, 1)]
        assert area == pytest.approx(ConvexHull(np.concatenate(corners)).volume)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(-5, 5), st.integers(-5, 5))
def test_steps_across_outlines_are_those_of_a_plain_loop(seed, depth, dy, dx):
    labels = blobs(seed, (24, 26), 2.0)
    image = np.random.default_rng(seed).normal(size=labels.shape).astype(np.float32)
    count = int(labels.max())
    expected = np.zeros((count + 1, 3))
    for y, x in zip(*np.nonzero(labels), strict=True):
        for sy, sx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            beside = (y + sy, x + sx)
            inside = all(0 <= p < n for p, n in zip(beside, labels.shape, strict=True))
            if not inside or labels[beside] == labels[y, x]:
                continue
            deep = (y, x)
            for k in range(1, depth + 1):
                p = (y - k * sy, x - k * sx)
                if min(p) < 0 or p[0] >= 24 or p[1] >= 26 or labels[p] != labels[y, x]:
                    break
                deep = p
            places = [(p[0] + dy, p[1] + dx) for p in ((y, x), beside, deep)]
            if any(min(p) < 0 or p[0] >= 24 or p[1] >= 26 for p in places):
                continue
            a, b, c = (float(image[p]) for p in places)
            step = 0.5 * (a + b) - c
            expected[labels[y, x]] += (step, abs(step), 1)
    np.testing.assert_allclose(steps_across(labels, image, depth, dy, dx, count), expected)


def test_agreement_counts_partners_of_all_windows():
    first = np.zeros((40, 40), np.uint16)
    first[4:14, 4:14], first[24:34, 4:14] = 1, 2
    moved = np.roll(first, 20, axis=1)
    assert agreement([first], [first], 10) == pytest.approx(4 / (4 + 12))  # and six without one
    assert agreement([first], [moved], 10) == 0
    assert agreement([first, first], [first, moved], 10) == pytest.approx(4 / (8 + 12))
    assert agreement([first * 0], [first * 0], 10) == 0
    cut = first.copy()
    cut[:14] = 0
    cut[:14, 4:14] = 1  # it touches the border, and is larger, but may be a partner
    assert agreement([first], [cut], 10) == pytest.approx((10 / 14 + 2) / (3 + 12))


def test_right_outlines_score_better_than_wrong_ones():
    labels = np.zeros((160, 160), np.uint16)
    for i, (y, x) in enumerate((y, x) for y in range(20, 150, 40) for x in range(20, 150, 40)):
        labels[y - 10 : y + 10, x - 10 : x + 10] = i + 1
    frame = np.where(labels > 0, 500, 1000) + np.random.default_rng(0).normal(0, 5, labels.shape)
    image = smoothed(frame.astype(np.uint16))
    energy = structure(image)
    right = measured([labels], [image], [energy], 22.0)
    moved = measured([np.roll(labels, 10, axis=1)], [image], [energy], 22.0)
    fewer = measured([np.where(labels % 2, labels, 0)], [image], [energy], 22.0)
    joined = measured([(labels + 1) // 2], [image], [energy], 22.0)
    assert right.count == 16
    assert right.found == pytest.approx(np.sqrt(4 / np.pi * 400))
    assert right.clean > 0.95
    assert right.solid == 1
    assert right.spread == 0
    assert right.edge > moved.edge + 1
    noise = smoothed(np.random.default_rng(1).normal(1000, 50, labels.shape).astype(np.uint16))
    assert measured([labels], [noise], [structure(noise)], 22.0).clean < 0.5
    assert fewer.missed > right.missed + 0.3
    assert joined.solid < 0.7
    empty = measured([labels * 0], [image], [energy], 22.0)
    assert empty.count == 0
    assert np.isnan(empty.found)
    assert empty.missed == 1


def test_windows_lie_inside_each_other_where_something_is_to_be_seen():
    frame = np.full((1500, 2048), 500, np.uint16)
    frame[1000:1100, 1800:1900] = np.random.default_rng(0).integers(0, 900, (100, 100))
    energy = structure(smoothed(frame))
    windows = nested_windows(energy, [8.0, 20.0, 40.0, 200.0])
    sides = [[s.stop - s.start for s in window] for window in windows]
    assert sides == [[224, 224], [320, 320], [640, 640], [1024, 1024]]
    for small, large in itertools.pairwise(windows):
        for a, b in zip(small, large, strict=True):
            assert b.start <= a.start < a.stop <= b.stop
    for window in (windows[0], densest(energy, 300)):
        assert window[0].start <= 1000
        assert window[0].stop >= 1100
        assert window[1].start <= 1800
        assert window[1].stop >= 1900
    assert densest(energy[:5, :5], 300) == (slice(0, 5), slice(0, 5))

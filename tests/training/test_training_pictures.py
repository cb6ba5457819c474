"""The drawn pictures of the training: their cells, their looks, and that they come out the same."""

import numpy as np
import pytest
from scipy import ndimage

import pictures
from pictures import _stored, distances, render
from shapes import KINDS, arrangement, paint, relax
from stills import DIAMETER

SIDE = 8 * DIAMETER


def body(x, y, length=0.0, radius=10.0, angle=0.0, bend=0.0):
    return [x, y, angle, length, radius, bend]


@pytest.mark.parametrize("kind", KINDS)
def test_arrangements(kind):
    sizes = []
    for seed in range(7):
        labels = arrangement(np.random.default_rng(seed), kind, SIDE)
        assert labels.shape == (SIDE, SIDE)
        areas = np.bincount(labels.ravel())[1:]
        sizes += np.sqrt(4 / np.pi * areas[areas > 0]).tolist()
    assert len(sizes) > 25
    assert 0.6 < np.median(sizes) / DIAMETER < 1.4


def test_relaxed_bodies_do_not_overlap():
    rng = np.random.default_rng(1)
    bodies = np.array([body(*rng.uniform(80, 120, 2), 20, 8, rng.uniform(0, 6)) for _ in range(9)])
    crowded = np.zeros((200, 200), np.int32)
    paint(crowded, bodies, np.zeros(9))
    relax(bodies, 400, 0.0)
    labels = np.zeros((200, 200), np.int32)
    paint(labels, bodies, np.zeros(9))
    whole = np.pi * 8**2 + 20 * 16
    assert (np.bincount(crowded.ravel())[1:] < 0.7 * whole).any()
    assert (np.bincount(labels.ravel(), minlength=10)[1:] > 0.85 * whole).all()


def test_a_painted_body_has_its_area_and_place():
    labels = np.zeros((100, 120), np.int32)
    paint(labels, np.array([body(60, 50, 40, 10)]), np.zeros(1))
    assert (labels > 0).sum() == pytest.approx(np.pi * 10**2 + 40 * 20, rel=0.05)
    np.testing.assert_allclose(ndimage.center_of_mass(labels), (50, 60), atol=0.5)
    waist = np.zeros((100, 120), np.int32)
    paint(waist, np.array([body(60, 50, 40, 10)]), np.array([0.25]))
    assert (waist[:, 60] > 0).sum() < (labels[:, 60] > 0).sum()


def test_distances_are_those_to_the_outlines():
    labels = np.zeros((60, 60), np.int32)
    labels[10:30, 10:30], labels[10:30, 30:50] = 1, 2
    inside, outside = distances(labels)
    assert inside[20, 20] * DIAMETER == pytest.approx(9.5, abs=1.5)
    assert inside[20, 29] == inside[20, 30] == inside[10, 20]  # contacts are outlines, too
    assert outside[40, 20] * DIAMETER == pytest.approx(11, abs=1)
    assert not inside[labels == 0].any()
    assert not outside[labels > 0].any()


def test_outlines_are_to_be_seen():
    seen = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels = arrangement(rng, str(rng.choice(KINDS)), SIDE)
        frame = render(rng, labels)
        assert frame.dtype == np.uint16
        assert frame.min() < frame.max()
        edges = np.zeros(labels.shape, bool)
        edges[1:] = labels[1:] != labels[:-1]
        gradient = ndimage.gaussian_gradient_magnitude(frame.astype(float), 1.5)
        seen.append(gradient[edges].mean() / np.median(gradient))
    assert np.median(seen) > 1.5


def test_pictures_depend_on_their_numbers_only():
    flat, labels, depth = pictures._picture(3, 1)
    again = pictures._picture(3, 1)
    for image, same in zip((flat, labels, depth), again, strict=True):
        np.testing.assert_array_equal(image, same)
    assert (pictures._picture(3, 2)[0] != flat).any()
    assert flat.astype(float)[::2, ::2].std() == pytest.approx(1, abs=0.01)
    assert depth.max() <= 1
    assert depth.astype(float)[labels > 0].mean() > 0.4
    drawn = pictures.pictures(2, 3)
    np.testing.assert_array_equal(drawn[1].flat, flat.astype(np.float32))


def test_some_pictures_are_clipped_and_some_have_few_levels():
    y, x = np.indices((80, 90), np.float32)
    image = np.sin(y / 9) + np.cos(x / 11) + 0.1 * np.sin(x * y / 50)
    frames = [_stored(np.random.default_rng(seed), image) for seed in range(80)]
    assert {(frame.dtype, frame.shape) for frame in frames} == {(np.dtype(np.uint16), image.shape)}
    assert all(np.corrcoef(frame.ravel(), image.ravel())[0, 1] > 0.9 for frame in frames)
    clipped = sum((frame == frame.max()).mean() > 0.004 for frame in frames)
    few = sum(len(np.unique(frame)) < 260 for frame in frames)
    assert 8 < clipped < 40
    assert 10 < few < 45

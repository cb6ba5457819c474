"""Segmentation `phase` against the plain reference, and what it must do with any frame."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import threshold_otsu

from fovea.config.phase_tuning import MODES, Adherent, Dark
from fovea.kernels import bits, distance, fields, flood, labelling, regions
from fovea.segmentation.phase.adherent import thresholds
from fovea.segmentation.phase.parts import merge, watershed
from fovea.segmentation.phase.segment_phase import flatten, segment_phase, tuned
from fovea.simulation.field import Field
from support.reference import phase, phase_dark, phase_parts
from support.strategies import examples, frames, masks, seeds

sizes = st.integers(1, 50)
PLAIN = {"adherent": phase.segment_adherent, "dark": phase_dark.segment_dark}


def textured_frame(seed, height, width):
    """Dark and bright blobs, some of them textured, on an uneven background, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = 3000 + 5.0 * x + rng.normal(0, rng.uniform(0, 30), (height, width))
    for _ in range(rng.integers(0, 9)):
        v, u, r = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(2, 9)
        inside = (y - v) ** 2 + (x - u) ** 2 < r * r
        texture = rng.normal(0, rng.choice([0, 300]), inside.shape)
        image += inside * (rng.choice([-900, 700]) + texture)
    return np.clip(image, 0, 65535).astype(np.uint16)


def random_parts(seed, height, width):
    """Depth, mask, ridge and parts as they come out of a watershed."""
    rng = np.random.default_rng(seed)
    depth = ndimage.gaussian_filter(rng.random((height, width)), 1.5).astype(np.float32)
    mask = depth > np.quantile(depth, rng.uniform(0, 0.6))
    return depth, mask, rng.random((height, width)) < 0.2


@given(seeds, sizes, sizes, st.floats(4, 40))
def test_background(seed, height, width, diameter):
    frame = textured_frame(seed, height, width)
    np.testing.assert_array_equal(flatten(frame, diameter), phase.flatten(frame, diameter))


@given(seeds, sizes, sizes, st.floats(0.3, 9))
def test_gaussian(seed, height, width, sigma):
    image = np.random.default_rng(seed).normal(0, 100, (height, width)).astype(np.float32)
    taps = fields.gaussian_taps(sigma)
    found = fields.smooth(image, taps)
    np.testing.assert_array_equal(found, phase.gaussian(image, sigma))
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=0.01)
    variance = fields.local_variance(image, taps)
    np.testing.assert_array_equal(variance, phase.gaussian(image * image, sigma) - found * found)


@given(masks())
def test_distances(mask):
    found = distance.distances(mask, np.float32(30))
    np.testing.assert_array_equal(found, phase.distances(mask, 30))


@given(masks(), seeds, st.integers(0, 40))
def test_choices_among_components(mask, seed, limit):
    width = mask.shape[1]
    other = np.random.default_rng(seed).random(mask.shape) < 0.3

    def after(kernel, *args):
        packed = bits.pack_above(mask, False)
        kernel(packed, *args)
        return bits.unpack(packed, width)

    holes = after(labelling.fill_holes, width, limit)
    np.testing.assert_array_equal(holes, phase.fill_holes(mask, limit))
    labels, count = ndimage.label(mask)
    held = np.bincount(labels[other], minlength=count + 1)
    expected = np.isin(labels, [n for n in range(1, count + 1) if held[n] >= limit])
    found = after(labelling.keep_marked, bits.pack_above(other, False), width, limit)
    np.testing.assert_array_equal(found, expected)
    labels, _ = ndimage.label(~mask | (mask & other))
    expected = mask & ~np.isin(labels, np.unique(labels[~mask]))
    found = after(labelling.clear_reached, bits.pack_above(mask & other, False), width)
    np.testing.assert_array_equal(found, expected)


@given(seeds, sizes, sizes, st.floats(0, 9), st.booleans())
def test_markers(seed, height, width, radius, plateaus):
    depth, mask, _ = random_parts(seed, height, width)
    if plateaus:
        depth = np.round(depth, 1)
    least = np.float32(np.median(depth))
    found = flood.maxima(depth, mask, radius, least)
    expected = phase.maxima(depth, mask, radius, least)
    assert found.tolist() == [int(y * width + x) for y, x in expected]


@given(seeds, sizes, sizes, st.floats(0, 1), st.floats(0, 1), st.integers(0, 30))
def test_watershed_and_mergers(seed, height, width, saddle, weight, small):
    depth, mask, ridge = random_parts(seed, height, width)
    markers = flood.maxima(depth, mask, 2.0, np.float32(0))
    components_of = ndimage.label(mask)[0].astype(np.uint16)
    parts = watershed(depth, mask, markers, components_of, ridge, 0.1)
    marked = phase.numbered_markers([divmod(int(marker), width) for marker in markers], mask.shape)
    expected = phase.watershed(phase.levels(depth, ridge, 0.1), mask, marked)
    np.testing.assert_array_equal(phase.numbered(parts, 0), phase.numbered(expected, 0))
    merged = merge(parts, depth, ridge, saddle=saddle, ridge_weight=weight, small=small)
    np.testing.assert_array_equal(merged, phase.merge(parts, depth, ridge, saddle, weight, small))


@given(masks(), seeds, st.integers(0, 6))
def test_growth(mask, seed, steps):
    labels = np.where(np.random.default_rng(seed).random(mask.shape) < 0.1, mask, 0)
    labels = ndimage.label(labels)[0].astype(np.int32)
    expected = phase_parts.grow(labels, mask, steps)
    grown = labels.copy()
    regions.grow(grown, mask, steps)
    np.testing.assert_array_equal(grown, expected)
    some = np.random.default_rng(seed + 1).random(mask.shape) < 0.5
    expected = phase_parts.recede(grown, some, steps)
    regions.recede(grown, some, steps)
    np.testing.assert_array_equal(grown, expected)


@given(seeds)
def test_thresholds(seed):
    rng = np.random.default_rng(seed)
    variance = np.exp(rng.normal(rng.choice([0, 4], (40, 40)), 0.7)).astype(np.float32)
    x = 0.5 * np.log(variance.astype(float))
    x = np.maximum(x, np.percentile(x, 0.1))
    found, mode, sigma = thresholds(variance)
    assert found == phase.otsu(x.ravel())
    assert (mode, sigma) == phase.background(x.ravel())
    counts, edges = np.histogram(x, 256)
    theirs = threshold_otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2))
    assert found == pytest.approx(theirs, abs=2 * np.diff(edges)[0])


@pytest.mark.parametrize("mode", PLAIN)
@given(seeds, sizes, sizes, st.floats(4, 20))
@examples(80)
def test_random_frames(mode, seed, height, width, diameter):
    frame = textured_frame(seed, height, width)
    found = segment_phase(frame, cell_diameter=diameter, mode=mode)
    np.testing.assert_array_equal(found, PLAIN[mode](frame, diameter, tuned(mode, {})))


@pytest.mark.parametrize("mode", PLAIN)
@given(frames(), st.floats(5, 14))
@examples(50)
def test_hostile_frames(mode, frame, diameter):
    found = segment_phase(frame, cell_diameter=diameter, mode=mode)
    np.testing.assert_array_equal(found, PLAIN[mode](frame, diameter, tuned(mode, {})))


@pytest.mark.parametrize("mode", PLAIN)
def test_a_simulated_frame_with_other_parameters(mode):
    frame = Field(5, 24, 240, 240, 9, crowded=mode == "adherent", channels=0).render(12).phase
    changed = {"saddle": 0.6, "marker_radius": 0.15, "min_area": 0.05}
    found = segment_phase(frame, cell_diameter=30, mode=mode, tuning=changed)
    assert found.max() > 2
    np.testing.assert_array_equal(found, PLAIN[mode](frame, 30, tuned(mode, changed)))


@given(seeds, sizes, sizes, st.sampled_from(list(PLAIN)))
def test_labels_are_numbered_in_raster_order(seed, height, width, mode):
    frame = textured_frame(seed, height, width)
    labels = segment_phase(frame, cell_diameter=8, mode=mode)
    assert labels.dtype == np.uint16
    assert labels.shape == frame.shape
    present, first = np.unique(labels, return_index=True)
    first = first[present > 0]
    assert (np.diff(first) > 0).all()
    assert present[present > 0].tolist() == list(range(1, len(first) + 1))
    assert (np.bincount(labels.ravel())[1:] >= tuned(mode, {}).min_area * 64).all()


@pytest.mark.parametrize("mode", PLAIN)
@pytest.mark.parametrize("value", [0, 7, 65535])
def test_blank_frames_hold_nothing(mode, value):
    frame = np.full((60, 70), value, np.uint16)
    assert not segment_phase(frame, cell_diameter=20, mode=mode).any()
    assert not segment_phase(frame.astype(np.uint8), cell_diameter=20, mode=mode).any()


@pytest.mark.parametrize("mode", PLAIN)
def test_a_recording_without_cells_holds_nothing(mode):
    frame = Field(3, 1, 300, 300, 0, channels=0).render(0).phase
    assert not segment_phase(frame, cell_diameter=36, mode=mode).any()


def test_a_view_is_segmented_like_a_copy():
    frame = Field(5, 24, 200, 200, 9, channels=0).render(0).phase
    view = np.asfortranarray(frame)
    view.setflags(write=False)
    one, other = (segment_phase(f, cell_diameter=36, mode="dark") for f in (view, frame))
    assert one.any()
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (np.zeros((3, 3), np.float32), {}, "expected a .* frame of uint16, got float32"),
        (np.zeros((2, 3, 3), np.uint16), {}, "expected a .* frame of uint16"),
        (
            np.zeros((3, 3), np.uint16),
            {"mode": "light"},
            "mode must be one of adherent, network, general, dark",
        ),
        (np.zeros((3, 3), np.uint16), {"cell_diameter": 2}, "must be at least 4, got 2"),
        (np.zeros((3, 3), np.uint16), {"tuning": {"saddel": 1}}, "adherent has no 'saddel'; it"),
    ],
)
def test_wrong_input(frame, options, message):
    with pytest.raises(ValueError, match=message):
        segment_phase(frame, **{"cell_diameter": 20} | options)


def test_the_modes_have_their_own_parameters():
    assert tuned("dark", {"dark_level": 0.3}) == Dark(dark_level=0.3)
    assert tuned("adherent", {}) == Adherent()


@pytest.mark.parametrize("mode", MODES)
def test_the_documentation_lists_the_parameters(mode):
    text = (Path(__file__).parents[2] / "docs" / "algorithms.md").read_text("utf-8")
    table = text.split(f"`tuning` of mode `{mode}`")[1].split("\n\n")[1]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    values = {name: str(value) for name, value in asdict(MODES[mode]()).items()}
    assert dict(rows) == values


def test_a_threshold_beyond_all_variances():
    frame = np.array([[50373, 63815, 43261, 37030, 19658]], np.uint16)
    assert not segment_phase(frame, cell_diameter=4.0).any()

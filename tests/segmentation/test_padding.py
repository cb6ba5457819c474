"""Padding counts nowhere: frames with it have the labels that they have without it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage

from fovea.config.phase_tuning import MODES
from fovea.kernels import constant, fields
from fovea.segmentation.logstd import segment_logstd
from fovea.segmentation.padding import filled, without_padding
from fovea.segmentation.phase.segment_phase import flatten, segment_phase
from fovea.segmentation.recorded import recorded_pixels
from fovea.simulation.field import Field
from support.strategies import examples, masks, seeds

SIZE = 200
VALUES = st.sampled_from([0, 255, 1000, 4095, 65535])
METHODS = {f"{mode}, {contrast}": (mode, contrast) for mode in MODES if mode != "network"
           for contrast in ("dark", "bright")} | {"logstd": None}  # fmt: skip


def simulated(size=SIZE, cells=8):
    return Field(5, 24, size, size, cells, channels=0).render(12).phase


def segmented(frame, method):
    if METHODS[method] is None:
        return segment_logstd(frame)
    mode, contrast = METHODS[method]
    return segment_phase(frame, cell_diameter=36, mode=mode, contrast=contrast)


def shape(kind, size, rng):
    """Return the recorded part of a frame that has one kind of padding, (H, W) bool."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    recorded = np.ones((size, size), bool)
    if kind == "field stop":
        recorded = np.hypot(y, x) < rng.uniform(0.42, 0.55) * size
    elif kind == "rotated":
        angle, side = np.deg2rad(rng.uniform(3, 40)), rng.uniform(0.4, 0.48) * size
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        recorded = np.maximum(abs(u), abs(v)) < side
    elif kind == "masked":
        top, left = rng.integers(20, size - 80, 2)
        recorded[top : top + rng.integers(25, 60), left : left + rng.integers(25, 60)] = False
    elif kind == "stitched":
        recorded[: rng.integers(30, 80), : rng.integers(30, 80)] = False
    return recorded


@pytest.mark.parametrize("method", METHODS)
@given(seeds, VALUES)
@examples(3)
def test_a_padded_frame_has_the_same_labels(method, seed, value):
    rng = np.random.default_rng(seed)
    frame = simulated()
    if "bright" in method:
        frame = ~frame
    expected = segmented(frame, method)
    assert expected.any()
    top, left, below, right = rng.integers(0, 60, 4)
    assume(top + left + below + right > 0)
    padded = np.pad(frame, ((top, below), (left, right)), constant_values=value)
    labels = segmented(padded, method)
    inner = labels[top : top + SIZE, left : left + SIZE]
    np.testing.assert_array_equal(inner, expected)
    assert np.count_nonzero(labels) == np.count_nonzero(expected)


@pytest.mark.parametrize("kind", ["field stop", "rotated", "masked", "stitched"])
@pytest.mark.parametrize("method", ["adherent, dark", "dark, dark", "dark, bright", "logstd"])
@given(seeds, VALUES)
@examples(2)
def test_cells_away_from_padding_stay_the_same(method, kind, seed, value):
    frame = simulated(300, 12)
    if "bright" in method:
        frame = ~frame
    recorded = shape(kind, 300, np.random.default_rng(seed))
    labels = segmented(np.where(recorded, frame, np.uint16(value)), method)
    expected = segmented(frame, method)
    assert not labels[~recorded].any()
    near = np.unique(expected[ndimage.distance_transform_edt(recorded) < 12])
    scores = []
    for cell in np.setdiff1d(np.unique(expected), near):
        mask = expected == cell
        sizes = np.bincount(labels[mask], minlength=2)
        best = np.argmax(sizes[1:]) + 1
        scores.append(sizes[best] / np.count_nonzero(mask | (labels == best)))
    assert np.mean(scores or [1]) > 0.9


@pytest.mark.parametrize("kind", ["field stop", "rotated", "masked", "stitched"])
@given(seeds, VALUES, st.booleans())
@examples(4)
def test_padding_is_found_to_the_pixel(kind, seed, value, narrow):
    rng = np.random.default_rng(seed)
    frame = simulated(300, 12)
    if narrow:
        frame, value = (frame >> 8).astype(np.uint8), min(value, 255)
        frame = np.clip(frame + rng.normal(0, 2, frame.shape), 1, 254).astype(np.uint8)
    recorded = shape(kind, 300, rng)
    found = recorded_pixels(np.where(recorded, frame, frame.dtype.type(value)))
    assert np.mean(found != recorded) < 0.002
    assert recorded_pixels(frame) is None


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_thin_borders_are_found(rows):
    frame = simulated()
    frame[:rows] = 0
    frame[:, -rows:] = 65535
    found = recorded_pixels(frame)
    assert not found[:rows].any()
    assert not found[:, -rows:].any()
    assert found[rows:, :-rows].all()


def test_pixels_that_interpolation_mixed_with_padding_are_left_out():
    frame = ndimage.shift(simulated().astype(float), (7.5, 0), order=1, cval=0).astype(np.uint16)
    found = recorded_pixels(frame)
    assert not found[:8].any()
    assert found[9:].all()


def disks(seed, number, level, hard):
    """Disks on a ground of 1000 counts, without noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:300, :300]
    image = np.full((300, 300), 1000.0)
    for _ in range(number):
        distance = np.hypot(y - rng.uniform(0, 300), x - rng.uniform(0, 300))
        radius = rng.uniform(8, 25)
        inside = distance < radius if hard else 1 / (1 + np.exp(distance - radius))
        image += (level - image) * inside
    return image


@given(seeds, st.integers(1, 30), st.booleans())
@examples(8)
def test_what_is_no_padding(seed, number, hard):
    cells = disks(seed, number, 300, hard)
    noise = np.random.default_rng(seed).normal(0, 20, cells.shape)
    bright = 2000 - cells
    for frame in (
        cells.astype(np.uint16),  # an even ground without noise
        (cells / 8).astype(np.uint8),
        np.clip((bright + noise) * 60, 0, 65535).astype(np.uint16),  # saturated cells
        np.clip((cells + noise) / 4 - 120, 0, 255).astype(np.uint8),  # cells clipped at 0
        np.clip(cells + noise + np.arange(300) * 3, 0, 65535).astype(np.uint16),
    ):
        assert recorded_pixels(frame, 4 * 50**2) is None


def test_a_corner_in_poor_light_is_no_padding():
    y, x = np.mgrid[:300, :300] - 150.0
    frame = np.clip(200 - 0.8 * np.hypot(y, x), 40, 255).round().astype(np.uint8)
    assert recorded_pixels(frame) is None
    for value in (0, 9, 65535):
        assert recorded_pixels(np.full((300, 300), value, np.uint16)) is None


@given(masks())
def test_the_nearest_pixels(valid):
    found = constant.nearest(valid)
    if not valid.any():
        assert (found == -1).all()
        return
    assert valid.ravel()[found].all()
    y, x = np.divmod(found, valid.shape[1])
    v, u = np.indices(valid.shape)
    distance = np.hypot(y - v, x - u)
    expected = ndimage.distance_transform_edt(~valid)
    np.testing.assert_allclose(distance, expected, atol=0.6)
    assert np.mean(distance > expected + 1e-6) < 0.05
    values = np.arange(valid.size).reshape(valid.shape)
    np.testing.assert_array_equal(filled(values, valid), found)


@given(seeds, st.integers(1, 60), st.integers(1, 60), st.integers(1, 9))
def test_means_of_blocks(seed, height, width, block):
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 65536, (height, width)).astype(np.uint16)
    valid = rng.random(frame.shape) < 0.5
    means, counts = constant.block_means(frame, valid, block)
    for i, j in np.ndindex(means.shape):
        part = slice(i * block, (i + 1) * block), slice(j * block, (j + 1) * block)
        values = frame[part][valid[part]].astype(np.int64)
        assert counts[i, j] == len(values)
        assert means[i, j] == (np.float32(values.sum() / len(values)) if len(values) else 0)
    everywhere, _ = constant.block_means(frame, np.ones_like(valid), block)
    np.testing.assert_array_equal(everywhere, fields.block_means(frame, block))


def test_the_ground_beside_padding_is_that_of_recorded_pixels():
    frame = np.full((120, 120), 500, np.uint16)
    valid = np.ones(frame.shape, bool)
    valid[:, :50] = False
    frame[~valid] = 60000
    np.testing.assert_array_equal(flatten(frame, 12, valid), 0)


def test_frames_to_look_at_are_cut_and_filled():
    frame = simulated()
    padded = np.pad(frame, 30)
    np.testing.assert_array_equal(without_padding(padded), frame)
    assert without_padding(frame) is frame
    frame[80:120, 60:100] = 0
    assert without_padding(frame).min() > 0

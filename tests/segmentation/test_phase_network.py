"""Mode `network` of segmentation `phase` against its plain version."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label
from skimage.morphology import h_maxima

from fovea.config.phase_tuning import NETWORKS
from fovea.errors import FoveaError
from fovea.evaluation.scores import match_frame
from fovea.kernels import basins, resample
from fovea.segmentation.guards import collected
from fovea.segmentation.phase import unet
from fovea.segmentation.phase.network import (
    WEIGHTS,
    as_seen,
    label_network,
    prepared,
    read_weights,
    scaled,
    without_faint,
)
from fovea.segmentation.phase.segment_phase import flatten, segment_phase, tuned
from fovea.simulation.field import Field
from support.reference import phase as plain_phase
from support.reference import phase_network as plain
from support.strategies import examples, frames, seeds

sizes = st.integers(1, 40)
with np.load(WEIGHTS["general"]) as stored:
    ARRAYS = {name: stored[name].astype(np.float32) for name in stored.files}


def cells(seed=5, size=150):
    """A simulated frame; the network does not know such cells, but sees something in them."""
    return Field(seed, 24, size, size, 6, channels=0).render(12).phase


def random_weights(seed):
    """Another network, whose results have nothing in common with cells."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.2, a.shape).astype(np.float32) for name, a in ARRAYS.items()}


def predict(seen, arrays):
    """All parts of the prediction together."""
    parts = unet.predict(lambda rows: seen[:, rows], seen.shape[1:], arrays)
    return np.concatenate([part.copy() for part in parts], axis=1)


@given(seeds, sizes, sizes, sizes, sizes)
def test_resampling(seed, height, width, new_height, new_width):
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 100, (height, width)).astype(np.float32)
    shape = new_height, new_width
    np.testing.assert_array_equal(resample.resample(image, shape), plain.resample(image, shape))
    labels = rng.integers(0, 9, (height, width)).astype(np.int32)
    np.testing.assert_array_equal(resample.nearest(labels, shape), plain.nearest(labels, shape))


@pytest.mark.parametrize("sizes", [(7, 7), (8, 4), (9, 2), (5, 10), (1, 6), (6, 1)])
def test_resampling_keeps_the_mean_of_a_constant_image(sizes):
    image = np.full((sizes[0], 3), 7, np.float32)
    np.testing.assert_allclose(resample.resample(image, (sizes[1], 3)), 7, rtol=1e-6)


@given(seeds, st.integers(1, 30), st.integers(1, 30), st.integers(0, 40), st.integers(0, 60))
def test_basins(seed, height, width, rise, least):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, rng.choice([3, 80, 65536]), (height, width)).astype(np.uint16)
    mask = rng.random((height, width)) < rng.choice([0.3, 0.8, 1])
    found = basins.basins(levels, mask, rise, least)
    expected = plain.basins(levels, mask, rise, least)
    names, compact = np.unique(expected, return_inverse=True)
    compact = compact.reshape(expected.shape) + (0 if 0 in names else 1)
    np.testing.assert_array_equal(found, compact)


@given(seeds, st.integers(21, 30), st.integers(1, 400))
def test_basins_are_those_of_h_maxima(seed, size, rise):
    # without equal levels, of which h-maxima keep all and basins the first
    levels = np.random.default_rng(seed).permutation(size * size).reshape(size, size)
    levels = (levels + 1000).astype(np.uint16)
    found = basins.basins(levels, np.ones(levels.shape, bool), rise, 0)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    peaks = label(h_maxima(levels, rise, cross), connectivity=1)
    assert found.max() == peaks.max()
    # each of the maxima in a region of its own
    owners = [np.unique(found[peaks == n]).tolist() for n in range(1, peaks.max() + 1)]
    assert sorted(owners) == [[n] for n in range(1, found.max() + 1)]


@given(seeds, st.integers(1, 45), st.integers(1, 45))
@examples(12)
def test_random_networks(seed, height, width):
    arrays = random_weights(seed)
    seen = np.random.default_rng(seed).normal(0, 1, (3, height, width)).astype(np.float32)
    found = predict(seen, prepared(arrays))
    np.testing.assert_array_equal(found, plain.predict(seen, arrays))


@pytest.mark.parametrize("rows", [4, 12, 200])
def test_parts_do_not_show(monkeypatch, rows):
    seen = np.random.default_rng(1).normal(0, 1, (3, 700, 40)).astype(np.float32)
    whole = predict(seen, read_weights(WEIGHTS["general"]))
    monkeypatch.setattr(unet, "_ROWS", rows)
    np.testing.assert_array_equal(predict(seen, read_weights(WEIGHTS["general"])), whole)


def test_the_memory_does_not_grow_with_the_height():
    arrays, peaks = read_weights(WEIGHTS["general"]), []
    for height in (600, 2400):
        seen = np.broadcast_to(np.float32(0), (3, height, 40))
        tracemalloc.start()
        for _ in unet.predict(lambda rows, seen=seen: seen[:, rows], seen.shape[1:], arrays):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.01 * peaks[0]


@given(seeds, sizes, sizes, st.floats(6, 60))
@examples(60)
def test_features(seed, height, width, diameter):
    frame = np.random.default_rng(seed).integers(0, 4000, (height, width)).astype(np.uint16)
    flat = flatten(frame, diameter)
    bright, expected = scaled(flat), plain.features(flat, diameter)
    if expected is None:
        assert bright is None
    else:
        np.testing.assert_array_equal(as_seen(bright, diameter), expected)


@given(frames(largest=40), st.floats(6, 40), st.sampled_from(NETWORKS))
@examples(15)
def test_hostile_frames(frame, diameter, mode):
    found = segment_phase(frame, cell_diameter=diameter, mode=mode)
    with np.load(WEIGHTS[mode]) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    expected = plain.segment_network(frame, diameter, tuned(mode, {}), arrays)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("diameter", [20, 30, 47.3])
@pytest.mark.parametrize("twice_from", [30, 60])
def test_a_simulated_frame(diameter, twice_from):
    changed = {"level": 0.3, "least_depth": 0.1, "least_rise": 0.05, "min_area": 0.02}
    changed["twice_from"] = twice_from
    frame = cells()
    found = segment_phase(frame, cell_diameter=diameter, mode="general", tuning=changed)
    assert found.max() > 2
    expected = plain.segment_network(frame, diameter, tuned("general", changed), ARRAYS)
    np.testing.assert_array_equal(found, expected)
    present, first = np.unique(found, return_index=True)
    assert present.tolist() == list(range(found.max() + 1))
    assert (np.diff(first[1:]) > 0).all()


def test_a_frame_seen_twice_does_not_depend_on_how_it_is_turned():
    # a frame without background, so that only the network could tell
    flat = scaled(flatten(cells(size=144), 24))
    options = {"weights": WEIGHTS["general"]}
    found = {}
    for times in (1, 2):
        p = tuned("general", {"twice_from": 24 if times == 2 else 25})
        turned = np.ascontiguousarray(flat[::-1, ::-1])
        first, second = (label_network(a, 24, p, **options) for a in (flat, turned))
        found[times] = match_frame(first, np.ascontiguousarray(second[::-1, ::-1])).iou
    assert found[2].mean() > max(0.97, found[1].mean())


def scene(bodies, shape=(60, 120)):
    """Labels 1..N and the brightness of disks: (y, x, radius, darkness) each."""
    y, x = np.indices(shape)
    labels, bright = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for name, (cy, cx, radius, darkness) in enumerate(bodies, 1):
        inside = (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
        labels[inside], bright[inside] = name, -darkness
    return labels, bright


def test_faint_objects_are_left_out():
    cells = [(20, 20 + 30 * i, 8, 2.0) for i in range(3)]
    faint = [(45, 15 + 20 * i, 6, 0.3) for i in range(5)]
    labels, bright = scene(cells + faint)
    assert np.unique(without_faint(labels, bright, 0.45)).tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(without_faint(labels, bright, 0), labels)
    # alone, they are what there is
    labels, bright = scene(faint)
    np.testing.assert_array_equal(without_faint(labels, bright, 0.45), labels)


def test_a_faint_object_beside_a_clear_one_remains():
    # the rings of the first two meet, that of the third one meets no other
    cells = [(20, 2.0), (40, 0.3), (70, 0.3), (100, 2.0)]
    labels, bright = scene([(30, x, 8, darkness) for x, darkness in cells])
    expected = np.where(labels == 3, 0, labels)
    np.testing.assert_array_equal(without_faint(labels, bright, 0.45), expected)


def test_pieces_of_noise_are_left_out():
    """However many there are, and whether or not a cell is among them."""
    rng = np.random.default_rng(0)
    cells = [(15, 30, 8, 2.0)]
    pieces = [(15 + 30 * (i // 9), 12 + 24 * (i % 9), 5, 0.0) for i in range(9, 36)]
    for bodies, expected in ((cells + pieces, [0, 1]), (pieces, [0])):
        labels, bright = scene(bodies, (140, 230))
        bright += rng.normal(0, 0.4, bright.shape).astype(np.float32)
        assert np.unique(without_faint(labels, bright, 0.45)).size > 20
        with collected() as removals:
            assert np.unique(without_faint(labels, bright, 0.45, 1.6)).tolist() == expected
        assert [one.guard for one in removals] == ["noise_level"] * (expected == [0])


@given(
    seeds,
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0, 0.1, 0.5, 1, 2]),
    st.sampled_from([0, 0.5, 1, 1.5, 3]),
)
@examples(80)
def test_faint_objects(seed, height, width, least, noise):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 80, (height, width)).astype(np.uint16)
    mask = rng.random((height, width)) < rng.choice([0.3, 0.8])
    labels = basins.basins(levels, mask, 20, 0)
    bright = rng.choice([1, 1e-3, 100]) * rng.normal(0, 1, (height, width)).astype(np.float32)
    bright = (bright * (1 + levels // 40)).astype(np.float32)
    found = without_faint(labels, bright, least, noise)
    np.testing.assert_array_equal(found, plain.without_faint(labels, bright, least, noise))


def test_the_log_says_that_all_objects_were_faint():
    labels, bright = scene([(20, 20, 8, 2.0), (20, 60, 8, 1.0)])
    with collected() as removals:
        assert not without_faint(labels, bright, 1.5).any()
    assert [(one.guard, one.needed) for one in removals] == [("least_contrast", 1.5)]
    assert removals[0].found == pytest.approx(1.0)


def test_weights_of_ones_own(tmp_path):
    frame = cells()
    own = tmp_path / "own.npz"
    np.savez(own, **random_weights(3))
    options = {"cell_diameter": 30, "mode": "general", "tuning": {"least_depth": -1}}
    found = segment_phase(frame, weights=own, **options)
    assert (found != segment_phase(frame, **options)).any()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive", None])
def test_wrong_weights(tmp_path, content):
    file = tmp_path / "own.npz"
    if content is None:
        np.savez(file, other=np.zeros(3))
        message = r"own.npz does not hold the weights of a network for method phase"
    else:
        file.write_bytes(content)
        message = r"own.npz cannot be read as the weights of a network"
    with pytest.raises(FoveaError, match=message):
        segment_phase(cells(), cell_diameter=30, mode="general", weights=file)
    with pytest.raises(FoveaError, match="cannot be read as the weights of a network"):
        read_weights(tmp_path / "missing.npz")


def resized(channels):
    """Random weights of a network with other numbers of channels, one per level."""
    rng = np.random.default_rng(4)
    ins = [12, *channels]
    shapes = {"out": (12, channels[0], 1, 1)}
    for level, (below, here) in enumerate(zip(ins, channels, strict=False)):
        shapes[f"enc.{level}.0.0"] = (here, below, 3, 3)
        shapes[f"enc.{level}.1.0"] = (here, here, 3, 3)
        if level:
            shapes[f"lat.{level - 1}"] = (below, here, 1, 1)
            shapes[f"dec.{level - 1}.0"] = (below, below, 3, 3)
    arrays = {f"{name}.w": rng.normal(0, 0.2, shape) for name, shape in shapes.items()}
    arrays |= {f"{name}.b": rng.normal(0, 0.2, shape[:1]) for name, shape in shapes.items()}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize("channels", [(4, 8), (5, 7, 3), (8,), (3, 9, 4, 2), (4, 3, 8, 2, 5, 3)])
@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (33, 3), (65, 129)])
def test_networks_of_other_sizes(tmp_path, channels, shape):
    np.savez(tmp_path / "own.npz", **resized(channels))
    seen = np.random.default_rng(0).normal(0, 1, (3, *shape)).astype(np.float32)
    read_weights.cache_clear()
    found = predict(seen, read_weights(tmp_path / "own.npz"))
    np.testing.assert_array_equal(found, plain.predict(seen, resized(channels)))


@pytest.mark.parametrize("name", ["out.b", "enc.1.0.0.w", "lat.0.w", "dec.0.0.b", "enc.0.0.0.w"])
def test_networks_of_which_a_part_does_not_fit(tmp_path, name):
    whole = resized((4, 8))
    for part in (None, whole[name][None], whole[name][1:]):
        changed = {key: array for key, array in whole.items() if key != name}
        changed |= {} if part is None else {name: part}
        np.savez(tmp_path / "own.npz", **changed)
        read_weights.cache_clear()
        with pytest.raises(FoveaError, match="does not hold the weights of a network"):
            read_weights(tmp_path / "own.npz")


def test_blank_frames_hold_nothing():
    for value in (0, 7, 65535):
        frame = np.full((60, 70), value, np.uint16)
        assert not segment_phase(frame, cell_diameter=20, mode="network").any()


def test_small_cells_are_refused():
    with pytest.raises(ValueError, match="mode network needs a cell_diameter of 6 at least"):
        segment_phase(cells(), cell_diameter=5, mode="network")


def test_the_plain_background_is_the_same():
    np.testing.assert_array_equal(flatten(cells(), 30), plain_phase.flatten(cells(), 30))

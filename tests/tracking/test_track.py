"""Tracking `iou` against the plain reference."""

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from fovea.tracking.iou import IouTracker
from support.reference import track
from support.reference.morphology import label
from support.strategies import examples, label_stacks, make_mask, renumber, seeds
from support.tracking import track_stack

parameters = st.fixed_dictionaries(
    {
        "min_iou": st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]),
        "overlap": st.sampled_from(["box", "mask"]),
        "min_size": st.sampled_from([None, None, 0, 2, 5]),
        "max_size": st.sampled_from([None, None, 6, 100]),
    }
)


#: Nothing but the overlap in consecutive frames, as in the reference.
PLAIN = {"overlap": "box", "max_gap": 0, "max_merge": 0, "drift": False}


def track_iou(labels, **options):
    """IDs (T, H, W) of the cells of a stack."""
    return track_stack(labels, IouTracker(**PLAIN | options))


def check_tracks(labels, found, min_iou=0.1, overlap="box", min_size=None, max_size=None):
    """Everything that docs/algorithms.md asks for, whichever of several equal optima is taken."""
    assert found.shape == labels.shape
    frames = [track.drop_by_size(frame, min_size, max_size) for frame in labels]
    last_id = 0
    before = {}
    for t, frame in enumerate(frames):
        assert np.array_equal(found[t] > 0, frame > 0)
        ids = {}
        for number in track.boxes(frame)[0]:
            (ids[number],) = np.unique(found[t][frame == number]).tolist()
        assert len(set(ids.values())) == len(ids)
        for number in sorted(ids):  # new IDs follow the order of the labels
            if ids[number] not in before.values():
                last_id += 1
                assert ids[number] == last_id
        if t > 0:
            old, new, matrix = track.overlap_matrix(frames[t - 1], frame, min_iou, overlap)
            owner = {before[number]: i for i, number in enumerate(old)}
            pairs = [(owner[ids[n]], j) for j, n in enumerate(new) if ids[n] in owner]
            assert all(matrix[pair] > 0 for pair in pairs)
            best = sum(matrix[pair] for pair in track.assign(matrix))
            assert sum(matrix[pair] for pair in pairs) == pytest.approx(best, abs=1e-12)
        before = ids
    assert found.dtype == (np.uint16 if last_id <= 65535 else np.uint32)


@given(label_stacks(), parameters)
@examples(150)
def test_tracks(labels, parameters):
    found = track_iou(labels, **parameters)
    check_tracks(labels, found, **parameters)
    same = np.array_equal(found, track.track_iou(labels, **parameters))
    event(f"same as the reference: {same}")


@given(seeds, parameters)
@examples(40)
def test_tracks_without_ties_equal_the_reference(seed, parameters):
    # rectangles of many sizes on the move: no two sums of overlaps are equal
    rng = np.random.default_rng(seed)
    stack = []
    boxes = np.column_stack([rng.uniform(0, 70, (25, 2)), rng.uniform(5, 23, (25, 2))])
    for _ in range(5):
        boxes[:, :2] += rng.normal(0, 3, (25, 2))
        boxes[:, 2:] += rng.normal(0, 1, (25, 2))
        frame = np.zeros((83, 97), dtype=np.uint16)
        for number, (y, x, height, width) in enumerate(boxes, 1):
            if rng.random() < 0.9 and y > 0 and x > 0:
                frame[int(y) : int(y + height), int(x) : int(x + width)] = number
        stack.append(frame)
    labels = np.stack(stack)
    found = track_iou(labels, **parameters)
    check_tracks(labels, found, **parameters)
    expected = track.track_iou(labels, **parameters)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("overlap", ["box", "mask"])
def test_moving_cells_keep_their_ids(overlap):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:200, :280]
    centres = np.stack(np.mgrid[25:180:40, 25:260:40], axis=-1).reshape(-1, 2).astype(float)
    stack = []
    for _ in range(8):
        centres += rng.uniform(-2, 2, centres.shape)
        frame = np.zeros(y.shape, dtype=np.uint16)
        for number, (v, u) in enumerate(centres, 1):
            frame[np.hypot(y - v, x - u) < 9] = number
        stack.append(renumber(frame, rng))
    labels = np.stack(stack)
    found = track_iou(labels, overlap=overlap)
    np.testing.assert_array_equal(found, track.track_iou(labels, overlap=overlap))
    assert found.max() == len(centres) == 24


def test_a_crowd_in_one_connected_group():
    # every box overlaps several of the next frame: one large assignment
    rng = np.random.default_rng(8)
    stack = []
    for shift in (0, 3, 5):
        y, x = np.mgrid[:120, :120]
        cells = (y + shift) // 8 * 16 + (x + shift) // 8 + 1
        stack.append(np.where(rng.random((120, 120)) < 0.97, cells, 0).astype(np.uint16))
    labels = np.stack(stack)
    for overlap in ("box", "mask"):
        found = track_iou(labels, min_iou=0.01, overlap=overlap)
        check_tracks(labels, found, min_iou=0.01, overlap=overlap)


def test_many_to_one():
    # one large object and many small ones in its box: only one may take its ID
    one = np.zeros((20, 20), dtype=np.uint16)
    one[1:19, 1:19] = 7
    many = label(make_mask("checkerboard", 20, 20, np.random.default_rng(0)) & (one > 0))[0]
    many[2:9, 2:9] = 500
    labels = np.stack([one, many.astype(np.uint16), one])
    for overlap in ("box", "mask"):
        found = track_iou(labels, min_iou=0.05, overlap=overlap)
        assert found[1][many == 500].tolist() == [1] * 49
        assert (found[2] == found[0]).all()
        assert len(np.unique(found[1])) == len(np.unique(many))


def test_empty_frames_end_every_track():
    frame = np.zeros((5, 9), dtype=np.uint16)
    frame[1:3, 1:3], frame[1:3, 5:7] = 2, 1
    nothing = np.zeros_like(frame)
    found = track_iou(np.stack([nothing, frame, nothing, nothing, frame, frame]))
    assert not found[[0, 2, 3]].any()
    assert np.array_equal(found[1], frame)
    assert np.array_equal(found[4], np.where(frame > 0, frame + 2, 0))
    assert np.array_equal(found[5], found[4])
    assert not track_iou(np.stack([nothing])).any()


def test_thousands_of_cells_that_stay():
    mask = make_mask("grid", 200, 200, np.random.default_rng(0))
    frame = label(mask)[0].astype(np.uint16)
    assert frame.max() == 10_000
    found = track_iou(np.stack([frame, frame, frame[::-1, ::-1], frame]))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[1], frame)
    np.testing.assert_array_equal(found[3], found[0] if found.max() == 10_000 else found[3])
    assert found.max() in (10_000, 20_000, 30_000)


def test_more_ids_than_16_bits_count():
    # one-pixel cells that move diagonally between frames never overlap: all IDs are new
    rows = np.arange(600)
    even = np.add.outer(rows % 2, 2 * (rows % 2)) == 0
    odd = np.roll(even, (1, 1), (0, 1))
    stack = np.zeros((3, 600, 600), dtype=np.uint32)
    for t, mask in enumerate((even, odd, odd)):
        stack[t][mask] = np.arange(1, 90_001)
    found = track_iou(stack)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found[0], stack[0])
    np.testing.assert_array_equal(found[1][odd], np.arange(90_001, 180_001))
    np.testing.assert_array_equal(found[2], found[1])


def test_the_last_id_of_16_bits():
    frame = np.zeros((1, 131_072), dtype=np.uint32)
    frame[0, : 2 * 65_535 : 2] = np.arange(1, 65_536)
    assert track_iou(frame[None]).dtype == np.uint16
    frame[0, -1] = 65_536
    found = track_iou(frame[None])
    assert found.dtype == np.uint32
    assert np.array_equal(found[0], frame)


def test_the_input_is_not_changed():
    labels = np.zeros((2, 4, 70), dtype=np.uint16)
    labels[:, 1:3, 60:66] = 9
    labels.setflags(write=False)
    assert np.array_equal(track_iou(labels, min_size=1), labels // 9)

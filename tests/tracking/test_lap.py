"""Method `lap` against its plain version, and each kind of failure by itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from fovea.evaluation.scores import match_frame
from fovea.evaluation.track_scores import track_scores
from fovea.simulation.cells import CROWDED
from fovea.simulation.field import Field
from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker
from support.reference import track_lap
from support.strategies import examples, label_stacks, seeds
from support.tracking import X, Y, disk, frame, track_stack

FULL = {"max_gap": 2, "max_merge": 5, "divisions": True}
BOTH = pytest.mark.parametrize("tracker", [LapTracker(**FULL), IouTracker(**FULL)])


def lives(links):
    """First frame, last frame and parent of each cell."""
    return [row[1:] for row in links.lineage()]


@given(label_stacks())
@examples(40)
def test_links_of_two_frames_are_those_of_the_plain_version(labels):
    before, here = labels[0], labels[-1]
    if not before.any() or not here.any():
        return
    same_as_plain(before, here)


def same_as_plain(before, here):
    """The links of two frames have the largest sum of gains that the plain version knows."""
    links = LapTracker(max_gap=0, max_merge=0, drift=False).link([before, here])
    found = {(c[0][1], c[1][1]) for c in links.chains if len(c) == 2}
    gain = track_lap.gains(before, here)
    best = track_lap.assign({pair: value for pair, value in gain.items() if value > 0})
    total = sum(gain[pair] for pair in best)
    assert sum(gain[pair] for pair in found) == pytest.approx(total, rel=1e-9, abs=1e-9)


@given(label_stacks())
@examples(20)
def test_the_same_input_gives_the_same_bytes(labels):
    tracker = LapTracker(**FULL)  # used twice: nothing is left of the first recording
    first = track_stack(labels, tracker)
    assert track_stack(labels, tracker).tobytes() == first.tobytes()
    assert track_stack(labels, LapTracker(**FULL)).tobytes() == first.tobytes()


def others(t):
    """Three further cells, which go their ways."""
    return disk(30, 40 + t), disk(130, 150 - t), disk(125, 40)


@BOTH
def test_an_object_that_is_split_for_one_frame(tracker):
    stack = [frame(disk(80, 100, 14), *others(t)) for t in range(9)]
    halves = disk(80, 100, 14) & (X < 104), disk(80, 100, 14) & (X > 105)
    stack[4] = frame(*halves, *others(4))
    assert lives(tracker.link(stack)).count((0, 8, 0)) == 4


def with_sixteen(rng, *masks):
    """Objects of one frame: `masks`, and sixteen cells in two rows that move and grow a little."""
    places = (np.stack(np.divmod(np.arange(16), 8), 1) * (132, 24) + 14).astype(float)
    places += rng.normal(0, 1.5, places.shape)
    radii = 8 * np.exp(rng.normal(0, 0.06, 16))
    return frame(*masks, *(disk(*p, r) for p, r in zip(places, radii, strict=True)))


@pytest.mark.parametrize("seed", range(3))
@BOTH
def test_the_part_of_a_cell_that_stays_in_its_place_keeps_the_name(tracker, seed):
    """Another part has the cell's area and shape, as a daughter that spreads beside it may."""
    rng = np.random.default_rng(seed)
    whole, part = disk(80, 100, 14), disk(80, 95, 8)
    beside = disk(88, 116, 14) & ~disk(80, 95, 9)
    stack = [with_sixteen(rng, whole) for _ in range(3)]
    stack += [with_sixteen(rng, part, beside) for _ in range(3)]
    ids = list(replace(tracker, divisions=False, max_merge=0).link(stack).render(stack))
    assert {i[80, 95] for i in ids} == {ids[0][80, 100]}
    assert ids[3][88, 120] not in (0, ids[0][80, 100])


@given(seeds)
@examples(40)
def test_links_of_many_objects_are_those_of_the_plain_version(seed):
    """So many that their first links say how rarely no object lies in the other."""
    rng = np.random.default_rng(seed)
    left, radius = rng.uniform(3, 7), rng.uniform(7, 10)
    beside = disk(80 + rng.uniform(4, 10), 116, rng.uniform(11, 15)) & ~disk(80, 100 - left, radius)
    before = with_sixteen(rng, disk(80, 100, 14))
    same_as_plain(before, with_sixteen(rng, disk(80, 100 - left, radius), beside))


@BOTH
def test_a_pair_that_is_merged_for_some_frames(tracker):
    stack = []
    for t in range(12):
        pair = disk(80, 80, 12), disk(80, 104 if t < 4 or t > 7 else 100, 9)
        merged = [pair[0] | pair[1]] if 4 <= t <= 7 else list(pair)
        stack.append(frame(*merged, *others(t)))
    links = tracker.link(stack)
    assert lives(links) == [(0, 11, 0)] * 5
    ids = list(links.render(stack))
    assert ids[0][80, 80] == ids[-1][80, 80]
    assert ids[0][80, 104] == ids[-1][80, 104]


def test_cells_that_cross():
    """A large and a small cell pass each other, as near as masks allow."""
    stack = [frame(disk(74, 70 + 6 * t, 13), disk(98, 130 - 6 * t, 9), *others(t))
             for t in range(10)]  # fmt: skip
    links = LapTracker(**FULL).link(stack)
    assert lives(links) == [(0, 9, 0)] * 5
    ids = list(links.render(stack))
    assert [ids[t][74, 70 + 6 * t] for t in range(10)] == [ids[0][74, 70]] * 10
    assert [ids[t][98, 130 - 6 * t] for t in range(10)] == [ids[0][98, 130]] * 10


def test_cells_that_cover_each_other_as_they_cross():
    """Two fast cells meet; where they overlap, each covers a part of the other."""
    where = [((70, 40 + 12 * t), (90, 160 - 12 * t)) for t in range(11)]
    stack = []
    for t, (one, two) in enumerate(where):
        nearer = np.hypot(Y - one[0], X - one[1]) < np.hypot(Y - two[0], X - two[1])
        first, second = disk(*one, 16), disk(*two, 14.5)
        stack.append(frame(first & (nearer | ~second), second & (~nearer | ~first),
                           disk(30, 20 + t), disk(140, 180 - t), disk(140, 30)))  # fmt: skip
    assert (stack[5][70:91, 95:106] > 0).all()  # they do
    assert lives(LapTracker(**FULL).link(stack)) == [(0, 10, 0)] * 5
    ids = list(LapTracker(**FULL).link(stack).render(stack))
    assert len({ids[t][one[0] - 8, one[1]] for t, (one, _) in enumerate(where)}) == 1
    assert len({ids[t][two[0] + 8, two[1]] for t, (_, two) in enumerate(where)}) == 1


def test_fast_cells_that_touch_and_divide():
    """Of the simulator, six times as fast as usual."""
    field = Field(400, 48, channels=0, behaviour=replace(CROWDED, speed=6.0))
    views = list(field.frames())
    unseen = [[row["cell"] for row in v.rows if not row["visible"]] for v in views]
    found = [np.where(np.isin(v.labels, u), 0, v.labels)
             for v, u in zip(views, unseen, strict=True)]  # fmt: skip
    ids = LapTracker(**{**FULL, "max_merge": 8}).link(found).render(found)
    scores = track_scores([match_frame(v.labels, i) for v, i in zip(views, ids, strict=True)])
    assert scores["complete"] > 0.85


@pytest.mark.parametrize(("one", "two", "apart", "moved"), [
    (10, 12, 18, 12), (12, 10, 18, 16), (12, 9, 18, 20), (12, 14, 22, 16),
])  # fmt: skip
def test_a_cell_that_is_missed_where_another_takes_its_place(one, two, apart, moved):
    """Of two cells that touch, one is missed in the frame in which the other is in its place."""
    stack = []
    for t in range(16):
        x = 80 - moved * (t == 7)
        left = (x + apart - X) * one >= (X - x) * two
        pair = disk(80, x, one) & left, disk(80, x + apart, two) & ~left
        stack.append(frame(*pair[t == 7 :], *others(t)))
    links = LapTracker(**FULL).link(stack)
    assert lives(links) == [(0, 15, 0)] * 5
    ids = list(links.render(stack))
    places = [80 + apart - moved * (t == 7) for t in range(16)]
    assert {i[80, x] for i, x in zip(ids, places, strict=True)} == {ids[0][80, 80 + apart]}


def test_a_cell_passes_over_where_another_is_expected():
    """An object that holds two others must be larger than the larger one by most of the other."""
    big, small = disk(80, 80, 14), disk(80, 104, 8)
    stack = [frame(big, small, *others(t)) for t in range(6)]
    stack += [frame(disk(80, 90, 14), disk(80, 118, 8), *others(6 + t)) for t in range(6)]
    assert lives(LapTracker(max_gap=0, max_merge=5).link(stack)) == [(0, 11, 0)] * 5


def test_a_cell_that_leaves_and_another_that_enters_at_one_place():
    stack = []
    for t in range(12):
        at_edge = [disk(80, -4 - 5 * (t - 3), 14)] if t < 6 else []
        if t > 6:
            at_edge = [disk(80, -4 + 5 * (t - 9), 8)]
        stack.append(frame(*others(t), *at_edge))
    links = LapTracker(max_gap=0, max_merge=5).link(stack)
    assert sum(first == 0 and last == 11 for first, last, _ in lives(links)) == 3
    assert all(last < 7 or first > 6 for first, last, _ in lives(links)[3:])


@BOTH
@pytest.mark.parametrize("jump", [(-14, 23), (19, 0)])
def test_a_jump_of_the_stage(tracker, jump):
    stack = [frame(disk(80, 100), *others(t)) for t in range(10)]
    moved = [np.roll(f, jump, (0, 1)) if t > 4 else f for t, f in enumerate(stack)]
    assert lives(tracker.link(moved)) == [(0, 9, 0)] * 4


@BOTH
def test_a_division(tracker):
    stack = [frame(disk(80, 100, 13), *others(t)) for t in range(6)]
    stack += [frame(disk(80, 91 - t, 9), disk(80, 109 + t, 9), *others(6 + t)) for t in range(6)]
    assert sorted(lives(tracker.link(stack))) == [
        (0, 5, 0),
        *[(0, 11, 0)] * 3,
        (6, 11, 1),
        (6, 11, 1),
    ]


@BOTH
@pytest.mark.parametrize("missed", [(5,), (5, 6)])
def test_missed_frames(tracker, missed):
    stack = [frame(*others(t), *([] if t in missed else [disk(80, 100)])) for t in range(12)]
    assert lives(tracker.link(stack)) == [(0, 11, 0)] * 4


@BOTH
def test_a_black_frame(tracker):
    stack = [frame(disk(80, 100), *others(t)) for t in range(12)]
    stack[6][:] = 0
    assert lives(tracker.link(stack)) == [(0, 11, 0)] * 4


@given(seeds)
@examples(10)
def test_cells_that_are_fast_and_alike_to_no_other(seed):
    """Cells of different sizes that move by more than their diameters, each its own way."""
    rng = np.random.default_rng(seed)
    start = np.array([[30, 30], [30, 150], [120, 30], [120, 150]], float)
    radii, speed = np.array([6, 8, 10, 12.5]), rng.uniform(-6, 6, (4, 2))
    stack = []
    for t in range(6):
        places = start + speed * t
        stack.append(frame(*(disk(*p, r) for p, r in zip(places, radii, strict=True))))
    assert lives(LapTracker(max_gap=0, max_merge=0).link(stack)) == [(0, 5, 0)] * 4

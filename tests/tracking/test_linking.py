"""Tracking in two passes: gaps, merged objects, divisions, drift, method `lap`."""

import csv
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.evaluation.scores import match_frame
from fovea.evaluation.track_scores import track_scores
from fovea.plugins.registry import TRACKING, load
from fovea.simulation.field import simulate_fov
from fovea.store.reader import ArrayReader
from fovea.tracking.drift import coarse_mask, estimate_shift
from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker
from fovea.tracking.statistics import track_statistics
from fovea.tracking.track import track
from support.channels import write_channel
from support.strategies import label_stacks
from support.tracking import labelled, track_stack

#: All that trackers can do beyond linking consecutive frames, which is off by default.
FULL = {"max_gap": 2, "max_merge": 5, "divisions": True, "drift": True}
TRACKERS = {"iou": partial(IouTracker, **FULL), "lap": partial(LapTracker, **FULL)}
Y, X = np.mgrid[:80, :120]


def disk(y, x, radius=8.0):
    return (Y - y) ** 2 + (X - x) ** 2 <= radius**2


frame = partial(labelled, Y.shape)


@pytest.fixture(params=TRACKERS)
def tracker(request):
    return TRACKERS[request.param]


@given(label_stacks(), st.sampled_from(list(TRACKERS)))
@settings(max_examples=60, deadline=None)
def test_every_stack_is_tracked(labels, name):
    links = TRACKERS[name]().link(labels)
    tracked = np.stack(list(links.render(labels)))
    assert np.array_equal(tracked > 0, labels > 0)
    spans = {}
    for t, ids in enumerate(tracked):
        for cell in np.unique(ids[ids > 0]).tolist():
            spans.setdefault(cell, [t, t])[1] = t
    rows = {row[0]: row[1:] for row in links.lineage()}
    assert sorted(spans) == sorted(rows)
    for cell, span in spans.items():
        assert rows[cell][:2] == tuple(span)
        parent = rows[cell][2]
        assert parent == 0 or rows[parent][1] == span[0] - 1
    firsts = [rows[cell][0] for cell in sorted(rows)]
    assert firsts == sorted(firsts), "IDs follow the order in which cells appear"


@given(label_stacks())
@settings(max_examples=30, deadline=None)
def test_the_same_input_gives_the_same_bytes(labels):
    first = track_stack(labels, IouTracker(**FULL))
    assert track_stack(labels, IouTracker(**FULL)).tobytes() == first.tobytes()


def test_gaps_are_closed(tracker):
    here = [frame(disk(40, 30 + t), disk(40, 90 - t)) for t in range(6)]
    here[2][here[2] == 1] = 0
    here[3][here[3] == 1] = 0
    tracked = track_stack(np.stack(here), tracker(max_gap=2))
    assert tracked.max() == 2
    assert tracked[5][40, 35] == tracked[0][40, 30]
    assert not (tracked[2:4] == tracked[0][40, 30]).any()
    assert track_stack(np.stack(here), tracker(max_gap=1)).max() == 3
    links = tracker(max_gap=2).link(here)
    assert links.joined == 1
    assert links.lineage() == [(1, 0, 5, 0), (2, 0, 5, 0)]


def test_merged_objects_are_divided(tracker):
    stack = []
    for t in range(8):
        apart = abs(t - 3.5) * 3 + 6
        left, right = disk(40, 60 - apart), disk(40, 60 + apart)
        stack.append(frame(left | right) if 2 <= t <= 5 else frame(left, right))
    tracked = track_stack(np.stack(stack), tracker())
    assert tracked.max() == 2
    for ids in tracked:
        assert ids[40, 46] == tracked[0][40, 46]
        assert ids[40, 74] == tracked[0][40, 74]
        sizes = np.bincount(ids.ravel())[1:]
        assert sizes.min() > 0.8 * sizes.max()
    assert np.array_equal(tracked > 0, np.stack(stack) > 0)
    assert track_stack(np.stack(stack), tracker(max_merge=3)).max() > 2
    assert track_stack(np.stack(stack), tracker(max_merge=0, divisions=False)).max() > 2


def test_divisions_give_daughters_a_parent(tracker):
    stack = [frame(disk(40, 60, 10), disk(15, 20))] * 4
    stack += [frame(disk(40, 53 - t, 7), disk(40, 67 + t, 7), disk(15, 20)) for t in range(4)]
    links = tracker().link(stack)
    assert links.lineage() == [(1, 0, 3, 0), (2, 0, 7, 0), (3, 4, 7, 1), (4, 4, 7, 1)]
    plain = tracker(divisions=False).link(stack)
    assert [row[3] for row in plain.lineage()] == [0, 0, 0]
    assert plain.lineage()[0] == (1, 0, 7, 0)


def test_a_speck_is_no_daughter(tracker):
    stack = [frame(disk(40, 60, 10))] * 4 + [frame(disk(40, 60, 10) & (X < 68), X == 69)] * 4
    assert [row[3] for row in tracker().link(stack).lineage()] == [0, 0]


@pytest.mark.parametrize("jump", [(0, 0), (5, -7), (-21, 16), (30, 40)])
def test_jumps_of_the_stage(tracker, jump):
    rng = np.random.default_rng(1)
    centres = np.stack(np.meshgrid([110, 150, 190], [120, 165, 210, 255]), -1).reshape(-1, 2)
    centres = centres + rng.uniform(-9, 9, centres.shape)
    y, x = np.mgrid[:300, :370]
    stack = []
    for t in range(6):
        labels = np.zeros(y.shape, np.uint16)
        for number, (v, u) in enumerate(centres + (np.array(jump) if t >= 3 else 0), 1):
            labels[np.hypot(y - v, x - u) < 9] = number
        stack.append(labels)
        centres = centres + rng.uniform(-2, 2, centres.shape)
    links = tracker().link(stack)
    assert len(links.chains) == 12
    assert np.abs(links.drift[-1] - jump).max() <= 2
    assert not links.drift[:3].any()


def test_no_shift_without_evidence():
    empty, two = np.zeros((0, 2)), np.array([[5.0, 5.0], [30.0, 9.0]])
    labels = frame(disk(5, 5), disk(30, 9))
    mask = coarse_mask(labels)
    for centres, others in ((empty, two), (two, empty), (two[:1], two), (two, two)):
        assert estimate_shift(mask, mask, centres, others, labels.shape).tolist() == [0, 0]


def test_coarse_masks_are_small():
    labels = np.zeros((700, 1030), np.uint16)
    labels[:5, :5] = 1
    mask = coarse_mask(labels)
    assert mask.shape == (140, 206)
    assert mask[0, 0] == 1
    assert mask.sum() == 1


@pytest.mark.parametrize("name", TRACKERS)
def test_crowded_recording(name):
    """True labels, of cells that touch, divide, are missed now and then, with a jump."""
    truth = simulate_fov(3, 24, 300, 300, 12, crowded=True, channels=0)
    seen = truth.labels.copy()
    missed = {(row["frame"], row["cell"]) for row in truth.rows if not row["visible"]}
    for t, cell in missed:
        seen[t][seen[t] == cell] = 0
    links = TRACKERS[name]().link(seen)
    matches = [match_frame(a, b) for a, b in zip(truth.labels, links.render(seen), strict=True)]
    parents = {p["cell"]: p["parent"] for p in truth.parameters if p["parent"]}
    found = {row[0]: row[3] for row in links.lineage() if row[3]}
    scores = track_scores(matches, found, parents)
    assert len(missed) > 0
    assert scores["links_of_found"] > 0.99
    assert scores["complete"] > 0.9
    assert scores["divisions_found"] >= scores["divisions"] - 1


def test_path_function_writes_tables(tmp_path):
    frames = np.stack([frame(disk(40, 30 + t), disk(20, 90)) for t in range(3)])
    source, target = tmp_path / "seg_labeled_ch_0", tmp_path / "seg_tracked_ch_0"
    write_channel(source, frames)
    track(source, target, {"method": "iou"}, tmp_path / "lineage.csv", tmp_path / "drift.csv", 4)
    with ArrayReader(target / "0") as tracked:
        assert tracked.attributes["fovea"]["largest_label"] == 2
        np.testing.assert_array_equal(np.stack(list(tracked)), track_stack(frames, IouTracker()))
    lineage = pd.read_csv(tmp_path / "lineage.csv")
    named = lineage[["fov", "cell", "first_frame", "last_frame", "parent"]]
    assert named.to_numpy().tolist() == [[4, 1, 0, 2, 0], [4, 2, 0, 2, 0]]
    with open(tmp_path / "drift.csv", newline="") as file:
        assert list(csv.reader(file)) == [["fov", "frame", "shift_y", "shift_x"]] + [
            ["4", str(t), "0", "0"] for t in range(3)
        ]


def test_statistics_of_tracks():
    # columns frame, cell and pixels; the boxes themselves do not matter
    seen = np.array([[0, 1, 100], [0, 2, 50], [1, 1, 100], [2, 1, 200], [2, 2, 50], [2, 3, 70]])
    boxes = np.pad(seen[:, :2], ((0, 0), (0, 4)))
    found = track_statistics(boxes, seen[:, 2], 3, [(1, 0, 2, 0), (2, 0, 2, 0), (3, 2, 2, 1)])
    assert found["cells"] == 3
    assert found["complete"] == 2
    assert (found["fewest"], found["most"], found["cells_per_frame"]) == (1, 3, 2)
    assert found["missed"] == 1
    assert found["area_jumps"] == 0.5
    assert found["divisions"] == 1
    assert found["splits_per_frame"] == 0
    assert track_statistics(boxes[:0], seen[:0, 2], 0, [])["cells"] == 0


def test_what_goes_beyond_consecutive_frames_is_common_to_all_trackers():
    for name in TRACKERS:
        assert set(FULL) < set(TRACKING.parameters(name))
        assert load(TRACKING, name) is TRACKERS[name].func

"""Tracking `btrack`: with a stand-in of its interface, and with the package where it is there."""

import importlib.util
import sys
import types

import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.plugins.registry import TRACKING, load
from fovea.tracking.btrack import BtrackTracker
from support.tracking import track_stack

Y, X = np.mgrid[:80, :120]


def frame(*centres, radius=6.0):
    """Labels 1.. of disks."""
    labels = np.zeros(Y.shape, np.uint16)
    for number, (y, x) in enumerate(centres, 1):
        labels[(Y - y) ** 2 + (X - x) ** 2 <= radius**2] = number
    return labels


class Point:
    """As `btrack.btypes.PyTrackObject`."""

    @staticmethod
    def from_dict(values):
        point = Point()
        point.__dict__.update(values)
        return point


class Track:
    def __init__(self, name, refs):
        self.ID, self.parent, self.refs = name, name, refs


class StandIn:
    """btrack's interface: each point goes to the nearest track, over gaps of up to max_lost."""

    def __init__(self, verbose):
        assert verbose is False
        self.tracks, self.points, self.calls = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.calls.append("closed")

    def configure(self, given):
        self.reach = given["max_search_radius"]
        self.lost = given["motion_model"]["max_lost"]
        self.branches = "P_branch" in given["hypothesis_model"]["hypotheses"]
        motion = given["motion_model"]
        assert motion["A"].shape == motion["P"].shape == (6, 6)
        assert motion["H"].shape == (3, 6)
        assert motion["R"].shape == (3, 3)
        self.calls.append("configure")

    def append(self, points):
        assert self.calls == ["configure"]
        assert [point.ID for point in points] == list(range(len(points)))
        self.points += points

    def track(self, step_size):
        low, high = zip(*self.volume, strict=True)
        for point in sorted(self.points, key=lambda p: p.t):
            assert low[0] <= point.x <= high[0]
            assert low[1] <= point.y <= high[1]
            ways = {
                np.hypot(point.x - last.x, point.y - last.y): track
                for track in self.tracks
                if 0 < point.t - (last := self.points[track.refs[-1]]).t <= self.lost + 1
            }
            if ways and min(ways) <= self.reach:
                track = ways[min(ways)]
                track.refs.append(point.ID)
            else:
                self.tracks.append(Track(len(self.tracks) + 1, [point.ID]))
        self.calls.append("track")

    def optimise(self, options):
        assert self.calls[-1] == "track"
        if not self.branches:
            return
        for mother in self.tracks:
            end = self.points[mother.refs[-1]]
            daughters = [
                track for track in self.tracks
                if (first := self.points[track.refs[0]]).t == end.t + 1
                and np.hypot(first.x - end.x, first.y - end.y) < 2 * self.reach
            ]  # fmt: skip
            if len(daughters) == 2:
                for track in daughters:
                    track.parent = mother.ID


@pytest.fixture
def stand_in(monkeypatch):
    package = types.ModuleType("btrack")
    package.BayesianTracker = StandIn
    package.btypes = types.SimpleNamespace(PyTrackObject=Point)
    monkeypatch.setitem(sys.modules, "btrack", package)
    return package


INSTALLED = importlib.util.find_spec("btrack") is not None
# The package is optional: where it is missing its tests are not collected, and not skipped.
KINDS = ["stand-in", *(["package"] if INSTALLED else [])]


@pytest.fixture(params=KINDS)
def tracker(request):
    if request.param == "stand-in":
        request.getfixturevalue("stand_in")
    return load(TRACKING, "btrack")


def test_cells_are_followed(tracker):
    stack = np.stack([frame((40, 20 + 3 * t), (40, 100 - 3 * t)) for t in range(8)])
    tracked = track_stack(stack, tracker(max_distance=15.0))
    assert tracked.max() == 2
    for t, ids in enumerate(tracked):
        assert ids[40, 20 + 3 * t] == 1
        assert ids[40, 100 - 3 * t] == 2
    assert np.array_equal(tracked > 0, stack > 0)
    assert track_stack(stack, tracker(max_distance=15.0)).tobytes() == tracked.tobytes()


def test_gaps_are_closed(tracker):
    stack = [frame((40, 30 + t), (40, 90 - t)) for t in range(8)]
    stack[3][stack[3] == 1] = 0
    stack[4][stack[4] == 1] = 0
    links = tracker(max_gap=2).link(stack)
    assert links.lineage() == [(1, 0, 7, 0), (2, 0, 7, 0)]
    assert links.joined == 1
    assert len(tracker(max_gap=1).link(stack).lineage()) == 3
    assert len(tracker(max_gap=0).link(stack).lineage()) == 3


def test_divisions_give_daughters_a_parent(tracker):
    stack = [frame((40, 60), (15, 15))] * 5
    stack += [frame((40, 50 - 2 * t), (40, 70 + 2 * t), (15, 15)) for t in range(6)]
    links = tracker(divisions=True, max_distance=9.0).link(stack)
    assert links.lineage() == [(1, 0, 4, 0), (2, 0, 10, 0), (3, 5, 10, 1), (4, 5, 10, 1)]
    assert not any(row[3] for row in tracker(max_distance=9.0).link(stack).lineage())


def test_jumps_of_the_stage(tracker):
    places = [(20, 20), (50, 40), (25, 70), (60, 95)]
    stack = [frame(*places)] * 3 + [frame(*((y + 9, x - 8) for y, x in places))] * 3
    links = tracker(drift=True, max_distance=5.0).link(stack)
    assert [row[:3] for row in links.lineage()] == [(i, 0, 5) for i in (1, 2, 3, 4)]
    assert links.drift[-1].tolist() == [9, -8]
    assert len(tracker(max_distance=5.0, drift=False).link(stack).lineage()) == 8


def test_no_object_is_lost(tracker):
    """Nor where btrack finds nothing to follow."""
    stack = np.stack([frame(), frame((30, 30)), frame(), frame(), frame((60, 90)), frame()])
    tracked = track_stack(stack, tracker())
    assert np.array_equal(tracked > 0, stack > 0)
    assert tracked.max() == 2
    assert tracker().link(np.zeros((3, 20, 20), np.uint16)).lineage() == []
    small = tracker(min_size=1000).link(stack)
    assert small.lineage() == []


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "btrack", None)
    with pytest.raises(FoveaError, match=r"needs the package btrack .*pip install 'btrack"):
        BtrackTracker().link(np.zeros((2, 9, 9), np.uint16))


def test_a_package_that_cannot_be_loaded(stand_in):
    def fail(verbose):
        raise Exception from OSError("GLIBCXX_3.4.32 not found")

    stand_in.BayesianTracker = fail
    with pytest.raises(FoveaError, match=r"cannot be loaded \(GLIBCXX_3.4.32 not found\)"):
        BtrackTracker().link(np.stack([frame((40, 20))] * 2))

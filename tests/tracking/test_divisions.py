"""Divisions whose daughters do not lie where their mother was."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker

OPTIONS = {"max_gap": 2, "max_merge": 8, "divisions": True, "drift": False}
TRACKERS = [IouTracker(**OPTIONS), LapTracker(**OPTIONS)]


def disk(frame, y, x, area, label):
    yy, xx = np.mgrid[: frame.shape[0], : frame.shape[1]]
    frame[np.hypot(yy - y, xx - x) <= np.sqrt(area / np.pi)] = label


def recording(way=34, area=500, x=100, unseen=()):
    """A cell of 1000 pixels that becomes two; one stays near it, the other is `way` pixels off."""
    labels = np.zeros((12, 160, 200), np.uint16)
    for t, frame in enumerate(labels):
        disk(frame, 140, 180, 900, 3)
        if t < 6:
            disk(frame, 70, x, 1000, 1)
        else:
            disk(frame, 70, x - 6, 500, 1)
            if t not in unseen:
                disk(frame, 70, x - 6 + way, area, 2)
    return labels


def born(tracker, labels):
    """First frames of cells that have a mother, with the last frame of that mother."""
    rows = tracker.link(labels).lineage()
    last = {cell: end for cell, _, end, _ in rows}
    return [(first, last[parent]) for _, first, _, parent in rows if parent]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_daughter_that_is_away_is_told_by_areas(tracker):
    assert born(tracker, recording()) == [(6, 5), (6, 5)]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_daughter_may_be_missed_at_first(tracker):
    assert born(tracker, recording(unseen=(6, 7))) == [(6, 5), (8, 5)]


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize(
    "labels",
    [
        recording(way=90), recording(area=900), recording(area=200), recording(x=16, way=34),
        recording(unseen=range(6, 10)),
    ],
    ids=["too far", "too large", "too small", "cut off by the edge", "too late"],
)  # fmt: skip
def test_what_is_no_division(tracker, labels):
    assert born(tracker, labels) == []


def covered(place):
    """A cell that moves and divides, of which some objects lose pixels to another cell."""
    labels = np.zeros((12, 160, 200), np.uint16)
    for t, frame in enumerate(labels):
        if t < 6:
            disk(frame, 70, 115 - 3 * t, 1000, 1)
        else:
            disk(frame, 70, 94, 500, 1)
            disk(frame, 70, 130, 500, 2)
    for t, label, share in place:
        rows, columns = np.nonzero(labels[t] == label)
        lost = slice(0, round(share * len(rows)))
        labels[t, rows[lost], columns[lost]] = 0
    return labels


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize(
    "place", [[], [(5, 1, 0.2)], [(6, 1, 0.4)], [(6, 1, 0.3), (6, 2, 0.3)]],
    ids=["none", "the mother", "a daughter", "both daughters"],
)  # fmt: skip
def test_cells_that_move_and_are_covered_as_they_divide(tracker, place):
    assert born(tracker, covered(place)) == [(6, 5), (6, 5)]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_two_cells_that_divide_beside_each_other(tracker):
    labels = np.zeros((12, 160, 200), np.uint16)
    for t, frame in enumerate(labels):
        for k, y in enumerate((50, 96)):
            if t < 6:
                disk(frame, y, 90, 1000, 1 + 2 * k)
            else:
                disk(frame, y, 84, 500, 1 + 2 * k)
                disk(frame, y, 120, 500, 2 + 2 * k)
    rows = tracker.link(labels).lineage()
    parents = sorted(parent for *_, parent in rows if parent)
    assert parents == [1, 1, 2, 2]

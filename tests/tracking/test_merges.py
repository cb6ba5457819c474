"""Cells that are absorbed by others: the objects that hold both are told from single cells."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker
from support.strategies import examples, seeds

PLAIN = {"max_gap": 0, "max_merge": 0}
TRACKERS = {
    "box": partial(IouTracker, divisions=True, overlap="box", **PLAIN),
    "mask": partial(IouTracker, divisions=True, overlap="mask", **PLAIN),
    "lap": partial(LapTracker, divisions=True, **PLAIN),
}


@pytest.fixture(params=TRACKERS)
def tracker(request):
    return TRACKERS[request.param]


class Movie:
    """Disks, those that touch one object, and which of them each object holds."""

    def __init__(self, disks, shape=(80, 120)):
        """`disks` is, per frame, a dict of a cell's name to y, x, radius."""
        y, x = np.mgrid[: shape[0], : shape[1]]
        self.labels, self.truth = [], {}
        for t, cells in enumerate(disks):
            masks = {
                name: (y - v) ** 2 + (x - u) ** 2 <= r * r for name, (v, u, r) in cells.items()
            }
            labels, _ = ndimage.label(np.any([*masks.values(), np.zeros(shape, bool)], axis=0))
            self.labels.append(labels.astype(np.uint16))
            for name, mask in masks.items():
                (label,) = np.unique(labels[mask])
                self.truth.setdefault((t, int(label)), set()).add(name)

    @property
    def several(self):
        """The objects of more than one cell."""
        return {node for node, cells in self.truth.items() if len(cells) > 1}

    def cells_of(self, links):
        """True cells of each ID, in the objects that are not flagged and that it has alone."""
        nodes = [node for chain in links.chains for node in chain]
        return [
            {name for node in chain if node not in links.held and nodes.count(node) == 1
             for name in self.truth[node]}
            for chain in links.chains
        ]  # fmt: skip


def pair(frames, merged, radii=(8, 8), apart=10, near=6, centre=(40, 60)):
    """Two cells that lie side by side, and touch in some frames."""
    left, right = radii
    found = []
    for t in range(frames):
        way = near if t in merged else apart
        v, u = centre
        found.append({"a": (v, u - way, left), "b": (v, u + way, right)})
    return found


def check(movie, links, exact=True):
    """Each object of several cells is flagged, nothing else is, and no ID is that of two cells."""
    shared = [node for chain in links.chains for node in chain]
    divided = {node for node in shared if shared.count(node) > 1}
    held = set(links.held)
    assert movie.several - divided <= held
    if exact:
        assert held == movie.several - divided
    assert not links.parents
    assert all(len(cells) <= 1 for cells in movie.cells_of(links))


def test_a_merge_longer_than_max_merge(tracker):
    movie = Movie(pair(40, range(10, 32), radii=(9, 7)))
    links = tracker(max_merge=10).link(movie.labels)
    check(movie, links)
    assert [row[1:] for row in links.lineage()].count((32, 39, 0)) == 2
    ((_, first, last, cells),) = links.merges()
    assert (first, last, len(cells)) == (10, 31, 2)


def test_a_merge_that_is_divided_is_not_flagged(tracker):
    movie = Movie(pair(40, range(10, 32)))
    links = tracker(max_merge=22).link(movie.labels)
    check(movie, links)
    assert links.merges() == []
    assert links.lineage() == [(1, 0, 39, 0), (2, 0, 39, 0)]


def test_without_max_merge_names_stay_and_doubtful_frames_are_flagged(tracker):
    movie = Movie(pair(30, range(10, 20), radii=(9, 7)))
    links = tracker().link(movie.labels)
    check(movie, links, exact=False)
    assert len(links.chains) == 3


def test_a_merge_that_never_parts(tracker):
    movie = Movie(pair(30, range(10, 30), radii=(9, 7)))
    for options in ({}, {"max_merge": 5}, {"max_merge": 5, "max_gap": 3}):
        check(movie, tracker(**options).link(movie.labels))


def test_several_merges_of_one_cell(tracker):
    movie = Movie(pair(60, [*range(8, 20), *range(26, 40), *range(48, 60)]))
    check(movie, tracker(max_merge=4).link(movie.labels))
    links = tracker(max_merge=12).link(movie.labels)
    check(movie, links)
    assert links.parted == 12


def test_a_crowd_that_parts_and_merges_again_and_again(tracker):
    """Each part of it may hold all of its cells, and together they hold no more."""
    disks = []
    for t in range(90):
        step = 15 if t < 12 else 11
        parted = 4 * (t >= 12 and t // 4 % 2)
        disks.append({str(n): (40, 63 + step * (n - 3.5) + (parted if n > 3 else -parted), 6)
                      for n in range(8)})  # fmt: skip
    movie = Movie(disks, (80, 130))
    assert [len(np.unique(frame)) - 1 for frame in movie.labels[::4]] == [8] * 3 + [2, 1] * 10
    held = tracker().link(movie.labels).held
    assert max(map(len, held.values())) == 8


def three(order, far, frames=50):
    """Three cells in a row; those at the ends join the middle one and leave it."""
    a_in, c_in, a_out, c_out = order
    found = []
    for t in range(frames):
        a = 12 if a_in <= t < a_out else far
        c = 12 if c_in <= t < c_out else far + 1
        found.append({"a": (40, 60 - a, 6), "b": (40, 60, 8), "c": (40, 60 + c, 7)})
    return found


@pytest.mark.parametrize(
    "order", [(8, 8, 25, 25), (8, 14, 25, 32), (8, 14, 32, 25), (8, 14, 25, 60), (8, 14, 60, 60)]
)
@pytest.mark.parametrize("far", [16, 20])
@pytest.mark.parametrize("options", [{}, {"max_merge": 3}, {"max_merge": 3, "max_gap": 2}])
def test_three_cells(tracker, order, far, options):
    movie = Movie(three(order, far))
    check(movie, tracker(**options).link(movie.labels), exact=bool(options))


@pytest.mark.parametrize("missed", [1, 2])
@pytest.mark.parametrize("options", [{}, {"max_merge": 3}, {"max_merge": 3, "max_gap": 2}])
def test_a_cell_whose_track_ended_just_before(tracker, missed, options):
    disks = pair(30, range(10, 30), radii=(9, 7))
    for cells in disks[10 - missed : 10]:
        del cells["b"]
    movie = Movie(disks)
    check(movie, tracker(**options).link(movie.labels))


@pytest.mark.parametrize("missed", [1, 2])
def test_a_cell_that_is_seen_again_some_frames_after_the_parting(tracker, missed):
    disks = pair(40, range(10, 25), radii=(9, 7))
    for cells in disks[25 : 25 + missed]:
        del cells["b"]
    movie = Movie(disks)
    for options in ({"max_merge": 3}, {"max_merge": 3, "max_gap": 2}):
        check(movie, tracker(**options).link(movie.labels))


def test_a_gap_is_not_closed_across_a_merge(tracker):
    movie = Movie(pair(30, range(10, 15), radii=(9, 7)))
    links = tracker(max_merge=2, max_gap=10).link(movie.labels)
    check(movie, links)
    assert links.joined == 0


def test_a_merged_object_that_is_missed(tracker):
    disks = pair(40, range(10, 30), radii=(9, 7))
    disks[18] = disks[19] = {}
    movie = Movie(disks)
    for options in ({}, {"max_merge": 3}, {"max_merge": 3, "max_gap": 4}):
        check(movie, tracker(**options).link(movie.labels), exact=bool(options))


def test_a_division_within_a_merged_object(tracker):
    """The parts are cells, but nobody knows of which cell: none of them has a parent."""
    disks = pair(16, range(8, 16), radii=(9, 7))
    for t in range(16, 40):
        way = (0, 0, 7, 7, 9)[min(t - 16, 4)] if t < 24 else 14
        disks.append({"c": (40 - way, 55, 7), "d": (40 + way, 55, 7), "b": (40, 66, 7)})
    movie = Movie(disks)
    links = tracker(max_merge=4).link(movie.labels)
    assert not links.parents
    assert {node for node in movie.several if node[0] < 24} <= set(links.held)


def test_divisions_of_other_cells_are_found(tracker):
    disks = pair(40, range(8, 30), radii=(9, 7), centre=(20, 60))
    for t, cells in enumerate(disks):
        if t < 15:
            cells["m"] = (60, 60, 10)
        else:
            cells |= {"d": (60, 52 - t / 8, 7), "e": (60, 68 + t / 8, 7)}
    links = tracker(max_merge=4).link(Movie(disks).labels)
    assert len(links.parents) == 2
    (mother,) = set(links.parents.values())
    assert links.lineage()[mother][1:3] == (0, 14)


def test_a_daughter_that_is_absorbed_again(tracker):
    """Daughters that lasted are cells, and their merging is one; the division stays."""
    disks = [{"m": (40, 60, 10)}] * 8
    disks += [{"d": (40, 51, 7), "e": (40, 69, 7)}] * 8 + [{"d": (40, 54, 7), "e": (40, 66, 7)}] * 8
    movie = Movie(disks)
    links = tracker(max_merge=3).link(movie.labels)
    assert set(links.held) == movie.several
    assert [row[3] for row in links.lineage()] == [0, 1, 1]


@pytest.mark.parametrize("options", [{}, {"max_merge": 3, "max_gap": 2}])
def test_what_is_no_merge(tracker, options):
    """Fragments and dust that touch a cell, a cell that dies, and one cut in two for two frames."""
    dust = [{"a": (40, 50, 9), "dust": (40, 61 if t > 9 else 66, 2)} for t in range(20)]
    death = [{"a": (40, 50, 9)} | ({"b": (40, 68, 7)} if t < 9 else {}) for t in range(20)]
    cut = [{"a": (40, 50, 9)} | ({"b": (40, 61, 6)} if t not in (8, 9) else {}) for t in range(20)]
    for t in (8, 9):
        cut[t] = {"a": (40, 48, 7), "b": (40, 64, 6)}
    growth = [{"a": (40, 50, 7 + t / 6), "b": (40, 80, 7 + t / 6)} for t in range(20)]
    for disks in (dust, death, cut, growth):
        links = tracker(**options).link(Movie(disks).labels)
        assert not links.held
        assert not links.parents


def test_cells_that_move_too_fast_to_overlap():
    disks = []
    for t in range(24):
        if t < 10:
            disks.append({"a": (40, 60, 6), "b": (40, 60 + 20 + 9 * (9 - t), 6)})
        else:
            disks.append({"a": (40, 60, 6), "b": (40, 70, 6)})
    movie = Movie(disks, (80, 200))
    for tracker in (LapTracker(), LapTracker(max_merge=4, divisions=True)):
        check(movie, tracker.link(movie.labels))


@given(seeds, st.sampled_from(list(TRACKERS)), st.sampled_from([0, 4, 12]), st.sampled_from([0, 3]))
@examples(60)
def test_random_movies_against_the_truth(seed, name, max_merge, max_gap):
    """Pairs of cells on a grid, that touch now and then, for any time."""
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(20, 50))
    disks = [{} for _ in range(frames)]
    for site in range(4):
        centre = 45 + 90 * (site // 2), 45 + 90 * (site % 2)
        merged, t = set(), int(rng.integers(3, 12))
        while t < frames - 4:
            length = int(rng.integers(1, 25))
            merged |= set(range(t, t + length))
            t += length + int(rng.integers(4, 15))
        radii = rng.uniform(7, 10, 2)
        touch = radii.sum() / 2
        wobble = rng.normal(0, 0.5, (frames, 2))
        for t, cells in enumerate(pair(frames, merged, radii, touch + 2.5, touch - 2, centre)):
            for cell, (v, u, r) in cells.items():
                disks[t][cell, site] = (*np.add((v, u), wobble[t]), r)
    movie = Movie(disks, (180, 180))
    links = TRACKERS[name](max_merge=max_merge, max_gap=max_gap).link(movie.labels)
    check(movie, links, exact=bool(max_merge))


def wandering(seed, cells=12, frames=40, size=200):
    """Cells of different sizes that wander, touch, change partners and part."""
    rng = np.random.default_rng(seed)
    near = 0.0
    while near < 26:
        places = rng.uniform(15, size - 15, (cells, 2))
        apart = np.hypot(*(places[:, None] - places[None]).T)
        near = (apart + np.eye(cells) * size).min()
    radii, speeds, disks = rng.uniform(5, 9, cells), np.zeros((cells, 2)), []
    for _ in range(frames):
        noisy = radii + rng.normal(0, 0.3, cells)
        disks.append({i: (*places[i], noisy[i]) for i in range(cells)})
        speeds = 0.8 * speeds + rng.normal(0, 1, (cells, 2))
        places = np.clip(places + speeds, 10, size - 10)
    return Movie(disks, (size, size))


@pytest.mark.parametrize("max_merge", [0, 2, 5])
def test_wandering_cells(tracker, max_merge):
    """Nearly all objects of several cells are flagged, hardly any other is, and none divides."""
    several = found = other = mixed = names = objects = 0
    for seed in range(16):
        movie = wandering(seed)
        links = tracker(max_merge=max_merge).link(movie.labels)
        nodes = [node for chain in links.chains for node in chain]
        undivided = {node for node in movie.several if nodes.count(node) == 1}
        several, found = several + len(undivided), found + len(undivided & set(links.held))
        other += len(set(links.held) - undivided)
        objects += len(movie.truth)
        mixed += sum(len(cells) > 1 for cells in movie.cells_of(links))
        names += len(links.chains)
        assert not links.parents
    assert several > 150
    assert found >= 0.95 * several
    assert mixed <= 0.025 * names
    if max_merge:  # else the rest of an ID is doubtful after a parting
        assert other <= 0.005 * objects


def noise(seed, frames, size=28):
    """Blobs of smoothed noise, which appear, merge and part without end."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(frames, size, size)), (1.2, 2, 2))
    above = smooth > np.quantile(smooth, rng.uniform(0.5, 0.85))
    return [ndimage.label(frame)[0].astype(np.uint16) for frame in above]


@given(seeds, st.sampled_from([*TRACKERS]), st.sampled_from([0, 4]), st.sampled_from([0, 2]))
@examples(12)
def test_noise_is_followed_to_its_end(seed, name, max_merge, max_gap):
    labels = noise(seed, 200)
    links = TRACKERS[name](max_merge=max_merge, max_gap=max_gap).link(labels)
    known = {(t, label) for t, frame in enumerate(labels) for label in np.unique(frame) if label}
    assert {node for chain in links.chains for node in chain} == known
    cells = max(frame.max() for frame in labels) * len(labels)
    assert all(len(held) <= cells for held in links.held.values())

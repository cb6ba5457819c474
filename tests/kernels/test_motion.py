"""Moments of labels and overlaps after motion, against plain versions."""

import numpy as np
from hypothesis import given

from fovea.kernels.motion import contacts, moments, moved_overlaps
from fovea.tracking.objects import sum_runs
from support.reference import track_lap
from support.strategies import examples, label_stacks, seeds


@given(label_stacks())
@examples(30)
def test_moments(labels):
    frame = labels[0]
    found = moments(frame, int(frame.max()))
    for label in range(1, int(frame.max()) + 1):
        y, x = np.nonzero(frame == label)
        expected = [y.sum(), x.sum(), (y * y).sum(), (y * x).sum(), (x * x).sum()]
        assert found[label - 1].tolist() == expected


@given(label_stacks())
@examples(30)
def test_contacts(labels):
    frame = labels[0]
    count = int(frame.max())
    expected = [track_lap.contact(frame, label) for label in range(1, count + 1)]
    assert np.allclose(contacts(frame, count), expected)


@given(label_stacks(), seeds)
@examples(30)
def test_moved_overlaps(labels, seed):
    before, here = labels[0], labels[-1]
    count = int(before.max())
    moves = np.random.default_rng(seed).integers(-9, 10, (count, 2))
    expected = {}
    for label in range(1, count + 1):
        y, x = np.nonzero(before == label)
        y, x = y + moves[label - 1, 0], x + moves[label - 1, 1]
        kept = (y >= 0) & (x >= 0) & (y < here.shape[0]) & (x < here.shape[1])
        for other in here[y[kept], x[kept]].tolist():
            if other:
                expected[label, other] = expected.get((label, other), 0) + 1
    rows = sum_runs(*moved_overlaps(before, here, moves))
    assert {(a, b): n for a, b, n in rows.tolist()} == expected

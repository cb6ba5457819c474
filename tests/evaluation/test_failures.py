"""What becomes of cells and objects, against the definitions written out with masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fovea.evaluation.failures import EXTRA, FAILURES, FOUND, counts, verdicts
from fovea.evaluation.scores import match_frame


def plain(reference, result):
    """The definitions of the module, word by word, on masks."""
    cells = {int(c): reference == c for c in np.unique(reference) if c}
    things = {int(s): result == s for s in np.unique(result) if s}
    shared = {(c, s): int((a & b).sum()) for c, a in cells.items() for s, b in things.items()}
    area = {c: int(a.sum()) for c, a in cells.items()}
    size = {s: int(b.sum()) for s, b in things.items()}

    def covers(s, c):
        return shared[c, s] > area[c] / 2

    def lies_in(s, c):
        return shared[c, s] > size[s] / 2

    def matches(s, c):
        return shared[c, s] / (area[c] + size[s] - shared[c, s]) > 0.5

    belongs = {s: [c for c in cells if covers(s, c) or lies_in(s, c)] for s in things}
    found, objects = {}, dict.fromkeys(things, EXTRA)
    for c in cells:
        own = [s for s in things if belongs[s] == [c]]
        pieces = [s for s in own if lies_in(s, c) and shared[c, s] >= 0.1 * area[c]]
        wide = [s for s in own if covers(s, c) and size[s] > area[c]]
        inside = [s for s in own if lies_in(s, c) and size[s] <= area[c]]
        narrow = [s for s in inside if shared[c, s] >= 0.25 * area[c]]
        joined = [s for s in things if c in belongs[s] and len(belongs[s]) > 1]
        whole = [s for s in things if matches(s, c)]
        if whole:
            verdict, on_account = FOUND, whole
        elif joined:
            verdict, on_account = "merged", joined
        elif len(pieces) > 1 and sum(shared[c, s] for s in pieces) > area[c] / 2:
            verdict, on_account = "split", pieces
        elif wide:
            verdict, on_account = "too wide", wide
        elif narrow:
            best = max(narrow, key=lambda s: (shared[c, s], s))
            verdict, on_account = "too narrow", [best]
        else:
            verdict, on_account = "missed", []
        found[c] = verdict
        for s in on_account:
            if objects[s] != FOUND:  # an object that swallows a neighbour is still found
                objects[s] = verdict
    return found, objects


frames = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
                    elements=st.integers(0, 4))  # fmt: skip


@st.composite
def boxes(draw):
    """Two frames of boxes that overlap as segmentations do: few pixels lie by themselves."""
    pair = []
    for _ in range(2):
        labels = np.zeros((14, 14), np.uint16)
        for label in range(1, draw(st.integers(0, 6)) + 1):
            y, x = draw(st.tuples(st.integers(0, 12), st.integers(0, 12)))
            h, w = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
            labels[y : y + h, x : x + w] = label
        pair.append(labels)
    return tuple(pair)


@given(boxes() | frames.flatmap(lambda a: st.tuples(st.just(a), hnp.arrays(
    np.uint8, a.shape, elements=st.integers(0, 4)))))  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_verdicts_follow_the_definitions(pair):
    reference, result = pair
    judged = verdicts(reference, result)
    cells, objects = plain(reference, result)
    assert judged.cells == cells
    assert judged.objects == objects


@given(boxes())
@settings(max_examples=200, deadline=None)
def test_every_cell_and_object_is_counted_once(pair):
    judged, match = verdicts(*pair), match_frame(*pair)
    assert list(judged.cells) == match.reference.tolist()
    assert list(judged.objects) == match.result.tolist()
    number = counts([judged, judged])
    assert set(number) == {*FAILURES, EXTRA}
    failed = sum(number[kind] for kind in FAILURES)
    assert failed + 2 * match.hits == 2 * len(match.reference)
    assert number[EXTRA] == 2 * list(judged.objects.values()).count(EXTRA)
    assert list(judged.objects.values()).count(FOUND) == match.hits


@given(boxes())
def test_a_result_like_the_reference_has_no_failures(pair):
    assert not any(counts([verdicts(pair[0], pair[0])]).values())


def square(*sides, size=40):
    """Labels 1, 2, … in windows (rows, columns)."""
    labels = np.zeros((size, size), np.uint16)
    for label, window in enumerate(sides, 1):
        labels[window] = label
    return labels


CELL = square(np.s_[10:20, 10:20])


@pytest.mark.parametrize(
    ("reference", "result", "cells", "objects"),
    [
        (CELL, square(np.s_[10:20, 11:21]), [FOUND], [FOUND]),
        (CELL, square(), ["missed"], []),
        (CELL, square(np.s_[30:35, 30:35]), ["missed"], [EXTRA]),
        (CELL, square(np.s_[12:16, 12:17]), ["missed"], [EXTRA]),  # 20 of 100 pixels
        (CELL, square(np.s_[10:15, 10:15]), ["too narrow"], ["too narrow"]),
        (CELL, square(np.s_[5:25, 5:25]), ["too wide"], ["too wide"]),
        (CELL, square(np.s_[10:15, 10:20], np.s_[15:20, 10:20]), ["split"], ["split"] * 2),
        (CELL, square(np.s_[10:17, 10:20], np.s_[17:20, 10:20]), [FOUND], [FOUND, EXTRA]),
        (square(np.s_[10:20, 10:20], np.s_[20:30, 10:20]), square(np.s_[10:30, 10:20]),
         ["merged"] * 2, ["merged"]),
        # a large cell is found, and swallows its small neighbour
        (square(np.s_[10:20, 10:20], np.s_[20:22, 10:20]), square(np.s_[10:22, 10:20]),
         [FOUND, "merged"], [FOUND]),
    ],
)  # fmt: skip
def test_each_kind_by_hand(reference, result, cells, objects):
    judged = verdicts(reference, result)
    assert list(judged.cells.values()) == cells
    assert list(judged.objects.values()) == objects


def test_large_labels_and_other_shapes():
    reference = CELL.astype(np.uint32) * 4_000_000_000
    assert verdicts(reference, CELL).cells == {4_000_000_000: FOUND}
    with pytest.raises(ValueError, match="the reference is"):
        verdicts(CELL, CELL[1:])

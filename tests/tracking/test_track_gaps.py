"""Tracking of recordings whose phase contrast lacks frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import fovea
from fovea.errors import FoveaError
from fovea.plugins.registry import TRACKING
from fovea.segmentation.segment import segment
from fovea.store.reader import ArrayReader
from fovea.tracking.boxes import read_boxes
from fovea.tracking.track import track
from support.channels import write_channel

PRESENT = [0, 2, 3, 6]
MISSING = {1, 4, 5, 7}
METHODS = {
    "iou": {"method": "iou", "overlap": "mask", "max_gap": 1, "drift": True},
    "lap": {"method": "lap", "max_distance": 20.0, "divisions": True},
}


def labels():
    """Four cells in the frames of phase contrast, of which one is missed once; noise elsewhere."""
    stack = np.zeros((8, 64, 80), np.uint16)
    for number, t in enumerate(PRESENT):
        for cell, (y, x) in enumerate([(4, 4), (6, 50), (40, 8), (40, 50)], 1):
            if (cell, number) != (2, 1):
                dy, dx = 2 * number, 3 * number
                stack[t, y + dy : y + dy + 12, x + dx : x + dx + 14] = cell
    for t in MISSING:
        stack[t, 20:60, 20:60] = 9  # not stored, so nobody may see it
    return stack


def rows(path):
    return pd.read_csv(path).to_dict("records")


def tracked(folder, stack, missing, parameters):
    source = write_channel(folder / "seg_labeled_ch_0", stack, missing)
    target = folder / "seg_tracked_ch_0"
    track(source, target, parameters, folder / "lineage.csv", folder / "drift.csv", fov=3)
    with ArrayReader(target / "0") as frames:
        return np.stack(list(frames)), frames.missing


@pytest.mark.parametrize("method", METHODS)
def test_a_frame_without_phase_contrast_does_not_end_tracks(method, tmp_path):
    """IDs, lineage and boxes are those of the frames that exist, put in their places."""
    stack = labels()
    alone, none = tracked(tmp_path / "alone", stack[PRESENT], (), METHODS[method])
    ids, missing = tracked(tmp_path / "gaps", stack, MISSING, METHODS[method])
    assert (none, missing) == (frozenset(), MISSING)
    np.testing.assert_array_equal(ids[PRESENT], alone)
    assert not ids[sorted(MISSING)].any()
    found, expected = (rows(tmp_path / name / "lineage.csv") for name in ("gaps", "alone"))
    for row in expected:
        row |= {end: PRESENT[row[end]] for end in ("first_frame", "last_frame")}
    assert found == expected
    assert {row["last_frame"] for row in found} >= {6}
    boxes, valid = read_boxes(tmp_path / "gaps" / "seg_tracked_ch_0")
    few, there = read_boxes(tmp_path / "alone" / "seg_tracked_ch_0")
    np.testing.assert_array_equal(boxes[:, PRESENT], few)
    np.testing.assert_array_equal(valid[:, PRESENT], there)
    assert not valid[:, sorted(MISSING)].any()
    shifts = [(row["shift_y"], row["shift_x"]) for row in rows(tmp_path / "gaps" / "drift.csv")]
    here = [(row["shift_y"], row["shift_x"]) for row in rows(tmp_path / "alone" / "drift.csv")]
    assert shifts == [here[0], here[0], here[1], here[2], here[2], here[2], here[3], here[3]]
    assert here[3] == (6, 9)


class Counting:
    """A tracker of a plug-in that takes frame by frame: IDs are labels and the number of calls."""

    def __init__(self):
        self.calls = 0

    def update(self, frame):
        self.calls += 1
        return np.where(frame > 0, frame + 10 * self.calls, 0)


def test_trackers_that_take_frame_by_frame_see_recorded_frames_only(tmp_path):
    TRACKING.register("counting", Counting)
    try:
        ids, missing = tracked(tmp_path, labels(), MISSING, {"method": "counting"})
    finally:
        TRACKING.remove("counting")
    assert missing == MISSING
    found = {t: sorted({n // 10 for n in np.unique(ids[t]) if n}) for t in range(8)}
    assert found == {0: [1], 1: [], 2: [2], 3: [3], 4: [], 5: [], 6: [4], 7: []}
    spans = {(row["first_frame"], row["last_frame"]) for row in rows(tmp_path / "lineage.csv")}
    assert spans == {(t, t) for t in PRESENT}


def test_arrays_are_tracked_likewise():
    stack = labels()
    ids, lineage = fovea.track(stack, "iou", missing=sorted(MISSING), max_gap=1)
    alone, expected = fovea.track(stack[PRESENT], "iou", max_gap=1)
    np.testing.assert_array_equal(ids[PRESENT], alone)
    assert not ids[sorted(MISSING)].any()
    expected[["first_frame", "last_frame"]] = np.array(PRESENT)[
        expected[["first_frame", "last_frame"]].to_numpy()
    ]
    assert lineage.equals(expected)


# --------------------------------------------------------------------------------- segmentation


def test_only_frames_of_phase_contrast_are_segmented(tmp_path, caplog):
    rng = np.random.default_rng(2)
    frames = rng.integers(900, 1000, (4, 64, 64)).astype(np.uint16)
    frames[:, 20:44, 20:44] = rng.integers(0, 2000, (4, 24, 24))
    options = {"method": "logstd", "morph_size": 3, "morph_iterations": 1}
    found = {}
    for name, missing in (("all", ()), ("some", {0, 2})):
        source = write_channel(tmp_path / name / "pc_ch_0", frames, missing)
        with caplog.at_level("INFO", "fovea"):
            segment(source, tmp_path / name / "seg_labeled_ch_0", options)
        with ArrayReader(tmp_path / name / "seg_labeled_ch_0" / "0") as array:
            found[name] = np.stack(list(array))
            assert array.missing == frozenset(missing)
    np.testing.assert_array_equal(found["some"][[1, 3]], found["all"][[1, 3]])
    assert found["all"].any(axis=(1, 2)).all()
    assert not found["some"][[0, 2]].any()
    assert "phase contrast was recorded in 2 of 4 frames" in caplog.messages
    # frames that do not exist are no frames without objects
    assert all("frames without any: 0" in m for m in caplog.messages if m.startswith("objects"))


def test_a_field_without_phase_contrast_fails_in_one_line(tmp_path):
    source = write_channel(tmp_path / "pc_ch_0", np.ones((3, 8, 8), np.uint16), range(3))
    with pytest.raises(FoveaError) as caught:
        segment(source, tmp_path / "seg_labeled_ch_0", {"method": "logstd"}, fov=5)
    assert str(caught.value) == (
        "field of view 5: its phase-contrast channel (pc_ch_0) was recorded in no frame, so no "
        "cells can be found; leave it out with `exclude_fovs: [5]`"
    )

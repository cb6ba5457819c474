"""The table of boxes that tracking writes, against the boxes of the IDs that it wrote."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given

from fovea.errors import FoveaError
from fovea.plugins.loader import keep_only, load_plugins
from fovea.store.metadata import read_attributes
from fovea.store.reader import ArrayReader, read_array
from fovea.tracking.boxes import COLUMNS, measure_cells, read_boxes
from fovea.tracking.track import track
from support.channels import write_channel, write_tracked
from support.reference import track as reference
from support.strategies import examples, label_stacks

EVERYTHING = {"max_gap": 2, "max_merge": 5, "divisions": True, "drift": True}
METHODS = {
    "iou": {"method": "iou"},
    "iou, all options": {"method": "iou", **EVERYTHING},
    "lap, all options": {"method": "lap", **EVERYTHING},
    "own": {"method": "own"},
}
OWN = """
from fovea.plugins import tracking

@tracking("own")
class Own:
    def update(self, labels):
        return labels * 3  # the same label is the same cell
"""


@pytest.fixture(autouse=True)
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    load_plugins([str(tmp_path / "own.py")])
    yield
    keep_only([])


def expected_boxes(ids):
    """Boxes (N, T, 4) and presence (N, T) of IDs (T, H, W), one frame after the other."""
    bboxes = np.zeros((ids.max(), len(ids), 4), np.int32)
    valid = np.zeros(bboxes.shape[:2], bool)
    for t, frame in enumerate(ids):
        for cell, box in zip(*reference.boxes(frame), strict=True):
            bboxes[cell - 1, t], valid[cell - 1, t] = box, True
    return bboxes, valid


def check(group, ids):
    bboxes, valid = read_boxes(group)
    expected, present = expected_boxes(ids)
    assert (bboxes.dtype, valid.dtype) == (np.int32, bool)
    np.testing.assert_array_equal(valid, present)
    np.testing.assert_array_equal(bboxes, expected)


@given(label_stacks())
@examples(60)
def test_every_stack(tmp_path_factory, stack):
    group = write_tracked(tmp_path_factory.mktemp("tracked") / "seg_tracked_ch_0", stack)
    check(group, stack)


@pytest.mark.parametrize("method", METHODS)
def test_boxes_are_those_of_the_ids(tmp_path, method):
    """Also of cells that share an object, have a gap, divide or move with the stage."""
    y, x = np.mgrid[:80, :120]
    stack = np.zeros((9, 80, 120), np.uint16)
    for t, labels in enumerate(stack):
        apart = abs(t - 3.5) * 3 + 6  # two cells, one object while they are near
        left, right = (np.hypot(y - 40, x - 60 - side * apart) < 8 for side in (-1, 1))
        labels[left], labels[right] = 1, 1 if 2 <= t <= 5 else 2
        if t != 4:
            labels[np.hypot(y - 12, x - 30 - t) < 6] = 3
    source = write_channel(tmp_path / "seg_labeled_ch_0", stack)
    target = tmp_path / "seg_tracked_ch_0"
    track(source, target, METHODS[method])
    with ArrayReader(target / "0") as frames:
        ids = np.stack(list(frames))
    check(target, ids)
    rows = read_array(target / "boxes")
    assert rows.shape[1] == len(COLUMNS)
    assert rows[:, :2].tolist() == sorted(rows[:, :2].tolist()), "by frame, then by cell"
    about = read_attributes(target / "boxes")["fovea"]
    assert about["columns"] == "frame, cell, y0, x0, y1, x1"
    assert (about["frames"], about["largest_label"]) == (9, ids.max())


def test_no_cell_at_all(tmp_path):
    group = write_tracked(tmp_path / "seg_tracked_ch_0", np.zeros((3, 20, 30), np.uint16))
    bboxes, valid = read_boxes(group)
    assert (bboxes.shape, valid.shape) == ((0, 3, 4), (0, 3))


def test_ids_beyond_16_bits():
    ids = np.zeros((4, 9), np.uint32)
    ids[1:3, 2:5] = 70_000
    boxes, areas = measure_cells(ids, 2)
    assert boxes.tolist() == [[2, 70_000, 1, 2, 3, 5]]
    assert areas.tolist() == [6]


def test_a_recording_without_the_table(tmp_path):
    with pytest.raises(FoveaError, match="boxes is not there or not whole; run Snakemake again"):
        read_boxes(tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_few_frames_are_in_memory(tmp_path, method):
    """A recording that is ten times as long takes room for its tables, and not for its frames."""
    peaks = []
    for count in (6, 6, 60):  # the first one loads what is needed
        labels = np.zeros((count, 400, 400), np.uint16)
        labels[:, 50:80, 50:80] = 1
        group = tmp_path / f"{len(peaks)}/seg_labeled_ch_0"
        write_channel(group, labels)
        tracemalloc.start()
        track(group, group.parent / "seg_tracked_ch_0", METHODS[method])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 3 * labels[0].nbytes

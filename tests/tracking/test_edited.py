"""The table of edited tracks: what it may say, and that it fits the objects of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.tracking.edited import COLUMNS, read_edited

HEADER = ",".join(COLUMNS)
#: Two cells in two frames; the second one divides off the first.
ROWS = [
    "a,3,0,1.5,1,6,1,1,",
    "a,3,1,1.5,1,6,1,1,",
    "a,3,1,5,0.5,2,2,2,1",
]


def frames():
    ids = np.zeros((2, 4, 7), np.uint16)
    ids[:, 0:3, 1:3] = 1
    ids[1, 0:2, 5] = 2
    return ids


def write(folder, rows=ROWS, header=HEADER):
    file = folder / "a_fov_003.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def apply(table, ids=None):
    ids = frames() if ids is None else ids
    return np.stack([table.relabelled(frame, t, t) for t, frame in enumerate(ids)])


def test_a_table_is_applied(tmp_path):
    table = read_edited(write(tmp_path), "a", 3)
    assert table.parents == {2: 1}
    assert np.array_equal(apply(table), frames())
    assert table.words == "0 of 3 objects have another ID than tracking gave, 0 are left out"
    rows = [ROWS[0], "a,3,1,1.5,1,6,1,0,", "a,3,1,5,0.5,2,2,7,"]
    table = read_edited(write(tmp_path, rows), "a", 3)
    assert [np.unique(frame).tolist() for frame in apply(table)] == [[0, 1], [0, 7]]
    assert table.words == "1 of 3 objects have another ID than tracking gave, 1 are left out"


def test_numbers_of_tracking_may_change_but_not_objects(tmp_path):
    table = read_edited(write(tmp_path), "a", 3)
    others = np.array([0, 9, 4], np.uint16)[frames()]
    assert np.array_equal(apply(table, others), frames())


def test_objects_of_the_same_place_are_told_apart_by_tracking(tmp_path):
    same = np.array([[[1, 2], [2, 1]]], np.uint16)
    rows = ["a,3,0,0.5,0.5,2,1,8,", "a,3,0,0.5,0.5,2,2,9,"]
    table = read_edited(write(tmp_path, rows), "a", 3)
    assert np.array_equal(apply(table, same), np.array([0, 8, 9], np.uint16)[same])
    with pytest.raises(FoveaError, match="several objects are at x 0.5, y 0.5 with an area of 2"):
        apply(table, np.array([0, 3, 4], np.uint16)[same])


def test_ids_beyond_16_bits_are_wider(tmp_path):
    rows = [f"a,3,0,{x},0,1,{x + 1},{x + 1}," for x in range(9000)]
    rows[5] = "a,3,0,5,0,1,6,70000,"
    found = apply(read_edited(write(tmp_path, rows), "a", 3), np.arange(1, 9001)[None, None])
    assert found.dtype == np.uint32
    assert found.max() == 70000


def changed(row, text):
    return [text if i == row else line for i, line in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, "a,3,1,1.5,1,6,1,2,"), "lines 3 and 4 give cell 2 two objects in frame 1; give "
         "one of them another cell"),
        (changed(2, "a,3,1,5,0.5,2,2,2,7"), "line 4: the parent of cell 2 is 7, which is not there "
         "before frame 1"),
        (["a,3,0,1.5,1,6,1,1,2", "a,3,0,5,0.5,2,2,2,1"], "line 2: the parent of cell 1 is 2, which "
         "is not there before frame 0"),
        (changed(1, "a,3,1,1.5,1,6,1,1,2"), "line 3: has a parent and is not the first object of "
         "its cell"),
        (changed(1, "a,3,1,1.5,1,6,1,1000,"), "line 3: cell is 1000, and no ID above 50 is needed"),
        (changed(1, "a,3,-1,1.5,1,6,1,1,"), "line 3: frame is '-1'; it is a number from 0 and w"),
        (changed(1, "a,3,1,1.3,1,6,1,1,"), "line 3: position_x is '1.3'; it is a number from 0 in "
         "steps of 0.5"),
        (changed(1, "a,3,1,1.5,1,6,1,x,"), "line 3: cell is 'x'; it is a number from 0 and whole"),
        (changed(1, "a,3,1,1.5,1,6,1,,"), "line 3: cell is ''; it is a number"),
        (changed(1, "a,3,1"), "line 3 has 3 values and the header 9; correct it"),
        (changed(1, "b,3,1,1.5,1,6,1,1,"), "line 3 is of b, field of view 3; this is the table of "
         "a, field of view 3: correct the name of the file"),
    ],
)  # fmt: skip
def test_what_a_table_cannot_say(tmp_path, rows, message):
    with pytest.raises(FoveaError, match=message) as error:
        read_edited(write(tmp_path, rows), "a", 3)
    assert "\n" not in str(error.value)


def test_what_is_no_table(tmp_path):
    with pytest.raises(FoveaError, match="is no table of edited tracks, whose first line is data"):
        read_edited(write(tmp_path, [], "dataset;fov"), "a", 3)
    (tmp_path / "a_fov_003.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FoveaError, match="is no table of edited tracks, but no CSV in UTF-8"):
        read_edited(tmp_path / "a_fov_003.csv", "a", 3)


@pytest.mark.parametrize(
    ("pixel", "message"),
    [
        ((1, 3, 2), "no object is at x 1.5, y 1 with an area of 6 pixels in frame 1 any more"),
        ((1, 3, 6), "has no row for the object at x 6, y 3 with an area of 1 pixels in frame 1"),
    ],
)
def test_a_segmentation_that_has_run_again_is_refused(tmp_path, pixel, message):
    ids = frames()
    ids[pixel] = 1 if pixel[2] == 2 else 3
    with pytest.raises(FoveaError, match=message) as error:
        apply(read_edited(write(tmp_path), "a", 3), ids)
    assert "segmentation or tracking has changed since the tracks were edited" in str(error.value)


def test_frames_that_are_not_there(tmp_path):
    with pytest.raises(FoveaError, match="has rows of frame 1, in which this field of view has no"):
        read_edited(write(tmp_path), "a", 3).check_frames(np.array([0]))

"""Tables of traces from several files: joined by cell and time, and refused where that fails."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.fits.traces import load_traces
from fovea.samples.imports.import_traces import import_traces
from fovea.samples.merge import merge
from fovea.samples.tables import comment_lines
from support.merged import FEATURES as MERGED
from support.merged import merge_all, ramp, recording
from support.pyama_files import FEATURES, TIME

TOTAL = {"fl_ch_1": ["intensity_total"]}
AREA, INTENSITY = "c_area_ch_0.csv", "c_intensity_total_ch_1.csv"
HEAD = "# Time units: min\ntime,fov,cell,value\n"


def table_of(folder, features=TOTAL, time=None, head=HEAD, more=None, **files):
    """Import files whose names end with what the keys say; returns the table."""
    paths = []
    for name, rows in files.items():
        path = folder / f"{name}.csv"
        path.write_text(head + "".join(",".join(map(str, row)) + "\n" for row in rows))
        paths.append(path)
    import_traces(paths, folder / "out.csv", features, TIME | (time or {}), **(more or {}))
    return pd.read_csv(folder / "out.csv", comment="#")


def refused(folder, *args, **kwargs) -> str:
    with pytest.raises(FoveaError) as caught:
        table_of(folder, *args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


# ------------------------------------------------------------------------------------- by keys


@pytest.mark.parametrize(
    "time",
    [
        {},
        {"interval": 5.0, "override": True},
        {"mapping": {n: 5.0 * n for n in range(20)}, "override": True},
    ],
)
def test_values_are_joined_by_time_whatever_a_file_lacks(tmp_path, time):
    """Also where the config gives the times: then the file's own tell which frame is which."""
    every = np.arange(0, 200, 10.0)
    some = [t for t in every if not 40 < t < 100]
    table = table_of(
        tmp_path, FEATURES, time,
        c_area_ch_0=[(t, 0, cell, 400 + cell) for t in every for cell in (1, 2)],
        c_intensity_total_ch_1=[(t, 0, cell, 7 * t + cell) for t in some for cell in (1, 2)],
    )  # fmt: skip
    assert len(table) == 40
    clock = every if not time else every / 2
    for cell in (1, 2):
        mine = table[table["cell"] == cell]
        assert mine["frame"].tolist() == list(range(20))
        np.testing.assert_allclose(mine["time"], clock)
        expected = [7 * t + cell if t in some else np.nan for t in every]
        np.testing.assert_array_equal(mine["intensity_total_ch_1"], expected)


def test_one_file_that_lacks_times_keeps_the_numbers_of_its_frames(tmp_path):
    rows = [(t, 0, 1, t) for t in (0, 10, 20, 100, 110)]
    table = table_of(
        tmp_path, time={"interval": 2.0, "override": True}, c_intensity_total_ch_1=rows
    )
    assert table["frame"].tolist() == [0, 1, 2, 10, 11]
    assert table["time"].tolist() == [0, 2, 4, 20, 22]
    rows = [(t, 0, 1, t) for t in (0, 10, 14, 100)]
    assert refused(tmp_path, time={"interval": 2.0}, c_intensity_total_ch_1=rows) == (
        f"{INTENSITY}: the times of field of view 0 are not evenly spaced, so that `time.interval` "
        "and `time.mapping` do not say which frame is which; remove them from the dataset, the "
        "file's own times are taken then"
    )


def test_times_with_more_or_fewer_digits_are_the_same(tmp_path):
    exact = [500.0 * n / 60 for n in range(12)]
    table = table_of(
        tmp_path, FEATURES,
        c_area_ch_0=[(f"{t:.6f}", 0, 1, n) for n, t in enumerate(exact)]
        + [(f"{t:.2f}", 0, 2, n) for n, t in enumerate(exact)],
        c_intensity_total_ch_1=[(f"{t:.4f}", 0, c, n) for n, t in enumerate(exact) for c in (1, 2)],
    )  # fmt: skip
    assert len(table) == 24
    assert table["frame"].tolist() == [*range(12)] * 2
    np.testing.assert_array_equal(table["area_ch_0"], table["intensity_total_ch_1"])


def test_each_channel_keeps_its_own_times(tmp_path):
    """Channels are exposed after each other; a fit of the onset needs the true time."""
    late = [(10.0 * n + 0.5, 0, 1, n) for n in range(4)]
    table = table_of(tmp_path, FEATURES, c_intensity_total_ch_1=late,
                     c_area_ch_0=[(10.0 * n, 0, 1, n) for n in range(5)])  # fmt: skip
    assert table["time"].tolist() == [0, 10, 20, 30, 40]
    assert table["time_ch_1"].tolist() == [0.5, 10.5, 20.5, 30.5, 40]


def test_rows_of_another_interval_have_no_partner_and_that_is_said(tmp_path, caplog):
    logging.getLogger("fovea").propagate = True
    every = [(t, 0, cell, 1) for t in (0, 10, 20, 30, 40) for cell in (1, 2)]
    with caplog.at_level("WARNING"):
        rarely = [(t, 0, cell, 2) for t in (0, 20, 40) for cell in (1, 2)]
        table = table_of(tmp_path, FEATURES, c_area_ch_0=every, c_intensity_total_ch_1=rarely)
    assert table["intensity_total_ch_1"].isna().sum() == 4
    (said,) = [record.message for record in caplog.records if "partner" in record.message]
    assert said.endswith(
        f"{AREA}: 4 of its 10 rows have no partner, a row of the same cell and time in each of the "
        "other files, so values are empty there; compare the times of the files"
    )
    caplog.clear()
    with caplog.at_level("WARNING"):  # no warning where all belong together, or a cell is not there
        mine = [row for row in every if row[2] == 1]
        table_of(tmp_path, FEATURES, c_area_ch_0=every, c_intensity_total_ch_1=mine)
    assert "partner" not in caplog.text


def test_three_channels_one_after_the_other_are_no_chain(tmp_path):
    """Each is less than half a step after the one before, the last nearer to the next frame."""
    features = {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_total"], "fl_ch_2": ["intensity_total"]}
    shifted = {"c_area_ch_0": 0.0, "c_intensity_total_ch_1": 3.0, "c_intensity_total_ch_2": 6.0}
    files = {name: [(10.0 * n + shift, 0, 1, n) for n in range(6)]
             for name, shift in shifted.items()}  # fmt: skip
    table = table_of(tmp_path, features, **files)
    for channel, shift in ((1, 3.0), (2, 6.0)):
        there = table[table[f"intensity_total_ch_{channel}"].notna()]
        assert there[f"intensity_total_ch_{channel}"].tolist() == list(range(6))
        assert there[f"time_ch_{channel}"].tolist() == [10.0 * n + shift for n in range(6)]


@given(
    st.sets(st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(0, 7)), min_size=4),
    st.sets(st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(0, 7)), min_size=4),
    st.sampled_from([0.0, 0.004, 1.5, 3.9]), st.sampled_from(["{:.6f}", "{:.4f}", "{:.2f}"]),
)  # fmt: skip
def test_any_rows_are_joined_as_a_dictionary_joins_them(tmp_path_factory, some, others, late, form):
    """`late` is how much later the second channel is exposed, of 8 and a third minutes a frame.

    Whatever the rows are that the files lack: every value has its own time, and values of the same
    cell and frame stand side by side. One cell of each field of view is in the first two frames of
    both files, so that the step is known.
    """
    every = {(fov, 1, frame) for fov in (0, 1) for frame in (0, 1)}
    files = ("c_area_ch_0", some | every, 0.0), ("c_intensity_total_ch_1", others | every, late)
    rows, expected = {}, {}
    for number, (name, keys, shift) in enumerate(files):
        rows[name] = []
        for fov, cell, frame in sorted(keys, key=lambda key: (key[2], *key)):
            text, value = form.format(frame * 25 / 3 + shift), 100 * number + 10 * cell + frame
            rows[name].append((text, fov, cell, value))
            expected.setdefault((fov, cell, frame), {})[number] = (float(text), value)
    table = table_of(tmp_path_factory.mktemp("a"), FEATURES, **rows)
    assert len(table) == len(expected)
    for row in table.itertuples():
        found = {}
        if not np.isnan(row.area_ch_0):
            found[0] = (row.time, row.area_ch_0)
        if not np.isnan(row.intensity_total_ch_1):
            found[1] = (getattr(row, "time_ch_1", row.time), row.intensity_total_ch_1)
        assert found in expected.values()


def test_a_cell_goes_on_in_another_file(tmp_path):
    table = table_of(tmp_path, a_intensity_total_ch_1=[(t, 0, 1, t) for t in (0, 10, 20)],
                     b_intensity_total_ch_1=[(t, 0, 1, t) for t in (30, 40)])  # fmt: skip
    assert table["frame"].tolist() == [0, 1, 2, 3, 4]
    assert table["intensity_total_ch_1"].tolist() == table["time"].tolist()


def test_exported_tables_give_the_same_fits(tmp_path):
    """Both the table of all features and those of single features, with the channels' own times."""
    paths = recording(tmp_path, "a", {0: {1: ramp(range(6)), 2: ramp([0, 1, 4, 5], 3.0)},
                                      1: {1: ramp(range(2, 6), -1.0, 80.0)}}, 6)  # fmt: skip
    merged = merge_all(tmp_path, "s", paths)
    before = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    single = [merged / f"s_{name}.csv" for name in
              ("area_ch_0", "intensity_mean_ch_1", "intensity_total_ch_1")]  # fmt: skip
    for number, files in enumerate(([merged / "s_traces.csv"], single, single[::-1])):
        target = tmp_path / f"x{number}" / "b" / "b_traces.csv"
        import_traces(files, target, MERGED, TIME)
        time = {key: TIME[key] for key in ("interval", "unit", "mapping")}
        merge("s", [target], [], [], {"b": {"features": MERGED, "time": time}}, target.parent)
        after = load_traces(target.parent / "s_traces.parquet", "intensity_total_ch_1")
        np.testing.assert_array_equal(after.value, before.value)
        there = np.isfinite(before.value)
        np.testing.assert_array_equal(after.time[there], before.time[there])


def test_frames_in_which_a_cell_was_merged_stay_marked(tmp_path):
    head = FRAMES.replace("good", "good,merged")
    words = ["True", "False", "", "WAHR"]
    rows = [(0, 1, t, t, True, word, 5, 5, 1, 1, 9, 9, t) for t, word in enumerate(words)]
    assert table_of(tmp_path, head=head, a=rows)["merged"].tolist() == [True, False, False, True]
    rows = [(*row[:5], "", *row[6:]) for row in rows]
    assert "merged" not in table_of(tmp_path, head=head, a=rows)


# ------------------------------------------------------------------------- rows that are refused


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 0, 1, 1), (10, 0, 1, 2), (0, 0, 1, 5)],
         "a cell has two rows for one time: field of view 0, cell 1, time 0, in line 3 and line 5; "
         "remove one of them"),
        ([(0, 0, 1, 1), (20, 0, 1, 2), (10, 0, 1, 5), (30, 0, 1, 5)],
         "the times of a cell run backwards: field of view 0, cell 1 has 20 in line 4 and 10 in "
         "line 5; correct the times, or sort the rows by time"),
        ([(0, 0, 1, 1), (0, 3, 2, 1), (16.67, 3, 2, 2), (16.666667, 3, 2, 3), (33, 3, 2, 1)],
         "the times of a cell run backwards: field of view 3, cell 2 has 16.67 in line 5 and "
         "16.666667 in line 6; correct the times, or sort the rows by time"),
        ([(0, 3, 2, 1), (16.6666, 3, 2, 2), (16.666667, 3, 2, 3), (33, 3, 2, 1)],
         "a cell has two rows for one time: field of view 3, cell 2 has 16.6666 in line 4 and "
         "16.666667 in line 5; remove one of them"),
        ([(0, 0, 1, 1), ("", 0, 1, 2)], "line 4 has no time; give it one, or remove it"),
    ],
)  # fmt: skip
def test_rows_that_contradict_each_other(tmp_path, rows, message):
    given = refused(tmp_path, c_intensity_total_ch_1=rows)
    assert given == f"{INTENSITY}: {message}"


def test_two_files_with_the_same_cell(tmp_path):
    first = [(t, 0, 1, 1) for t in (0, 10, 20)]
    given = refused(tmp_path, a_intensity_total_ch_1=first,
                    b_intensity_total_ch_1=[(20.01, 0, 1, 2), (30, 0, 1, 3)])  # fmt: skip
    assert given == (
        "b_intensity_total_ch_1.csv: a cell has two rows for one frame: field of view 0, cell 1, "
        "frame 2, in line 5 of a_intensity_total_ch_1.csv and in line 3 of this file; give each "
        "field of view and feature once"
    )
    given = refused(tmp_path, a_intensity_total_ch_1=first,
                    b_intensity_total_ch_1=[(5, 0, 1, 2), (15, 0, 1, 3)])  # fmt: skip
    assert "field of view 0, cell 1 is also in a_intensity_total_ch_1.csv, at other times" in given


FRAMES = "fov,cell,frame,time,good,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1," \
         "intensity_total_ch_1\n"  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "times", "message"),
    [([0, 1, 1], [0, 10, 20], "a cell has two rows for one frame: field of view 0, cell 1, frame "
      "1, in line 3 and line 4; remove one of them"),
     ([0, 1, 2], [0, 10, 5], "the times of a cell run backwards: field of view 0, cell 1 has 10 in "
      "line 3 and 5 in line 4"),
     ([0, 1, 2], [0, 10, 10], "a cell has two rows for one time: field of view 0, cell 1 has 10 in "
      "line 3 and 10 in line 4")],
)  # fmt: skip
def test_frames_and_times_that_contradict_each_other(tmp_path, frames, times, message):
    rows = [(0, 1, frame, time, True, 5, 5, 1, 1, 9, 9, 1.0)
            for frame, time in zip(frames, times, strict=True)]  # fmt: skip
    assert message in refused(tmp_path, head=FRAMES, a=rows)


def test_rows_of_frames_may_come_in_any_order(tmp_path):
    rows = [(0, 1, frame, 10 * frame, True, 5, 5, 1, 1, 9, 9, frame) for frame in (2, 0, 1)]
    table = table_of(tmp_path, head=FRAMES, a=rows)
    assert table["intensity_total_ch_1"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("times", "message"),
    [([0, 10, 10, 20], "line 4 and line 5 have the same time, 10; remove one of them"),
     ([0, 10, 20, 10], "line 4 and line 6 have the same time, 10"),
     ([0, 20, 10, 30], "the times run backwards: 20 in line 4 and 10 in line 5")],
)  # fmt: skip
def test_wide_tables_with_wrong_times(tmp_path, times, message):
    rows = [(time, 1, 2) for time in times]
    given = refused(tmp_path, head="# Time units: min\ntime,1,2\n", c_intensity_total_ch_1=rows)
    assert given.startswith(f"{INTENSITY}: {message}")


def test_tables_from_the_last_time_to_the_first_are_turned_round(tmp_path):
    rows = [(time, 0, cell, time) for time in (20, 10, 0) for cell in (1, 2)]
    table = table_of(tmp_path, c_intensity_total_ch_1=rows)
    assert table["time"].tolist() == [0, 10, 20] * 2
    assert table["intensity_total_ch_1"].tolist() == table["time"].tolist()


def test_wide_tables_of_one_feature_are_fields_of_view(tmp_path):
    head = "# Time units: min\ntime,1,2\n"
    table = table_of(tmp_path, head=head, p1_intensity_total_ch_1=[(0, 1, 2), (10, 3, 4)],
                     p2_intensity_total_ch_1=[(5, 5, 6), (15, 7, 8)])  # fmt: skip
    assert table["fov"].tolist() == [0] * 4 + [1] * 4
    assert table["intensity_total_ch_1"].tolist() == [1, 3, 2, 4, 5, 7, 6, 8]


def test_long_tables_are_no_wide_ones(tmp_path):
    """Their columns cell and value were taken for two cells."""
    table = table_of(tmp_path, head="Time (h),cell,value\n",
                     c_intensity_total_ch_1=[(0, 1, 5), (0, 7, 6), (0.5, 1, 8)])  # fmt: skip
    assert table[["fov", "cell", "time", "intensity_total_ch_1"]].values.tolist() == [
        [0, 1, 0, 5], [0, 1, 30, 8], [0, 7, 0, 6]
    ]  # fmt: skip
    given = refused(tmp_path, head="time,track,value\n", c_intensity_total_ch_1=[(0, 1, 5)])
    assert "these columns are not of traces that Fovea knows: time, track, value" in given


def test_rows_of_different_experiments_are_no_cell(tmp_path):
    """Also where their times differ, so that no row is there twice."""
    rows = [("A1", 0, 0, 1, 5), ("A1", 10, 0, 1, 5), ("B2", 4, 0, 1, 5), ("B2", 14, 0, 1, 5)]
    head = "# Time units: min\nwell,time,fov,cell,value\n"
    given = refused(tmp_path, head=head, c_intensity_total_ch_1=sorted(rows, key=lambda r: r[1]))
    assert given == (
        f"{INTENSITY}: field of view 0, cell 1 has rows of different well, so that they are "
        "several cells; make a file of each, or call the column dataset"
    )
    rows = [(well, time, int(well == "B2"), *rest) for well, time, _, *rest in rows]
    table = table_of(tmp_path, head=head, c_intensity_total_ch_1=rows)
    assert table["fov"].tolist() == [0, 0, 1, 1]


# -------------------------------------------------------------------------------- several datasets


def two_datasets(folder, **more):
    paths = recording(folder, "b", {3: {1: ramp(range(4))}, 4: {1: ramp(range(4))}}, 4)
    paths += recording(
        folder, "a", {3: {1: ramp(range(4), 20.0), 7: ramp(range(3))}}, 4, shift=60.0
    )
    return merge_all(folder, "s", paths, **more)


def test_cells_of_several_datasets_stay_apart(tmp_path):
    """The same field and number of a cell, at other times: two cells."""
    merged = two_datasets(tmp_path)
    for file in ("s_intensity_total_ch_1.csv", "s_traces.csv"):
        import_traces([merged / file], tmp_path / "out.csv", TOTAL, TIME, dataset="old")
        table = pd.read_csv(tmp_path / "out.csv", comment="#")
        cells = table.groupby(["fov", "cell"])["intensity_total_ch_1"].agg(list)
        assert cells.to_dict() == {
            (3, 1): [50, 60, 70, 80], (4, 1): [50, 60, 70, 80], (8, 1): [50, 70, 90, 110],
            (8, 7): [50, 60, 70],
        }  # fmt: skip
        assert comment_lines(tmp_path / "out.csv")[1:] == [
            "Dataset b: its fields of view 3-4 are 3-4 here",
            "Dataset a: its fields of view 3 are 8 here",
        ]


def test_datasets_of_the_config_take_their_own_rows(tmp_path):
    path = two_datasets(tmp_path) / "s_intensity_total_ch_1.csv"
    import_traces([path], tmp_path / "out.csv", TOTAL, TIME, dataset="a", beside=["b"])
    table = pd.read_csv(tmp_path / "out.csv", comment="#")
    assert table[["fov", "cell"]].drop_duplicates().values.tolist() == [[3, 1], [3, 7]]
    with pytest.raises(FoveaError, match="holds the datasets b, a, of which the config reads a; "
                       "give b its own entry with the same traces, or call this"):  # fmt: skip
        import_traces([path], tmp_path / "x.csv", TOTAL, TIME, dataset="a")


def test_files_with_and_without_a_dataset(tmp_path):
    head = "# Time units: min\ndataset,time,fov,cell,value\n"
    rows = [("a", 0, 0, 1, 1), ("b", 0, 0, 1, 1)]
    (tmp_path / AREA).write_text(HEAD + "0,0,1,5\n")
    (tmp_path / INTENSITY).write_text(head + "".join(f"{','.join(map(str, r))}\n" for r in rows))
    with pytest.raises(FoveaError, match=r"c_area_ch_0\.csv: has no column dataset, but .* has the "
                       "datasets a, b; make a dataset of each file"):  # fmt: skip
        import_traces([tmp_path / AREA, tmp_path / INTENSITY], tmp_path / "x.csv", FEATURES, TIME)
    rows[1] = ("", 0, 0, 1, 1)
    assert "line 4 does not name its dataset, as others do" in refused(
        tmp_path, head=head, c_intensity_total_ch_1=rows
    )


def test_what_pyama_would_take_for_one_cell_is_said(tmp_path, caplog):
    import logging

    logging.getLogger("fovea").propagate = True
    with caplog.at_level("WARNING"):
        two_datasets(tmp_path)
    assert (
        "1 pair of cells of different datasets has the same field of view and number, such as 3 "
        "and 1; PyAMA, which passes over the column dataset, would take them for one: give it a "
        "sample of each dataset"
    ) in caplog.text


def test_times_of_the_config_that_contradict_those_of_a_file(tmp_path):
    rows = [(10.0 * n, 0, cell, n) for n in range(20) for cell in (1, 2)]
    assert refused(tmp_path, time={"interval": 600.0}, c_intensity_total_ch_1=rows) == (
        f"{INTENSITY}: field of view 0: `time.interval` is 600 min, but the file has times of 10 "
        "min per frame (with `unit: s` both would agree); remove it from the config to use the "
        "times of the file, or add `override: true` to `time` if those are wrong"
    )
    table = table_of(tmp_path, time={"interval": 10.0}, c_intensity_total_ch_1=rows)
    assert table["time"].max() == 190
    wrong = {"interval": 5.0, "override": True}
    assert table_of(tmp_path, time=wrong, c_intensity_total_ch_1=rows)["time"].max() == 95

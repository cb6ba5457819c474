"""Excel workbooks of traces: every layout in which labs keep them, and what cannot be read."""

from __future__ import annotations

import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from fovea.config.inputs import resolve_traces
from fovea.errors import FoveaError
from fovea.fits.fit import fit
from fovea.fits.fit_table import read_fits
from fovea.samples.imports.import_traces import import_traces
from fovea.samples.merge import merge
from support import recordings
from support.pyama_files import TIME, write

TOTAL = {"fl_ch_1": ["intensity_total"]}
COLUMN = "intensity_total_ch_1"
HOURS = [0, 0.25, 0.5, 0.75]
VALUES = [[1.5, 10.0], [2.5, None], [3.5, 12.0], [4.5, 13.0]]  # rows of two cells


def workbook(path, **sheets):
    """Write sheets of rows; the names of hidden ones end with ``hidden``."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("__", " ").removesuffix(" hidden"))
        sheet.sheet_state = "hidden" if name.endswith("hidden") else "visible"
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def with_times(header, rows=VALUES):
    return [header, *([t, *row] for t, row in zip(HOURS, rows, strict=True))]


def imported(path, features=TOTAL, time=None, names=None):
    paths = path if isinstance(path, list) else [path]
    target = paths[0].with_name("out.csv")
    import_traces(paths, target, features, TIME | (time or {}), names=names)
    return pd.read_csv(target, comment="#")


def check(table, cells=(1, 2), column=COLUMN):
    """The traces of `VALUES`; an empty cell is no row."""
    assert table["cell"].tolist() == [cells[0]] * 4 + [cells[1]] * 3
    assert table["frame"].tolist() == [0, 1, 2, 3, 0, 2, 3]
    np.testing.assert_allclose(table["time"], 15.0 * table["frame"])
    assert table[column].tolist() == [1.5, 2.5, 3.5, 4.5, 10.0, 12.0, 13.0]
    assert table["good"].all()
    assert set(table["time_source"]) == {"file"}


LAYOUTS = {
    "as published": {"time": [["Time [h]"], *([t] for t in HOURS)],
                     "GFP": [["Intensity [a.u.]"] * 2, *VALUES]},
    "times in each sheet": {"GFP": with_times(["time (h)", "a", "b"])},
    "no header, times of their own": {"Time_h": [[t] for t in HOURS], "GFP": VALUES},
    "a title": {"GFP": [["Experiment of 3 May"], [], *with_times(["t / h", "x", "y"])]},
    "a row of units": {"GFP": [["hours", "x", "y"], [None, "a.u.", "a.u."],
                               *with_times([])[1:]]},
    "other sheets": {"Notes": [["by NN"]], "RFP": with_times(["time (h)", "a", "b"]),
                     "gfp": with_times(["time (h)", "a", "b"]), "Empty": [],
                     "GFP2__hidden": with_times(["time (h)", "a", "b"])},
    "a summary": {"GFP": [[*row, more] for row, more in
                          zip(with_times(["time (h)", "a", "b"]), ["Mean", 1, 2, 3, 4],
                              strict=True)]},
    "an index, frames and times": {"GFP": [
        [None, "Frame", "time (h)", "a", "b"],
        *([i, i, *row] for i, row in enumerate(with_times([])[1:]))]},
    "the unit in the name of the sheet": {"GFP (h)": with_times(["time", "a", "b"])},
    "an index beside times of their own": {
        "t_h": [[t] for t in HOURS],
        "GFP (488 nm)": [[None, "x", "y"], *([i + 1, *row] for i, row in enumerate(VALUES))]},
    "cells with names like times": {"time": [["Time [h]"], *([t] for t in HOURS)],
                                    "GFP": [["t1", "m2"], *VALUES]},
    "rows out of order": {"GFP": [["time (h)", "a", "b"], *with_times([])[:0:-1]]},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    name = next((name for name in LAYOUTS[layout] if name.startswith("GFP (")), "GFP")
    check(imported(workbook(tmp_path / "a.xlsx", **LAYOUTS[layout]), names={"fl_ch_1": name}))


@pytest.mark.parametrize(
    ("sheets", "cells"),
    [
        ({"time": [[t] for t in HOURS], "GFP": [[0, 1], *VALUES]}, (0, 1)),
        ({"GFP": with_times(["time", 7, 9])}, (7, 9)),
        ({"GFP": with_times([None, 1, 2])}, (1, 2)),
        ({"GFP": with_times(["t", "4", "5"])}, (4, 5)),
    ],
)  # fmt: skip
def test_columns_with_the_numbers_of_cells(tmp_path, sheets, cells):
    path = workbook(tmp_path / "a.xlsx", **sheets)
    check(imported(path, time={"file_unit": "h"}, names={"fl_ch_1": "GFP"}), cells)


@pytest.mark.parametrize(
    ("sheet", "names"),
    [(COLUMN, {}), ("GFP", {"fl_ch_1": "GFP"}), ("eGFP_total", {"fl_ch_1": "egfp total"}),
     ("GFP Intensity_Total", {"fl_ch_1": "GFP"}), ("Channel 1", {}), ("fl_ch_1", {}),
     ("intensity total", {}), ("Sheet1", {}), ("Tabelle1", {"fl_ch_1": "GFP"}),
     ("anything", {})],
)  # fmt: skip
def test_names_of_sheets(tmp_path, sheet, names):
    path = workbook(tmp_path / "a.xlsx", **{sheet: with_times(["time (h)", "a", "b"])})
    check(imported(path, names=names))


def test_no_header_at_all(tmp_path, caplog):
    """The first column ascends, so it is taken for the times; the log says so."""
    path = workbook(tmp_path / "a.xlsx", GFP=with_times([])[1:])
    check(imported(path, time={"file_unit": "h"}))


def test_times_of_the_config(tmp_path):
    path = workbook(tmp_path / "a.xlsx", GFP=[["a", "b"], *VALUES])
    with pytest.raises(FoveaError, match=r"a\.xlsx, sheet GFP: has no times; set `time"):
        imported(path)
    table = imported(path, time={"interval": 15})
    np.testing.assert_allclose(table["time"], 15.0 * table["frame"])
    assert set(table["time_source"]) == {"interval"}


def test_frames_of_a_sheet(tmp_path):
    """They count, where every second frame is recorded, and not the rows."""
    rows = [["frame", "a", "b"], *([2 * i, *row] for i, row in enumerate(VALUES))]
    table = imported(workbook(tmp_path / "a.xlsx", GFP=rows), time={"interval": 15})
    assert table["frame"].tolist() == [0, 2, 4, 6, 0, 4, 6]
    np.testing.assert_allclose(table["time"], 15.0 * table["frame"])


def test_several_features(tmp_path):
    """Sheets of two channels and of the area; one has every second time only."""
    path = workbook(
        tmp_path / "a.xlsx",
        GFP=with_times(["time (h)", 1, 2]),
        RFP=[["time (h)", 1, 2], [0.0001, 5.0, 6.0], [0.5001, 7.0, 8.0]],
        area=with_times(["time (h)", 1, 2], [[100, 200]] * 4),
    )
    features = {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_total"], "fl_ch_2": ["intensity_total"]}
    table = imported(path, features, names={"fl_ch_1": "GFP", "fl_ch_2": "RFP"})
    assert table["frame"].tolist() == [0, 1, 2, 3] * 2
    np.testing.assert_allclose(table["time"], 15.0 * table["frame"])
    np.testing.assert_array_equal(table["area_ch_0"], [100] * 4 + [200] * 4)
    np.testing.assert_array_equal(
        table["intensity_total_ch_2"], [5, np.nan, 7, np.nan, 6, np.nan, 8, np.nan]
    )
    np.testing.assert_array_equal(table[COLUMN], [1.5, 2.5, 3.5, 4.5, 10, np.nan, 12, 13])


def test_cells_of_two_sheets_must_belong_together(tmp_path):
    features = {"fl_ch_1": ["intensity_total"], "fl_ch_2": ["intensity_total"]}
    names = {"fl_ch_1": "GFP", "fl_ch_2": "RFP"}
    gfp = with_times(["time (h)", "x", "x"])
    wide = [[*row, 1] for row in gfp]
    path = workbook(tmp_path / "a.xlsx", GFP=gfp, RFP=wide)
    with pytest.raises(
        FoveaError,
        match=r"sheet RFP: has 3 cells without numbers and .*sheet GFP 2 cells without numbers, so",
    ):
        imported(path, features, names=names)
    path = workbook(tmp_path / "b.xlsx", GFP=with_times(["time (h)", 0, 1]), RFP=gfp)
    with pytest.raises(FoveaError, match="has 2 cells without numbers and .* numbered cells"):
        imported(path, features, names=names)
    header = ["time (h)", "a", "b"], ["time (h)", "b", "a"]
    path = workbook(tmp_path / "c.xlsx", GFP=with_times(header[0]), RFP=with_times(header[1]))
    with pytest.raises(FoveaError, match="has its cells in another order than .*sheet GFP"):
        imported(path, features, names=names)
    path = workbook(tmp_path / "d.xlsx", GFP=gfp, RFP=gfp)
    table = imported(path, features, names=names)
    np.testing.assert_array_equal(table[COLUMN], table["intensity_total_ch_2"])


def test_several_workbooks(tmp_path):
    """Of the same feature they are fields of view, of different ones they belong together."""
    first = workbook(tmp_path / "pos1.xlsx", GFP=with_times(["time (h)", 1, 2]))
    second = workbook(tmp_path / "pos2.xlsx", GFP=with_times(["time (h)", 1, 2]))
    table = imported([first, second], names={"fl_ch_1": "GFP"})
    for fov in (0, 1):
        check(table[table["fov"] == fov])
    other = workbook(tmp_path / "r.xlsx", RFP=with_times(["time (h)", 1, 2]))
    features = {"fl_ch_1": ["intensity_total"], "fl_ch_2": ["intensity_total"]}
    table = imported([first, other], features, names={"fl_ch_1": "GFP", "fl_ch_2": "RFP"})
    assert set(table["fov"]) == {0}
    np.testing.assert_array_equal(table[COLUMN], table["intensity_total_ch_2"])


@pytest.mark.parametrize(
    ("value", "words"),
    [("0,438", "the text '0,438'"), ("<LOD", "the text '<LOD'"), (True, "the truth value True"),
     (datetime.datetime(2024, 5, 1), r"a date or time of day \(2024-05-01 00:00:00\)"),
     (datetime.time(6, 0), r"a date or time of day \(06:00:00\)")],
)  # fmt: skip
def test_what_is_no_number_is_named_with_its_cell(tmp_path, value, words):
    rows = with_times(["time (h)", "a", "b"])
    rows[3] = [0.5, 3.5, value]
    path = workbook(tmp_path / "a.xlsx", GFP=rows)
    with pytest.raises(
        FoveaError, match=rf"a\.xlsx, sheet GFP, cell C4: holds {words}; write a nu"
    ):
        imported(path)
    rows = with_times(["time (h)", "a", "b"])
    rows[3][0] = value
    path = workbook(tmp_path / "a.xlsx", GFP=rows)
    with pytest.raises(FoveaError, match=rf"sheet GFP, cell A4: holds {words}; write a number"):
        imported(path)


@pytest.mark.parametrize("header", [[["time (h)", "a", "b"]], []])
def test_numbers_that_are_texts_are_no_header(tmp_path, header):
    """As decimal commas become where Excel expects points, in every cell of the sheet."""
    rows = [[str(value).replace(".", ",") for value in row] for row in with_times([])[1:]]
    path = workbook(tmp_path / "a.xlsx", GFP=[*header, *rows])
    place = f"[AB]{len(header) + 1}"
    with pytest.raises(FoveaError, match=f"sheet GFP, cell {place}: holds the text '"):
        imported(path)


def test_words_for_a_missing_value(tmp_path):
    rows = with_times(["time (h)", "a", "b"])
    rows[2][2] = "NA"
    check(imported(workbook(tmp_path / "a.xlsx", GFP=rows)))


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ({"GFP": with_times(["time (days)", "a", "b"])},
         "sheet GFP: the unit of time 'days' is not known; allowed: s, min, h"),
        ({"GFP": [["time (h)", "a", "b"]]}, "sheet GFP: holds no numbers; write those of each"),
        ({"GFP": with_times(["time", "a", "b"])},
         "sheet GFP: does not state the unit of its times; set `time.file_unit`"),
        ({"time": [["h"], [0], [1]], "GFP": [["a", "b"], *VALUES]},
         "sheet GFP: has 4 rows of values, but there are 2 times; give each row one time"),
        ({"time": [["h", "h"], [0, 0]], "GFP": VALUES},
         "sheet time: has 2 columns; the sheet of times must have one"),
        ({"GFP": [*with_times(["time (h)", "a", "b"]), [None, 1, 2]]},
         "sheet GFP: row 5 below the header has no time; give it one"),
        ({"time": [[1], [2]], "Time (h)": [[1]], "GFP": VALUES},
         r"the sheets time, Time \(h\) both hold times; remove one"),
        ({"A": with_times(["time", "a", "b"]), "B": with_times(["time", "a", "b"])},
         f"no sheet is known to hold {COLUMN}; the sheets are .*: A, B; name the sheet {COLUMN}, "
         "or write the sheet's name as `name` of channel 1 in the config"),
        ({"GFP__hidden": with_times(["time (h)", "a", "b"]), "x": [["by NN"]]},
         r"no sheet is known to hold .*: x, GFP \(hidden\); name the sheet"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_explained(tmp_path, sheets, message):
    path = workbook(tmp_path / "a.xlsx", **sheets)
    with pytest.raises(FoveaError, match=message) as caught:
        imported(path, names={"fl_ch_1": "GFP"} if "A" not in sheets else None)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_sheets_with_a_row_per_cell_and_time(tmp_path):
    """Their columns were taken for cells called fov, cell and value."""
    rows = [["fov", "cell", "time (h)", "value"], [0, 1, 0, 5], [0, 1, 1, 6]]
    with pytest.raises(
        FoveaError, match="sheet GFP: has one row per cell and time .*save it as CSV"
    ):
        imported(workbook(tmp_path / "a.xlsx", GFP=rows), names={"fl_ch_1": "GFP"})


def test_a_second_column_of_times_is_no_cell(tmp_path):
    rows = [[*row, 60 * t] for t, row in zip(HOURS, VALUES, strict=True)]
    sheet = with_times(["time (h)", "a", "b", "time (min)"], rows)
    check(imported(workbook(tmp_path / "a.xlsx", GFP=sheet), names={"fl_ch_1": "GFP"}))


def test_a_sheet_of_another_name_is_not_taken(tmp_path):
    """Where the config names the channel, the only sheet must not be another channel's."""
    path = workbook(tmp_path / "a.xlsx", GFP=with_times(["time (h)", "a", "b"]))
    with pytest.raises(FoveaError, match="no sheet is known to hold"):
        imported(path, names={"fl_ch_1": "RFP"})


def test_what_is_no_workbook(tmp_path):
    path = tmp_path / "session.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(FoveaError, match=r"session\.xlsx: cannot be read as an Excel workbook: "):
        imported(path)


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_other_spreadsheets_are_to_be_saved_as_xlsx(tmp_path, suffix):
    path = tmp_path / f"session{suffix}"
    path.write_bytes(b"PK")
    with pytest.raises(FoveaError, match=rf"session\{suffix}: spreadsheets are not read in the f"):
        imported(path)


def test_open_workbooks_leave_files_that_are_none(tmp_path):
    """Excel writes ``~$a.xlsx`` beside a workbook that is open."""
    path = workbook(tmp_path / "a.xlsx", GFP=VALUES)
    (tmp_path / "~$a.xlsx").write_bytes(b"x")
    assert resolve_traces(str(tmp_path / "*.xlsx")) == [str(path)]


ENTRY = {"model": "maturation", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": []}  # fmt: skip


def fitted(folder, path, names=None):
    """Import a file, merge it, and fit it."""
    place = folder / "results" / "a" / "a_traces.csv"
    import_traces([path], place, TOTAL, TIME, names=names)
    known = {
        "a": {"features": TOTAL, "time": {k: TIME[k] for k in ("interval", "unit", "mapping")}}
    }
    merge("s", [place], [], [], known, folder / "merged")
    fit(folder / "merged/s_traces.parquet", folder / "fits.csv", ENTRY, COLUMN)
    return read_fits(folder / "fits.csv")


def test_fits_are_those_of_the_same_values_as_csv(tmp_path):
    rng = np.random.default_rng(0)
    values = (1e4 * (1 - np.exp(-np.arange(20) / 6))[:, None] * rng.uniform(1, 2, 3)).tolist()
    rows = [[t / 4, *row] for t, row in enumerate(values)]
    book = workbook(tmp_path / "a.xlsx", GFP=[["time (h)", "0", "1", "2"], *rows])
    text = write(tmp_path / f"a_{COLUMN}.csv", ["time", "0", "1", "2"], rows, "# Time units: h\n",
                 "%r")  # fmt: skip
    pd.testing.assert_frame_equal(fitted(tmp_path / "x", book), fitted(tmp_path / "c", text))


@pytest.mark.parametrize(("name", "cells"), [("A549_control", 136), ("A549_siRNA", 203)])
def test_published_workbooks(tmp_path, name, cells):
    """Sheets time, RFP and GFP; the green ones are also there as CSV, with cells from 0 on."""
    book = recordings.shared(f"traces/{name}.xlsx")
    text = recordings.shared(f"traces/{name.lower()}_{COLUMN}.csv")
    found = imported_to(tmp_path / "x.csv", book, {"fl_ch_1": "GFP"})
    other = imported_to(tmp_path / "c.csv", text)
    assert found["cell"].nunique() == cells
    pd.testing.assert_frame_equal(found.assign(cell=found["cell"] - 1), other)


def imported_to(target, path, names=None):
    import_traces([path], target, TOTAL, TIME, names=names)
    return pd.read_csv(target, comment="#")


def test_published_channels_side_by_side(tmp_path, caplog):
    """The columns of both sheets are of the same cells: bright ones are bright in both."""
    book = recordings.shared("traces/A549_control.xlsx")
    both = TOTAL | {"fl_ch_2": ["intensity_total"]}
    with caplog.at_level("WARNING", "fovea"):
        import_traces([book], tmp_path / "x.csv", both, TIME,
                      names={"fl_ch_1": "GFP", "fl_ch_2": "RFP"})  # fmt: skip
    assert "sheet RFP: its columns are taken for the same cells as those of" in caplog.text
    table = pd.read_csv(tmp_path / "x.csv", comment="#")
    assert table.shape[0] == 136 * 120
    brightest = table.groupby("cell")[[COLUMN, "intensity_total_ch_2"]].max()
    assert np.log(brightest.clip(lower=1e-3)).corr().iloc[0, 1] > 0.6

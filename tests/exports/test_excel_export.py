"""Workbooks of samples, read back by openpyxl and pandas."""

from __future__ import annotations

import sys
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from fovea.errors import FoveaError
from fovea.exports import excel
from fovea.exports.excel import export_excel
from fovea.fits.fit import fit
from fovea.samples.tables import write_traces
from support.merged import merge_all, ramp, recording

COLUMN = "intensity_total_ch_1"
ENTRY = {"model": "line", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": []}  # fmt: skip
LONG = f"{COLUMN}_fitted_exponential_decay"
#: Numbers that 16 digits do not tell from their neighbours, and what is missing or too large.
HARD = [0.1 + 0.2, 1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, 123456789012345.67, -0.0, 3.0,
        np.nan]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The CSV files of a sample: merged tables, a fit, and a table that is hard to write."""
    folder = tmp_path_factory.mktemp("excel")
    cells = {1: ramp(range(6), 0.1), 2: ramp(range(6), 1 / 3), 3: ramp(range(2))}
    merged = merge_all(folder, "some", recording(folder, "a", {0: cells}, 6))
    fit(merged / "some_traces.parquet", merged / f"some_{COLUMN}_fitted_line.csv", ENTRY, COLUMN)
    texts = ["=1+1", "+1", "-x", "@a", "007", "1e5", " a ", "", 'ä, "b"']
    hard = pd.DataFrame({"message": texts, "value": HARD, "cell": range(2**53 - 8, 2**53 + 1),
                         "success": [True, False] * 4 + [True]})  # fmt: skip
    write_traces(hard, merged / f"some_{LONG}.csv", ["Time units: min"])
    names = ["traces", "traces_cells", COLUMN, f"{COLUMN}_fitted_line", LONG]
    return [merged / f"some_{name}.csv" for name in names]


def sheets(path):
    return {sheet.title: list(sheet.iter_rows(values_only=True))
            for sheet in openpyxl.load_workbook(path)}  # fmt: skip


def test_values_are_those_of_the_tables(made, tmp_path):
    target = tmp_path / "some.xlsx"
    export_excel(made, target, "some")
    names = ["traces", "traces_cells", COLUMN, f"{COLUMN}_line", f"{COLUMN}_exponenti~"]
    assert list(sheets(target)) == ["contents", *names]
    for path, name in zip(made, names, strict=True):
        wanted = pd.read_csv(path, comment="#", dtype=str, keep_default_na=False)
        found = pd.read_excel(target, name)
        assert list(found) == list(wanted)
        for column in wanted:
            for one, text in zip(found[column].tolist(), wanted[column], strict=True):
                if text == "":
                    assert pd.isna(one)
                elif isinstance(one, float) or type(one) is int:
                    assert one == float(text)
                else:
                    assert str(one) == text
    contents = sheets(target)["contents"]
    assert contents[1] == ("traces", "some_traces.csv", 1, 14)
    assert (f"some_{LONG}.csv:", None, None, None) in contents
    assert contents[-1] == ("Time units: min", None, None, None)


def test_texts_stay_texts(made, tmp_path):
    export_excel(made[-1:], tmp_path / "some.xlsx", "some")
    sheet = openpyxl.load_workbook(tmp_path / "some.xlsx").worksheets[1]
    column = [cell for (cell,) in sheet.iter_rows(min_row=2, max_col=1)]
    assert [cell.value for cell in column] == [
        "=1+1", "+1", "-x", "@a", "007", "1e5", " a ", None, "ä, \"b\""]  # fmt: skip
    assert {cell.data_type for cell in column if cell.value is not None} == {"s"}


def test_no_time_of_making_is_inside(made, tmp_path, monkeypatch):
    export_excel(made, tmp_path / "one.xlsx", "some")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    export_excel(made, tmp_path / "two.xlsx", "some")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    with ZipFile(tmp_path / "one.xlsx") as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert b"1980-01-01T00:00:00Z" in archive.read("docProps/core.xml")


def test_more_rows_than_a_sheet_can_have(made, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(excel, "ROWS", 6)
    with caplog.at_level("INFO", "fovea"):
        export_excel(made[:1], tmp_path / "some.xlsx", "some")
    found = sheets(tmp_path / "some.xlsx")
    parts = ["traces", "traces (2)", "traces (3)"]
    assert list(found) == ["contents", *parts]
    rows = [row for name in parts for row in found[name][1:]]
    assert len(rows) == len(pd.read_csv(made[0], comment="#")) == 14
    assert len({found[name][0] for name in parts}) == 1
    assert [row[2:] for row in found["contents"][1:4]] == [(1, 5), (6, 5), (11, 4)]
    assert "some_traces.csv has 14 rows and goes on in further sheets" in caplog.messages


def test_names_of_sheets():
    assert excel._title("a" * 31, {"contents"}) == "a" * 31
    assert excel._title("a" * 32, {"contents"}) == f"{'a' * 30}~"
    assert excel._title("a" * 40, {f"{'a' * 30}~"}) == f"{'a' * 26}~ (2)"
    assert excel._title("Contents", {"contents"}) == "Contents (2)"


def test_a_missing_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(FoveaError, match="openpyxl is not installed, with which workbooks are"):
        export_excel([], tmp_path / "some.xlsx", "some")

"""CSV files as spreadsheet programs of several countries save them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.samples.imports.pyama import read_traces
from fovea.samples.saved_csv import SEPARATORS, open_csv
from fovea.samples.tables import read_csv, truth

NAME = "c_intensity_total_ch_1.csv"
ROWS = [("0", "0", "1", "1.5"), ("16.666667", "0", "1", "2.25"), ("33.333333", "0", "1", "0.125")]


def text_of(separator=",", point=".", end="\n", comment="# Time units: min", quote='"'):
    """A merged file as a spreadsheet saves it, its comment filled up to the header's columns."""
    lines = [f"{comment}{separator * 3}", separator.join(["time", "fov", "cell", "value"])]
    for row in ROWS:
        values = [value.replace(".", point) for value in row]
        if point == separator:
            values = [f"{quote}{value}{quote}" if point in value else value for value in values]
        lines.append(separator.join(values))
    return end.join([*lines, separator * 3, ""])


SAVED = {
    "English Excel": text_of(),
    "comment in quotes": text_of(comment='"# Time units: min"'),
    "German Excel": text_of(";", ",", "\r\n"),
    "with a mark of UTF-8": "\ufeff" + text_of(";", ",", "\r\n"),
    "with a line for the separator": "sep=;\r\n" + text_of(";", ",", "\r\n"),
    "with that line filled up": "sep=;;;;\r\n" + text_of(";", ",", "\r\n"),
    "semicolons and points": text_of(";", "."),
    "tabs": text_of("\t", "."),
    "tabs and commas": text_of("\t", ","),
    "commas twice": text_of(",", ","),
    "old Macintosh": text_of(";", ",", "\r"),
    "bars": text_of("|"),
    "blank lines": "\n;;;\n" + text_of(";", ",").replace("\n16", "\n\n16"),
    "whole lines in quotes": "".join(f'"{line}"\n' for line in text_of().split("\n")),
    "empty columns on the right": text_of(";", ",").replace("\n", ";;\n"),
    "capitals": text_of().replace("time,fov,cell,value", "Time,FOV,Cell,Value"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [(kind, encoding) for kind in SAVED for encoding in ("utf-8", "utf-16", "cp1252")
     if "\ufeff" not in SAVED[kind] or encoding.startswith("utf")],
)  # fmt: skip
def test_what_spreadsheets_save_is_read(tmp_path, kind, encoding):
    path = tmp_path / NAME
    path.write_bytes(SAVED[kind].encode(encoding))
    found = read_traces(path)
    assert (found.form, found.unit) == ("G1 merged", "min")
    np.testing.assert_array_equal(found.rows["time"], [0, 16.666667, 33.333333])
    np.testing.assert_array_equal(found.rows["intensity_total_ch_1"], [1.5, 2.25, 0.125])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(tmp_path, encoding):
    path = tmp_path / NAME
    path.write_bytes(text_of("\t", ",").encode(encoding))
    assert len(read_traces(path).rows) == 3


def test_letters_of_windows_in_a_header(tmp_path):
    path = tmp_path / NAME
    path.write_bytes("Zeit [h];Zelle ä;Zelle µ\n0;1,5;2\n0,5;2,5;3\n".encode("cp1252"))
    found = read_traces(path)
    assert (found.form, found.unit, found.headers) == ("wide", "h", ["Zelle ä", "Zelle µ"])
    assert found.rows["time"].tolist() == [0, 0.5, 0, 0.5]


@pytest.mark.parametrize(
    ("separator", "value", "message"),
    [
        (";", "1.234,5", "line 3 holds '1.234,5', but other numbers have decimal commas, such as "
         "'0,5'; save it with one decimal sign and without separators of thousands"),
        (";", "1.5", "line 3 holds '1.5', but other numbers have decimal commas, such as '0,5'"),
        (",", '"1,234.5"', "the column value holds something that is no number: '1,234.5' in line "
         "3; it seems to have separators of thousands: save it without them"),
        (",", '"1,234"', "line 3 holds '1,234', whose comma may be a decimal sign or separate "
         "thousands; save it without separators of thousands, or with more digits"),
        ("\t", "1,234", "line 3 holds '1,234', whose comma may be a decimal sign"),
        (",", "1 234", "'1 234' in line 3; it seems to have separators of thousands"),
        (",", "1'234.5", "in line 3; it seems to have separators of thousands"),
        (",", "01. Mai", "'01. Mai' in line 3; it looks like a date or a time of day, into which "
         "spreadsheets turn numbers: format the column as a number and save it again"),
        (",", "May-05", "in line 3; it looks like a date"),
        (",", "01.05.2024", "in line 3; it looks like a date"),
        (",", "2024-05-01", "'2024-05-01' in line 3; it looks like a date"),
        (",", "12:30", "in line 3; it looks like a date or a time of day"),
        (",", "#DIV/0!", "in line 3; it is an error of a spreadsheet's formula: correct it"),
        (",", "<LOD", "the column value holds something that is no number: '<LOD' in line 3"),
    ],
)  # fmt: skip
def test_what_has_two_meanings_is_refused_with_its_line(tmp_path, separator, value, message):
    path = tmp_path / NAME
    other = "0,5" if separator == ";" else "1"
    rows = [["time", "fov", "cell", "value"], ["0", "0", "1", value], ["1", "0", "1", other]]
    path.write_text("# Time units: min\n" + "".join(f"{separator.join(row)}\n" for row in rows))
    with pytest.raises(FoveaError) as caught:
        read_traces(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_points_that_may_separate_thousands(tmp_path):
    """Where semicolons separate, points may do so; 0.438 shows that they do not."""
    path = tmp_path / NAME
    head = "# Time units: min\ntime;fov;cell;value\n"
    path.write_text(head + "0;0;1;1.234\n1;0;1;5.678\n")
    with pytest.raises(FoveaError, match=r"line 3 holds '1\.234', whose point may be a decimal si"):
        read_traces(path)
    path.write_text(head + "0;0;1;1.234\n1;0;1;0.438\n")
    assert read_traces(path).rows["intensity_total_ch_1"].tolist() == [1.234, 0.438]


@pytest.mark.parametrize(
    ("line", "message"),
    [("10,5,0,1,2,5", "got 6; decimal commas need semicolons between the values"),
     ("10,0,1", "got 3; write its empty values, too")],
)  # fmt: skip
def test_lines_that_do_not_fit_the_header(tmp_path, line, message):
    path = tmp_path / NAME
    path.write_text(f"# Time units: min\ntime,fov,cell,value\n\n0,0,1,5\n{line}\n")
    with pytest.raises(FoveaError) as caught:
        read_traces(path)
    assert str(caught.value) == (
        f"{path}: cannot be read as a table: line 5 does not fit the header: Expected 4 columns, "
        f"{message}"
    )


def test_wide_tables_with_an_index_and_summaries(tmp_path):
    """What pandas writes beside the times is no time, and a mean of cells is no cell."""
    path = tmp_path / NAME
    path.write_text(",Time (h),7,9,Mean,SD\n0,0,1.5,2.5,2,0.5\n1,0.25,3.5,4.5,4,0.5\n")
    found = read_traces(path)
    assert (found.unit, found.headers) == ("h", None)
    assert found.notes == ["columns that are taken for no cells: Mean, SD"]
    assert found.rows[["cell", "time", "intensity_total_ch_1"]].values.tolist() == [
        [7, 0, 1.5], [7, 0.25, 3.5], [9, 0, 2.5], [9, 0.25, 4.5],
    ]  # fmt: skip
    path.write_text("Time (h),Mean\n0,1.5\n1,0.25\n")
    with pytest.raises(FoveaError, match="has times and no cells; write the values of each in a c"):
        read_traces(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"PK\x03\x04rest", "an Excel workbook or another archive"),
     (b"\xd0\xcf\x11\xe0rest", "an Excel workbook of an old version"),
     (b"<html><table>", "a web page or XML"), (b"%PDF-1.4", "a PDF")],
)  # fmt: skip
def test_files_that_are_no_text(tmp_path, data, words):
    path = tmp_path / NAME
    path.write_bytes(data)
    with pytest.raises(FoveaError, match=f"is {words} and no text, whatever its name says; open"):
        read_traces(path)
    path.write_bytes(b"\xff\xfea")
    with pytest.raises(FoveaError, match="cannot be read as utf-16 text: .*; save it as CSV UTF-8"):
        read_traces(path)


@pytest.mark.parametrize(
    ("yes", "no"),
    [("TRUE", "FALSE"), ("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("ja", "nein"), ("1", "0"),
     ("VERO", "FALSO"), ("VERDADERO", "FALSO"), ("good", "bad"), ("Yes", "no"), ("WAAR", "ONWAAR")],
)  # fmt: skip
def test_words_for_truth(tmp_path, yes, no):
    path = tmp_path / "a.csv"
    path.write_text(f"a;good\n1;{yes}\n2;{no}\n3; {yes}\n")
    assert truth(path, read_csv(path), "good").tolist() == [True, False, True]
    path.write_text(f"a;good\n1;{yes}\n\n2;perhaps\n")
    with pytest.raises(FoveaError, match="must hold True or False, and not .* as in line "):
        truth(path, read_csv(path), "good")


def test_lines_are_counted_as_in_an_editor(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('sep=;\n# c\n\na;b\n1;"x\ny"\n;\n2;z\n')
    saved = open_csv(path)
    assert [line for line, _ in saved.rows()] == [5, 8]
    assert saved.line_of(1) == 8


numbers = st.lists(
    st.tuples(*[st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: round(x, 6))] * 3),
    min_size=2, max_size=20,
)  # fmt: skip


@given(numbers, st.sampled_from(SEPARATORS), st.sampled_from(".,"))
def test_numbers_are_read_as_pandas_reads_them(tmp_path_factory, values, separator, point):
    """The same values, whatever the separator and decimal sign."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter=separator, lineterminator="\n")
    rows.writerow("abc")
    for row in [*values, (0.123456, 1.5, 0.0625)]:
        rows.writerow([f"{value:.6f}".replace(".", point) for value in row])
    path = tmp_path_factory.mktemp("a") / "a.csv"
    path.write_text(text.getvalue())
    plain = pd.read_csv(path, sep=separator, decimal=point).astype(float)
    pd.testing.assert_frame_equal(read_csv(path).astype(float), plain, rtol=1e-15)

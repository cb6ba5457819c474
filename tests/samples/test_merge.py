"""Merging: what stands in the tables of a sample, with which times, and after which verdicts."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from fovea.errors import FoveaError
from fovea.fits.traces import load_traces
from fovea.samples.merge import merge
from fovea.samples.tables import (
    numbers,
    read_csv,
    read_parquet,
    truth,
    whole_numbers,
    write_csv,
    write_traces,
)
from support import pyama_reader
from support.merged import FEATURES, TIME, merge_all, ramp, recording


def rows_of(path) -> list[dict]:
    text = path.read_text("utf-8")
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return list(csv.DictReader(io.StringIO(body)))


def comments(path) -> list[str]:
    return [x[2:] for x in path.read_text("utf-8").splitlines() if x.startswith("#")]


@pytest.fixture
def two(tmp_path):
    """Two fields of view of one dataset; cell 2 of field 0 comes later and misses a frame."""
    fields = {0: {1: ramp(range(6)), 2: ramp((2, 3, 5), 5.0)}, 1: {1: ramp(range(6), 20.0)}}
    return tmp_path, recording(tmp_path, "a", fields, 6)


def test_every_row_has_its_true_times(two):
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    rows = rows_of(merged / "s_traces.csv")
    assert list(rows[0]) == [
        "dataset", "fov", "cell", "frame", "time", "time_ch_1", "time_source", "good",
        "merged", "position_x", "position_y", "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1",
        "area_ch_0", "intensity_total_ch_1", "intensity_mean_ch_1",
    ]  # fmt: skip
    assert [(r["fov"], r["cell"], r["frame"]) for r in rows[6:10]] == [
        ("0", "2", "2"), ("0", "2", "3"), ("0", "2", "5"), ("1", "1", "0")
    ]  # fmt: skip
    for row in rows:
        frame, fov = int(row["frame"]), int(row["fov"])
        seconds = 7.5 * fov + 600 * frame + frame % 3
        assert float(row["time"]) == pytest.approx(seconds / 60, abs=1e-6)
        assert float(row["time_ch_1"]) == pytest.approx((seconds + 1.25) / 60, abs=1e-6)
        assert (row["time_source"], row["good"], row["dataset"]) == ("stamp", "True", "a")


@pytest.mark.parametrize(
    ("time", "expected", "source"),
    [
        ({"interval": 0.25, "unit": "h"}, [0, 0.25, 0.5], "interval"),
        ({"mapping": {0: 0, 1: 30, 2: 31, 3: 40, 4: 41, 5: 42}, "unit": "s"}, [0, 30, 31],
         "mapping"),
    ],
)  # fmt: skip
def test_times_of_the_config_come_before_those_of_the_file(two, time, expected, source):
    folder, paths = two
    merged = merge_all(folder, "s", paths, {"a": time})
    rows = rows_of(merged / "s_traces.csv")
    assert [float(row["time"]) for row in rows[:3]] == expected
    assert {row["time_source"] for row in rows} == {source}
    assert comments(merged / "s_traces.csv")[0] == f"Time units: {time['unit']}"


def test_nominal_times_are_called_so(two):
    folder, paths = two
    path = folder / "results/a/metadata.yaml"
    path.write_text(path.read_text().replace("source: stamps", "source: nominal"))
    rows = rows_of(merge_all(folder, "s", paths) / "s_traces.csv")
    assert {row["time_source"] for row in rows} == {"nominal"}


def test_header_says_where_everything_comes_from(two):
    folder, paths = two
    merged = merge_all(folder, "s", paths, left_out=["a, field of view 2 (failed)"])
    assert comments(merged / "s_traces.csv")[0] == "Time units: min"
    assert comments(merged / "s_traces.csv")[2:] == [
        "Dataset a: fields of view 0-1, 3 cells",
        "Times: stamp",
        "Left out: a, field of view 2 (failed)",
        "Curation: none",
        "Units: area_ch_0 pixels, intensity_total_ch_1 counts, intensity_mean_ch_1 counts",
    ]
    about = read_parquet(merged / "s_traces.parquet").attrs
    assert about["left_out"] == ["a, field of view 2 (failed)"]
    assert about["time_unit"] == "min"


def test_parquet_and_csv_hold_the_same(two):
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    for name in ("s_traces", "s_traces_cells"):
        table = read_parquet(merged / f"{name}.parquet")
        rows = rows_of(merged / f"{name}.csv")
        assert list(table) == list(rows[0])
        for column in table:
            values = table[column].tolist()
            texts = [row[column] for row in rows]
            if isinstance(values[0], bool | str):
                assert [str(value) for value in values] == texts
            else:
                # tables of cells of version 0.1.0 have neither confidence nor repaired frames
                numbers = [float(text or "nan") for text in texts]
                np.testing.assert_array_equal(np.array(values, np.float64), numbers)


def test_tables_of_cells_keep_the_confidence(two):
    folder, paths = two
    for path in folder.rglob("*_cells.csv"):
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([f"{head},confidence,repaired", *[f"{r},0.5,2" for r in rows]]))
    merged = merge_all(folder, "s", paths)
    rows = rows_of(merged / "s_traces_cells.csv")
    assert {(row["confidence"], row["repaired"]) for row in rows} == {("0.5", "2")}


def test_pyama_form(two):
    """As PyAMA's reader wants it: one comment, time, fov, cell, value; ordered; good rows."""
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    lines = (merged / "s_intensity_total_ch_1.csv").read_text().splitlines()
    assert lines[:2] == ["# Time units: min", "time,fov,cell,value"]
    values = np.loadtxt(lines[2:], delimiter=",")
    assert len(values) == 15
    assert [tuple(row) for row in values[:, :3]] == sorted(tuple(row) for row in values[:, :3])
    assert values[0].tolist() == [pytest.approx(1.25 / 60, abs=1e-6), 0, 1, 50]
    area = np.loadtxt((merged / "s_area_ch_0.csv").read_text().splitlines()[2:], delimiter=",")
    assert area[0, 0] == 0.0
    table = read_parquet(merged / "s_intensity_total_ch_1.parquet")
    assert list(table) == ["dataset", "fov", "cell", "frame", "time", "time_source", "value"]


def test_a_sample_over_two_datasets(tmp_path):
    first = recording(tmp_path, "b", {3: {1: ramp(range(4))}}, 4)
    second = recording(tmp_path, "a", {3: {1: ramp(range(4), 20.0)}}, 4, shift=60.0)
    merged = merge_all(tmp_path, "s", first + second, {"a": {"unit": "h"}})
    rows = rows_of(merged / "s_traces.csv")
    assert [row["dataset"] for row in rows] == ["b"] * 4 + ["a"] * 4  # as in the config
    lines = (merged / "s_intensity_total_ch_1.csv").read_text().splitlines()
    assert lines[1] == "dataset,time,fov,cell,value"
    assert float(rows[4]["time"]) - float(rows[0]["time"]) == pytest.approx(1.0, abs=1e-6)
    assert comments(merged / "s_traces.csv")[2:4] == [
        "Dataset b: fields of view 3, 1 cells", "Dataset a: fields of view 3, 1 cells"
    ]  # fmt: skip


def test_cells_of_a_sample_and_why_others_are_missing(two):
    folder, paths = two
    rows = rows_of(merge_all(folder, "s", paths) / "s_traces_cells.csv")
    assert [(r["fov"], r["cell"], r["kept"], r["reason"], r["good"]) for r in rows] == [
        ("0", "1", "True", "", "True"), ("0", "2", "True", "", "True"),
        ("0", "99", "False", "short, border", "False"), ("1", "1", "True", "", "True"),
        ("1", "99", "False", "short, border", "False"),
    ]  # fmt: skip
    assert float(rows[1]["last_time"]) == pytest.approx((3000 + 2) / 60, abs=1e-6)


def test_empty_fields_and_samples(tmp_path):
    paths = recording(tmp_path, "a", {0: {}, 1: {1: ramp(range(3))}}, 3)
    merged = merge_all(tmp_path, "s", paths)
    assert len(rows_of(merged / "s_traces.csv")) == 3
    merged = merge_all(tmp_path, "none", paths[:1])
    assert rows_of(merged / "none_traces.csv") == []
    assert comments(merged / "none_traces.csv")[2] == "No cells"
    data = load_traces(merged / "none_traces.parquet", "intensity_total_ch_1")
    assert (len(data), data.value.shape) == (0, (0, 0))


def test_the_same_bytes_every_time(two):
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    before = {path: path.read_bytes() for path in merged.rglob("*") if path.is_file()}
    merge_all(folder, "s", paths)
    assert before == {path: path.read_bytes() for path in merged.rglob("*") if path.is_file()}
    assert len(before) == 2 * 10  # tables, and the checksum of each


def test_traces_of_another_config_are_refused(two):
    folder, paths = two
    given = {"a": {"features": FEATURES | {"fl_ch_1": ["intensity_std"]}, "time": TIME}}
    with pytest.raises(FoveaError, match=r"has no column intensity_std_ch_1; the traces are of an"):
        merge("s", paths, [], [folder / "results/a/metadata.yaml"], given, folder)
    paths[0].write_text(paths[0].read_text() + paths[0].read_text().splitlines()[1] + "\n")
    with pytest.raises(FoveaError, match="a cell has two rows for one frame"):
        merge_all(folder, "s", paths)


# ------------------------------------------------------------------------------------- curation


def curated(folder, paths, text):
    table = folder / "curation.csv"
    table.write_text("dataset,fov,cell,good,from_frame,to_frame,note\n" + text)
    return merge_all(folder, "s", paths, curation=table, names=["a", "other"])


def test_verdicts_override_what_was_computed(two):
    folder, paths = two
    before = [path.read_bytes() for path in paths]
    text = 'a,0,1,false,,,"two cells, merged"\na,1,1,bad,2,3,\na,1,1,good,3,3,but not this one\n'
    merged = curated(folder, paths, text + "a,7,1,false,,,in no sample\n")
    rows = {(r["fov"], r["cell"], r["frame"]): r["good"] for r in rows_of(merged / "s_traces.csv")}
    assert {key for key, good in rows.items() if good == "False"} == {
        *(("0", "1", str(frame)) for frame in range(6)), ("1", "1", "2")
    }  # fmt: skip
    assert [path.read_bytes() for path in paths] == before
    values = rows_of(merged / "s_intensity_total_ch_1.csv")
    assert len(values) == 15 - 7
    assert comments(merged / "s_traces.csv")[5].endswith(
        "curation.csv, 3 rows, good changed in 7 rows of traces"
    )
    cells = {(r["fov"], r["cell"]): r["good"] for r in rows_of(merged / "s_traces_cells.csv")}
    assert (cells["0", "1"], cells["1", "1"]) == ("False", "True")
    data = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    assert list(zip(data.fov.tolist(), data.cell.tolist(), strict=True)) == [(0, 2), (1, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,0,7,false,,,\na,1,8,false,,,\n",
         "a, field of view 0, cell 7 (line 2); a, field of view 1, cell 8 (line 3) are not in the "
         "traces; correct or remove these rows"),
        ("a,0,1,false,20,30,\n", "a, field of view 0, cell 1 (line 2) is not seen in these frames, "
         "but in frames 0 to 5; correct from_frame and to_frame"),
        ("b,0,1,false,,,\n", "line 2: 'b' is no dataset of the config; allowed: a, other"),
        ("a,0,1,maybe,,,\n", "line 2: good is 'maybe'; allowed: true or false"),
        ("a,0,x,false,,,\n", "line 2: cell is 'x'; it is a whole number"),
        ("a,0,1,false,5,2,\n", "line 2: the frames 5 to 2 run backwards; exchange them"),
        ("a,0,1,false,,,merged, or not\n", "line 2 has 8 values and the header 7; put a note with "
         "commas in quotes"),
    ],
)  # fmt: skip
def test_wrong_verdicts_are_explained(two, text, message):
    folder, paths = two
    with pytest.raises(FoveaError) as caught:
        curated(folder, paths, text)
    assert str(caught.value) == f"{folder / 'curation.csv'}: {message}"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("dataset,fov,cell", "the column good is missing; the first line must be "
         "dataset,fov,cell,good and, if wanted, from_frame,to_frame,note"),
        ("dataset,fov,cell,good,frames", "unknown column 'frames'; allowed: dataset, fov, cell, "
         "good, from_frame, to_frame, note"),
    ],
)  # fmt: skip
def test_wrong_headers_are_explained(two, header, message):
    folder, paths = two
    table = folder / "c.csv"
    table.write_text(header + "\n")
    with pytest.raises(FoveaError) as caught:
        merge_all(folder, "s", paths, curation=table)
    assert str(caught.value).startswith(f"{table}: {message}")


# ------------------------------------------------------------------------------ traces as arrays


def test_traces_as_arrays(two):
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    data = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    assert (data.unit, data.sample, data.several) == ("min", "s", False)
    assert data.value[1].tolist()[:2] != data.value[0].tolist()[:2]
    np.testing.assert_array_equal(data.value[1], [np.nan, np.nan, 60, 65, np.nan, 75])
    np.testing.assert_array_equal(data.frame, [range(6)] * 3)
    np.testing.assert_allclose(data.time[1], data.time[0])  # also where the cell was not seen
    np.testing.assert_allclose(data.time_in("s"), data.time * 60)
    area = load_traces(merged / "s_traces.parquet", "area_ch_0")
    assert area.time[0, 0] == 0.0


def test_values_per_area(two):
    from scipy.ndimage import median_filter

    folder, paths = two
    merged = merge_all(folder, "s", paths)
    data = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1", {"a": "area_ch_0"})
    smooth = median_filter(100.0 + np.arange(6), size=10, mode="nearest")
    np.testing.assert_allclose(data.value[0], (50 + 10 * np.arange(6)) / smooth)
    part = np.isfinite(data.value[1])
    smooth = median_filter([102.0, 103.0, 105.0], size=10, mode="nearest")
    np.testing.assert_allclose(data.value[1, part], [60, 65, 75] / smooth)


def test_missing_values_stay_missing(tmp_path):
    paths = recording(tmp_path, "a", {0: {1: {0: 5.0, 1: np.nan, 2: 7.0}}}, 3)
    merged = merge_all(tmp_path, "s", paths)
    assert rows_of(merged / "s_traces.csv")[1]["intensity_total_ch_1"] == ""
    data = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    np.testing.assert_array_equal(data.value, [[5, np.nan, 7]])


def test_traces_without_a_unit_are_refused(two, tmp_path):
    folder, paths = two
    merged = merge_all(folder, "s", paths)
    from fovea.samples.tables import write_parquet

    write_parquet(read_parquet(merged / "s_traces.parquet"), tmp_path / "x.parquet", {})
    with pytest.raises(FoveaError, match="does not state the unit of its times"):
        load_traces(tmp_path / "x.parquet", "intensity_total_ch_1")


# ---------------------------------------------------------------------------------------- tables


def test_parquet_has_plain_types_and_no_metadata_of_pandas(two):
    """As other readers of Parquet want it: the same types and metadata whatever wrote it."""
    from pyarrow import parquet

    folder, paths = two
    schema = parquet.read_schema(merge_all(folder, "s", paths) / "s_traces_cells.parquet")
    assert list(schema.metadata) == [b"fovea"]
    kinds = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    assert kinds == {
        "dataset": "string", "fov": "int64", "cell": "int64", "first_frame": "int64",
        "last_frame": "int64", "first_time": "double", "last_time": "double", "frames": "int64",
        "kept": "bool", "reason": "string", "good": "bool", "confidence": "double",
        "repaired": "int64",
    }  # fmt: skip


def test_infinite_values_are_written_and_read_back(tmp_path):
    """A feature or measure of a plug-in may be infinite."""
    values = [np.inf, -np.inf, np.nan, 2.0, 1e-5, 1e15, -0.0]
    table = pd.DataFrame({"name": ["a, b", "c", "NA", "", "e", "f", "g"], "value": values})
    for write in (write_csv, write_traces):
        write(table, tmp_path / "a.csv")
        back = read_csv(tmp_path / "a.csv", ["name"])
        assert back["name"].tolist() == table["name"].tolist()
        np.testing.assert_array_equal(back["value"], values)
        np.testing.assert_array_equal(pd.read_csv(tmp_path / "a.csv")["value"], values)
    write_csv(table, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().split("\n")[1:-1] == [
        '"a, b",inf', "c,-inf", "NA,", ",2", "e,1e-05", "f,1000000000000000.0", "g,0"
    ]  # fmt: skip


def test_an_infinite_value_of_a_trace_stays(tmp_path):
    paths = recording(tmp_path, "a", {0: {1: {0: 5.0, 1: np.inf, 2: -np.inf}}}, 3)
    merged = merge_all(tmp_path, "s", paths)
    texts = [row["intensity_total_ch_1"] for row in rows_of(merged / "s_traces.csv")]
    assert texts == ["5", "inf", "-inf"]
    data = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    np.testing.assert_array_equal(data.value, [[5, np.inf, -np.inf]])


@pytest.mark.parametrize("line", ["1,2,3", "1"])
def test_lines_of_another_length_are_refused(tmp_path, line):
    """A line with one value more would move all columns, one with less is cut off."""
    path = tmp_path / "a.csv"
    path.write_text(f"# x\na,b\n1,2\n{line}\n")
    with pytest.raises(FoveaError, match=r"a\.csv: cannot be read as a table: .*Expected 2 colum"):
        read_csv(path)


def test_columns_of_one_kind():
    table = pd.DataFrame({"whole": [1.0, 2.0], "gap": [1.0, np.nan], "half": [1.5, 2.0],
                          "text": ["1", "x"], "truth": [True, False]})  # fmt: skip
    assert whole_numbers("a.csv", table, "whole").tolist() == [1, 2]
    for name in ("gap", "half"):
        with pytest.raises(FoveaError, match=f"a.csv: the column {name} must hold whole numbers"):
            whole_numbers("a.csv", table, name)
    for name in ("text", "truth"):
        with pytest.raises(FoveaError, match=f"the column {name} holds something that is no numbe"):
            numbers("a.csv", table, name)
    assert truth("a.csv", table, "truth").tolist() == [True, False]
    assert truth("a.csv", table, "gap").tolist() == [True, True]
    assert truth("a.csv", table, "absent").tolist() == [True, True]
    with pytest.raises(FoveaError, match="the column text must hold True or False"):
        truth("a.csv", table, "text")


def test_frames_of_merged_cells_are_left_out(two):
    folder, paths = two
    text = paths[0].read_text("utf-8")
    for frame in (3, 4):
        assert f"0,1,{frame},True,False," in text
        text = text.replace(f"0,1,{frame},True,False,", f"0,1,{frame},False,True,")
    paths[0].write_text(text, "utf-8")
    merged = merge_all(folder, "s", paths)
    rows = [r for r in rows_of(merged / "s_traces.csv") if (r["fov"], r["cell"]) == ("0", "1")]
    assert [r["merged"] for r in rows] == ["False"] * 3 + ["True"] * 2 + ["False"]
    wide = rows_of(merged / "s_intensity_total_ch_1.csv")
    assert [r["value"] for r in wide if (r["fov"], r["cell"]) == ("0", "1")] == [
        "50", "60", "70", "100"
    ]  # fmt: skip
    traces = load_traces(merged / "s_traces.parquet", "intensity_total_ch_1")
    values = traces.value[list(zip(traces.fov, traces.cell, strict=True)).index((0, 1))]
    assert np.isfinite(values).sum() == 4
    assert pyama_reader.read_merged(merged / "s_intensity_total_ch_1.csv").loc[(0, 1)].shape[0] == 4

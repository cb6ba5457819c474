"""Events of samples: from tables of cells and lineages to curves, files and a figure."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from fovea.errors import FoveaError
from fovea.events.found import EVENTS, divisions_of, find_events
from fovea.figures.aligned import aligned
from fovea.samples.tables import read_csv, read_parquet, write_parquet
from support.merged import merge_all, recording

COLUMN = "intensity_total_ch_1"
DIVISION = {"event": "division", "by": None, "fraction": 0.3}
DEATH = {"event": "death", "by": None, "fraction": 0.3}
FRAMES = 40


def lineage(path, rows):
    lines = [",".join(map(str, row)) for row in [("fov", "cell", "first_frame", "last_frame",
             "parent"), *rows]]  # fmt: skip
    path = path.with_name(path.name.replace("_traces", "_lineage"))
    path.write_text("\n".join(lines) + "\n")
    return path


def dividing(folder):
    """Four mothers that divide in frames 3, 13, 18 and 39, one cell that does not, a dead one."""
    cells, rows = {5: dict.fromkeys(range(FRAMES), 70.0)}, [(0, 5, 0, FRAMES - 1, 0)]
    for mother, frame in enumerate((3, 13, 18, 39), 1):
        cells[mother] = {t: 100.0 + t for t in range(frame)}
        rows.append((0, mother, 0, frame - 1, 0))
        for daughter in (10 * mother, 10 * mother + 1):
            cells[daughter] = {t: (100.0 + t) / 2 for t in range(frame, FRAMES)}
            rows.append((0, daughter, frame, FRAMES - 1, mother))
    cells[6] = {t: 80.0 if t < 20 else 1.0 for t in range(FRAMES)}
    rows += [(0, 6, 0, FRAMES - 1, 0), (0, 7, 0, 4, 0), (0, 70, 5, 9, 7), (0, 71, 5, 9, 7)]
    paths = recording(folder, "a", {0: cells}, FRAMES)
    return merge_all(folder, "s", paths) / "s_traces.parquet", lineage(paths[0], rows)


def test_divisions(tmp_path):
    path, lines = dividing(tmp_path)
    found = find_events(path, COLUMN, "division", COLUMN, 0.3, [lines])
    events = found.events
    assert list(events) == EVENTS
    assert events["cell"].tolist() == [1, 2, 3, 4, 7]  # the last one is in no trace
    assert events["frame"].tolist() == [3, 13, 18, 39, 5]
    assert events["daughters"].tolist()[:2] == ["10 11", "20 21"]
    times = read_parquet(path).drop_duplicates("frame").set_index("frame")["time"]
    np.testing.assert_array_equal(events["time_low"], times[events["frame"] - 1])
    np.testing.assert_array_equal(events["time_high"], times[events["frame"]])
    np.testing.assert_allclose(events["time"], (events["time_low"] + events["time_high"]) / 2)
    assert (found.cells, found.aligned, found.affected, found.edge) == (14, 4, 12, 0)
    curve = found.curve.set_index("time")
    before = [mother for mother in curve.index if mother < 0]
    assert curve.loc[before, "cells"].max() == 4
    last, first = curve.loc[max(before)], curve.loc[min(set(curve.index) - set(before))]
    assert (last["cells"], first["cells"]) == (4, 8)
    assert last["median"] == np.median([102, 112, 117, 138])
    assert first["median"] == np.median([51.5, 56.5, 59, 69.5])
    assert np.isnan(first["median_low"])  # four pairs of sisters that are the same


def test_a_lineage_of_another_sample_is_passed_over(tmp_path):
    path, lines = dividing(tmp_path)
    other = recording(tmp_path, "b", {0: {1: {0: 1.0}}}, 3)
    found = find_events(path, COLUMN, "division", COLUMN, 0.3,
                        [lineage(other[0], [(0, 1, 0, 2, 0), (0, 2, 1, 2, 1), (0, 3, 1, 2, 1)]),
                         lines])  # fmt: skip
    assert len(found.events) == 5


def test_a_division_has_two_daughters():
    table = pd.DataFrame({"cell": [1, 2, 3, 4, 5], "first_frame": [0, 4, 4, 6, 9],
                          "last_frame": [3, 5, 8, 8, 9], "parent": [0, 1, 1, 2, 9]})  # fmt: skip
    assert divisions_of(table) == [(1, 3, 4, [2, 3])]
    assert divisions_of(table[:0]) == []


def test_deaths_and_the_edge_of_the_frame(tmp_path):
    path, _ = dividing(tmp_path)
    found = find_events(path, COLUMN, "death", COLUMN, 0.3)
    assert found.events["cell"].tolist() == [6]
    assert found.events["frame"].tolist() == [20]
    event = found.events.iloc[0]
    times = read_parquet(path).drop_duplicates("frame").set_index("frame")["time"]
    assert (event["time_low"], event["time_high"]) == (times[19], times[20])
    assert (found.aligned, found.affected) == (1, 1)
    assert find_events(path, COLUMN, "death", "area_ch_0", 0.3).events.empty
    # the box of the other cells ends at 17, 31, and frames have 64 pixels
    metadata = tmp_path / "results" / "a" / "metadata.yaml"
    assert len(find_events(path, COLUMN, "death", COLUMN, 0.3, [], [metadata]).events) == 1
    for text in ("height: 31", "width: 17"):
        key = text.split()[0]
        smaller = tmp_path / text.replace(": ", "") / "a" / "metadata.yaml"
        smaller.parent.mkdir(parents=True)
        smaller.write_text(metadata.read_text().replace(f"{key} 64", text))
        found = find_events(path, COLUMN, "death", COLUMN, 0.3, [], [smaller])
        assert (len(found.events), found.edge) == (0, 1)


def test_missing_values_and_rows_that_are_not_good(tmp_path):
    path, lines = dividing(tmp_path)
    table = read_parquet(path)
    about = table.attrs
    changed = table.copy()
    changed.loc[changed["cell"] == 6, "time"] = np.nan
    changed.loc[changed["cell"] == 1, "good"] = False
    changed.loc[changed["cell"] == 20, COLUMN] = np.nan
    write_parquet(changed, path, about)
    found = find_events(path, COLUMN, "division", COLUMN, 0.3, [lines])
    assert (found.cells, found.affected, found.aligned) == (11, 10, 4)
    assert find_events(path, COLUMN, "death", COLUMN, 0.3).events.empty
    write_parquet(table.assign(time=np.nan), path, about)
    found = find_events(path, COLUMN, "division", COLUMN, 0.3, [lines])
    assert (found.cells, len(found.curve)) == (0, 0)
    write_parquet(table, path, {**about, "time_unit": None})
    with pytest.raises(FoveaError, match="does not state the unit"):
        find_events(path, COLUMN, "division", COLUMN, 0.3, [lines])


def test_irregular_times(tmp_path):
    """The event lies in its interval, however long, and no step holds values of both sides."""
    path, lines = dividing(tmp_path)
    table = read_parquet(path)
    times = np.cumsum(np.random.default_rng(0).exponential(10, FRAMES) + 0.1)
    times[15:] += 500
    write_parquet(table.assign(time=times[table["frame"]]), path, table.attrs)
    found = find_events(path, COLUMN, "division", COLUMN, 0.3, [lines])
    width = found.events["time_high"] - found.events["time_low"]
    np.testing.assert_allclose(width, np.diff(times)[found.events["frame"] - 1])
    before = found.curve["time"] < 0
    assert found.curve.loc[before, "median"].min() >= 100
    assert found.curve.loc[~before, "median"].max() < 75


def test_files_and_figure(tmp_path, caplog):
    from PIL import Image

    path, lines = dividing(tmp_path)
    merged = recording(tmp_path, "none", {0: {}}, 3)
    empty = merge_all(tmp_path, "empty", merged) / "empty_traces.parquet"
    files = [tmp_path / name for name in ("c.csv", "e.csv", "f.pdf", "f.png")]

    def made(samples, entry=DIVISION):
        aligned(samples, *files[:2], files[2:], entry, COLUMN, [lines], [], ["a, field 1"])
        return [file.read_bytes() for file in files]

    first = made({"s": path, "empty": empty})
    assert first == made({"s": path, "empty": empty})
    curve, events = read_csv(files[0], ["sample", "time_unit"]), read_csv(files[1], EVENTS[:1])
    assert curve.columns.tolist()[:3] == ["sample", "time_unit", "time"]
    assert set(curve["sample"]) == {"s"}
    assert events["cell"].tolist() == [1, 2, 3, 4, 7]
    with Image.open(files[3]) as picture:
        assert np.asarray(picture.convert("L")).min() < 60
    warned = [record.getMessage() for record in caplog.records
              if record.levelno == logging.WARNING]  # fmt: skip
    assert warned == ["empty: 0 divisions, 0 with values of the feature; 0 of 0 cells have values "
                      "around one"] * 2  # fmt: skip
    made({"empty": empty}, DEATH)
    assert files[0].read_text().count("\n") == files[1].read_text().count("\n") == 1
    assert files[1].read_text().startswith("sample,time_unit,dataset,fov,cell,frame,time,")

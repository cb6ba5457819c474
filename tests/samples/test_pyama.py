"""PyAMA in and out: every form of its files, its settings, and what its reader makes of ours."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import yaml

from fovea.cli import main
from fovea.config.inputs import resolve_traces
from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.samples.imports.import_traces import import_traces
from fovea.samples.imports.pyama import form_of, read_traces
from fovea.samples.imports.pyama_config import convert, curation_rows, write_curation
from fovea.samples.tables import comment_lines
from support.merged import merge_all, ramp, recording
from support.pyama_files import (
    BOX,
    CELLS,
    FEATURES,
    TIME,
    box,
    g1,
    g2a,
    g2b,
    g3,
    own,
    truth,
    value,
    write,
)
from support.pyama_reader import read_merged, samples_in


@pytest.mark.parametrize(
    ("make", "form", "times"),
    [(g1, "G1", {}), (g2a, "G2a", {"interval": 10.0}), (own, "G2a", {"interval": 10.0}),
     (g2b, "G2b", {"interval": 10.0}), (g3, "G3", {"interval": 10.0})],
)  # fmt: skip
def test_traces_of_every_generation(tmp_path, make, form, times):
    paths = make(tmp_path)
    assert {read_traces(path).form for path in paths} == {form}
    target = tmp_path / "out.csv"
    import_traces(paths, target, FEATURES, TIME | times)
    assert comment_lines(target) == ["Time units: min"]
    table = pd.read_csv(target, comment="#")
    expected = truth()
    assert list(zip(table.fov, table.cell, table.frame, strict=True)) == [r[:3] for r in expected]
    np.testing.assert_allclose(table.time, 10.0 * table.frame)
    assert set(table.time_source) == ({"file"} if form == "G1" else {"interval"})
    np.testing.assert_allclose(table.area_ch_0, [r[3] for r in expected])
    np.testing.assert_allclose(table.intensity_total_ch_1, [r[4] for r in expected])
    assert table.good.tolist() == [r[2] != 3 for r in expected]
    boxes = np.array([box(*r[1:3]) for r in expected], float)
    boxes[:, 2:] += 1
    np.testing.assert_array_equal(table[BOX], boxes)
    np.testing.assert_allclose(table.position_x, (boxes[:, 0] + boxes[:, 2] - 1) / 2)
    np.testing.assert_allclose(table.position_y, (boxes[:, 1] + boxes[:, 3] - 1) / 2)


def test_traces_per_channel(tmp_path):
    """The path tells field of view and channel; values of two channels stand side by side."""
    names = ["area", "background", "sum", "corrected"]
    paths = []
    for channel in (1, 2):
        for fov in CELLS:
            rows = [[cell, frame, area, 9.5, total + 9.5 * channel, total * channel]
                    for f, cell, frame, area, total in truth() if f == fov]  # fmt: skip
            path = tmp_path / f"timeseries/Pos{fov}/ch{channel}.csv"
            paths.append(write(path, ["roi", "t", *names], rows))
    assert {read_traces(path).form for path in paths} == {"per cell"}
    wanted = {"fl_ch_1": names, "fl_ch_2": ["corrected"]}
    import_traces(paths, tmp_path / "out.csv", wanted, TIME | {"interval": 10.0})
    table, expected = pd.read_csv(tmp_path / "out.csv", comment="#"), truth()
    assert list(zip(table.fov, table.cell, table.frame, strict=True)) == [r[:3] for r in expected]
    np.testing.assert_allclose(table.time, 10.0 * table.frame)
    np.testing.assert_allclose(table.area_ch_1, [r[3] for r in expected])
    for channel in (1, 2):
        total = [channel * r[4] for r in expected]
        np.testing.assert_allclose(table[f"corrected_ch_{channel}"], total)
    with pytest.raises(FoveaError, match="has no times; set"):
        import_traces(paths, tmp_path / "x.csv", wanted, TIME)
    other = write(tmp_path / "series.csv", ["roi", "t", *names], [[1, 0, 1.0, 1.0, 1.0, 1.0]])
    with pytest.raises(FoveaError, match=r"should end like Pos0/ch1\.csv"):
        read_traces(other)


def merged_rows(key, unit=1.0):
    rows = [(frame * unit if key == "time" else frame, fov, cell, total)
            for fov, cell, frame, _, total in truth()]  # fmt: skip
    return sorted(rows)


@pytest.mark.parametrize(
    ("comment", "unit", "given"),
    [("# Time units: min\n", 10.0, None), ("# Time units: hours\n", 1 / 6, None),
     ("# Time units: sec\n", 600.0, None), ("", 10.0, "min"), ("", 1 / 6, "h")],
)  # fmt: skip
def test_merged_files_with_times(tmp_path, comment, unit, given):
    path = write(tmp_path / "control_intensity_total_ch_1.csv", ["time", "fov", "cell", "value"],
                 merged_rows("time", unit), comment, "%.9f")  # fmt: skip
    assert read_traces(path).form == "G1 merged"
    import_traces([path], tmp_path / "out.csv", {"fl_ch_1": ["intensity_total"]},
                  TIME | {"file_unit": given})  # fmt: skip
    table = pd.read_csv(tmp_path / "out.csv", comment="#").sort_values(["fov", "cell", "frame"])
    expected = truth()
    assert table.frame.tolist() == [r[2] for r in expected]
    np.testing.assert_allclose(table.time, [10.0 * r[2] for r in expected], atol=1e-5)
    np.testing.assert_allclose(table.intensity_total_ch_1, [r[4] for r in expected])


def test_a_merged_file_without_a_unit_is_refused(tmp_path):
    """PyAMA takes it for hours, so that 1790 minutes become 1790 hours."""
    path = write(tmp_path / "control_intensity_total_ch_1.csv", ["time", "fov", "cell", "value"],
                 merged_rows("time", 10.0))  # fmt: skip
    with pytest.raises(FoveaError, match=r"does not state the unit of its times; set `time.file_u"):
        import_traces([path], tmp_path / "x.csv", {"fl_ch_1": ["intensity_total"]}, TIME)
    path.write_text("# Time units: fortnights\n" + path.read_text())
    with pytest.raises(FoveaError, match="the unit of time 'fortnights' is not known"):
        import_traces([path], tmp_path / "x.csv", {"fl_ch_1": ["intensity_total"]}, TIME)


@pytest.mark.parametrize(
    ("name", "header", "form"),
    [("control_intensity_total_ch_1.csv", ["frame", "fov", "cell", "value"], "G2 merged"),
     ("intensity_total_c1/control.csv", ["position", "roi", "frame", "value"], "G3 merged")],
)  # fmt: skip
def test_merged_files_with_frames(tmp_path, name, header, form):
    rows = merged_rows("frame")
    if form == "G3 merged":
        rows = [(fov, cell, frame, total) for frame, fov, cell, total in rows]
    path = write(tmp_path / name, header, rows)
    assert read_traces(path).form == form
    mapping = {0: 0, 1: 5, 2: 11, 3: 20, 4: 22}
    import_traces([path], tmp_path / "out.csv", {"fl_ch_1": ["intensity_total"]},
                  TIME | {"mapping": mapping})  # fmt: skip
    table = pd.read_csv(tmp_path / "out.csv", comment="#")
    assert table.time.tolist() == [mapping[frame] for frame in table.frame]
    assert set(table.time_source) == {"mapping"}
    np.testing.assert_allclose(table.intensity_total_ch_1, [r[4] for r in truth()])
    with pytest.raises(FoveaError, match="has no times; set"):
        import_traces([path], tmp_path / "x.csv", {"fl_ch_1": ["intensity_total"]}, TIME)
    with pytest.raises(FoveaError, match=r"time.mapping has no time for frame 4"):
        import_traces([path], tmp_path / "x.csv", {"fl_ch_1": ["intensity_total"]},
                      TIME | {"mapping": dict.fromkeys(range(4), 0)})  # fmt: skip


@pytest.mark.parametrize(("names", "cells"), [(["1", "3"], [1, 3]), (["a", "b"], [1, 2])])
def test_wide_files(tmp_path, names, cells):
    """Time and one column per cell, as before November 2025; their unit is for the user to say."""
    frames = range(5)
    rows = [[10.0 / 60 * t, value(0, 1, t), value(0, 3, t) if t > 1 else ""] for t in frames]
    path = write(tmp_path / "old.csv", ["time", *names], rows, number="%.9f")
    import_traces([path], tmp_path / "out.csv", {"fl_ch_1": ["intensity_total"]},
                  TIME | {"file_unit": "h"})  # fmt: skip
    table = pd.read_csv(tmp_path / "out.csv", comment="#")
    assert list(zip(table.cell, table.frame, strict=True)) == [
        (cell, frame) for cell, start in zip(cells, (0, 2), strict=True) for frame in frames[start:]
    ]
    np.testing.assert_allclose(table.time, 10.0 * table.frame, atol=1e-5)
    np.testing.assert_allclose(
        table.intensity_total_ch_1, [r[4] for r in truth() if r[0] == 0], atol=1e-6
    )


def test_merged_files_of_several_features_stand_side_by_side(tmp_path):
    rows = merged_rows("time", 10.0)
    first = write(tmp_path / "x_y_intensity_total_ch_1.csv", ["time", "fov", "cell", "value"], rows,
                  "# Time units: min\n")  # fmt: skip
    second = write(tmp_path / "x_y_area_ch_0.csv", ["time", "fov", "cell", "value"],
                   [(*row[:3], 7.0) for row in rows if row[0] < 30],
                   "# Time units: min\n")  # fmt: skip
    import_traces([first, second], tmp_path / "out.csv", FEATURES, TIME)
    table = pd.read_csv(tmp_path / "out.csv", comment="#")
    assert len(table) == len(rows)
    assert table.area_ch_0.isna().tolist() == (table.frame >= 3).tolist()
    np.testing.assert_allclose(table.intensity_total_ch_1, [r[4] for r in truth()])


def test_times_that_are_frame_numbers_are_refused(tmp_path):
    """PyAMA writes frame / 60000 as minutes where a recording has no times."""
    path = g1(tmp_path)[0]
    table = pd.read_csv(path)
    table["time"] = (table.frame / 60000).round(6)
    table.to_csv(path, index=False)
    with pytest.raises(FoveaError, match="has no times; set"):
        import_traces([path], tmp_path / "x.csv", FEATURES, TIME)
    table["time"] = table.frame.astype(float)
    table.to_csv(path, index=False)
    assert "time equals the frame number" in read_traces(path).notes[0]


def test_remarks_reach_the_log(tmp_path, caplog):
    logging.getLogger("fovea").propagate = True
    with caplog.at_level("WARNING"):
        import_traces(g2b(tmp_path), tmp_path / "x.csv", FEATURES, TIME | {"interval": 1.0})
    assert "all pixels of a cell's box for the cell" in caplog.text


def test_fields_of_view_are_chosen(tmp_path):
    paths = g1(tmp_path)
    import_traces(paths, tmp_path / "x.csv", FEATURES, TIME, [0, 2], [2])
    assert set(pd.read_csv(tmp_path / "x.csv", comment="#").fov) == {0}
    with pytest.raises(FoveaError, match=r"there is no field of view 1; the files have 0, 2"):
        import_traces(paths, tmp_path / "x.csv", FEATURES, TIME, [1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "these columns are not of traces that Fovea knows: a, b"),
        ("", "cannot be read as a table"),
        ("fov,cell,frame,xc,yc,x,y,w,h\n0,1,x,1,1,1,1,1,1\n", "the column frame holds something"),
        ("fov,cell,frame,xc,yc,x,y,w,h\n0,,1,1,1,1,1,1,1\n", "the column cell must hold whole num"),
        ("fov,cell,frame,good,xc,yc,x,y,w,h\n0,1,1,2.5,1,1,1,1,1,1\n", "good must hold True"),
        ("time,fov,cell,value\n0,0,1,5\n", "its name does not tell which feature it holds"),
        ("fov,cell,cell,frame,xc,yc\n0,1,1,1,1,1\n", "two columns have the same name"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_explained(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(FoveaError, match=message):
        read_traces(path)


def test_missing_features_and_doubled_rows(tmp_path):
    paths = g1(tmp_path)
    with pytest.raises(
        FoveaError, match=r"there is no intensity_mean_ch_1; the files have area_ch"
    ):
        import_traces(paths, tmp_path / "x.csv", {"fl_ch_1": ["intensity_mean"]}, TIME)
    with pytest.raises(FoveaError, match="a cell has two rows for one frame"):
        import_traces([paths[0], paths[0]], tmp_path / "x.csv", FEATURES, TIME)


def test_an_empty_field_of_view(tmp_path):
    paths = g1(tmp_path)
    empty = tmp_path / "fov_003" / "a_fov_003_traces.csv"
    empty.parent.mkdir()
    empty.write_text(paths[0].read_text().splitlines()[0] + "\n")
    import_traces([*paths, empty], tmp_path / "x.csv", FEATURES, TIME)
    assert len(pd.read_csv(tmp_path / "x.csv", comment="#")) == len(truth())
    import_traces([empty], tmp_path / "y.csv", FEATURES, TIME)
    assert pd.read_csv(tmp_path / "y.csv", comment="#").empty


def test_forms_are_told_from_columns():
    assert form_of(["position", "roi", "frame", "value"]) == "G3 merged"
    assert form_of(["dataset", "time", "fov", "cell", "value"]) == "G1 merged"
    assert form_of(["time", "1", "2"]) == "wide"
    assert form_of(["time"]) is None


# --------------------------------------------------------------------------------- edited files


def test_edited_files_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (path.relative_to(tmp_path) for path in g1(tmp_path))
    edited = first.with_name(f"{first.stem}_inspected.csv")
    edited.write_bytes(first.read_bytes())
    assert resolve_traces("fov_*/*_traces.csv") == [str(edited), str(second)]
    assert resolve_traces("fov_*/*.csv") == [str(edited), str(second)]
    assert resolve_traces([str(first), str(second)]) == [str(edited), str(second)]
    third = [path.relative_to(tmp_path) for path in g3(tmp_path)]
    inspected = third[0].parent / "inspected" / third[0].name
    inspected.parent.mkdir()
    inspected.write_bytes(third[0].read_bytes())
    other = third[1].with_name(f"{third[1].stem}_inspected.csv")
    other.write_bytes(third[1].read_bytes())
    assert resolve_traces("traces/position_?.csv") == [str(inspected), str(other)]
    with pytest.raises(FoveaError, match=r"gone/\*.csv: no file matches it"):
        resolve_traces("gone/*.csv")


def test_edits_become_verdicts(tmp_path):
    path = g1(tmp_path)[0]
    table = pd.read_csv(path)
    table["good"] = ~((table.cell == 3) | table.frame.isin([0, 1, 4]))
    edited = path.with_name(f"{path.stem}_inspected.csv")
    table.to_csv(edited, index=False)
    note = f"from {edited.name}"
    rows = curation_rows(edited, "old")
    assert rows == [("old", 0, 1, "false", 0, 1, note), ("old", 0, 1, "false", 4, 4, note),
                    ("old", 0, 3, "false", "", "", note)]  # fmt: skip
    target = tmp_path / "config" / "curation.csv"
    write_curation(target, rows[:1])
    write_curation(target, rows[1:])
    from fovea.samples.curation import read_curation

    verdicts = read_curation(target, ["old"])
    assert [(v.cell, v.good, v.first, v.last) for v in verdicts] == [
        (1, False, 0, 1), (1, False, 4, 4), (3, False, None, None)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- settings

SETTINGS_G2 = """
channels:
  pc: {channel: 0, features: [area]}
  fl:
    - {channel: 1, features: [intensity_total, particle_num]}
params: {fovs: "0-5, 7", batch_size: 2, n_workers: 2, background_weight: 0.8, crop_padding: 6,
         segmentation_method: logstd, tracking_method: btrack, mask_margin: 2, min_frames: 20,
         border_margin: 10, fov_list: null, fov_start: 0, fov_end: null}
"""


def test_processing_config_becomes_a_config(tmp_path):
    path = tmp_path / "processing_config.yaml"
    path.write_text(SETTINGS_G2)
    samples = tmp_path / "samples.yaml"
    samples.write_text(
        'samples:\n- {name: control, fovs: "0-2, 5"}\n- {name: "drug 5 µM", fovs: [3]}'
    )
    done = convert([path, samples], "cells", "a.nd2")
    assert done.config["datasets"]["cells"] == {
        "input": "a.nd2",
        "fovs": "0-5, 7",
        "channels": {
            "pc": {"channel": 0, "features": ["area"]},
            "fl": [{"channel": 1, "features": ["intensity_total"]}],
        },
    }
    assert done.config["params"] == {
        "preset": "pyama",
        "segmentation": {"method": "logstd", "order": "open_close"},
        "background": {"tile_size": 256, "weight": 0.8},
        "cropping": {"padding": 6},
        "extraction": {"min_frames": 20, "border_margin": 10},
    }
    assert [sample["name"] for sample in done.config["samples"]] == ["control", "drug_5_M"]
    notes = "\n".join(done.notes)
    for word in ("batch_size", "n_workers", "btrack", "mask_margin", "particle_num", "drug_5_M"):
        assert word in notes
    complete = validated(done.config)
    assert complete["samples"][0]["fovs"] == [0, 1, 2, 5]
    tracking = complete["params"]["tracking"]
    assert (tracking["overlap"], tracking["max_gap"], tracking["drift"]) == ("box", 0, False)


@pytest.mark.parametrize(
    ("channels", "params", "fovs"),
    [
        ({"pc": [0, ["area"]], "fl": [[1, ["intensity_total"]]]}, {"fovs": "all"}, "all"),
        ({"pc": {0: ["area"]}, "fl": {1: ["intensity_total"]}}, {"positions": "0:3,7"}, "0-2, 7"),
        ({"pc": {0: ["area"]}, "fl": {1: ["intensity_total"]}}, {"positions": "all"}, "all"),
    ],
)  # fmt: skip
def test_other_generations_of_settings(tmp_path, channels, params, fovs):
    path = tmp_path / "processing_config.yaml"
    path.write_text(yaml.safe_dump({"channels": channels, "params": params}))
    entry = convert([path], "x", "a.nd2").config["datasets"]["x"]
    assert entry["fovs"] == fovs
    total = {"channel": 1, "features": ["intensity_total"]}
    assert entry["channels"] == {"pc": {"channel": 0, "features": ["area"]}, "fl": [total]}


def test_slices_of_positions_end_before(tmp_path):
    path = tmp_path / "samples.yaml"
    path.write_text('samples: [{name: a, positions: "0:6,7,9:12"}, {name: b, positions: [13]}]')
    other = tmp_path / "processing_config.yaml"
    other.write_text(SETTINGS_G2)
    samples = convert([other, path], "x", "a.nd2").config["samples"]
    assert [sample["fovs"] for sample in samples] == ["0-5, 7, 9-11", "13"]


def test_processing_results_become_traces(tmp_path):
    paths = g1(tmp_path)
    results = {str(fov): {"traces": f"/gone/{path.parent.name}/{path.name}"}
               for fov, path in zip(CELLS, paths, strict=True)}  # fmt: skip
    path = tmp_path / "processing_results.yaml"
    path.write_text(yaml.safe_dump({
        "output_dir": "/gone", "results": results, "time_units": "min",
        "channels": {"pc": [0, ["area"]], "fl": [[1, ["intensity_total"]]]},
        "params": {"background_weight": 1.0, "erosion_size": 0},
    }))  # fmt: skip
    done = convert([path], "old")
    assert done.config["datasets"]["old"]["traces"] == [path.as_posix() for path in paths]
    assert "params" not in done.config
    validated(done.config)
    paths[1].unlink()
    with pytest.raises(FoveaError, match="the traces of field of view 2 are missing"):
        convert([path], "old")


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    g1(tmp_path)
    (tmp_path / "processing_config.yaml").write_text(SETTINGS_G2)
    assert main(["import", "processing_config.yaml", "--dataset", "old"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["datasets"]["old"]["traces"] == "fov_*/*_traces.csv"
    write = ["import", "processing_config.yaml", "--output", "config/config.yaml", "--input"]
    assert main([*write, "a.nd2"]) == 0
    assert yaml.safe_load((tmp_path / "config/config.yaml").read_text())["datasets"]
    capsys.readouterr()
    assert main([*write, "a"]) == 1
    assert capsys.readouterr().err == (
        "config/config.yaml: exists already; name another file with --output\n"
    )
    (tmp_path / "x.yaml").write_text("a: 1")
    assert main(["import", "x.yaml"]) == 1
    assert "has neither channels nor samples" in capsys.readouterr().err
    assert main(["import", "gone.yaml"]) == 1
    assert "gone.yaml: No such file or directory" in capsys.readouterr().err
    assert main(["import", "fov_000/a_fov_000_traces.csv", "--dataset", "old"]) == 0
    assert (tmp_path / "config/curation.csv").read_text().splitlines()[1:] == [
        "old,0,1,false,3,3,from a_fov_000_traces.csv",
        "old,0,3,false,3,3,from a_fov_000_traces.csv",
    ]


# ------------------------------------------------------------------------------------------ out


@pytest.mark.parametrize("unit", ["s", "min", "h"])
def test_pyama_reads_our_merged_files(tmp_path, unit):
    paths = recording(tmp_path, "a", {0: {1: ramp(range(5)), 2: ramp(range(3))}}, 5)
    merged = merge_all(tmp_path, "s", paths, {"a": {"unit": unit}})
    table = read_merged(merged / "s_intensity_total_ch_1.csv")
    cell = table.loc[(0, 1)]
    np.testing.assert_allclose(cell.value, 50 + 10 * np.arange(5))
    seconds = 600 * np.arange(5) + np.arange(5) % 3 + 1.25
    np.testing.assert_allclose(cell.time, seconds / 3600, atol=1e-8)


def test_our_merged_files_are_read_back(tmp_path):
    paths = recording(tmp_path, "a", {0: {1: ramp(range(5))}, 1: {4: ramp(range(5), 3.0)}}, 5)
    merged = merge_all(tmp_path, "s", paths)
    import_traces([merged / "s_intensity_total_ch_1.csv"], tmp_path / "out.csv",
                  {"fl_ch_1": ["intensity_total"]}, TIME)  # fmt: skip
    table = pd.read_csv(tmp_path / "out.csv", comment="#")
    full = pd.read_csv(merged / "s_traces.csv", comment="#")
    for ours, theirs in (("fov", "fov"), ("cell", "cell"), ("frame", "frame"),
                         ("time_ch_1", "time"), ("intensity_total_ch_1",) * 2):  # fmt: skip
        np.testing.assert_allclose(full[ours], table[theirs], atol=1e-6)


def test_files_of_samples_are_found_as_pyama_looks_for_them(tmp_path):
    """Names with _traces and _fitted are no samples for it; no other file is in the way."""
    paths = recording(tmp_path, "a", {0: {1: ramp(range(5))}}, 5)
    merged = merge_all(tmp_path, "s", paths)
    assert samples_in(merged) == [
        "s_area_ch_0.csv", "s_intensity_mean_ch_1.csv", "s_intensity_total_ch_1.csv"
    ]  # fmt: skip

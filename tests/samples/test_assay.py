"""Traces, boxes and `assay.json` of the programs that came after PyAMA."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml

from fovea.cli import main
from fovea.config.inputs import resolve_traces
from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.samples.imports.import_traces import import_traces
from fovea.samples.imports.pyama import read_traces
from fovea.samples.imports.pyama_config import convert
from support.pyama_files import TIME, write

NAMES = ["roi", "t", "area", "background", "sum", "corrected"]
WANTED = {"fl_ch_1": ["corrected", "sum", "background", "area"]}
ASSAY = {
    "type": "transfection",
    "name": "TF84",
    "data": {"type": "nd2", "path": "/data/TF84.nd2"},
    "workspace": {"path": "/data/TF84"},
    "interval": {"value": 10.0, "unit": "minute"},
    "samples": [
        {"slideChannel": 0, "name": "eGFP 5 nM", "positions": "1:2"},
        {"slideChannel": 1, "name": "control", "positions": "5"},
        {"slideChannel": 2, "name": "", "positions": "6"},
    ],
    "analysis": {
        "maxOnsetMinutes": 120.0,
        "skipSegment": True,
        "channels": {"mask": 0, "signal": [1]},
    },
}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with `assay.json`, traces of three positions and their boxes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ws").mkdir()
    for fov in (1, 2, 5):
        rows = [[roi, t, 100, 9.5, 1000.0 * fov + 10 * roi + t, 50.0 * fov + roi + t]
                for roi in (0, 3) for t in (0, 2, 4)]  # fmt: skip
        write(tmp_path / f"ws/analysis/Pos{fov}/ch1.csv", NAMES, rows, number="%r")
        boxes = [[roi, 10 * roi, 20, 10, 12, 0, roi] for roi in (0, 3)]
        write(tmp_path / f"ws/bbox/Pos{fov}.csv", ["roi", "x", "y", "w", "h", "i", "j"], boxes)
    return tmp_path / "ws"


def assay(folder, **changes):
    given = ASSAY | changes
    path = folder / "assay.json"
    path.write_text(json.dumps({k: v for k, v in given.items() if v is not None}, indent=2))
    return path


def test_a_workspace_becomes_a_config(workspace):
    done = convert([assay(workspace)], "old")
    assert done.config == {
        "datasets": {"old": {
            "traces": [f"{workspace.as_posix()}/analysis/Pos*/ch1.csv",
                       f"{workspace.as_posix()}/bbox/Pos*.csv"],
            "channels": {"pc": None, "fl": [{"channel": 1, "features": WANTED["fl_ch_1"]}]},
            "time": {"interval": 10.0, "unit": "min"},
        }},
        "samples": [{"name": "eGFP_5_nM", "dataset": "old", "fovs": "1-2"},
                    {"name": "control", "dataset": "old", "fovs": "5"}],
    }  # fmt: skip
    notes = "\n".join(done.notes)
    for words in ("the whole box of a cell; its 10th percentile", "{t0: {high: 2}}",
                  "slide channel 2 has no name", "is called 'eGFP_5_nM'"):  # fmt: skip
        assert words in notes
    config = validated(done.config | {"analysis": [
        {"model": "maturation", "channel": 1, "feature": "corrected"}]})  # fmt: skip
    entry = config["datasets"]["old"]
    files = resolve_traces(entry["traces"])
    assert len(files) == 6
    time = TIME | {key: entry["time"][key] for key in ("interval", "unit")}
    import_traces(files, workspace / "out.csv", WANTED, time)
    table = pd.read_csv(workspace / "out.csv", comment="#")
    assert table.fov.unique().tolist() == [1, 2, 5]
    assert table.frame.unique().tolist() == [0, 2, 4]
    assert (table.time == 10.0 * table.frame).all()
    assert (table.corrected_ch_1 == 50.0 * table.fov + table.cell + table.frame).all()
    assert (table.sum_ch_1 == 1000.0 * table.fov + 10 * table.cell + table.frame).all()
    assert (table.bbox_x0 == 10 * table.cell).all()
    assert (table.bbox_x1 == 10 * table.cell + 10).all()
    assert set(table.position_x - 10 * table.cell) == {4.5}
    assert set(table.position_y) == {25.5}
    assert set(table.bbox_y1) == {32}


def test_older_folders_and_columns(workspace):
    (workspace / "analysis").rename(workspace / "timeseries")
    for fov in (1, 2, 5):
        boxes = [[roi, 10 * roi, 20, 10, 12] for roi in (0, 3)]
        write(workspace / f"bbox/Pos{fov}.csv", ["crop", "x", "y", "w", "h"], boxes)
    given = assay(workspace, interval={"value": 30, "unit": "second"}, analysis={}, samples=None)
    done = convert([given], "old").config
    entry = done["datasets"]["old"]
    assert entry["traces"][0].endswith("timeseries/Pos*/ch1.csv")
    assert entry["time"] == {"interval": 30, "unit": "s"}
    assert "samples" not in done
    read = read_traces(workspace / "bbox/Pos5.csv")
    assert (read.form, read.rows["cell"].tolist()) == ("boxes", [0, 3])


def test_a_recording_is_processed_anew(workspace):
    done = convert([assay(workspace)], "new", "a.nd2")
    assert done.config["datasets"]["new"] == {
        "input": "a.nd2",
        "channels": {"pc": {"channel": 0, "features": ["area"]},
                     "fl": [{"channel": 1, "features": ["intensity_total"]}]},
    }  # fmt: skip
    assert "interval: 10.0 min is left out" in "\n".join(done.notes)
    validated(done.config)


def test_samples_of_one_name_are_told_apart(workspace):
    samples = [{"slideChannel": n, "name": "a", "positions": text}
               for n, text in enumerate(["1", "2,5:9:2"])]  # fmt: skip
    given = convert([assay(workspace, samples=samples)], "x").config["samples"]
    assert [(one["name"], one["fovs"]) for one in given] == [("0_a", "1"), ("1_a", "2, 5, 7, 9")]


def test_an_interval_is_not_made_up(workspace):
    done = convert([assay(workspace, interval={"value": None})], "x")
    assert "time" not in done.config["datasets"]["x"]
    assert "no interval is stated, for which PyAMA took 10 minutes" in "\n".join(done.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "killing"}, "is of an assay of the type 'killing'; allowed: transfection"),
        ({"info3": {"samples": []}}, "has the keys info3 of an early version, in which ranges of"),
        ({"interval": {"value": 0}}, "interval.value is 0; it is a number above 0"),
        ({"interval": {"value": 1, "unit": "day"}}, "interval.unit is 'day'; allowed: second"),
        ({"interval": 10}, "interval is 10; it must hold keys and values"),
        ({"samples": {"a": 1}}, "samples are {a: 1}; they must be a list of keys and values"),
        ({"samples": [{"name": "a", "positions": "5:2"}]}, "the positions '5:2' are not underst"),
        ({"samples": [{"name": "a", "positions": "1-3"}]}, "the positions '1-3' are not underst"),
        ({"analysis": {"channels": {"signal": [-1]}}}, "a signal channel is -1; channels are whol"),
        ({"analysis": {"channels": {"signal": [7]}}}, "there are no traces of its channels in"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(workspace, changes, message):
    with pytest.raises(FoveaError, match=message) as error:
        convert([assay(workspace, **changes)], "x")
    assert "\n" not in str(error.value)


def test_a_folder_without_traces(tmp_path):
    path = assay(tmp_path)
    with pytest.raises(FoveaError, match="there are no traces beside it, such as analysis/Pos0"):
        convert([path], "x")
    with pytest.raises(FoveaError, match="no signal channel is stated"):
        convert([assay(tmp_path, analysis=None)], "x", "a.nd2")
    with pytest.raises(FoveaError, match="is a file of its own; give it without others"):
        convert([path, path], "x")


@pytest.mark.parametrize(
    ("name", "header", "row", "message"),
    [
        ("analysis/Pos1/ch1.csv", [*NAMES, "p_dead"], [1] * 7, "what its columns p_dead hold; re"),
        ("traces.csv", ["slide_channel", "sample", "pos", *NAMES], [1] * 9, "what its columns "
         "slide_channel, sample, pos hold"),
        ("analysis/Pos1/ch1.csv", ["roi", "t", "p_dead"], [1] * 3, "these columns are not of trac"),
        ("bbox/Pos1.csv", ["roi", "x", "y", "w", "h", "angle"], [1] * 6, "its columns angle hold"),
        ("boxes.csv", ["roi", "x", "y", "w", "h"], [1] * 5, "it should be called like Pos0.csv"),
        ("bbox/Pos1.csv", ["roi", "x", "y", "w", "h"], [1, 1, 1, 0, 5], "a box has no width or"),
        ("bbox/Pos1.csv", ["roi", "x", "y", "w", "h"], [1, 1, 1, 1.5, 5], "must hold whole numb"),
    ],
)  # fmt: skip
def test_columns_that_are_not_understood(tmp_path, name, header, row, message):
    path = write(tmp_path / name, header, [row])
    with pytest.raises(FoveaError, match=message) as error:
        read_traces(path)
    assert "\n" not in str(error.value)


def test_boxes_need_traces(workspace, caplog):
    boxes, time = sorted(workspace.glob("bbox/*.csv")), TIME | {"interval": 1.0}
    with pytest.raises(FoveaError, match="has boxes of cells and no values; give their traces"):
        import_traces(boxes, workspace / "out.csv", WANTED, time)
    other = write(workspace / "other/Pos5.csv", ["roi", "x", "y", "w", "h"], [[0, 1, 1, 5, 5]])
    traces = sorted(workspace.glob("analysis/*/*.csv"))
    with pytest.raises(FoveaError, match="has boxes in another file, too; give one of them"):
        import_traces([*traces, *boxes, other], workspace / "out.csv", WANTED, time)
    with caplog.at_level("WARNING", "fovea"):
        import_traces([*traces, *boxes[:2], other], workspace / "out.csv", WANTED, time)
    assert any("1 of its cells have no box" in line for line in caplog.messages)


def test_the_command(workspace, capsys):
    assay(workspace)
    assert main(["import", "pyama", "ws/assay.json", "--dataset", "old"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["datasets"]["old"]["traces"][0] == "ws/analysis/Pos*/ch1.csv"

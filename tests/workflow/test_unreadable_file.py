"""One file of a list that cannot be read: its field of view fails, and the others go on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from support.broken import write_positions
from support.harness import dataset, snakemake, write_config

pytestmark = pytest.mark.xdist_group("workflow-unreadable")

BROKEN = "data/pos_1.ome.tiff"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_it_is_one_failed_field_of_view(tmp_path, small_recording):
    (tmp_path / "data").mkdir()
    write_positions(small_recording / "small.ome.tiff", tmp_path / "data")
    whole = (tmp_path / BROKEN).read_bytes()
    (tmp_path / BROKEN).write_bytes(whole[:3000])
    more = {"samples": [{"name": "s", "fovs": "all"}], "skip_failed": True}
    time = {"interval": 10, "unit": "min"}
    write_config(tmp_path, {"a": dataset("data/pos_*.ome.tiff", "all", fl=(1,), time=time)}, **more)
    run = snakemake(tmp_path, expected=1)
    assert "Fovea: 1 of 3 fields of view failed\n" in run.text
    assert "Fovea: samples made without a, field of view 1: s" in run.text
    status = {row["fov"]: row for row in rows(tmp_path / "results/status.csv")}
    assert {fov: row["state"] for fov, row in status.items()} == {
        "000": "done", "001": "failed", "002": "done"
    }  # fmt: skip
    assert status["001"]["failed_step"] == "copy_raw"
    assert status["001"]["error"].startswith(f"{BROKEN}: is cut off")
    assert status["001"]["error"].endswith("`exclude_fovs: [1]` leaves the field of view out")
    traces = tmp_path / "results/merged/s_traces.csv"
    assert "# Left out: a, field of view 1 (failed)\n" in traces.read_text("utf-8")
    assert {row["fov"] for row in rows(traces)} == {"0", "2"}

    entry = dataset("data/pos_*.ome.tiff", "all", fl=(1,), time=time, exclude_fovs=[1])
    write_config(tmp_path, {"a": entry}, **more)
    run = snakemake(tmp_path)
    assert "copy_raw" not in run.text
    assert {row["fov"] for row in rows(traces)} == {"0", "2"}
    assert "# Left out: nothing\n" in traces.read_text("utf-8")

"""The end of a run names cells in which the camera is saturated."""

from __future__ import annotations

from pathlib import Path

import pytest

from fovea.config.paths import Paths
from fovea.config.plan import Plan
from fovea.config.steps import Steps
from fovea.config.validation import validated
from fovea.errors import counted
from fovea.jobs.log_state import SATURATED
from fovea.runs.saturation import saturated

PLACES = [("a", "000"), ("a", "001"), ("a", "002"), ("b", "000"), ("a", "")]


@pytest.fixture
def plan():
    entry = {"input": "x.nd2", "channels": {"pc": {"channel": 0}, "fl": [{"channel": 1}]}}
    return Plan(validated({"datasets": {"a": entry, "b": entry}}))


def write(folder: Path, dataset: str, fov: str, *lines: str, made: bool = True) -> None:
    """Write the log of extraction, and its tables if they were `made`."""
    step = Steps(Paths()).EXTRACT.of(dataset=dataset, fov=fov)
    for file in step.files if made else ():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    (folder / step.log).parent.mkdir(parents=True, exist_ok=True)
    (folder / step.log).write_text("".join(f"2026-05-01 12:00:00,000 {line}\n" for line in lines))


def warning(channel: int, cells: int, kept: int) -> str:
    told = counted(kept, "cell"), counted(3 * cells, "row")
    return f"WARNING {SATURATED % (f'fl_ch_{channel}', cells, *told)}"


def test_cells_are_summed_by_dataset_and_channel(plan, tmp_path):
    write(tmp_path, "a", "000", "INFO    frame 1 of 1", warning(1, 2, 9), warning(2, 1, 9))
    write(tmp_path, "a", "001", "INFO    8 of 9 cells kept")
    write(tmp_path, "a", "002", warning(1, 5, 5))
    write(tmp_path, "b", "000", warning(1, 4, 4), made=False)  # of an earlier run
    first, second = saturated(plan, PLACES, tmp_path).split("\n")
    assert first.startswith(
        "Fovea: WARNING: the camera saturates in 7 of 14 cells of dataset a, channel 1 (field of "
        "view 0, 2), so intensities are too low"
    )
    assert "1 of 9 cells of dataset a, channel 2 (field of view 0)" in second


def test_the_only_cell_is_named_in_the_singular(plan, tmp_path):
    write(tmp_path, "a", "000", warning(1, 1, 1))
    assert "saturates in 1 of 1 cell of dataset a" in saturated(plan, PLACES, tmp_path)


def test_nothing_is_said_where_no_camera_saturates(plan, tmp_path):
    assert saturated(plan, PLACES, tmp_path) == ""
    write(tmp_path, "a", "000", "WARNING the objects of 2 cells hold another cell, too")
    assert saturated(plan, PLACES, tmp_path) == ""

"""What jobs ask of a cluster: from the size of the field of view, known or not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fovea.jobs.resources import (
    MOST_THREADS,
    STEP_MB,
    STEP_SECONDS,
    USUAL,
    Size,
    fields,
    memory,
    merge_memory,
    merge_minutes,
    minutes,
    size,
    threads,
)
from fovea.recordings.inspect_input import inspect_input
from support.recordings import write_ome_tiff

RULES = Path(__file__).parents[2] / "rules"
SMALL = Size(10, 256, 256)


def test_sizes_come_from_the_metadata(tmp_path):
    import numpy as np

    data = np.zeros((2, 3, 1, 2, 24, 32), np.uint16)
    write_ome_tiff(tmp_path / "a.ome.tiff", data)
    inspect_input(str(tmp_path / "a.ome.tiff"), tmp_path / "metadata.yaml")
    assert size(tmp_path / "metadata.yaml", 0) == Size(3, 24, 32)
    assert size(tmp_path / "metadata.yaml", 1) == Size(3, 24, 32)
    assert size(tmp_path / "metadata.yaml", 2) == USUAL
    assert fields(tmp_path / "metadata.yaml") == 2


def test_without_metadata_the_size_is_a_usual_one(tmp_path):
    assert size(tmp_path / "metadata.yaml", 0) == USUAL


@pytest.mark.parametrize("step", STEP_MB)
def test_demand_grows_with_the_frames_and_the_attempt(step):
    longer = SMALL._replace(frames=1000)
    wider = SMALL._replace(width=4096, height=4096)
    assert memory(step, SMALL) == memory(step, longer), "no step holds a stack"
    assert memory(step, SMALL) < memory(step, wider)
    assert [memory(step, SMALL, n) // memory(step, SMALL) for n in (1, 2, 3)] == [1, 2, 4]
    assert minutes(step, SMALL, 3) < minutes(step, wider._replace(frames=1000), 3)
    assert [minutes(step, SMALL, 3, n) // minutes(step, SMALL, 3) for n in (1, 2, 3)] == [1, 2, 4]


@pytest.mark.parametrize(("asked", "known"), [("memory", STEP_MB), ("minutes", STEP_SECONDS)])
def test_the_rules_ask_for_the_steps_that_are_known(asked, known):
    rules = "".join(path.read_text("utf-8") for path in RULES.glob("*.smk"))
    assert set(re.findall(rf'\b{asked}\("(\w+)"\)', rules)) == set(known)


@pytest.mark.parametrize("needed", [merge_memory, merge_minutes])
def test_merging_grows_with_the_tables_and_the_attempt(needed):
    assert needed(0) < needed(1000) < needed(3000)
    assert [needed(1000, n) // needed(1000) for n in (1, 2, 3)] == [1, 2, 4]


def test_cores_that_no_field_of_view_needs_are_threads():
    assert [threads(cores, 4) for cores in (1, 4, 7, 8, 16, 100)] == [1, 1, 1, 2, 4, MOST_THREADS]
    assert threads(2, 0) == 2

"""Edited tracks, through the workflow: what runs again, and what is refused before it starts."""

from __future__ import annotations

import csv

import geff
import numpy as np
import pytest
import zarr

from fovea.cli import main
from support.harness import dataset, dry_run, snakemake, step_of, write_config

pytestmark = pytest.mark.xdist_group("workflow-edited-tracks")

FIELD = "results/main/fov_00{0}/main_fov_00{0}_{1}.csv"
TABLE = "config/edited_tracks/main_fov_000.csv"
TARGETS = [FIELD.format(fov, "traces") for fov in (0, 1)]


def rows(folder, table):
    with (folder / FIELD.format(0, table)).open() as file:
        return list(csv.DictReader(file))


def ids(folder):
    return zarr.open_array(folder / "results/main/fov_000/images.zarr/seg_tracked_ch_0/0")[:]


def test_edited_tracks_take_the_place_of_those_that_were_found(workplace, monkeypatch):
    write_config(workplace, {"main": dataset("data/small.ome.tiff", fl=(1,))})
    monkeypatch.chdir(workplace)
    snakemake(workplace, *TARGETS)
    assert main(["export", "geff", "--fov", "0"]) == 0
    graph, about = geff.read("exports/main_fov_000.geff")
    cells: dict[int, list] = {}
    for node, own in sorted(graph.nodes(data=True), key=lambda item: item[1]["t"]):
        cells.setdefault(own["cell"], []).append(node)
    one, two = [cell for cell, nodes in cells.items() if len(nodes) == 6][:2]
    (a, b), (c, d) = cells[one][2:4], cells[two][2:4]
    graph.remove_edges_from([(a, b), (c, d)])
    graph.add_edges_from([(a, d), (c, b)], division=False)
    geff.write(graph, "exports/edited.geff", about)
    before, traced = ids(workplace), rows(workplace, "traces")
    assert main(["import", "geff", "exports/edited.geff"]) == 0

    due = dry_run(workplace, *TARGETS).jobs
    assert {(step_of(job["rule_name"]), job["wildcards"]["fov"]) for job in due} == {
        ("track", "000"), ("crop", "000"), ("extract", "000")
    }  # fmt: skip
    snakemake(workplace, *TARGETS)
    wanted = before.copy()
    wanted[3:][before[3:] == one] = two
    wanted[3:][before[3:] == two] = one
    assert np.array_equal(ids(workplace), wanted)
    area = {(int(row["cell"]), int(row["frame"])): row["area_ch_0"] for row in traced}
    for row in rows(workplace, "traces"):
        cell, frame = int(row["cell"]), int(row["frame"])
        was = {one: two, two: one}.get(cell, cell) if frame >= 3 else cell
        assert row["area_ch_0"] == area[was, frame]

    (workplace / TABLE).unlink()
    due = dry_run(workplace, *TARGETS).jobs  # without a table, tracks are as they are found
    assert ("track", "000") in {
        (step_of(job["rule_name"]), job["wildcards"]["fov"]) for job in due
    }  # fmt: skip

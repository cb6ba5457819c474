"""GEFF, read and validated with its own package."""

from __future__ import annotations

import json

import geff
import networkx as nx
import numpy as np
import pytest
from geff.validate.data import ValidationConfig, validate_data
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports import needs
from fovea.exports.fields import read_tracks
from fovea.exports.geff import export_geff
from support.drawn_field import draw_field, family

ALL = ValidationConfig(graph=True, lineage=True, tracklet=True)


def validated(store):
    """The content of a store that is valid by its package."""
    geff.validate_structure(str(store))
    reader = geff.GeffReader(str(store))
    reader.read_node_props()
    reader.read_edge_props()
    memory = reader.build()
    validate_data(memory, ALL)
    return memory


def test_numbers_come_back_equal(tmp_path):
    field = draw_field(tmp_path, *family())
    export_geff(field, tmp_path / "out" / "drawn.geff")
    memory, tracks = validated(tmp_path / "out" / "drawn.geff"), read_tracks(field)
    props = {name: one["values"] for name, one in memory["node_props"].items()}
    y, x = tracks.position.T
    wanted = {"t": tracks.frame, "y": y, "x": x, "cell": tracks.cell, "area": tracks.area,
              "box": tracks.boxes, "merged": tracks.merged,
              "seconds": tracks.frame * 600.0}  # fmt: skip
    for name, values in wanted.items():
        assert np.array_equal(props[name], values), name
    confidence = memory["node_props"]["confidence"]
    assert np.array_equal(confidence["missing"], tracks.cell == 2)
    assert (confidence["values"][tracks.cell != 2] == 0.9).all()
    assert np.array_equal(memory["edge_ids"], tracks.links)
    assert np.array_equal(memory["edge_props"]["division"]["values"], tracks.division)


def test_a_graph_with_units(tmp_path):
    export_geff(draw_field(tmp_path, *family()), tmp_path / "drawn.geff")
    graph, metadata = geff.read(str(tmp_path / "drawn.geff"))
    assert isinstance(graph, nx.DiGraph)
    assert sorted(d for _, d in graph.out_degree() if d == 2) == [2]
    assert nx.number_weakly_connected_components(graph) == 2
    axes = [(a.name, a.type, a.unit, a.scale, a.scaled_unit) for a in metadata.axes]
    assert axes == [
        ("t", "time", "frame", 600.0, "second"),
        ("y", "space", "pixel", 0.65, "micrometer"),
        ("x", "space", "pixel", 0.65, "micrometer"),
    ]
    labels, image = metadata.related_objects
    for related in (labels, image):
        stored = json.loads((tmp_path / "drawn.geff" / related.path / "zarr.json").read_text())
        assert "ome" in stored["attributes"]
    assert labels.label_prop == "cell"


def test_units_that_are_not_known_are_left_out(tmp_path):
    field = draw_field(tmp_path, *family(), known=False)
    export_geff(field, tmp_path / "drawn.geff")
    memory = validated(tmp_path / "drawn.geff")
    assert [axis.scale for axis in memory["metadata"].axes] == [None] * 3
    assert "seconds" not in memory["node_props"]


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_any_tracks_are_valid(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 5, (4, 3, 4)).astype(np.uint16)
    ids[rng.random((4, 3, 4)) < 0.5] = 0
    parents = {int(rng.integers(1, 5)): int(rng.integers(1, 5)) for _ in range(3)}
    folder = tmp_path_factory.mktemp("field")
    export_geff(draw_field(folder, ids, parents), folder / "drawn.geff")
    validated(folder / "drawn.geff")


def test_a_field_without_cells(tmp_path):
    export_geff(draw_field(tmp_path, np.zeros((2, 4, 5), np.uint16), {}), tmp_path / "drawn.geff")
    assert len(validated(tmp_path / "drawn.geff")["node_ids"]) == 0


def test_edited_tracks_are_not_overwritten(tmp_path):
    field = draw_field(tmp_path, *family())
    (tmp_path / "drawn.geff").mkdir()
    with pytest.raises(FoveaError, match=r"drawn.geff: exists already; delete it, or name"):
        export_geff(field, tmp_path / "drawn.geff")


def test_the_command(run, tmp_path, capsys):
    words = ["export", "geff", "--directory", str(run), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    store = tmp_path / "out" / "a_fov_000.geff"
    assert capsys.readouterr().out.startswith(f"{store}: ")
    validated(store)


def test_a_package_that_is_not_installed(monkeypatch):
    with pytest.raises(FoveaError, match="rocrates is not installed, which this export needs"):
        needs.need("fovea_has_none", "rocrates")

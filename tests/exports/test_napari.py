"""What `fovea view` opens: layers of a stand-in viewer, and of napari's own model of one."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fovea.cli import main
from fovea.exports import napari as exported
from fovea.exports.fields import read_tracks
from fovea.exports.napari import add_layers, layers
from support.drawn_field import draw_field, family


@pytest.mark.parametrize("known", [True, False])
def test_layers(tmp_path, known):
    ids, parents = family()
    field = draw_field(tmp_path, ids, parents, known)
    found = {options["name"]: (kind, data, options) for kind, data, options in layers(field)}
    assert [found[name][0] for name in found] == ["image", "labels", "tracks"]
    scale = (600, 0.65, 0.65) if known else (1, 1, 1)
    units = ("second", "micrometer", "micrometer") if known else ("pixel",) * 3
    for _, _, options in found.values():
        assert (options["scale"], options["units"]) == (scale, units)
    assert np.array_equal(found["cells"][1][:], ids)
    assert found["pc_ch_0"][2]["contrast_limits"] == [900, 3100]
    _, data, options = found["tracks"]
    tracks = read_tracks(field)
    wanted = {
        (cell, frame): tuple(place)
        for cell, frame, place in zip(
            tracks.cell.tolist(), tracks.frame.tolist(), tracks.position.tolist(), strict=True
        )
    }
    assert {(int(c), int(t)): (y, x) for c, t, y, x in data.tolist()} == wanted
    assert options["graph"] == {3: [1], 4: [1]}


@pytest.mark.filterwarnings("ignore")  # of napari's libraries
def test_napari_takes_them(tmp_path):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    add_layers(viewer, draw_field(tmp_path, *family()))
    assert [layer.name for layer in viewer.layers] == ["pc_ch_0", "cells", "tracks"]
    assert viewer.scale_bar.visible
    for layer in viewer.layers:
        assert tuple(layer.scale[-2:]) == (0.65, 0.65)


def test_a_field_without_cells(tmp_path):
    field = draw_field(tmp_path, np.zeros((2, 4, 5), np.uint16), {})
    assert [kind for kind, *_ in layers(field)] == ["image", "labels"]


def test_the_command(run, monkeypatch):
    added, shown = [], []

    class Viewer:
        def __init__(self, title):
            self.title, self.scale_bar = title, SimpleNamespace(visible=False)

        def __getattr__(self, name):
            return lambda data, **options: added.append((name, options["name"]))

    stand_in = SimpleNamespace(Viewer=Viewer, run=lambda: shown.append(True))
    monkeypatch.setitem(sys.modules, "napari", stand_in)
    monkeypatch.setattr(exported, "find_spec", lambda name: stand_in)
    assert main(["view", "0", "--directory", str(run)]) == 0
    assert added == [("add_image", "pc_ch_0"), ("add_image", "fl_ch_1"), ("add_labels", "cells"),
                     ("add_tracks", "tracks")]  # fmt: skip
    assert shown == [True]


def test_without_napari(run, monkeypatch, capsys):
    monkeypatch.setattr(exported, "find_spec", lambda name: None)
    assert main(["view", "0", "--directory", str(run)]) == 1
    assert "napari is not installed, which `fovea view` opens" in capsys.readouterr().err

"""The simulator's files: recording and truth."""

import csv
import json

import numpy as np
import pytest
import tifffile

from fovea.errors import FoveaError
from fovea.simulation.field import Field, simulate_fov
from fovea.simulation.kinetics import SAMPLES
from fovea.simulation.simulate import simulate
from support.recordings import read_background

SMALL = {"frames": 8, "height": 300, "width": 340, "cells": 9}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    simulate(folder / "movie.ome.tiff", folder / "truth", fovs=3, **SMALL)
    return folder


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_recording_reads_back(recording):
    with tifffile.TiffFile(recording / "movie.ome.tiff") as tif:
        assert [s.axes for s in tif.series] == ["TCYX"] * 3
        assert {s.shape for s in tif.series} == {(8, 2, 300, 340)}
        images = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
        stacks = [s.asarray() for s in tif.series]
    for fov, (image, stack) in enumerate(zip(images, stacks, strict=True)):
        field = Field(0, 8, 300, 340, 9, fov=fov, sample=SAMPLES[fov // 2])
        pixels = image["Pixels"]
        assert pixels["PhysicalSizeX"] == pixels["PhysicalSizeY"] == 0.65
        assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (900, "s")
        assert [c["Name"] for c in pixels["Channel"]] == ["Phase", "GFP"]
        times = np.array([p["DeltaT"] for p in pixels["Plane"]]).reshape(8, 2)
        assert [(p["TheT"], p["TheC"]) for p in pixels["Plane"]] == [
            (t, c) for t in range(8) for c in range(2)
        ]
        np.testing.assert_array_equal(times, field.times)
        assert (times[:, 1] > times[:, 0]).all()
        assert np.ptp(np.diff(times[:, 0])) > 0
        assert np.abs(times[:, 0] - 900 * np.arange(8)).max() < 30
        frame = field.render(5)
        np.testing.assert_array_equal(stack[5, 0], frame.phase)
        np.testing.assert_array_equal(stack[5, 1], frame.fluo[0])


def test_truth_folder_equals_the_arrays(recording):
    truth = recording / "truth"
    made = simulate_fov(0, 8, 300, 340, 9, fov=2, sample=SAMPLES[1])
    labels = tifffile.imread(truth / "fov_002_labels.ome.tiff")
    np.testing.assert_array_equal(labels, made.labels)
    background = read_background(truth / "fov_002_background_ch_1.npz")
    assert background.dtype == np.float32
    np.testing.assert_array_equal(background, made.background[0])
    rows = [r for r in read_table(truth / "cells.csv") if r["fov"] == "2"]
    assert [{k: str(v) for k, v in r.items()} for r in made.rows] == rows
    parameters = [r for r in read_table(truth / "parameters.csv") if r["fov"] == "2"]
    assert [{k: str(v) for k, v in p.items()} for p in made.parameters] == parameters
    assert {r["sample"] for r in parameters} == {"treated"}
    about = json.loads((truth / "simulation.json").read_text(encoding="utf-8"))
    assert [f["sample"] for f in about["fovs"]] == ["control", "control", "treated"]


def test_same_seed_same_bytes(recording, tmp_path):
    simulate(tmp_path / "movie.ome.tiff", tmp_path / "truth", fovs=3, **SMALL)
    assert tree(tmp_path) == tree(recording)


def test_another_seed_gives_other_cells(recording, tmp_path):
    simulate(tmp_path / "movie.ome.tiff", tmp_path / "truth", fovs=1, **SMALL, seed=1)
    one = tifffile.imread(tmp_path / "truth" / "fov_000_labels.ome.tiff")
    other = tifffile.imread(recording / "truth" / "fov_000_labels.ome.tiff")
    assert (one != other).any()


def test_fovs_do_not_depend_on_their_number(recording, tmp_path):
    simulate(tmp_path / "one.ome.tiff", tmp_path / "truth", fovs=1, **SMALL)
    one = tifffile.imread(tmp_path / "one.ome.tiff", series=0)
    three = [tifffile.imread(recording / "movie.ome.tiff", series=i) for i in range(2)]
    np.testing.assert_array_equal(one, three[0])
    assert (three[0] != three[1]).any()


def test_fovs_of_different_sizes_some_blank(tmp_path):
    simulate(
        tmp_path / "m.ome.tiff",
        tmp_path / "truth",
        fovs=2,
        frames=3,
        shapes=[(90, 120), (64, 65)],
        cells=[0, 2],
        channels=2,
    )
    with tifffile.TiffFile(tmp_path / "m.ome.tiff") as tif:
        assert [s.shape for s in tif.series] == [(3, 3, 90, 120), (3, 3, 64, 65)]
    truth = tmp_path / "truth"
    assert not tifffile.imread(truth / "fov_000_labels.ome.tiff").any()
    assert {r["fov"] for r in read_table(truth / "cells.csv")} == {"1"}
    assert read_background(truth / "fov_001_background_ch_2.npz").shape == (3, 64, 65)


@pytest.mark.parametrize(
    ("phase", "channels", "names"),
    [(False, 2, ["GFP", "mCherry"]), (True, 0, ["Phase"]), (False, 1, ["GFP"])],
)
def test_channels(tmp_path, phase, channels, names):
    simulate(
        *(tmp_path / "m.ome.tiff", tmp_path / "truth", 1, 3, 80, 90, 2),
        phase=phase,
        channels=channels,
    )
    with tifffile.TiffFile(tmp_path / "m.ome.tiff") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    found = pixels["Channel"] if len(names) > 1 else [pixels["Channel"]]
    assert [c["Name"] for c in found] == names
    assert (pixels["SizeT"], pixels["SizeC"]) == (3, len(names))
    header = (tmp_path / "truth" / "cells.csv").read_text(encoding="utf-8").splitlines()[0]
    fluo = range(int(phase), len(names))
    assert [c for c in header.split(",") if c.startswith("total")] == [
        f"total_ch_{c}" for c in fluo
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "frames must be at least 1"),
        ({"phase": False, "channels": 0}, "no channel"),
        ({"shapes": [(10, 10)]}, "shapes has 1 entries for 4 FOVs"),
        ({"cells": [1, 2]}, "cells has 2 entries for 4 FOVs"),
        ({"cells": -1}, "cells must not be negative"),
        ({"interval": 0}, "interval must be positive"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path, options, message):
    with pytest.raises(FoveaError, match=message):
        simulate(tmp_path / "m.ome.tiff", tmp_path / "truth", **options)
    assert not list(tmp_path.iterdir())

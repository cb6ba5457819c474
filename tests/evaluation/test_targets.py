"""Segmentation and tracking on real and simulated recordings, with room below what was measured."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.cli import main
from fovea.evaluation import accuracy
from fovea.segmentation.phase.choose import choose
from fovea.simulation.field import Field

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FOVEA_SHARED", ROOT.parent / "shared")) / "data"
shared = pytest.mark.skipif(not DATA.exists(), reason=f"the shared recordings are not in {DATA}")


@pytest.fixture(scope="module", params=["ADHERENT", "T98G"])
def stills(request):
    """Parameters, and the rows of single stills and of both kinds of them."""
    rows, together = accuracy.stills(DATA / "t98g_annotated", getattr(accuracy, request.param))
    return request.param, rows, {row["recording"]: row for row in together}


@shared
def test_stills(stills):
    """Five of 512 x 512 pixels, on which the network was trained, and others of any size."""
    parameters, rows, together = stills
    assert set(accuracy.TRAINED_ON) < {row["recording"] for row in rows}
    least = {"ADHERENT": (0.49, 0.52, 0.57), "T98G": (0.6, 0.6, 0.7)}[parameters]
    row = together[accuracy.TRAINED]
    assert row["SEG"] > least[0]
    assert row["SEG_frames_mean"] > least[1]
    assert row["F1"] > least[2]


@shared
def test_stills_that_the_network_has_never_seen(stills):
    parameters, rows, together = stills
    assert len(rows) > len(accuracy.TRAINED_ON)
    row = together[accuracy.FURTHER]
    assert row["SEG"] > {"ADHERENT": 0.5, "T98G": 0.6}[parameters]
    assert row["F1"] > {"ADHERENT": 0.53, "T98G": 0.73}[parameters]


@shared
@pytest.mark.parametrize(("factor", "least"), [(1, 0.65), (0.75, 0.6), (1.25, 0.6)])
def test_the_network_on_cells_it_has_never_seen(factor, least):
    files = DATA / "t98g_phase.ome.tiff", DATA / "t98g_reference_ids.ome.tiff"
    row = accuracy.movie(*files, accuracy.T98G | {"cell_diameter": 48 * factor}, "t98g")
    assert row["SEG"] > least
    assert row["F1"] > 0.75
    assert row["links_of_found"] > 0.9


@shared
def test_adherent_cells_over_time():
    files = DATA / "t98g_phase.ome.tiff", DATA / "t98g_reference_ids.ome.tiff"
    row = accuracy.movie(*files, accuracy.ADHERENT, "t98g")
    assert row["SEG"] > 0.47
    assert row["links_of_found"] > 0.87


@shared
def test_bacteria():
    files = DATA / "ecoli_phase_fluo.ome.tiff", DATA / "ecoli_reference_ids.ome.tiff"
    row = accuracy.movie(*files, accuracy.ECOLI, "ecoli")
    assert row["SEG"] > 0.88
    assert row["divisions_found"] == row["divisions"] == 1


@shared
@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_bacteria_of_another_diameter(factor):
    files = DATA / "ecoli_phase_fluo.ome.tiff", DATA / "ecoli_reference_ids.ome.tiff"
    wrong = accuracy.ECOLI | {"cell_diameter": accuracy.ECOLI["cell_diameter"] * factor}
    assert accuracy.movie(*files, wrong, "ecoli")["SEG"] > 0.8


@pytest.mark.parametrize("crowded", [False, True])
def test_demo(crowded):
    (row,) = accuracy.simulated(crowded, fovs=1, frames=24)
    assert row["SEG"] > 0.9
    assert row["complete"] > 0.85
    assert row["links_of_found"] > 0.99
    assert row["TRA"] > (0.94 if crowded else 0.985)


def phase(frame=5):
    return Field(1, 12, 320, 320, 14, channels=0).render(frame).phase


@pytest.mark.parametrize("mode", ["adherent", "dark"])
def test_suggested_diameter(mode):
    best = choose([phase()], (mode,)).best
    assert 26 <= best.found <= 36  # of the simulated cells: 30 to 31
    assert 18 <= best.cell_diameter <= 36


@shared
@pytest.mark.parametrize(("name", "low", "high"), [("set12", 55, 80), ("set42", 35, 55)])
def test_suggested_diameter_of_real_cells(name, low, high):
    frame = accuracy.read_frames(DATA / "t98g_annotated" / f"{name}.ome.tiff")[0]
    best = choose([frame], ("adherent",)).best
    assert low <= best.found <= high
    assert low / 1.5 <= best.cell_diameter <= high


def test_no_suggestion_without_cells():
    assert choose([np.full((200, 200), 9, np.uint16)]) is None
    noise = np.random.default_rng(0).integers(1000, 1100, (200, 200)).astype(np.uint16)
    found = choose([noise])
    assert found is None or not found.sure


def test_preview(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frames = np.stack([phase(t) for t in (0, 5)])
    tifffile.imwrite("a.ome.tif", frames, ome=True, metadata={"axes": "TYX"})
    config = {"datasets": {"mine": {"input": "a.ome.tif", "channels": {"pc": 0}}}}
    config["params"] = {"segmentation": {"method": "phase", "cell_diameter": 30}}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    options = ["preview", "--configfile", "config.yaml", "--frames", "2", "--output", "seen.png"]
    assert main([*options, "--mode", "dark"]) == 0
    printed = capsys.readouterr().out
    assert "suggested: segmentation: {method: phase, mode: dark, cell_diameter: " in printed
    assert printed.count("objects, median diameter") == 2
    assert Path("seen.png").read_bytes().startswith(b"\x89PNG")
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert 2 <= printed.count("suggested: ") <= 3
    shown = re.search(r"shown: method: phase, cell_diameter: 30, mode: (\w+), tuning: {}", printed)
    first = re.search(r"suggested: segmentation: {method: phase, mode: (\w+),", printed)
    assert shown[1] == first[1]  # the config leaves the mode open
    assert main([*options, "--mode", "network"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("suggested: segmentation: {method: phase, mode: network, cell_di") == 1
    assert "shown: method: phase, cell_diameter: " in printed
    assert "mode: network" in printed
    assert main([*options, "--mode", "network", "--cell-diameter", "9"]) == 1
    assert "mode network needs a cell diameter of 12 pixels at least" in capsys.readouterr().err
    assert main([*options, "--dataset", "other"]) == 1
    assert "--dataset other is not in the config; allowed: mine" in capsys.readouterr().err

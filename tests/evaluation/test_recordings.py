"""Segmentation and tracking on real and simulated recordings, with room below what was measured."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.cli import main
from fovea.evaluation.annotated import read_position
from fovea.evaluation.pairs import Row
from fovea.evaluation.simulated import SIMULATED, demo
from fovea.evaluation.suite import measure
from fovea.segmentation.phase.choose import choose
from fovea.simulation.field import Field

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FOVEA_SHARED", ROOT.parent / "shared")) / "data"
shared = pytest.mark.skipif(not DATA.exists(), reason=f"the shared recordings are not in {DATA}")


T98G = {"mode": "network", "cell_diameter": 48}
ADHERENT = {"mode": "adherent", "cell_diameter": 48}
ECOLI = {"mode": "dark", "cell_diameter": 18}
DEMO = {"mode": "dark", "cell_diameter": 36, "tuning": {"expand": 0.05}}
TRAINED_ON = ("set2", "set12", "set22", "set32", "set42")


def stills(trained, segmentation):
    """The row of the stills that the network was, or was not, trained on."""
    folder = DATA / "t98g_annotated"
    names = sorted(p.name.removesuffix("_ids.ome.tiff") for p in folder.glob("*_ids.ome.tiff"))
    assert set(TRAINED_ON) < set(names)
    files = tuple((folder / f"{name}.ome.tiff", folder / f"{name}_ids.ome.tiff")
                  for name in names if (name in TRAINED_ON) == trained)  # fmt: skip
    return measure(Row("stills", files), segmentation, all_frames=True)


def movie(name, reference, segmentation):
    files = ((DATA / f"{name}.ome.tiff", DATA / f"{reference}_reference_ids.ome.tiff"),)
    return measure(Row(name, files, tracks=True), segmentation).row


@shared
@pytest.mark.parametrize("mode", ["ADHERENT", "T98G"])
def test_stills(mode):
    """Five of 512 x 512 pixels, on which the network was trained."""
    measured = stills(True, globals()[mode])
    least = {"ADHERENT": (0.49, 0.52, 0.57), "T98G": (0.57, 0.6, 0.7)}[mode]
    assert measured.row["SEG"] > least[0]
    assert np.mean([shot.match.iou.mean() for shot in measured.shots]) > least[1]
    assert measured.row["F1"] > least[2]


@shared
@pytest.mark.parametrize("mode", ["ADHERENT", "T98G"])
def test_further_stills(mode):
    measured = stills(False, globals()[mode])
    assert len(measured.shots) > len(TRAINED_ON)
    assert measured.row["SEG"] > {"ADHERENT": 0.5, "T98G": 0.6}[mode]
    assert measured.row["F1"] > {"ADHERENT": 0.53, "T98G": 0.73}[mode]


@shared
@pytest.mark.parametrize(("factor", "least"), [(1, 0.65), (0.75, 0.6), (1.25, 0.6)])
def test_the_network_on_cells_it_has_never_seen(factor, least):
    row = movie("t98g_phase", "t98g", T98G | {"cell_diameter": 48 * factor})
    assert row["SEG"] > least
    assert row["F1"] > 0.75
    assert row["links_of_found"] > 0.9


@shared
def test_adherent_cells_over_time():
    row = movie("t98g_phase", "t98g", ADHERENT)
    assert row["SEG"] > 0.47
    assert row["links_of_found"] > 0.87


@shared
def test_bacteria():
    row = movie("ecoli_phase_fluo", "ecoli", ECOLI)
    assert row["SEG"] > 0.85
    assert row["divisions_found"] == row["divisions"] == 1


@shared
@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_bacteria_of_another_diameter(factor):
    wrong = ECOLI | {"cell_diameter": ECOLI["cell_diameter"] * factor}
    assert movie("ecoli_phase_fluo", "ecoli", wrong)["SEG"] > 0.8


@pytest.mark.parametrize("crowded", [False, True])
def test_demo(crowded, monkeypatch):
    monkeypatch.setitem(SIMULATED, "short", lambda: demo(crowded, fovs=1, frames=24))
    row = measure(Row("demo", simulated="short", tracks=True), DEMO).row
    assert row["frames"] == "24"
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
    files = (DATA / "t98g_annotated" / f"{name}{end}.ome.tiff" for end in ("", "_ids"))
    frame = read_position(*files).frames[0]
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
    assert "suggested: segmentation: {method: phase, mode: dark, contrast: dark, cell_d" in printed
    assert "\nexpected quality: " in printed
    assert printed.count("objects, median diameter") == 2
    assert Path("seen.png").read_bytes().startswith(b"\x89PNG")
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert printed.count("suggested: ") == 1
    shown = re.search(r"shown: method: phase, cell_diameter: 30, mode: (\w+), ", printed)
    first = re.search(r"suggested: segmentation: {method: phase, mode: (\w+),", printed)
    assert shown[1] == first[1]  # the config leaves the mode open
    assert main([*options, "--mode", "general", "--contrast", "bright"]) == 0
    printed = capsys.readouterr().out
    assert "suggested: segmentation: {method: phase, mode: general, contrast: bright, " in printed
    assert "mode: general" in re.search("shown: .*", printed)[0]
    assert "contrast: bright" in re.search("shown: .*", printed)[0]
    assert main([*options, "--mode", "network", "--cell-diameter", "5"]) == 1
    assert "mode network needs a cell diameter of 6 pixels at least" in capsys.readouterr().err
    assert main([*options, "--dataset", "other"]) == 1
    assert "--dataset other is not in the config; allowed: mine" in capsys.readouterr().err

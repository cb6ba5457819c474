"""What `fovea preview` and the end of a run say of cells that no mode finds, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.cli import main
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.inspection import preview_picture
from fovea.inspection.preview import preview
from fovea.runs.doubtful import doubtful
from fovea.segmentation.phase import choose as choosing
from fovea.segmentation.phase.found import find_cells, resolved
from fovea.simulation.field import simulate_fov

CELLS = {"datasets": {"a": {"input": "a.ome.tif", "channels": {"pc": 0}}},
         "params": {"segmentation": {"method": "phase"}}}  # fmt: skip


def written(frames: np.ndarray) -> dict:
    """Write a recording and a config into the working directory."""
    tifffile.imwrite("a.ome.tif", frames, ome=True, metadata={"axes": "TYX"})
    Path("config.yaml").write_text(yaml.safe_dump(CELLS))
    return validated(CELLS)


@pytest.fixture
def cells(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    field = simulate_fov(0, 12, 200, 200, 6, fov=0, crowded=False, channels=0)
    return written(np.stack([np.asarray(frame) for frame in field.phase])[::6])


@pytest.fixture
def noise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return written(np.random.default_rng(0).normal(1000, 40, (2, 160, 160)).astype(np.uint16))


def test_where_no_mode_suits_the_last_line_says_so(noise, capsys):
    assert main(["preview", "--configfile", "config.yaml", "--mode", "dark",
                 "--cell-diameter", "20"]) == 0  # fmt: skip
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("Fovea: WARNING: none of Fovea's modes is expected to find these cells")
    assert "docs/plugins/README.md" in last
    assert "docs/network.md" in last
    assert Path("preview.png").exists()


def test_a_panel_for_every_candidate_in_the_picture(cells, monkeypatch):
    seen = []
    monkeypatch.setattr("fovea.inspection.preview.draw",
                        lambda target, *rest: seen.append(rest) or
                        preview_picture.draw(target, *rest))  # fmt: skip
    lines = preview(cells, "a", "seen.png", count=2)
    ((crop, panels, frames, labels, titles),) = seen
    rows = next(i for i, line in enumerate(lines) if line.startswith("suggested")) - 1
    assert len(panels) == min(rows, 4) >= 2
    assert [panel.chosen for panel in panels] == [True] + [False] * (len(panels) - 1)
    assert all(panel.labels.shape == crop.shape for panel in panels)
    assert panels[0].labels.any()
    assert len(frames) == len(labels) == len(titles) == 2
    height = tifffile.imread("a.ome.tif").shape[1]
    assert labels[0].shape == (height, height)
    assert Path("seen.png").stat().st_size > 50_000
    assert not any("WARNING" in line for line in lines)
    assert preview(cells, "a", "again.png", count=2)[:-1] == lines[:-1]
    assert Path("again.png").read_bytes() == Path("seen.png").read_bytes()


def test_what_was_found_is_written_and_a_doubt_is_told_at_the_end(cells, monkeypatch, caplog):
    segmentation = cells["datasets"]["a"].get("params", cells["params"])["segmentation"]
    plan = Plan(cells)
    target = Path("results/a/segmentation.yaml")
    target.parent.mkdir(parents=True)
    assert doubtful(plan, [("a", "000")]) == ""
    find_cells("a.ome.tif", target, segmentation, 0)
    found = yaml.safe_load(target.read_text())
    tried = found["about"]["tried"]
    assert {k: tried[0][k] for k in ("mode", "contrast", "cell_diameter")} == {
        k: found[k] for k in ("mode", "contrast", "cell_diameter")
    }
    assert found["about"]["quality"] == tried[0]["quality"] == "good"
    assert set(tried[0]["measures"]) >= {"agreement", "edge", "solid"}
    assert resolved(segmentation, target)["contrast"] == found["contrast"]
    assert bool(doubtful(plan, [("a", "000")])) != found["about"]["sure"]

    worse = choosing.expected
    monkeypatch.setattr(choosing, "expected", lambda *known: 0.4 * worse(*known))
    find_cells("a.ome.tif", target, segmentation, 0)
    assert "this is not sure: none of Fovea's modes" in caplog.text
    end = doubtful(plan, [("a", "000"), ("a", "001")])
    assert end.startswith("Fovea: WARNING: the segmentation found for dataset a is not sure "
                          "(expected quality: poor): none of Fovea's modes")  # fmt: skip
    assert end.count("WARNING") == 1
    known = {**CELLS, "params": {"segmentation": {
        "method": "phase", "mode": "adherent", "cell_diameter": 20}}}  # fmt: skip
    assert doubtful(Plan(validated(known)), [("a", "000")]) == ""

"""A config that leaves everything out gives cells: what it means is found in the recording."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
import zarr

from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.simulation.field import simulate_fov
from support.harness import dry_run, snakemake

pytestmark = pytest.mark.xdist_group("workflow-defaults")
FRAMES = 6


def test_the_fewest_keys_find_the_cells(tmp_path):
    field = simulate_fov(0, FRAMES, 220, 220, 7, fov=0, crowded=False, channels=0)
    phase = np.stack([np.asarray(frame) for frame in field.phase])
    (tmp_path / "data").mkdir()
    tifffile.imwrite(tmp_path / "data/a.ome.tif", phase, ome=True, metadata={"axes": "TYX"})
    (tmp_path / "config").mkdir()
    fewest = {"datasets": {"a": {"input": "data/a.ome.tif", "channels": {"pc": 0}}}}
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(fewest), "utf-8")
    snakemake(tmp_path)

    results = tmp_path / "results/a"
    found = yaml.safe_load((results / "segmentation.yaml").read_text("utf-8"))
    assert found["mode"] in ("adherent", "dark", "network")
    assert {place["fov"] for place in found["about"]["frames"]} == {0}
    used = yaml.safe_load((results / "processing_config.yaml").read_text("utf-8"))["params"]
    for key in ("mode", "cell_diameter"):
        assert used["segmentation"][key] == found[key]
    margin = int(np.ceil(found["cell_diameter"] / 2))
    limits = {key: used["extraction"][key] for key in ("min_frames", "border_margin")}
    assert limits == {"min_frames": 2, "border_margin": margin}
    log = (tmp_path / "logs/a/fov_000/extract.log").read_text("utf-8")
    assert "with fewer than 2 frames, " in log
    assert f"within {margin} pixels of the edge" in log
    images = results / "fov_000/images.zarr"
    labels = zarr.open_group(images, mode="r")["seg_labeled_ch_0/0"][:]
    pairs = zip(np.asarray(field.labels).astype(np.uint32), labels, strict=True)
    scores = segmentation_scores([match_frame(*pair) for pair in pairs])
    assert scores["SEG"] > 0.7
    assert pd.read_csv(results / "fov_000/a_fov_000_traces.csv")["cell"].nunique() >= 2
    assert not dry_run(tmp_path).jobs

    # A given mode is kept, and found anew are only the steps after it.
    fewest["params"] = {"segmentation": {"mode": "dark"}}
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(fewest), "utf-8")
    steps = {step for step, _, _ in dry_run(tmp_path).steps}
    assert {"find_cells", "segment", "track", "extract"} <= steps
    assert not {"inspect_input", "copy_raw"} & steps

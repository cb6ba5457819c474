"""The library from Python gives the numbers of a run, digit for digit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
import zarr

import fovea
from fovea.config.validation import validated

pytestmark = pytest.mark.xdist_group("workflow-demo")

FOV = 2


@pytest.fixture(scope="module")
def config(demo):
    return validated(yaml.safe_load((demo / "config/config.yaml").read_text("utf-8")))


def test_steps_on_arrays_are_those_of_the_run(demo, config):
    params = config["params"]
    with fovea.open_recording(demo / "data/demo.ome.tiff") as recording:
        channels = zip(*recording.frames(FOV, [0, 1]), strict=True)
        phase, light = (np.stack(frames) for frames in channels)
    labels = fovea.segment(phase, **params["segmentation"])
    ids, lineage = fovea.track(labels, **params["tracking"])
    used = ("method", "dilation_radius", "tile_size", "tile_overlap", "rounding_error")
    below = fovea.estimate_background(light, labels, **{k: params["background"][k] for k in used})
    run = demo / f"results/demo/fov_{FOV:03d}"
    images = zarr.open_group(run / "images.zarr", mode="r")
    np.testing.assert_array_equal(images["seg_labeled_ch_0/0"][:], labels)
    np.testing.assert_array_equal(images["seg_tracked_ch_0/0"][:], ids)
    np.testing.assert_array_equal(images["fl_background_ch_1/0"][:], below)
    table = fovea.measure(
        ids,
        {"pc_ch_0": ["area", "aspect_ratio"], "fl_ch_1": ["intensity_total", "intensity_mean"]},
        {"fl_ch_1": light}, {"fl_ch_1": below}, weight=params["background"]["weight"],
        **{key: params["extraction"][key] for key in ("min_frames", "border_margin")},
    )  # fmt: skip
    written = pd.read_csv(run / f"demo_fov_{FOV:03d}_traces.csv")
    assert len(written) > 100
    pd.testing.assert_frame_equal(
        table, written[table.columns], check_exact=True, check_dtype=False
    )
    assert set(table["cell"]) <= set(lineage["cell"])


#: What is said of the correlation of residuals of a cell against those of all others.
COMPARED = (
    r"correlated (?:more than those of the sample )?(\([\d.]+\))"
    r"(?:; intervals take account of it|, so standard errors are too small)"
)


def test_fits_of_a_table_are_those_of_the_run(demo, config):
    analysis = demo / "results/analysis"
    name = "control_intensity_total_ch_1"
    written = pd.read_csv(analysis / f"{name}_fitted_maturation.csv")
    values = pd.read_csv(demo / f"results/merged/{name}.csv", comment="#")
    for fov, of_field in values.groupby("fov"):
        table = of_field.pivot(index="time", columns="cell", values="value")
        changes = config["analysis"][0]["parameters"]
        fits = fovea.fit(table, "maturation", time_unit="min", parameters=changes)
        expected = written[written["fov"] == fov].set_index("cell")
        assert len(expected) > 10
        at_bound = [name for name in fits if name.endswith(("_at_bound", "message"))]
        expected[at_bound] = expected[at_bound].astype("str").fillna("")
        # The noise is estimated from all cells that are fitted together: here those of one field.
        noise = (
            r"_(se|ci_low|ci_high|correlation)$|^(correlated_share|correlation_time|common_share)$"
        )
        fits = fits.drop(columns=fits.filter(regex=noise).columns)
        # So is what is usual among them, with which the correlation of each is compared.
        for table in (fits, expected):
            table["message"] = table["message"].str.replace(COMPARED, r"correlated \1", regex=True)
        pd.testing.assert_frame_equal(
            fits, expected[fits.columns], check_dtype=False, check_exact=True
        )

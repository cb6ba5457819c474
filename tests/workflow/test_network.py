"""Segmentation by a network, and with weights of one's own, through the workflow."""

from __future__ import annotations

import numpy as np
import zarr

from fovea.segmentation.phase.network import WEIGHTS
from fovea.segmentation.phase.segment_phase import segment_phase
from support.harness import dataset, dry_run, snakemake, write_config

SOURCE = "data/small.ome.tiff"
NETWORK = {"method": "phase", "mode": "general", "cell_diameter": 24,
           "tuning": {"least_depth": 0.1, "level": 0.3}}  # fmt: skip
OWN = "data/own.npz"


def labels(folder, name):
    group = zarr.open_group(folder / "results" / name / "fov_000" / "images.zarr", mode="r")
    return group["pc_ch_0/0"][:], group["seg_labeled_ch_0/0"][:]


def test_weights(workplace):
    with np.load(WEIGHTS["general"]) as stored:
        arrays = dict(stored)
    arrays["out.b"] = arrays["out.b"] + np.float16(0.5)
    np.savez_compressed(workplace / OWN, **arrays)
    given = {"theirs": NETWORK, "own": NETWORK | {"weights": OWN}}
    datasets = {
        name: dataset(SOURCE, [0], fl=(1,), params={"segmentation": params})
        for name, params in given.items()
    }
    write_config(workplace, datasets)
    snakemake(workplace)
    options = {key: value for key, value in NETWORK.items() if key != "method"}
    for name, weights in (("theirs", None), ("own", workplace / OWN)):
        frames, found = labels(workplace, name)
        expected = [segment_phase(frame, weights=weights, **options) for frame in frames]
        np.testing.assert_array_equal(found, expected)
    assert (labels(workplace, "own")[1] != labels(workplace, "theirs")[1]).any()

    assert not dry_run(workplace).jobs
    arrays["out.b"] = arrays["out.b"] + np.float16(0.5)
    np.savez_compressed(workplace / OWN, **arrays)
    steps = dry_run(workplace).steps
    assert {of for _, of, _ in steps} == {"own"}
    assert {"segment", "track", "extract"} <= {step for step, _, _ in steps}
    assert "copy_raw" not in {step for step, _, _ in steps}

    (workplace / OWN).unlink()
    run = snakemake(workplace, expected=1)
    assert ("datasets.own.params.segmentation.weights: there is no file 'data/own.npz' "
            "(working directory: ") in run.text  # fmt: skip

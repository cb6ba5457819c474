"""The steps on arrays: shapes, unusual input, and errors in one line.

That they give the numbers of a run is shown in tests/workflow/test_python.py.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import fovea
from support.harness import REPOSITORY

LABELS = np.zeros((3, 40, 50), np.uint16)
LABELS[:, 10:20, 10:20] = 1
LABELS[:2, 25:30, 30:42] = 2


def test_importing_fovea_is_fast():
    code = "import sys, fovea; print(fovea.__version__, *fovea.__all__, *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts")},
    )  # fmt: skip
    words = done.stdout.split()
    assert {"open_recording", "segment", "track", "measure", "fit"} <= set(words)
    assert not {"numpy", "numba", "pandas", "yaml"} & set(words)


def test_one_frame_is_segmented_like_many():
    frames = np.random.default_rng(0).integers(400, 500, (3, 64, 70)).astype(np.uint16)
    frames[:, 20:40, 20:40] += (
        np.random.default_rng(1).integers(0, 3000, (20, 20)).astype(np.uint16)
    )
    together = fovea.segment(frames, "logstd", morph_size=3, morph_iterations=1, threads=2)
    assert together.shape == frames.shape
    assert together.max() >= 1
    one = fovea.segment(frames[1], "logstd", morph_size=3, morph_iterations=1)
    np.testing.assert_array_equal(together[1], one)


def test_cells_are_tracked_and_measured():
    ids, lineage = fovea.track(LABELS)
    np.testing.assert_array_equal(ids, LABELS)
    assert lineage.to_numpy().tolist() == [[1, 0, 2, 0], [2, 0, 1, 0]]
    light = np.full(LABELS.shape, 7, np.uint16)
    table = fovea.measure(
        ids, {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_total", "intensity_mean"]},
        {"fl_ch_1": light}, {"fl_ch_1": np.full(LABELS.shape, 2, np.float32)}, weight=0.5,
    )  # fmt: skip
    assert table.columns.tolist() == [
        "cell", "frame", "position_x", "position_y", "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1",
        "area_ch_0", "intensity_total_ch_1", "intensity_mean_ch_1",
    ]  # fmt: skip
    expected = [
        *([1, t, 14.5, 14.5, 10, 10, 20, 20, 100, 600, 6] for t in range(3)),
        *([2, t, 35.5, 27, 30, 25, 42, 30, 60, 360, 6] for t in range(2)),
    ]
    np.testing.assert_array_equal(table.to_numpy(float), np.array(expected, float))
    assert fovea.measure(ids, {"pc_ch_0": ["area"]}, min_frames=3)["cell"].unique() == [1]
    assert fovea.measure(ids, {"pc_ch_0": ["area"]}, border_margin=11).empty
    none = fovea.measure(np.zeros_like(ids), {"pc_ch_0": ["area"]})
    assert (len(none), none.columns[-1]) == (0, "area_ch_0")


def test_an_id_without_pixels_is_no_cell():
    table = fovea.measure(np.where(LABELS == 2, np.uint16(5), np.uint16(0)), {"pc_ch_0": ["area"]})
    assert table["cell"].unique() == [5]


def test_background_of_frames_without_cells():
    frames = np.full((2, 120, 130), 300, np.uint16)
    assert (fovea.estimate_background(frames, tile_size=40) == 300).all()


def test_tables_and_arrays_are_fitted_alike():
    hours = np.linspace(0, 10, 40)
    curves = np.stack([80 * np.exp(-rate * hours) + 3 for rate in (0.2, 0.7)])
    curves[1, 5] = np.nan
    table = pd.DataFrame(curves.T, index=hours, columns=[11, 4])
    fits = fovea.fit(table, "exponential_decay")
    assert fits.index.tolist() == [11, 4]
    assert fits["n_points"].tolist() == [40, 39]
    np.testing.assert_allclose(fits["rate"], [0.2, 0.7], rtol=1e-6)
    minutes = fovea.fit(curves, "exponential_decay", hours * 60, time_unit="min")
    assert minutes.index.tolist() == [0, 1]
    np.testing.assert_allclose(minutes["rate"], fits["rate"], rtol=1e-9)


def test_errors_say_what_is_allowed():
    with pytest.raises(fovea.FoveaError, match="'logsdt' is no segmentation method; allowed: log"):
        fovea.segment(LABELS, "logsdt")
    with pytest.raises(fovea.FoveaError, match="'aera' is no phase feature; .* mean 'area'?"):
        fovea.measure(LABELS, {"pc_ch_0": ["aera"]})
    with pytest.raises(fovea.FoveaError, match="images: there are none of fl_ch_1"):
        fovea.measure(LABELS, {"fl_ch_1": ["intensity_mean"]})
    with pytest.raises(fovea.FoveaError, match="'rat' is no parameter of model exponential_decay"):
        fovea.fit(np.ones((1, 5)), "exponential_decay", np.arange(5), parameters={"rat": {}})
    with pytest.raises(ValueError, match="an array of traces needs `time`"):
        fovea.fit(np.ones((1, 5)), "line")

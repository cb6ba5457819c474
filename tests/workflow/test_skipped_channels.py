"""Runs of a recording whose channels were not recorded in every frame.

Fluorescence was recorded in every third frame, a stain at the end. Phase contrast was recorded in
all frames of field of view 0, and never in field of view 2; in field of view 1 two frames have the
stain in its place, and fluorescence was not recorded at all. Beside it the same recording with all
planes, from which nothing may differ where a plane exists.
"""

from __future__ import annotations

import csv

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
import zarr

from fovea.simulation.simulate import simulate
from support.harness import NO_PAGES, dataset, log_lines, snakemake, write_config
from support.skipped import write_skipped

pytestmark = pytest.mark.xdist_group("workflow-skipped")

FRAMES = 13
GFP, STAIN = [0, 3, 6, 9, 12], [12]
NO_PHASE = [2, 5]  # of field of view 1
FLUORESCENT = ["intensity_total_ch_1", "intensity_mean_ch_1", "intensity_total_ch_2"]


def recorded(fov: int, t: int, channel: int) -> bool:
    if channel == 0:
        return fov == 0 or (fov == 1 and t not in NO_PHASE)
    if channel == 1:
        return t in GFP and fov != 1
    return t in STAIN or (fov == 1 and t in NO_PHASE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skipped")
    (folder / "data").mkdir()
    simulate(folder / "data/all.ome.tiff", folder / "truth", cells=[5, 6, 4], fovs=3, frames=FRAMES,
             height=160, width=192, channels=2, interval=600.0)  # fmt: skip
    with tifffile.TiffFile(folder / "data/all.ome.tiff") as tif:
        data = np.stack([series.asarray() for series in tif.series])
    write_skipped(folder / "data/skipped.ome.tiff", data, recorded)
    features = {
        "pc": {"channel": 0, "features": ["area"]},
        "fl": [
            {"channel": 1, "features": ["intensity_total", "intensity_mean"]},
            {"channel": 2, "features": ["intensity_total"]},
        ],
    }
    fit = {"channel": 1, "feature": "intensity_total", "samples": ["skipped", "complete"]}
    params = {
        "segmentation": {"method": "phase", "cell_diameter": 36, "mode": "dark", "contrast": "dark",
                         "tuning": {"expand": 0.05}},
        "extraction": {"min_frames": 9, "border_margin": 3},
        "background": {"tile_size": 64, "save_corrected": True},
        "photobleaching": True,
    }  # fmt: skip
    write_config(
        folder,
        {
            "skipped": dataset("data/skipped.ome.tiff", "0-1", channels=features),
            "complete": dataset("data/all.ome.tiff", [0], channels=features),
            "without": dataset("data/skipped.ome.tiff", [2], channels=features),
        },
        params,
        samples=[
            {"name": "skipped", "dataset": "skipped", "fovs": "all"},
            {"name": "complete", "dataset": "complete", "fovs": "all"},
        ],
        analysis=[
            {"model": "line", **fit},
            {"model": "line", "name": "area", "normalise": "area", "shared": ["slope"], **fit},
            {"model": "exponential_decay", **fit},
            {"model": "auc", **fit},
            {"model": "line", **fit, "channel": 2},
        ],
        anndata=True,
    )
    run = snakemake(folder, "--keep-going", *NO_PAGES, expected=1)
    (folder / "terminal.txt").write_text(run.text, "utf-8")
    return folder


def traces(folder, name, fov=0):
    return pd.read_csv(folder / f"results/{name}/fov_{fov:03d}/{name}_fov_{fov:03d}_traces.csv")


def test_phase_features_are_those_of_all_frames(folder):
    found, complete = traces(folder, "skipped"), traces(folder, "complete")
    assert len(complete) > 2 * FRAMES
    others = [name for name in complete if name not in FLUORESCENT]
    pd.testing.assert_frame_equal(found[others], complete[others], check_exact=True)


def test_fluorescence_is_measured_where_it_was_recorded_and_empty_elsewhere(folder):
    found, complete = traces(folder, "skipped"), traces(folder, "complete")
    for column in FLUORESCENT:
        here = complete["frame"].isin(STAIN if column.endswith("2") else GFP)
        pd.testing.assert_series_equal(found[column], complete[column].where(here),
                                       check_exact=True)  # fmt: skip
        assert found[column].notna().any()
    for path in folder.glob("results/**/*.csv"):
        if "analysis" not in path.parts:
            assert "nan" not in path.read_text().lower().replace("channel", "")


def test_arrays_lack_what_was_not_recorded_and_say_so(folder):
    store = zarr.open_group(folder / "results/skipped/fov_000/images.zarr", mode="r")
    twin = zarr.open_group(folder / "results/complete/fov_000/images.zarr", mode="r")
    for group in ("fl_ch_1", "fl_background_ch_1", "fl_corrected_ch_1", "fl_ch_2"):
        here = GFP if group.endswith("1") else STAIN
        missing = sorted(set(range(FRAMES)) - set(here))
        for level in ("0", "1"):
            array = store[group][level]
            assert array.shape == twin[group][level].shape
            assert array.attrs["fovea"]["missing_frames"] == missing
            assert not array[:][missing].any()
        np.testing.assert_array_equal(store[group]["0"][:][here], twin[group]["0"][:][here])
    assert "missing_frames" not in store["pc_ch_0/0"].attrs["fovea"]
    np.testing.assert_array_equal(store["seg_tracked_ch_0/0"][:], twin["seg_tracked_ch_0/0"][:])


def test_display_limits_come_from_recorded_frames(folder):
    array = zarr.open_array(folder / "results/skipped/fov_000/images.zarr/fl_ch_1/0", mode="r")
    limits = np.percentile(array[:][GFP], [1, 99])
    assert array.attrs["fovea"]["display_limits"] == limits.tolist()


def test_gaps_of_phase_contrast_end_no_track(folder):
    found = traces(folder, "skipped", 1)
    assert not found["frame"].isin(NO_PHASE).any()
    spans = found.groupby("cell")["frame"].agg(["min", "max", "size"])
    assert ((spans["min"] == 0) & (spans["max"] == FRAMES - 1)).sum() >= 2
    assert spans["size"].max() == FRAMES - len(NO_PHASE)  # frames in which cells exist
    assert found["intensity_total_ch_1"].isna().all()
    # without phase contrast there is no mask, so the stain of these frames is not measured
    assert (found["intensity_total_ch_2"].notna() == found["frame"].isin(STAIN)).all()
    text = "2 of 3 fluorescence frames have no phase contrast"
    (line,) = log_lines(folder / "logs/skipped/fov_001/background.log", "WARNING")
    assert line.startswith(text)
    images = zarr.open_group(folder / "results/skipped/fov_001/images.zarr", mode="r")
    for name in ("pc_ch_0", "seg_labeled_ch_0", "seg_tracked_ch_0"):
        assert images[name]["0"].attrs["fovea"]["missing_frames"] == NO_PHASE


def test_a_field_without_phase_contrast_fails_alone_and_says_what_to_do(folder):
    with (folder / "results/status.csv").open(newline="") as file:
        rows = {(row["dataset"], row["fov"]): row for row in csv.DictReader(file)}
    assert {place: row["state"] for place, row in rows.items()} == {
        ("skipped", "000"): "done", ("skipped", "001"): "done", ("complete", "000"): "done",
        ("without", "002"): "failed",
    }  # fmt: skip
    error = rows["without", "002"]["error"]
    assert error.startswith("field of view 2: its phase-contrast channel (pc_ch_0) was recorded in")
    assert "`exclude_fovs: [2]`" in error
    assert error in (folder / "terminal.txt").read_text()


def test_merged_tables(folder):
    merged = pd.read_csv(folder / "results/merged/skipped_traces.csv", comment="#")
    assert len(merged) == len(traces(folder, "skipped")) + len(traces(folder, "skipped", 1))
    first = merged["fov"] == 0
    assert (merged["time_ch_1"].notna() == (first & merged["frame"].isin(GFP))).all()
    assert (merged["time_ch_2"].notna() == merged["frame"].isin(STAIN)).all()
    assert merged["time"].notna().all()
    shift = (merged["time_ch_1"] - merged["time"]).dropna()
    np.testing.assert_allclose(shift, 2 / 60, atol=2e-6)
    again = pd.read_parquet(folder / "results/merged/skipped_traces.parquet")
    pd.testing.assert_frame_equal(
        again, merged, check_dtype=False, check_exact=True, check_column_type=False
    )
    for column, frames in (("intensity_total_ch_1", GFP), ("intensity_total_ch_2", STAIN)):
        wide = pd.read_csv(folder / f"results/merged/skipped_{column}.csv", comment="#")
        expected = merged[merged[column].notna()]
        assert len(wide) == len(expected)
        assert sorted(wide["value"]) == sorted(expected[column])
        assert wide["time"].nunique() == len(frames)


def test_fits_use_the_frames_that_there_are(folder):
    found = pd.read_csv(folder / "results/analysis/skipped_intensity_total_ch_1_fitted_line.csv")
    first, second = (found[found["fov"] == fov] for fov in (0, 1))
    assert (first["n_points"] == len(GFP)).all()
    assert first["success"].all()
    assert first["autocorrelation"].notna().all()  # of values that follow one another
    assert (second["message"] == "no values").all()
    assert len(second) >= 2
    stain = pd.read_csv(folder / "results/analysis/skipped_intensity_total_ch_2_fitted_line.csv")
    assert set(stain["message"]) == {"1 value is too few for 2 parameters, 3 are needed"}
    # the line through the same values of the complete recording
    table = pd.read_csv(folder / "results/merged/complete_traces.csv", comment="#")
    for _, row in first.iterrows():
        cell = table[(table["cell"] == row["cell"]) & table["frame"].isin(GFP)]
        slope = np.polyfit(cell["time_ch_1"] / 60, cell["intensity_total_ch_1"], 1)[0]
        np.testing.assert_allclose(row["slope"], slope, rtol=1e-4)


def test_models_and_figures_are_there(folder):
    analysis = folder / "results/analysis"
    models = pd.read_csv(analysis / "skipped_intensity_total_ch_1_models.csv")
    fits = pd.read_csv(analysis / "skipped_intensity_total_ch_1_fitted_line.csv")
    assert models[["fov", "cell"]].equals(fits[["fov", "cell"]])
    assert models.loc[models["fov"] == 1, "best_model"].isna().all()
    for name in ("skipped_traces", "skipped_intensity_total_ch_1_fitted_line_examples",
                 "intensity_total_ch_2_fitted_line_parameters", "retention"):  # fmt: skip
        assert (analysis / f"plots/{name}.png").stat().st_size > 5000
    assert (folder / "results/report/skipped_fov_000.png").stat().st_size > 5000


def test_anndata_has_nan_where_nothing_was_recorded(folder):
    merged = pd.read_csv(folder / "results/merged/skipped_traces.csv", comment="#")
    with h5py.File(folder / "results/analysis/skipped.h5ad") as file:
        layers = {name: layer[:] for name, layer in file["layers"].items()}
        fov, cell = file["obs/fov"][:], file["obs/cell"][:]
    for column in ("area_ch_0", *FLUORESCENT):
        table = merged.pivot(index=["fov", "cell"], columns="frame", values=column)
        expected = table.reindex(list(zip(fov, cell, strict=True))).reindex(columns=range(FRAMES))
        np.testing.assert_array_equal(layers[column], expected)


def test_photobleaching_has_empty_rows(folder):
    path = folder / "results/skipped/fov_000/skipped_fov_000_photobleaching.csv"
    table = pd.read_csv(path)
    for channel, here in ((1, GFP), (2, STAIN)):
        rows = table[table["channel"] == channel]
        assert (rows["background"].notna() == rows["frame"].isin(here)).all()
        assert (rows["intensity_mean"].notna() == rows["frame"].isin(here)).all()


def test_metadata_and_logs_say_which_frames_there_are(folder):
    metadata = yaml.safe_load((folder / "results/skipped/metadata.yaml").read_text())
    assert [field["frames"] for field in metadata["fields"]] == [FRAMES, FRAMES, 5]
    lines = log_lines(folder / "logs/skipped/fov_000/copy_raw.log", "INFO")
    assert "fl_ch_1 (GFP) was recorded in 5 of 13 frames: 0, 3, 6, 9, 12" in lines
    assert "fl_ch_2 (Stain) was recorded in 1 of 13 frames: 12" in lines

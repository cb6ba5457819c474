"""Merged tables, traces, fits, figures and exports of channels that lack frames."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest

from fovea.exports.anndata import export_anndata
from fovea.figures.overview import read_traces
from fovea.figures.traces import middle_and_quartiles, plot_traces
from fovea.fits.compare import compare
from fovea.fits.fit import fit
from fovea.fits.fit_table import read_fits
from fovea.fits.share import share
from fovea.fits.traces import load_traces
from support.merged import merge_all, ramp, recording

FRAMES, HERE = 12, [0, 3, 6, 9]
COLUMN = "intensity_total_ch_1"
ENTRY = {"model": "line", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": []}  # fmt: skip


def sparse(trace, here=HERE):
    """A trace that has a row in every frame, but values only where the channel was recorded."""
    return {frame: value if frame in here else np.nan for frame, value in trace.items()}


def merged_of(folder, fields, texts, more="", **options):
    """Merge a dataset whose channel 1 was recorded in the frames that `texts` give."""
    paths = recording(folder, "a", fields, FRAMES)
    path = folder / "results/a/metadata.yaml"
    text = path.read_text()
    if len(set(texts)) == 1:
        text = text.replace("notes: []", f'notes: []\nchannel_frames: ["0-11", "{texts[0]}"]')
    else:
        for fov, here in enumerate(texts):
            of_field = f'channel_frames: ["0-11", "{here}"], stage'
            text = text.replace(f"- {{name: F{fov}", f"- {{name: G{fov}")
            lines = text.split("\n")
            lines = [line.replace("stage", of_field, 1) if f"name: G{fov}," in line else line
                     for line in lines]  # fmt: skip
            text = "\n".join(lines)
    path.write_text(text)
    return merge_all(folder, "s", paths, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Field of view 0 has every third frame of channel 1, field of view 1 has none."""
    wave = {t: 50.0 + 10 * t + (-1) ** t for t in range(FRAMES)}
    fields = {0: {1: sparse(wave), 2: sparse(ramp(range(2, 12)))},
              1: {1: sparse(ramp(range(FRAMES)), ())}}  # fmt: skip
    return merged_of(tmp_path_factory.mktemp("gaps"), fields, ["0, 3, 6, 9", ""])


def test_a_channel_has_times_where_it_was_recorded(made):
    table = pd.read_csv(made / "s_traces.csv", comment="#")
    assert len(table) == 12 + 10 + 12
    here = (table["fov"] == 0) & table["frame"].isin(HERE)
    assert (table["time_ch_1"].notna() == here).all()
    assert table["time"].notna().all()
    again = pd.read_parquet(made / "s_traces.parquet")
    pd.testing.assert_frame_equal(
        again, table, check_dtype=False, check_exact=True, check_column_type=False
    )
    assert "nan" not in (made / "s_traces.csv").read_text()


def test_pyamas_table_has_the_recorded_frames_only(made):
    table = pd.read_csv(made / f"s_{COLUMN}.csv", comment="#")
    assert table["value"].notna().all()
    assert table.groupby("cell").size().tolist() == [4, 3]
    assert len(pd.read_csv(made / "s_area_ch_0.csv", comment="#")) == 12 + 10 + 12


@pytest.mark.parametrize("time", [{"interval": 5.0}, {"mapping": {t: 2.0 * t for t in range(12)}}])
def test_times_of_the_config_are_those_of_recorded_frames_too(time, tmp_path):
    fields = {0: {1: sparse(ramp(range(FRAMES)))}}
    merged = merged_of(tmp_path, fields, ["0, 3, 6, 9"], times={"a": time})
    table = pd.read_csv(merged / f"s_{COLUMN}.csv", comment="#")
    step = time.get("interval", 2.0)
    assert table["time"].tolist() == [step * t for t in HERE]
    assert table["value"].tolist() == [50.0 + 10 * t for t in HERE]


def test_traces_have_the_recorded_frames_and_all_cells(made):
    data = load_traces(made / "s_traces.parquet", COLUMN)
    assert data.frame[0].tolist() == HERE
    assert (data.fov.tolist(), data.cell.tolist()) == ([0, 0, 1], [1, 2, 1])
    assert np.isfinite(data.value).tolist() == [[True] * 4, [False, True, True, True], [False] * 4]
    assert (data.frame[2] == -1).all()
    area = load_traces(made / "s_traces.parquet", "area_ch_0")
    assert (area.fov.tolist(), area.cell.tolist()) == (data.fov.tolist(), data.cell.tolist())
    assert area.frame.shape == (3, 12)
    divided = load_traces(made / "s_traces.parquet", COLUMN, {"a": "area_ch_0"})
    np.testing.assert_allclose(divided.value[1, 1:], [80 / 103.5, 110 / 106.5, 140 / 108], rtol=0.1)


def test_fits_are_of_the_recorded_values(made, tmp_path):
    path = made / "s_traces.parquet"
    fit(path, tmp_path / "line.csv", ENTRY, COLUMN)
    table = read_fits(tmp_path / "line.csv")
    assert table["n_points"].tolist() == [4, 3, 0]
    assert table["message"].tolist()[2] == "no values"
    assert table["success"].tolist() == [True, True, False]
    minutes = pd.read_csv(made / "s_traces.csv", comment="#").query("cell == 1 and fov == 0")
    minutes = minutes[minutes["frame"].isin(HERE)]
    expected = np.polyfit(minutes["time_ch_1"] / 60, minutes[COLUMN], 1)
    np.testing.assert_allclose(table["slope"][0], expected[0], rtol=1e-9)
    # residuals of recorded frames that follow one another, not of neighbouring frames
    assert np.isfinite(table["autocorrelation"][0])
    fit(path, tmp_path / "decay.csv", ENTRY | {"model": "exponential_decay"}, COLUMN)
    compare({"line": tmp_path / "line.csv", "decay": tmp_path / "decay.csv"}, tmp_path / "m.csv")
    assert pd.read_csv(tmp_path / "m.csv")[["fov", "cell"]].equals(table[["fov", "cell"]])
    share(path, tmp_path / "p.csv", tmp_path / "s.csv", ENTRY | {"shared": ["slope"]}, COLUMN)
    assert pd.read_csv(tmp_path / "p.csv")["cells"].tolist() == [2]


def test_a_feature_without_any_value_is_said_and_harms_nothing(tmp_path, caplog):
    fields = {0: {1: sparse(ramp(range(FRAMES)), ()), 2: sparse(ramp(range(FRAMES)), ())}}
    with caplog.at_level("WARNING", "fovea"):
        merged = merged_of(tmp_path, fields, [""])
    assert f"{COLUMN} has no value in any good row of this sample" in caplog.messages
    assert (merged / f"s_{COLUMN}.csv").read_text() == "# Time units: min\ntime,fov,cell,value\n"
    path = merged / "s_traces.parquet"
    for number, model in enumerate(("line", "maturation", "auc", "onset")):
        fit(path, tmp_path / f"{number}.csv", ENTRY | {"model": model}, COLUMN)
        table = read_fits(tmp_path / f"{number}.csv")
        assert set(table["message"]) == {"no values"}
        assert "nan" not in (tmp_path / f"{number}.csv").read_text()
    plot_traces(path, [tmp_path / "t.png"], ["area_ch_0", COLUMN])
    export_anndata(path, tmp_path / "s.h5ad", ["area_ch_0", COLUMN], {"f": tmp_path / "0.csv"})
    with h5py.File(tmp_path / "s.h5ad") as file:
        assert file["layers"][COLUMN].shape == (2, FRAMES)
        assert np.isnan(file["layers"][COLUMN][:]).all()


def test_exports_have_all_frames(made, tmp_path):
    for columns in (["area_ch_0", COLUMN], [COLUMN, "area_ch_0"]):
        export_anndata(made / "s_traces.parquet", tmp_path / "s.h5ad", columns, {})
        with h5py.File(tmp_path / "s.h5ad") as file:
            layers = {name: layer[:] for name, layer in file["layers"].items()}
        assert layers[COLUMN].shape == layers["area_ch_0"].shape == (3, FRAMES)
        assert np.isfinite(layers[COLUMN][0]).nonzero()[0].tolist() == HERE
        assert np.isfinite(layers["time_ch_1"][0]).nonzero()[0].tolist() == HERE
        assert np.isfinite(layers["area_ch_0"][0]).all()


def test_figures_show_recorded_frames(made, tmp_path):
    data = load_traces(made / "s_traces.parquet", COLUMN)
    times, quartiles = middle_and_quartiles(data)
    assert len(times) == 3  # two cells have values
    assert np.isfinite(quartiles).all()
    plot_traces(made / "s_traces.parquet", [tmp_path / "t.svg"], [COLUMN])
    assert (tmp_path / "t.svg").stat().st_size > 2000


def test_lines_of_the_overview_join_recorded_frames(tmp_path):
    """matplotlib would draw nothing between values that have empty ones beside them."""
    path = tmp_path / "t.csv"
    path.write_text("cell,frame,a,b\n1,0,5,1\n1,1,,1\n1,2,7,\n2,2,,1\n2,1,,2\n3,1,,2\n")
    found, sparse = read_traces(path, "a")
    assert found[1] == ([0, 2], [5, 7])
    np.testing.assert_array_equal(found[2], ([2], [np.nan]))
    assert found[3] == ([], [])
    assert sparse
    found, sparse = read_traces(path, "b")
    assert found[1][0] == [0, 1, 2]
    assert not sparse


def test_measures_in_micrometers_are_behind_all_columns(tmp_path):
    """Empty for a dataset whose recording does not state the size of a pixel."""
    paths = recording(tmp_path, "a", {0: {1: ramp(range(3))}}, 3)
    paths += recording(tmp_path, "b", {0: {1: ramp(range(3))}}, 3)
    table = pd.read_csv(paths[1])
    added = {"position_x_um": table["position_x"] / 2, "position_y_um": table["position_y"] / 2,
             "area_um2_ch_0": table["area_ch_0"] / 4}  # fmt: skip
    table.assign(**added).to_csv(paths[1], index=False)
    merged = merge_all(tmp_path, "s", paths)
    found = pd.read_csv(merged / "s_traces.csv", comment="#")
    assert list(found)[-3:] == list(added)
    assert list(found)[-4] == "intensity_mean_ch_1"
    for name, values in added.items():
        assert found.loc[found["dataset"] == "a", name].isna().all()
        np.testing.assert_array_equal(found.loc[found["dataset"] == "b", name], values)
    text = (merged / "s_traces.csv").read_text()
    assert "position_x_um µm, position_y_um µm, area_um2_ch_0 µm²" in text
    again = pd.read_parquet(merged / "s_traces.parquet")
    assert list(again) == list(found)
    alone = merge_all(tmp_path, "t", paths[:1])
    assert "_um" not in (alone / "t_traces.csv").read_text()

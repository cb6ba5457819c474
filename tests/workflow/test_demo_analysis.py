"""The demo from images to kinetic parameters, against the truth of the simulation."""

from __future__ import annotations

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fovea.samples.tables import read_parquet
from support.harness import snakemake
from support.pyama_reader import read_fitted, read_merged, samples_in

pytestmark = pytest.mark.xdist_group("workflow-demo")

SAMPLES = {"control": (0, 1), "treated": (2, 3)}
FIT = "intensity_total_ch_1_fitted_maturation"
FEATURES = ["area_ch_0", "aspect_ratio_ch_0", "intensity_mean_ch_1", "intensity_total_ch_1"]
PLOTS = [
    "control_traces", "treated_traces", "retention", f"control_{FIT}_examples",
    f"treated_{FIT}_examples", f"{FIT}_parameters", f"{FIT}_quality",
]  # fmt: skip


@pytest.fixture(scope="module")
def merged(demo):
    return demo / "results" / "merged"


@pytest.fixture(scope="module")
def analysis(demo):
    return demo / "results" / "analysis"


@pytest.fixture(scope="module")
def truth(demo):
    """Simulated parameters of every cell."""
    return pd.read_csv(demo / "data" / "demo_truth" / "parameters.csv")


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("rate", ["ktl", "delta"])
def test_median_rates_are_those_of_the_simulation(analysis, truth, sample, rate):
    fits = read_fitted(analysis / f"{sample}_{FIT}.csv")
    assert len(fits) > 30
    assert fits["success"].mean() > 0.85
    found = fits.loc[fits["success"], rate].median()
    true = truth.loc[truth["sample"] == sample, f"{rate}_ch_1"].median()
    assert found == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize("sample", SAMPLES)
def test_rates_of_single_cells_are_those_of_the_simulation(demo, analysis, merged, truth, sample):
    """Cells are told by where they are when they are first seen."""
    fits = read_fitted(analysis / f"{sample}_{FIT}.csv")
    traces = pd.read_csv(merged / f"{sample}_traces.csv", comment="#")
    cells = pd.read_csv(demo / "data" / "demo_truth" / "cells.csv")
    known = truth.set_index(["fov", "cell"])
    ratios = []
    for (fov, cell), row in fits[fits["success"]].iterrows():
        seen = traces[(traces["fov"] == fov) & (traces["cell"] == cell)].iloc[0]
        there = cells[(cells["fov"] == fov) & (cells["frame"] == seen["frame"])]
        away = np.hypot(there["centroid_x"] - seen["position_x"],
                        there["centroid_y"] - seen["position_y"])  # fmt: skip
        assert away.min() < 5
        true = known.loc[fov, there.loc[away.idxmin(), "cell"]]
        ratios.append([row[rate] / true[f"{rate}_ch_1"] for rate in ("ktl", "delta")])
    assert len(ratios) > 25
    np.testing.assert_allclose(np.median(ratios, axis=0), 1, atol=0.02)
    np.testing.assert_allclose(np.quantile(ratios, (0.25, 0.75), axis=0), 1, atol=0.05)


def test_the_table_of_parameters_says_the_same(analysis, truth):
    table = pd.read_csv(analysis / f"{FIT}_parameters.csv").set_index(["sample", "parameter"])
    for sample in SAMPLES:
        fits = read_fitted(analysis / f"{sample}_{FIT}.csv")
        for name in ("t0", "ktl", "delta", "offset"):
            row = table.loc[sample, name]
            assert row["median"] == pytest.approx(fits.loc[fits["success"], name].median())
            assert (row["cells"], row["succeeded"]) == (len(fits), fits["success"].sum())
    assert table["unit"].tolist() == ["h", "counts/h", "1/h", "counts"] * 2
    treated, control = (table.loc[(s, "delta"), "median"] for s in ("treated", "control"))
    assert treated > 2 * control  # 0.16 and 0.07 per hour were simulated


def test_failed_fits_are_those_of_disturbed_traces(analysis):
    """Cells that are one object with a neighbour for a while; each says what is wrong."""
    for sample in SAMPLES:
        fits = read_fitted(analysis / f"{sample}_{FIT}.csv")
        assert (fits.loc[fits["success"], "r_squared"] > 0.99).all()
        assert fits.loc[~fits["success"], "message"].notna().all()


@pytest.mark.parametrize("sample", SAMPLES)
def test_merged_tables(merged, sample):
    full = pd.read_csv(merged / f"{sample}_traces.csv", comment="#")
    assert sorted(set(full["fov"])) == list(SAMPLES[sample])
    assert set(full["time_source"]) == {"stamp"}
    assert full.groupby(["fov", "cell"])["time"].apply(lambda t: t.is_monotonic_increasing).all()
    # true times: fields of view are recorded one after the other, channels too
    first = full[full["frame"] == 0].groupby("fov")["time"].first()
    assert first.is_monotonic_increasing
    assert (full["time_ch_1"] > full["time"]).all()
    parquet = read_parquet(merged / f"{sample}_traces.parquet")
    pd.testing.assert_frame_equal(parquet, full, check_dtype=False, rtol=1e-12)
    for column in FEATURES:
        values = read_merged(merged / f"{sample}_{column}.csv")
        assert len(values) == full["good"].sum()
        np.testing.assert_allclose(np.sort(values["value"]), np.sort(full[column]), rtol=1e-5)
        assert 11 < values["time"].max() < 12.5  # hours, as PyAMA takes them
        assert len(read_parquet(merged / f"{sample}_{column}.parquet")) == len(values)


def test_pyama_finds_the_samples_and_no_other_file(merged):
    assert samples_in(merged) == sorted(f"{s}_{column}.csv" for s in SAMPLES for column in FEATURES)


@pytest.mark.parametrize("name", PLOTS)
def test_plots(analysis, name):
    assert (analysis / "plots" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(analysis / "plots" / f"{name}.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) > 400
    assert 0.01 < (pixels < 200).mean() < 0.5


def test_every_plot_is_listed(analysis):
    found = {path.name for path in (analysis / "plots").iterdir()}
    assert found == {f"{name}.{suffix}" for name in PLOTS for suffix in ("pdf", "png")}


@pytest.fixture(scope="module")
def report(demo, tmp_path_factory):
    """Snakemake's report: its page, and the names and sizes of its files; made without network."""
    path = tmp_path_factory.mktemp("report") / "report.zip"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    snakemake(demo, "--report", path, variables=proxies)
    with zipfile.ZipFile(path) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
        return archive.read("report/report.html").decode("utf-8"), sizes


def variable(page: str, name: str) -> dict:
    """One of the page's JavaScript objects."""
    return json.loads(re.search(rf"var {name} = (\{{.*?\}});\n", page)[1])


PAGES = "results/report/to_send/index.html"
TABLE = f"results/analysis/{FIT}_parameters.csv"
OVERVIEW = "results/report/demo_fov_000.png"
RECORD = "results/demo/processing_config.yaml"


def test_report_holds_all_plots(report, analysis):
    page, sizes = report
    results = variable(page, "results")
    plots = {f"results/analysis/plots/{name}.png" for name in PLOTS}
    assert set(results) == plots | {PAGES, TABLE, OVERVIEW, RECORD}
    for path, entry in ((path, results[path]) for path in sorted(set(results) - {PAGES})):
        file = analysis.parents[1] / path
        assert sizes[f"report/{entry['data_uri']}"] == file.stat().st_size


def test_report_tells_what_was_done(report):
    page = json.loads(re.search(r'var workflow_desc = (".*");\n', report[0])[1])
    told = " ".join(re.sub(r"<[^>]+>", "", page).split())
    for words in ("Dataset demo, data/demo.ome.tiff: cells were found in channel 0 by method phase "
                  "and followed by iou. Of channel 1 the background was estimated by local_surface "
                  "and taken off 1 times.",
                  "Sample control: demo, fields of view 0, 1.",
                  "Fit of maturation to"):  # fmt: skip
        assert words in told


def test_report_loads_nothing_from_elsewhere(report):
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?https?:", report[0]) == []


def test_report_has_categories_and_labels(report):
    plots = "results/analysis/plots/"
    categories = variable(report[0], "categories")
    categories["Fits"][FIT].sort()
    assert categories == {
        "Samples": {
            "all samples": [f"{plots}retention.png"],
            **{sample: [f"{plots}{sample}_traces.png"] for sample in SAMPLES},
        },
        "Fits": {FIT: [TABLE, *sorted(f"{plots}{name}.png" for name in PLOTS if FIT in name)]},
        "Images": {"demo": [OVERVIEW]},
        "Run": {"Other": [RECORD]},
        "Pages": {"Other": [PAGES]},
    }
    for path, entry in variable(report[0], "results").items():
        if path in (PAGES, OVERVIEW, RECORD):
            continue
        sample = next((name for name in SAMPLES if name in path), "all")
        assert entry["labels"]["sample"] == sample


def test_captions_quote_the_parameters_in_force(report):
    captions = {path.rpartition("/")[2][:-4]: entry["caption"]
                for path, entry in variable(report[0], "results").items()
                if path.endswith(".png")}  # fmt: skip
    for name in PLOTS:
        if FIT in name:
            for text in ("t0: fitted, -1 to 1 h", "ktl: fitted, 1 to 5e+08 counts/h",
                         "km: 1.28 1/h, fixed", "beta: 0.00522 1/h, fixed", "Weighting: none",
                         "starting points: 5", "maturation"):  # fmt: skip
                assert text in captions[name], name
    assert "fewer than 30 frames" in captions["retention"]
    assert re.search(r"within\s+50 pixels of the edge", captions["retention"])
    assert "intensity_total_ch_1" in captions["control_traces"]

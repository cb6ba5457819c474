"""Traces that PyAMA wrote, analysed without images in one run."""

from __future__ import annotations

import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml

from support.harness import NO_PAGES, dry_run, snakemake, write_config
from support.pyama_files import CELLS, g1, g3, truth, value
from support.pyama_reader import read_fitted, read_merged

pytestmark = pytest.mark.xdist_group("workflow-traces")

FIT = "intensity_total_ch_1_fitted_line"


def entry(traces: str, **more) -> dict:
    channels = {"pc": {"channel": 0, "features": ["area"]},
                "fl": [{"channel": 1, "features": ["intensity_total"]}]}  # fmt: skip
    return {"traces": traces, "channels": channels, **more}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on two generations, and on a merged file that does not say its unit of time."""
    folder = tmp_path_factory.mktemp("traces")
    paths = g1(folder / "first")
    edited = pd.read_csv(paths[0])
    edited.loc[edited["cell"] == 3, "good"] = False
    edited.to_csv(paths[0].with_name(f"{paths[0].stem}_inspected.csv"), index=False)
    g3(folder / "second")
    (folder / "no_unit").mkdir()
    text = "time,fov,cell,value\n" + "".join(f"{10 * t},0,1,{t}\n" for t in range(9))
    (folder / "no_unit/old_intensity_total_ch_1.csv").write_text(text, "utf-8")
    book = openpyxl.Workbook()
    book.active.title = "GFP"
    for t in range(9):
        book.active.append([10 * t, t, 2 * t] if t else ["time (min)", "a", "b"])
    book.save(folder / "cells.xlsx")
    datasets = {
        "first": entry("first/fov_*/*_traces.csv"),
        "second": entry("second/traces/*.csv", time={"interval": 10, "unit": "min"}),
        "third": {"traces": "no_unit/*.csv",
                  "channels": {"fl": [{"channel": 1, "features": ["intensity_total"]}]}},
    }  # fmt: skip
    gfp = {"channel": 1, "name": "GFP", "features": ["intensity_total"]}
    datasets["fourth"] = {"traces": "cells.xlsx", "channels": {"fl": [gfp]}}
    samples = [{"name": "workbook", "dataset": "fourth"}, {"name": "both", "dataset": "first"},
               {"name": "both", "dataset": "second"},
               {"name": "unknown", "dataset": "third"}]  # fmt: skip
    fits = [{"model": "line", "channel": 1, "feature": "intensity_total"}]
    write_config(folder, datasets, samples=samples, analysis=fits)
    return snakemake(folder, *NO_PAGES, expected=1), folder


def test_both_generations_give_the_same_numbers(run):
    merged = pd.read_csv(run[1] / "results/merged/both_traces.csv", comment="#")
    assert list(dict.fromkeys(merged["dataset"])) == ["first", "second"]
    for name, source in (("first", "file"), ("second", "interval")):
        part = merged[merged["dataset"] == name]
        assert list(zip(part.fov, part.cell, part.frame, strict=True)) == [r[:3] for r in truth()]
        np.testing.assert_allclose(part["intensity_total_ch_1"], [r[4] for r in truth()])
        np.testing.assert_allclose(part["time"], 10.0 * part["frame"])
        assert set(part["time_source"]) == {source}


def test_fits_of_imported_traces(run):
    """All cells gain 1 in 10 minutes; of one, two rows are good, or none."""
    fits = pd.read_csv(run[1] / f"results/analysis/both_{FIT}.csv")
    assert list(fits.columns[:3]) == ["dataset", "fov", "cell"]
    every = [(fov, cell) for fov, cells in CELLS.items() for cell in cells]
    first, second = (fits[fits["dataset"] == name] for name in ("first", "second"))
    assert list(zip(first["fov"], first["cell"], strict=True)) == [c for c in every if c != (0, 3)]
    assert list(zip(second["fov"], second["cell"], strict=True)) == every
    few = fits[~fits["success"]]
    assert few[["dataset", "fov", "cell"]].to_numpy().tolist() == [["second", 0, 3]]
    assert few["message"].tolist() == ["2 values are too few for 2 parameters, 3 are needed"]
    good = fits[fits["success"]]
    np.testing.assert_allclose(good["slope"], 6.0, rtol=1e-9)
    starts = [value(fov, cell, 0) for fov, cell in zip(good["fov"], good["cell"], strict=True)]
    np.testing.assert_allclose(good["offset"], starts, rtol=1e-9)


def test_fits_of_a_workbook(run):
    """One cell gains 1 in 10 minutes, the other 2."""
    fits = read_fitted(run[1] / f"results/analysis/workbook_{FIT}.csv")
    assert fits.index.tolist() == [(0, 1), (0, 2)]
    assert fits["slope"].tolist() == pytest.approx([6.0, 12.0])


def test_pyama_reads_the_tables(run):
    """But for the column `dataset`, which tells cells of several datasets apart."""
    merged = read_merged(run[1] / "results/merged/both_intensity_total_ch_1.csv")
    assert merged.loc[(2, 1), "time"].tolist() == pytest.approx(
        sorted(2 * [0, 1 / 6, 1 / 3]), abs=1e-6
    )
    assert (run[1] / "results/analysis/plots/both_traces.png").stat().st_size > 5000


def test_data_without_a_unit_of_time_are_refused(run):
    line = ("dataset third, step import_traces: no_unit/old_intensity_total_ch_1.csv: does not "
            "state the unit of its times; set `time.file_unit`")  # fmt: skip
    assert line in run[0].text
    assert not (run[1] / "results/merged/unknown_traces.csv").exists()
    assert "Traceback" not in run[0].text


def test_the_unit_in_the_config_mends_it(run):
    path = run[1] / "config/config.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    config["datasets"]["third"]["time"] = {"file_unit": "min"}
    config["samples"] = config["samples"][-1:]
    path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    snakemake(run[1], *NO_PAGES)
    fits = read_fitted(run[1] / f"results/analysis/unknown_{FIT}.csv")
    assert fits["slope"].tolist() == pytest.approx([6.0])
    assert fits["success"].tolist() == [True]
    assert dry_run(run[1], *NO_PAGES).jobs == []

"""Fits as files: from merged traces to tables of fits and of parameters, units and captions."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from fovea.config.samples import parameter_words
from fovea.fits.fit import fit
from fovea.fits.fit_table import read_fits
from fovea.fits.parameter_table import COLUMNS, summary
from fovea.fits.settings import parameter_units, settings_of
from fovea.fits.share import share
from support.merged import merge_all, recording
from support.simulated_traces import CASES, evaluate, model_of


def table(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sample(tmp_path):
    """A merged sample with traces of the maturation model, every 10 minutes."""
    rng = np.random.default_rng(0)
    truth = CASES["maturation"].parameters_of(rng, 6)
    values = evaluate(model_of("maturation"), np.arange(60) / 6, truth)
    values += 500 * rng.standard_normal(values.shape)
    fields = {0: {c + 1: dict(enumerate(values[c])) for c in range(3)},
              1: {c - 2: dict(enumerate(values[c])) for c in range(3, 6)}}  # fmt: skip
    paths = recording(tmp_path, "a", fields, 60)
    return merge_all(tmp_path, "s", paths), truth


ENTRY = {"model": "maturation", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": ["km"]}  # fmt: skip


def test_from_merged_table_to_fits(sample, tmp_path):
    merged, truth = sample
    fit(merged / "s_traces.parquet", tmp_path / "f.csv", ENTRY, "intensity_total_ch_1")
    found = read_fits(tmp_path / "f.csv")
    np.testing.assert_allclose(found["ktl"], truth[:, 1], rtol=0.05)
    np.testing.assert_allclose(found["t0"], truth[:, 0], atol=0.1)
    assert found["time_start"][0] == pytest.approx(1.25 / 3600, abs=1e-6)
    fit(merged / "s_traces.parquet", tmp_path / "area.csv", ENTRY | {"model": "line"},
        "area_ch_0")  # fmt: skip
    per_hour = read_fits(tmp_path / "area.csv")["slope"]
    np.testing.assert_allclose(per_hour, 6.0, rtol=0.01)
    fit(merged / "s_traces.parquet", tmp_path / "n.csv", ENTRY, "intensity_total_ch_1",
        {"a": "area_ch_0"})  # fmt: skip
    assert np.median(read_fits(tmp_path / "n.csv")["ktl"] / found["ktl"]) < 0.02


def test_rates_are_the_same_whatever_the_unit_of_the_tables(tmp_path):
    """Times in s, min or h: the same estimates, errors and areas under the curve, per hour."""
    truth = CASES["maturation"].parameters_of(np.random.default_rng(0), 3)
    values = evaluate(model_of("maturation"), np.arange(60) / 6, truth)
    paths = recording(tmp_path, "a", {0: {c + 1: dict(enumerate(values[c])) for c in range(3)}}, 60)
    found, areas = [], []
    for unit in ("s", "min", "h"):
        merged = merge_all(tmp_path, "s", paths, {"a": {"unit": unit}})
        fit(merged / "s_traces.parquet", tmp_path / "f.csv", ENTRY, "intensity_total_ch_1")
        fit(merged / "s_traces.parquet", tmp_path / "a.csv", ENTRY | {"model": "auc"},
            "intensity_total_ch_1")  # fmt: skip
        found.append(read_fits(tmp_path / "f.csv"))
        areas.append(read_fits(tmp_path / "a.csv")["auc"])
    for name in ("t0", "ktl", "delta", "offset", "ktl_se", "delta_se"):
        for other in found[1:]:
            np.testing.assert_allclose(other[name], found[0][name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(found[0]["delta"], truth[:, 3], rtol=0.02)
    np.testing.assert_allclose(areas, [areas[0]] * 3, rtol=1e-6)
    hours = np.trapezoid(values, np.arange(60) / 6, axis=1)
    np.testing.assert_allclose(areas[0], hours, rtol=1e-2)


def test_shared_parameters_as_files(sample, tmp_path):
    merged, _ = sample
    share(merged / "s_traces.parquet", tmp_path / "t.csv", tmp_path / "f.csv", ENTRY,
          "intensity_total_ch_1")  # fmt: skip
    row = table(tmp_path / "t.csv")[0]
    assert (row["parameter"], row["unit"], row["cells"], row["configured"]) == (
        "km", "1/h", "6", "1.28"
    )  # fmt: skip
    assert abs(float(row["estimate"]) - 1.28) < 4 * float(row["se"])
    found = read_fits(tmp_path / "f.csv")
    assert set(found["km"]) == {float(row["estimate"])}


def test_the_same_bytes_for_any_number_of_threads(sample, tmp_path):
    merged, _ = sample
    texts = []
    for threads in (1, 2, 3):
        fit(merged / "s_traces.parquet", tmp_path / "f.csv", ENTRY | {"weighting": "noise"},
            "intensity_total_ch_1", threads=threads)  # fmt: skip
        share(merged / "s_traces.parquet", tmp_path / "t.csv", tmp_path / "g.csv", ENTRY,
              "intensity_total_ch_1", threads=threads)  # fmt: skip
        texts.append([(tmp_path / name).read_bytes() for name in ("f.csv", "t.csv", "g.csv")])
    assert texts[0] == texts[1] == texts[2]


def test_words_for_captions():
    entry = {"model": "maturation", "channel": 1, "feature": "intensity_total", "window": None,
             "normalise": "area", "parameters": {
                 "t0": {"fit": None, "value": 0.5, "low": 0.0, "high": 4.0},
                 "km": {"fit": True, "value": None, "low": None, "high": None},
                 "delta": {"fit": False, "value": 0.1, "low": None, "high": None}}}  # fmt: skip
    assert parameter_words(entry) == [
        "t0: fitted, 0 to 4 h, from 0.5 on", "ktl: fitted, 1 to 5e+08 counts/pixel/h",
        "km: fitted, 1e-05 to 30 1/h", "delta: 0.1 1/h, fixed", "beta: 0.00522 1/h, fixed",
        "offset: fitted, -1e+06 to 1e+06 counts/pixel", "scale: 1, fixed",
    ]  # fmt: skip
    onset = entry | {"model": "onset", "parameters": {}, "normalise": "none"}
    assert parameter_words(onset)[0] == "onset: fitted, within the times of the trace"
    assert parameter_words(onset)[-1] == "window: 4 h"
    assert parameter_words(onset | {"window": 2.5})[-1] == "window: 2.5 h"
    assert parameter_words(entry | {"model": "auc", "parameters": {}}) == []


def test_units_of_parameters():
    settings = settings_of({"model": "maturation"})
    assert parameter_units(settings, "counts") == {
        "t0": "h", "ktl": "counts/h", "km": "1/h", "delta": "1/h", "beta": "1/h",
        "offset": "counts", "scale": "1",
    }  # fmt: skip
    assert parameter_units(settings_of({"model": "auc"}), "1")["auc"] == "h"


def test_summary_of_a_parameter():
    found = pd.DataFrame({
        "success": [True, True, False, True], "a": [1.0, 3.0, 9.0, 2.0],
        "a_se": [0.1, np.nan, 1.0, 0.3], "a_at_bound": ["", "", "upper", ""],
    })  # fmt: skip
    assert list(summary(found, "a").values()) == [4, 3, 2, 1.5, 2.5, 2, 1, 0.2, 0, 1]
    found["success"] = False
    known = {name: value for name, value in summary(found, "a").items() if value == value}
    assert known == {"cells": 4, "succeeded": 0, "at_lower_bound": 0, "at_upper_bound": 1}
    assert [*summary(found, "a"), "note"] == COLUMNS[3:]

"""Quotients of features: their values, errors and columns, and what is missing and why."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.config.names import error_column, feature_unit, quotient_column
from fovea.fits.models.measures import local_noise
from fovea.fits.traces import load_traces
from fovea.samples.derived import add_derived, local_noises, quotient
from fovea.samples.tables import comment_lines, read_parquet
from support.merged import merge_all, ramp, recording

LOG = logging.getLogger("fovea")
PER_AREA = quotient_column("intensity_total_ch_1", "area_ch_0")


def test_names_and_units():
    assert PER_AREA == "intensity_total_per_area_ch_0_ch_1"
    assert error_column(PER_AREA) == "intensity_total_per_area_ch_0_se_ch_1"
    units = {"intensity_total_per_area_ch_0": "counts/pixel", "area_per_area_ch_2": "1",
             "intensity_total_per_intensity_mean_ch_1": "1",
             "aspect_ratio_per_area_ch_0": "1/pixel", "area_per_solidity_ch_0": "pixels",
             "mine_per_day": "1"}  # fmt: skip
    assert {name: feature_unit(name) for name in units} == units


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_noise_of_every_cell(seed, cells):
    """That of one cell after the other, without the values that are missing."""
    rng = np.random.default_rng(seed)
    cell = np.sort(rng.integers(0, cells, rng.integers(0, 40)))
    cell = np.unique(cell, return_inverse=True)[1]
    place = np.cumsum(rng.uniform(0.1, 5, len(cell)))
    value = np.where(rng.random(len(cell)) < 0.2, np.nan, rng.normal(0, 10, len(cell)))
    found = local_noises(value, place, cell)
    for one in range(cell.max(initial=-1) + 1):
        there = (cell == one) & np.isfinite(value)
        expected = local_noise(place[there], value[there])
        np.testing.assert_allclose(found[cell == one], expected, rtol=1e-9)


def test_errors_are_the_spread_of_quotients():
    rng = np.random.default_rng(0)
    above, below = 500 + rng.normal(0, 20, 20_000), 80 + rng.normal(0, 2, 20_000)
    value, error = quotient(above, below, np.full(20_000, 20.0), np.full(20_000, 2.0))
    assert error.mean() == pytest.approx(value.std(), rel=0.02)
    assert np.mean(np.abs(value - 6.25) < 1.96 * error) == pytest.approx(0.95, abs=0.01)


def test_nothing_is_divided_by_what_is_not_above_0():
    nan = np.nan
    value, error = quotient(
        np.array([1.0, 1, 1, nan, 1, -2, 0, 1]), np.array([2.0, 0, -3, 2, nan, 4, 5, np.inf]),
        np.ones(8), np.array([1, 1, 1, 1, 1, nan, 1, 1]),
    )  # fmt: skip
    np.testing.assert_array_equal(value, [0.5, nan, nan, nan, nan, -0.5, 0, nan])
    np.testing.assert_array_equal(np.isnan(error), np.isnan(value) | (np.arange(8) == 5))


def test_what_is_missing_or_doubtful_is_counted(caplog):
    table = pd.DataFrame({
        "dataset": "a", "fov": 0, "cell": [1] * 5 + [2], "time": [0.0, 1, 2, 3, 4, 0],
        "x_ch_1": [1.0, 2, 3, 4, 5, 6], "y_ch_2": [10.0, 0.1, -9, 8, 11, 3],
    })  # fmt: skip
    name = quotient_column("x_ch_1", "y_ch_2")
    found, comments = add_derived(table, {name: ("x_ch_1", "y_ch_2")}, LOG)
    assert np.isnan(found[name]).tolist() == [False, False, True, False, False, False]
    assert np.isnan(found[error_column(name)][5])  # one value has no noise
    assert "1 missing because y_ch_2 is not above 0" in comments[0]
    assert "doubtful because y_ch_2 is within its noise of 0" in caplog.text
    empty, comments = add_derived(table[:0], {name: ("x_ch_1", "y_ch_2")}, LOG)
    assert list(empty)[-2:] == [name, error_column(name)]
    assert comments == [f"Derived: {name}: 0 values of x_ch_1 / y_ch_2"]


def test_merged_tables_and_traces(tmp_path):
    paths = recording(tmp_path, "a", {0: {1: ramp(range(6)), 2: ramp((2, 3, 5), 5.0)}}, 6)
    derived = {PER_AREA: ("intensity_total_ch_1", "area_ch_0")}
    merged = merge_all(tmp_path, "s", paths, derived=derived)
    table = read_parquet(merged / "s_traces.parquet")
    expected = table["intensity_total_ch_1"] / table["area_ch_0"]
    np.testing.assert_array_equal(table[PER_AREA], expected)
    assert error_column(PER_AREA) in table
    assert any("counts/pixel" in line for line in comment_lines(merged / "s_traces.csv"))
    traces = load_traces(merged / "s_traces.parquet", PER_AREA)
    np.testing.assert_array_equal(traces.value[np.isfinite(traces.value)], expected)
    own = read_parquet(merged / f"s_{PER_AREA}.parquet")
    np.testing.assert_array_equal(own["value"], expected)
    assert (merged / f"s_{PER_AREA}.csv").exists()

"""Pages of a sample without any cell."""

from __future__ import annotations

import logging

import pytest

from fovea.fits.fit import fit
from fovea.pages.report.fit_page import fit_page
from fovea.pages.report.parameters_page import parameters_page
from fovea.pages.report.sample_page import sample_page
from support.merged import merge_all, recording
from support.page_data import COLUMN, ENTRY


@pytest.fixture(autouse=True)
def no_warnings(caplog):
    """What Bokeh has to say of figures would reach the terminal of a run."""
    yield
    records = caplog.get_records("call")
    assert [r.getMessage() for r in records if r.levelno >= logging.WARNING] == []


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    merged = merge_all(folder, "s", recording(folder, "a", {0: {}}, 20))
    fit(merged / "s_traces.parquet", merged / "s.csv", ENTRY, COLUMN)
    return merged


def test_of_the_sample(merged, tmp_path):
    page = tmp_path / "page.html"
    features = ["area_ch_0", "intensity_total_ch_1"]
    sample_page(merged / "s_traces.parquet", merged / "s_traces_cells.parquet", page, features)
    assert "0 cells in the sample, of 1 that were tracked" in page.read_text("utf-8")


def test_of_a_fit(merged, tmp_path):
    page = tmp_path / "page.html"
    fit_page(merged / "s_traces.parquet", merged / "s_traces_cells.parquet", merged / "s.csv", page,
             ENTRY, COLUMN)  # fmt: skip
    assert "0 of 0 cells fitted" in page.read_text("utf-8")


def test_of_samples_side_by_side(merged, tmp_path):
    page = tmp_path / "page.html"
    parameters_page({"s": merged / "s.csv"}, page, ENTRY, COLUMN)
    assert "s (n = 0)" in page.read_text("utf-8")
    assert "0 of 0" in page.read_text("utf-8")

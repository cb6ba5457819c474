"""The size of static pages: at most 5 MB for 300 cells and 180 frames, with all their pictures."""

from __future__ import annotations

import numpy as np

from fovea.fits.fit import fit
from fovea.pages.report import pictures
from fovea.pages.report.fit_page import fit_page
from fovea.pages.report.sample_page import sample_page
from support.merged import merge_all, recording
from support.page_data import COLUMN, ENTRY
from support.simulated_traces import CASES, evaluate, model_of

CELLS, FRAMES, MOST = 300, 180, 5_000_000


def test_pages_of_300_cells_and_180_frames(tmp_path):
    rng = np.random.default_rng(0)
    truth = CASES["maturation"].parameters_of(rng, CELLS)
    values = evaluate(model_of("maturation"), np.arange(FRAMES) / 6, truth)
    values += rng.normal(0, 50, values.shape)
    cells = {c + 100: dict(enumerate(values[c])) for c in range(CELLS)}  # 99 is left out
    merged = merge_all(tmp_path, "s", recording(tmp_path, "a", {0: cells}, FRAMES))
    traces, page = merged / "s_traces.parquet", tmp_path / "page.html"
    fit(traces, merged / "s.csv", ENTRY | {"starts": 1}, COLUMN)
    fit_page(traces, merged / "s_traces_cells.parquet", merged / "s.csv", page, ENTRY, COLUMN)
    # Pictures are not here; they may take so many letters, some of which are escaped.
    assert page.stat().st_size + 1.1 * pictures._MANY_CELLS[1] < MOST
    features = ["area_ch_0", "intensity_total_ch_1", "intensity_mean_ch_1"]
    sample_page(traces, merged / "s_traces_cells.parquet", page, features)
    assert page.stat().st_size < MOST
    assert "of 300 cells are drawn" not in page.read_text("utf-8")

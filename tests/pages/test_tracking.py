"""What pages of fits say of the tracking of cells: it comes from the table of cells."""

from __future__ import annotations

import numpy as np

from fovea.fits.fit import fit
from fovea.fits.fit_table import read_fits
from fovea.fits.traces import load_traces
from fovea.pages.report.fit_page import fit_page
from fovea.pages.views.tracking import read_places, with_tracking
from support.merged import merge_all, ramp, recording
from support.page_data import COLUMN, ENTRY

LINE = ENTRY | {"model": "line", "starts": 1}
CONFIDENCE = {1: 0.9, 2: 0.2, 3: None, 99: 0.1}  # by cell; 99 has no trace


def tables(folder, confidence=CONFIDENCE):
    """Traces, cells and fits of three cells, of which the third is of an older version."""
    paths = recording(folder, "a", {0: {cell: ramp(range(20), 10.0 * cell) for cell in (1, 2, 3)}},
                      20)  # fmt: skip
    if confidence:
        cells = paths[0].with_name(paths[0].name.replace("_traces", "_cells"))
        head, *rows = cells.read_text("utf-8").splitlines()
        given = ["" if value is None else str(value) for value in confidence.values()]
        lines = [f"{row},{value}" for row, value in zip(rows, given, strict=True)]
        cells.write_text("\n".join([f"{head},confidence", *lines]) + "\n", "utf-8")
    merged = merge_all(folder, "s", paths)
    traces = merged / "s_traces.parquet"
    fit(traces, merged / "s.csv", LINE, COLUMN)
    return traces, merged / "s_traces_cells.parquet", merged / "s.csv"


def test_tables_of_fits_get_jumps_and_confidence(tmp_path):
    traces, cells, fits = tables(tmp_path)
    data = load_traces(traces, COLUMN)
    found = with_tracking(read_fits(fits), data, read_places(traces), cells)
    assert data.cell.tolist() == [1, 2, 3]
    assert np.array_equal(found["confidence"], [0.9, 0.2, np.nan], equal_nan=True)
    assert np.allclose(found["jump"], 101 / 100)
    assert found["jump_frame"].tolist() == [1, 1, 1]
    alone = with_tracking(read_fits(fits), data, read_places(traces), None)
    assert "confidence" not in alone


def test_the_page_lists_doubtful_tracking(tmp_path):
    page = tmp_path / "page.html"
    fit_page(*tables(tmp_path), page, LINE, COLUMN)
    text = page.read_text("utf-8")
    assert "tracking unsure (0.20)" in text
    assert text.count("tracking unsure (") == text.count("tracking unsure (0.20)")

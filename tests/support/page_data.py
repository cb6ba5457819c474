"""A small sample with fits, as pages show it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fovea.fits.fit import fit
from fovea.fits.fit_table import read_fits
from fovea.fits.settings import settings_of
from fovea.fits.traces import load_traces
from support.merged import merge_all, recording
from support.simulated_traces import CASES, evaluate, model_of

COLUMN = "intensity_total_ch_1"
ENTRY = {"model": "maturation", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": []}  # fmt: skip


@cache
def fitted_sample():
    """Traces of four cells, the table of their fits, and the settings of the fit."""
    truth = CASES["maturation"].parameters_of(np.random.default_rng(0), 4)
    values = evaluate(model_of("maturation"), np.arange(40) / 6, truth)
    with TemporaryDirectory() as name:
        folder = Path(name)
        cells = {c + 1: dict(enumerate(values[c])) for c in range(4)}
        merged = merge_all(folder, "s", recording(folder, "a", {0: cells}, 40))
        fit(merged / "s_traces.parquet", merged / "s.csv", ENTRY, COLUMN)
        traces = load_traces(merged / "s_traces.parquet", COLUMN)
        return traces, read_fits(merged / "s.csv"), settings_of(ENTRY)

"""Estimate the parameters that all cells of a sample share, from all cells together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fovea.config.names import trace_unit
from fovea.fits.fit import log_fits
from fovea.fits.fit_table import BOUND_WORDS, write_fits
from fovea.fits.settings import parameter_units, settings_of
from fovea.fits.shared_parameters import fit_shared
from fovea.fits.traces import load_traces
from fovea.samples.tables import write_csv

_LOG = logging.getLogger("fovea")


def share(
    traces: str | Path,
    table: str | Path,
    fits: str | Path,
    entry: Mapping[str, Any],
    column: str,
    area: Mapping[str, str] | None = None,
    several: bool = False,
    threads: int = 1,
    log: logging.Logger = _LOG,
) -> None:
    """Write the table of shared parameters, and the fits of all cells with these fixed.

    `shared` of the entry names the parameters; other arguments are explained in `fovea.fits`.
    """
    settings = settings_of(entry)
    names = list(entry["shared"])
    data = load_traces(traces, column, area)
    time = data.time_in(settings.model.time_unit)
    found = fit_shared(settings, names, time, data.value, threads)
    units = parameter_units(settings, trace_unit(column, area))
    for i, name in enumerate(names):
        log.info("%s: %.6g ± %.2g %s", name, found.values[i], found.error[i], units[name])
    estimates = pd.DataFrame({
        "parameter": names, "unit": [units[name] for name in names], "estimate": found.values,
        "se": found.error, "ci_low": found.low, "ci_high": found.high,
        "at_bound": [BOUND_WORDS[bound] for bound in found.bound.tolist()],
        "configured": [settings.value(name) for name in names], "cells": int(found.used.sum()),
        "deviance": found.deviance, "deviance_configured": found.before,
        "converged": found.converged,
    })  # fmt: skip
    write_csv(estimates, table)
    if not found.converged:
        log.warning("the shared parameters did not converge; see the table")
    write_fits(fits, found.settings, data, found.fits, several)
    log_fits(found.settings, found.fits, log)

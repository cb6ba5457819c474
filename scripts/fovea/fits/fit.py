"""Fit: a model fitted to one feature of every cell of a sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fovea.fits.bounds import note_of_branches, notes_of_fits, notes_of_noise
from fovea.fits.fit_table import success, write_fits
from fovea.fits.settings import Settings, settings_of
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.statistics import Fits
from fovea.fits.traces import load_traces

_LOG = logging.getLogger("fovea")


def fit(
    traces: str | Path,
    target: str | Path,
    entry: Mapping[str, Any],
    column: str,
    area: Mapping[str, str] | None = None,
    several: bool = False,
    threads: int = 1,
    log: logging.Logger = _LOG,
) -> None:
    """Write the table of fits of a sample, ``{sample}_{feature}_ch_{channel}_fitted_{model}.csv``.

    The arguments are explained in `fovea.fits`.
    """
    settings = settings_of(entry)
    data = load_traces(traces, column, area)
    log.info("%d traces of up to %d values", len(data), data.value.shape[1])
    fits = fit_traces(settings, data.time_in(settings.model.time_unit), data.value, threads)
    write_fits(target, settings, data, fits, several)
    log_fits(settings, fits, log)


def log_fits(settings: Settings, fits: Fits, log: logging.Logger) -> None:
    """Say how the fits went, and the medians of their parameters."""
    good = success(settings, fits)
    log.info("%d of %d fits succeeded", good.sum(), len(good))
    if fits.noise.level is not None:
        log.info("noise of a value F: sqrt(%.4g² + %.4g F + (%.4g F)²)", *fits.noise.level)
    for line in notes_of_noise(settings, fits.noise):
        log.info(line)
    for k, name in enumerate(settings.fitted):
        ends = [np.count_nonzero(fits.bound[:, k] == side) for side in (-1, 1)]
        values = fits.values[good, settings.model.names.index(name)]
        middle = np.median(values) if len(values) else np.nan
        log.info("%s: median %.6g, %d at the lower, %d at the upper bound", name, middle, *ends)
    several = int((fits.branch < 0).any(axis=1).sum())
    if note := note_of_branches(settings, several, len(good)):
        log.info(note)
    for note in notes_of_fits(settings, fits).values():
        log.warning(note)
    if len(good) and not good.any():
        log.warning("no fit succeeded; the column `message` of the table says why")

"""Tables of parameters: the distribution of each fitted parameter over the cells of each sample."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fovea.jobs.atomic import whole_file
from fovea.samples.tables import number_text

COLUMNS = (
    "sample", "parameter", "unit", "cells", "succeeded", "median", "q25", "q75", "mean", "sd",
    "median_se", "at_lower_bound", "at_upper_bound",
)  # fmt: skip


def write_summaries(
    path: str | Path,
    fits: Mapping[str, dict],
    fitted: Sequence[str],
    units: Mapping[str, str],
) -> None:
    """Write one row per sample and parameter, over the fits that succeeded.

    Parameters
    ----------
    path : path
        CSV with `COLUMNS`.
    fits : mapping of str to dict
        Sample to its table of fits, see `fovea.fits.fit_table.read_fits`.
    fitted : sequence of str
        The fitted parameters.
    units : mapping of str to str
        Parameter to its unit.
    """
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for sample, found in fits.items():
            for name in fitted:
                rows.writerow([sample, name, units[name], *summary(found, name)])


def summary(found: dict, name: str) -> list[str]:
    """Return what `COLUMNS` says of one parameter, from the number of cells on."""
    good = found["success"]
    values, errors = found[name][good], found[f"{name}_se"][good]
    ends = [found[f"{name}_at_bound"].count(word) for word in ("lower", "upper")]
    if not len(values):
        return [str(len(good)), "0", *[""] * 6, *map(str, ends)]
    quarters = np.quantile(values, (0.5, 0.25, 0.75))
    spread = np.std(values, ddof=1) if len(values) > 1 else np.nan
    known = errors[np.isfinite(errors)]
    numbers = [*quarters, values.mean(), spread, np.median(known) if len(known) else np.nan]
    return [str(len(good)), str(len(values)), *map(number_text, numbers), *map(str, ends)]

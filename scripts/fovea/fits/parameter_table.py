"""Tables of parameters: the distribution of each fitted parameter over the cells of each sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.samples.tables import write_csv

COLUMNS = [
    "sample", "parameter", "unit", "cells", "succeeded", "median", "q25", "q75", "mean", "sd",
    "median_se", "at_lower_bound", "at_upper_bound",
    "note",
]  # fmt: skip


def write_summaries(
    path: str | Path,
    fits: Mapping[str, pd.DataFrame],
    units: Mapping[str, str],
    notes: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a CSV with `COLUMNS`, one row per sample and parameter.

    `fits` maps a sample to its table of fits, `units` each fitted parameter to its unit, and
    `notes` a sample to what is to be said of its parameters.
    """
    rows = [
        {"sample": sample, "parameter": name, "unit": unit}
        | summary(found, name)
        | {"note": notes.get(sample, {}).get(name, "")}
        for sample, found in fits.items()
        for name, unit in units.items()
    ]
    write_csv(pd.DataFrame(rows, columns=COLUMNS), path)


def summary(found: pd.DataFrame, name: str) -> dict[str, float]:
    """Return the distribution of one parameter over the fits that succeeded; NaN where unknown."""
    good = found[found["success"]]
    values, errors = good[name].to_numpy(), good[f"{name}_se"].to_numpy()
    errors = errors[np.isfinite(errors)]
    median, q25, q75 = np.quantile(values, (0.5, 0.25, 0.75)) if len(values) else [np.nan] * 3
    bound = found[f"{name}_at_bound"]
    return {
        "cells": len(found), "succeeded": len(good), "median": median, "q25": q25, "q75": q75,
        "mean": values.mean() if len(values) else np.nan,
        "sd": np.std(values, ddof=1) if len(values) > 1 else np.nan,
        "median_se": np.median(errors) if len(errors) else np.nan,
        "at_lower_bound": int((bound == "lower").sum()),
        "at_upper_bound": int((bound == "upper").sum()),
    }  # fmt: skip

"""Tables of populations: estimates by sample, cells, and differences between samples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from fovea.fits.fit_table import correlation_column
from fovea.fits.populations import Population, population_of
from fovea.fits.settings import Settings
from fovea.fits.solver.uncertainty import LEVEL

FEWEST = 10  # cells from which on a population is estimated


def positive(settings: Settings) -> np.ndarray:
    """Return which fitted parameters are positive, so that their logarithms are taken, (K,) bool.

    These are rates, and amplitudes whose lower bound is not negative.
    """
    kinds = [settings.model.parameter(name).kind for name in settings.fitted]
    return np.array([kind == "rate" or (kind == "linear" and low is not None and low >= 0)
                     for kind, low in zip(kinds, settings.low, strict=True)])  # fmt: skip


def sample_of(
    settings: Settings, table: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the cells of a table of fits that count, their values (N, K) and covariances.

    They are those with success, finite errors and, where logarithms are taken, positive values;
    values and covariances are on these scales.
    """
    names, logs = list(settings.fitted), positive(settings)
    values = table[names].to_numpy(float)
    errors = table[[f"{name}_se" for name in names]].to_numpy(float)
    usable = table["success"].to_numpy(bool) & np.isfinite(errors).all(axis=1)
    usable &= (errors > 0).all(axis=1) & ((values > 0) | ~logs).all(axis=1)
    found, values, errors = table[usable], values[usable], errors[usable]
    correlation = np.tile(np.eye(len(names)), (len(found), 1, 1))
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        column = found[correlation_column(a, b)].fillna(0.0).clip(-0.9999, 0.9999)
        correlation[:, i, j] = correlation[:, j, i] = column
    scale = np.where(logs, errors / np.where(logs, values, 1.0), errors)
    scaled = np.where(logs, np.log(np.where(logs, values, 1.0)), values)
    return found, scaled, correlation * scale[:, :, None] * scale[:, None, :]


def estimate_populations(
    settings: Settings, tables: Mapping[str, pd.DataFrame]
) -> dict[str, tuple[pd.DataFrame, np.ndarray, Population | None]]:
    """Return for each sample its cells, their values (N, K), and the population.

    There is none with fewer than `FEWEST` cells.
    """
    found = {}
    for sample, table in tables.items():
        cells, values, covariance = sample_of(settings, table)
        enough = len(cells) >= max(FEWEST, 2 * len(settings.fitted) + 2)
        noise = cells["rmse"].to_numpy() if settings.model.measure is None else None
        population = population_of(values, covariance, noise) if enough else None
        found[sample] = cells, values, population
    return found


def population_table(settings: Settings, found: Mapping, units: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per sample and parameter.

    `mean` and its interval are in the parameter's unit: the geometric mean where `scale` is log;
    `sd` is then that of the natural logarithm.
    """
    names, logs, rows = list(settings.fitted), positive(settings), []
    for sample, (cells, _, population) in found.items():
        for k, name in enumerate(names):
            row = {"sample": sample, "parameter": name, "unit": units[name],
                   "scale": "log" if logs[k] else "linear", "cells": len(cells)}  # fmt: skip
            if population is not None:
                back = np.exp if logs[k] else np.asarray
                low, high = population.mean_interval[:, k]
                row |= {"mean": float(back(population.mean[k])), "mean_ci_low": float(back(low))}
                row |= {"mean_ci_high": float(back(high)), "sd": population.deviation[k]}
                row["sd_ci_low"], row["sd_ci_high"] = population.deviation_interval[:, k]
                row["raw_sd"] = population.raw_deviation[k]
                for j, other in enumerate(names):
                    low, high = population.correlation_interval[:, k, j]
                    row |= {f"correlation_{other}": population.correlation[k, j]}
                    row |= {
                        f"correlation_{other}_ci_low": low,
                        f"correlation_{other}_ci_high": high,
                    }
                row["note"] = "" if population.converged else "not converged"
            else:
                row["note"] = f"{len(cells)} cells are too few"
            rows.append(row)
    return pd.DataFrame(rows)


def cell_table(settings: Settings, found: Mapping) -> pd.DataFrame:
    """Return one row per cell: each parameter as it was fitted, and drawn towards its population.

    The latter is the value that is most likely given the fit and all other cells, with the ends of
    its 95 % interval.
    """
    from scipy.stats import norm

    logs, parts, reach = positive(settings), [], norm.ppf(0.5 + LEVEL / 2)
    for sample, (cells, _, population) in found.items():
        part = cells[[name for name in ("dataset", "fov", "cell") if name in cells]].copy()
        part.insert(0, "sample", sample)
        for k, name in enumerate(settings.fitted):
            part[name] = cells[name]
            for word, side in (("shrunken", 0), ("shrunken_low", -1), ("shrunken_high", 1)):
                value = np.full(len(cells), np.nan)
                if population is not None:
                    value = population.cells[:, k] + side * reach * population.cell_errors[:, k]
                part[f"{name}_{word}"] = np.exp(value) if logs[k] else value
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"sample": []})


def difference_table(settings: Settings, found: Mapping) -> pd.DataFrame:
    """Return one row per pair of samples and parameter.

    `difference` is the mean of the second population less that of the first, on the scale of the
    parameter (`ratio` where it is that of logarithms), with its interval and the p value of Welch's
    test; `effect_size` is in units of the cells' standard deviation, without errors. The others
    compare the fitted values: Kolmogorov's and Smirnov's test, Cliff's delta (the probability that
    a cell of the second sample has the larger value, less that of the reverse) with the p value of
    Mann's and Whitney's test.
    """
    from scipy.stats import ks_2samp, mannwhitneyu
    from scipy.stats import t as student

    logs, rows = positive(settings), []
    for first, second in combinations(found, 2):
        (_, a, one), (_, b, two) = found[first], found[second]
        for k, name in enumerate(settings.fitted):
            row = {"sample": first, "other": second, "parameter": name}
            row |= {"scale": "log" if logs[k] else "linear", "cells": len(a), "other_cells": len(b)}
            if one is not None and two is not None:
                parts = np.array([one.mean_error[k], two.mean_error[k]]) ** 2
                error, counts = np.sqrt(parts.sum()), np.array([len(a), len(b)])
                degrees = parts.sum() ** 2 / np.sum(parts**2 / (counts - 1))
                change = two.mean[k] - one.mean[k]
                reach = student.ppf(0.5 + LEVEL / 2, degrees) * error
                both = np.sqrt((one.deviation[k] ** 2 + two.deviation[k] ** 2) / 2)
                row |= {"difference": change, "ci_low": change - reach, "ci_high": change + reach,
                        "ratio": np.exp(change) if logs[k] else np.nan,
                        "p_value": 2 * student.sf(abs(change) / error, degrees),
                        "effect_size": change / both if both > 0 else np.nan}  # fmt: skip
            if len(a) and len(b):
                rank = mannwhitneyu(b[:, k], a[:, k])
                shape = ks_2samp(a[:, k], b[:, k])
                row |= {"ks": shape.statistic, "ks_p_value": shape.pvalue,
                        "cliffs_delta": 2 * rank.statistic / (len(a) * len(b)) - 1,
                        "mann_whitney_p_value": rank.pvalue}  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows, columns=DIFFERENCES)


DIFFERENCES = [
    "sample", "other", "parameter", "scale", "cells", "other_cells", "difference", "ci_low",
    "ci_high", "ratio", "p_value", "effect_size", "ks", "ks_p_value", "cliffs_delta",
    "mann_whitney_p_value",
]  # fmt: skip

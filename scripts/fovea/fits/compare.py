"""Compare the models that were fitted to the same traces, cell by cell, by their AICc."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.fits.fit_table import read_fits
from fovea.samples.tables import write_csv

_LOG = logging.getLogger("fovea")
CLEAR = 2.0  # difference of AICc above which the log calls a model clearly the best


def compare(fits: Mapping[str, str | Path], target: str | Path, log: logging.Logger = _LOG) -> None:
    """Write which model describes each cell best.

    `fits` maps the name of each fit to its table; all are of the same cells and the same values.
    The CSV has one row per cell: `best_model`, by how much its AICc is smaller than the next
    one's, and per model the AICc and its Akaike weight.
    """
    tables = {name: read_fits(path) for name, path in fits.items()}
    first = next(iter(tables.values()))
    key = [name for name in ("dataset", "fov", "cell") if name in first]
    for name, table in tables.items():
        if not table[key].equals(first[key]):
            raise FoveaError(
                f"{fits[name]}: holds other cells than {next(iter(fits.values()))}; delete both, "
                "they will be made again"
            )
    names = list(tables)
    aicc = np.stack([table["aicc"] for table in tables.values()])
    weights = akaike_weights(aicc)
    best, gap = best_models(aicc)
    result = first[key].assign(
        best_model=np.array([*names, ""], dtype=object)[best], delta_aicc=gap,
        **{f"aicc_{name}": values for name, values in zip(names, aicc, strict=True)},
        **{f"weight_{name}": values for name, values in zip(names, weights, strict=True)},
    )  # fmt: skip
    write_csv(result, target)
    for number, name in enumerate(names):
        won = best == number
        log.info("%s: best for %d of %d cells, clearly (by more than %g) for %d",
                 name, won.sum(), len(won), CLEAR, (won & (gap > CLEAR)).sum())  # fmt: skip


def akaike_weights(aicc: np.ndarray) -> np.ndarray:
    """Return the weights of models, (M, N), from their AICc (M, N); 0 for a model without one."""
    known = np.isfinite(aicc)
    least = np.where(known, aicc, np.inf).min(axis=0)
    least = np.where(np.isfinite(least), least, 0.0)
    likelihood = np.where(known, np.exp(-(np.where(known, aicc, 0.0) - least) / 2), 0.0)
    total = likelihood.sum(axis=0)
    return np.where(total > 0, likelihood / np.where(total > 0, total, 1.0), np.nan)


def best_models(aicc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the model of least AICc for each cell, -1 for none, and its lead."""
    filled = np.where(np.isfinite(aicc), aicc, np.inf)
    order = np.sort(filled, axis=0)
    some = np.isfinite(order[0])
    second = order[1] if len(order) > 1 else np.full(aicc.shape[1], np.inf)
    both = some & np.isfinite(second)
    gap = np.where(both, np.where(both, second, 0.0) - np.where(both, order[0], 0.0), np.nan)
    return np.where(some, np.argmin(filled, axis=0), -1), gap

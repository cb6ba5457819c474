"""Tables of fits: one row per cell."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.errors import counted
from fovea.fits.settings import Settings
from fovea.fits.solver.statistics import CORRELATED, Fits, information
from fovea.fits.traces import Traces
from fovea.samples.tables import read_csv, write_csv

#: Autocorrelation of residuals above which the message mentions it, unless it is within chance.
NOTABLE = 0.3
TEXTS = ("dataset", "model_type", "message", "also_fits")
BOUND_WORDS = {-1: "lower", 0: "", 1: "upper"}


def success(settings: Settings, fits: Fits) -> np.ndarray:
    """Return which fits give estimates: converged, determined, and at no bound; (N,) bool."""
    return fits.converged & (fits.bound == 0).all(axis=1) & fits.determined.all(axis=1)


def messages(settings: Settings, fits: Fits) -> list[str]:
    """Return the message on each fit, empty where there is nothing to report."""
    return [_message(settings, fits, row) for row in range(len(fits.points))]


def _message(settings: Settings, fits: Fits, row: int) -> str:
    names, points = settings.fitted, fits.points[row]
    if points == 0:
        return "no values"
    if np.isinf(fits.values[row]).any():
        return "its value is infinite"
    if settings.model.of_curve:
        return _message_of_curve(fits, row)
    if not fits.converged[row]:
        needed = len(names) + 1
        if settings.model.measure is None and points >= needed:
            return "not converged"
        why = f" for {counted(len(names), 'parameter')}, {needed} are needed" if names else ""
        return f"{counted(points, 'value is', 'values are')} too few{why}"
    notes = [f"{name} at its {BOUND_WORDS[int(bound)]} bound"
             for name, bound in zip(names, fits.bound[row], strict=True) if bound]  # fmt: skip
    loose = [name for name, known in zip(names, fits.determined[row], strict=True) if not known]
    if loose:
        notes.append(f"not identifiable: {', '.join(loose)}")
    for i, j in zip(*np.tril_indices(len(names), -1), strict=True):
        value = fits.correlation[row, i, j]
        if abs(value) > CORRELATED and not {names[i], names[j]} & set(loose):
            pair = f"{names[j]} and {names[i]}"
            notes.append(f"{pair} can hardly be told apart (correlation {value:.3f})")
    notable = max(NOTABLE, 3 / np.sqrt(points))  # more than by chance, too
    share = fits.autocorrelation[row]
    if fits.remaining[row] > notable:
        more = "" if fits.noise.correlation is None else "more than those of the sample "
        notes.append(
            f"residuals are correlated {more}({share:.2f}), so standard errors are too small"
        )
    elif share > notable:
        notes.append(f"residuals are correlated ({share:.2f}); intervals take account of it")
    return "; ".join(notes)


def _message_of_curve(fits: Fits, row: int) -> str:
    if fits.bound[row].any():
        return "still rises at the end"
    return "" if fits.converged[row] else "too few values for a curve, or it does not rise notably"


def table_of(settings: Settings, fits: Fits) -> pd.DataFrame:
    """Return the columns of a table of fits that describe the fits, one row per trace."""
    names = settings.model.names
    values = dict(zip(names, fits.values.T, strict=True))
    table = {"model_type": settings.model.name, "success": success(settings, fits)}
    table |= {"r_squared": fits.r_squared} | {name: values[name] for name in settings.fitted}
    for k, name in enumerate(settings.fitted):
        table |= {f"{name}_se": fits.error[:, k], f"{name}_ci_low": fits.low[:, k]}
        table[f"{name}_ci_high"] = fits.high[:, k]
        table[f"{name}_at_bound"] = [BOUND_WORDS[bound] for bound in fits.bound[:, k].tolist()]
    for (i, a), (j, b) in combinations(enumerate(settings.fitted), 2):
        table[correlation_column(a, b)] = fits.correlation[:, i, j]
    table |= {name: values[name] for name in settings.fixed}
    table |= {"rmse": fits.rmse, "aicc": information(fits, settings), "n_points": fits.points}
    table |= {"time_start": fits.first, "time_end": fits.last}
    table |= {"autocorrelation": fits.autocorrelation} | _noise(fits)
    if settings.model.exchangeable(settings.fitted):
        table |= {"also_fits": also_fits(settings, fits)}
    return pd.DataFrame(table | {"message": messages(settings, fits)})


def correlation_column(first: str, second: str) -> str:
    """Return the column with the correlation of two estimates of a cell."""
    return f"{first}_{second}_correlation"


def _noise(fits: Fits) -> dict[str, float]:
    """Return what the residuals of all cells of the sample are like; nothing for a measure."""
    found = fits.noise.correlation
    share, time = (0.0, np.nan) if found is None else (found.share, found.time)
    return {"correlated_share": share, "correlation_time": time, "common_share": fits.noise.common}


def also_fits(settings: Settings, fits: Fits) -> list[str]:
    """Return for each fit the other points within the bounds that have the same curve, in words."""
    model = settings.model
    points = model.equivalent(**dict(zip(model.names, fits.values.T, strict=True)))
    texts = []
    for row, state in enumerate(fits.branch):
        others = [points[name] for name, there in zip(model.branches, state, strict=True)
                  if there < 0]  # fmt: skip
        texts.append(" or ".join(
            ", ".join(f"{key} {point[key][row]:.6g}" for key in point if key in settings.fitted)
            for point in others
        ))  # fmt: skip
    return texts


def write_fits(
    path: str | Path, settings: Settings, traces: Traces, fits: Fits, several: bool
) -> None:
    """Write a table of fits, whose first column is `dataset` where there are several."""
    whose = {"dataset": traces.dataset} if several else {}
    whose = pd.DataFrame(whose | {"fov": traces.fov, "cell": traces.cell})
    write_csv(pd.concat([whose, table_of(settings, fits)], axis=1), path)


def read_fits(path: str | Path) -> pd.DataFrame:
    """Read a table of fits: numbers as float, NaN for what is empty; texts are never missing."""
    table = read_csv(path, TEXTS)
    types = {"fov": np.int64, "cell": np.int64, "n_points": np.int64, "success": bool}
    for name in table:
        if name.endswith("_at_bound"):  # all empty where no estimate stopped at a bound
            table[name] = table[name].astype("str").fillna("")
        elif name not in TEXTS:
            table[name] = table[name].astype(types.get(name, float))
    return table

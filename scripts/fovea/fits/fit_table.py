"""Tables of fits: one row per cell."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.fits.settings import Settings
from fovea.fits.solver.statistics import CORRELATED, Fits, information
from fovea.fits.traces import Traces
from fovea.jobs.atomic import whole_file
from fovea.samples.tables import number_text

#: Autocorrelation of residuals that is mentioned, if it is also beyond chance.
NOTABLE = 0.3
BOUND_WORDS = {-1: "lower", 0: "", 1: "upper"}


def columns_of(settings: Settings, several: bool, shared: Sequence[str] = ()) -> list[str]:
    """Return the columns of a table of fits; `several` datasets give one more, the first."""
    spread = [
        f"{name}_{what}"
        for name in settings.fitted
        for what in ("se", "ci_low", "ci_high", "at_bound")
    ]
    return [
        *(["dataset"] if several else []),
        *("fov", "cell", "model_type", "success", "r_squared", *settings.fitted, *spread),
        *settings.fixed,
        *("rmse", "aicc", "n_points", "time_start", "time_end", "autocorrelation", "message"),
    ]


def messages(settings: Settings, fits: Fits) -> list[str]:
    """Return what is to be said about each fit, empty where nothing is."""
    return [_message(settings, fits, row) for row in range(len(fits.points))]


def success(settings: Settings, fits: Fits) -> np.ndarray:
    """Return which fits give estimates: converged, determined, and at no bound; (N,) bool."""
    return fits.converged & (fits.bound == 0).all(axis=1) & fits.determined.all(axis=1)


def _message(settings: Settings, fits: Fits, row: int) -> str:
    names, points = settings.fitted, fits.points[row]
    if points == 0:
        return "no values"
    if not fits.converged[row]:
        needed = len(names) + 1
        if settings.model.measure is not None or points < needed:
            return f"{points} values are too few" + (
                f" for {len(names)} parameters, {needed} are needed" if names else ""
            )
        return "not converged"
    notes = [
        f"{name} at its {BOUND_WORDS[int(bound)]} bound"
        for name, bound in zip(names, fits.bound[row], strict=True)
        if bound
    ]
    loose = [name for name, known in zip(names, fits.determined[row], strict=True) if not known]
    if loose:
        notes.append(f"not identifiable: {', '.join(loose)}")
    for i, first in enumerate(names):
        for j in range(i):
            value = fits.correlation[row, i, j]
            if abs(value) > CORRELATED and first not in loose and names[j] not in loose:
                notes.append(
                    f"{names[j]} and {first} can hardly be told apart (correlation {value:.3f})"
                )
    beyond_chance = max(NOTABLE, 3 / np.sqrt(points))
    if fits.autocorrelation[row] > beyond_chance:
        notes.append(
            f"residuals are correlated ({fits.autocorrelation[row]:.2f}), "
            "so standard errors are too small"
        )
    return "; ".join(notes)


def write_fits(
    path: str | Path,
    settings: Settings,
    traces: Traces,
    fits: Fits,
    several: bool,
) -> None:
    """Write a table of fits.

    Parameters
    ----------
    path : path
    settings : Settings
    traces : Traces
    fits : Fits
    several : bool
        Whether the sample is made of several datasets, so that `dataset` is the first column.
    """
    model = settings.model
    place = [model.names.index(name) for name in settings.fitted]
    fixed = [model.names.index(name) for name in settings.fixed]
    good, notes, aicc = (
        success(settings, fits),
        messages(settings, fits),
        information(fits, settings),
    )
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns_of(settings, several))
        for i in range(len(traces)):
            row = [traces.dataset[i]] if several else []
            row += [int(traces.fov[i]), int(traces.cell[i]), model.name, bool(good[i])]
            row += [number_text(fits.r_squared[i]), *map(number_text, fits.values[i, place])]
            for k in range(len(place)):
                row += map(number_text, (fits.error[i, k], fits.low[i, k], fits.high[i, k]))
                row.append(BOUND_WORDS[int(fits.bound[i, k])])
            row += map(number_text, fits.values[i, fixed])
            row += [number_text(fits.rmse[i]), number_text(aicc[i]), int(fits.points[i])]
            row += map(number_text, (fits.first[i], fits.last[i], fits.autocorrelation[i]))
            rows.writerow([*row, notes[i]])


def read_fits(path: str | Path) -> dict[str, list]:
    """Read a table of fits: column to values; numbers as float, NaN for what is empty."""
    texts = {"dataset", "model_type", "message"}
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        names = next(rows)
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
    found = {}
    for name, values in zip(names, columns, strict=True):
        if name in texts or name.endswith("_at_bound"):
            found[name] = list(values)
        elif name == "success":
            found[name] = np.array([value == "True" for value in values], bool)
        elif name in ("fov", "cell", "n_points"):
            found[name] = np.array([int(value) for value in values], np.int64)
        else:
            found[name] = np.array([float(value) if value else np.nan for value in values])
    return found

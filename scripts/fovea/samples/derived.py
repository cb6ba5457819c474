"""Quotients of two features in merged traces, with standard errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fovea.config.names import error_column
from fovea.errors import counted
from fovea.samples.parts import CELL

_CLEAR = 2.0  # standard deviations of its noise by which a denominator is clearly above 0


def add_derived(
    table: pd.DataFrame, derived: Mapping[str, tuple[str, str]], log: logging.Logger
) -> tuple[pd.DataFrame, list[str]]:
    """Return traces with the derived columns and their errors, and a comment on each column.

    `table` has its rows by cell and time; `derived` is as of `fovea.config.derived`.
    """
    cell = table.groupby(CELL, sort=False).ngroup().to_numpy()
    added, comments = {}, []
    for name, (above, below) in derived.items():
        columns = [table[part].to_numpy(float) for part in (above, below)]
        noise = [local_noises(values, table["time"].to_numpy(float), cell) for values in columns]
        value, error = quotient(*columns, *noise)
        added |= {name: value, error_column(name): error}
        there = np.isfinite(columns[0]) & np.isfinite(columns[1])
        lost = int((there & ~(columns[1] > 0)).sum())
        near = int((there & (columns[1] > 0) & (columns[1] < _CLEAR * noise[1])).sum())
        text = f"{name}: {counted(int(there.sum()) - lost, 'value')} of {above} / {below}"
        text += f", {lost} missing because {below} is not above 0" if lost else ""
        text += f", {near} doubtful because {below} is within its noise of 0" if near else ""
        comments.append(f"Derived: {text}")
        if lost or near:
            log.warning("%s", text)
    return table.assign(**added), comments


def quotient(
    above: np.ndarray, below: np.ndarray, above_noise: np.ndarray, below_noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return above / below and its standard error, by propagation of errors.

    Parameters
    ----------
    above, below : (R,) float64
        NaN where there is none.
    above_noise, below_noise : (R,) float64
        Standard deviations of their noise, which is taken to be independent.

    Returns
    -------
    (R,) float64, (R,) float64
        NaN where a value is missing or `below` is not above 0; the error is also NaN where a noise
        is not known.
    """
    usable = np.isfinite(above) & (below > 0) & np.isfinite(below)
    safe = np.where(usable, below, 1.0)
    value = np.where(usable, above / safe, np.nan)
    return value, np.where(usable, np.hypot(above_noise, value * below_noise) / safe, np.nan)


def local_noises(value: np.ndarray, place: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the noise of each row's cell, (R,) float64.

    It is estimated from the distance of each value to the straight line between its neighbours, as
    in `fovea.fits.models.measures.local_noise`.

    Parameters
    ----------
    value : (R,) float64
        NaN where there is none.
    place : (R,) float64
        Where each is, such as its time; ascending within a cell, NaN where it is not known.
    cell : (R,) int64
        The cell of each row, from 0 on; rows of a cell stand together.

    Returns
    -------
    (R,) float64
        NaN for cells with fewer than three values.
    """
    there = np.flatnonzero(np.isfinite(value) & np.isfinite(place))
    x, y, whose = place[there], value[there], cell[there]
    inner = whose[2:] == whose[:-2]
    part = ((x[1:-1] - x[:-2]) / np.where(inner, x[2:] - x[:-2], 1.0))[inner]
    before, here, after = (y[k : len(y) - 2 + k][inner] for k in range(3))
    squares = (here - (1 - part) * before - part * after) ** 2 / (1 + part**2 + (1 - part) ** 2)
    count = cell.max(initial=-1) + 1
    owner = whose[2:][inner]
    number = np.bincount(owner, minlength=count)
    total = np.bincount(owner, squares, minlength=count)
    return np.where(number > 0, np.sqrt(total / np.maximum(number, 1)), np.nan)[cell]

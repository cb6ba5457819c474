"""Populations of all samples: tables, and raw and corrected distributions side by side."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fovea.config.names import trace_unit
from fovea.figures import style
from fovea.fits.fit_table import read_fits
from fovea.fits.population_tables import (
    cell_table,
    difference_table,
    estimate_populations,
    population_table,
    positive,
)
from fovea.fits.populations import Population
from fovea.fits.settings import parameter_units, settings_of
from fovea.samples.tables import write_csv

_LOG = logging.getLogger("fovea")
_LEGEND = (
    "Left halves: fitted values; right halves: the cells without the errors of fits; bars: mean ± "
    "standard deviation."
)
_HALF = 0.42  # width of each half of a distribution


def populations(
    fits: Mapping[str, str | Path],
    table: str | Path,
    cells: str | Path,
    differences: str | Path,
    targets: Sequence[str | Path],
    entry: Mapping[str, Any],
    column: str,
    left_out: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write the tables of `fovea.fits.population_tables`, and draw the distributions."""
    settings, area = settings_of(entry), entry.get("normalise") == "area"
    units, logs = parameter_units(settings, trace_unit(column, area)), positive(settings)
    found = estimate_populations(settings, {name: read_fits(path) for name, path in fits.items()})
    write_csv(population_table(settings, found, units), table)
    write_csv(cell_table(settings, found), cells)
    write_csv(difference_table(settings, found), differences)
    names = [f"{name}\nn = {len(those)}" for name, (those, _, _) in found.items()]
    across = max(1, min(4 if len(found) < 4 else 2, len(settings.fitted)))
    down = max(1, -(-len(settings.fitted) // across))
    room = 0.75 * style.WIDTH / across
    size = (style.WIDTH, (2.4 + style.slant_room(names, room)) * down + 0.5)
    with style.figure(size, targets) as drawing:
        grid = drawing.subplots(down, across, squeeze=False)
        for k, (axes, name) in enumerate(zip(grid.flat, settings.fitted, strict=False)):
            axes.set_ylabel(style.label(settings.model.parameter(name).title, units[name]))
            for place, (_, values, population) in enumerate(found.values()):
                _halves(axes, place, values[:, k], population, k, logs[k])
            if logs[k]:
                axes.set_yscale("log")
            axes.set_xlim(-0.6, len(found) - 0.4)
            style.name_samples(axes, names, room)
        for axes in grid.flat[len(settings.fitted) :]:
            axes.set_axis_off()
        drawing.suptitle(f"{settings.model.title}: {style.feature_words(column, area)}", fontsize=9)
        style.note(drawing, left_out, [_LEGEND])
    for name, (those, _, population) in found.items():
        if population is None:
            log.warning("%s: %d cells are too few for a population", name, len(those))
            continue
        for k, parameter in enumerate(settings.fitted):
            log.info("%s: %s: standard deviation %.3g of fitted values, %.3g of cells%s", name,
                     parameter, population.raw_deviation[k], population.deviation[k],
                     " (of logarithms)" if logs[k] else "")  # fmt: skip


def _halves(axes, place: int, values: np.ndarray, population: Population | None, k: int, log: bool):
    """Draw the histogram of fitted values to the left, the population to the right."""
    back = np.exp if log else np.asarray
    colour = style.colour_of(place)
    if not len(values):
        return
    bins = min(60, max(6, int(np.sqrt(len(values)))))
    low, high = np.quantile(values, (0.005, 0.995))
    counts, edges = np.histogram(values, bins=bins, range=(low, high) if high > low else None)
    density = counts / max(len(values), 1) / np.diff(edges)
    tops, points = [density.max(initial=0.0)], np.linspace(edges[0], edges[-1], 200)
    if population is not None and population.deviation[k] > 0:
        away = (points - population.mean[k]) / population.deviation[k]
        curve = np.exp(-(away**2) / 2) / (population.deviation[k] * np.sqrt(2 * np.pi))
        tops.append(curve.max())
    top = max(tops) or 1.0
    axes.barh(back(edges[:-1]), -_HALF * density / top, np.diff(back(edges)), left=place,
              align="edge", color=colour, alpha=0.3, linewidth=0)  # fmt: skip
    middle, wide = values.mean(), values.std()
    _bar(axes, place - 0.04, middle, wide, back, style.GREY)
    if len(tops) > 1:
        axes.fill_betweenx(back(points), place, place + _HALF * curve / top, color=colour,
                           alpha=0.7, linewidth=0)  # fmt: skip
        _bar(axes, place + 0.04, population.mean[k], population.deviation[k], back, "black")


def _bar(axes, place: float, middle: float, wide: float, back, colour: str) -> None:
    axes.plot([place] * 2, back(np.array([middle - wide, middle + wide])), color=colour, lw=1.2)
    axes.plot([place], [back(middle)], "o", ms=2.5, color=colour)

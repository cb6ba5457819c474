"""Parameters of all samples side by side, as a table and as a figure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.names import trace_unit
from fovea.figures.style import (
    WIDTH,
    colour_of,
    feature_words,
    figure,
    label,
    name_samples,
    note,
    nothing,
    scattered,
    slant_room,
)
from fovea.fits.fit_table import read_fits
from fovea.fits.parameter_table import write_summaries
from fovea.fits.settings import parameter_units, settings_of

_LOG = logging.getLogger("fovea")


def parameters(
    fits: Mapping[str, str | Path],
    table: str | Path,
    targets: Sequence[str | Path],
    entry: Mapping[str, Any],
    column: str,
    left_out: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write and draw the distribution of each fitted parameter, sample by sample.

    Parameters
    ----------
    fits : mapping of str to path
        Sample to its table of fits.
    table : path
        CSV, one row per sample and parameter, over the fits that succeeded.
    targets : sequence of path
        PDF and PNG.
    entry : mapping
        The entry of the config's `analysis`.
    column : str
        The feature's column.
    left_out : sequence of str
        Fields of view that are missing, in words.
    """
    settings = settings_of(entry)
    units = parameter_units(settings, trace_unit(column, entry.get("normalise") == "area"))
    data = {sample: read_fits(path) for sample, path in fits.items()}
    units = {name: units[name] for name in settings.fitted}
    write_summaries(table, data, units)
    names = [f"{sample}\nn = {found['success'].sum()}" for sample, found in data.items()]
    # a panel becomes wider with the samples
    across = max(1, min(4 if len(data) < 4 else 2 if len(data) < 11 else 1, len(settings.fitted)))
    down = max(1, -(-len(settings.fitted) // across))
    wide = WIDTH if len(data) > 3 else WIDTH / 4 * max(across, 2)
    room = 0.75 * wide / across
    size = (wide, (2.3 + slant_room(names, room)) * down + 0.4)
    with figure(size, targets) as drawing:
        grid = drawing.subplots(down, across, squeeze=False)
        for axes, name in zip(grid.flat, settings.fitted, strict=False):
            _panel(axes, data, name, label(settings.model.parameter(name).title, units[name]))
            name_samples(axes, names, room)
        for axes in list(grid.flat)[len(settings.fitted) :]:
            axes.set_axis_off()
        words = feature_words(column, entry.get("normalise") == "area")
        drawing.suptitle(f"{settings.model.title}: {words}", fontsize=9)
        note(drawing, left_out)
    for sample, found in data.items():
        log.info("%s: %d of %d fits", sample, found["success"].sum(), len(found))


def _panel(axes, data: Mapping[str, pd.DataFrame], name: str, title: str) -> None:
    axes.set_ylabel(title)
    shown = False
    for place, (_, found) in enumerate(data.items()):
        values = np.sort(found.loc[found["success"], name])
        if not len(values):
            continue
        shown = True
        colour = colour_of(place)
        size = 5 if len(values) < 200 else 2
        across = place + 0.26 * scattered(len(values))
        opacity = min(0.7, max(0.1, 60 / len(values)))
        axes.scatter(across, values, s=size, color=colour, alpha=opacity, linewidths=0)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        axes.plot([place - 0.36, place + 0.36], [middle] * 2, color="black", lw=1.4, zorder=4)
        axes.plot([place, place], [low, high], color="black", lw=1.0, zorder=4)
        for end in (low, high):
            axes.plot([place - 0.1, place + 0.1], [end] * 2, color="black", lw=1.0, zorder=4)
    axes.set_xlim(-0.6, len(data) - 0.4)
    if not shown:
        axes.set_yticks([])
        nothing(axes, "no fit succeeded")

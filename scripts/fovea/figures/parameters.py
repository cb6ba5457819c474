"""Parameters of all samples side by side, as a table and as a figure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.names import trace_unit
from fovea.figures import style
from fovea.fits.bounds import note_of_branches, notes_of_table
from fovea.fits.fit_table import read_fits
from fovea.fits.parameter_table import write_summaries
from fovea.fits.settings import Settings, parameter_units, settings_of

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
    """Write to `table` and draw the distribution of each fitted parameter, sample by sample."""
    settings, area = settings_of(entry), entry.get("normalise") == "area"
    units = parameter_units(settings, trace_unit(column, area))
    data = {sample: read_fits(path) for sample, path in fits.items()}
    notes = {sample: notes_of_table(settings, found) for sample, found in data.items()}
    said = {sample: notes[sample] | _exchanged(settings, found, notes[sample])
            for sample, found in data.items()}  # fmt: skip
    write_summaries(table, data, {name: units[name] for name in settings.fitted}, said)
    names = [f"{sample}\nn = {found['success'].sum()}" for sample, found in data.items()]
    # a panel becomes wider with the samples
    across = max(1, min(4 if len(data) < 4 else 2 if len(data) < 11 else 1, len(settings.fitted)))
    down = max(1, -(-len(settings.fitted) // across))
    wide = style.WIDTH if len(data) > 3 else style.WIDTH / 4 * max(across, 2)
    room = 0.75 * wide / across
    size = (wide, (2.3 + style.slant_room(names, room)) * down + 0.4)
    with style.figure(size, targets) as drawing:
        grid = drawing.subplots(down, across, squeeze=False)
        for axes, name in zip(grid.flat, settings.fitted, strict=False):
            axes.set_ylabel(style.label(settings.model.parameter(name).title, units[name]))
            _panel(axes, [np.sort(found.loc[found["success"], name]) for found in data.values()])
            style.name_samples(axes, names, room)
        for axes in grid.flat[len(settings.fitted) :]:
            axes.set_axis_off()
        title = f"{settings.model.title}: {style.feature_words(column, area)}"
        drawing.suptitle(title, fontsize=9)
        style.note(drawing, left_out, remarks_of(notes))
    for sample, found in data.items():
        log.info("%s: %d of %d fits", sample, found["success"].sum(), len(found))
    for remark in remarks_of(notes):
        log.warning(remark)


def _exchanged(settings: Settings, found: pd.DataFrame, notes: Mapping[str, str]) -> dict[str, str]:
    """Return what the table says of exchangeable rates, after the notes that there are."""
    several = int((found["also_fits"] != "").sum()) if "also_fits" in found else 0
    note = note_of_branches(settings, several, len(found))
    names = settings.model.branches[:2] if note else ()
    return {name: "; ".join([notes[name], note] if name in notes else [note]) for name in names}


def remarks_of(notes: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the notes on the parameters of samples, each with its sample if there are several."""
    return [
        note if len(notes) == 1 else f"{sample}: {note}"
        for sample, own in notes.items()
        for note in own.values()
    ]


def _panel(axes, samples: list[np.ndarray]) -> None:
    for place, values in enumerate(samples):
        if not len(values):
            continue
        colour = style.colour_of(place)
        size = 5 if len(values) < 200 else 2
        across = place + 0.26 * style.scattered(len(values))
        opacity = min(0.7, max(0.1, 60 / len(values)))
        axes.scatter(across, values, s=size, color=colour, alpha=opacity, linewidths=0)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        axes.plot([place - 0.36, place + 0.36], [middle] * 2, color="black", lw=1.4, zorder=4)
        axes.plot([place, place], [low, high], color="black", lw=1.0, zorder=4)
        for end in (low, high):
            axes.plot([place - 0.1, place + 0.1], [end] * 2, color="black", lw=1.0, zorder=4)
    axes.set_xlim(-0.6, len(samples) - 0.4)
    if not any(map(len, samples)):
        style.nothing(axes, "no fit succeeded")

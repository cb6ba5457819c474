"""Curves aligned at an event: tables of all samples, and a figure of medians and quartiles."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.names import trace_unit
from fovea.errors import counted
from fovea.events.found import Found, find_events
from fovea.figures import style
from fovea.recordings.times import SECONDS
from fovea.samples.tables import write_csv

_LOG = logging.getLogger("fovea")
_LEGEND = "Lines: medians; bands: their 95 % intervals; thin lines: quartiles."
_LONGEST = 44  # letters beside an axis


def aligned(
    traces: Mapping[str, str | Path],
    table: str | Path,
    events: str | Path,
    targets: Sequence[str | Path],
    entry: Mapping[str, Any],
    column: str,
    lineages: Sequence[str | Path] = (),
    metadata: Sequence[str | Path] = (),
    left_out: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write the aligned curves and the events of all samples, and draw the curves.

    Parameters
    ----------
    traces : mapping
        Sample to its ``{sample}_traces.parquet``.
    table, events : path
        CSV files with the columns `fovea.events.curves.CURVE` and `fovea.events.found.EVENTS`;
        the sample and the unit of the times come first.
    targets : sequence of path
        Files of the figure.
    entry : mapping
        An entry of the config's `aligned`.
    column : str
        The feature that is aligned.
    lineages, metadata
        As of `fovea.events.found.find_events`.
    left_out : sequence of str
        Fields of view that are missing, in words.
    """
    event, by = entry["event"], entry["by"] or column
    found = {
        sample: find_events(path, column, event, by, entry["fraction"], lineages, metadata)
        for sample, path in traces.items()
    }
    write_csv(_joined({sample: one.curve for sample, one in found.items()}, found), table)
    write_csv(_joined({sample: one.events for sample, one in found.items()}, found), events)
    for sample, one in found.items():
        log.log(logging.INFO if len(one.curve) else logging.WARNING,
                "%s: %s", sample, words(event, one))  # fmt: skip
    _draw(found, targets, event, column, left_out)


def words(event: str, found: Found) -> str:
    """Say how many events there are in a sample, of how many cells, and what was left out."""
    text = f"{counted(len(found.events), event)}, {found.aligned} with values of the feature; "
    text += f"{found.affected} of {counted(found.cells, 'cell')} have values around one"
    if found.unknown:
        text += f"; {found.unknown} in frames without a time"
    if found.edge:
        text += f"; {counted(found.edge, 'loss', 'losses')} at the edge of the frame not counted"
    return text


def _joined(tables: Mapping[str, pd.DataFrame], found: Mapping[str, Found]) -> pd.DataFrame:
    """Put tables of samples below each other, with the sample and the unit of times."""
    parts = [part.assign(sample=sample, time_unit=found[sample].unit)
             for sample, part in tables.items()]  # fmt: skip
    whole = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return whole[["sample", "time_unit", *whole.columns.drop(["sample", "time_unit"])]]


def _draw(
    found: Mapping[str, Found],
    targets: Sequence[str | Path],
    event: str,
    column: str,
    left_out: Sequence[str],
) -> None:
    """Draw the curves of all samples, and below them how many cells they are of."""
    from matplotlib.lines import Line2D

    first = next(iter(found.values())).unit
    curves = {sample: one.curve.assign(time=one.curve["time"] * SECONDS[one.unit] / SECONDS[first])
              for sample, one in found.items()}  # fmt: skip
    span = max((np.ptp(curve["time"]) for curve in curves.values() if len(curve)), default=0.0)
    unit = style.unit_for(span, first)
    factor = SECONDS[first] / SECONDS[unit]
    with style.figure((style.WIDTH * 0.75, 4.2), targets) as drawing:
        top, below = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        handles = []
        for number, (sample, curve) in enumerate(curves.items()):
            colour, line = style.colour_of(number), style.dashes_of(number)
            text = f"{sample}: {counted(found[sample].aligned, event)}"
            handles.append(Line2D([], [], color=colour, ls=line, lw=1.6, label=text))
            rows = _with_gaps(curve)
            time = rows["time"] * factor
            top.fill_between(time, rows["median_low"], rows["median_high"], color=colour,
                             alpha=0.3, lw=0)  # fmt: skip
            for name, width in (("median", 1.6), ("lower_quartile", 0.5), ("upper_quartile", 0.5)):
                top.plot(time, rows[name], color=colour, ls=line, lw=width)
            below.plot(time, rows["cells"], color=colour, ls=line, drawstyle="steps-mid")
        top.set_ylabel(fill(style.label(style.feature_words(column), trace_unit(column)), _LONGEST))
        below.set_ylabel("cells")
        below.set_xlabel(f"time since {event} ({unit})")
        if any(map(len, curves.values())):
            for axes in (top, below):
                axes.axvline(0, color=style.GREY, lw=0.7, zorder=0)
            below.set_ylim(bottom=0)
        else:
            for axes in (top, below):
                style.nothing(axes, f"no {event}")
        style.key(drawing, handles)
        style.note(drawing, left_out, [_LEGEND])


def _with_gaps(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a curve with a row of missing values in each gap, so that lines end there."""
    if len(curve) < 2:
        return curve
    time = curve["time"].to_numpy()
    step = np.diff(time)
    gaps = np.flatnonzero(step > 1.5 * step.min())
    return pd.concat(
        [curve, pd.DataFrame({"time": time[gaps] + step.min()})], ignore_index=True
    ).sort_values("time", kind="stable")

"""The page of a sample: traces of every feature, and what became of its cells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJS, Select

from fovea.config.names import feature_of, trace_unit
from fovea.figures.style import feature_words, label, unit_for
from fovea.fits.traces import Traces, load_traces
from fovea.pages.report import template
from fovea.pages.views import cells, html, populations, traces
from fovea.samples.parts import CELL, GEOMETRY
from fovea.samples.tables import comment_lines, parquet_columns, read_parquet

_LOG = logging.getLogger("fovea")
_VALUES = 500_000  # of all features that are drawn, for a page of at most 5 MB
_REASONS = {
    "": "kept", "short": "in too few frames", "border": "too near the edge",
    "short, border": "in too few frames, and too near the edge",
}  # fmt: skip


def sample_page(
    table: str | Path,
    cell_table: str | Path,
    target: str | Path,
    features: Sequence[str],
    about: str | Path | None = None,
    log: logging.Logger = _LOG,
) -> None:
    """Write the page.

    Parameters
    ----------
    table, cell_table : path
        ``{sample}_traces.parquet`` and ``{sample}_traces_cells.parquet``.
    features : sequence of str
        The columns of its features.
    about : path, optional
        A table of the sample as CSV, whose first lines say what it was made of.
    """
    every = read_parquet(cell_table)
    models = _lives(every, table)
    drawn, thinning, left_out = _features(table, features)
    head, at = template.embedded(models | drawn)
    kept = int((every["kept"] & every["good"]).sum())
    sample = every.attrs["sample"]
    remarks = [f"This sample is made without {place}." for place in left_out]
    remarks += [thinning.words] * bool(thinning and thinning.words)
    parts = [html.element("p", remark, class_="warning") for remark in remarks]
    if drawn:
        parts.append(template.section("Traces", at["feature"], at["traces"]))
    figures = [at[name] for name in models]
    parts.append(template.section("Cells", _fates(every), template.columns(*figures)))
    if about is not None:
        lines = [html.element("li", line) for line in comment_lines(about)]
        parts.append(template.section("What the tables were made of", html.element("ul", *lines)))
    lead = f"{kept} cells in the sample, of {len(every)} that were tracked"
    page = template.page(f"{sample}: traces and cells", lead, *parts, home="../index.html",
                         head=head)  # fmt: skip
    template.write_page(target, page)
    log.info("%d cells, %d in the sample, %d features", len(every), kept, len(features))


def _lives(every: pd.DataFrame, table: str | Path) -> dict[str, object]:
    """Return figures of how many cells there are, how long, how large, and how they move."""
    kept = every["kept"].to_numpy(bool)
    found: dict[str, object] = {
        "counts": populations.counts_figure(populations.cells_per_frame(every)),
        "lengths": populations.histogram_figure(
            "Frames per cell, before and after the filters", "frames",
            {"tracked": every["frames"], "kept": every["frames"][kept]}, whole=True),
    }  # fmt: skip
    names = parquet_columns(table)
    area = next((name for name in names if feature_of(name) == "area"), None)
    if area is not None:
        unit = trace_unit(area)
        good = read_parquet(table, ["good", area])
        values = good.loc[good["good"], area]
        found["areas"] = populations.histogram_figure(
            "Areas in all frames", f"area ({unit})", {"rows": values}, "rows")  # fmt: skip
    if set(GEOMETRY) <= set(names):
        rows = read_parquet(table, [*CELL, "frame", "good", *GEOMETRY[:2]])
        moved = populations.displacements(rows[rows["good"]])
        title = "Displacements from one frame to the next"
        found["moves"] = populations.histogram_figure(
            title, "displacement (pixels)", {"steps": moved}, "steps")  # fmt: skip
    return found


def _fates(every: pd.DataFrame) -> html.Html:
    """Say how many cells were kept, and why others were not."""
    counts = every["reason"].fillna("").value_counts()
    bad = int((every["kept"] & ~every["good"]).sum())
    numbers = [(len(every), "tracked")]
    numbers += [(count - (bad if not reason else 0), _REASONS.get(reason, reason))
                for reason, count in counts.items()]  # fmt: skip
    numbers += [(bad, "judged bad")] * bool(bad)
    return html.element("div", *(
        html.element("span", html.element("b", number), words) for number, words in numbers
    ), class_="numbers")  # fmt: skip


def _features(
    table: str | Path, features: Sequence[str]
) -> tuple[dict[str, object], cells.Thinning | None, list[str]]:
    """Return the figure of traces with the choice of its feature; what is drawn; what is missing.

    The figure holds the values of all features, and shows those of one.
    """
    if not features:
        return {}, None, []
    data = load_traces(table, features[0])
    values = max(1, min(cells.DRAWN_VALUES, data.value.shape[1]))
    most = max(20, min(cells.DRAWN_CELLS, _VALUES // (values * (len(features) + 1))))
    thinning = cells.thinned(np.arange(len(data)), data.value.shape[1], most)
    unit, names = _unit(data), cells.cell_names(data)
    titles = {name: label(feature_words(name), trace_unit(name)) for name in features}
    columns: dict[str, list] = {}
    bands = {}
    for name in features:
        if bands:  # the traces of one feature at a time, for memory's sake
            data = load_traces(table, name)
        times, drawn, _ = cells.drawn_traces(data, unit, thinning)
        columns |= {f"times {name}": times, f"values {name}": drawn}
        bands[name] = traces.quartiles(data, unit)
    source = cells.cell_source({"name": names}, **columns,
                               times=columns[f"times {features[0]}"],
                               values=columns[f"values {features[0]}"])  # fmt: skip
    figure = traces.traces_figure(source, bands[features[0]], titles[features[0]], unit,
                                  size=(900, 430))  # fmt: skip
    spread = next(r.data_source for r in figure.renderers if r.name == "band")
    choice = Select(title="feature", options=list(titles.items()), value=features[0], width=300)
    choice.js_on_change("value", CustomJS(args={
        "cells": source, "spread": spread, "figure": figure, "axis": figure.yaxis[0],
        "titles": titles,
        "bands": {name: ColumnDataSource(band) for name, band in bands.items()},
    }, code=_CHOOSE))  # fmt: skip
    return {"feature": choice, "traces": figure}, thinning, data.left_out


_CHOOSE = """
const name = cb_obj.value
cells.data.times = cells.data[`times ${name}`]
cells.data.values = cells.data[`values ${name}`]
const band = bands instanceof Map ? bands.get(name) : bands[name]
spread.data = {...band.data}
axis.axis_label.text = titles instanceof Map ? titles.get(name) : titles[name]
axis.change.emit(); cells.change.emit(); figure.reset.emit()
"""


def _unit(data: Traces) -> str:
    """Return the unit in which the times of traces are read most easily."""
    known = data.time[np.isfinite(data.time)]
    return unit_for(known.max() - known.min() if len(known) else 0.0, data.unit)

"""The page of one fit of one sample: traces, parameters, and every cell, the worst first."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    Button,
    ColumnDataSource,
    CustomJS,
    DataTable,
    NumberFormatter,
    StringFormatter,
    TableColumn,
)  # fmt: skip

from fovea.config.names import channel_of, column, feature_of, trace_unit
from fovea.figures.style import feature_words, label
from fovea.fits.bounds import notes_of_table
from fovea.fits.fit_table import read_fits
from fovea.fits.settings import Settings, parameter_units, settings_of
from fovea.fits.traces import Traces, load_traces
from fovea.pages.report import pictures, template
from fovea.pages.views import cells, doubt, html, panel, parameters, traces, tracking
from fovea.samples.parts import CELL
from fovea.samples.tables import read_csv
from fovea.store.groups import groups_of

_LOG = logging.getLogger("fovea")


def fit_page(
    table: str | Path,
    cell_table: str | Path,
    fits: str | Path,
    target: str | Path,
    entry: Mapping[str, Any],
    name: str,
    area: Mapping[str, str] | None = None,
    models: str | Path | None = None,
    images: Sequence[str | Path] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write the page.

    Parameters
    ----------
    table, cell_table, fits : path
        ``{sample}_traces.parquet``, ``{sample}_traces_cells.parquet`` and the table of the fits.
    entry, name, area
        The entry of `analysis`, the column that is fitted, and the columns that its values are
        divided by, as for `fovea.fits.fit.fit`.
    models : path, optional
        The comparison of models that were fitted to the same values.
    images : sequence of path
        ``zarr.json`` of the tracked cells of each field of view whose images are there.
    """
    settings, data, found = settings_of(entry), load_traces(table, name, area), read_fits(fits)
    rows = tracking.read_places(table)
    found = tracking.with_tracking(found, data, rows, cell_table)
    score, reasons = doubt.doubts(found)
    order = np.argsort(-score, kind="stable")
    data, found = reordered(data, order), found.iloc[order].reset_index(drop=True)
    reasons = [reasons[row] for row in order]
    unit = settings.model.time_unit
    thinning = cells.thinned(np.arange(len(data)), data.value.shape[1])
    source = _source(settings, data, found, reasons, unit, thinning)
    compared = None if models is None else _competing(models, data)
    strips = _strips(name, data, thinning, rows, images)
    del rows  # of all cells and frames
    details = _details(settings, entry, name, data, found, reasons, compared, strips)
    remarks = [f"This sample is made without {place}." for place in data.left_out]
    remarks += [f"{note}." for note in notes_of_table(settings, found).values()]
    remarks += [thinning.words] * bool(thinning.words)
    if images and len(strips) < len(thinning.rows):
        remarks.append(f"Pictures of {len(strips)} of {len(data)} cells are on this page, the most "
                       "doubtful ones.")  # fmt: skip
    template.write_page(target, _page(settings, entry, name, data, found, source, details, remarks))
    log.info("%d cells, %d fits succeeded, %d drawn, %d with pictures", len(data),
             found["success"].sum(), len(thinning.rows), len(strips))  # fmt: skip


def reordered(data: Traces, order: np.ndarray) -> Traces:
    """Return traces with their cells in another order."""
    chosen = {
        name: getattr(data, name)[order] for name in ("fov", "cell", "frame", "time", "value")
    }
    return replace(data, dataset=[data.dataset[row] for row in order], **chosen)


def _source(
    settings: Settings, data: Traces, found: pd.DataFrame, reasons: Sequence[Sequence[str]],
    unit: str, thinning: cells.Thinning,
) -> ColumnDataSource:  # fmt: skip
    times, values, _ = cells.drawn_traces(data, unit, thinning)
    curves = cells.curves(settings, found, times, values)
    numbers = {name: found[name].to_numpy(float) for name in _titles(settings, {})}
    return cells.cell_source(
        {"name": cells.cell_names(data), "good": found["success"].to_numpy(bool),
         "why": [", ".join(words) for words in reasons]} | numbers,
        times=times, values=values, curve_times=curves.times, curve_values=curves.values,
        residuals=curves.residuals, inside=curves.inside,
    )  # fmt: skip


def _titles(settings: Settings, units: Mapping[str, str]) -> dict[str, str]:
    """Return what the scatter can show: fitted parameters first."""
    titles = {}
    for name in settings.fitted:
        title = settings.model.parameter(name).title
        words = title if title.startswith(name) else f"{name}: {title}"
        titles[name] = label(words, units.get(name, "1"))
    more = {"r_squared": "R²", "rmse": "rmse", "autocorrelation": "autocorrelation of residuals",
            "n_points": "number of values"}  # fmt: skip
    return titles | more


def _competing(path: str | Path, data: Traces) -> pd.DataFrame:
    """Return what `fovea.fits.compare.compare` wrote, a row for each cell."""
    table = read_csv(path, ("dataset", "best_model"))
    key = [name for name in CELL if name in table]
    keys = tracking.keys_of(data).droplevel([name for name in CELL if name not in key])
    return table.set_index(key).reindex(keys)


def _places(data: Traces) -> list[tuple[str, int, int]]:
    """Return dataset, field of view and number of each cell."""
    return list(zip(data.dataset, data.fov.tolist(), data.cell.tolist(), strict=True))


def _strips(
    name: str, data: Traces, thinning: cells.Thinning, rows: pd.DataFrame,
    images: Sequence[str | Path],
) -> dict[tuple[str, int, int], str]:  # fmt: skip
    """Return the pictures of cells that are drawn, as far as there are images."""
    if not images:
        return {}
    tracked = groups_of(map(str, images))
    phase = {group.name.replace("seg_tracked", "pc") for group in tracked}
    channels = {"phase contrast": next(iter(phase))} if len(phase) == 1 else {}
    if f"pc_ch_{channel_of(name)}" not in channels.values():
        channels[f"channel {channel_of(name)}"] = column("fl", channel_of(name))
    places = _places(data)
    shown = [places[row] for row in thinning.rows]
    return pictures.cell_strips(tracked, channels, rows, shown, _captions(data))


def _details(
    settings: Settings, entry: Mapping, name: str, data: Traces, found: pd.DataFrame,
    reasons: Sequence[Sequence[str]], compared: pd.DataFrame | None,
    strips: Mapping[tuple[str, int, int], str],
) -> ColumnDataSource:  # fmt: skip
    """Return text and pictures of each cell."""
    units = parameter_units(settings, trace_unit(name, entry.get("normalise") == "area"))
    texts = []
    for row in range(len(data)):
        rivals = None
        if compared is not None:
            own = compared.iloc[row]
            rivals = {key.removeprefix("aicc_"): (own[key], own[f"weight_{key[5:]}"])
                      for key in compared if key.startswith("aicc_")}  # fmt: skip
        texts.append(str(panel.fit_text(settings, units, found.iloc[row], reasons[row], rivals)))
    pictured = [strips.get(place, "") for place in _places(data)]
    return ColumnDataSource({"text": texts, "strip": pictured})


def _captions(data: Traces) -> dict[tuple[str, int], dict[int, str]]:
    """Return what is written below the frames of each field of view: their times in hours."""
    found: dict[tuple[str, int], dict[int, str]] = {}
    hours = data.time_in("h")
    for row, place in enumerate(zip(data.dataset, data.fov.tolist(), strict=True)):
        known = data.frame[row] >= 0
        words = found.setdefault(place, {})
        words |= dict(zip(data.frame[row, known].tolist(),
                          pictures.hours(hours[row, known]), strict=True))  # fmt: skip
    return found


def _page(
    settings: Settings, entry: Mapping, name: str, data: Traces, found: pd.DataFrame,
    source: ColumnDataSource, details: ColumnDataSource, remarks: Sequence[str],
) -> str:  # fmt: skip
    area = entry.get("normalise") == "area"
    unit, trace = settings.model.time_unit, trace_unit(name, area)
    values = label(f"{feature_of(name).replace('_', ' ')}{' per area' if area else ''}", trace)
    titles = _titles(settings, parameter_units(settings, trace))
    known = {key: title for key, title in titles.items() if np.isfinite(found[key]).any()}
    choice = parameters.ScatterAndHistogram(source, known or {"r_squared": "R²"})
    band, above = traces.quartiles(data, unit), "All traces: a click selects the cell"
    drawn = traces.traces_figure(source, band, values, unit, above, size=(620, 590))
    one = panel.CellPanel(source, details, values, unit, 0 if len(data) else None)
    models = {"x": choice.x, "log_x": choice.log_x, "y": choice.y, "log_y": choice.log_y,
              "scatter": choice.scatter, "histogram": choice.histogram, "remark": choice.remark,
              "traces": drawn, "list": _list(source), "fit": one.fit, "residuals": one.residuals,
              "heading": one.heading, "text": one.text, "strip": one.strip,
              "before": _step(source, -1), "after": _step(source, 1),
              "clear": _clear(source)}  # fmt: skip
    head, at = template.embedded(models)
    count = int(found["success"].sum())
    model = settings.model
    lead = (f"Fit of {model.title[:1].lower()}{model.title[1:]} to {feature_words(name, area)}: "
            f"{count} of {len(data)} cells fitted")  # fmt: skip
    notes = [html.element("p", remark, class_="warning") for remark in remarks]
    log = html.element("small", "logarithmic")
    choices = html.element("div", at["x"], log, at["log_x"], at["y"], log, at["log_y"],
                           class_="controls")  # fmt: skip
    buttons = html.element("div", at["before"], at["after"], at["clear"], class_="controls")
    return template.page(
        f"{data.sample}: {model.name}", lead, *notes,
        template.section("Parameters and traces of all cells", choices, template.columns(
            html.Html(at["scatter"] + at["remark"] + at["histogram"]), at["traces"])),
        template.section("One cell", html.element("p", _EXPLAIN, class_="soft"), template.columns(
            html.Html(at["list"] + at["text"]),
            html.Html(buttons + at["heading"] + at["strip"] + at["fit"] + at["residuals"]))),
        home="../index.html", head=head,
    )  # fmt: skip


_EXPLAIN = (
    "The list begins with the most doubtful cells: without an estimate, at a bound, with a poor "
    "R², correlated residuals, or an area that jumps from one frame to the next. Selecting cells "
    "in the list, the scatter or the traces selects them everywhere."
)


def _list(source: ColumnDataSource) -> DataTable:
    columns = [
        TableColumn(field="name", title="cell", width=190, formatter=StringFormatter()),
        TableColumn(field="r_squared", title="R²", width=70,
                    formatter=NumberFormatter(format="0.00000", nan_format="")),
        TableColumn(field="why", title="why it is worth a look", width=320,
                    formatter=StringFormatter()),
    ]  # fmt: skip
    return DataTable(source=source, columns=columns, height=330, sizing_mode="stretch_width",
                     index_position=None, selectable=True, reorderable=False,
                     row_height=24)  # fmt: skip


def _step(source: ColumnDataSource, step: int) -> Button:
    button = Button(label="next cell ▸" if step > 0 else "◂ previous cell", width=120)
    button.js_on_event("button_click", CustomJS(args={"cells": source, "step": step}, code="""
        const count = cells.data.name.length
        const now = cells.selected.indices.length ? cells.selected.indices[0] : 0
        if (count) cells.selected.indices = [Math.min(count - 1, Math.max(0, now + step))]
    """))  # fmt: skip
    return button


def _clear(source: ColumnDataSource) -> Button:
    button = Button(label="select none", width=110)
    button.js_on_event("button_click", CustomJS(args={"cells": source},
                                                code="cells.selected.indices = []"))  # fmt: skip
    return button

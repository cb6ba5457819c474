"""One cell: its data and fitted curve, residuals, what the fit says, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJS, Span

from fovea.fits.fit_table import BOUND_WORDS
from fovea.fits.settings import Settings
from fovea.pages.views import html, style
from fovea.pages.views.traces import legend


class CellPanel:
    """The figures and texts of the selected cell; of the first of several.

    Parameters
    ----------
    cells : ColumnDataSource
        One row per cell: ``name`` and the lists of arrays ``times``, ``values``, ``curve_times``,
        ``curve_values``, ``residuals`` and ``inside``, see `fovea.pages.views.cells`.
    details : ColumnDataSource
        A row for each of them: ``text``, HTML about the fit, and ``strip``, HTML of its pictures.
    first : int, optional
        Row of the cell that is shown while none is selected.

    Attributes
    ----------
    fit, residuals : figure
    text, strip, heading : Div
    """

    def __init__(
        self, cells: ColumnDataSource, details: ColumnDataSource, label: str, unit: str,
        first: int | None = None,
    ):  # fmt: skip
        self._cells, self._details = cells, details
        empty = {name: np.zeros(0) for name in ("time", "value", "residual", "colour")}
        self._points = ColumnDataSource(empty)
        self._curve = ColumnDataSource({"time": np.zeros(0), "value": np.zeros(0)})
        self.heading, self.text, self.strip = (style.text_block() for _ in range(3))
        self.fit = style.figure("Data and fit", "", label, size=(520, 280))
        self.fit.scatter("time", "value", source=self._points, size=5.5, fill_color="colour",
                         line_color=None, fill_alpha=0.85, legend_label="data")  # fmt: skip
        self.fit.line("time", "value", source=self._curve, line_color=style.SELECTED,
                      line_width=2.2, legend_label="fit")  # fmt: skip
        legend(self.fit)
        self.fit.legend.orientation = "horizontal"
        self.fit.legend.spacing = 16
        self.fit.add_layout(Span(location=0, dimension="height", line_color=style.DARK,
                                 line_dash="dotted", visible=False, name="now"))  # fmt: skip
        self.residuals = style.figure("Residuals", f"time ({unit})", "data - fit", size=(520, 190),
                                      x_range=self.fit.x_range)  # fmt: skip
        self.residuals.add_layout(Span(location=0, dimension="width", line_color=style.SELECTED))
        self.residuals.scatter("time", "residual", source=self._points, size=4.5,
                               fill_color="colour", line_color=None)  # fmt: skip
        self.show = CustomJS(args={
            "cells": cells, "details": details, "points": self._points, "curve": self._curve,
            "heading": self.heading, "text": self.text, "strip": self.strip,
            "first": -1 if first is None else first, "fit": self.fit, "residuals": self.residuals,
            "colours": [style.DARK, "#c3cad0"],
        }, code=_SHOW)  # fmt: skip
        cells.selected.js_on_change("indices", self.show)
        if first is not None:
            self.fill(first)

    def fill(self, row: int) -> None:
        """Show a cell without JavaScript, so that the page is right before any event."""
        data, texts = self._cells.data, self._details.data
        inside = np.asarray(data["inside"][row], bool)
        colours = np.where(inside, style.DARK, "#c3cad0").tolist()
        self._points.data = {"time": data["times"][row], "value": data["values"][row],
                             "residual": data["residuals"][row], "colour": colours}  # fmt: skip
        self._curve.data = {"time": data["curve_times"][row], "value": data["curve_values"][row]}
        self.heading.text = str(html.element("h3", data["name"][row]))
        self.text.text, self.strip.text = texts["text"][row], texts["strip"][row]


_SHOW = """
const row = cells.selected.indices.length ? cells.selected.indices[0] : first
if (row < 0) return
const own = name => Array.from(cells.data[name][row])
const inside = own("inside")
points.data = {time: own("times"), value: own("values"), residual: own("residuals"),
               colour: inside.map(yes => yes ? colours[0] : colours[1])}
curve.data = {time: own("curve_times"), value: own("curve_values")}
const safe = document.createElement("span")
safe.textContent = cells.data.name[row]
const others = cells.selected.indices.length - 1
heading.text = `<h3>${safe.innerHTML}</h3>` + (others > 0 ? `and ${others} more selected` : "")
text.text = details.data.text[row]
strip.text = details.data.strip[row]
fit.reset.emit(); residuals.reset.emit()
"""


def fit_text(
    settings: Settings,
    units: Mapping[str, str],
    row: pd.Series,
    reasons: Sequence[str] = (),
    models: Mapping[str, tuple[float, float]] | None = None,
    links: Sequence[html.Html] = (),
) -> html.Html:
    """Return what the table of fits says of a cell: estimates with intervals, R², message, models.

    Parameters
    ----------
    units : mapping
        The unit of each parameter, "1" for a pure number.
    row : Series
        The cell's row in the table of fits.
    reasons : sequence of str
        Why the cell is doubtful, see `fovea.pages.views.doubt`.
    models : mapping, optional
        Competing models: their AICc and Akaike weight, by name.
    links : sequence of Html
        What else to say, such as where the cell is.
    """
    number, rows = html.number, []
    for name in settings.model.names:
        unit = "" if units[name] == "1" else units[name]
        if name in settings.fitted:
            low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
            interval = f"{number(low)} to {number(high)}" if low == low and high == high else "none"
            bound = row[f"{name}_at_bound"]
            note = f"at its {bound} bound" if bound in BOUND_WORDS.values() and bound else ""
        else:
            interval, note = "", "fixed"
        rows.append((html.element("b", name), number(row[name], 4), unit, interval, note))
    parts = [html.element("p", *(html.element("span", r, class_="doubt") for r in reasons))
             if reasons else html.Html("")]  # fmt: skip
    if rows:
        parts.append(html.table(("", "estimate", "unit", "95 % interval", ""), rows))
    facts = [("R²", number(row["r_squared"], 5)), ("rmse", number(row["rmse"])),
             ("values", f"{row['n_points']:.0f}"),
             ("autocorrelation of residuals", number(row["autocorrelation"], 2))]  # fmt: skip
    parts.append(html.element("p", "; ".join(f"{name} {value}" for name, value in facts if value)))
    if row.get("also_fits"):
        parts.append(html.element("p", f"the same curve: {row['also_fits']}", class_="message"))
    if row["message"]:
        parts.append(html.element("p", row["message"], class_="message"))
    if models:
        parts.append(html.table(("model", "AICc", "weight"), [
            (name, number(aicc, 5), number(weight, 2)) for name, (aicc, weight) in models.items()
        ]))  # fmt: skip
    return html.Html("".join([*parts, *links]))

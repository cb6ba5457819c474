"""Estimated parameters: a scatter of any two, the distribution of one, samples side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    CDSView,
    ColumnDataSource,
    CustomJS,
    HoverTool,
    IndexFilter,
    LassoSelectTool,
    Select,
    Switch,
)  # fmt: skip

from fovea.pages.views import style

_BINS = 24


class ScatterAndHistogram:
    """A scatter of two columns of the cells, chosen from a list, and a histogram of each.

    Parameters
    ----------
    cells : ColumnDataSource
        One row per cell, with ``name`` and the columns of `titles`. Cells for which ``good`` is
        False are drawn as crosses and are no part of histograms.
    titles : mapping
        Column to what people call it, with its unit; the first two are shown first.

    Attributes
    ----------
    scatter, histogram : figure
        The histogram is of what the scatter has on its x axis; bars in colour are selected cells.
    controls : list
        Widgets that choose the columns and whether their axes are logarithmic.
    remark : Div
        Says how many cells cannot be shown.
    """

    def __init__(self, cells: ColumnDataSource, titles: Mapping[str, str]):
        names = list(titles)
        count = len(cells.data["name"])
        self._cells, self._titles = cells, dict(titles)
        options = list(titles.items())
        first, second = names[0], names[min(1, len(names) - 1)]
        self.x = Select(title="horizontal", value=first, options=options, width=230)
        self.y = Select(title="vertical", value=second, options=options, width=230)
        self.log_x, self.log_y = (Switch(active=False, width=32) for _ in range(2))
        self.remark = style.text_block()
        for axis, name in (("x", first), ("y", second)):
            cells.data[axis] = np.asarray(cells.data[name], float)
        self._bars = ColumnDataSource({name: np.zeros(0) for name in
                                       ("left", "right", "all", "chosen")})  # fmt: skip
        self.scatter = self._scatter(count)
        self.histogram = self._histogram()
        redraw = self._redraw()
        for widget in (self.x, self.y):
            widget.js_on_change("value", redraw)
        for switch in (self.log_x, self.log_y):
            switch.js_on_change("active", redraw)
        cells.selected.js_on_change("indices", redraw)
        self.scatter.js_on_event("document_ready", redraw)
        self._start(redraw)

    @property
    def controls(self) -> list:
        """The widgets: horizontal, vertical, and their switches."""
        return [self.x, self.log_x, self.y, self.log_y]

    def _scatter(self, count: int):
        size = 8 if count < 150 else 6 if count < 1500 else 4
        title = "One point per cell"
        drawing = style.figure(title, tools=[BoxSelectTool(), LassoSelectTool()])
        good = np.asarray(self._cells.data["good"], bool)
        for marker, rows in (("circle", np.flatnonzero(good)), ("x", np.flatnonzero(~good))):
            if not len(rows):
                continue
            view = CDSView(filter=IndexFilter(rows.tolist()))
            look = {"fill_color": style.COLOURS[0], "line_color": style.COLOURS[0]}
            points = drawing.scatter(
                "x", "y", source=self._cells, view=view, size=size, marker=marker, **look,
                fill_alpha=0.55, line_alpha=0.8, selection_fill_color=style.SELECTED,
                selection_line_color=style.SELECTED, selection_fill_alpha=0.95,
                nonselection_fill_alpha=0.2, nonselection_line_alpha=0.25,
                legend_label="fitted" if marker == "circle" else "no estimate",
            )  # fmt: skip
            drawing.add_tools(HoverTool(renderers=[points], tooltips=[("", "@name")]))
        if not good.all():
            from fovea.pages.views.traces import legend

            legend(drawing)
        drawing.xaxis.formatter = style.ticks(self.log_x)
        drawing.yaxis.formatter = style.ticks(self.log_y)
        return drawing

    def _histogram(self):
        drawing = style.figure("Distribution", "", "cells", size=(520, 240))
        drawing.quad("left", "right", "all", 0, source=self._bars, fill_color=style.COLOURS[0],
                     fill_alpha=0.45, line_color="white")  # fmt: skip
        drawing.quad("left", "right", "chosen", 0, source=self._bars, line_color="white",
                     fill_color=style.SELECTED, fill_alpha=0.9)  # fmt: skip
        drawing.y_range.start = 0
        drawing.xaxis.formatter = style.ticks(self.log_x)
        return drawing

    def _redraw(self) -> CustomJS:
        return CustomJS(args={
            "cells": self._cells, "x": self.x, "y": self.y, "log_x": self.log_x,
            "log_y": self.log_y, "titles": self._titles, "bars": self._bars, "bins": _BINS,
            "remark": self.remark, "scatter": self.scatter, "histogram": self.histogram,
            "axis_x": self.scatter.xaxis[0], "axis_y": self.scatter.yaxis[0],
            "axis_bars": self.histogram.xaxis[0],
        }, code=_REDRAW)  # fmt: skip

    def _start(self, redraw: CustomJS) -> None:
        """Fill what the callback would fill, so that the page is right before any event."""
        values = np.asarray(self._cells.data["x"], float)
        known = values[np.isfinite(values) & np.asarray(self._cells.data["good"], bool)]
        if len(known):
            low, high = float(known.min()), float(known.max())
            high = high if high > low else low + 1
            counts, edges = np.histogram(known, bins=_BINS, range=(low, high))
            self._bars.data = {"left": edges[:-1], "right": edges[1:], "all": counts.astype(float),
                               "chosen": np.zeros(_BINS)}  # fmt: skip
        self.scatter.xaxis.axis_label.text = self._titles[self.x.value]
        self.scatter.yaxis.axis_label.text = self._titles[self.y.value]
        self.histogram.xaxis.axis_label.text = self._titles[self.x.value]


# Values of a logarithmic axis are replaced by their decimal logarithms.
_REDRAW = """
const axis = (name, log) => Float64Array.from(cells.data[name],
    v => log ? (v > 0 ? Math.log10(v) : NaN) : (v === null ? NaN : v))
const xs = axis(x.value, log_x.active), ys = axis(y.value, log_y.active)
const same = (a, b) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]))
if (!same(xs, cells.data.x) || !same(ys, cells.data.y)) {
    cells.data.x = xs
    cells.data.y = ys
    cells.change.emit()
    scatter.reset.emit()
    histogram.reset.emit()
}
axis_x.axis_label.text = axis_bars.axis_label.text = titles[x.value]
axis_y.axis_label.text = titles[y.value]
axis_x.change.emit(); axis_y.change.emit(); axis_bars.change.emit()
const good = cells.data.good
const known = [...xs.keys()].filter(i => Number.isFinite(xs[i]) && good[i])
let low = Infinity, high = -Infinity
for (const i of known) { low = Math.min(low, xs[i]); high = Math.max(high, xs[i]) }
if (!(high > low)) high = low + 1
const all = new Array(bins).fill(0), chosen = new Array(bins).fill(0)
const selected = new Set(cells.selected.indices)
for (const i of known) {
    const bin = Math.min(bins - 1, Math.floor((xs[i] - low) / (high - low) * bins))
    all[bin] += 1
    if (selected.has(i)) chosen[bin] += 1
}
const edges = Array.from({length: bins + 1}, (_, k) => low + k * (high - low) / bins)
bars.data = known.length
    ? {left: edges.slice(0, -1), right: edges.slice(1), all, chosen}
    : {left: [], right: [], all: [], chosen: []}
const hidden = [...xs.keys()].filter(i => !Number.isFinite(xs[i]) || !Number.isFinite(ys[i])).length
const why = log_x.active || log_y.active ? " (no value, or not above 0)" : " (no value)"
remark.text = hidden ? `${hidden} of ${xs.length} cells cannot be shown here${why}` : ""
"""

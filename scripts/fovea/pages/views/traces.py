"""Traces of all cells with their median and quartiles."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Span

from fovea.fits.traces import Traces
from fovea.pages.views import style


def quartiles(traces: Traces, unit: str) -> dict[str, np.ndarray]:
    """Return the quartiles of all cells by frame, where there are at least two.

    ``frame``, ``time`` in `unit`, ``low``, ``middle``, ``high`` and ``cells``, each (F,).
    """
    time = traces.time_in(unit)
    found: list[tuple] = []
    known = np.isfinite(traces.value) & np.isfinite(time)
    for frame in np.unique(traces.frame[traces.frame >= 0]):
        here = (traces.frame == frame) & known
        if here.sum() >= 2:
            low, middle, high = np.quantile(traces.value[here], (0.25, 0.5, 0.75))
            found.append((frame, np.median(time[here]), low, middle, high, here.sum()))
    columns = np.array(found, float).reshape(-1, 6).T
    return dict(zip(("frame", "time", "low", "middle", "high", "cells"), columns, strict=True))


def traces_figure(
    cells: ColumnDataSource,
    band: dict[str, np.ndarray],
    label: str,
    unit: str,
    title: str = "",
    names: tuple[str, str] = ("times", "values"),
    size: tuple[int, int] = (620, 360),
):
    """Return a figure of all traces; selected cells stand out, and a click selects one.

    Parameters
    ----------
    cells : ColumnDataSource
        One row per cell, with the lists `names` of its times and values, and ``name``.
    band : dict
        What `quartiles` returns.

    Returns
    -------
    figure
        Its median and quartiles are named ``band``, its vertical line, hidden at first, ``now``.
    """
    drawing = style.figure(title, f"time ({unit})", label, size=size)
    count = max(1, len(cells.data["name"]))
    spread = ColumnDataSource(band)
    drawing.varea("time", "low", "high", source=spread, fill_color=style.BAND, fill_alpha=0.35,
                  legend_label="quartiles", name="band")  # fmt: skip
    lines = drawing.multi_line(
        *names, source=cells, line_color=style.CELL, line_width=1,
        line_alpha=min(0.75, max(0.15, 25 / count)), legend_label="one cell",
        selection_line_color=style.SELECTED, selection_line_width=2.4, selection_line_alpha=1,
        nonselection_line_color=style.CELL, nonselection_line_alpha=min(0.25, max(0.06, 8 / count)),
    )  # fmt: skip
    lines.hover_glyph = lines.glyph.clone(line_color="#111111", line_alpha=0.9, line_width=1.8)
    drawing.line("time", "middle", source=spread, line_color=style.COLOURS[0], line_width=2.6,
                 legend_label="median", name="band")  # fmt: skip
    drawing.add_tools(HoverTool(renderers=[lines], tooltips=[("", "@name")],
                                line_policy="nearest"))  # fmt: skip
    drawing.toolbar.active_tap = next(t for t in drawing.tools if type(t).__name__ == "TapTool")
    drawing.toolbar.active_tap.renderers = [lines]
    drawing.add_layout(Span(location=0, dimension="height", line_color=style.DARK,
                            line_dash="dotted", visible=False, name="now"))  # fmt: skip
    legend(drawing)
    return drawing


def legend(drawing) -> None:
    """Put the legend where it hides little, and let a click hide a part of the figure."""
    drawing.legend.location = "top_left"
    drawing.legend.click_policy = "hide"
    drawing.legend.background_fill_alpha = 0.75
    drawing.legend.border_line_color = None
    drawing.legend.label_text_font = style.FONT
    drawing.legend.label_text_font_size = "11px"
    drawing.legend.padding, drawing.legend.spacing = 4, 1

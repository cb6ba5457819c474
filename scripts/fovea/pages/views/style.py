"""The look of all figures: fonts, colours, axes whose labels are never markup."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import MISSING_RENDERERS
from bokeh.models import (
    BoxZoomTool,
    CategoricalAxis,
    CustomJSTickFormatter,
    Div,
    InlineStyleSheet,
    PanTool,
    PlainText,
    ResetTool,
    SaveTool,
    TapTool,
    Title,
    WheelZoomTool,
)  # fmt: skip
from bokeh.plotting import figure as bokeh_figure

from fovea.figures.style import COLOURS as COLOURS

silence(MISSING_RENDERERS)  # figures of no cells are empty, and their page says so

CELL, BAND, SELECTED, DARK, PALE = "#7a8793", "#56b4e9", "#d55e00", "#333d47", "#d9dee3"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def figure(
    title: str = "", x: str = "", y: str = "", tools: Sequence = (),
    size: tuple[int, int] = (520, 340), **more,
):  # fmt: skip
    """Return an empty figure, with tools for moving, zooming, choosing by a click, and saving.

    `x` and `y` label its axes, `size` is (width, height) in pixels; the width adapts to the page.
    """
    drawing = bokeh_figure(
        width=size[0], height=size[1], toolbar_location="above", tools=[], min_border=4,
        sizing_mode="stretch_width", background_fill_color=None, border_fill_color=None,
        outline_line_color=None, **more,
    )  # fmt: skip
    pan, wheel, tap = PanTool(), WheelZoomTool(zoom_on_axis=True), TapTool()
    drawing.add_tools(pan, wheel, tap, BoxZoomTool(), *tools, ResetTool(), SaveTool())
    drawing.toolbar.active_scroll = None
    drawing.toolbar.logo = None
    drawing.toolbar.autohide = False
    drawing.title = Title(text=PlainText(text=title), text_font=FONT, text_font_size="13px",
                          text_color=DARK, text_font_style="bold")  # fmt: skip
    for axis, text in ((drawing.xaxis, x), (drawing.yaxis, y)):
        axis.axis_label = PlainText(text=text)
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size, axis.major_label_text_font_size = "12px", "11px"
        axis.axis_label_text_color = axis.major_label_text_color = DARK
        axis.axis_line_color = axis.major_tick_line_color = "#9aa4ad"
        axis.minor_tick_line_color = None
    for axis in drawing.axis:
        if not isinstance(axis, CategoricalAxis):
            axis.formatter = ticks()
    drawing.grid.grid_line_color = "#eef1f4"
    return drawing


_TEXT = f"""
:host {{ font: 13.5px/1.45 {FONT}; color: {DARK}; }}
h3 {{ font-size: 15px; margin: 6px 0 2px; }} p {{ margin: 6px 0; }} small {{ color: #5d6b77; }}
table {{ border-collapse: collapse; }} b {{ font-weight: 600; }}
th {{ text-align: left; color: #5d6b77; font-weight: 600; border-bottom: 1px solid #e1e6ea;
  padding: 3px 14px 3px 0; white-space: nowrap; }}
td {{ padding: 3px 14px 3px 0; border-bottom: 1px solid #f0f3f5; }}
.doubt {{ display: inline-block; background: #fff1dc; color: #7a4b00; border-radius: 9px;
  padding: 0 9px; margin: 0 6px 4px 0; font-size: 12.5px; }}
.message {{ color: #7a4b00; }}
"""


def text_block() -> Div:
    """Return an empty place for HTML; nothing in it is taken for mathematics."""
    return Div(text="", disable_math=True, sizing_mode="stretch_width",
               stylesheets=[InlineStyleSheet(css=_TEXT)])  # fmt: skip


def ticks(log=None) -> CustomJSTickFormatter:
    """Return a formatter of short numbers; of decimal logarithms while the switch `log` is active.

    The axes of Bokeh cannot change from linear to logarithmic; their data do.
    """
    return CustomJSTickFormatter(args={"log": log}, code="""
        const v = log && log.active ? Math.pow(10, tick) : tick
        const size = Math.abs(v)
        if (v === 0) return "0"
        if (size >= 1e5 || size < 1e-3) return v.toExponential(1).replace("e+", "e")
        return String(Number(v.toPrecision(3)))
    """)  # fmt: skip

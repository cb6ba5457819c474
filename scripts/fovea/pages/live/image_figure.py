"""The figure in which a frame is drawn, with outlines and IDs of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bokeh.models import ColumnDataSource, LinearColorMapper, Plot, Range1d
from bokeh.palettes import gray
from bokeh.plotting import figure

from fovea.pages.live.pictures import COLOURS
from fovea.pages.live.style import WORDS

SIDE = 610  # of the figure, in pixels of the page


def image_figure(
    images: Sequence[ColumnDataSource], lines: Mapping[str, ColumnDataSource],
    ids: ColumnDataSource, x: Range1d, y: Range1d,
) -> Plot:  # fmt: skip
    """Return a figure.

    Parameters
    ----------
    images : two ColumnDataSource
        Of grey values and of numbers of colours; one of them is empty.
    lines : dict of str to ColumnDataSource
        Outlines of each kind of cells, see `style.WORDS`.
    ids : ColumnDataSource
        IDs, with places and colours.
    x, y : Range1d
        The part that is in view.
    """
    made = figure(
        frame_width=SIDE, frame_height=SIDE, x_range=x, y_range=y,
        tools="pan,wheel_zoom,box_zoom,reset", active_scroll="wheel_zoom", active_drag="pan",
        toolbar_location="right", output_backend="canvas", name="picture",
        min_border=0,
    )  # fmt: skip
    made.axis.visible = False
    made.grid.visible = False
    made.background_fill_color = "#404040"
    made.toolbar.logo = None
    place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
    # One of two has an image: a glyph of Bokeh 3.9 keeps its colours, and takes time if hidden
    for source, palette in zip(images, (gray(256), COLOURS), strict=True):
        mapper = LinearColorMapper(palette=palette, low=-0.5, high=len(palette) - 0.5)
        made.image("image", source=source, color_mapper=mapper, **place)
    for kind, source in lines.items():
        made.line("x", "y", source=source, color=WORDS[kind][0],
                  width=3 if kind == "chosen" else 1.5)  # fmt: skip
    made.text("x", "y", text="text", source=ids, text_color="colour",
              text_font_size="11px", text_align="center", text_baseline="middle",
              background_fill_color="#000000", background_fill_alpha=0.55, padding=1,
              border_radius=3)  # fmt: skip
    return made

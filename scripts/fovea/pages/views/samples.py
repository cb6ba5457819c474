"""One parameter of all samples side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, HoverTool, Select, Switch

from fovea.figures.style import colour_of, scattered
from fovea.pages.views import style


class SideBySide:
    """Samples side by side: a point per cell, the median and quartiles.

    Parameters
    ----------
    samples : mapping
        Sample to its columns, each with one value per cell: ``name`` and those of `titles`. Only
        cells whose fit succeeded.
    titles : mapping
        Column to what people call it, with its unit; the first is shown first.
    every : int
        Every so many cells are drawn; medians and quartiles are those of all.

    Attributes
    ----------
    figure : figure
    controls : list
        Widgets that choose the column and whether the axis is logarithmic.
    """

    def __init__(
        self, samples: Mapping[str, Mapping[str, np.ndarray]], titles: Mapping[str, str],
        every: int = 1,
    ):  # fmt: skip
        names = [f"{sample} (n = {len(columns['name'])})" for sample, columns in samples.items()]
        self.column = Select(title="parameter", options=list(titles.items()),
                             value=next(iter(titles)), width=230)  # fmt: skip
        self.log = Switch(active=False, width=32)
        points, boxes = self._data(samples, titles, names, every)
        self.figure = drawing = style.figure("", "", titles[self.column.value], size=(520, 360),
                                             x_range=names)  # fmt: skip
        count = len(points["cell"])
        opacity = min(0.7, max(0.08, 150 / max(count, 1)))
        source, box = ColumnDataSource(points), ColumnDataSource(boxes)
        size = 6 if count < 600 else 4
        dots = drawing.scatter("place", "y", source=source, size=size, fill_color="colour",
                               line_color=None, fill_alpha=opacity)  # fmt: skip
        look = {"source": box, "line_color": "#111111", "line_width": 2}
        drawing.segment("left", "middle", "right", "middle", **look)
        drawing.segment("centre", "low", "centre", "high", **look)
        drawing.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@cell")]))
        drawing.yaxis.formatter = style.ticks(self.log)
        drawing.xaxis.major_label_orientation = 0.6 if len(names) > 4 else "horizontal"
        drawing.xgrid.grid_line_color = None
        change = CustomJS(args={
            "points": source, "boxes": box, "column": self.column, "log": self.log,
            "titles": dict(titles), "axis": drawing.yaxis[0], "drawing": drawing,
        }, code=_CHANGE)  # fmt: skip
        self.column.js_on_change("value", change)
        self.log.js_on_change("active", change)
        self.controls = [self.column, self.log]

    @staticmethod
    def _data(samples: Mapping, titles: Mapping, names: list[str], every: int) -> tuple[dict, dict]:
        points: dict[str, list] = {"place": [], "cell": [], "colour": []}
        points |= {column: [] for column in titles}
        boxes: dict[str, list] = {"left": [], "right": [], "centre": names}
        boxes |= {f"{column}_{k}": [] for column in titles for k in ("low", "middle", "high")}
        for place, (name, columns) in enumerate(zip(names, samples.values(), strict=True)):
            drawn = columns["name"][::every]
            offsets = 0.28 * scattered(len(drawn))
            points["place"] += [(name, float(offset)) for offset in offsets]
            points["cell"] += list(drawn)
            points["colour"] += [colour_of(place)] * len(offsets)
            boxes["left"].append((name, -0.36))
            boxes["right"].append((name, 0.36))
            for column in titles:
                values = np.asarray(columns[column], float)
                points[column] += values[::every].tolist()
                known = values[np.isfinite(values)]
                found = np.quantile(known, (0.25, 0.5, 0.75)) if len(known) else [np.nan] * 3
                for key, value in zip(("low", "middle", "high"), found, strict=True):
                    boxes[f"{column}_{key}"].append(float(value))
        first = next(iter(titles))
        points["y"] = list(points[first])
        boxes |= {key: list(boxes[f"{first}_{key}"]) for key in ("low", "middle", "high")}
        return points, boxes


_CHANGE = """
const shown = v => v === null ? NaN : !log.active ? v : v > 0 ? Math.log10(v) : NaN
points.data.y = Array.from(points.data[column.value], shown)
for (const key of ["low", "middle", "high"])
    boxes.data[key] = Array.from(boxes.data[`${column.value}_${key}`], shown)
axis.axis_label.text = titles[column.value]
axis.change.emit(); points.change.emit(); boxes.change.emit(); drawing.reset.emit()
"""

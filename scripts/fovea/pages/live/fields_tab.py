"""The table of fields of view: where each stands; a click opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    DataTable,
    HTMLTemplateFormatter,
    StringFormatter,
    TableColumn,
)

from fovea.errors import counted
from fovea.pages.live.browser import keep_fresh, on
from fovea.pages.live.style import TABLE, note
from fovea.pages.live.thumbnails import URL
from fovea.runs.status import Row

_NAMES = ("dataset", "fov", "state", "step", "progress", "cells", "judged", "error", "picture",
          "colour")  # fmt: skip
_STATES = {"done": "#009e73", "running": "#0072b2", "waiting": "#888888", "failed": "#d55e00",
           "interrupted": "#d55e00"}  # fmt: skip
_STATE = '<span style="color: <%- colour %>; font-weight: 600"><%- value %></span>'
_PICTURE = '<img src="<%- value %>" height="52" alt="" loading="lazy">'


class FieldsTab:
    """All fields of view of a run.

    Parameters
    ----------
    opened : callable
        Is given dataset and number of the field of view that somebody has clicked.
    """

    def __init__(self, opened: Callable[[str, str], None]):
        self._opened = opened
        self._quiet = False
        self.source = ColumnDataSource({name: [] for name in _NAMES})
        text = StringFormatter()
        self.table = DataTable(
            source=self.source, index_position=None, row_height=58, height=680, name="fields",
            sizing_mode="stretch_width", stylesheets=[TABLE], autosize_mode="none",
            reorderable=False,
            columns=[
                TableColumn(field="picture", title="", width=70, sortable=False,
                            formatter=HTMLTemplateFormatter(template=_PICTURE)),
                TableColumn(field="dataset", title="Dataset", width=120, formatter=text),
                TableColumn(field="fov", title="Field of view", width=85, formatter=text),
                TableColumn(field="state", title="State", width=90,
                            formatter=HTMLTemplateFormatter(template=_STATE)),
                TableColumn(field="step", title="Step", width=100, formatter=text),
                TableColumn(field="progress", title="Progress", width=110, formatter=text),
                TableColumn(field="cells", title="Cells kept", width=90, formatter=text),
                TableColumn(field="judged", title="Judged", width=70, formatter=text),
                TableColumn(field="error", title="What went wrong", width=650, formatter=text),
            ],
        )  # fmt: skip
        keep_fresh(self.table)
        self.about = note("Looking at the results …", sizing_mode="stretch_width", name="summary")
        on(self.source.selected, "indices", self._selected)
        self.layout = column(self.about, self.table, sizing_mode="stretch_width")

    def show(self, rows: Sequence[Row], judged: Mapping[tuple[str, int], int]) -> None:
        """Show where the fields of view stand; `judged` counts judged cells of each."""
        data: dict[str, list] = {name: [] for name in _NAMES}
        for row in rows:
            number = judged.get((row.dataset, int(row.fov)), 0) if row.fov else 0
            picture = URL.format(dataset=row.dataset, fov=row.fov) if row.fov else ""
            values = (row.dataset, row.fov, row.state, row.step, row.progress, row.cells,
                      str(number) if row.cells else "", row.error, picture,
                      _STATES.get(row.state, "#222222"))  # fmt: skip
            for name, value in zip(_NAMES, values, strict=True):
                data[name].append(value)
        if data != dict(self.source.data):
            self._quiet = True
            self.source.data = data
            self._quiet = False
        counts = {state: sum(row.state == state for row in rows) for state in _STATES}
        states = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        kept = sum(row.cells_kept or 0 for row in rows)
        found = sum(row.cells_found or 0 for row in rows)
        number = sum(bool(row.fov) for row in rows)
        if not number:
            self.about.text = (
                "<b>No field of view is known yet</b>: a run inspects the recordings first. This "
                "page shows them as soon as they are there."
            )
            return
        self.about.text = (
            f"<b>{counted(number, 'field')} of view</b>: {states}. {kept} of "
            f"{counted(found, 'cell')} have traces. Click a row to open it."
        )

    def _selected(self, new: list[int]) -> None:
        if self._quiet or not new:
            return
        dataset, fov = self.source.data["dataset"][new[0]], self.source.data["fov"][new[0]]
        self._quiet = True
        self.source.selected.indices = []  # so that the same row can be clicked again
        self._quiet = False
        if fov:
            self._opened(dataset, fov)

"""The list of cells, the most doubtful first, and which of them are listed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    DataTable,
    NumberFormatter,
    Select,
    Spinner,
    StringFormatter,
    TableColumn,
)

from fovea.errors import counted
from fovea.pages.live.browser import keep_fresh, on
from fovea.pages.live.cells import COLUMNS
from fovea.pages.live.style import TABLE, note
from fovea.pages.views.doubt import JUMP, POOR

#: Words of the list of filters to what they keep of a table.
FILTERS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "all cells": lambda t: t["cell"] > 0,
    "with a trace": lambda t: t["kept"].astype(bool),
    "worth a look": lambda t: t["why"] != "",
    "not judged yet": lambda t: t["kept"].astype(bool) & (t["verdict"] == ""),
    "judged": lambda t: t["verdict"] != "",
    "judged bad": lambda t: t["verdict"].str.contains("bad"),
    f"R² below {POOR:g}": lambda t: t["r_squared"] < POOR,
    "at a bound": lambda t: t["at_bound"] != "",
    f"area jumps by more than × {JUMP:g}": lambda t: t["jump"] > JUMP,
    "left out": lambda t: ~t["kept"].astype(bool),
    "left out: too short": lambda t: t["reason"].str.contains("short"),
    "left out: too near the edge": lambda t: t["reason"].str.contains("edge"),
}


class CellList:
    """Cells of a field of view as a table.

    Parameters
    ----------
    chosen : callable
        Is given the cells that somebody has chosen in the table.
    """

    def __init__(self, chosen: Callable[[list[int]], None]):
        self._choose = chosen
        self._table = pd.DataFrame(columns=list(COLUMNS))
        self._quiet = False
        self.source = ColumnDataSource({name: [] for name in COLUMNS})
        text, number = StringFormatter(), NumberFormatter(format="0.00", nan_format="–")
        whole = NumberFormatter(format="0")
        columns = [
            TableColumn(field="cell", title="Cell", width=50, formatter=whole),
            TableColumn(field="frames", title="Frames", width=60, formatter=whole),
            TableColumn(field="r_squared", title="R²", width=55, formatter=number),
            TableColumn(field="jump", title="Jump", width=55, formatter=number),
            TableColumn(field="confidence", title="Conf.", width=55, formatter=number),
            TableColumn(field="why", title="Look at", width=230, formatter=text),
            TableColumn(field="reason", title="Left out", width=120, formatter=text),
            TableColumn(field="verdict", title="Verdict", width=150, formatter=text),
        ]
        self.table = DataTable(
            source=self.source, columns=columns, height=235, sizing_mode="stretch_width",
            index_position=None, selectable=True, row_height=24, stylesheets=[TABLE], name="cells",
            autosize_mode="none",
            reorderable=False,
        )  # fmt: skip
        keep_fresh(self.table)
        self.filter = Select(title="Cells", options=list(FILTERS), value="all cells", width=230)
        self.shortest = Spinner(title="at least … frames", low=0, value=0, step=1, width=110)
        self.said = note()
        on(self.source.selected, "indices", self._selected)
        on(self.filter, "value", lambda _: self._fill())
        on(self.shortest, "value", lambda _: self._fill())

    def show(self, table: pd.DataFrame) -> None:
        """List other cells, or what is new of these."""
        self._table = table
        self._fill()

    @property
    def listed(self) -> list[int]:
        """The cells that are listed, in their order."""
        return [int(cell) for cell in self.source.data["cell"]]

    def mark(self, cells: list[int]) -> None:
        """Mark chosen cells that are listed."""
        wanted = set(cells)
        indices = [i for i, cell in enumerate(self.listed) if cell in wanted]
        if sorted(self.source.selected.indices) != indices:
            self._quiet = True
            self.source.selected.indices = indices
            self._quiet = False

    def _fill(self) -> None:
        table = self._table
        if len(table):
            keep = FILTERS[self.filter.value](table) & (
                table["frames"] >= (self.shortest.value or 0)
            )
            table = table[keep]
        chosen = {self.listed[i] for i in self.source.selected.indices}
        data = {}
        for name in COLUMNS:
            column = table[name]
            is_text = name in ("why", "reason", "verdict", "at_bound")
            data[name] = column.tolist() if is_text else column.to_numpy(float)
        self._quiet = True
        self.source.data = data
        self.source.selected.indices = [i for i, cell in enumerate(self.listed) if cell in chosen]
        self._quiet = False
        self.said.text = (
            f'<span class="quiet">{len(table)} of {counted(len(self._table), "cell")} listed, the '
            "most doubtful first; Ctrl or Shift chooses several</span>"
        )

    def _selected(self, new: list[int]) -> None:
        if not self._quiet:
            listed = self.listed
            self._choose([listed[i] for i in new if i < len(listed)])

"""The fits of a sample: parameters of all cells, and the panel of one, which a click opens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    Checkbox,
    ColumnDataSource,
    DataTable,
    NumberFormatter,
    Select,
    StringFormatter,
    TableColumn,
)

from fovea.errors import FoveaError
from fovea.pages.live.browser import on
from fovea.pages.live.fit_data import GOOD, FitData, cell_strip, fit_data
from fovea.pages.live.results import Results
from fovea.pages.live.saving import numbers_button, picture_button
from fovea.pages.live.style import TABLE, note
from fovea.pages.views.cells import cell_source
from fovea.pages.views.html import text
from fovea.pages.views.panel import CellPanel
from fovea.pages.views.parameters import ScatterAndHistogram


class FitsTab:
    """The fits of one sample at a time.

    Parameters
    ----------
    work : Executor
        Reads tables, which may take a second.
    opened : callable
        Is given dataset, field of view and number of a cell that somebody wants to see there.
    """

    def __init__(
        self, document: Document, results: Results, work: Executor,
        safely: Callable[[Callable], Callable], opened: Callable[[str, str, int], None],
    ):  # fmt: skip
        self._document, self._results, self._work = document, results, work
        self._safely, self._opened = safely, opened
        self._quiet = False
        self._whole: FitData | None = None  # all cells
        self._data: FitData | None = None  # those that are shown
        self._panel: CellPanel | None = None
        self._cell: tuple[str, int, int] | None = None
        self.sample = Select(title="Sample", options=list(results.plan.samples), width=200)
        self.fit = Select(title="Fit", options=[], width=420)
        self.sample.value = next(iter(results.plan.samples), "")
        self.good = Checkbox(label=f"only fits with R² above {GOOD}", name="good_only")
        self.said = note(sizing_mode="stretch_width", name="fitted")
        self.there = Button(label="Show it in the recording ▸", width=210, button_type="primary",
                            disabled=True, name="show")  # fmt: skip
        self.there.on_click(safely(self._show))
        on(self.sample, "value", safely(lambda _: self.refresh()))
        on(self.fit, "value", safely(lambda _: None if self._quiet else self._load()))
        on(self.good, "active", safely(lambda _: self._fill()))
        self._inside = column(note(), sizing_mode="stretch_width")
        choose = row(self.sample, self.fit, self.good)
        self.layout = column(choose, self.said, self._inside, sizing_mode="stretch_width")

    def refresh(self) -> None:
        """Show what there is now of the sample."""
        fits = list(self._results.plan.fits_of(self.sample.value)) if self.sample.value else []
        self._quiet = True
        self.fit.options = fits
        if self.fit.value not in fits:
            self.fit.value = fits[0] if fits else ""
        self._quiet = False
        if fits:
            self._load()
        else:
            words = "The config asks for no fit of a sample: see `analysis` and `samples`."
            self.said.text = f'<div class="warn">{text(words)}</div>'
            self._inside.children = [note()]

    def _load(self) -> None:
        self.said.text = '<span class="quiet">Reading …</span>'
        future = self._work.submit(fit_data, self._results, self.sample.value, self.fit.value)
        future.add_done_callback(
            lambda done: self._document.add_next_tick_callback(lambda: self._loaded(done))
        )

    def _loaded(self, done: Future) -> None:
        try:
            self._whole = done.result()
        except (FoveaError, OSError) as error:
            self.said.text = f'<div class="warn">{text(error)}</div>'
            self._inside.children = [note()]
            return
        data = self._whole
        count = int(data.table["success"].sum())
        self.said.text = (
            f"<b>{count} of {len(data.table)} cells fitted.</b> {data.quality}. Click a point or a "
            "row to see the cell; the most doubtful ones are first in the list."
        )
        self._fill()

    def _fill(self) -> None:
        """Show all cells, or those with good fits."""
        if self._whole is not None:
            data = self._whole
            if self.good.active:
                data = data.only(data.table["r_squared"].to_numpy(float) > GOOD)
            self._data = data
            self._build(data)

    def _build(self, data: FitData) -> None:
        """Make the figures of another fit."""
        columns, titles = data.columns, data.titles
        source = cell_source(columns)
        choice = ScatterAndHistogram(source, titles)
        lists, details = data.panel(0) if len(data.table) else ({}, {})
        self._lists, self._details = ColumnDataSource(lists), ColumnDataSource(details)
        unit = data.settings.model.time_unit
        first = 0 if lists else None
        panel = self._panel = CellPanel(self._lists, self._details, data.label, unit, first)
        self.strip = note(name="strip")
        stem = f"{self.sample.value}_{self.fit.value}"
        figures = [choice.scatter, choice.histogram, panel.fit, panel.residuals]
        save = row(picture_button(figures, stem, "png"), picture_button(figures, stem, "svg"),
                   numbers_button(source, ["name", "good", *titles, "why"], stem))  # fmt: skip
        logarithmic = [column(note("<small>logarithmic</small>"), switch, width=80)
                       for switch in (choice.log_x, choice.log_y)]  # fmt: skip
        controls = row(choice.x, logarithmic[0], choice.y, logarithmic[1])
        left = column(_list(source), controls, choice.scatter, choice.remark, choice.histogram,
                      save, width=640)  # fmt: skip
        right = column(row(panel.heading, self.there), self.strip, panel.fit, panel.residuals,
                       panel.text, sizing_mode="stretch_width")  # fmt: skip
        self._inside.children = [row(left, right, sizing_mode="stretch_width")]
        on(source.selected, "indices", self._safely(self._chosen))
        if lists:
            self._chosen([0])

    def _chosen(self, rows: list[int]) -> None:
        """Show the panel of a cell, and its pictures."""
        if not rows or self._data is None or self._panel is None:
            return
        lists, details = self._data.panel(rows[0])
        self._lists.data, self._details.data = lists, details
        self._panel.fill(0)
        self._cell = self._data.place(rows[0])
        dataset, fov, cell = self._cell
        known = dataset in self._results.plan.datasets
        self.there.disabled = not known
        self.strip.text = ""
        if known:
            self.strip.text = cell_strip(self._results.field(dataset, f"{fov:03d}"), cell)[0]

    def _show(self) -> None:
        if self._cell is not None:
            dataset, fov, cell = self._cell
            self._opened(dataset, f"{fov:03d}", cell)


def _list(source: ColumnDataSource) -> DataTable:
    number = NumberFormatter(format="0.0000", nan_format="–")
    columns = [
        TableColumn(field="name", title="Cell", width=200, formatter=StringFormatter()),
        TableColumn(field="r_squared", title="R²", width=70, formatter=number),
        TableColumn(field="why", title="Look at", width=330, formatter=StringFormatter()),
    ]
    return DataTable(source=source, columns=columns, height=190, sizing_mode="stretch_width",
                     index_position=None, reorderable=False, row_height=24, autosize_mode="none",
                     stylesheets=[TABLE], name="fits")  # fmt: skip

"""The page of a results folder: its parts in tabs, and what all windows share."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from time import monotonic

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import TabPanel, Tabs

from fovea.errors import FoveaError
from fovea.pages.live.browser import KEYS, Browser, on
from fovea.pages.live.fields_tab import FieldsTab
from fovea.pages.live.fits_tab import FitsTab
from fovea.pages.live.judgements import Judgements
from fovea.pages.live.rerun_tab import RerunTab
from fovea.pages.live.reruns import Rerun
from fovea.pages.live.results import Results
from fovea.pages.live.style import note, page_style
from fovea.pages.live.thumbnails import PATTERN, ThumbnailHandler
from fovea.pages.live.workspace import Workspace
from fovea.pages.views.html import text
from fovea.runs.status import Row

_LOOK = 4000  # milliseconds from one look at the state of the run to the next
_TICK = 1000  # milliseconds from one look at the curation table, and at a run, to the next
FIELDS, CELLS, FITS, RERUN, HELP = range(5)


class Page:
    """What all windows of a server share.

    Parameters
    ----------
    results : Results
    configfile, snakefile : path or None
        For running the workflow again, see `Rerun`.
    cores : int
        How many a run may use.
    """

    def __init__(
        self, results: Results, configfile: str | Path | None = None,
        snakefile: str | Path | None = None, cores: int = 1,
    ):  # fmt: skip
        self.results = results
        named = results.plan.config["curation"]
        path = results.folder / named if named else None
        self.judgements = Judgements(path, list(results.plan.config["datasets"]))
        given = [None if file is None else Path(file).resolve() for file in (configfile, snakefile)]
        self.rerun = Rerun(results.folder, *given, cores)
        self.work = ThreadPoolExecutor(2)
        self.windows: weakref.WeakSet[WindowPage] = weakref.WeakSet()
        self.rows: list[Row] = []
        self._asked: Future | None = None
        self._asked_at = 0.0

    def fill(self, document: Document) -> None:
        """Make the page of one browser window."""
        self.windows.add(WindowPage(self, document))

    def patterns(self) -> list[tuple[str, type, dict]]:
        """Return what else the server answers to."""
        return [(PATTERN, ThumbnailHandler, {"results": self.results})]

    def close(self) -> str:
        """Give up what is being worked on; return what goes on all the same, in words."""
        self.work.shutdown(wait=False, cancel_futures=True)
        self.rerun.close()
        self.results.close()
        if self.rerun.running:
            return (
                "The run that was started in the page goes on; `fovea status` shows how far it is."
            )
        return ""

    def look(self) -> Future:
        """Return the state of the run, which is found out in the background, once for all windows.

        Also windows that were closed ask for it, for the server keeps them for a while.
        """
        now = monotonic()
        if self._asked is None or (self._asked.done() and now - self._asked_at > 0.9e-3 * _LOOK):
            self._asked, self._asked_at = self.work.submit(self.results.rows), now
        return self._asked

    def forget(self) -> None:
        """Find out the state of the run anew when it is asked for the next time."""
        self.rows, self._asked = [], None

    def judged(self) -> None:
        """Show new verdicts in all windows."""
        for window in list(self.windows):
            window.document.add_next_tick_callback(window.show_verdicts)


class WindowPage:
    """The page in one browser window."""

    def __init__(self, page: Page, document: Document):
        self._page, self.document = page, document
        self.said = note(sizing_mode="stretch_width", name="said")
        self.fields = FieldsTab(self.safely(self.open))
        self.work = Workspace(document, page.judgements, self.safely, self.say, page.judged)
        self.fits = FitsTab(document, page.results, page.work, self.safely, self._show_cell)
        self.rerun = RerunTab(document, page.rerun, page.work, self.safely, self._run_ended)
        self.browser = Browser(self.safely(self._pressed), self.safely(self.work.movie.drawn),
                               self.safely(self.work.picture.resolve))  # fmt: skip
        titles = ("Fields of view", "Cells", "Fits", "Run again", "Keys")
        # What is not shown is sent when somebody turns to it, so that the page opens sooner.
        self._parts = {CELLS: self.work.layout, FITS: self.fits.layout, RERUN: self.rerun.layout}
        shown = {FIELDS: [self.fields.layout], HELP: [note(_keys())]}
        panels = [
            TabPanel(child=column(shown.get(number, []), sizing_mode="stretch_width"), title=title)
            for number, title in enumerate(titles)
        ]
        self.tabs = Tabs(tabs=panels, sizing_mode="stretch_width", name="tabs")
        on(self.tabs, "active", self.safely(self._turned))
        folder = page.results.folder
        head = note(f"<h1>Fovea</h1> &nbsp; {text(folder)}", sizing_mode="stretch_width")
        document.title = f"Fovea: {folder.name}"
        document.add_root(column(row(head), self.said, self.tabs, sizing_mode="stretch_width",
                                 stylesheets=[page_style()]))  # fmt: skip
        for source in self.work.picture.sources:
            self.browser.watch(source)
        self.browser.listen(document)
        # Bokeh keeps callbacks, and they keep the window, as long as it is open.
        document.add_periodic_callback(self.safely(self._tick), _TICK)
        document.add_periodic_callback(self._look, _LOOK)
        self._looking = False
        if page.rows:
            self._show_rows(page.rows)
        document.add_next_tick_callback(self._look)
        if page.judgements.error:
            self.say(page.judgements.error, True)

    # --- Messages

    def say(self, words: str, warning: bool = False) -> None:
        """Show a line at the top of the page."""
        self.said.text = f'<div class="{"warn" if warning else "fine"}">{text(words)}</div>'

    def safely(self, function: Callable) -> Callable:
        """Return a function that shows what goes wrong, and leaves the page as it is."""

        @wraps(function)
        def called(*args, **options):
            try:
                return function(*args, **options)
            except FoveaError as error:
                self.say(str(error), True)
            except OSError as error:
                self.say(f"{error.filename or 'a file'}: {error.strerror or error}; it may be made "
                         "anew just now, so try again", True)  # fmt: skip
            return None

        return called

    # --- What is shown

    def open(self, dataset: str, fov: str, cells: list[int] | None = None,
             frame: int | None = None) -> None:  # fmt: skip
        """Show a field of view."""
        self.said.text = ""
        self.tabs.active = CELLS
        self.work.open(self._page.results.field(dataset, fov), cells, frame)
        self._tally()

    def _show_cell(self, dataset: str, fov: str, cell: int) -> None:
        """Show a cell of a fit in its recording, as a movie."""
        self.open(dataset, fov, [cell])
        self.work.movie.start()

    def show_verdicts(self) -> None:
        """Show verdicts as they are now."""
        self.safely(self.work.refresh)()
        self._show_rows(self._page.rows)

    def _look(self) -> None:
        """Find out in the background where the run stands, and show it."""
        if self._looking or (self.tabs.active not in (FIELDS, RERUN) and self._page.rows):
            return
        self._looking = True
        self._page.look().add_done_callback(
            lambda done: self.document.add_next_tick_callback(lambda: self._seen(done))
        )

    def _seen(self, done) -> None:
        self._looking = False

        def show() -> None:
            self._page.rows = done.result()
            self._show_rows(self._page.rows)

        self.safely(show)()

    def _show_rows(self, rows: list[Row]) -> None:
        judged: dict[tuple[str, int], int] = {}
        for dataset, fov, _ in self._page.judgements.by_cell():
            judged[dataset, fov] = judged.get((dataset, fov), 0) + 1
        self.fields.show(rows, judged)
        self._tally()

    def _tally(self) -> None:
        everywhere = sum(row.cells_kept or 0 for row in self._page.rows)
        self.work.tally(len(self._page.judgements.by_cell()), everywhere)

    # --- What happens

    def _pressed(self, name: str) -> None:
        if self.tabs.active == CELLS:
            self.work.key(name)

    def _turned(self, tab: int) -> None:
        if part := self._parts.pop(tab, None):
            self.tabs.tabs[tab].child.children = [part]
        self.work.movie.stop()
        if self.tabs.active == RERUN:
            self.rerun.refresh()
        elif self.tabs.active == FITS:
            self.fits.refresh()

    def _tick(self) -> None:
        judgements = self._page.judgements
        if judgements.refresh():
            name = judgements.path.name if judgements.path else ""
            words = (
                judgements.error or f"{name} was changed by another program, and is shown as it is"
            )
            for window in list(self._page.windows):
                window.document.add_next_tick_callback(
                    lambda window=window: window.say(words, bool(judgements.error))
                )
            self._page.judged()
        self.rerun.tick()

    def _run_ended(self) -> None:
        self._page.forget()
        self._look()
        if self.work.field is not None:
            self.work.open(self.work.field, self.work.chosen, self.work.picture.frame)


def _keys() -> str:
    """Return the table of keys."""
    lines = "".join(f"<tr><td><kbd>{key}</kbd></td><td>{words}</td></tr>"
                    for key, words in KEYS.items())  # fmt: skip
    return f"<h2>Keys, in the tab Cells</h2><table>{lines}</table>"

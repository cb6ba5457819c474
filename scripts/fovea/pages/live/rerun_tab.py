"""What follows from verdicts: what would run again, the command, and a button that runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Executor

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS

from fovea.errors import FoveaError, counted
from fovea.pages.live.reruns import Rerun
from fovea.pages.live.style import note, pre
from fovea.pages.views.html import text

_TABLE = re.compile(r"^(\S+) +(\d+)$", re.M)
_COPY = """
const area = document.createElement("textarea")
area.value = words
document.body.append(area)
area.select()
document.execCommand("copy")
area.remove()
button.label = "Copied"
setTimeout(() => { button.label = "Copy the command" }, 1500)
"""


def copy_button(words: Callable[[], str] | str, label: str = "Copy the command") -> Button:
    """Return a button that puts words on the clipboard, also where the page is not HTTPS."""
    button = Button(label=label, width=150)
    code = _COPY.replace("Copy the command", label)
    given = words if isinstance(words, str) else words()
    button.js_on_click(CustomJS(args={"button": button, "words": given}, code=code))
    return button


class RerunTab:
    """The last step of judging: merge, fit and draw again.

    Parameters
    ----------
    rerun : Rerun
        Of all windows.
    work : Executor
        Runs what takes long.
    ended : callable
        Is called when a run has ended, so that the page shows its results.
    """

    def __init__(
        self, document: Document, rerun: Rerun, work: Executor,
        safely: Callable[[Callable], Callable], ended: Callable[[], None],
    ):  # fmt: skip
        self._document, self._rerun, self._work, self._safely = document, rerun, work, safely
        self._ended = ended
        self._was_running = False
        self.jobs = note(sizing_mode="stretch_width", name="jobs")
        self.look = Button(label="Look again", width=120, name="look")
        self.start = Button(label="▶ Run it", button_type="success", width=120, name="run")
        self.halt = Button(label="■ Stop the run", width=130, disabled=True, name="stop")
        self.progress = note(sizing_mode="stretch_width", name="progress")
        command = note(f"<h2>The command</h2>{pre(rerun.words)}", sizing_mode="stretch_width")
        self.look.on_click(safely(self.refresh))
        self.start.on_click(safely(self._run))
        self.halt.on_click(safely(rerun.stop))
        self.layout = column(
            note("<h2>What follows from your verdicts</h2>"), self.jobs,
            row(self.start, self.halt, self.look, copy_button(rerun.words)), self.progress, command,
            sizing_mode="stretch_width",
        )  # fmt: skip

    def refresh(self) -> None:
        """Ask Snakemake what would run again, which takes some seconds."""
        if self._rerun.at_work:
            self.tick()
            return
        self.jobs.text = '<span class="quiet">Asking Snakemake what would run again …</span>'
        future = self._work.submit(self._rerun.would_run)
        future.add_done_callback(
            lambda done: self._document.add_next_tick_callback(lambda: self._show(done))
        )

    def _show(self, done) -> None:
        try:
            table = done.result()
        except FoveaError as error:
            self.jobs.text = f'<div class="warn">{text(error)}</div>'
            return
        found = [
            (name, int(n)) for name, n in _TABLE.findall(table) if name not in ("job", "total")
        ]
        if not found:
            self.jobs.text = '<div class="fine">Nothing: all results are up to date.</div>'
            return
        total = counted(sum(n for _, n in found), "job")
        lines = "".join(f"<tr><td>{text(name)}</td><td>{n}</td></tr>" for name, n in found)
        self.jobs.text = f"<b>{total} would run again:</b><table>{lines}</table>"

    def _run(self) -> None:
        self._rerun.run()
        self.tick()

    def tick(self) -> None:
        """Show how far a run is; called every second."""
        rerun = self._rerun
        self.start.disabled, self.halt.disabled = rerun.at_work, not rerun.running
        if rerun.running:
            self._was_running = True
            done = rerun.progress()
            words = f"{done[0]} of {done[1]} steps done" if done else "Starting …"
            share = 100 * done[0] / done[1] if done and done[1] else 0
            self.progress.text = (
                f"<b>{words}</b><div style='background:#ddd;height:10px;border-radius:5px'><div "
                f"style='background:#009e73;height:10px;border-radius:5px;width:{share:.0f}%'>"
                "</div></div>"
            )
        elif self._was_running:
            self._was_running = False
            if rerun.code():
                self.progress.text = (
                    '<div class="warn">The run has failed or was stopped. The end of what it '
                    f"says:</div>{pre(_end(rerun.said()))}"
                )
            else:
                self.progress.text = '<div class="fine">Done. The page shows the new results.</div>'
            self._ended()
            self.refresh()
        elif rerun.at_work:
            self.progress.text = (
                '<div class="warn">Snakemake is at work in this folder, started elsewhere, or was '
                "killed there. The table of fields of view shows how far it is.</div>"
            )
        elif "at work" in self.progress.text:
            self.progress.text = ""


def _end(said: str) -> str:
    """Return the last lines of a run's output, which say what failed and why."""
    lines = said.rstrip().splitlines()
    return "\n".join(lines[-25:])

"""Buttons and words for judging: what a verdict will be on, and what the last one did."""

from __future__ import annotations

from collections.abc import Callable

from bokeh.models import Button, TextInput

from fovea.errors import counted
from fovea.pages.live.judgements import Row, words_of
from fovea.pages.live.style import note
from fovea.pages.live.trace_view import Frames
from fovea.pages.views.html import text


class JudgeBar:
    """Good, bad, a note, undo and redo.

    Parameters
    ----------
    act : callable
        Is given one of ``good``, ``bad``, ``clear``, ``undo``, ``redo`` and ``all frames``.
    """

    def __init__(self, act: Callable[[str], None]):
        def button(name: str, label: str, kind: str = "default", width: int = 90) -> Button:
            made = Button(label=label, button_type=kind, width=width, name=name)
            made.on_click(lambda: act(name))
            return made

        self.good = button("good", "Good (G)", "success")
        self.bad = button("bad", "Bad (B)", "danger")
        self.clear = button("clear", "No verdict (C)", width=110)
        self.undo = button("undo", "Undo", width=70)
        self.redo = button("redo", "Redo", width=70)
        self.whole = button("all frames", "All frames (Esc)", width=120)
        self.note = TextInput(placeholder="Note for the next verdict", sizing_mode="stretch_width",
                              max_length=500, name="note")  # fmt: skip
        self.about = note(sizing_mode="stretch_width", name="about")
        self.count = note(sizing_mode="stretch_width", name="counter")

    def show(self, cells: list[int], frames: Frames, rows: tuple[Row, ...]) -> None:
        """Say what a verdict will be on."""
        self.whole.disabled = frames == (None, None)
        for button in (self.good, self.bad, self.clear):
            button.disabled = not cells
        if not cells:
            self.about.text = (
                '<span class="quiet">Click a cell, its trace, or a row of the list. Drag over a '
                "trace to judge some of its frames only.</span>"
            )
            return
        names = f"<b>Cell {cells[0]}</b>" if len(cells) == 1 else f"<b>{len(cells)} cells</b>"
        part = "all frames" if frames == (None, None) else f"frames {frames[0]} to {frames[1]}"
        now = f"; judged: {text(words_of(rows))}" if rows and len(cells) == 1 else ""
        notes = [row[3] for row in rows if row[3]] if len(cells) == 1 else []
        noted = f" ({text('; '.join(notes))})" if notes else ""
        self.about.text = f"{names}, {part}{now}{noted}"

    def tally(self, here: tuple[int, int], everywhere: tuple[int, int]) -> None:
        """Say how many cells are judged, of those with traces."""
        self.count.text = (
            f"Judged: <b>{here[0]} of {counted(here[1], 'cell')}</b> here, {everywhere[0]} of "
            f"{everywhere[1]} in all fields of view"
        )

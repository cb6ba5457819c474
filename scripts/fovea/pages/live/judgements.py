"""Verdicts given in the page: each is saved to the curation table at once, and can be undone.

Other programs may write the table meanwhile: another page, a spreadsheet, `fovea curation rebase`.
What they wrote is taken over. A verdict is refused only where it concerns a cell whose rows have
changed since the page showed them, and nothing is ever written over rows that were not read.
"""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fovea.errors import FoveaError, counted
from fovea.jobs.atomic import number_text, whole_file
from fovea.samples.curation import OPTIONAL, REQUIRED, Verdict, read_curation
from fovea.samples.saved_csv import open_csv

Key = tuple[str, int, int]  # dataset, field of view, cell
#: A row without the number of its line, which changes as rows before it come and go.
Row = tuple[bool, int | None, int | None, str, int | None, tuple[float, float] | None]


class ChangedError(FoveaError):
    """The rows of a cell are not what the page showed."""


@dataclass(frozen=True)
class Place:
    """Where a cell was seen: frame, and x and y in pixels."""

    frame: int
    x: float
    y: float


@dataclass(frozen=True)
class Change:
    """The rows of some cells, before and after; applied from left to right, or undone."""

    before: Mapping[Key, tuple[Row, ...]]
    after: Mapping[Key, tuple[Row, ...]]
    words: str

    def reversed(self) -> Change:
        """Return the change that takes this one back."""
        return Change(self.after, self.before, self.words)


@dataclass
class History:
    """What one page has done, so that it takes back its own changes and no other's."""

    done: list[Change] = field(default_factory=list)
    undone: list[Change] = field(default_factory=list)


def _row(verdict: Verdict) -> Row:
    return (verdict.good, verdict.first, verdict.last, verdict.note, verdict.frame,
            verdict.position)  # fmt: skip


class Judgements:
    """The curation table of a working folder, as all pages of a server see it.

    Parameters
    ----------
    path : path or None
        The table, which need not exist; None where the config uses none.
    datasets : sequence of str
        Names that its first column may hold.
    """

    def __init__(self, path: Path | None, datasets: Sequence[str]):
        self.path, self._datasets = path, list(datasets)
        self._rows: list[tuple[Key, Row]] = []
        self._comments: list[str] = []
        self._digest: str | None = ""
        self.error = ""  # why the table cannot be read, if it cannot
        self.refresh()

    # --- Reading

    def refresh(self) -> bool:
        """Read the table again if its content has changed; return whether it has."""
        if self.path is None:
            return False
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        digest = hashlib.sha256(data).hexdigest()
        if digest == self._digest:
            return False
        self._digest = digest
        try:
            verdicts = read_curation(self.path, self._datasets) if data.strip() else []
            comments = _comments(self.path) if data.strip() else []
        except FoveaError as error:
            self.error = str(error)
            return True
        self.error = ""
        self._rows = [(verdict.key, _row(verdict)) for verdict in verdicts]
        self._comments = comments
        return True

    def rows_of(self, key: Key) -> tuple[Row, ...]:
        """Return the rows of a cell, in the order in which they are applied."""
        return tuple(row for own, row in self._rows if own == key)

    def by_cell(self, dataset: str | None = None, fov: int | None = None) -> dict[Key, list[Row]]:
        """Return the rows of all judged cells, or of those of a field of view."""
        found: dict[Key, list[Row]] = {}
        for key, row in self._rows:
            if dataset is None or key[:2] == (dataset, fov):
                found.setdefault(key, []).append(row)
        return found

    # --- Changes

    def judge(
        self, history: History, cells: Mapping[Key, Place | None], good: bool,
        frames: tuple[int | None, int | None] = (None, None), note: str = "",
        shown: Mapping[Key, tuple[Row, ...]] | None = None,
    ) -> str:  # fmt: skip
        """Mark cells, or some of their frames, as good or bad; save it, and say what was done.

        A verdict on all frames takes the place of all others on the cell; one on some frames comes
        behind them, and takes the place of one on just these frames. Without a note, a verdict
        on the same frames keeps the note that was there. `shown` are the rows that the page shows,
        by default those that were read last.
        """
        note = _one_line(note)
        after = {}
        before = {key: self.rows_of(key) if shown is None else shown[key] for key in cells}
        for key, place in cells.items():
            whole = frames == (None, None)
            same = [row for row in before[key] if row[1:3] == frames]
            kept = () if whole else tuple(row for row in before[key] if row not in same)
            where = None if place is None else (float(place.x), float(place.y))
            words = note or (same[-1][3] if same else "")
            row = (good, *frames, words, None if place is None else place.frame, where)
            after[key] = (*kept, row)
        words = f"{_cells(cells)} marked {'good' if good else 'bad'}{_frames(frames)}"
        return self._do(history, Change(before, after, words))

    def clear(self, history: History, cells: Iterable[Key]) -> str:
        """Remove all verdicts on cells."""
        before = {key: self.rows_of(key) for key in cells if self.rows_of(key)}
        if not before:
            return "There is no verdict to remove"
        return self._do(history, Change(before, dict.fromkeys(before, ()),
                                        f"verdict removed: {_cells(before)}"))  # fmt: skip

    def undo(self, history: History) -> str:
        """Take back the last change of a page."""
        return self._move(history.done, history.undone, "undone", "Nothing to undo", back=True)

    def redo(self, history: History) -> str:
        """Do again what was taken back last."""
        return self._move(history.undone, history.done, "redone", "Nothing to redo", back=False)

    def _move(self, source: list, target: list, done: str, nothing: str, back: bool) -> str:
        if not source:
            return nothing
        change = source[-1]
        said = self._apply(change.reversed() if back else change)
        target.append(source.pop())
        return f"{done}: {change.words}{said}"

    def _do(self, history: History, change: Change) -> str:
        said = self._apply(change)
        history.done.append(change)
        history.undone.clear()
        return change.words + said

    def _apply(self, change: Change) -> str:
        """Read the table, put rows in the place of others, and save it; say what else was new."""
        if self.path is None:
            raise FoveaError(
                "curation is null in the config, so that verdicts would change nothing; set "
                "`curation: config/curation.csv` and start again"
            )
        old = len(self._rows)
        said = ""
        if self.refresh() and not self.error:
            new = len(self._rows)
            said = (f"; {self.path} was changed by another program meanwhile, and its "
                    f"{counted(new, 'row is', 'rows are')} taken over (before: {old})")  # fmt: skip
        if self.error:
            raise FoveaError(f"{self.error}; nothing was saved")
        for key, before in change.before.items():
            now = self.rows_of(key)
            if now != before:
                raise ChangedError(
                    f"{_cells([key])} was judged by another page or program meanwhile "
                    f"({words_of(now) or 'verdict removed'}), so nothing was saved; look at it, "
                    "and judge it again if you still want to"
                )
        rows = list(self._rows)
        for key in change.after:
            rows = [row for row in rows if row[0] != key]
        rows += [(key, row) for key, own in change.after.items() for row in own]
        self._save(rows)
        return said

    def _save(self, rows: list[tuple[Key, Row]]) -> None:
        with whole_file(self.path) as temporary:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                lines = csv.writer(file, lineterminator="\n")
                lines.writerow([*REQUIRED, *OPTIONAL])
                for (dataset, fov, cell), (good, first, last, note, frame, place) in rows:
                    values = [dataset, fov, cell, str(good).lower(), first, last, note, frame,
                              *map(number_text, place or ())]  # fmt: skip
                    lines.writerow(["" if value is None else value for value in values])
                file.writelines(f"{line}\n" for line in self._comments)
            digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        self._rows, self._digest = rows, digest


def _one_line(note: str) -> str:
    """Return a note for a table that has one line for each row, and no control characters."""
    shown = (" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in note)
    return " ".join("".join(shown).split())


def _comments(path: Path) -> list[str]:
    """Return the lines of a table that begin with #, to be kept."""
    saved = open_csv(path)
    below = [",".join(row).rstrip(",") for _, row in saved.rows()
             if row[0].lstrip().startswith("#")]  # fmt: skip
    return [f"# {line}" for line in saved.comments if line] + below


def words_of(rows: Sequence[Row]) -> str:
    """Say what the verdicts on a cell are: ``bad``, or ``bad in frames 3 to 7``."""
    return "; ".join(f"{'good' if good else 'bad'}{_frames((first, last))}"
                     for good, first, last, *_ in rows)  # fmt: skip


def frames_judged(rows: Sequence[Row], frames: Sequence[int], good: Sequence[bool]) -> list[bool]:
    """Return whether each frame of a cell is good, by its verdicts over what was computed."""
    found = list(good)
    for verdict, first, last, *_ in rows:
        for i, frame in enumerate(frames):
            if frame >= (first or 0) and (last is None or frame <= last):
                found[i] = verdict
    return found


def _frames(frames: tuple[int | None, int | None]) -> str:
    first, last = frames
    if first is None and last is None:
        return ""
    if last is None:
        return f" from frame {first} on"
    return f" in frame {first}" if first == last else f" in frames {first or 0} to {last}"


def _cells(keys: Iterable[Key]) -> str:
    keys = list(keys)
    if len(keys) == 1:
        dataset, fov, cell = keys[0]
        return f"cell {cell} of {dataset}, field of view {fov}"
    return counted(len(keys), "cell")

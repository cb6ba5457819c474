"""The curation table: cells, or frames of cells, that the user marks as good or bad."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fovea.errors import FoveaError, show, suggestion

REQUIRED = ("dataset", "fov", "cell", "good")
OPTIONAL = ("from_frame", "to_frame", "note")
_WORDS = {
    **dict.fromkeys(("true", "yes", "1", "good"), True),
    **dict.fromkeys(("false", "no", "0", "bad"), False),
}
_SHOWN = 10  # cells that a message names


@dataclass(frozen=True)
class Verdict:
    """One row of the table."""

    dataset: str
    fov: int
    cell: int
    good: bool
    first: int | None  # frame that the row applies to; None for the cell's first
    last: int | None  # frame that the row applies to, inclusive; None for the cell's last
    note: str
    line: int  # in the file


def read_curation(path: str | Path, datasets: Collection[str] | None = None) -> list[Verdict]:
    """Read a CSV with the columns `REQUIRED` and, if wanted, `OPTIONAL`.

    `datasets` are the names that are allowed in its first column.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows, [])]
        _check_header(path, header)
        return [
            _verdict(path, header, row, rows.line_num, datasets) for row in rows
            if any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#")
        ]  # fmt: skip


def _check_header(path: str | Path, header: list[str]) -> None:
    known = [*REQUIRED, *OPTIONAL]
    for name in header:
        if name not in known:
            raise FoveaError(
                f"{path}: unknown column {show(name)}; allowed: {', '.join(known)}"
                + suggestion(name, known)
            )
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise FoveaError(
            f"{path}: the column {missing[0]} is missing; the first line must be "
            f"{','.join(REQUIRED)} and, if wanted, {','.join(OPTIONAL)}"
        )


def _verdict(path, header: list[str], row: list[str], line: int, datasets) -> Verdict:
    if len(row) > len(header):
        raise FoveaError(
            f"{path}: line {line} has {len(row)} values and the header {len(header)}; put a note "
            "with commas in quotes"
        )
    given = {name: text.strip() for name, text in zip(header, row, strict=False)}

    def number(name: str) -> int | None:
        text = given.get(name, "")
        if not text and name in OPTIONAL:
            return None
        if not text.isdecimal():
            raise FoveaError(f"{path}: line {line}: {name} is {show(text)}; it is a whole number")
        return int(text)

    if datasets is not None and given["dataset"] not in datasets:
        raise FoveaError(
            f"{path}: line {line}: {show(given['dataset'])} is no dataset of the config; allowed: "
            f"{', '.join(datasets)}{suggestion(given['dataset'], datasets)}"
        )
    good = _WORDS.get(given.get("good", "").lower())
    if good is None:
        raise FoveaError(
            f"{path}: line {line}: good is {show(given.get('good', ''))}; allowed: true or false"
        )
    first, last = number("from_frame"), number("to_frame")
    if first is not None and last is not None and last < first:
        raise FoveaError(
            f"{path}: line {line}: the frames {first} to {last} run backwards; exchange them"
        )
    return Verdict(
        given["dataset"], number("fov"), number("cell"), good, first, last,
        given.get("note", ""), line,
    )  # fmt: skip


def apply_curation(path: str | Path, verdicts: Sequence[Verdict], traces: pd.DataFrame) -> int:
    """Override `good` of traces, in place, by verdicts on the sample, later ones over earlier ones.

    Return the number of rows that were changed; `path` is the curation table, for messages.
    """
    places = traces.groupby(["dataset", "fov", "cell"], sort=False).indices
    unknown = [v for v in verdicts if (v.dataset, v.fov, v.cell) not in places]
    if unknown:
        raise FoveaError(
            f"{path}: {_listed(unknown)} not in the traces; correct or remove "
            f"{'this row' if len(unknown) == 1 else 'these rows'}"
        )
    frames, good = traces["frame"].to_numpy(), traces["good"].to_numpy(copy=True)
    for verdict in verdicts:
        rows = places[verdict.dataset, verdict.fov, verdict.cell]
        part = frames[rows]
        inside = part >= (verdict.first or 0)
        if verdict.last is not None:
            inside &= part <= verdict.last
        if not inside.any():
            raise FoveaError(
                f"{path}: {_listed([verdict])} not seen in these frames, but in frames "
                f"{part.min()} to {part.max()}; correct from_frame and to_frame"
            )
        good[rows[inside]] = verdict.good
    changed = int((good != traces["good"]).sum())
    traces["good"] = good
    return changed


def _listed(verdicts: list[Verdict]) -> str:
    names = [f"{v.dataset}, field of view {v.fov}, cell {v.cell} (line {v.line})"
             for v in verdicts[:_SHOWN]]  # fmt: skip
    more = f" and {len(verdicts) - _SHOWN} more" if len(verdicts) > _SHOWN else ""
    return "; ".join(names) + more + (" is" if len(verdicts) == 1 else " are")

"""The curation table: cells, or frames of cells, that the user marks as good or bad."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fovea.errors import FoveaError, show, suggestion
from fovea.jobs.space import amount
from fovea.samples.saved_csv import TRUTH, SavedCsv, open_csv

REQUIRED = ("dataset", "fov", "cell", "good")
RANGE = ("from_frame", "to_frame", "note")
PLACE = ("frame", "position_x", "position_y")
OPTIONAL = (*RANGE, *PLACE)
_MOST_BYTES = 200_000_000  # some millions of rows
_WHOLE = re.compile(r"(\d+)([.,]0*)?")


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
    frame: int | None = None  # in which the cell was seen, at the position
    position: tuple[float, float] | None = None  # x and y in pixels

    @property
    def key(self) -> tuple[str, int, int]:
        """Dataset, field of view and number of the cell."""
        return self.dataset, self.fov, self.cell

    def __str__(self) -> str:
        return f"{self.dataset}, field of view {self.fov}, cell {self.cell} (line {self.line})"


def read_curation(path: str | Path, datasets: Collection[str] | None = None) -> list[Verdict]:
    """Read a CSV with the columns `REQUIRED` and, if wanted, `OPTIONAL`.

    Separator, encoding, decimal sign and words for truth may be those of a spreadsheet program of
    any region. `datasets` are the names that are allowed in its first column.
    """
    saved = open_curation(path)
    small = [name.lower() for name in saved.names]
    return [_verdict(path, small, row, line, datasets) for line, row in saved.rows()
            if not row[0].lstrip().startswith("#")]  # fmt: skip


def open_curation(path: str | Path) -> SavedCsv:
    """Read a file as far as it takes to know that it is a curation table; FoveaError if not."""
    size = Path(path).stat().st_size
    if size > _MOST_BYTES:
        raise FoveaError(
            f"{path}: has {amount(size)}, which no curation table has; name a CSV file with the "
            f"columns {', '.join(REQUIRED)}"
        )
    saved = open_csv(path)
    while saved.names and not saved.names[-1]:
        saved.names.pop()
    small = [name.lower() for name in saved.names]
    _check_header(path, [name if low not in (*REQUIRED, *OPTIONAL) else low
                         for name, low in zip(saved.names, small, strict=True)])  # fmt: skip
    return saved


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
    if len(set(header)) < len(header):
        raise FoveaError(f"{path}: two columns have the same name; rename one of them")


def _verdict(path, header: list[str], row: list[str], line: int, datasets) -> Verdict:
    if any(value.strip() for value in row[len(header) :]):
        raise FoveaError(
            f"{path}: line {line} has {len(row)} values and the header {len(header)}; put a note "
            "with commas in quotes"
        )
    given = {name: text.strip() for name, text in zip(header, row, strict=False)}

    def number(name: str) -> int | None:
        text = given.get(name, "")
        if not text and name in OPTIONAL:
            return None
        if (match := _WHOLE.fullmatch(text)) is None:
            raise FoveaError(f"{path}: line {line}: {name} is {show(text)}; it is a whole number")
        return int(match[1])

    if datasets is not None and given["dataset"] not in datasets:
        raise FoveaError(
            f"{path}: line {line}: {show(given['dataset'])} is no dataset of the config; allowed: "
            f"{', '.join(datasets)}{suggestion(given['dataset'], datasets)}"
        )
    good = TRUTH.get(given.get("good", "").lower())
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
        given.get("note", ""), line, number("frame"), _position(path, line, given),
    )  # fmt: skip


def _position(path, line: int, given: dict[str, str]) -> tuple[float, float] | None:
    """Return the place of a cell that a row states; None if it states none."""
    texts = [given.get(name, "") for name in PLACE[1:]]
    if not any(texts):
        return None
    if not all(texts):
        raise FoveaError(
            f"{path}: line {line}: has one of position_x and position_y; give both or none"
        )
    try:
        x, y = (float(text.replace(",", ".")) for text in texts)
    except ValueError:
        raise FoveaError(
            f"{path}: line {line}: the position is {show(', '.join(texts))}; position_x and "
            "position_y are numbers of pixels"
        ) from None
    return x, y

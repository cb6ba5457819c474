"""Export a sample as an Excel workbook: a sheet for each of its merged and fitted tables.

Numbers are given to openpyxl as texts with all their digits, because it rounds floats to 16, and
texts as texts, because it would take those that begin with ``=`` for formulas.
"""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd

from fovea.errors import FoveaError, counted
from fovea.fits.fit_table import TEXTS
from fovea.jobs.atomic import whole_file
from fovea.samples.tables import comment_lines, read_csv

_LOG = logging.getLogger("fovea")
ROWS = 1_048_576  # of a sheet of Excel
_NAME = 31  # characters of a sheet's name
_CONTENTS = "contents"
_TEXTS = {*TEXTS, "dataset", "time_source", "reason"}
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that a ZIP archive knows


def export_excel(
    tables: Sequence[str | Path], target: str | Path, sample: str, log: logging.Logger = _LOG
) -> None:
    """Write the workbook of a sample.

    Parameters
    ----------
    tables : sequence of path
        CSV files of the sample, ``{sample}_traces.csv`` and so on. Each gets a sheet that is called
        as the file is, without the sample and ``fitted``; a longer name is cut, and a table with
        more rows than a sheet can have goes on in the next one.
    target : path
        The ``.xlsx``. Its first sheet lists the others, with their files and the comments of these.
    sample : str
        Name of the sample.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.writer.excel import ExcelWriter
    except ImportError as error:
        raise FoveaError(
            "openpyxl is not installed, with which workbooks are written (`excel: true`); "
            "`pip install -r requirements.txt` brings it, and so does envs/fovea.yaml"
        ) from error
    book = Workbook(write_only=True)
    contents, names = book.create_sheet(_CONTENTS), {_CONTENTS}
    listed: list[list[Any]] = [["sheet", "file", "first row", "rows"]]
    comments: list[list[Any]] = []
    for path in map(Path, tables):
        table = read_csv(path, _TEXTS)
        name = path.stem.removeprefix(f"{sample}_").replace("_fitted_", "_")
        comments += [[], [f"{path.name}:"], *([line] for line in comment_lines(path))]
        for first in range(0, max(1, len(table)), ROWS - 1):
            part = table.iloc[first : first + ROWS - 1]
            title = _title(name, names)
            names.add(title.lower())
            listed.append([title, path.name, first + 1, len(part)])
            _write(book.create_sheet(title), part)
        if len(table) >= ROWS:
            log.info("%s has %d rows and goes on in further sheets", path.name, len(table))
        if len(name) > _NAME:
            log.info("%s: the name of its sheet is cut; `%s` lists all", path.name, _CONTENTS)
    for row in listed + comments:
        contents.append(_cells(contents, row))
    book.properties.created = book.properties.modified = datetime.datetime(*_NO_TIME[:3])
    with whole_file(target, checked=True) as temporary, _Timeless(temporary, "w") as archive:
        ExcelWriter(book, archive).save()
    log.info("%s: %s", Path(target).name, counted(len(listed) - 1, "sheet with tables",
                                                  "sheets with tables"))  # fmt: skip


def _title(name: str, taken: Iterable[str]) -> str:
    """Return a name of a sheet that Excel allows and that is not taken in other letters' case."""
    number = 1
    while True:
        end = f" ({number})" if number > 1 else ""
        cut = name if len(name) + len(end) <= _NAME else f"{name[: _NAME - len(end) - 1]}~"
        if (title := cut + end).lower() not in taken:
            return title
        number += 1


def _write(sheet: Any, table: pd.DataFrame) -> None:
    sheet.freeze_panes = "A2"
    sheet.append(_cells(sheet, list(table)))
    for row in zip(*(table[name].tolist() for name in table), strict=True):
        sheet.append(_cells(sheet, row))


def _cells(sheet: Any, values: Iterable[Any]) -> Iterator[Any]:
    """Yield the cells of a row; what is missing is empty, and so is nothing else."""
    from openpyxl.cell import WriteOnlyCell

    for value in values:
        if value is None or value == "" or value != value:
            yield None
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        finite = number and math.isfinite(value)
        cell = WriteOnlyCell(sheet, value if isinstance(value, bool) else str(value))
        if not isinstance(value, bool):
            cell.data_type = "n" if finite else "s"
        yield cell


class _Timeless(ZipFile):
    """An archive whose files have no time of their making."""

    def writestr(self, name: str, data: str | bytes, *_: object) -> None:
        super().writestr(ZipInfo(name, _NO_TIME), data, ZIP_DEFLATED)

    def write(self, file: str, name: str) -> None:
        info = ZipInfo(name, _NO_TIME)
        info.compress_type = ZIP_DEFLATED
        with open(file, "rb") as source, self.open(info, "w", force_zip64=True) as target:
            while block := source.read(1 << 20):
                target.write(block)

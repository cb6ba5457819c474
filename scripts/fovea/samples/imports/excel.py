"""Read traces from Excel workbooks: a sheet per channel or quantity, a column per cell.

The times are the first column of each sheet, or a sheet of their own that is named so. A sheet is
found by the column of its feature (``intensity_total_ch_1``), by the name of its channel in the
config, by both (``GFP intensity_total``), or by the feature where only one channel has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.config.names import channel_of, columns_of, split
from fovea.errors import FoveaError
from fovea.samples.imports.headers import (
    BRACKET,
    NO_CELLS,
    is_long,
    is_named_time,
    is_time,
    plain,
    unit_in,
)  # fmt: skip
from fovea.samples.imports.pyama import column_of
from fovea.samples.imports.rows import UNITS, Read, side_by_side

WORKBOOKS = (".xlsx", ".xlsm")
_FRAMES = {"frame", "frames"}
_DECIMAL = re.compile(r"\s*[-+]?\d*[.,]\d+(e[-+]?\d+)?\s*", re.I)
_UNNAMED = re.compile(r"(sheet|tabelle|feuil|hoja|foglio|blad)\s*\d*", re.I)  # Excel's own names


def read_workbooks(
    paths: Sequence[str | Path], columns: Sequence[str], features: Mapping, names: Mapping[str, str]
) -> list[Read]:
    """Read features, given by their columns, from workbooks, one part per sheet that is used.

    Where several workbooks have the same feature, each is a field of view, numbered from 0 on in
    this order. `features` and `names` map a channel (``fl_ch_1``) to its features and to its name
    in the config. `notes` of the parts name the sheets of the workbook that are not used.
    """
    books = {path: _sheets(path) for path in paths}
    found, count = [], dict.fromkeys(columns, 0)
    for path, (sheets, hidden) in books.items():
        times = [name for name in sheets if is_time(name)]
        data = [name for name in sheets if name not in times]
        if len(times) > 1:
            raise FoveaError(f"{path}: the sheets {', '.join(times)} both hold times; remove one")
        shared = _shared_times(path, times[0], sheets[times[0]]) if times else None
        chosen = {column: name for column in columns
                  if (name := _sheet_of(path, column, data, features, names))}  # fmt: skip
        unused = [*(name for name in data if name not in chosen.values()),
                  *(f"{name} (hidden)" for name in hidden)]  # fmt: skip
        for column, name in chosen.items():
            part = _read_sheet(f"{path}, sheet {name}", name, sheets[name], shared, column)
            part.rows["fov"] = count[column]
            count[column] += 1
            if unused:
                part.notes.append(f"sheets that are not read: {', '.join(unused)}")
            found.append(part)
    lacking = [column for column in columns if not count[column]]
    if lacking:
        sheets = "; ".join(
            f"{path}: {', '.join([*sheets, *(f'{name} (hidden)' for name in hidden)]) or 'none'}"
            for path, (sheets, hidden) in books.items()
        )
        raise FoveaError(
            f"no sheet is known to hold {lacking[0]}; the sheets are {sheets}; name the sheet "
            f"{lacking[0]}, or write the sheet's name as `name` of channel "
            f"{channel_of(lacking[0])} in the config"
        )
    return found


def _sheets(path: str | Path) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the sheets that hold anything, and the names of hidden ones."""
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            hidden = [s.title for s in book.book.worksheets if s.sheet_state != "visible"]
            tables = {name: pd.read_excel(book, sheet_name=name, header=None, dtype=object)
                      for name in book.sheet_names if name not in hidden}  # fmt: skip
    except Exception as error:  # of zipfile, of the XML parser, and of openpyxl itself
        reason = " ".join(str(error).split())
        raise FoveaError(f"{path}: cannot be read as an Excel workbook: {reason}") from error
    return {name: t for name, t in tables.items() if t.notna().to_numpy().any()}, hidden


def _sheet_of(
    path, column: str, sheets: list[str], features: Mapping, names: Mapping[str, str]
) -> str | None:
    """Return the sheet of a feature, or None."""
    feature, number = split(column)
    channel = columns_of(features)[column]
    name = names.get(channel) or ""
    labels = [column, f"{name} {feature}", f"{feature} {name}"]
    if len(features[channel]) == 1:
        labels += [name, channel, f"ch {number}", f"channel {number}"]
    every = [one for given in features.values() for one in given]
    if every.count(feature) == 1:
        labels.append(feature)
    known = {plain(sheet): sheet for sheet in sheets}
    for label in filter(None, map(plain, labels)):
        if label in known:
            return known[label]
    if len(sheets) == 1 and (not name or _UNNAMED.fullmatch(sheets[0].strip())):
        stated = column_of(path, "wide")
        if stated == column or (stated is None and len(every) == 1):
            return sheets[0]
    return None


def _header(cells: np.ndarray, rows: int | None) -> tuple[list[str], int]:
    """Return the header of each column, empty where there is none, and the first row of data.

    `cells` is (R, C) object; `rows` the number of times where they have a sheet of their own.
    """
    there = ~pd.isna(cells)
    names, width = [""] * cells.shape[1], there.any(axis=0).sum()
    start = 0
    for start, row in enumerate(cells):
        given = row[there[start]].tolist()
        texts = [value for value in given if isinstance(value, str)]
        complete = sum(map(bool, names)) >= min(2, width)
        if any(map(_DECIMAL.fullmatch, texts)) or (
            len(texts) < len(given) and (complete or not isinstance(given[0], str))
        ):
            break
        if complete and any(text.strip().isdecimal() for text in texts):
            break
        if len(given) > 1 or width == 1:  # else it is a title
            names = [f"{a} {'' if pd.isna(b) else b}".strip()
                     for a, b in zip(names, row, strict=True)]  # fmt: skip
    else:
        start = len(cells)
    if not any(names) and start < len(cells):
        row = cells[start]
        count = row[there[start]].tolist()
        numbered = len(count) > 1 and count in ([*range(len(count))], [*range(1, len(count) + 1)])
        if numbered and (not there[start][0] or len(cells) - start - 1 == rows):
            return ["" if pd.isna(value) else str(int(value)) for value in row], start + 1
    return names, start


def _numbers(source: str, cells: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return cells of a sheet as float64, NaN where empty; `row` and `column` are of the first."""
    from openpyxl.utils import get_column_letter

    empty = pd.isna(cells)
    for i, j in np.argwhere(~empty):
        value = cells[i, j]
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            continue
        kind = f"the text {value!r}"
        if isinstance(value, date | time | timedelta):
            kind = f"a date or time of day ({value})"
        elif isinstance(value, bool):
            kind = f"the truth value {value}"
        place = f"{get_column_letter(column + j + 1)}{row + i + 1}"
        raise FoveaError(
            f"{source}, cell {place}: holds {kind}; write a number, or leave it empty where there "
            "is none"
        )
    return np.where(empty, np.nan, cells).astype(np.float64)


def _shared_times(path, name: str, table: pd.DataFrame) -> tuple[np.ndarray, str | None]:
    """Return the times of a sheet of their own, and their unit in the file's words."""
    source, cells = f"{path}, sheet {name}", table.to_numpy(object)
    used = np.flatnonzero(~pd.isna(cells).all(axis=0))
    if len(used) != 1:
        raise FoveaError(f"{source}: has {len(used)} columns; the sheet of times must have one")
    names, start = _header(cells, None)
    times = _numbers(source, cells[start:, used], start, used[0])[:, 0]
    return times, unit_in(names[used[0]]) or unit_in(name)


def _read_sheet(
    source: str, sheet: str, table: pd.DataFrame, shared: tuple | None, column: str
) -> Read:
    """Read the traces in one sheet."""
    cells = table.to_numpy(object)
    names, start = _header(cells, None if shared is None else len(shared[0]))
    if is_long(names):
        raise FoveaError(
            f"{source}: has one row per cell and time ({', '.join(filter(None, names))}), and a "
            "sheet must have one column per cell; save it as CSV, such tables are read from that"
        )
    values = _numbers(source, cells[start:], start, 0)
    used = [j for j, name in enumerate(names) if name or np.isfinite(values[:, j]).any()]
    if not np.isfinite(values).any():
        raise FoveaError(f"{source}: holds no numbers; write those of each cell in a column")
    words = {j: plain(names[j]).split(" ")[0] for j in used}
    timed = [j for j in used if is_time(names[j])]
    frames = [j for j in used if words[j] in _FRAMES]
    others = [
        j for j in used if words[j] in NO_CELLS or (j in timed[1:] and is_named_time(names[j]))
    ]
    if timed or shared is not None:
        others += [j for j in used if any(names) and not names[j] and _counts(values[:, j])]
    notes = []
    if others:
        shown = [names[j] or f"column {j + 1}" for j in others]
        notes.append(f"columns that are taken for no cells: {', '.join(shown)}")
    first, unit, times = used[0], None, np.arange(len(values))
    if timed:
        times, unit = values[:, timed[0]], unit_in(names[timed[0]])
    elif shared is not None:
        times, unit = shared
        if len(times) != len(values):
            raise FoveaError(
                f"{source}: has {len(values)} rows of values, but there are {len(times)} times; "
                "give each row one time"
            )
    elif frames:
        times = values[:, frames[0]]
    elif not names[first] and len(values) > 1 and (np.diff(values[:, first]) > 0).all():
        times, timed = values[:, first], [first]
        notes.append("the first column is taken for the times")
    used = [j for j in used if j not in (*timed[:1], *frames, *others)]
    part = side_by_side(
        source, "sheet", times, [names[j] for j in used], values[:, used], column,
        lambda row: f"row {start + row + 1}",
    )  # fmt: skip
    if not timed and shared is None:
        part.rows = part.rows.rename(columns={"time": "frame"}).astype({"frame": np.int64})
    bracket = BRACKET.search(sheet)
    if unit is None and bracket and bracket[1].lower() in UNITS:
        unit = bracket[1]
    return replace(part, unit=unit, notes=[*notes, *part.notes])


def _counts(values: np.ndarray) -> bool:
    """Whether a column only counts the rows, as the index that pandas writes."""
    return any(np.array_equal(values, np.arange(len(values)) + first) for first in (0, 1))

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

from fovea.errors import FoveaError
from fovea.samples.imports.pyama import column_of
from fovea.samples.imports.rows import UNITS, Read, side_by_side

WORKBOOKS = (".xlsx", ".xlsm")
_TIME_WORDS = {"time", "times", "zeit", "t"}
_SUMMARIES = {"mean", "average", "median", "std", "sd", "sem", "stdev"}
_UNNAMED = re.compile(r"(sheet|tabelle|feuil|hoja|foglio|blad)\s*\d*", re.I)  # Excel's own names


def read_workbooks(
    paths: Sequence[str | Path],
    columns: Sequence[str],
    features: Mapping[str, Sequence[str]],
    names: Mapping[str, str],
) -> list[Read]:
    """Read features from workbooks.

    Parameters
    ----------
    paths : sequence of path
        Where several workbooks have the same feature, each is a field of view, numbered from 0
        on in this order.
    columns : sequence of str
        The features' columns.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``) to its features.
    names : mapping of str to str
        Channel to its name in the config.

    Returns
    -------
    list of Read
        One per sheet that is used; `notes` name the sheets of the workbook that are not.

    Raises
    ------
    FoveaError
        If a feature has no sheet, or a sheet is not of this form; the message names the cell.
    """
    books = {path: _sheets(path) for path in paths}
    found, count = [], dict.fromkeys(columns, 0)
    for path, (sheets, hidden) in books.items():
        times = [name for name in sheets if _is_time(name)]
        data = [name for name in sheets if name not in times]
        if len(times) > 1:
            raise FoveaError(f"{path}: the sheets {_listed(times)} both hold times; remove one")
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
                part.notes.append(f"sheets that are not read: {_listed(unused)}")
            found.append(part)
    lacking = [column for column in columns if not count[column]]
    if lacking:
        sheets = "; ".join(
            f"{path}: {_listed([*sheets, *(f'{name} (hidden)' for name in hidden)]) or 'none'}"
            for path, (sheets, hidden) in books.items()
        )
        raise FoveaError(
            f"no sheet is known to hold {lacking[0]}; the sheets are {sheets}; name the sheet "
            f"{lacking[0]}, or write the sheet's name as `name` of channel "
            f"{lacking[0].rpartition('_')[2]} in the config"
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
    feature, _, number = column.rpartition("_ch_")
    channel = next(c for c in features if c.endswith(f"_ch_{number}") and feature in features[c])
    name = names.get(channel) or ""
    labels = [column, f"{name} {feature}", f"{feature} {name}"]
    if len(features[channel]) == 1:
        labels += [name, channel, f"ch {number}", f"channel {number}"]
    every = [one for given in features.values() for one in given]
    if every.count(feature) == 1:
        labels.append(feature)
    known = {_plain(sheet): sheet for sheet in sheets}
    for label in filter(None, map(_plain, labels)):
        if label in known:
            return known[label]
    if len(sheets) == 1 and (not name or _UNNAMED.fullmatch(sheets[0].strip())):
        stated = column_of(path, "wide")
        if stated == column or (stated is None and len(every) == 1):
            return sheets[0]
    return None


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().lower()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _is_time(text: str) -> bool:
    """Whether a header, or the name of a sheet, says that it holds times: ``Time [h]``, ``hours``.

    ``t`` and units of one letter must stand alone or before a unit, for cells may be called so.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    first = words[0] if words else ""
    if not re.match(r"\s*[^\W\d_]", text):
        return False
    return first in _TIME_WORDS or (first in UNITS and len(words) == 1)


def _unit_in(text: str) -> str | None:
    """Return the unit in the words of a header or a sheet's name, if one is there."""
    bracket = re.search(r"[\[(]([^\])]*)[\])]|/\s*(\S+)\s*$", text)
    if bracket:
        return (bracket[1] or bracket[2] or "").strip()
    words = re.findall(r"[^\W\d_]+", text.lower())
    return words[-1] if words and words[-1] in UNITS else None


def _header(cells: np.ndarray, rows: int | None) -> tuple[list[str], int]:
    """Return the header of each column, empty where there is none, and the first row of data.

    Parameters
    ----------
    cells : (R, C) object
    rows : int or None
        The number of times in a sheet of their own.
    """
    there = ~pd.isna(cells)
    names, start = [""] * cells.shape[1], 0
    while start < len(cells):
        given = cells[start][there[start]]
        texts = [isinstance(value, str) for value in given]
        more = any(texts) and isinstance(given[0], str) and sum(map(bool, names)) < 2
        if not (all(texts) or more):
            break
        if len(given) > 1 or there.any(axis=0).sum() == 1:  # else it is a title
            names = [f"{a} {'' if pd.isna(b) else b}".strip()
                     for a, b in zip(names, cells[start], strict=True)]  # fmt: skip
        start += 1
    if not any(names) and start < len(cells):
        row = cells[start]
        count = row[there[start]]
        numbered = len(count) > 1 and all(
            _is_number(b) and b == count[0] + i for i, b in enumerate(count)
        )
        if numbered and count[0] in (0, 1) and (pd.isna(row[0]) or len(cells) - start - 1 == rows):
            names = ["" if pd.isna(value) else str(int(value)) for value in row]
            start += 1
    return names, start


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _numbers(source: str, cells: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return cells of a sheet as float64, NaN where empty; `row` and `column` are of the first."""
    from openpyxl.utils import get_column_letter

    empty = pd.isna(cells)
    for i, j in np.argwhere(~empty):
        value = cells[i, j]
        if _is_number(value):
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
    return times, _unit_in(names[used[0]]) or _unit_in(name)


def _read_sheet(
    source: str, sheet: str, table: pd.DataFrame, shared: tuple | None, column: str
) -> Read:
    """Read the traces in one sheet."""
    cells = table.to_numpy(object)
    names, start = _header(cells, None if shared is None else len(shared[0]))
    values = _numbers(source, cells[start:], start, 0)
    used = [j for j, name in enumerate(names) if name or np.isfinite(values[:, j]).any()]
    notes = []
    summaries = [j for j in used if names[j] and _plain(names[j]).split(" ")[0] in _SUMMARIES]
    if summaries:
        notes.append(f"columns that are no cells: {_listed([names[j] for j in summaries])}")
    used = [j for j in used if j not in summaries]
    unit, times = None, None
    first = values[:, used[0]] if used else values[:, :0]
    if used and _is_time(names[used[0]]):
        times, unit = first, _unit_in(names[used[0]]) or _unit_in(sheet)
    elif shared is not None:
        times, unit = shared
        if len(times) != len(values):
            raise FoveaError(
                f"{source}: has {len(values)} rows of values, but there are {len(times)} times; "
                "give each row one time"
            )
    elif used and not names[used[0]] and len(first) > 1 and (np.diff(first) > 0).all():
        times, unit = first, _unit_in(sheet)
        notes.append("the first column is taken for the times")
    if times is first:
        used = used[1:]
    headers = [names[j] for j in used]
    part = side_by_side(source, "sheet", np.arange(len(values)) if times is None else times,
                        headers, values[:, used], column)  # fmt: skip
    if times is None:
        part.rows = part.rows.drop(columns="time")
    return replace(part, unit=unit, notes=notes)

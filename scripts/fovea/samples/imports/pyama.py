"""Read traces that PyAMA wrote, of all its generations, and those of Fovea itself.

The form of a file is recognised by its columns. Versions of PyAMA use the same names with other
meanings:

=========  ==========================================================  ======================
form       columns                                                     time
=========  ==========================================================  ======================
G1         fov, cell, frame, time, good, position_x ..., bbox_x0 ...   minutes
G2a        as G1 without time; so do Fovea's traces                    from the config
G2b        fov, cell, frame, good, xc, yc, x, y, w, h                  from the config
G3         position, roi, frame, is_good, x, y, w, h                   from the config
per cell   roi, t, area, background, sum, corrected                    from the config
boxes      roi or crop, x, y, w, h                                     none, see `regions`
long       fov, cell, time and features, or frame, or both             ``# Time units: ...``
G1 merged  time, fov, cell, value                                      ``# Time units: ...``
G2 merged  frame, fov, cell, value                                     from the config
G3 merged  position, roi, frame, value                                 from the config
wide       time and one column per cell                                from the config
=========  ==========================================================  ======================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fovea.config.names import column as column_name
from fovea.errors import FoveaError
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES
from fovea.samples.imports.frames import check_rows
from fovea.samples.imports.headers import (
    NO_CELLS,
    check_words,
    is_long,
    is_named_time,
    is_time,
    known_names,
    plain,
    unit_in,
)  # fmt: skip
from fovea.samples.imports.regions import FORM, is_boxes, only, read_boxes
from fovea.samples.imports.rows import PLACE, Read, side_by_side
from fovea.samples.parts import GEOMETRY
from fovea.samples.saved_csv import open_csv
from fovea.samples.tables import numbers, read_csv, truth, whole_numbers

_FEATURE = re.compile(r"(.+)_ch?_?(\d+)")
_CHANNEL_TIME = re.compile(r"time_ch_\d+")
_SPREADSHEETS = (".xls", ".xlsb", ".ods", ".numbers")
_PER_CELL = ("area", "background", "sum", "corrected")  # features of traces per channel
_NO_CLOCK = 60_000  # what PyAMA divided frame numbers by where a recording had no times


def form_of(names: list[str]) -> str | None:
    """Return the form of a file with these columns; None if it is not known."""
    has = set(names)
    if {"position", "roi", "frame"} <= has:
        return "G3 merged" if "value" in has else "G3"
    if {"roi", "t", "corrected"} <= has:
        return "per cell"
    if is_boxes(names):
        return FORM
    if {"fov", "cell", "value"} <= has:
        return "G1 merged" if "time" in has else "G2 merged" if "frame" in has else None
    if {"fov", "cell", "frame"} <= has:
        if {"xc", "yc"} <= has:
            return "G2b"
        if {"position_x", "bbox_x0"} <= has or _has_features(names):
            return "G1" if "time" in has else "G2a"
        return None
    if {"fov", "cell", "time"} <= has and _has_features(names):
        return "long"
    first = names[0].strip() if len(names) > 1 else None
    wide = first is not None and (first == "" or is_time(first)) and not is_long(names)
    return "wide" if wide else None


def _has_features(names: list[str]) -> bool:
    return any(_FEATURE.fullmatch(name) and not _CHANNEL_TIME.fullmatch(name) for name in names)


def read_traces(path: str | Path, column: str | None = None) -> Read:
    """Read one file of traces.

    `column` is the feature's column of a merged or wide file whose name does not contain it.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _SPREADSHEETS:
        raise FoveaError(
            f"{path}: spreadsheets are not read in the format {suffix}; save it as .xlsx or CSV"
        )
    table, unit, notes = known_names(read_csv(path))
    form = form_of(list(table))
    if form is None:
        raise FoveaError(
            f"{path}: these columns are not of traces that Fovea knows: "
            f"{', '.join(list(table)[:12])}; docs/analysis.md lists the forms"
        )
    if form == "wide":
        return _wide(path, table, column)
    if form == "per cell":
        return _per_cell(path, table)
    if form == FORM:
        return read_boxes(path, table)
    names = ["position", "roi", "frame"] if form.startswith("G3") else PLACE
    if form in ("G1 merged", "long"):
        names = PLACE[:2]
    rows = pd.DataFrame({place: whole_numbers(path, table, name)
                         for place, name in zip(PLACE, names, strict=False)})  # fmt: skip
    found = Read(str(path), form, rows, _lines(path), unit, notes)
    if "dataset" in table:
        rows["dataset"] = _datasets(found, table["dataset"])
    check_words(found, table)
    if form.endswith("merged"):
        _merged(path, table, found, column)
        check_rows(found)
        return found
    rows["good"] = truth(path, table, "is_good" if form == "G3" else "good")
    if "merged" in table and table["merged"].notna().any():
        rows["merged"] = truth(path, table, "merged", missing=False)
    if form in ("G1", "long"):
        for name in ("time", *filter(_CHANNEL_TIME.fullmatch, table)):
            rows[name] = numbers(path, table, name)
        found.unit = _stated_unit(table) or unit
    if form == "G1":
        found.unit = found.unit or ("min" if "position_x" in table else None)
    if form == "G2b":
        found.notes.append("PyAMA of this time took all pixels of a cell's box for the cell")
    found.rows = rows.assign(**_geometry(path, form, table))
    for name in table:
        if (match := _FEATURE.fullmatch(name)) and match[1] != "time":
            found.rows[column_name(match[1], match[2])] = numbers(path, table, name)
    if form == "G1":
        _check_clock(found)
    check_rows(found)
    return found


def _lines(path: str | Path) -> Callable[[int], str]:
    """Return a function that says in which line of a file a row stands."""
    return lambda row: f"line {open_csv(path).line_of(row)}"


def _datasets(found: Read, column: pd.Series) -> pd.Series:
    """Return the names of datasets of a merged table; FoveaError if one is missing."""
    if column.isna().any():
        row = column.index[column.isna()][0]
        raise FoveaError(f"{found.source}: {found.line(row)} does not name its dataset, as others "
                         "do; name it, or remove the column dataset")  # fmt: skip
    return column.astype(str).str.strip()


def _geometry(path, form: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    if form in ("G2b", "G3"):
        x, y, w, h = (numbers(path, table, name) for name in ("x", "y", "w", "h"))
        middle = (x + (w - 1) / 2, y + (h - 1) / 2)
        if form == "G2b":
            middle = (numbers(path, table, "xc"), numbers(path, table, "yc"))
        return dict(zip(GEOMETRY, (*middle, x, y, x + w, y + h), strict=True))
    found = {name: numbers(path, table, name) for name in GEOMETRY if name in table}
    if len(found) == len(GEOMETRY):
        # PyAMA's boxes end with the last pixel, Fovea's after it; the centre tells which.
        inclusive = found["bbox_x0"] + found["bbox_x1"] == 2 * found["position_x"]
        if inclusive.all() and len(inclusive):
            found["bbox_x1"], found["bbox_y1"] = found["bbox_x1"] + 1, found["bbox_y1"] + 1
    return found


def _check_clock(found: Read) -> None:
    """Leave out times that PyAMA made of frame numbers."""
    frames, time = found.rows["frame"], found.rows["time"]
    if frames.max() > 0 and np.allclose(time, frames / _NO_CLOCK, atol=1e-6):
        found.rows = found.rows.drop(columns=found.times)
        found.notes.append(
            "the column time holds nothing but frame numbers, for the recording had no times"
        )
    elif frames.max() > 0 and np.array_equal(time, frames):
        found.notes.append(
            "time equals the frame number: one frame per minute, or a recording without times"
        )


def _merged(path, table: pd.DataFrame, found: Read, column: str | None) -> None:
    """Add times and values of a file of one feature."""
    column = column_of(path, found.form) or column
    if column is None:
        raise FoveaError(
            f"{path}: its name does not tell which feature it holds; name it like "
            "control_intensity_total_ch_1.csv, or give the dataset one feature only"
        )
    found.rows["good"], found.rows[column] = True, numbers(path, table, "value")
    if found.form == "G1 merged":
        found.rows["time"] = numbers(path, table, "time")
        found.unit = _stated_unit(table) or found.unit


def _wide(path, table: pd.DataFrame, column: str | None) -> Read:
    column = column_of(path, "wide") or column
    if column is None:
        raise FoveaError(
            f"{path}: its name does not tell which feature it holds; give the dataset one feature"
        )
    names = list(table)
    if not names[0] and (timed := [name for name in names[1:] if is_time(name)]):
        names = [timed[0], *(name for name in names[1:] if name != timed[0])]  # after an index
    no_cells = {*NO_CELLS, "frame", "frames"}
    others = [name for name in names[1:]
              if plain(name).split(" ")[0] in no_cells or is_named_time(name)]  # fmt: skip
    names = [name for name in names if name not in others]
    time, *values = (numbers(path, table, name) for name in names)
    if not values:
        raise FoveaError(f"{path}: has times and no cells; write the values of each in a column")
    values = np.stack(values, axis=1)
    found = side_by_side(path, "wide", time, names[1:], values, column, _lines(path))
    found.unit = _stated_unit(table) or unit_in(names[0])
    if others:
        found.notes.append(f"columns that are taken for no cells: {', '.join(others)}")
    return found


def _per_cell(path, table: pd.DataFrame) -> Read:
    """Read ``analysis/Pos{fov}/ch{channel}.csv``; the path gives field of view and channel."""
    only(path, table, ["roi", "t", *_PER_CELL])
    place = re.search(r"(?:^|/)Pos(\d+)/ch(\d+)\.csv$", Path(path).as_posix())
    if place is None:
        raise FoveaError(
            f"{path}: its path does not tell field of view and channel; it should end like "
            "Pos0/ch1.csv"
        )
    rows = pd.DataFrame({"fov": int(place[1]), "cell": whole_numbers(path, table, "roi"),
                         "frame": whole_numbers(path, table, "t"), "good": True})  # fmt: skip
    for name in table.columns.drop(["roi", "t"]):
        rows[column_name(name, int(place[2]))] = numbers(path, table, name)
    notes = ["the column t is taken for the number of the frame"]
    found = Read(str(path), "per cell", rows, _lines(path), notes=notes)
    check_rows(found)
    return found


def column_of(path: str | Path, form: str) -> str | None:
    """Return the feature's column that the name of a merged file contains, if there is one."""
    path = Path(path)
    if form == "G3 merged":
        match = _FEATURE.fullmatch(path.parent.name)
    else:
        known = sorted([*PHASE_FEATURES, *FLUORESCENCE_FEATURES], key=len, reverse=True)
        own = re.fullmatch(rf"(?:.*_)?({'|'.join(known)})_ch_(\d+)", path.stem)
        match = own or re.fullmatch(r"[^_]+_([a-z][a-z0-9_]*)_ch_(\d+)", path.stem)
    return column_name(match[1], match[2]) if match else None


def _stated_unit(table: pd.DataFrame) -> str | None:
    """Return the unit of times that the comments before the header of a table state."""
    lines = (line.lower() for line in table.attrs["comments"])
    matches = (re.fullmatch(r"time units?:\s*(.*)", line) for line in lines)
    return next((match[1] for match in matches if match), None)

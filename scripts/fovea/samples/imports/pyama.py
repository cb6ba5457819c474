"""Read traces that PyAMA wrote, of all its generations, and those of Fovea itself.

Which one a file is of is told from its columns, for their names have kept changing their meaning:

=========  ==========================================================  ======================
form       columns                                                     time
=========  ==========================================================  ======================
G1         fov, cell, frame, time, good, position_x ..., bbox_x0 ...   minutes
G2a        as G1 without time; so do Fovea's traces                    from the config
G2b        fov, cell, frame, good, xc, yc, x, y, w, h                  from the config
G3         position, roi, frame, is_good, x, y, w, h                   from the config
per cell   roi, t, area, background, sum, corrected                    from the config
G1 merged  time, fov, cell, value                                      ``# Time units: ...``
G2 merged  frame, fov, cell, value                                     from the config
G3 merged  position, roi, frame, value                                 from the config
wide       time and one column per cell                                from the config
=========  ==========================================================  ======================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.samples.tables import as_numpy, comment_lines, read_csv

UNITS = {
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), "s"),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), "min"),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), "h"),
}
_FEATURE = re.compile(r"(.+)_ch?_?(\d+)")
_MERGED = re.compile(r"(?P<sample>.+?)_(?P<column>[a-z][a-z_]*?_ch_\d+)")
_SET = ("position_x", "position_y", "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1")
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_NO_CLOCK = 60_000  # what PyAMA divided frame numbers by where a recording had no times


@dataclass
class Read:
    """What a file of traces holds, one entry per row.

    Attributes
    ----------
    form : str
        See above.
    fov, cell, frame : (R,) int64
    time : (R,) float64 or None
        In `unit`.
    unit : str or None
        None where the file does not say it.
    good : (R,) bool
    geometry : dict of str to (R,) float64
        position_x, position_y, bbox_x0, bbox_y0, bbox_x1, bbox_y1 with exclusive ends, in
        pixels, or nothing.
    features : dict of str to (R,) float64
        By column, such as ``intensity_total_ch_1``.
    notes : list of str
        What a user ought to know.
    """

    form: str
    fov: np.ndarray
    cell: np.ndarray
    frame: np.ndarray
    time: np.ndarray | None
    unit: str | None
    good: np.ndarray
    geometry: dict[str, np.ndarray] = field(default_factory=dict)
    features: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def form_of(names: list[str]) -> str | None:
    """Tell the form of a file from its columns; None if it is not known."""
    has = set(names)
    if {"position", "roi", "frame"} <= has:
        return "G3 merged" if "value" in has else "G3"
    if {"roi", "t", "corrected"} <= has:
        return "per cell"
    if {"fov", "cell", "value"} <= has:
        return "G1 merged" if "time" in has else "G2 merged" if "frame" in has else None
    if {"fov", "cell", "frame"} <= has:
        if {"xc", "yc"} <= has:
            return "G2b"
        if {"position_x", "bbox_x0"} <= has:
            return "G1" if "time" in has else "G2a"
        return None
    if len(names) > 1 and names[0].strip().lower() in ("time", "", "t", "time_h", "time (h)"):
        return "wide"
    return None


def read_traces(path: str | Path, column: str | None = None) -> Read:
    """Read one file of traces.

    Parameters
    ----------
    path : path
    column : str, optional
        The feature's column of a merged or wide file, where its name does not tell it.

    Raises
    ------
    FoveaError
        If the form is not known, or a value is missing or of the wrong kind.
    """
    if Path(path).suffix.lower() in _SPREADSHEETS:
        raise FoveaError(f"{path}: spreadsheets are not read; save its sheet as CSV")
    table = read_csv(path)
    names = [name.strip() for name in table.column_names]
    table = table.rename_columns(names)
    form = form_of(names)
    if form is None:
        raise FoveaError(
            f"{path}: these columns are not of traces that Fovea knows: {', '.join(names[:12])}; "
            "docs/analysis.md lists the forms"
        )
    if len(set(names)) < len(names):
        raise FoveaError(f"{path}: two columns have the same name; rename one of them")
    columns = dict(zip(names, table.columns, strict=True))
    if form == "wide":
        return _wide(path, names, columns, column)
    if form == "per cell":
        return _per_cell(path, columns)
    if form.endswith("merged"):
        return _merged(path, form, columns, column)
    return _traces(path, form, columns)


def _traces(path, form: str, columns: dict) -> Read:
    g3 = form == "G3"
    fov, cell = (_whole(path, columns, name) for name in (("position", "roi") if g3 else
                                                          ("fov", "cell")))  # fmt: skip
    frame = _whole(path, columns, "frame")
    flag = "is_good" if g3 else "good"
    found = Read(form, fov, cell, frame, None, None, _truth(path, columns, flag, len(frame)))
    if form == "G1":
        found.time, found.unit = _real(path, columns, "time"), _stated_unit(path) or "min"
        _check_clock(path, found)
    found.geometry = _geometry(path, form, columns, found.notes)
    base = {"fov", "cell", "frame", "time", "good", "position", "roi", "is_good", *_SET,
            "xc", "yc", "x", "y", "w", "h", "dataset", "time_source"}  # fmt: skip
    for name in columns:
        match = _FEATURE.fullmatch(name)
        if name not in base and match and match[1] != "time":
            found.features[f"{match[1]}_ch_{match[2]}"] = _real(path, columns, name)
    if form == "G2b":
        found.notes.append("PyAMA of this time took all pixels of a cell's box for the cell")
    return found


def _geometry(path, form: str, columns: dict, notes: list[str]) -> dict[str, np.ndarray]:
    if form in ("G2b", "G3"):
        x, y, w, h = (_real(path, columns, name) for name in ("x", "y", "w", "h"))
        middle = (x + (w - 1) / 2, y + (h - 1) / 2)
        if form == "G2b":
            middle = (_real(path, columns, "xc"), _real(path, columns, "yc"))
        return dict(zip(_SET, (*middle, x, y, x + w, y + h), strict=True))
    found = {name: _real(path, columns, name) for name in _SET if name in columns}
    if len(found) == len(_SET):
        # PyAMA's boxes end with the last pixel, Fovea's after it; the centre tells which.
        inclusive = found["bbox_x0"] + found["bbox_x1"] == 2 * found["position_x"]
        if inclusive.all() and len(inclusive):
            found["bbox_x1"], found["bbox_y1"] = found["bbox_x1"] + 1, found["bbox_y1"] + 1
    return found


def _check_clock(path, found: Read) -> None:
    """Refuse times that PyAMA made of frame numbers."""
    frames, time = found.frame, found.time
    if len(frames) and frames.max() > 0 and np.allclose(time, frames / _NO_CLOCK, atol=1e-6):
        found.time = found.unit = None
        found.notes.append(
            "the column time holds nothing but frame numbers, for the recording had no times"
        )
    elif len(frames) and frames.max() > 0 and np.array_equal(time, frames):
        found.notes.append(
            "time equals the frame number: one frame per minute, or a recording without times"
        )


def _merged(path, form: str, columns: dict, column: str | None) -> Read:
    g3 = form == "G3 merged"
    fov, cell = (_whole(path, columns, name) for name in (("position", "roi") if g3 else
                                                          ("fov", "cell")))  # fmt: skip
    value = _real(path, columns, "value")
    column = column_of(path, form) or column
    if column is None:
        raise FoveaError(
            f"{path}: its name does not tell which feature it holds; name it like "
            "control_intensity_total_ch_1.csv, or give the dataset one feature only"
        )
    good = np.ones(len(value), bool)
    if form != "G1 merged":
        frame = _whole(path, columns, "frame")
        return Read(form, fov, cell, frame, None, None, good, {}, {column: value})
    time = _real(path, columns, "time")
    frame = np.empty(len(time), np.int64)
    for number in np.unique(fov):
        rows = fov == number
        frame[rows] = np.unique(time[rows], return_inverse=True)[1]
    return Read(form, fov, cell, frame, time, _stated_unit(path), good, {}, {column: value})


def _wide(path, names: list[str], columns: dict, column: str | None) -> Read:
    column = column_of(path, "wide") or column
    if column is None:
        raise FoveaError(
            f"{path}: its name does not tell which feature it holds; give the dataset one feature"
        )
    time = _real(path, columns, names[0])
    cells = names[1:]
    numbers = [int(name) if name.isdecimal() else None for name in cells]
    if None in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(1, len(cells) + 1))
    order = np.argsort(time, kind="stable")
    value = np.stack([_real(path, columns, name) for name in cells])[:, order]
    there = np.isfinite(value)
    cell, frame = np.nonzero(there)
    return Read(
        "wide", np.zeros(len(cell), np.int64), np.array(numbers, np.int64)[cell], frame,
        time[order][frame], _stated_unit(path), np.ones(len(cell), bool), {},
        {column: value[there]},
    )  # fmt: skip


def _per_cell(path, columns: dict) -> Read:
    """Read ``timeseries/Pos{fov}/ch{channel}.csv``; the path tells what the columns do not."""
    place = re.search(r"(?:^|/)Pos(\d+)/ch(\d+)\.csv$", Path(path).as_posix())
    if place is None:
        raise FoveaError(
            f"{path}: its path does not tell field of view and channel; it should end like "
            "Pos0/ch1.csv"
        )
    cell, frame = (_whole(path, columns, name) for name in ("roi", "t"))
    features = {f"{name}_ch_{int(place[2])}": _real(path, columns, name)
                for name in columns if name not in ("roi", "t")}  # fmt: skip
    fov = np.full(len(cell), int(place[1]), np.int64)
    return Read("per cell", fov, cell, frame, None, None, np.ones(len(cell), bool), {}, features,
                ["the column t is taken for the number of the frame"])  # fmt: skip


def column_of(path: str | Path, form: str) -> str | None:
    """Return the feature's column that the name of a merged file tells, if it does."""
    path = Path(path)
    if form == "G3 merged":
        match = _FEATURE.fullmatch(path.parent.name)
        return f"{match[1]}_ch_{match[2]}" if match else None
    match = re.fullmatch(rf"(?:.*_)?({'|'.join(_known_features())})_ch_(\d+)", path.stem)
    if match is None:
        match = re.fullmatch(r"[^_]+_([a-z][a-z0-9_]*)_ch_(\d+)", path.stem)
    return f"{match[1]}_ch_{match[2]}" if match else None


def _known_features() -> list[str]:
    from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES

    return sorted([*PHASE_FEATURES, *FLUORESCENCE_FEATURES], key=len, reverse=True)


def _stated_unit(path: str | Path) -> str | None:
    for line in comment_lines(path):
        match = re.fullmatch(r"time units?:\s*(.*)", line.strip().lower())
        if match:
            unit = UNITS.get(match[1].strip())
            if unit is None:
                raise FoveaError(
                    f"{path}: the unit of time {match[1]!r} is not known; allowed: s, min, h"
                )
            return unit
    return None


def _real(path, columns: dict, name: str) -> np.ndarray:
    column = columns[name]
    kind = str(column.type)
    if kind not in ("double", "int64", "null"):
        raise FoveaError(f"{path}: the column {name} holds something that is no number")
    return as_numpy(column).astype(np.float64) if kind != "int64" else _with_gaps(column)


def _with_gaps(column) -> np.ndarray:
    from fovea.samples.tables import arrow

    return as_numpy(column.cast(arrow().float64()))


def _whole(path, columns: dict, name: str) -> np.ndarray:
    value = _real(path, columns, name)
    if not (np.isfinite(value).all() and (value == np.round(value)).all()):
        raise FoveaError(f"{path}: the column {name} must hold whole numbers; one is missing or no "
                         "whole number")  # fmt: skip
    return value.astype(np.int64)


def _truth(path, columns: dict, name: str, count: int) -> np.ndarray:
    """Return truth values; a column that is not there, or a missing value, is good."""
    if name not in columns or str(columns[name].type) == "null":
        return np.ones(count, bool)
    column = columns[name]
    if str(column.type) == "int64":
        column = column.cast("bool")
    if str(column.type) != "bool":
        raise FoveaError(f"{path}: the column {name} must hold True or False")
    return as_numpy(column.fill_null(True))

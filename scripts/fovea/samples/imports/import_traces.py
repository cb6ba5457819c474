"""Bring traces that were made elsewhere into the form of Fovea."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.fovs import ALL, format_fovs
from fovea.config.names import columns_of
from fovea.errors import FoveaError
from fovea.samples.imports.excel import WORKBOOKS, read_workbooks
from fovea.samples.imports.pyama import read_traces
from fovea.samples.imports.rows import PLACE, Read, convert_times
from fovea.samples.parts import DECIMALS, GEOMETRY
from fovea.samples.tables import write_traces

_LOG = logging.getLogger("fovea")
_PER_FEATURE = ("G1 merged", "G2 merged", "G3 merged", "wide", "per cell", "sheet")


def import_traces(
    paths: Sequence[str | Path],
    target: str | Path,
    features: Mapping[str, Sequence[str]],
    time: Mapping[str, Any],
    fovs: Sequence[int] | str = ALL,
    exclude_fovs: Sequence[int] = (),
    names: Mapping[str, str] | None = None,
    log: logging.Logger = _LOG,
) -> None:
    """Write one table of the traces in files of any form that `fovea.samples.imports` knows.

    Parameters
    ----------
    paths : sequence of path
        Files of traces, of different fields of view; or merged files, of different features; or
        Excel workbooks with a sheet per feature, see `fovea.samples.imports.excel`.
    target : path
        CSV as the traces of a field of view, with the columns `time` and `time_source`.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``) to its features; all of them must be there.
    time : mapping
        `interval`, `mapping`, `unit` and `file_unit` of the config.
    fovs, exclude_fovs
        Fields of view that are taken, and that are not.
    names : mapping of str to str, optional
        Channel to its name in the config, which tells its sheet in a workbook.

    Raises
    ------
    FoveaError
        If a feature, a field of view or the times are missing.
    """
    columns = list(columns_of(features))
    books = [path for path in paths if Path(path).suffix.lower() in WORKBOOKS]
    only = columns[0] if len(columns) == 1 else None
    parts = [read_traces(path, only) for path in paths if path not in books]
    if books:
        rest = [name for name in columns if not any(name in part.rows for part in parts)]
        parts += read_workbooks(books, rest, features, names or {})
    source = ""
    for part in parts:
        log.info("%s: %s, %d rows", part.source, part.form, len(part.rows))
        for note in part.notes:
            log.warning("%s: %s", part.source, note)
        source = _set_times(part, time)
    rows = _joined(parts, source, log)
    _check(paths, rows, columns, fovs, exclude_fovs)
    if fovs != ALL:
        rows = rows[rows["fov"].isin(fovs)]
    rows = rows[~rows["fov"].isin(exclude_fovs)].sort_values(PLACE, ignore_index=True)
    if rows.duplicated(PLACE).any():
        raise FoveaError(
            f"{paths[0]}: a cell has two rows for one frame; give each field of view and feature "
            "once"
        )
    rows["time"] = rows["time"].round(DECIMALS[time["unit"]])
    rows["time_source"] = source
    kept = [*PLACE, "time", "time_source", "good", *(n for n in GEOMETRY if n in rows), *columns]
    write_traces(rows[kept], target, [f"Time units: {time['unit']}"])
    cells = rows[PLACE[:2]].drop_duplicates()
    log.info("%d cells of %d fields of view", len(cells), cells["fov"].nunique())


def _set_times(part: Read, time: Mapping[str, Any]) -> str:
    """Give a part times in the config's unit, and return where they come from."""
    if time["mapping"]:
        known = {int(frame): float(value) for frame, value in time["mapping"].items()}
        lacking = sorted(set(part.rows["frame"]) - set(known))
        if lacking:
            raise FoveaError(
                f"{part.source}: time.mapping has no time for frame {lacking[0]}; give a time for "
                "each"
            )
        part.rows["time"] = part.rows["frame"].map(known).astype(float)
        return "mapping"
    if time["interval"] is not None:
        part.rows["time"] = part.rows["frame"] * float(time["interval"])
        return "interval"
    part.rows["time"] = convert_times(part, time["unit"], time.get("file_unit"))
    return "file"


def _joined(parts: list[Read], source: str, log: logging.Logger) -> pd.DataFrame:
    """Join parts: rows of the same feature follow each other, features stand side by side."""
    by_feature: dict[tuple[str, ...], list[Read]] = {}
    for part in parts:
        by_feature.setdefault(tuple(sorted(part.features)), []).append(part)
    if len(by_feature) == 1:
        return pd.concat([part.rows for part in parts], join="inner", ignore_index=True)
    if not all(part.form in _PER_FEATURE for part in parts):
        raise FoveaError(
            f"{parts[0].source}: the files have different features; give files of one form, with "
            "the same columns"
        )
    _check_cells(parts, log)
    if source == "file":
        _number_frames(parts, log)
    for group in by_feature.values():
        rows = pd.concat([part.rows for part in group])
        if rows.duplicated(PLACE).any():
            raise FoveaError(
                f"{group[0].source}: a cell has two rows for one frame; give each field of view "
                "and feature once"
            )
    # the first value of each column that is not missing
    return pd.concat([part.rows for part in parts]).groupby(PLACE, as_index=False).first()


def _check_cells(parts: list[Read], log: logging.Logger) -> None:
    """Refuse to put features side by side whose columns need not be of the same cells."""
    tables = [part for part in parts if part.form in ("wide", "sheet")]
    for part in tables[1:]:
        first = tables[0]
        if part.headers is None and first.headers is None:
            continue
        if part.headers is None or first.headers is None or len(part.headers) != len(first.headers):
            raise FoveaError(
                f"{part.source}: has {_cells(part)} and {first.source} {_cells(first)}, so it is "
                "not known which belong together; number the columns by cell in both, or make a "
                "dataset of each"
            )
        if part.headers != first.headers and sorted(part.headers) == sorted(first.headers):
            raise FoveaError(
                f"{part.source}: has its cells in another order than {first.source}; sort them"
            )
        log.warning("%s: its columns are taken for the same cells as those of %s, in this order",
                    part.source, first.source)  # fmt: skip


def _cells(part: Read) -> str:
    return f"{len(part.headers)} cells without numbers" if part.headers else "numbered cells"


def _number_frames(parts: list[Read], log: logging.Logger) -> None:
    """Number the frames of files with times of their own alike.

    The files' frames were numbered by their own times, of which one file may have fewer. Times
    less than half a step apart are those of one frame, for channels are exposed after each other.
    """
    timed = [part.rows for part in parts if part.form in ("G1 merged", "wide", "sheet")]
    for fov in sorted(set().union(*(rows["fov"] for rows in timed))):
        axes = [np.unique(rows.loc[rows["fov"] == fov, "time"]) for rows in timed]
        step = min((np.diff(axis).min() for axis in axes if len(axis) > 1), default=0.0)
        every = np.unique(np.concatenate(axes))
        gaps = np.diff(every)
        same = gaps < step / 2 * (1 - 1e-9)
        number = np.cumsum(np.r_[0, ~same])
        if same.any() and gaps[same].max() > step / 1000:
            log.warning("the times of features differ by up to %.3g within a frame; those of the "
                        "first file or sheet are taken", gaps[same].max())  # fmt: skip
        for rows in timed:
            here = rows["fov"] == fov
            rows.loc[here, "frame"] = number[np.searchsorted(every, rows.loc[here, "time"])]


def _check(paths, rows: pd.DataFrame, columns: list[str], fovs, excluded) -> None:
    lacking = [name for name in columns if name not in rows]
    if lacking:
        found = ", ".join(name for name in rows if "_ch_" in name)
        raise FoveaError(
            f"{paths[0]}: there is no {lacking[0]}; the files have {found or 'no features'}; "
            "correct `channels` in the config"
        )
    there = set(rows["fov"])
    beyond = [] if fovs == ALL else sorted(set(fovs) - there - set(excluded))
    if beyond:
        raise FoveaError(
            f"{paths[0]}: there is no field of view {format_fovs(beyond)}; the files have "
            f"{format_fovs(there) or 'none'}; correct `fovs` in the config"
        )

"""Bring traces that were made elsewhere into the form of Fovea."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.config.fovs import ALL, format_fovs
from fovea.config.names import channel_of, column, columns_of
from fovea.errors import FoveaError, counted
from fovea.recordings.time_checks import check_contradiction
from fovea.recordings.times import SECONDS
from fovea.samples.imports.excel import WORKBOOKS, read_workbooks
from fovea.samples.imports.frames import check_across, number_frames
from fovea.samples.imports.places import number_tables, split_datasets
from fovea.samples.imports.pyama import read_traces
from fovea.samples.imports.regions import with_boxes
from fovea.samples.imports.rows import PLACE, Read, factor
from fovea.samples.parts import DECIMALS, GEOMETRY
from fovea.samples.tables import write_traces

_LOG = logging.getLogger("fovea")
_PER_FEATURE = ("G1 merged", "G2 merged", "G3 merged", "wide", "per cell", "sheet", "long")


def import_traces(
    paths: Sequence[str | Path],
    target: str | Path,
    features: Mapping[str, Sequence[str]],
    time: Mapping[str, Any],
    fovs: Sequence[int] | str = ALL,
    exclude_fovs: Sequence[int] = (),
    names: Mapping[str, str] | None = None,
    dataset: str | None = None,
    beside: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write one table of the traces in files of any form that `fovea.samples.imports` knows.

    `target` is a CSV file as the traces of a field of view, with the columns `time` and
    `time_source`, and `time_ch_1` and the like where a channel has times of its own. The other
    parameters are those of `gather`.
    """
    rows, notes = gather(
        paths, features, time, fovs, exclude_fovs, names, dataset, beside, log
    )  # fmt: skip
    write_traces(rows, target, [f"Time units: {time['unit']}", *notes])
    cells = rows[PLACE[:2]].drop_duplicates()
    log.info("%d cells of %d fields of view", len(cells), cells["fov"].nunique())


def gather(
    paths: Sequence[str | Path],
    features: Mapping[str, Sequence[str]],
    time: Mapping[str, Any],
    fovs: Sequence[int] | str = ALL,
    exclude_fovs: Sequence[int] = (),
    names: Mapping[str, str] | None = None,
    dataset: str | None = None,
    beside: Sequence[str] = (),
    log: logging.Logger = _LOG,
) -> tuple[pd.DataFrame, list[str]]:
    """Read and join the traces in files of any form.

    Values are joined by field of view, cell and frame, and frames are told by the times where the
    files have no frames, see `fovea.samples.imports.frames`.

    Parameters
    ----------
    paths : sequence of path
        Files of traces, of different fields of view; or merged files, of different features; or
        Excel workbooks with a sheet per feature, see `fovea.samples.imports.excel`.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``) to its features; all of them must be there.
    time : mapping
        `interval`, `mapping`, `unit` and `file_unit` of the config.
    fovs, exclude_fovs
        Fields of view that are taken, and that are not.
    names : mapping of str to str, optional
        Channel to its name in the config, which tells its sheet in a workbook.
    dataset : str, optional
        Name of the dataset in the config, which tells its rows in files of several datasets.
    beside : sequence of str
        Datasets of the config that are read from the same files.

    Returns
    -------
    rows : DataFrame
        By field of view, cell and frame.
    notes : list of str
        What the reader of the table ought to know.

    Raises
    ------
    FoveaError
        If a feature, a field of view or the times are missing, a cell has two rows for one frame or
        time, or times run backwards.
    """
    columns = list(columns_of(features))
    books = [path for path in paths if Path(path).suffix.lower() in WORKBOOKS]
    only = columns[0] if len(columns) == 1 else None
    parts = [read_traces(path, only) for path in paths if path not in books]
    if books:
        rest = [name for name in columns if not any(name in part.rows for part in parts)]
        parts += read_workbooks(books, rest, features, names or {})
    parts = with_boxes(parts)
    for part in parts:
        log.info("%s: %s, %d rows", part.source, part.form, len(part.rows))
    number_tables(parts)
    notes = split_datasets(parts, dataset, beside)
    for part in parts:
        for note in part.notes:
            log.warning("%s: %s", part.source, note)
    if any("merged" in part.rows for part in parts):
        for part in parts:
            part.rows["merged"] = part.rows.get("merged", False)
    source = _set_times(parts, time, log)
    rows = _joined(parts, columns, log)
    _check(paths, rows, columns, fovs, exclude_fovs)
    if fovs != ALL:
        rows = rows[rows["fov"].isin(fovs)]
    rows = rows[~rows["fov"].isin(exclude_fovs)].sort_values(PLACE, ignore_index=True)
    own = [column("time", channel_of(group)) for group in features if group.startswith("fl_")]
    own = [name for name in own if name in rows and (rows[name] != rows["time"]).any()]
    for name in ("time", *own):
        rows[name] = rows[name].round(DECIMALS[time["unit"]])
    rows["time_source"] = source
    kept = [*PLACE, "time", *own, "time_source", "good"]
    kept += [name for name in ("merged", *GEOMETRY) if name in rows]
    return rows[[*kept, *columns]], notes


def _set_times(parts: list[Read], time: Mapping[str, Any], log: logging.Logger) -> str:
    """Give parts frames and times in the config's unit, and return where the times come from."""
    given = bool(time["mapping"]) or time["interval"] is not None
    timed = []  # parts whose own times have a unit
    for part in parts:
        if not given or "time" in part.rows:
            known = part.unit is not None or time.get("file_unit") is not None
            timed += [part] * known
            scale = factor(part, time["unit"], time.get("file_unit")) if known or not given else 1.0
            part.rows[part.times] *= scale
    number_frames(parts, given, log)
    if not given:
        return "file"
    for part in () if time.get("override") else timed:
        _check_times(part, time)
    if time["interval"] is not None:
        for part in parts:
            part.rows = part.rows.drop(columns=part.times)
            part.rows["time"] = part.rows["frame"] * float(time["interval"])
        return "interval"
    known = {int(frame): float(value) for frame, value in time["mapping"].items()}
    for part in parts:
        lacking = sorted(set(part.rows["frame"]) - set(known))
        if lacking:
            raise FoveaError(
                f"{part.source}: time.mapping has no time for frame {lacking[0]}; give a time for "
                "each"
            )
        part.rows = part.rows.drop(columns=part.times)
        part.rows["time"] = part.rows["frame"].map(known).astype(float)
    return "mapping"


def _check_times(part: Read, time: Mapping[str, Any]) -> None:
    """Raise FoveaError if times of the config contradict those of a file, of any field of view."""
    mapping = {int(frame): float(value) for frame, value in (time["mapping"] or {}).items()}
    for fov, rows in part.rows.groupby("fov"):
        known = rows.groupby("frame")["time"].min()
        frames = known.index.to_series()
        given = frames.map(mapping) if mapping else frames * float(time["interval"])
        there = given.notna() & known.notna()
        both = (row[there].to_numpy(float) * SECONDS[time["unit"]] for row in (given, known))
        place = f"{part.source}: field of view {fov}"
        check_contradiction(*both, frames[there].to_numpy(), time, place)


def _joined(parts: list[Read], columns: list[str], log: logging.Logger) -> pd.DataFrame:
    """Join parts: rows of the same feature follow each other, features stand side by side."""
    by_feature: dict[tuple[str, ...], list[Read]] = {}
    for part in parts:
        by_feature.setdefault(tuple(sorted(part.features)), []).append(part)
    for group in by_feature.values():
        check_across(group)
    if len(by_feature) == 1:
        return pd.concat([part.rows for part in parts], join="inner", ignore_index=True)
    if not all(part.form in _PER_FEATURE for part in parts):
        raise FoveaError(
            f"{parts[0].source}: the files have different features; give files of one form, with "
            "the same columns"
        )
    _check_cells(parts, log)
    _warn_of_gaps(list(by_feature.values()), log)
    places = [min((columns.index(name) for name in part.features if name in columns),
                  default=len(columns)) for part in parts]  # fmt: skip
    tables = []
    for number in sorted(range(len(parts)), key=places.__getitem__):
        rows, known = parts[number].rows, parts[number].times
        own = {column("time", channel_of(name)) for name in parts[number].features} - {*known}
        tables.append(rows.assign(**dict.fromkeys(sorted(own), rows["time"])))
    # the first value of each column that is not missing
    rows = pd.concat(tables).groupby(PLACE, as_index=False).first()
    for name in rows.columns[rows.columns.str.startswith("time_ch_")]:
        rows[name] = rows[name].fillna(rows["time"])
    return rows


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


def _warn_of_gaps(features: list[list[Read]], log: logging.Logger) -> None:
    """Warn of rows of a file whose cell is in the files of another feature, but at other times.

    The files may be of different intervals; cells that another file lacks as a whole are none.
    """
    keys = [pd.concat([part.rows[PLACE] for part in group]) for group in features]
    rows = [pd.MultiIndex.from_frame(key) for key in keys]
    cells = [pd.MultiIndex.from_frame(key[PLACE[:2]].drop_duplicates()) for key in keys]
    for number, group in enumerate(features):
        for part in group:
            here = pd.MultiIndex.from_frame(part.rows[PLACE])
            lacking = np.zeros(len(here), bool)
            for other in range(len(features)):
                if other != number:
                    there = here.droplevel(PLACE[2]).isin(cells[other])
                    lacking |= there & ~here.isin(rows[other])
            if lacking.any():
                log.warning(
                    "%s: %d of its %s no partner, a row of the same cell and time in each of the "
                    "other files, so values are empty there; compare the times of the files",
                    part.source, lacking.sum(),
                    counted(len(here), "row") + (" has" if lacking.sum() == 1 else " have"),
                )  # fmt: skip


def _cells(part: Read) -> str:
    return f"{len(part.headers)} cells without numbers" if part.headers else "numbered cells"


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

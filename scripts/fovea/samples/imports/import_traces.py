"""Bring traces that were made elsewhere into the form of Fovea."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fovea.config.fovs import ALL, format_fovs
from fovea.errors import FoveaError
from fovea.recordings.times import SECONDS
from fovea.samples.imports.pyama import Read, read_traces
from fovea.samples.parts import DECIMALS, GEOMETRY
from fovea.samples.tables import arrow, constant, write_csv

_LOG = logging.getLogger("fovea")


def import_traces(
    paths: Sequence[str | Path],
    target: str | Path,
    features: Mapping[str, Sequence[str]],
    time: Mapping[str, Any],
    fovs: Sequence[int] | str = ALL,
    exclude_fovs: Sequence[int] = (),
    log: logging.Logger = _LOG,
) -> None:
    """Write one table of the traces in files of any form that `fovea.samples.imports.pyama` knows.

    Parameters
    ----------
    paths : sequence of path
        Files of traces, of different fields of view; or merged files, of different features.
    target : path
        CSV as the traces of a field of view, with the columns `time` and `time_source`.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``) to its features; all of them must be there.
    time : mapping
        `interval`, `mapping`, `unit` and `file_unit` of the config.
    fovs, exclude_fovs
        Fields of view that are taken, and that are not.

    Raises
    ------
    FoveaError
        If a feature, a field of view or the times are missing.
    """
    columns = [f"{n}_{c.split('_', 1)[1]}" for c, names in features.items() for n in names]
    parts = []
    for path in paths:
        part = read_traces(path, columns[0] if len(columns) == 1 else None)
        log.info("%s: %s, %d rows", path, part.form, len(part.frame))
        for note in part.notes:
            log.warning("%s: %s", path, note)
        parts.append(_timed(path, part, time))
    joined = _joined(paths, parts)
    _check(paths, joined, columns, fovs, exclude_fovs)
    keep = np.ones(len(joined.frame), bool) if fovs == ALL else np.isin(joined.fov, list(fovs))
    keep &= ~np.isin(joined.fov, list(exclude_fovs))
    order = np.flatnonzero(keep)
    order = order[np.lexsort((joined.frame[order], joined.cell[order], joined.fov[order]))]
    key = np.stack([joined.fov, joined.cell, joined.frame], axis=1)[order]
    if len(key) and (np.diff(key, axis=0) == 0).all(axis=1).any():
        raise FoveaError(
            f"{paths[0]}: a cell has two rows for one frame; give each field of view and feature "
            "once"
        )
    pa = arrow()
    unit = time["unit"]
    source = joined.notes[0] if joined.notes else "file"
    table = {"fov": joined.fov, "cell": joined.cell, "frame": joined.frame}
    table["time"] = np.round(joined.time, DECIMALS[unit])
    table = {name: pa.array(values[order]) for name, values in table.items()}
    table["time_source"] = constant(source, len(order))
    table["good"] = pa.array(joined.good[order])
    for name in GEOMETRY:
        if name in joined.geometry:
            table[name] = pa.array(joined.geometry[name][order])
    table |= {name: pa.array(joined.features[name][order]) for name in columns}
    write_csv(pa.table(table), target, [f"Time units: {unit}"])
    cells = np.unique(key[:, :2], axis=0)
    log.info("%d cells of %d fields of view", len(cells), len(np.unique(cells[:, 0])))


def _timed(path: str | Path, part: Read, time: Mapping[str, Any]) -> Read:
    """Return a part with times in the config's unit; `notes` holds where they come from."""
    unit = time["unit"]
    if time["mapping"]:
        known = {int(frame): float(value) for frame, value in time["mapping"].items()}
        lacking = sorted(set(part.frame.tolist()) - set(known))
        if lacking:
            raise FoveaError(
                f"{path}: time.mapping has no time for frame {lacking[0]}; give a time for each"
            )
        values = np.array([known[frame] for frame in part.frame.tolist()], np.float64)
        return replace(part, time=values, unit=unit, notes=["mapping"])
    if time["interval"] is not None:
        return replace(part, time=part.frame * float(time["interval"]), unit=unit,
                       notes=["interval"])  # fmt: skip
    if part.time is None:
        raise FoveaError(
            f"{path}: has no times; set `time: {{interval: ..., unit: ...}}` or `time.mapping` of "
            "the dataset in the config"
        )
    stated = part.unit or time.get("file_unit")
    if stated is None:
        raise FoveaError(
            f"{path}: does not state the unit of its times; set `time.file_unit` of the dataset "
            "to s, min or h"
        )
    factor = SECONDS[stated] / SECONDS[unit]
    return replace(part, time=part.time * factor, unit=unit, notes=["file"])


def _joined(paths: Sequence[str | Path], parts: list[Read]) -> Read:
    """Join parts: rows of the same feature follow each other, features stand side by side."""
    if not any(set(a.features) != set(b.features) for a in parts for b in parts):
        return _stacked(parts)
    per_feature = ("G1 merged", "G2 merged", "G3 merged", "wide", "per cell")
    if not all(part.form in per_feature for part in parts):
        raise FoveaError(
            f"{paths[0]}: the files have different features; give files of one form, with the "
            "same columns"
        )
    by_feature: dict[tuple[str, ...], list[Read]] = {}
    for part in parts:
        by_feature.setdefault(tuple(part.features), []).append(part)
    stacks = [_stacked(group) for group in by_feature.values()]
    keys = [np.stack([s.fov, s.cell, s.frame], axis=1) for s in stacks]
    every, first = np.unique(np.concatenate(keys), axis=0, return_index=True)
    time = np.concatenate([s.time for s in stacks])[first]
    features = {}
    for stack, key in zip(stacks, keys, strict=True):
        places = _places(every, key)
        for name, value in stack.features.items():
            features[name] = np.full(len(every), np.nan)
            features[name][places] = value
    return replace(
        stacks[0], fov=every[:, 0], cell=every[:, 1], frame=every[:, 2], time=time,
        good=np.ones(len(every), bool), geometry={}, features=features,
    )  # fmt: skip


def _places(every: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return where rows stand among sorted unique ones."""
    _, places = np.unique(np.concatenate([every, key]), axis=0, return_inverse=True)
    return places.ravel()[len(every) :]


def _stacked(parts: list[Read]) -> Read:
    names = [name for name in parts[0].geometry if all(name in p.geometry for p in parts)]
    return replace(
        parts[0],
        **{
            name: np.concatenate([getattr(p, name) for p in parts])
            for name in ("fov", "cell", "frame", "time", "good")
        },
        geometry={n: np.concatenate([p.geometry[n] for p in parts]) for n in names},
        features={n: np.concatenate([p.features[n] for p in parts]) for n in parts[0].features},
    )


def _check(paths, joined: Read, columns: list[str], fovs, excluded) -> None:
    lacking = [name for name in columns if name not in joined.features]
    if lacking:
        raise FoveaError(
            f"{paths[0]}: there is no {lacking[0]}; the files have "
            f"{', '.join(joined.features) or 'no features'}; correct `channels` in the config"
        )
    there = set(joined.fov.tolist())
    beyond = [] if fovs == ALL else sorted(set(fovs) - there - set(excluded))
    if beyond:
        raise FoveaError(
            f"{paths[0]}: there is no field of view {format_fovs(beyond)}; the files have "
            f"{format_fovs(there) or 'none'}; correct `fovs` in the config"
        )

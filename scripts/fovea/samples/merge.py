"""Merge the traces of a sample into one table, with their times and the curation by the user."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fovea import __version__
from fovea.config.fovs import format_fovs
from fovea.config.names import (
    columns_of,
    feature_of,
    feature_unit,
    physical_columns,
    time_column,
)
from fovea.config.paths import place_of
from fovea.errors import counted
from fovea.samples.curation import Verdict, read_curation
from fovea.samples.derived import add_derived
from fovea.samples.parts import CELL, KEY, Dataset, cell_table, read_part
from fovea.samples.tables import read_csv, write_parquet, write_traces
from fovea.samples.verdicts import apply_curation, keep_places

_LOG = logging.getLogger("fovea")


def merge(
    sample: str,
    traces: Sequence[str | Path],
    cells: Sequence[str | Path],
    metadata: Sequence[str | Path],
    datasets: Mapping[str, Mapping[str, Any]],
    folder: str | Path,
    curation: str | Path | None = None,
    names: Sequence[str] | None = None,
    left_out: Sequence[str] = (),
    seen: str | Path | None = None,
    made_with: Mapping[str, str] | None = None,
    derived: Mapping[str, tuple[str, str]] | None = None,
    log: logging.Logger = _LOG,
) -> None:
    """Write the tables of a sample.

    Parameters
    ----------
    sample : str
        Its name.
    traces : sequence of path
        ``results/{dataset}/fov_{fov}/..._traces.csv`` of each field of view, or
        ``results/{dataset}/..._traces.csv`` of a dataset that is given by its traces.
    cells : sequence of path
        ``..._cells.csv`` beside the former.
    metadata : sequence of path
        ``results/{dataset}/metadata.yaml`` of the datasets that have one.
    datasets : mapping
        Dataset to the attributes of `Dataset`, in the order of the config.
    folder : path
        Where to write ``{sample}_traces.csv``, ``{sample}_traces_cells.csv`` and, per
        feature, ``{sample}_{feature}_ch_{channel}.csv``; all also as Parquet. (PyAMA
        ignores files with ``_traces`` in their name.)
    curation : path, optional
        The curation table.
    names : sequence of str, optional
        All datasets of the config, which the curation table may name.
    left_out : sequence of str
        Fields of view that belong to the sample and are not in it, in words.
    seen : path, optional
        Folder in which the places of cells are kept from one merge to the next, so that a verdict
        on a cell's ID does not fall on another cell.
    made_with : mapping, optional
        Dataset to its recording and a digest of its parameters, in words.
    derived : mapping, optional
        Derived column to the two columns that are divided, see `fovea.config.derived`.
    """
    from fovea.recordings.inspect_input import load_metadata

    known = {name: Dataset(**entry) for name, entry in datasets.items()}
    unit = next(iter(known.values())).time["unit"]
    recordings = {Path(path).parent.name: load_metadata(path) for path in metadata}
    columns = list(dict.fromkeys(name for k in known.values() for name in columns_of(k.features)))
    parts = []
    for path in sorted(traces, key=lambda path: _rank(path, list(known))):
        dataset, fov = place_of(path)
        recording = None if fov is None else recordings[dataset]
        parts.append(read_part(path, known[dataset], recording, columns, unit))
    table = pd.concat(parts, ignore_index=True)
    parts.clear()
    # measures in micrometers, of those datasets of which the size of a pixel is known
    physical = [name for name in physical_columns(columns) if name in table]
    words = "none"
    if curation is not None:
        used = _verdicts_of(curation, list(names or datasets), traces, known, log)
        changed = apply_curation(curation, used, table, _tracked(cells), seen, log)
        words = f"{curation}, {len(used)} rows, good changed in {changed} rows of traces"
    table, notes = add_derived(table, derived or {}, log)
    table = table[[*table.columns.drop(physical), *physical]]
    columns += list(derived or {})
    units = [f"{column} {feature_unit(feature_of(column))}" for column in (*columns, *physical)]
    comments = [
        f"Time units: {unit}",
        f"Sample: {sample} (Fovea {__version__})",
        *_fields_comment(table),
        f"Times: {', '.join(table['time_source'].unique()) or 'none'}",
        f"Left out: {'; '.join(left_out) or 'nothing'}",
        f"Curation: {words}",
        f"Units: {', '.join(units) or 'no features'}",
        *notes,
        *(f"Made from: dataset {name}, {text}" for name, text in (made_with or {}).items()),
    ]
    about = {"sample": sample, "time_unit": unit, "comments": comments, "left_out": list(left_out)}
    start = Path(folder) / sample
    summary = cell_table(cells, table, recordings, known, unit)
    for name, whole in (("traces", table), ("traces_cells", summary)):
        write_traces(whole, f"{start}_{name}.csv", comments)
        write_parquet(whole, f"{start}_{name}.parquet", about)
    for column in columns:
        if table["good"].any() and not table.loc[table["good"], column].notna().any():
            log.warning("%s has no value in any good row of this sample", column)
        # the good rows in which the feature's channel was recorded, with the time of that
        time = time_column(table, column)
        part = table.loc[table["good"] & table[time].notna(), [*KEY, time, "time_source", column]]
        part = part.set_axis([*KEY, "time", "time_source", "value"], axis="columns")
        write_parquet(part, f"{start}_{column}.parquet", about | {"column": column})
        # PyAMA's form, in which the dataset comes first where it is needed
        place = ["dataset"] * (len(known) > 1) + ["time", "fov", "cell"]
        part = part.sort_values(["time", *CELL], kind="stable")[[*place, "value"]]
        write_traces(part, f"{start}_{column}.csv", [f"Time units: {unit}"])
    if seen is not None:
        keep_places(seen, table)
    for line in comments:
        log.info("%s", line)
    _warn_of_pyama(table, log)


def _warn_of_pyama(table: pd.DataFrame, log: logging.Logger) -> None:
    """Warn where PyAMA, which knows no datasets, would join cells of several."""
    cells = table[CELL].drop_duplicates()
    same = cells[cells.duplicated(CELL[1:])]
    if len(same):
        log.warning(
            "%s of different datasets %s the same field of view and number, such as %d and "
            "%d; PyAMA, which passes over the column dataset, would take them for one: give it a "
            "sample of each dataset", counted(len(same), "pair of cells", "pairs of cells"),
            "has" if len(same) == 1 else "have",
            same["fov"].iloc[0], same["cell"].iloc[0],
        )  # fmt: skip


def _rank(path: str | Path, order: list[str]) -> tuple[int, int]:
    """Return the key that sorts files of traces: by dataset as in the config, then by number."""
    dataset, fov = place_of(path)
    return order.index(dataset), -1 if fov is None else fov


def _verdicts_of(
    curation: str | Path, names: list[str], traces, known, log: logging.Logger
) -> list[Verdict]:
    """Return the verdicts on the sample's fields of view."""
    places = {place_of(path) for path in traces}
    verdicts = read_curation(curation, names)

    def concerns(verdict: Verdict) -> bool:
        if (verdict.dataset, None) not in places:
            return (verdict.dataset, verdict.fov) in places
        chosen = known[verdict.dataset].fovs
        return chosen is None or verdict.fov in chosen

    used = [verdict for verdict in verdicts if concerns(verdict)]
    log.info("%s: %d rows, %d on this sample", curation, len(verdicts), len(used))
    return used


def _tracked(cells: Sequence[str | Path]) -> set[tuple[str, int, int]]:
    """Return dataset, field of view and ID of all cells that were tracked."""
    tables = ((place_of(path), read_csv(path, ["reason"])) for path in cells)
    return {(*place, cell) for place, table in tables for cell in table["cell"]}


def _fields_comment(table: pd.DataFrame) -> list[str]:
    """Say which fields of view there are, per dataset."""
    cells = table[CELL].drop_duplicates()
    return [
        f"Dataset {name}: fields of view {format_fovs(part['fov'])}, {len(part)} cells"
        for name, part in cells.groupby("dataset", sort=False)
    ] or ["No cells"]

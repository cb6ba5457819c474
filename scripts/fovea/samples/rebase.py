"""Write a curation table anew after segmentation or tracking changed the IDs of cells."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pandas as pd

from fovea.config.paths import Paths, fill
from fovea.errors import FoveaError
from fovea.jobs.atomic import number_text, whole_file
from fovea.samples.curation import OPTIONAL, REQUIRED, Verdict, read_curation
from fovea.samples.tables import read_csv
from fovea.samples.verdicts import BOX, POSITION, cell_at, read_places

OVERLAP = 0.25  # least intersection over union of the boxes of one cell, on average


def rebase(path: str | Path, folder: str | Path = ".", paths: Paths | None = None) -> list[str]:
    """Find the cells of a curation table again, and write their IDs and places into it.

    A cell is the one whose box holds the place that its row states, or else the one whose boxes
    overlap most with those at the last merge. Rows whose cells are not found become comments. The
    table as it was is kept beside it, as ``curation_1.csv`` and so on.

    Parameters
    ----------
    path : path
        The curation table.
    folder : path
        Working directory.
    paths : Paths, optional
        Where the results are in it; by default where they are if the config sets nothing else.

    Returns
    -------
    list of str
        What happened to each row, and where the old table is.
    """
    path, said, rows = Path(path), [], []
    if not path.is_file():
        raise FoveaError(f"{path}: there is no curation table; name it with --curation")
    paths = paths or Paths()
    fields: dict[tuple[str, int], pd.DataFrame | None] = {}
    for verdict in read_curation(path):
        field = verdict.key[:2]
        if field not in fields:
            fields[field] = _traces(paths, Path(folder), *field)
        place, reason = _find(verdict, fields[field], Path(folder) / paths.SEEN)
        values = [verdict.dataset, verdict.fov, verdict.cell, str(verdict.good).lower(),
                  verdict.first, verdict.last, verdict.note]  # fmt: skip
        if place is None:
            old = [verdict.frame, *map(number_text, verdict.position or ())]
            rows.append(["# not found: " + verdict.dataset, *values[1:], *old])
            said.append(f"{verdict}: not found, {reason}; its row is a comment now")
            continue
        values[2] = int(place["cell"])
        rows.append(
            [*values, int(place["frame"]), *(number_text(place[name]) for name in POSITION)]
        )
        is_now = "the same" if values[2] == verdict.cell else f"now cell {values[2]}"
        said.append(f"{verdict}: {is_now}, at x {place['position_x']:g}, y "
                    f"{place['position_y']:g} in frame {place['frame']:g}")  # fmt: skip
    numbers = (f"{path.stem}_{number}{path.suffix}" for number in range(1, 10**6))
    kept = next(p for p in map(path.with_name, numbers) if not p.exists())
    shutil.copy2(path, kept)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow([*REQUIRED, *OPTIONAL])
        lines.writerows(["" if value is None else value for value in row] for row in rows)
    return [*said, f"{path}: written anew; the table as it was is {kept}"]


def _traces(paths: Paths, folder: Path, dataset: str, fov: int) -> pd.DataFrame | None:
    """Return the traces of a field of view that have places; None if there are no traces."""
    for template in (fill(paths.TABLE, table="traces"), paths.IMPORTED_TRACES):
        file = folder / fill(template, dataset=dataset, fov=f"{fov:03d}")
        if file.is_file():
            table = read_csv(file, ["time_source"])
            if not {*POSITION, *BOX} <= {*table}:
                return table.iloc[:0]
            return table[(table["fov"] == fov) & table[[*POSITION, *BOX]].notna().all(axis=1)]
    return None


def _find(verdict: Verdict, field: pd.DataFrame | None, seen: Path) -> tuple[pd.Series | None, str]:
    """Return the row of the traces in which the cell of a verdict is found, or why it is not."""
    if field is None:
        return None, "for there are no traces of its field of view"
    if field.empty:
        return None, "for the traces of its field of view have no cell with a position"
    if verdict.position is not None:
        frame = verdict.first if verdict.frame is None else verdict.frame
        for each in sorted(field["frame"].unique()) if frame is None else [frame]:
            if (cell := cell_at(field, each, *verdict.position)) is not None:
                return _row(field, cell, each), ""
        return None, "for no cell is at its place"
    before = read_places(seen, *verdict.key[:2])
    if before is None:  # the traces are those that were judged
        own = field[field["cell"] == verdict.cell]
        return (own.iloc[len(own) // 2], "") if len(own) else (None, "for there is no such cell")
    own = before[before["cell"] == verdict.cell]
    pairs = own.merge(field, on="frame", suffixes=("", "_now"))
    if pairs.empty:
        return (
            None,
            "for it was not in the traces at the last merge, or its frames have no cell now",
        )
    shares = _overlap(pairs).groupby(pairs["cell_now"]).sum() / pairs["frame"].nunique()
    if shares.max() < OVERLAP:
        return None, "for no cell overlaps with where it was"
    cell = shares.idxmax()
    frame = pairs.loc[pairs["cell_now"] == cell, "frame"].iloc[0]
    return _row(field, cell, frame), ""


def _row(field: pd.DataFrame, cell: int, frame: int) -> pd.Series:
    return field[(field["cell"] == cell) & (field["frame"] == frame)].iloc[0]


def _overlap(pairs: pd.DataFrame) -> pd.Series:
    """Return the intersection over union of the boxes in ``bbox_x0`` … and ``bbox_x0_now`` …."""
    x0, y0, x1, y1 = (pairs[name] for name in BOX)
    u0, v0, u1, v1 = (pairs[f"{name}_now"] for name in BOX)
    width = (x1.combine(u1, min) - x0.combine(u0, max)).clip(lower=0)
    height = (y1.combine(v1, min) - y0.combine(v0, max)).clip(lower=0)
    shared = width * height
    return shared / ((x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - shared)

"""Fields of view of imported traces, where files do not number them or hold several datasets."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fovea.config.fovs import format_fovs
from fovea.errors import FoveaError
from fovea.samples.imports.rows import Read


def number_tables(parts: list[Read]) -> None:
    """Number tables with one column per cell that have the same feature as fields of view."""
    count: dict[str, int] = {}
    for part in (part for part in parts if part.form == "wide"):
        name = part.features[0]
        part.rows["fov"] = count.setdefault(name, 0)
        count[name] += 1
    for part in (part for part in parts if part.form == "wide"):
        if count[part.features[0]] > 1 and len(part.rows):
            part.notes.append(f"is taken for field of view {part.rows['fov'].iloc[0]}")


def split_datasets(parts: list[Read], dataset: str | None, beside: Sequence[str]) -> list[str]:
    """Tell the cells of several datasets in one file apart.

    Where the config has the datasets that the files name, each takes its own rows. Else the fields
    of view of each dataset are numbered on after those of the one before, which the returned
    sentences say.
    """
    named = [part for part in parts if "dataset" in part.rows]
    rows = [part.rows[["dataset", "fov"]].drop_duplicates() for part in named]
    found = list(dict.fromkeys(name for part in rows for name in part["dataset"]))
    if len(found) > 1 and len(named) < len(parts):
        other = next(part for part in parts if part not in named)
        raise FoveaError(
            f"{other.source}: has no column dataset, but {named[0].source} has the datasets "
            f"{', '.join(found)}; make a dataset of each file, or add the column"
        )
    first, notes = 0, []
    lacking = [name for name in found if name not in (dataset, *beside)]
    if len(found) > 1 and dataset in found and lacking:
        raise FoveaError(
            f"{named[0].source}: holds the datasets {', '.join(found)}, of which the config reads "
            f"{dataset}; give {lacking[0]} its own entry with the same traces, or call this "
            "dataset otherwise to take all of them"
        )
    for name in [dataset] if dataset in found else found:
        places = [part.loc[part["dataset"] == name, "fov"] for part in rows]
        if len(found) > 1 and dataset not in found:
            known = sorted({*pd.concat(places)})
            notes.append(f"Dataset {name}: its fields of view {format_fovs(known)} are "
                         f"{format_fovs([fov + first for fov in known])} here")  # fmt: skip
        for part in named:
            part.rows.loc[part.rows["dataset"] == name, "fov"] += first
        first += max((fovs.max() for fovs in places if len(fovs)), default=-1) + 1
    for part in named:
        if dataset in found:
            part.rows = part.rows[part.rows["dataset"] == dataset]
        part.rows = part.rows.drop(columns="dataset")
    if named:
        named[0].notes.extend(notes)
    return notes

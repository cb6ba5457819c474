"""Boxes that do not move, of cells whose traces are in other files: ``bbox/Pos{fov}.csv``."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from fovea.errors import FoveaError
from fovea.samples.imports.rows import PLACE, Read
from fovea.samples.parts import GEOMETRY
from fovea.samples.tables import whole_numbers

FORM = "boxes"
_NAMES = ("roi", "crop")  # of the column of cells
_SIDES = ("x", "y", "w", "h")
_GRID = ("i", "j")  # place in the pattern of the sample


def is_boxes(names: Collection[str]) -> bool:
    """Whether these are the columns of boxes without traces."""
    has = set(names)
    return set(_SIDES) <= has and bool(has & {*_NAMES}) and not has & {"frame", "t", "position"}


def read_boxes(path: str | Path, table: pd.DataFrame) -> Read:
    """Read the boxes of a field of view, which the path names."""
    place = re.search(r"(?:^|/)Pos(\d+)\.csv$", Path(path).as_posix())
    if place is None:
        raise FoveaError(
            f"{path}: its name does not tell the field of view of these boxes; it should be called "
            "like Pos0.csv"
        )
    only(path, table, [*_NAMES, *_SIDES, *_GRID])
    cell = whole_numbers(path, table, next(name for name in _NAMES if name in table))
    x, y, w, h = (whole_numbers(path, table, name) for name in _SIDES)
    if ((w < 1) | (h < 1)).any() or len(set(cell.tolist())) < len(cell):
        raise FoveaError(
            f"{path}: a box has no width or height, or a cell has two boxes; correct the table"
        )
    sides = (x + (w - 1) / 2, y + (h - 1) / 2, x, y, x + w, y + h)
    rows = pd.DataFrame(
        {"fov": int(place[1]), "cell": cell, **dict(zip(GEOMETRY, sides, strict=True))}
    )
    return Read(str(path), FORM, rows, lambda row: f"row {row + 1}")


def with_boxes(parts: list[Read]) -> list[Read]:
    """Return the parts that are traces, in which the boxes of the others stand in every frame."""
    boxes = [part for part in parts if part.form == FORM]
    rest = [part for part in parts if part.form != FORM]
    if not boxes:
        return parts
    traces = [part for part in rest if part.form == "per cell"]
    if not traces:
        raise FoveaError(
            f"{boxes[0].source}: has boxes of cells and no values; give their traces, too, such as "
            "analysis/Pos0/ch1.csv"
        )
    known = pd.concat([part.rows for part in boxes])
    if known.duplicated(PLACE[:2]).any():
        raise FoveaError(
            f"{boxes[-1].source}: its field of view has boxes in another file, too; give one of "
            "them"
        )
    for part in traces:
        index = part.rows.index
        part.rows = part.rows.merge(known, on=PLACE[:2], how="left").set_axis(index)
        lacking = part.rows.loc[part.rows[GEOMETRY[0]].isna(), "cell"].nunique()
        if lacking:
            part.notes.append(f"{lacking} of its cells have no box")
    return rest


def only(path: str | Path, table: pd.DataFrame, known: Collection[str]) -> None:
    """Raise FoveaError if a table has other columns than these."""
    others = [name for name in table if name not in known]
    if others:
        raise FoveaError(
            f"{path}: it is not known what its columns {', '.join(others)} hold; remove them, or "
            f"give a file that has no others than {', '.join(known)}"
        )

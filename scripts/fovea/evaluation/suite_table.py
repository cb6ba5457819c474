"""The table of a suite, as aligned text and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError
from fovea.evaluation.evaluate import as_text, shown, write_table
from fovea.evaluation.failures import EXTRA, FAILURES
from fovea.jobs.atomic import whole_file

#: Headings of the tables, and the column or columns below each.
_SEGMENTATION: dict[str, tuple[str, ...]] = {
    "recording": ("recording",), "frames": ("frames",), "cells per frame": ("cells_per_frame",),
    "mode, contrast, diameter": ("mode", "contrast", "cell_diameter"),
    "chosen by": ("chosen_by",), "SEG": ("SEG",), "F1": ("F1",),
    **{kind: (kind,) for kind in (*FAILURES, EXTRA)},
    "CPU ms": ("CPU_ms",), "trained or tuned on": ("tuned_on",),
}  # fmt: skip
_BEST = {
    "recording": ("recording",), "proposed": ("mode", "contrast", "cell_diameter"),
    "SEG": ("SEG",), "best": ("best_mode", "best_contrast", "best_diameter"),
    "its SEG": ("best_SEG",), "its F1": ("best_F1",), "mode right": ("mode_right",),
    "annotated diameter": ("annotated_diameter",), "diameter right": ("diameter_right",),
}  # fmt: skip
_TRACKS = {
    "recording": ("recording",), "mode, contrast, diameter": ("mode", "contrast", "cell_diameter"),
    "SEG": ("SEG",), "TRA": ("TRA",), "links of found objects": ("links_of_found",),
    "complete": ("complete",), "divisions found": ("divisions_found",),
    "divisions": ("divisions",),
}  # fmt: skip
_SIZES = ("cell_diameter", "best_diameter", "annotated_diameter")


def tables(rows: Sequence[Mapping[str, Any]]) -> list[list[dict[str, str]]]:
    """Return the tables that rows have values for: segmentation, the best of all, and tracks.

    Each is a list of rows from heading to text.
    """
    found = [_table(rows, _SEGMENTATION)]
    for columns, key in ((_BEST, "best_SEG"), (_TRACKS, "TRA")):
        some = [row for row in rows if key in row]
        if some:
            found.append(_table(some, columns))
    return found


def suite_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables with aligned columns."""
    return "\n\n".join(as_text(table) for table in tables(rows))


def write_suite(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows: as Markdown, JSON or CSV, as the ending of the path says.

    A FoveaError is raised for other endings.
    """
    known_ending(path)
    if path.suffix.lower() != ".md":
        write_table(rows, path)
        return
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(map(_markdown, tables(rows))), "utf-8")


def known_ending(path: Path) -> None:
    """Raise a FoveaError if a table cannot be written to this path."""
    if path.suffix.lower() not in (".md", ".json", ".csv"):
        raise FoveaError(f"{path}: a table is a file .md, .json or .csv; name it so")


def _table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Sequence[str]]) -> list:
    return [
        {heading: ", ".join(filter(None, (_text(key, row.get(key, "")) for key in keys)))
         for heading, keys in columns.items()} for row in rows
    ]  # fmt: skip


def _text(key: str, value: Any) -> str:
    if isinstance(value, float) and key in _SIZES:
        return "" if math.isnan(value) else f"{value:.3g}"
    return shown(value)


def _markdown(table: Sequence[Mapping[str, str]]) -> str:
    headings = list(table[0])
    lines = [headings, ["---"] * len(headings), *([row[h] for h in headings] for row in table)]
    return "".join(f"| {' | '.join(text.replace('|', '/') for text in line)} |\n" for line in lines)

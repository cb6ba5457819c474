"""What the headers of tables and the names of sheets say: times, units, cells, summaries."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from fovea.errors import FoveaError
from fovea.samples.imports.rows import UNITS, Read

#: Words of headers of summaries, which are no cells.
NO_CELLS = {"mean", "average", "median", "std", "sd", "sem", "stdev", "index", "mittelwert"}
#: Headers of tables that have one row, and not one column, per cell and time.
_LONG = {"fov", "cell", "cell id", "value", "roi", "position", "track", "track id", "label"}
#: Columns of PyAMA that differ from others in capitals only.
_KEYS = {"dataset", "time", "t", "frame", "fov", "cell", "value", "good", "position", "roi",
         "is_good"}  # fmt: skip
#: Columns besides `dataset` in which people write what a row belongs to.
_APART = {
    "sample", "experiment", "condition", "treatment", "well", "plate", "replicate", "recording",
    "movie", "file", "filename", "series", "scene", "group", "day", "run", "batch",
}  # fmt: skip
_TIME = re.compile(r"\s*(times?|zeit|t|temps|tiempo|tempo|tijd)(?![^\W_])", re.I)
BRACKET = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]")


def plain(text: str) -> str:
    """Return a header, or the name of a sheet, in small letters, with blanks for other signs."""
    return re.sub(r"[\W_]+", " ", text).strip().lower()


def is_long(names: Sequence[str]) -> bool:
    """Whether headers are those of a table with one row per cell and time."""
    return any(plain(name) in _LONG for name in names)


def is_time(text: str) -> bool:
    """Whether a header, or the name of a sheet, says that it holds times: ``Time [h]``, ``hours``.

    ``t1`` and ``m2`` do not: cells may be called so.
    """
    return is_named_time(text) or text.strip(" []()").lower() in UNITS


def is_named_time(text: str) -> bool:
    """Whether a header says so with the word for time, and not with a unit such as ``h`` alone."""
    return bool(_TIME.match(text))


def unit_in(text: str) -> str | None:
    """Return the unit in the header of times, or the name of their sheet, if it says one."""
    if bracket := BRACKET.search(text):
        return bracket[1]
    words = re.findall(r"[^\W\d_]+", text.lower())
    return words[-1] if words and words[-1] in UNITS else None


def known_names(table: pd.DataFrame) -> tuple[pd.DataFrame, str | None, list[str]]:
    """Return a table with PyAMA's names of columns where they differ in form only.

    With it comes the unit of times in a header such as ``Time (h)``, and what a user ought to know.
    """
    small = {name: name.lower() for name in table if name.lower() in _KEYS}
    if not set(small.values()) & (set(table) - set(small)):
        table = table.rename(columns=small)
    unit, notes = None, []
    timed = [name for name in table if is_named_time(name) and not name.startswith("time_ch_")]
    if "cell" in table and "time" not in table and len(timed) == 1:
        table, unit = table.rename(columns={timed[0]: "time"}), unit_in(timed[0])
    if "cell" in table and not {"fov", "roi"} & set(table) and {"time", "frame"} & set(table):
        table = table.assign(fov=0)
        notes.append("has no column fov; all cells are taken for those of one field of view")
    return table, unit, notes


def check_words(found: Read, table: pd.DataFrame) -> None:
    """Refuse rows that give a cell several values of a column that tells experiments apart."""
    cell = [name for name in ("dataset", "fov", "cell") if name in found.rows]
    for name in table:
        if plain(name) not in _APART:
            continue
        several = table.assign(**found.rows[cell]).groupby(cell)[name].nunique(dropna=False) > 1
        if several.any():
            fov, number = several.index[several][0][-2:]
            raise FoveaError(
                f"{found.source}: field of view {fov}, cell {number} has rows of different "
                f"{name}, so that they are several cells; make a file of each, or call the column "
                "dataset"
            )

"""Tables on disk: CSV for people and other programs, Parquet for speed; data frames in memory.

Arrow parses and writes beneath pandas. Its parser refuses lines that have too few or too many
values, which pandas' own fills up or shifts by a column, and it writes large tables ten times as
fast as `DataFrame.to_csv`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fovea.errors import FoveaError, show
from fovea.jobs.atomic import number_text, whole_file
from fovea.jobs.checksums import as_written, read_whole
from fovea.samples.saved_csv import MISSING, TRUTH, SavedCsv, has_decimal_commas, hint, open_csv

_KEY = b"fovea"


def comment_lines(path: str | Path) -> list[str]:
    """Return the lines at the beginning of a file that start with ``#``, without it."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        return _head(file)[0]


def _head(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the comments at the beginning of a CSV file, and the names in its header."""
    comments = []
    for line in lines:
        if not line.startswith("#"):
            return comments, [name.strip() for name in next(csv.reader([line]), [])]
        comments.append(line[1:].strip())
    return comments, []


def read_csv(path: str | Path, texts: Collection[str] | None = None) -> pd.DataFrame:
    """Read a CSV file; lines at its beginning that start with ``#`` are passed over.

    Parameters
    ----------
    path : path
    texts : collection of str, optional
        The columns of text in a table that Fovea wrote, in which nothing but an empty number is
        missing. Without it, the file may be saved by any spreadsheet program, see
        `fovea.samples.saved_csv`, and words such as ``NA`` and ``NaN`` stand for missing values;
        the attribute `comments` of the table has the lines before its header.

    Raises
    ------
    FoveaError
        If the file is no table, two columns have the same name, or a number has two meanings.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if texts is None:
        return _read_saved(path)
    data = read_whole(path)
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", "replace", newline="")
    comments, names = _head(text)
    options = arrow_csv.ReadOptions(use_threads=False, skip_rows=len(comments))
    convert = {"column_types": dict.fromkeys(texts, pa.string()), "null_values": [""]}
    return _data_frame(path, _parsed(path, pa.BufferReader(data), options, convert), names)


def _read_saved(path: str | Path) -> pd.DataFrame:
    """Read a CSV file that any program may have saved."""
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    saved = open_csv(path)
    separator = saved.separator
    body = "\n".join(saved.lines).encode()
    options = arrow_csv.ReadOptions(
        use_threads=False, column_names=[f"{i}" for i in range(len(saved.names))]
    )
    nulls = [*arrow_csv.ConvertOptions().null_values, *MISSING]
    convert = {"strings_can_be_null": True, "null_values": nulls}
    if not saved.names:
        raise FoveaError(f"{path}: cannot be read as a table: it is empty; save it again")

    def parsed(point: str) -> pa.Table:
        if not body.strip():
            return pa.table([pa.nulls(0)] * len(saved.names), options.column_names)
        source = pa.BufferReader(body)
        try:
            return _parsed(path, source, options, convert | {"decimal_point": point}, separator)
        except FoveaError:
            _check_lengths(saved)
            raise

    found = parsed(".")
    words = [value for column in found.columns if pa.types.is_string(column.type)
             for value in compute.unique(column).to_pylist() if value is not None]  # fmt: skip
    if has_decimal_commas(saved, words):
        found = parsed(",")
    # a spreadsheet's empty columns on the right
    count = len(saved.names)
    while (
        count > 1
        and not saved.names[count - 1]
        and found.column(count - 1).null_count == len(found)
    ):
        count -= 1
    table = _data_frame(path, found.select(range(count)), saved.names[:count])
    table.attrs["comments"] = saved.comments
    return table


def _check_lengths(saved: SavedCsv) -> None:
    """Raise FoveaError for the first line that has not as many values as the header."""
    expected = len(saved.names)
    for line, row in saved.rows():
        if len(row) != expected:
            cause = "write its empty values, too"
            if len(row) > expected:
                cause = "decimal commas need semicolons between the values"
            raise FoveaError(
                f"{saved.path}: cannot be read as a table: line {line} does not fit the header: "
                f"Expected {expected} columns, got {len(row)}; {cause}"
            )


def _parsed(path: str | Path, source, options, convert: dict, separator: str = ","):
    """Return the Arrow table of a CSV file, or of a buffer of its rows."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    parse = arrow_csv.ParseOptions(delimiter=separator)
    try:
        return arrow_csv.read_csv(source, options, parse, arrow_csv.ConvertOptions(**convert))
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = " ".join(str(error).split())
        raise FoveaError(f"{path}: cannot be read as a table: {reason}") from None


def _data_frame(path: str | Path, found, names: list[str]) -> pd.DataFrame:
    """Return the data frame of an Arrow table; columns without any value are of numbers."""
    import pyarrow as pa

    if len(set(names)) < len(names):
        raise FoveaError(f"{path}: two columns have the same name; rename one of them")
    types = [pa.float64() if pa.types.is_null(kind) else kind for kind in found.schema.types]
    schema = pa.schema([*zip(found.column_names, types, strict=True)])
    return found.cast(schema).to_pandas().set_axis(names, axis="columns")


def numbers(path: str | Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of numbers, (R,) float64; NaN for what is missing."""
    column = table[name]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        row, text = _first_word(column)
        raise FoveaError(
            f"{path}: the column {name} holds something that is no number: {show(text)} in line "
            f"{_line(path, row)}{hint(text)}"
        )
    return column.to_numpy(np.float64)


def _first_word(column: pd.Series) -> tuple[int, str]:
    """Return the row and the text of the first value that is no number."""
    texts = column.astype(object).map(lambda value: "" if pd.isna(value) else str(value))
    wrong = (texts != "") & pd.to_numeric(texts, errors="coerce").isna()
    row = int(np.argmax(wrong.to_numpy())) if len(texts) else 0
    return row, texts.iloc[row] if len(texts) else ""


def _line(path: str | Path, row: int) -> int:
    """Return the number of the line of a row of a file; 0 where it cannot be read again."""
    return open_csv(path).line_of(row) if Path(path).is_file() else row + 2


def whole_numbers(path: str | Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of whole numbers, (R,) int64; raises like `numbers`, or if one is missing."""
    value = numbers(path, table, name)
    wrong = ~np.isfinite(value) | (value != np.round(value))
    if wrong.any():
        row = int(np.argmax(wrong))
        what = "is missing" if np.isnan(value[row]) else f"is {value[row]:g}"
        raise FoveaError(
            f"{path}: the column {name} must hold whole numbers; the one in line "
            f"{_line(path, row)} {what}"
        )
    return value.astype(np.int64)


def truth(path: str | Path, table: pd.DataFrame, name: str, missing: bool = True) -> np.ndarray:
    """Return a column of truth values, (R,) bool; a missing column or value is `missing`.

    Words are those of `TRUTH`, in any language in which Excel writes them.
    """
    if name not in table:
        return np.full(len(table), missing)
    column = table[name]
    if pd.api.types.is_string_dtype(column):
        column = column.map(lambda value: TRUTH.get(value.strip().lower(), value), "ignore")
    wrong = ~(column.isna() | column.isin([True, False])).to_numpy(bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise FoveaError(
            f"{path}: the column {name} must hold True or False, and not "
            f"{show(column.iloc[row])} as in line {_line(path, row)}"
        )
    true = column.eq(True).fillna(False).to_numpy(bool)  # 1 is true as well
    return true | (column.isna().to_numpy(bool) & missing)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table of results as CSV, its numbers as `fovea.jobs.atomic.number_text` has them."""
    texts = {name: table[name].map(number_text) for name in table.select_dtypes("float")}
    with whole_file(path, checked=True) as temporary:
        table.assign(**texts).to_csv(temporary, index=False, lineterminator="\n")


def write_traces(table: pd.DataFrame, path: str | Path, comments: Sequence[str] = ()) -> None:
    """Write a table of one row per cell and frame, or per cell, as CSV.

    First the comments after ``# ``, then the header and the rows. Numbers have all their digits in
    Arrow's notation (``0.00001`` where `write_csv` has ``1e-05``), what is missing is empty, and
    truth is ``True`` or ``False``.
    """
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    columns, quotes = [], False
    for column in _arrow(table).columns:
        if pa.types.is_boolean(column.type):
            column = compute.if_else(column, "True", "False")
        elif pa.types.is_string(column.type):
            special = compute.any(compute.match_substring_regex(column, '[,"\\r\\n]'))
            quotes |= bool(special.as_py())
        columns.append(column)
    with whole_file(path, checked=True) as temporary, open(temporary, "wb") as file:
        lines = [*(f"# {line}" for line in comments), ",".join(table.columns)]
        file.write("".join(f"{line}\n" for line in lines).encode())
        if quotes:  # Arrow would put them around all texts
            texts = pa.table([column.cast(pa.string()) for column in columns], list(table.columns))
            texts.to_pandas().to_csv(file, header=False, index=False, lineterminator="\n")
        elif len(table):
            options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
            arrow_csv.write_csv(pa.table(columns, list(table.columns)), file, options)


def write_parquet(table: pd.DataFrame, path: str | Path, about: Mapping[str, Any]) -> None:
    """Write a Parquet file; `about` comes back as the attributes of the table that is read."""
    from pyarrow import parquet

    text = json.dumps(dict(about), ensure_ascii=False).encode()
    found = _arrow(table).replace_schema_metadata({_KEY: text})
    with whole_file(path, checked=True) as temporary:
        parquet.write_table(found, temporary, compression="zstd", write_page_checksum=True)


def _arrow(table: pd.DataFrame):
    """Return an Arrow table without what pandas adds to it: metadata, and a type of long texts."""
    import pyarrow as pa

    found = pa.Table.from_pandas(table, preserve_index=False)
    types = [pa.string() if pa.types.is_large_string(t) else t for t in found.schema.types]
    # in one piece, because Arrow writes rubbish for pieces without rows
    return found.cast(pa.schema(zip(table.columns, types, strict=True))).combine_chunks()


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file, or some columns, in this order; `attrs` is what was written about it."""
    import pyarrow as pa

    with as_written(path):
        file, found = _parquet(path), {}
        # one column after the other: Arrow's and pandas' copies of all would be there together
        for name in file.schema_arrow.names if columns is None else columns:
            found[name] = file.read([name], use_threads=False).to_pandas()[name]
            pa.default_memory_pool().release_unused()
        table = pd.DataFrame(found, copy=False)
        table.attrs = json.loads((file.schema_arrow.metadata or {}).get(_KEY, b"{}"))
    return table


def parquet_columns(path: str | Path) -> list[str]:
    """Return the names of the columns of a Parquet file."""
    with as_written(path):
        return _parquet(path).schema_arrow.names


def _parquet(path: str | Path):
    """Return the open Parquet file, whose pages are compared with their own checksums, too."""
    from pyarrow import BufferReader, parquet

    return parquet.ParquetFile(BufferReader(read_whole(path)), page_checksum_verification=True)

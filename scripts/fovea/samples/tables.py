"""Tables on disk: CSV for people and other programs, Parquet for speed; both made with Arrow."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fovea.errors import FoveaError
from fovea.jobs.atomic import whole_file

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_KEY = b"fovea"


@lru_cache
def arrow():
    """Import Arrow without pandas, which it looks for at its first conversion: that takes a second.

    Nothing here converts from or to pandas. Where pandas has been imported before, Arrow knows it.
    """

    class NoPandas:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "pandas":
                raise ImportError(name)

    sys.meta_path.insert(0, NoPandas)
    try:
        import pyarrow as pa

        pa.scalar(0)
    finally:
        sys.meta_path.remove(NoPandas)
    return pa


def as_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of numbers or truth values; NaN for what is missing among floats.

    Raises
    ------
    FoveaError
        If a whole number or a truth value is missing.
    """
    pa = arrow()
    if pa.types.is_null(column.type):
        column = column.cast(pa.float64())
    if column.null_count and not pa.types.is_floating(column.type):
        raise FoveaError("a value is missing in a column of whole numbers or of truth values")
    return column.to_numpy()


def constant(text: str, count: int) -> pa.Array:
    """Return a column of the same text."""
    pa = arrow()
    # an array of no repetitions is not whole
    return pa.repeat(text, count) if count else pa.array([], pa.string())


def comment_lines(path: str | Path) -> list[str]:
    """Return the lines at the beginning of a file that start with ``#``, without it."""
    lines = []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if not line.startswith("#"):
                break
            lines.append(line[1:].strip())
    return lines


def read_csv(path: str | Path, types: Mapping[str, Any] | None = None) -> pa.Table:
    """Read a CSV file; lines at its beginning that start with ``#`` are passed over.

    Parameters
    ----------
    path : path
    types : mapping of str to pyarrow.DataType, optional
        Types of columns; of others they are guessed.

    Raises
    ------
    FoveaError
        If the file is no table, or a column is not of its type.
    """
    pa = arrow()
    from pyarrow import csv as arrow_csv

    try:
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, skip_rows=len(comment_lines(path))
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict(types or {}), strings_can_be_null=True
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise FoveaError(f"{path}: cannot be read as a table: {error}") from None


def write_csv(table: pa.Table, path: str | Path, comments: Sequence[str] = ()) -> None:
    """Write a CSV file: comments after ``# ``, the header, the rows.

    Numbers have all their digits, what is missing or not a number is left empty, and truth is
    ``True`` or ``False``.
    """
    from pyarrow import csv as arrow_csv

    with whole_file(path) as temporary, open(temporary, "wb") as file:
        for line in comments:
            file.write(f"# {line}\n".encode())
        file.write((",".join(table.column_names) + "\n").encode())
        printable = _printable(table)
        if any(_needs_quotes(column) for column in printable.columns):
            _write_quoted(printable, file)
        elif len(printable):
            options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
            arrow_csv.write_csv(printable, file, options)


def _needs_quotes(column: pa.ChunkedArray) -> bool:
    pa = arrow()
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.match_substring_regex(column, '[,"\\r\\n]')).as_py())


def _write_quoted(table: pa.Table, file: BinaryIO) -> None:
    """Write rows of which some texts need quotes, which Arrow would put around all texts."""
    pa = arrow()

    columns = [column.cast(pa.string()).fill_null("").to_pylist() for column in table.columns]
    with io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True) as text:
        csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))


def _printable(table: pa.Table) -> pa.Table:
    pa = arrow()
    import pyarrow.compute as pc

    columns = []
    # in one piece, because Arrow writes rubbish for pieces without rows
    for column in table.combine_chunks().columns:
        if pa.types.is_boolean(column.type):
            column = pc.if_else(column, "True", "False")
        elif pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        elif pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def write_parquet(table: pa.Table, path: str | Path, about: Mapping[str, Any]) -> None:
    """Write a Parquet file; `about` is what `parquet_about` gives back."""
    arrow()
    from pyarrow import parquet

    text = json.dumps(dict(about), ensure_ascii=False).encode()
    with whole_file(path) as temporary:
        parquet.write_table(
            table.replace_schema_metadata({_KEY: text}), temporary, compression="zstd"
        )


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file, or some of its columns, in this order."""
    arrow()
    from pyarrow import parquet

    return parquet.ParquetFile(path).read(columns=columns, use_threads=False)


def parquet_about(table: pa.Table) -> dict[str, Any]:
    """Return what `write_parquet` was told about a table."""
    return json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))


def parquet_columns(path: str | Path) -> list[str]:
    """Return the names of the columns of a Parquet file."""
    arrow()
    from pyarrow import parquet

    return parquet.read_schema(path).names


def number_text(value: float) -> str:
    """Return a number with all its digits; integers without a point; nothing where undefined."""
    value = float(value)
    if value != value:
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)

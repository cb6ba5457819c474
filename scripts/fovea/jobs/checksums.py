"""Checksums of tables and records, which the reader compares.

That of ``folder/table.csv`` stands in ``folder/.checksums/table.csv.json``: size in bytes, number
of lines (of text: rows, header and comments), SHA-256. So the file itself stays as other programs
expect it. It is written right after the file got its name, and deleted before that is made again.
A file that has none is of Fovea 0.1.0, or is not Fovea's, and is read as it is.

Standard library only, for Snakemake reads metadata in its own environment.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fovea.errors import FoveaError

FOLDER = ".checksums"
_TEXTS = (".csv", ".yaml")


def checksum_file(path: Path) -> Path:
    """Return where the checksum of a file stands."""
    return path.parent / FOLDER / f"{path.name}.json"


def checked_file(checksum: Path) -> Path:
    """Return the file whose checksum stands in a file."""
    return checksum.parent.parent / checksum.name.removesuffix(".json")


def describe(path: Path, data: bytes) -> dict:
    """Return what is kept of a file with this content."""
    lines = {"lines": data.count(b"\n")} if path.suffix in _TEXTS else {}
    return {"bytes": len(data), **lines, "sha256": hashlib.sha256(data).hexdigest()}


def read_whole(path: str | Path) -> bytes:
    """Return the content of a file; FoveaError if it is not as it was written."""
    path = Path(path)
    data = path.read_bytes()
    known = read_checksum(path)
    if known is not None and known != (found := describe(path, data)):
        raise FoveaError(changed(path, known, found))
    return data


def read_text(path: str | Path) -> str:
    """Return the content of a UTF-8 file; FoveaError if it is not as it was written."""
    with as_written(path):
        return read_whole(path).decode("utf-8")


def read_rows(path: str | Path) -> csv.DictReader:
    """Return the rows of a CSV file of Fovea, passing over comments; raises like `read_text`."""
    lines = io.StringIO(read_text(path), newline="")
    return csv.DictReader(line for line in lines if not line.startswith("#"))


def read_checksum(path: Path) -> dict | None:
    """Return what is kept of a file; None if nothing is, FoveaError if that itself is damaged."""
    file = checksum_file(path)
    try:
        known = json.loads(file.read_text("utf-8"))
        if not {"bytes", "sha256"} <= known.keys() <= {"bytes", "lines", "sha256"}:
            raise ValueError(known)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, AttributeError) as error:
        raise FoveaError(
            f"{file} is damaged; delete it and {path}, and run Snakemake again"
        ) from error
    return known


def changed(path: Path, known: dict, found: dict) -> str:
    """Return the words for a file that is not as it was written."""
    what = "has other content"
    for unit in ("bytes", "lines"):
        if known.get(unit) != found.get(unit):
            what = f"has {found.get(unit)} {unit} instead of {known.get(unit)}"
    return (
        f"{path} is not as Fovea wrote it: it {what}; delete it and run Snakemake again, which "
        "makes it anew (corrections by hand belong into the curation table)"
    )


@contextmanager
def as_written(path: str | Path) -> Iterator[None]:
    """Say of a file that has no checksum, and not what is expected in it, that it is damaged."""
    try:
        yield
    except FoveaError:
        raise
    except Exception as error:  # whatever a parser of any library raises
        if isinstance(error, OSError) and error.errno is not None:  # it cannot be opened
            raise
        raise FoveaError(
            f"{path} cannot be read: it is damaged, or of another kind or version; if Fovea made "
            "it, delete it and run Snakemake again"
        ) from error

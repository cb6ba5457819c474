"""Compare all arrays, tables and records of a folder of results with their checksums."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fovea.errors import FoveaError
from fovea.jobs.checksums import FOLDER, checked_file, checksum_file, read_whole
from fovea.store.metadata import read_metadata
from fovea.store.reader import ArrayReader, read_array

#: Files that have checksums; figures, pages and logs have none.
_CHECKED = (".csv", ".parquet", ".yaml", ".h5ad", ".tif")
#: Written anew at every run, or scores, and read by people only.
_OTHERS = ("status.csv", "index.csv")
_REPORT = "report"


@dataclass(frozen=True)
class Part:
    """A file, or an array or group of a Zarr store, of some bytes; `is_array` for the latter."""

    path: Path
    size: int
    is_array: bool


def parts_of(folder: str | Path) -> list[Part]:
    """List what is to be compared in a folder of results, or in a part of one.

    Raises
    ------
    FoveaError
        If there is no such folder, or nothing of Fovea in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FoveaError(f"{folder}: there is no such folder; name a folder of results")
    found = sorted(_walk(folder), key=lambda part: part.path)
    if not found:
        raise FoveaError(f"{folder}: holds no results of Fovea; name a folder of results")
    return found


def _walk(folder: Path) -> Iterator[Part]:
    in_store = folder.suffix == ".zarr" or (folder / "zarr.json").exists()
    for place, folders, files in os.walk(folder):
        here = Path(place)
        inside = here.relative_to(folder).parts
        in_zarr = in_store or any(name.endswith(".zarr") for name in inside)
        if in_zarr and (files or here.suffix == ".zarr"):
            yield Part(here, sum((here / name).stat().st_size for name in files), True)
            if here.suffix == ".zarr" and "zarr.json" not in files:
                folders.clear()  # the store is written at the moment, or again: nothing is whole
        elif here.name == FOLDER:
            missing = (checked_file(here / name) for name in files)
            yield from (Part(path, 0, False) for path in missing if not path.exists())
        elif not in_zarr and inside[:1] != (_REPORT,):
            yield from (Part(here / name, (here / name).stat().st_size, False) for name in files
                        if name.endswith(_CHECKED) and name not in _OTHERS
                        and not name.startswith("."))  # fmt: skip


def compare(parts: Iterable[Part], advance: Callable[[int], object]) -> tuple[list[str], int]:
    """Compare parts with their checksums; `advance` is told the bytes of each that is done.

    Returns
    -------
    list of str
        What is wrong, a line for each part that is not as it was written.
    int
        How many parts have no checksum.
    """
    wrong, unknown = [], 0
    for part in parts:
        try:
            unknown += not check(part)
        except FoveaError as error:
            wrong.append(str(error))
        advance(part.size)
    return wrong, unknown


def check(part: Part) -> bool:
    """Compare a part with its checksum; returns False if it has none, as those of Fovea 0.1.0.

    Raises
    ------
    FoveaError
        If it is not as it was written, or not there.
    """
    try:
        return _check_zarr(part.path) if part.is_array else _check_file(part.path)
    except OSError as error:
        raise FoveaError(
            f"{part.path}: cannot be read ({error.strerror or error}); copy it again, or delete it "
            "and run Snakemake again"
        ) from error


def _check_file(path: Path) -> bool:
    if not path.exists():
        raise FoveaError(
            f"{path} is missing: it was deleted, or its step failed; run Snakemake again to make it"
        )
    read_whole(path)
    return checksum_file(path).exists()


def _check_zarr(path: Path) -> bool:
    content = read_metadata(path)
    if content["node_type"] == "group":
        return content["has_checksum"]
    if content["codecs"][0]["name"] != "sharding_indexed":
        read_array(path)
    else:
        with ArrayReader(path) as frames:
            for frame in frames.present.tolist():
                frames[frame]
    return content["has_checksum"]

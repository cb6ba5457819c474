"""Whether a recording is still the one that was inspected: a fingerprint that is quickly taken.

It depends on contents, names and sizes only, so that a copy of a recording has the same one and
`metadata.yaml` is the same wherever and whenever it is written. Times of modification are compared
by Snakemake from run to run, and here with that of `metadata.yaml` before a job reads a recording,
and from the beginning of reading to its end (`same_recording`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from fovea.config.folders import find_source
from fovea.config.inputs import resolve_files
from fovea.errors import FoveaError

_BLOCKS, _BLOCK = 32, 1024  # places of a file that are read, and bytes at each
_FILES = 64  # of many files, so many are read, and of a folder's entries
_SIZES = 5000  # and of so many the size is asked for
_CLOCK = 2.0  # seconds by which clocks of computers may differ
_FOLDERS = 64  # of a Zarr store, which may have a million


def source_files(source: Any, base: str | os.PathLike[str] = ".") -> list[str]:
    """Return the files, or Zarr stores, of an input, as paths from `base`."""
    if isinstance(source, Mapping):
        if "files" not in source:
            return [match.path for match in find_source(dict(source), base).matches]
        source = source["files"]
    return resolve_files(source, base)


def fingerprint(source: Any, base: str | os.PathLike[str] = ".") -> dict[str, Any]:
    """Take the fingerprint of an input.

    Returns
    -------
    dict
        ``files``: their number; ``bytes``: of the files whose size is asked for (5000 at most,
        spread evenly); ``fingerprint``: 16 digits that stand for the names and sizes, and for 32
        places in each of 64 files, spread evenly. Of a Zarr store, the first 64 folders are looked
        at in the same way.
    """
    found = source_files(source, base)
    digest, total = hashlib.sha256(), 0
    kept = set(_spread(found, _FILES))
    for name in _spread(found, _SIZES):
        path = os.path.join(base, name)
        if os.path.isdir(path):
            for inner in _of_folder(path):
                total += _add(digest, path, inner, True)
        else:
            total += _add(digest, base, name, name in kept)
    return {"files": len(found), "bytes": total, "fingerprint": digest.hexdigest()[:16]}


def _add(digest: Any, base: str | os.PathLike[str], name: str, read: bool) -> int:
    """Add a file to a digest; returns its size."""
    path = os.path.join(base, name)
    size = os.stat(path).st_size
    digest.update(f"{os.path.basename(name)}\0{size}\0".encode("utf-8", "surrogateescape"))
    if read:
        for block in _blocks(path, size):
            digest.update(block)
    return size


def _blocks(path: str, size: int) -> Iterator[bytes]:
    """Yield what stands at some places of a file; nothing of a file that may not be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            last = max(0, size - _BLOCK)
            for block in range(_BLOCKS if last else 1):
                file.seek(last * block // (_BLOCKS - 1))
                yield file.read(_BLOCK)
    except PermissionError:  # the reader says so, of the fields of view in this file
        return


def _of_folder(folder: str) -> Iterator[str]:
    """Yield some files of a folder and those in it, the same ones every time."""
    waiting = [""]
    for _ in range(_FOLDERS):
        if not waiting:
            return
        inner = waiting.pop(0)
        with os.scandir(os.path.join(folder, inner)) as entries:
            here = sorted((entry.name, entry.is_dir()) for entry in entries)
        files = [name for name, is_folder in here if not is_folder]
        yield from (os.path.join(inner, name) for name in _spread(files, _FILES))
        waiting += (os.path.join(inner, name) for name, is_folder in here if is_folder)


def _spread(items: list[str], most: int) -> list[str]:
    """Return so many items at most, evenly spread from the first to the last."""
    if len(items) <= most:
        return items
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def stamp(source: Any, base: str | os.PathLike[str] = ".") -> list[tuple[str, int, int]]:
    """Return name, size and time of modification (ns) of some files of an input."""
    found = []
    for name in _spread(source_files(source, base), _SIZES):
        about = os.stat(os.path.join(base, name))
        found.append((name, about.st_size, about.st_mtime_ns))
    return found


def check_clock(source: Any, base: str | os.PathLike[str] = ".") -> None:
    """Raise FoveaError for an input that was modified in the future, by a clock that is wrong.

    What is made of it would be older, so that Snakemake takes it for out of date, and fails.
    """
    name, _, newest = max(stamp(source, base), key=itemgetter(2))
    if newest / 1e9 - time.time() > _CLOCK:
        raise dated_in_future(name, newest)


def dated_in_future(name: str, modified: int) -> FoveaError:
    """Return the error for a file that was modified in the future, in ns since the epoch."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(modified / 1e9))
    return FoveaError(
        f"{name}: was modified in the future ({when}): the clock of this computer, or of the "
        "one that wrote the file, is wrong; set this clock, or give the file today's time "
        "with `touch`"
    )


def check_unchanged(
    source: Any,
    metadata: Mapping[str, Any],
    place: str = "metadata.yaml of this dataset",
    base: str | os.PathLike[str] = ".",
) -> None:
    """Raise FoveaError if an input is not the one of which `metadata` says what it holds.

    `place` names the file of that, for the message. Metadata of Fovea 0.1.0 has no fingerprint.
    """
    known = metadata.get("recording")
    if known is None:
        return
    try:
        found = fingerprint(source, base)
    except OSError:  # the reader says best what is wrong with a file
        return
    if found != known:
        raise changed(metadata["files"], place)


@contextmanager
def same_recording(
    source: Any, metadata: Mapping[str, Any] | None, log: logging.Logger
) -> Iterator[None]:
    """Read an input as the one that was inspected, from the first byte to the last.

    An input that is newer than `metadata.yaml`, and has the same fingerprint, is taken for the same
    one with a warning: it was touched, or changed where no fingerprint looks.

    Parameters
    ----------
    metadata : mapping or None
        Content of `metadata.yaml`; without it nothing is known of an earlier state.

    Raises
    ------
    FoveaError
        If it is another recording than the one that was inspected, or was written to meanwhile.
    """
    before = stamp(source)
    if metadata is not None:
        check_unchanged(source, metadata)
        file = getattr(metadata, "path", None)
        newest = max((time for _, _, time in before), default=0)
        if file is not None and newest > os.stat(file).st_mtime_ns:
            log.warning(
                "%s: was modified after it had been inspected; its size and the places of it that "
                "are compared are the same, so it is taken for the same recording (if it is not, "
                "delete metadata.yaml of this dataset and run Snakemake again)", _name(source),
            )  # fmt: skip
    yield
    if stamp(source) != before:
        raise FoveaError(
            f"{_name(source)}: was written to while it was read; run Snakemake again when the "
            "acquisition, or the copying to this disk, has ended"
        )


def _name(source: Any) -> str:
    return source_files(source)[0]


def changed(files: Sequence[str], place: str) -> FoveaError:
    """Return the error for a recording of these files that was exchanged or changed."""
    name = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    return FoveaError(
        f"{name}: has changed since it was inspected, or is another recording of the same name; "
        f"delete {place} and run Snakemake again, which makes everything of it anew, or put the "
        "old recording back"
    )

"""Atomic writes: each job writes a file of its own, which gets its name when it is complete.

Two jobs may make the same array: a run was killed and started again while one of its jobs goes on,
or a node of a cluster was given up that still works. Each job writes beside its target, under a
name that holds its host and process. The job that begins later deletes what the other has written
so far; the other one then fails. This needs no lock, no clock and no list of running jobs, only
that the file system creates, deletes and renames files.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import platform
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError
from fovea.jobs.checksums import checksum_file, describe

_MOST_PARTS, _MOST_BYTES = 1000, 1 << 30  # of one call, which systems limit to 1024 and 2 GiB


def partial(path: Path) -> Path:
    """Return where this process writes a file or folder until it is complete."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")


def begin(path: Path) -> Path:
    """Take over a file or folder: delete what other jobs have written of it so far.

    Its parent must exist. What is written to the returned path, `publish` renames to the target.
    """
    for other in path.parent.glob(f".{path.name}.*"):
        remove(other)
    return partial(path)


def publish(path: Path) -> None:
    """Rename what this process has written to its target; FoveaError if another has taken over."""
    try:
        partial(path).replace(path)
    except FileNotFoundError as error:
        raise taken_over(path) from error


@contextmanager
def whole_file(path: str | Path, checked: bool = False) -> Iterator[Path]:
    """Yield a path to write to; the file exists completely or not at all.

    Of one that is `checked`, a checksum is kept for `fovea.jobs.checksums.read_whole`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, checksum = begin(path), checksum_file(path)
    checksum.unlink(missing_ok=True)
    try:
        yield temporary
        about = describe(path, temporary.read_bytes()) if checked else None
        publish(path)
    finally:
        temporary.unlink(missing_ok=True)
    if about is not None:
        checksum.parent.mkdir(exist_ok=True)
        begin(checksum).write_text(json.dumps(about) + "\n", "utf-8")
        publish(checksum)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder to write to; it gets its name when it is complete, or is deleted.

    At the end there must be nothing at this path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = begin(path)
    temporary.mkdir()
    try:
        yield temporary
        publish(path)
    finally:
        remove(temporary)


@contextmanager
def whole_csv(path: str | Path, header: Sequence[str], checked: bool = True) -> Iterator[Any]:
    """Yield a `csv.writer` with its header written; the rest is as for `whole_file`."""
    with (
        whole_file(path, checked) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(header)
        yield rows


def write_all(number: int, parts: Iterable[bytes]) -> None:
    """Write all parts, one after the other, to the open file of this number.

    One call of the system may write less than it is given: where the disk fills up, and at more
    than 2 GiB.
    """
    left = deque(memoryview(part) for part in parts if len(part))
    while left:
        batch, size = [], 0
        for part in islice(left, _MOST_PARTS):
            batch.append(part[: _MOST_BYTES - size])
            size += len(batch[-1])
            if size == _MOST_BYTES:
                break
        written = os.writev(number, batch)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        while left and written >= len(left[0]):
            written -= len(left.popleft())
        if written:
            left[0] = left[0][written:]


def number_text(value: float) -> str:
    """Write a number of a table with all its digits.

    Integers have no point below 1e15; what is not a number is left empty, and what is infinite
    is ``inf`` or ``-inf``.
    """
    value = float(value)
    if value != value:
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def remove(path: Path) -> None:
    """Delete a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def taken_over(path: Path) -> FoveaError:
    """Return the error of a job whose target another job has taken over."""
    return FoveaError(
        f"{path}: another job makes it now, so this one stops; two runs are at work in this "
        "folder, or a job of a run that was killed"
    )

"""Files in the making: each job writes its own, so that two jobs never write the same one.

A job writes beside its target, under a name that holds its host and process, and renames when all
is there. Two jobs that make the same array (the head of a run was killed and started again, or a
node was given up that still works) thus never meet in one file. The one that begins later deletes
what the other has so far; that one cannot go on then, and fails. This needs no lock, no clock and
no notice of who is alive: creating, deleting and renaming are all that a file system has to offer.
"""

from __future__ import annotations

import csv
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError


def partial(path: Path) -> Path:
    """Where this process writes what will be a file or folder when it is whole."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}")


def begin(path: Path) -> Path:
    """Take over a target: what others have written of it so far is deleted.

    Parameters
    ----------
    path : Path
        The target, a file or folder. Its parent must exist.

    Returns
    -------
    Path
        What to write, and to rename to the target at the end.
    """
    for other in path.parent.glob(f".{path.name}.*"):
        remove(other)
    return partial(path)


def publish(path: Path) -> None:
    """Give what this process has written its name, at once and as a whole.

    Raises
    ------
    FoveaError
        If another job has taken over.
    """
    try:
        partial(path).replace(path)
    except FileNotFoundError as error:
        raise taken_over(path) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a name to write to; the file is there as a whole or not at all.

    What a job that was killed has left of it is deleted.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = begin(path)
    try:
        yield temporary
        publish(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_csv(path: str | Path, header: Sequence[str]) -> Iterator[Any]:
    """Yield a `csv.writer` whose file is there as a whole or not at all, its header written."""
    with (
        whole_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(header)
        yield rows


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
    """The error of a job whose target another one makes now."""
    return FoveaError(
        f"{path}: another job makes it now, so this one stops; two runs are at work in this "
        "folder, or a job of a run that was killed"
    )

"""Files that a wrong clock has dated in the future.

Snakemake compares the times of inputs and outputs: what is made after a clock has been put back is
older than what it is made from, and fails. What is as old as its input is not made again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from fovea.errors import counted
from fovea.recordings.fingerprint import dated_in_future

_SHORTER = 10**6  # by which the times between files shrink: 3 hours become 11 ms


def ahead(files: Iterable[str], folder: str | Path = ".") -> dict[str, int]:
    """Return which files are dated in the future, and how far, in ns.

    The clock is that of the disk of `folder`, which on a network is not this computer's own. Where
    Snakemake takes a folder for a file, its time is that of a file in it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            now = os.fstat(file.fileno()).st_mtime_ns
    except OSError:  # then nothing can be made here anyway
        return {}
    found = {}
    for name in files:
        path = os.path.join(name, ".snakemake_timestamp")
        path = path if os.path.exists(path) else name
        if os.path.exists(path) and (time := os.stat(path).st_mtime_ns) > now:
            found[path] = time - now
    return found


def words(future: Mapping[str, int]) -> str:
    """Say at the end of a run that failed that its files lie in the future, or nothing."""
    if not future:
        return ""
    return (
        f"Fovea: {_about(future)}, because a clock was wrong or has been put back; give the same "
        "command again, which dates them now"
    )


def redate(inputs: Iterable[str], made: Iterable[str], folder: str | Path = ".") -> str:
    """Date results now that lie in the future, in the same order, and return what was done.

    Parameters
    ----------
    inputs : iterable of path
        What jobs of this run read. If none of it lies in the future, nothing is done.
    made : iterable of path
        All files and folders that jobs make, also those of jobs that are done.

    Raises
    ------
    FoveaError
        If a file lies in the future that no job makes, such as a recording, or its time cannot be
        changed.
    """
    found = ahead(inputs, folder)
    if not found:
        return ""
    future = ahead(made, folder)
    latest = max(future.values(), default=0)
    for path in found.keys() - future.keys():
        raise dated_in_future(path, os.stat(path).st_mtime_ns)
    for path, time in future.items():
        modified = os.stat(path).st_mtime_ns
        new = modified - time - (latest - time) // _SHORTER
        try:
            os.utime(path, ns=(new, new))
        except OSError:
            raise dated_in_future(path, modified) from None
    return f"{_about(future)}, because a clock was wrong; they have been dated now"


def _about(future: Mapping[str, int]) -> str:
    name, most = max(future.items(), key=lambda item: item[1])
    return (
        f"{counted(len(future), 'file')} of the results, such as {name}, "
        f"{'is' if len(future) == 1 else 'are'} dated up to {most / 6e10:.0f} min in the future"
    )

"""Room on disks: what is free, what a field of view needs, and words for a disk that is full."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from fovea.errors import FoveaError
from fovea.jobs.resources import Size

_IS_FULL = "is full; free are"
_FULL = (errno.ENOSPC, errno.EDQUOT)

#: Bytes per pixel of a frame, as measured on camera images of 2048 x 2048: the raw channel and its
#: smaller copy; labels and tracks; the background of a channel; crops of all.
_RAW, _LABELS, _BACKGROUND, _CROPS = 1.5, 0.3, 2.2, 0.5

#: Camera images become no smaller than that part of their bytes.
_LEAST = 1 / 4


def field_bytes(size: Size, phase: int, fluorescence: int) -> int:
    """Return about how many bytes a field of view needs in results.

    Parameters
    ----------
    size : Size
        Frames, height and width.
    phase, fluorescence : int
        Numbers of channels; without phase contrast there are no labels and crops.
    """
    per_pixel = (phase + fluorescence) * _RAW + fluorescence * _BACKGROUND
    per_pixel += (_LABELS + _CROPS) if phase else 0
    return int(size.frames * size.height * size.width * per_pixel)


def check_room(folder: str | os.PathLike[str], raw_bytes: int) -> None:
    """Raise FoveaError where not even well compressed images of so many bytes fit on a disk."""
    least, free = int(raw_bytes * _LEAST), free_bytes(folder)
    if free < least:
        raise FoveaError(
            f"{folder}: the raw images of this field of view need at least {amount(least)}, and "
            f"{amount(free)} are free on this disk; make room, and give the same command again"
        )


def free_bytes(folder: str | os.PathLike[str]) -> int:
    """Return how many bytes this user may still write where a folder is, or is to be."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def full_disk(error: BaseException) -> str | None:
    """Say how much is free where, if an error means that a disk or a quota is full; else None."""
    if not isinstance(error, OSError) or error.errno not in _FULL:
        return None
    places = {"the working directory": ".", "the temporary folder": tempfile.gettempdir()}
    if error.filename is not None:
        places = {str(error.filename): Path(os.fsdecode(error.filename)).parent, **places}
    free = ", ".join(f"{amount(free_bytes(place))} in {name}" for name, place in places.items())
    what = "the quota" if error.errno == errno.EDQUOT else "a disk"
    return f"{what} {_IS_FULL} {free}; make room, and give the same command again"


def says_full(text: str) -> bool:
    """Return whether this is what `full_disk` says."""
    return _IS_FULL in text


def amount(number: float) -> str:
    """Write bytes as people do: ``3.2 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"

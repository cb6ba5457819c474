"""A recording of one file per position, of which one can be damaged and mended."""

from __future__ import annotations

import os
from pathlib import Path

import tifffile

from fovea.recordings.fingerprint import fingerprint
from support.recordings import write_ome_tiff

DAMAGED = 2000  # bytes
NAMES = {"Channel": {"Name": ["Phase", "GFP", "mCherry"]}}


def write_positions(recording: Path, folder: Path) -> None:
    """Write each series of a recording to a file of its own, ``pos_0.ome.tiff`` and so on."""
    with tifffile.TiffFile(recording) as file:
        for number, series in enumerate(file.series):
            pixels = series.asarray()[None, :, None]
            path = folder / f"pos_{number}.ome.tiff"
            write_ome_tiff(path, pixels, metadata=NAMES, compression="zlib")


def damage(path: Path) -> None:
    """Overwrite compressed pixels of one plane; the file's times stay as they are.

    So does its fingerprint, of which these pixels are no part: only the field of view is made anew
    when the file is mended.
    """
    with tifffile.TiffFile(path) as file:
        page = file.pages[7]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    before, known = path.stat(), fingerprint(str(path))
    middle = start + length // 2
    with path.open("r+b") as file:
        for first in range(middle, start + length - DAMAGED, DAMAGED):
            file.seek(first)
            whole = file.read(DAMAGED)
            file.seek(first)
            file.write(b"\x55" * DAMAGED)
            file.flush()
            if fingerprint(str(path)) == known:
                break
            file.seek(first)
            file.write(whole)
    assert fingerprint(str(path)) == known
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def mend(path: Path, whole: bytes) -> None:
    """Write a file's content anew; its times stay as they are."""
    times = path.stat()
    path.write_bytes(whole)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

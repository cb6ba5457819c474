"""What a job needs of a cluster's node: memory and time, from the size of its field of view."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple


class Size(NamedTuple):
    """Size of a field of view."""

    frames: int
    height: int
    width: int


#: Assumed before the recording has been inspected.
USUAL = Size(180, 2048, 2048)

#: MB of a job whose frames are small; 640 were measured: two Snakemake processes of 155 MB that
#: start the steps, and one or two steps of 150 to 180 MB, packages and kernels most of it.
BASE_MB = 1000

#: MB per megapixel of a frame for a step: about twice the growth that docs/cluster.md gives, for
#: crowded frames, and for steps of one field of view that run at once.
STEP_MB = {
    "copy_raw": 40, "segment": 40, "track": 60, "background": 80, "crop": 80, "extract": 60,
    "cache": 60, "photobleaching": 80,
}  # fmt: skip

#: Minutes of a step whose recording is small: start-up, waiting for files, compiling once.
BASE_MINUTES = 2

#: Seconds per 100 megapixels (24 frames of 2048 x 2048) and channel, four times what was measured:
#: processors and file systems differ, and a job that ends early costs nothing.
STEP_SECONDS = {
    "copy_raw": 10, "segment": 12, "track": 10, "background": 12, "crop": 16, "extract": 12,
    "cache": 8, "photobleaching": 8,
}  # fmt: skip

_FIELD = re.compile(r", height: (\d+), width: (\d+), planes: \d+, frames: (\d+)")


@lru_cache
def _sizes(path: str, changed: int) -> list[Size]:
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("- ") and (match := _FIELD.search(line)):
                height, width, frames = map(int, match.groups())
                found.append(Size(frames, height, width))
    return found


def size(metadata: str | Path, fov: int) -> Size:
    """Size of a field of view; a usual one while its recording has not been inspected.

    Parameters
    ----------
    metadata : path
        The dataset's ``metadata.yaml``. It is searched, not parsed, because every job does it.
    fov : int
        Index of the field of view.
    """
    try:
        sizes = _sizes(os.fspath(metadata), os.stat(metadata).st_mtime_ns)
    except OSError:
        return USUAL
    return sizes[fov] if fov < len(sizes) else USUAL


def enlarged(of: Size, segmentation: dict) -> Size:
    """Size of what segmentation works on.

    Mode network sees cells of 24 pixels; it needs as much as other methods where half the frame's
    resolution gives that, and more for smaller cells.
    """
    if segmentation.get("mode") != "network":
        return of
    factor = max(1.0, 48 / segmentation["cell_diameter"])
    return of._replace(height=round(of.height * factor), width=round(of.width * factor))


def memory(step: str, of: Size, attempt: int = 1) -> int:
    """Memory for a step in MB; it does not depend on the number of frames.

    Twice as much for the second attempt, four times for the third.
    """
    megapixels = of.height * of.width / 1e6
    return int(BASE_MB + STEP_MB[step] * megapixels) << (attempt - 1)


def minutes(step: str, of: Size, channels: int, attempt: int = 1) -> int:
    """Time for a step in minutes; twice as much for the second attempt, and so on."""
    pixels = of.frames * of.height * of.width * channels
    return int(BASE_MINUTES + STEP_SECONDS[step] * pixels / 1e8 / 60) << (attempt - 1)


def merge_memory(csv_mb: float, attempt: int = 1) -> int:
    """Memory for merging tables in MB; the step itself took 120 and 2.8 per MB of CSV."""
    return int(BASE_MB + 4 * csv_mb) << (attempt - 1)


def merge_minutes(csv_mb: float, attempt: int = 1) -> int:
    """Time for merging tables in minutes; 0.06 s per MB of CSV were measured."""
    return int(10 + 0.3 * csv_mb / 60) << (attempt - 1)

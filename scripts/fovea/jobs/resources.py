"""What a job needs of a cluster's node: memory and time, from the size of its field of view."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fovea.errors import FoveaError
from fovea.jobs.checksums import read_text


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

#: Most threads of a step: more than these wait for the one that writes.
MOST_THREADS = 8

#: Error about a file in the place of ``metadata.yaml``.
NO_METADATA = "{}: is no metadata.yaml of Fovea; delete it, it will be made again"


@lru_cache
def _field_lines(path: str, changed: int) -> list[str]:
    """Return the lines of the fields of view; `changed` is the file's time, for the cache."""
    lines = read_text(path).splitlines()
    if "fields:" not in lines:
        raise FoveaError(NO_METADATA.format(path))
    return lines[lines.index("fields:") + 1 :]


def size(metadata: str | Path, fov: int) -> Size:
    """Return the size of a field of view from its dataset's ``metadata.yaml``.

    A usual one while the recording has not been inspected, or where it has no such field;
    FoveaError if the file is none that Fovea wrote. Each field of view is one line of the file.
    Only that line is parsed: with 500 fields of view, whose times are in the file, all of it takes
    60 ms, and every job does this.
    """
    path = os.fspath(metadata)
    try:
        lines = _field_lines(path, os.stat(path).st_mtime_ns)
    except FileNotFoundError:
        return USUAL
    if fov >= len(lines):
        return USUAL
    import yaml

    try:
        (field,) = yaml.load(lines[fov], Loader=yaml.CSafeLoader)
        return Size(field["frames"], field["height"], field["width"])
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise FoveaError(NO_METADATA.format(path)) from error


def enlarged(of: Size, segmentation: dict) -> Size:
    """Return the size of what segmentation works on.

    Networks see cells of 18 pixels; they need as much as other methods where half the frame's
    resolution gives that, and more for smaller cells.
    """
    if (
        segmentation.get("mode") not in ("network", "general")
        or segmentation["cell_diameter"] is None
    ):
        return of
    factor = max(1.0, 36 / segmentation["cell_diameter"])
    return of._replace(height=round(of.height * factor), width=round(of.width * factor))


def memory(step: str, of: Size, attempt: int = 1, plugin: int = 0) -> int:
    """Memory for a step in MB, for any number of frames; twice as much for each new attempt.

    `plugin` MB are what the method of a plug-in needs beyond that.
    """
    return int(BASE_MB + plugin + STEP_MB[step] * (of.height * of.width / 1e6)) << (attempt - 1)


def minutes(step: str, of: Size, channels: int, attempt: int = 1, plugin: float = 0.0) -> int:
    """Time for a step in minutes; twice as much for each new attempt.

    `plugin` seconds are what the method of a plug-in takes for a frame of 2048 x 2048 pixels.
    """
    pixels = of.frames * of.height * of.width
    seconds = STEP_SECONDS[step] * channels * pixels / 1e8 + plugin * pixels / 2048**2
    return int(BASE_MINUTES + seconds / 60) << (attempt - 1)


def fields(metadata: str | Path) -> int:
    """Return how many fields of view a recording has; 1 while it has not been inspected."""
    path = os.fspath(metadata)
    try:
        return len(_field_lines(path, os.stat(path).st_mtime_ns))
    except FileNotFoundError:
        return 1


def threads(cores: int, of: int) -> int:
    """Return the threads of a step where `of` fields of view are processed on so many cores."""
    return max(1, min(cores // max(of, 1), MOST_THREADS))


def gpus() -> int:
    """Return how many GPUs jobs on this computer may use at the same time, at least 1.

    Those that CUDA_VISIBLE_DEVICES names, or else the devices of the driver. Where there is none,
    jobs that would use one run one after the other on the CPU.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return max(1, sum(1 for path in Path("/dev").glob("nvidia[0-9]*")))
    return max(1, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))


def merge_memory(csv_mb: float, attempt: int = 1) -> int:
    """Memory for merging tables in MB; the step itself took 160 and 6 per MB of CSV."""
    return int(BASE_MB + 6 * csv_mb) << (attempt - 1)


def merge_minutes(csv_mb: float, attempt: int = 1) -> int:
    """Time for merging tables in minutes; 0.06 s per MB of CSV were measured."""
    return int(10 + 0.3 * csv_mb / 60) << (attempt - 1)

"""Recognise how the single images in a folder are named, and write the `input` that reads them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fovea.config.folders import best_layout, walk
from fovea.config.inputs import is_zarr
from fovea.config.layouts import LAYOUTS
from fovea.config.patterns import is_made, made_of
from fovea.config.words import flow
from fovea.errors import FoveaError
from fovea.recordings.guessed_pattern import propose, tells_images_apart

if TYPE_CHECKING:
    from fovea.recordings.readers.info import RecordingInfo

_OTHERS = (".nd2", ".czi", ".lif", ".lsm", ".companion.ome", ".zarr")  # recordings of their own


@dataclass(frozen=True)
class Recognised:
    """The `input` that reads a folder, and in words how its files were understood."""

    source: dict[str, Any]
    about: str


def recognise(folder: str, base: str | os.PathLike[str] = ".") -> Recognised | None:
    """Recognise a folder of single images by the names of its files.

    Returns None where it is none: no folder, a folder of recordings of their own, or of images
    whose names tell neither frames nor channels nor z planes.
    """
    full = os.path.join(base, folder)
    if not os.path.isdir(full) or is_zarr(full):
        return None
    if any(name.lower().endswith(_OTHERS) for name in os.listdir(full)):
        return None
    files = [f for f in walk(base, folder) if f.lower().endswith((".tif", ".tiff"))]
    best = best_layout(files, folder)
    known = None
    if best and tells_images_apart(best[1]) and 2 * len(best[1].matches) >= _likely(files):
        name, layout = best[0], LAYOUTS[best[0]]
        about = f"{name} ({layout.instrument})"
        known = Recognised({"layout": name, "folder": folder}, about)
        if best[1].images == len(best[1].matches):
            return known
    pattern = propose(files, folder)
    if pattern is None or ("{frame}" in pattern and _images(files[0], base) > 1):
        return known
    return Recognised({"pattern": pattern}, "guessed from the names of the files; check them")


def planes_as_fields(info: RecordingInfo, base: str | os.PathLike[str] = ".") -> str | None:
    """Say that files which are taken for fields of view look like planes of one recording, or None.

    That is so for a folder, a glob or a list of TIFF files that hold one image each.
    """
    folders = {os.path.dirname(file) for file in info.files}
    several = len(info.files) > 2 and len(info.fields) == len(info.files) and len(folders) == 1
    if not several or any(f.planned_frames * f.planes > 1 for f in info.fields):
        return None
    known = recognise(folders.pop() or ".", base)
    start = f"each of the {len(info.files)} files is taken for a field of view of its own"
    if known is None:
        if not _numbers_vary(info.files):
            return None
        return (
            f"{start}; if they are frames or channels of one recording, write a pattern in which "
            "{fov}, {frame}, {channel} and {z} stand for the numbers in their names"
        )
    return (
        f"{start}, but their names look like images of one recording; if they are, write "
        f"input: {flow(known.source)}"
    )


def masks_as_fields(info: RecordingInfo) -> str | None:
    """Say that files of a list or glob look like masks of others in it, or None."""
    made = made_of(info.files)
    if not made or len(info.fields) < len(info.files):
        return None
    mask, image = next(iter(made.items()))
    more = f", and {len(made) - 1} more like it" if len(made) > 1 else ""
    return (
        f"{mask} looks by its name like the mask of {image}{more}, and is taken for a field of "
        "view of its own; if it is a mask, leave it out of `input`, or exclude it"
    )


def _numbers_vary(files: Sequence[str]) -> bool:
    """Return whether names differ in several numbers, as those of frames of several fields do."""
    rows = [re.findall("[0-9]+", os.path.basename(file)) for file in files]
    columns = zip(*rows, strict=False)
    return sum(len(set(column)) > 1 for column in columns) > 1


def _images(file: str, base: str | os.PathLike[str]) -> int:
    """Return how many images a TIFF file holds; 0 if it cannot be read."""
    from fovea.recordings.readers.tiff.pages import TiffSource

    try:
        source = TiffSource(os.path.join(base, file), file)
    except FoveaError:
        return 0
    with contextlib.closing(source):
        about = source.tif.imagej_metadata if source.tif.is_imagej else None
        return max(source.count, int((about or {}).get("images", 1)))


def _likely(files: list[str]) -> int:
    """Count the files that may be images of a recording."""
    return sum(not is_made(os.path.basename(file)) for file in files)


def groups_of(left: Sequence[str], most: int = 6) -> str:
    """Say which files are left out, by their kinds, images first: ``9 like a_masks.tif, a.npz``."""
    kinds: dict[tuple[bool, str], list[str]] = {}
    for path in left:
        name = os.path.basename(path)
        kind = re.sub(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}|[0-9]+", "0", name)
        kinds.setdefault((not name.lower().endswith((".tif", ".tiff")), kind), []).append(path)
    order = sorted(kinds, key=lambda kind: (kind[0], -len(kinds[kind]), kind[1]))
    parts = [f"{len(kinds[kind])} like {kinds[kind][0]}" if len(kinds[kind]) > 1 else
             kinds[kind][0] for kind in order[:most]]  # fmt: skip
    rest = sum(len(kinds[kind]) for kind in order[most:])
    return ", ".join(parts) + (f", and {rest} more" if rest else "")

"""NDTiff, the format of Micro-Manager and Pycro-Manager: TIFF files and the index beside them.

`NDTiff.index` lists all images: the values of their axes, and in which file and at which byte their
pixels and metadata lie. Described at https://github.com/micro-manager/NDTiffStorage.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import check_pixels, rgb_error
from fovea.recordings.readers.tiff.about import plane_facts
from fovea.recordings.readers.tiff.pages import TiffSources, collect_log
from fovea.recordings.readers.tiff.stack import TiffStack

INDEX = "NDTiff.index"
AXES = {"time": "T", "t": "T", "channel": "C", "c": "C", "z": "Z"}
POSITIONS = ("position", "p", "row", "column")
RGB, UINT8 = 2, 0  # types of pixels; all others are 9 to 16 bits in 16


class Entry(NamedTuple):
    """An image in the index: its file, its shape, and where its pixels and metadata lie."""

    file: str
    offset: int
    width: int
    height: int
    kind: int
    compression: int
    about_offset: int
    about_length: int


def index_of(file: str, base: str | os.PathLike[str]) -> str | None:
    """Return the path of the index that lists a file, or None if none lies beside it."""
    path = os.path.join(os.path.dirname(join(base, file)), INDEX)
    try:
        with open(path, "rb") as handle:
            return path if os.path.basename(file).encode() in handle.read() else None
    except OSError:
        return None


def ndtiff_stacks(
    sources: TiffSources, files: Iterable[str], base: str | os.PathLike[str], notes: list[str]
) -> list[TiffStack]:
    """Return the fields of view of the NDTiff data sets that files belong to."""
    indices = {index_of(file, base): file for file in reversed(list(files))}
    return [
        stack
        for index, file in reversed(indices.items())
        if index is not None
        for stack in _stacks(sources, index, file, notes)
    ]


def _stacks(sources: TiffSources, index: str, file: str, notes: list[str]) -> list[TiffStack]:
    import tifffile

    with collect_log([]):
        rows = [(row[0], Entry(*row[1:9])) for row in tifffile.read_ndtiff_index(index)]
    found: dict[str, dict[Any, None]] = {}
    for axes, _ in rows:
        for axis, value in axes.items():
            found.setdefault(axis, {})[value] = None
    number = {axis: _numbers(list(known), axis) for axis, known in found.items()}
    for axis, known in number.items():
        if axis.lower() not in (*AXES, *POSITIONS) and len(known) > 1:
            raise FoveaError(
                f"{file}: has an axis {axis} of {len(known)} steps, which Fovea does not know; "
                "export it as OME-TIFF with one file per position"
            )
    if not rows:
        raise FoveaError(f"{file}: {INDEX} beside it lists no image; copy the folder again")
    positions = _numbered(axes for axes, _ in rows)
    planes: list[dict[tuple[int, ...], Entry]] = [{} for _ in positions]
    for axes, entry in rows:  # of an image that was written again, the last
        place = {AXES[a.lower()]: number[a][v] for a, v in axes.items() if a.lower() in AXES}
        planes[positions[_position(axes)]][tuple(place.get(a, 0) for a in "TCZ")] = entry
    known = {AXES[a.lower()]: own for a, own in number.items() if a.lower() in AXES}
    t, c, z = (max(known[axis].values()) + 1 if axis in known else 1 for axis in "TCZ")
    names = [name if isinstance(name, str) else None for name in known.get("C", [None])]
    stacks: list[TiffStack] = []
    for own in planes:
        stack = NdtiffStack(
            file, "", own[min(own)].height, own[min(own)].width, "", (t, c, z), list(names),
            folder=os.path.dirname(index), planes=own,
        )  # fmt: skip
        _describe(sources, stack)
        stacks.append(stack)
    gone = sorted({path for stack in stacks for path in stack.absent()})
    if gone:
        notes.append(f"{INDEX} names {len(gone)} file(s) that are not there: {', '.join(gone)}")
    return stacks


def _numbers(values: list[Any], axis: str) -> dict[Any, int]:
    """Number the values of an axis from 0: words as they come, times in their common step."""
    if not all(isinstance(value, int) for value in values):
        return {value: i for i, value in enumerate(values)}
    values.sort()
    step = math.gcd(*(value - values[0] for value in values)) or 1
    if AXES.get(axis.lower()) == "T":  # a time that no image has is a frame that is missing
        return {value: (value - values[0]) // step for value in values}
    return {value: i for i, value in enumerate(values)}


def _position(axes: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of the axes that tell positions apart, in a fixed order of these."""
    return tuple(axes[axis] for axis in sorted(axes) if axis.lower() in POSITIONS)


def _numbered(every: Iterable[dict[str, Any]]) -> dict[tuple[Any, ...], int]:
    found = list(dict.fromkeys(_position(axes) for axes in every))
    if all(isinstance(value, int) for place in found for value in place):
        found.sort()
    return {place: i for i, place in enumerate(found)}


@dataclass
class NdtiffStack(TiffStack):
    """A field of view whose images lie where the index says; `planes` by (t, c, z)."""

    folder: str = ""
    planes: dict[tuple[int, ...], Entry] = field(default_factory=dict)

    def absent(self) -> set[str]:
        """Return the names of the files that are not there."""
        names = {entry.file for entry in self.planes.values()}
        return {name for name in names if not os.path.isfile(self.path(name))}

    def path(self, name: str) -> str:
        """Return the path of a file of the data set."""
        return os.path.join(self.folder, os.path.basename(name))

    def existing(self, sources: TiffSources) -> np.ndarray:
        there, ends = np.zeros(self.sizes, bool), {}
        for plane, entry in self.planes.items():
            if entry.file not in ends:
                path = self.path(entry.file)
                ends[entry.file] = os.path.getsize(path) if os.path.isfile(path) else 0
            there[plane] = entry.offset + self._length(entry) <= ends[entry.file]
        return there

    def recorded(self) -> np.ndarray:
        announced = np.zeros(self.sizes, bool)
        for plane in self.planes:
            announced[plane] = True
        return announced

    def _length(self, entry: Entry) -> int:
        return entry.height * entry.width * np.dtype(self.dtype).itemsize

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        entry = self.planes.get((t, c, z))
        if entry is None:
            raise self.missing(t, c, z)
        if (entry.height, entry.width) != (self.height, self.width):
            raise FoveaError(
                f"{self.source}: its images have different sizes ({entry.height} x {entry.width} "
                f"and {self.height} x {self.width} pixels); export it again"
            )
        source = sources.get(self.path(entry.file), entry.file)
        return source.read_raw(entry.offset, np.dtype(self.dtype), self.height, self.width)

    def about(self, sources: TiffSources, plane: tuple[int, ...]) -> dict[str, Any]:
        """Return the metadata of an image; empty where there are none."""
        entry = self.planes[plane]
        try:
            raw = sources.get(self.path(entry.file), entry.file).raw
            found = json.loads(raw.read(entry.about_offset, entry.about_length).rstrip(b"\0"))
        except (FoveaError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def page_times(self, sources: TiffSources) -> np.ndarray | None:
        frames, channels, _ = self.sizes
        stamps = np.full((channels, frames), np.nan)
        for t, c, z in sorted(self.planes, key=lambda plane: -plane[2]):  # the lowest z last
            time = plane_facts(self.about(sources, (t, c, z))).seconds
            stamps[c, t] = np.nan if time is None else time
        return None if np.isnan(stamps).all() else stamps


def _describe(sources: TiffSources, stack: NdtiffStack) -> None:
    """Set pixel type, pixel size, name and place of a field from its first image."""
    plane = min(stack.planes)
    entry = stack.planes[plane]
    if entry.kind == RGB:
        raise rgb_error(stack.source)
    if any(own.compression for own in stack.planes.values()):
        raise FoveaError(
            f"{stack.source}: its images are compressed in a way that Fovea does not read; export "
            "it as OME-TIFF"
        )
    kind = np.uint8 if entry.kind == UINT8 else np.uint16
    stack.dtype = check_pixels(stack.source, kind, entry.height, entry.width)
    facts = plane_facts(stack.about(sources, plane))
    stack.pixel_size_um, stack.name = facts.pixel_size_um, facts.position or ""
    stack.position_um = facts.position_um

"""Folders of TIFF files: one for each plane, or one for each time series or z stack."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from fovea.config.inputs import natural_sorted
from fovea.config.patterns import Match, match_pattern
from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.tiff.pages import TiffSources, check_page
from fovea.recordings.readers.tiff.plain import plain_stacks, resolution
from fovea.recordings.readers.tiff.stack import TiffStack, TiffStacksRecording

ELAPSED = "ElapsedTime-ms"  # Micro-Manager's time of a plane


@dataclass
class FileStack(TiffStack):
    """A field of view of which each file holds one plane, one channel's frames or its z planes.

    `files` maps (t, c, z) to the file. `inner` is the axis within the files, ``"T"``, ``"Z"`` or an
    empty string; the index along it is 0 in `files`.
    """

    base: str = "."
    files: dict[tuple[int, int, int], str] = field(default_factory=dict)
    inner: str = ""
    sound: set[int] = field(default_factory=set)
    parts: OrderedDict[str, TiffStack] = field(default_factory=OrderedDict)

    def existing(self, sources: TiffSources) -> np.ndarray:
        there = np.zeros(self.sizes, bool)
        for (t, c, z), file in self.files.items():
            if self.inner:
                pages = self._part(sources, file).existing(sources).ravel()
                inside = slice(len(pages))
                there[(inside, c, z) if self.inner == "T" else (t, c, inside)] = pages
            else:
                there[t, c, z] = self._whole(sources, file)
        return there

    def _whole(self, sources: TiffSources, file: str) -> bool:
        """Return whether a file is whole; one uncompressed file of each size is checked."""
        path = join(self.base, file)
        try:
            size = os.stat(path).st_size
            if size in self.sound:
                return True
            source = sources.get(path, file)
            page = source.page(0)
        except (OSError, FoveaError):
            return False
        whole = source.page_inside(page)
        if whole and page.is_contiguous:
            self.sound.add(size)
        return whole

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        outer = (0 if self.inner == "T" else t, c, 0 if self.inner == "Z" else z)
        if outer not in self.files:
            raise self.missing(t, c, z)
        file = self.files[outer]
        if self.inner:
            inside = (t, 0, 0) if self.inner == "T" else (0, 0, z)
            return self._part(sources, file).read(sources, *inside)
        source = sources.get(join(self.base, file), file)
        page = source.page(0)
        return source.read(page, self.height, self.width, self.dtype)

    def _part(self, sources: TiffSources, file: str) -> TiffStack:
        if file not in self.parts:
            while len(self.parts) >= 8:
                self.parts.popitem(last=False)
            axes = f"{self.inner}YX"
            self.parts[file] = plain_stacks(sources, file, self.base, axes, None, [])[0]
        return self.parts[file]


class PatternRecording(TiffStacksRecording):
    """The files that a pattern describes, see `fovea.config.patterns.match_pattern`."""

    def __init__(self, pattern: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = pattern
        self._base = os.fspath(base)
        super().__init__()
        with self.closed_on_error():
            self.info = self._describe(match_pattern(pattern, base))

    def _describe(self, matches: list[Match]) -> RecordingInfo:
        fovs = natural_sorted({m.fov or "" for m in matches})
        names = natural_sorted({m.channel or "" for m in matches})
        frames = _axis(m.frame for m in matches)
        planes = _axis(m.z for m in matches)
        place = {name: i for i, name in enumerate(names)}
        by_fov: dict[str, dict[tuple[int, int, int], str]] = {fov: {} for fov in fovs}
        for m in matches:
            key = (frames[m.frame], place[m.channel or ""], planes[m.z])
            files = by_fov[m.fov or ""]
            if key in files:
                raise FoveaError(
                    f"input: pattern {self.source!r} takes {files[key]} and {m.path} for the same "
                    "image; add a placeholder where they differ, or correct the pattern"
                )
            files[key] = m.path
        notes: list[str] = []
        sizes = (max(frames.values()) + 1, len(names), max(planes.values()) + 1)
        has = [matches[0].frame is not None, matches[0].z is not None]
        words = [None if name.isdigit() else name for name in names]
        self._stacks = [self._stack(by_fov[fov], fov, sizes, words, has, notes) for fov in fovs]
        return self.describe_stacks("TIFF files", [self.source], list(dict.fromkeys(notes)))

    def _stack(
        self,
        files: dict[tuple[int, int, int], str],
        name: str,
        sizes: tuple[int, int, int],
        channels: list[str | None],
        has: list[bool],
        notes: list[str],
    ) -> FileStack:
        """Describe a field of view by its first file."""
        file = files[min(files)]
        source = self._sources.get(join(self._base, file), file)
        page = source.page(0)
        dtype = check_page(source, page)
        inner = ""
        one = source.count <= 1 and source.tif.is_imagej
        about = (source.tif.imagej_metadata or {}) if one else {}
        if source.count > 1 or int(about.get("images", 1)) > 1:
            if all(has):
                raise FoveaError(
                    f"{file}: holds several images, but the pattern {self.source!r} leaves no axis "
                    "for them; leave out {frame} or {z}"
                )
            inner, what = ("Z", "z planes") if has[0] else ("T", "frames")
            notes.append(f"the images within each file are taken as {what}")
        stack = FileStack(
            file, name, page.imagelength, page.imagewidth, dtype, sizes, channels,
            pixel_size_um=resolution(page), base=self._base, files=files, inner=inner,
        )  # fmt: skip
        if inner:
            parts = [stack._part(self._sources, f) for f in files.values()]
            count = max(max(part.sizes) for part in parts)
            t, c, z = sizes
            stack.sizes = (count, c, z) if inner == "T" else (t, c, count)
        return stack

    def stamps(self, info: FieldInfo) -> np.ndarray | None:
        """Return (C, T) times in seconds that Micro-Manager put into each file, if it did."""
        stack, values = self._stacks[info.index], None
        if not stack.inner and self._elapsed(stack, min(stack.files)) is not None:
            channels = range(stack.sizes[1])
            rows = [[self._elapsed(stack, (t, c, 0)) for t in info.frame_numbers] for c in channels]
            values = np.array(rows, np.float64)  # nan where a file has no time
        self._sources.release()
        return values

    def _elapsed(self, stack: FileStack, plane: tuple[int, int, int]) -> float | None:
        file = stack.files[plane]
        tag = self._sources.get(join(stack.base, file), file).page(0).tags.get(51123)
        value = tag.value.get(ELAPSED) if tag is not None and isinstance(tag.value, dict) else None
        return float(value) / 1000 if isinstance(value, (int, float)) else None


def _axis(values: Iterable[int | None]) -> dict[int | None, int]:
    """Number the values of a placeholder from 0, in steps of their common difference."""
    given = sorted({v for v in values if v is not None})
    if not given:
        return {None: 0}
    step = math.gcd(*(v - given[0] for v in given)) or 1
    return {v: (v - given[0]) // step for v in given}

"""A field of view of which each TIFF file holds one plane, one channel's frames or its z planes."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.tiff.about import metaseries, page_seconds
from fovea.recordings.readers.tiff.pages import TiffSources
from fovea.recordings.readers.tiff.plain import plain_stacks
from fovea.recordings.readers.tiff.stack import TiffStack

Plane = tuple[int, int, int]

_DATE_TIME = 306  # tag


@dataclass
class FileStack(TiffStack):
    """A field of view of which each file holds one plane, or the planes along `inner`.

    `files` maps (t, c, z) to the file. `inner` are the axes within the files, ``"T"``, ``"Z"``,
    ``"TZ"`` or an empty string; the index along them is 0 in `files`. `seconds` are times in names.
    """

    base: str = "."
    files: dict[Plane, str] = field(default_factory=dict)
    inner: str = ""
    seconds: dict[Plane, float] = field(default_factory=dict)
    sound: set[int] = field(default_factory=set)
    parts: OrderedDict[str, TiffStack] = field(default_factory=OrderedDict)

    def existing(self, sources: TiffSources) -> np.ndarray:
        there = np.zeros(self.sizes, bool)
        for (t, c, z), file in self.files.items():
            if self.inner:
                pages = self.part(sources, file).existing(sources)[:, 0]
                frames, planes = pages.shape
                there[t : t + frames, c, z : z + planes] = pages
            else:
                there[t, c, z] = self._whole(sources, file)
        return there

    def recorded(self) -> np.ndarray:
        there = np.zeros(self.sizes, bool)
        every = slice(None)
        for t, c, z in self.files:
            there[every if "T" in self.inner else t, c, every if "Z" in self.inner else z] = True
        return there

    def _whole(self, sources: TiffSources, file: str) -> bool:
        """Return whether a file is whole; one uncompressed file of each size is checked.

        It is a FoveaError if it holds an image of another size or type than the first file.
        """
        path = join(self.base, file)
        try:
            size = os.stat(path).st_size
            if size in self.sound:
                return True
            source = sources.get(path, file)
            page = source.page(0)
        except (OSError, FoveaError):
            return False
        if (page.imagelength, page.imagewidth, str(page.dtype)) != (
            self.height, self.width, self.dtype,
        ):  # fmt: skip
            raise FoveaError(
                f"{file}: is {page.imagelength} x {page.imagewidth} pixels of {page.dtype}, not "
                f"{self.height} x {self.width} of {self.dtype} as {self.source}; images of one "
                "field of view must be alike: move it out of the folder, or export it again"
            )
        whole = source.page_inside(page)
        if whole and page.is_contiguous:
            self.sound.add(size)
        return whole

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        outer = (0 if "T" in self.inner else t, c, 0 if "Z" in self.inner else z)
        if outer not in self.files:
            raise self.missing(t, c, z)
        file = self.files[outer]
        if self.inner:
            inside = (t if "T" in self.inner else 0, 0, z if "Z" in self.inner else 0)
            return self.part(sources, file).read(sources, *inside)
        source = sources.get(join(self.base, file), file)
        page = source.page(0)
        return source.read(page, self.height, self.width, self.dtype)

    def part(self, sources: TiffSources, file: str) -> TiffStack:
        """Return the planes of one file."""
        if file not in self.parts:
            while len(self.parts) >= 8:
                self.parts.popitem(last=False)
            axes = None if self.inner == "TZ" else f"{self.inner}YX"
            self.parts[file] = plain_stacks(sources, file, self.base, axes, None, [])[0]
        return self.parts[file]

    def repeated(self, sources: TiffSources, there: np.ndarray) -> np.ndarray:
        """Return which planes repeat the one of an earlier frame, (T, C, Z) bool.

        MetaXpress writes the last plane of a channel again where it was not recorded: pixels and
        time stamp are the same. Files without stamps repeat nothing, and neither do those that
        all have the same. `there` are the planes that exist, (T, C, Z) bool.
        """
        found = np.zeros(self.sizes, bool)
        if self.inner or not there.any() or self._stamp(sources, min(self.files)) is None:
            return found
        planes = [tuple(plane) for plane in np.argwhere(there).tolist()]
        stamps = {plane: self._stamp(sources, plane) for plane in planes}
        if len(set(stamps.values())) < 2:
            return found
        last: dict[tuple[int, int], Plane] = {}  # by channel and z, the last plane recorded
        for t, c, z in planes:
            before = last.get((c, z))
            same = before is not None and stamps[before] == stamps[t, c, z] is not None
            if before is not None and same and self._equal(sources, before, (t, c, z)):
                found[t, c, z] = True
            else:
                last[c, z] = t, c, z
        return found

    def _equal(self, sources: TiffSources, one: Plane, other: Plane) -> bool:
        return bool(np.array_equal(self.read(sources, *one), self.read(sources, *other)))

    def _stamp(self, sources: TiffSources, plane: Plane) -> str | None:
        page = self._page(sources, plane)
        if page is None:
            return None
        time = page_seconds(page)
        if time is not None:
            self.seconds.setdefault(plane, time)  # so that the file is not opened again for it
        local = metaseries(page).get("acquisition-time-local")
        tag = page.tags.get(_DATE_TIME)
        return local or (str(tag.value) if tag is not None and tag.value else None)

    def time_of(self, sources: TiffSources, plane: Plane) -> float:
        """Return the time of a plane in seconds, by its file's name or by the file; else NaN.

        Micro-Manager states the time from the start of the recording, MetaMorph and MetaXpress
        that of the day's clock.
        """
        if plane in self.seconds:
            return self.seconds[plane]
        page = None if self.inner else self._page(sources, plane)
        if page is None:
            return np.nan
        time = page_seconds(page)
        return np.nan if time is None else time

    def _page(self, sources: TiffSources, plane: Plane) -> Any:
        file = self.files.get(plane)
        try:
            return None if file is None else sources.get(join(self.base, file), file).page(0)
        except FoveaError:
            return None

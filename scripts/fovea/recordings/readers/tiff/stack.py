"""A field of view in TIFF files: where each of its planes lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.info import FieldInfo
from fovea.recordings.readers.stack import Stack, StackRecording
from fovea.recordings.readers.tiff.about import page_seconds
from fovea.recordings.readers.tiff.pages import TiffSources


@dataclass
class TiffStack(Stack, ABC):
    """One field of view in TIFF files; `readable` unless no page of it can be read."""

    readable: bool = True

    @abstractmethod
    def existing(self, sources: TiffSources) -> np.ndarray:
        """Return which planes are whole, (T, C, Z) bool."""

    def recorded(self) -> np.ndarray:
        """Return which planes the file announces, (T, C, Z) bool."""
        return np.ones(self.sizes, bool)

    @abstractmethod
    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        """Return a plane as a new (H, W) array."""

    def page_times(self, sources: TiffSources) -> np.ndarray | None:
        """Return when each frame was taken, as its pages say: (C, T) seconds, nan for none."""
        return None

    def swap_frames_and_planes(self) -> None:
        """Take z planes as frames, and frames as z planes."""
        self.sizes, self.stamps = self.sizes[::-1], None

    def missing(self, t: int, c: int, z: int) -> FoveaError:
        """Return the error for a plane that was there when the recording was inspected."""
        return FoveaError(
            f"{self.source}: frame {t}, channel {c}, plane {z} is not in it any more; the file "
            "became shorter or is cut off; copy it again and rerun inspect"
        )


class PageTable:
    """The file and the page in it that hold each plane, in a few bytes for each.

    `files` are path, and name for messages, of each file; `pages` are (T, C, Z) int64, -1 where
    there is none, and `owners` (T, C, Z) int32, indices into `files`.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.pages = np.full(sizes, -1, np.int64)
        self.owners = np.zeros(sizes, np.int32)
        self.files: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    @classmethod
    def of_file(cls, pages: np.ndarray, path: str, name: str) -> PageTable:
        """Return the table of planes that all lie in one file; `pages` as the attribute."""
        table = cls(pages.shape)
        table.pages, table.files = pages, [(path, name)]
        return table

    def put(self, plane: tuple[int, ...], path: str, name: str, page: int) -> None:
        """Note where a plane (t, c, z) lies."""
        self.pages[plane], self.owners[plane] = page, self._number(path, name)

    def put_all(self, planes: np.ndarray, path: str, name: str) -> None:
        """Note where planes lie, (n, 4) int64: t, c, z and page of each.

        It is a FoveaError if another page was noted for one of them.
        """
        t, c, z, page = planes.T
        known, number = self.pages[t, c, z], self._number(path, name)
        clash = (known >= 0) & ((known != page) | (self.owners[t, c, z] != number))
        self.pages[t, c, z], self.owners[t, c, z] = page, number
        clash |= self.pages[t, c, z] != page  # given twice among these
        if clash.any():
            frame, channel, plane, _ = planes[np.argmax(clash)].tolist()
            raise FoveaError(
                f"{name}: its description gives the image of frame {frame}, channel {channel}, "
                f"plane {plane} twice, so which is right cannot be told; export it again"
            )

    def _number(self, path: str, name: str) -> int:
        number = self._numbers.setdefault((path, name), len(self.files))
        if number == len(self.files):
            self.files.append((path, name))
        return number

    def get(self, plane: tuple[int, int, int]) -> tuple[str, str, int] | None:
        """Return path, name and page of a plane, or None."""
        page = int(self.pages[plane])
        return None if page < 0 else (*self.files[self.owners[plane]], page)

    def by_file(self) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
        """Go through the files, with the flat indices of the planes that each holds."""
        where = np.flatnonzero(self.pages.ravel() >= 0)
        owners = self.owners.ravel()[where]
        order = np.argsort(owners, kind="stable")
        cuts = np.flatnonzero(np.diff(owners[order])) + 1
        for part in np.split(where[order], cuts):
            if len(part):
                yield self.files[self.owners.flat[part[0]]], part


@dataclass
class PageStack(TiffStack):
    """Every plane is a page, perhaps in another file."""

    table: PageTable = field(default_factory=lambda: PageTable((0, 0, 0)))

    def place_channels(self, place: Sequence[int], count: int) -> None:
        """Put the channels at the indices `place` of `count`; the others have no frame."""
        self.sizes = (self.sizes[0], count, self.sizes[2])
        self.table.pages = _spread(self.table.pages, place, count, 1, -1)
        self.table.owners = _spread(self.table.owners, place, count, 1, 0)
        if self.stamps is not None:
            self.stamps = _spread(self.stamps, place, count, 0, np.nan)

    def swap_frames_and_planes(self) -> None:
        super().swap_frames_and_planes()
        self.table.pages = np.ascontiguousarray(self.table.pages.swapaxes(0, 2))
        self.table.owners = np.ascontiguousarray(self.table.owners.swapaxes(0, 2))

    def recorded(self) -> np.ndarray:
        return self.table.pages >= 0

    def existing(self, sources: TiffSources) -> np.ndarray:
        there = np.zeros(self.sizes, bool)
        for (path, name), planes in self.table.by_file():
            try:
                pages = self.table.pages.ravel()[planes].tolist()
                there.flat[planes] = sources.get(path, name).whole(pages)
            except FoveaError:
                continue
        return there

    def page_times(self, sources: TiffSources) -> np.ndarray | None:
        frames, channels, _ = self.sizes
        stamps = np.full((channels, frames), np.nan)
        there = self.table.pages >= 0
        first = np.zeros_like(there)  # the lowest z plane of each channel and frame
        np.put_along_axis(first, there.argmax(axis=2)[:, :, None], True, axis=2)
        first &= there
        for (path, name), planes in self.table.by_file():
            for plane in planes[first.flat[planes]]:
                t, c, _ = np.unravel_index(plane, self.sizes)
                try:
                    page = sources.get(path, name).page(int(self.table.pages.flat[plane]))
                except FoveaError:
                    continue  # a page that is cut off
                time = page_seconds(page)
                if time is None:
                    return None  # then no page has any
                stamps[c, t] = time
        return None if np.isnan(stamps).all() else stamps

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        place = self.table.get((t, c, z))
        if place is None:
            raise self.missing(t, c, z)
        path, name, index = place
        source = sources.get(path, name)
        return source.read(source.page(index), self.height, self.width, self.dtype)


def _spread(
    rows: np.ndarray, place: Sequence[int], count: int, axis: int, fill: float
) -> np.ndarray:
    """Return `rows` at the indices `place` along an axis of `count`, and `fill` elsewhere."""
    shape = list(rows.shape)
    shape[axis] = count
    result = np.full(shape, fill, rows.dtype)
    np.moveaxis(result, axis, 0)[list(place)] = np.moveaxis(rows, axis, 0)
    return result


@dataclass
class ContiguousStack(TiffStack):
    """All planes follow one another, uncompressed, from `offset` on.

    `strides` are the steps, in planes, to the next frame, channel and z plane.
    """

    path: str = ""
    offset: int = 0
    strides: tuple[int, ...] = (1, 1, 1)
    stored: Any = None  # dtype without byte order

    def swap_frames_and_planes(self) -> None:
        super().swap_frames_and_planes()
        self.strides = self.strides[::-1]

    def _plane_offset(self, *plane: Any) -> Any:
        number = sum(i * step for i, step in zip(plane, self.strides, strict=True))
        return self.offset + number * (self.height * self.width * self.stored.itemsize)

    def existing(self, sources: TiffSources) -> np.ndarray:
        t, c, z = np.indices(self.sizes)
        end = self._plane_offset(t, c, z) + self.height * self.width * self.stored.itemsize
        return end <= sources.get(self.path, self.source).raw.size

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        source = sources.get(self.path, self.source)
        return source.read_raw(self._plane_offset(t, c, z), self.stored, self.height, self.width)


class TiffStacksRecording(StackRecording):
    """Base of recordings that have one `TiffStack` for each field of view."""

    def __init__(self) -> None:
        self._sources = TiffSources()

    def close(self) -> None:
        self._sources.close()

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        return self.existing_planes(fov), self._stacks[fov].recorded()

    def existing_planes(self, fov: int) -> np.ndarray:
        there = self._stacks[fov].existing(self._sources)
        self._sources.release()
        return there

    def stamps(self, info: FieldInfo) -> np.ndarray | None:
        stack = self._stacks[info.index]
        if stack.stamps is None:
            stack.stamps = stack.page_times(self._sources)
            self._sources.release()
        return super().stamps(info)

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        stack = self._stacks[fov]
        return [stack.read(self._sources, frame, channel, z) for channel in channels]

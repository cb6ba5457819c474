"""A field of view in TIFF files: where each plane of it lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.recordings.readers.tiff.pages import TiffSources

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Stack(ABC):
    """One field of view.

    Attributes
    ----------
    source : str
        Name of its file for messages.
    name : str
        Its own name, or an empty string.
    height, width : int
        Size of a plane.
    dtype : str
        Pixel type.
    sizes : tuple of int
        Announced numbers of frames, channels and z planes.
    channels : list of str or None
        Names of the channels.
    """

    source: str
    name: str
    height: int
    width: int
    dtype: str
    sizes: tuple[int, int, int]
    channels: list[str | None] = field(default_factory=list)
    pixel_size_um: dict[str, float] | None = None
    position_um: dict[str, float] | None = None
    interval_s: float | None = None
    stamps: np.ndarray | None = None  # (C, T) seconds
    is_ome: bool = False

    @abstractmethod
    def existing(self, sources: TiffSources) -> np.ndarray:
        """Return which planes exist, (T, C, Z) bool."""

    @abstractmethod
    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        """Return a plane as a new (H, W) array."""

    def missing(self, t: int, c: int, z: int) -> FoveaError:
        """Return the error for a plane that inspect found, and which is gone."""
        return FoveaError(
            f"{self.source}: frame {t}, channel {c}, plane {z} is not in it any more; the file "
            "became shorter or is cut off; copy it again and rerun inspect"
        )


class PageTable:
    """The file and the page in it that hold each plane; a few bytes for each.

    Parameters
    ----------
    sizes : tuple of int
        Numbers of frames, channels and z planes.

    Attributes
    ----------
    files : dict
        (path, name for messages) to the number that stands for it.
    pages : ndarray
        (T, C, Z) int64, -1 where there is none.
    owners : ndarray
        (T, C, Z) int32, the number of the file.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        import numpy as np

        self.files: dict[tuple[str, str], int] = {}
        self.pages = np.full(sizes, -1, np.int64)
        self.owners = np.zeros(sizes, np.int32)
        self._names: list[tuple[str, str]] = []

    def put(self, plane: tuple[int, int, int], path: str, name: str, page: int) -> None:
        """Note where a plane (t, c, z) lies."""
        if (path, name) not in self.files:
            self.files[path, name] = len(self.files)
            self._names.append((path, name))
        self.pages[plane], self.owners[plane] = page, self.files[path, name]

    @classmethod
    def of_file(cls, pages: np.ndarray, path: str, name: str) -> PageTable:
        """Return the table of planes that all lie in one file; `pages` as the attribute."""
        table = cls(pages.shape)
        table.pages, table.files, table._names = pages, {(path, name): 0}, [(path, name)]
        return table

    def get(self, plane: tuple[int, int, int]) -> tuple[str, str, int] | None:
        """Return path, name and page of a plane, or None."""
        page = int(self.pages[plane])
        return None if page < 0 else (*self._names[self.owners[plane]], page)

    def first(self) -> tuple[str, str, int]:
        """Return path, name and page of the first plane that there is."""
        import numpy as np

        place = int(np.argmax(self.pages.ravel() >= 0))
        return (*self._names[self.owners.flat[place]], int(self.pages.flat[place]))

    def by_file(self) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
        """Go through the files, with the flat indices of the planes that each holds."""
        import numpy as np

        where = np.flatnonzero(self.pages.ravel() >= 0)
        owners = self.owners.ravel()[where]
        order = np.argsort(owners, kind="stable")
        cuts = np.flatnonzero(np.diff(owners[order])) + 1
        for part in np.split(where[order], cuts):
            if len(part):
                yield self._names[self.owners.flat[part[0]]], part


@dataclass
class PageStack(Stack):
    """Every plane is a page, perhaps in another file."""

    table: PageTable = field(default_factory=lambda: PageTable((0, 0, 0)))

    def existing(self, sources: TiffSources) -> np.ndarray:
        import numpy as np

        there = np.zeros(self.sizes, bool)
        for (path, name), planes in self.table.by_file():
            try:
                pages = self.table.pages.ravel()[planes].tolist()
                there.flat[planes] = sources.get(path, name).whole(pages)
            except FoveaError:
                continue
        return there

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        place = self.table.get((t, c, z))
        if place is None:
            raise self.missing(t, c, z)
        path, name, index = place
        source = sources.get(path, name)
        return source.read(source.page(index), self.height, self.width, self.dtype)


@dataclass
class ContiguousStack(Stack):
    """All planes follow one another, uncompressed, from `offset` on.

    `strides` are the planes to go for the next frame, channel and z plane.
    """

    path: str = ""
    offset: int = 0
    strides: tuple[int, int, int] = (1, 1, 1)
    stored: Any = None  # dtype without byte order

    def _plane_offset(self, t: int, c: int, z: int) -> int:
        number = sum(i * s for i, s in zip((t, c, z), self.strides, strict=True))
        return self.offset + number * self._plane_bytes

    @property
    def _plane_bytes(self) -> int:
        return int(self.height * self.width * self.stored.itemsize)

    def existing(self, sources: TiffSources) -> np.ndarray:
        import numpy as np

        size = sources.get(self.path, self.source).raw.size
        t, c, z = np.indices(self.sizes)
        number = t * self.strides[0] + c * self.strides[1] + z * self.strides[2]
        return self.offset + (number + 1) * self._plane_bytes <= size

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        source = sources.get(self.path, self.source)
        return source.read_raw(self._plane_offset(t, c, z), self.stored, self.height, self.width)


@dataclass
class SeriesStack(Stack):
    """Planes as pages of a series that tifffile put together; `strides` as above."""

    path: str = ""
    series: int = 0
    strides: tuple[int, int, int] = (1, 1, 1)

    def _pages(self, sources: TiffSources) -> Any:
        return sources.get(self.path, self.source).tif.series[self.series].pages

    def _number(self, t: int, c: int, z: int) -> int:
        return sum(i * s for i, s in zip((t, c, z), self.strides, strict=True))

    def existing(self, sources: TiffSources) -> np.ndarray:
        import numpy as np

        pages = self._pages(sources)
        source = sources.get(self.path, self.source)
        there = np.zeros(self.sizes, bool)
        for plane in np.ndindex(self.sizes):
            number = self._number(*plane)
            page = pages[number] if number < len(pages) else None
            if page is not None:
                own = page.parent is source.tif
                there[plane] = source.page_inside(page) if own else True
        return there

    def read(self, sources: TiffSources, t: int, c: int, z: int) -> np.ndarray:
        pages = self._pages(sources)
        number = self._number(t, c, z)
        page = pages[number] if number < len(pages) else None
        if page is None:
            raise self.missing(t, c, z)
        source = sources.get(self.path, self.source)
        if page.parent is not source.tif:
            path = page.parent.filehandle.path
            source = sources.get(path, f"{self.source} ({page.parent.filename})")
        return source.read(source.page(page.index), self.height, self.width, self.dtype)

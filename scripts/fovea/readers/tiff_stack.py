"""A field of view in TIFF files: where each plane of it lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fovea.errors import FoveaError
from fovea.readers.tiff_pages import TiffSources

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


@dataclass
class PageStack(Stack):
    """Every plane is a page, perhaps in another file.

    `table` maps (t, c, z) to (path, name for messages, page index).
    """

    table: dict[tuple[int, int, int], tuple[str, str, int]] = field(default_factory=dict)

    def existing(self, sources: TiffSources) -> np.ndarray:
        import numpy as np

        there = np.zeros(self.sizes, bool)
        by_file: dict[tuple[str, str], list[tuple[tuple[int, int, int], int]]] = {}
        for plane, (path, name, page) in self.table.items():
            by_file.setdefault((path, name), []).append((plane, page))
        for (path, name), planes in by_file.items():
            try:
                whole = sources.get(path, name).whole([page for _, page in planes])
            except FoveaError:
                continue
            for (plane, _), flag in zip(planes, whole, strict=True):
                there[plane] = flag
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

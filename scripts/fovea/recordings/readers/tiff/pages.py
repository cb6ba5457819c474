"""Pages of TIFF files: which of them are whole, and their pixels."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.checks import brief, check_pixels, rgb_error
from fovea.recordings.readers.raw import RawFile

MAX_OPEN = 8
MOST_PACKED = 100_000  #: bytes of pixels per byte in the file: zstd makes 30,000 of zeros' one
LOST = "{}: is cut off: its description (OME-XML), which stood at its end, is lost; copy it again"
UNREADABLE = "{}: is no readable TIFF file, or is cut off ({}); export or copy it again"


class TiffSource:
    """One open TIFF file, called `name` in messages; `tif` is its tifffile.TiffFile.

    `complaints` are messages that tifffile logged while it read the file's structure: signs of
    damage.
    """

    def __init__(self, path: str, name: str) -> None:
        import tifffile

        self.name = name
        self.raw = RawFile(path, name)
        self.complaints: list[str] = []
        try:
            with collect_log(self.complaints):
                self.tif = tifffile.TiffFile(path)
        except Exception as error:
            self.raw.close()
            raise FoveaError(UNREADABLE.format(name, brief(error))) from error

    def close(self) -> None:
        """Close the file."""
        self.tif.close()
        self.raw.close()

    @cached_property
    def count(self) -> int:
        """Number of pages. To find it, the position of each is read."""
        try:
            with collect_log(self.complaints):
                return len(self.tif.pages)
        except Exception as error:
            raise FoveaError(UNREADABLE.format(self.name, brief(error))) from error

    @property
    def cut_off(self) -> bool:
        """Whether the chain of pages leads beyond the end of the file."""
        return self.count == 0 or any("invalid page offset" in text for text in self.complaints)

    def description(self) -> str:
        """Return the first page's description: of several, as Micro-Manager writes, OME-XML."""
        page = self.page(0)
        texts = [page.description or "", *(str(tag.value) for tag in page.tags.getall(270) or ())]
        ome = (text for text in texts if text[-64:].rstrip("\0 \r\n\t").endswith("OME>"))
        return next(ome, texts[0])

    def page(self, index: int) -> Any:
        """Return a page, fully parsed, or raise FoveaError if it is absent or damaged."""
        try:
            with collect_log(self.complaints):
                return self.tif.pages.get(index, cache=False)
        except Exception as error:
            raise FoveaError(
                f"{self.name}: page {index} cannot be read ({brief(error)}); "
                "the file is damaged or cut off; copy it again"
            ) from error

    def whole(self, indices: list[int]) -> list[bool]:
        """Return, for each page, whether it and all its pixels lie inside the file."""
        if not indices:
            return []
        pages, count, result = self.tif.pages, self.count, []
        with collect_log([]):
            light = pages.useframes
            try:
                # tifffile's frames hold the position of their pixels; the rest is the key page's
                pages.set_keyframe(indices[0])
                pages.useframes = True
            except Exception:
                pages.useframes = False
            try:
                for index in indices:
                    result.append(index < count and self._data_inside(pages, index))
            finally:
                pages.useframes = light
        return result

    def _data_inside(self, pages: Any, index: int) -> bool:
        for whole_page in (False, True):
            try:
                return self.page_inside(pages.get(index, cache=False, aspage=whole_page))
            except Exception:  # not like the key page, or damaged
                continue
        return False

    def page_inside(self, page: Any) -> bool:
        """Return whether all pixels of a page lie inside the file, and can be so many."""
        spans = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        stored = sum(n for _, n in spans)
        return (
            bool(spans)
            and all(a + n <= self.raw.size for a, n in spans)
            and page.keyframe.nbytes <= MOST_PACKED * stored
        )

    def next_page_offset(self, page: Any) -> int:
        """Return the position of the page after `page`, as the file states it; 0 for none."""
        form = self.tif.tiff
        head = self.raw.read(page.offset, form.tagnosize)
        (count,) = struct.unpack(form.tagnoformat, head)
        end = page.offset + form.tagnosize + count * form.tagsize
        return int(struct.unpack(form.offsetformat, self.raw.read(end, form.offsetsize))[0])

    def read(self, page: Any, height: int, width: int, dtype: str) -> np.ndarray:
        """Return the pixels of a page as a new (height, width) array, native byte order."""
        if (page.imagelength, page.imagewidth, str(page.dtype)) != (height, width, dtype):
            raise FoveaError(
                f"{self.name}: page {page.index} is {page.imagelength} x {page.imagewidth} pixels "
                f"of {page.dtype}, not {height} x {width} of {dtype} as the first; export it again"
            )
        if page.is_contiguous and page.bitspersample in (8, 16):
            return self.read_raw(page.dataoffsets[0], page.dtype, height, width)
        try:
            with collect_log([]):
                image = page.asarray()
        except Exception as error:
            why = brief(error)
            lacking = "imagecodecs" in why
            remedy = "install the package imagecodecs" if lacking else "copy it again"
            raise FoveaError(
                f"{self.name}: page {page.index} cannot be decoded ({why}); {remedy}"
            ) from error
        image = image.reshape(height, width)
        return np.array(image, dtype=image.dtype.newbyteorder("="), order="C")

    def read_raw(self, offset: int, dtype: np.dtype, height: int, width: int) -> np.ndarray:
        """Return uncompressed pixels from `offset` on, native byte order."""
        stored = np.dtype(dtype).newbyteorder(self.tif.byteorder)
        image = np.empty((height, width), stored.newbyteorder("="))
        self.raw.fill(image, offset)
        if not stored.isnative:
            image.byteswap(inplace=True)
        return image


class TiffSources:
    """TIFF files by path; the least recently used ones are closed when many are open."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, TiffSource] = OrderedDict()
        self._closed = False

    def get(self, path: str, name: str) -> TiffSource:
        """Return the file, opened."""
        source = self._open.get(path)
        if source is None:
            source = TiffSource(path, name)
            while len(self._open) >= MAX_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[path] = source
        self._open.move_to_end(path)
        return source

    def close(self) -> None:
        """Close all."""
        self._closed = True
        self.release()

    def release(self) -> None:
        """Close files that were opened after `close` to read frames or times."""
        while self._closed and self._open:
            self._open.popitem()[1].close()


def check_page(source: TiffSource, page: Any) -> str:
    """Return the pixel type of a page, or raise FoveaError if Fovea does not read it."""
    if page.samplesperpixel > 1:
        raise rgb_error(source.name)
    height, width = page.imagelength, page.imagewidth
    if page.dtype is None:
        raise FoveaError(
            f"{source.name}: its pixels have {page.bitspersample} bits, which Fovea does not "
            "read; save the images as 16 bit"
        )
    return check_pixels(source.name, page.dtype, height, width)


@contextlib.contextmanager
def collect_log(messages: list[str]) -> Iterator[None]:
    """Collect what tifffile logs instead of printing it."""
    logger = logging.getLogger("tifffile")
    handler = _Collector(messages)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

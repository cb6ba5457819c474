"""Find the planes of an ND2 file in which nothing but zeros stands, without reading all of it.

An ND2 image always has a plane of every channel. NIS-Elements fills those of a channel that was
skipped with zeros. Reading every plane would take as long as copying the recording. One row of each
image is read instead, and further rows where that is zero; the first and the last plane of each
channel found so in a field of view are read completely. If one of them is not zero after all, the
channel's images are mostly empty, and every suspected plane is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.nd2.chunks import FRAME, Frames, chunk_data
from fovea.recordings.readers.raw import RawFile

ROWS = 9  # that are looked at before a plane is suspected
HEAD_ROWS = 8  # of compressed images, which can only be read from their beginning
PIECE = 1 << 16  # bytes that are unpacked at once


@dataclass
class ImageRows:
    """Reads some rows of the images of a file, which it opens for that.

    Descriptions are also asked for when the recording has been closed.
    """

    path: str
    source: str  # name of the file for messages
    images: Frames
    shape: tuple[int, int, int]  # H, W, C
    dtype: np.dtype  # of a pixel in the file
    row_bytes: int  # from one row to the next
    packed: bool  # whether each image is a zlib stream

    def __enter__(self) -> ImageRows:
        self._file = RawFile(self.path, self.source)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def look(self, images: np.ndarray) -> np.ndarray:
        """Return the share of pixels above 0 in the rows that were read of a field's planes.

        `images` are the numbers of its images, (T, Z) int64, negative where there is none. Returns
        (T, C, Z) float64.
        """
        height, _, count = self.shape
        if self.packed:
            first, more = [0], list(range(min(height, HEAD_ROWS)))
        else:
            first = [height // 2]
            more = np.unique(np.linspace(0, height - 1, ROWS).astype(int)).tolist()
        filled = np.ones((images.size, count))
        for i in np.flatnonzero(images.ravel() >= 0).tolist():
            number = int(images.flat[i])
            filled[i] = self.filled(number, first)
            if not filled[i].all():
                filled[i] = self.filled(number, more)
        whole = range(height)
        for channel in range(count):
            suspects = np.flatnonzero(filled[:, channel] == 0).tolist()
            ends = dict.fromkeys([*suspects[:1], *suspects[-1:]])
            if all(self.filled(int(images.flat[i]), whole)[channel] == 0 for i in ends):
                continue
            for i in suspects:
                filled[i, channel] = self.filled(int(images.flat[i]), whole)[channel]
        return filled.reshape(*images.shape, count).transpose(0, 2, 1)

    def filled(self, number: int, rows: Sequence[int]) -> np.ndarray:
        """Return the share of pixels above 0 in each channel of an image, (C,) float64.

        Only `rows`, ascending, are read. It is 1 where the image is damaged, which is an error
        when its pixels are read.
        """
        _, width, count = self.shape
        above = np.zeros(count, np.int64)
        done = 0
        try:
            for row in self._rows(number, rows):
                pixels = np.frombuffer(row, self.dtype, width * count).reshape(width, count)
                above += np.count_nonzero(pixels, axis=0)
                done += width
        except (FoveaError, ValueError, zlib.error):
            return np.ones(count)
        return above / max(1, done)

    def _rows(self, number: int, rows: Sequence[int]) -> Iterator[bytes | bytearray]:
        _, width, count = self.shape
        start, length = chunk_data(self._file, self.images.offset(number), FRAME + b"%d!" % number)
        start, length = start + 8, length - 8  # after the image's time
        used = width * count * self.dtype.itemsize
        if not self.packed:
            for y in rows:
                yield self._file.read(start + y * self.row_bytes, used)
            return
        stream, wanted = zlib.decompressobj(), (rows[-1] + 1) * self.row_bytes
        data = bytearray()
        for offset in range(0, length, PIECE):
            part = self._file.read(start + offset, min(PIECE, length - offset))
            data += stream.decompress(part, wanted - len(data))
            if len(data) >= wanted:
                break
        for y in rows:
            yield data[y * self.row_bytes : y * self.row_bytes + used]

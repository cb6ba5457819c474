"""Planes of an ND2 file that were not recorded, in whose place the file holds zeros.

An ND2 image always has a plane of every channel. Where a channel is recorded less often than the
others, in time or along z, NIS-Elements fills the planes in between with zeros. The metadata say
which they are where phases of the experiment have channels of their own (`phases`). Otherwise a
plane of zeros is taken as not recorded if other planes of its channel are not zero: a camera's
offset keeps even dark planes above zero.

The detector of a confocal microscope may be set so low that most of the background is zero. Planes
above and below the cells are then zero although they were recorded. In such a channel a plane of
zeros is taken as recorded where its z plane never shows much, unless it is the only one that does.

Reading every plane would take as long as copying the recording. One row of each image is read
instead, and further rows where that is zero; the first and the last plane of each channel found so
in a field of view are read completely. If one of them is not zero after all, the channel's images
are mostly empty, and every suspected plane is read.
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
LOW_DETECTOR = 0.05  # share of pixels that are 0 in the recorded planes of a camera: hardly any
MUCH = 0.25  # of the pixels above 0 in the channel's fullest plane


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


class SkippedPlanes:
    """Tells which planes were not recorded; asked for one field of view after another.

    `fields` are the numbers of each field's images, (T, Z) int64, negative where there is none.
    `planned` tells which channels the experiment records in which frames, (T, C) bool, if the file
    does.
    """

    def __init__(
        self, rows: ImageRows, fields: Sequence[np.ndarray], planned: np.ndarray | None = None
    ) -> None:
        self._rows, self._fields = rows, fields
        self._planned = planned
        self._found: dict[int, np.ndarray] = {}

    def skipped(self, fov: int) -> np.ndarray:
        """Return which planes of a field of view were not recorded, (T, C, Z) bool."""
        there = self._fields[fov] >= 0
        found = np.zeros((there.shape[0], self._rows.shape[2], there.shape[1]), bool)
        for channel in range(found.shape[1]):
            filled = self._filled(fov)[:, channel]
            due = np.ones(len(there), bool) if self._planned is None else self._planned[:, channel]
            if (filled[there] > 0).any():
                found[:, channel] = there & _skipped(filled, there)
            elif self._elsewhere(fov, channel):
                found[:, channel] = there
            if not due.all():
                # What was to be recorded and shows nothing is dark, unless its z plane never does.
                shows = (filled * there)[due].any(axis=0)
                found[np.ix_(due, [channel], shows)] = False
                found[~due, channel] = (there & (filled == 0))[~due]
        return found

    def empty_channels(self) -> list[int]:
        """Return the channels that are 0 in every plane of the file."""
        return [
            channel
            for channel in range(self._rows.shape[2])
            if not any(self._shows(fov, channel) for fov in range(len(self._fields)))
        ]

    def _elsewhere(self, fov: int, channel: int) -> bool:
        """Return whether a channel is above 0 in another field of view."""
        others = (other for other in range(len(self._fields)) if other != fov)
        return any(self._shows(other, channel) for other in others)

    def _shows(self, fov: int, channel: int) -> bool:
        return bool((self._filled(fov)[:, channel][self._fields[fov] >= 0] > 0).any())

    def _filled(self, fov: int) -> np.ndarray:
        """Return the share of pixels above 0 in each plane of a field, (T, C, Z) float64."""
        if fov not in self._found:
            with self._rows:
                self._found[fov] = self._look(self._fields[fov])
        return self._found[fov]

    def _look(self, images: np.ndarray) -> np.ndarray:
        height, _, count = self._rows.shape
        if self._rows.packed:
            first, more = [0], list(range(min(height, HEAD_ROWS)))
        else:
            first = [height // 2]
            more = np.unique(np.linspace(0, height - 1, ROWS).astype(int)).tolist()
        filled = np.ones((images.size, count))
        for i in np.flatnonzero(images.ravel() >= 0).tolist():
            number = int(images.flat[i])
            filled[i] = self._rows.filled(number, first)
            if not filled[i].all():
                filled[i] = self._rows.filled(number, more)
        whole = range(height)
        for channel in range(count):
            suspects = np.flatnonzero(filled[:, channel] == 0).tolist()
            ends = dict.fromkeys([*suspects[:1], *suspects[-1:]])
            if all(self._rows.filled(int(images.flat[i]), whole)[channel] == 0 for i in ends):
                continue
            for i in suspects:
                filled[i, channel] = self._rows.filled(int(images.flat[i]), whole)[channel]
        return filled.reshape(*images.shape, count).transpose(0, 2, 1)


def _skipped(filled: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return which planes of a channel were not recorded, (T, Z) bool.

    `filled` is the share of pixels above 0, (T, Z) float64, and `there` tells which planes the
    file has; at least one of them is above 0.
    """
    zero = there & (filled == 0)
    shown = there & (filled > 0)
    if np.median(filled[shown]) >= 1 - LOW_DETECTOR:
        return zero
    most = np.where(there, filled, 0).max(axis=0)
    only = np.count_nonzero(most) == 1
    return zero & ((most >= MUCH * most.max()) | only)

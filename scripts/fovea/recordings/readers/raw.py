"""Read uncompressed pixels with few copies, and raise an error where bytes are missing."""

from __future__ import annotations

import io
import os
from abc import abstractmethod

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording, join

BLOCK_BYTES = 1024 * 1024  # small enough to stay in the processor's cache until it is sorted


class RawFile:
    """An open file that fills buffers from given offsets; `name` is its name in messages.

    The file is read and not mapped into memory: if a mapped file becomes shorter or its disk
    fails, the process is ended by a signal (SIGBUS) and cannot report an error.
    """

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self.path = path
        try:
            self._file = io.FileIO(path, "r")
        except PermissionError as error:
            raise FoveaError(
                f"{name}: no permission to read it; ask its owner, or `chmod +r` it"
            ) from error
        except OSError as error:
            raise FoveaError(
                f"{name}: cannot be opened ({error.strerror}); check path and disk"
            ) from error
        self.size = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fill(self, buffer: memoryview | np.ndarray, offset: int) -> None:
        """Fill a contiguous buffer from `offset` on; FoveaError if the file ends before that."""
        view = memoryview(buffer).cast("B")
        try:
            self._file.seek(offset)
            done = 0
            while done < len(view):
                count = self._file.readinto(view[done:])
                if not count:
                    raise FoveaError(
                        f"{self.name}: ends before byte {offset + len(view)}; the file became "
                        "shorter or is cut off; copy it again and rerun inspect"
                    )
                done += count
        except OSError as error:
            raise FoveaError(
                f"{self.name}: reading failed at byte {offset} ({error.strerror}); check the disk"
            ) from error

    def read(self, offset: int, length: int) -> bytearray:
        """Return `length` bytes from `offset` on."""
        data = bytearray(length)
        self.fill(memoryview(data), offset)
        return data


class RawRecording(Recording):
    """Base of recordings in one file that is read at given offsets."""

    def __init__(self, file: str, base: str | os.PathLike[str] = ".") -> None:
        self.source = file
        self._file = RawFile(join(base, file), file)
        with self.closed_on_error():
            self._open()

    def close(self) -> None:
        self._file.close()

    @abstractmethod
    def _open(self) -> None:
        """Read the description, and set `info`."""


def read_interleaved(
    file: RawFile, offset: int, shape: tuple[int, int, int], dtype: np.dtype, row_bytes: int,
    channels: list[int],
) -> list[np.ndarray]:  # fmt: skip
    """Read some channels of an image that is stored as (H, W, C) from byte `offset` on.

    `dtype` is that of a pixel, little-endian; `row_bytes` lie from one row to the next. Returns one
    (H, W) array per channel.
    """
    height, width, count = shape
    native = dtype.newbyteorder("=")
    planes = {channel: np.empty((height, width), native) for channel in channels}
    if count == 1 and row_bytes == width * dtype.itemsize and dtype.isnative:
        for plane in planes.values():
            file.fill(plane, offset)
    else:
        rows = max(1, min(height, BLOCK_BYTES // row_bytes))
        block = np.empty(rows * row_bytes, np.uint8)
        strides = (row_bytes, count * dtype.itemsize, dtype.itemsize)
        for y in range(0, height, rows):
            n = min(rows, height - y)
            # the last row may lack its padding
            length = (n - 1) * row_bytes + width * count * dtype.itemsize
            file.fill(block[:length], offset + y * row_bytes)
            pixels = np.ndarray((n, width, count), dtype, block, 0, strides)
            for channel, plane in planes.items():
                plane[y : y + n] = pixels[:, :, channel]
    # a channel that is asked for twice gives two arrays
    return [
        planes[channel] if channel not in channels[:i] else planes[channel].copy()
        for i, channel in enumerate(channels)
    ]

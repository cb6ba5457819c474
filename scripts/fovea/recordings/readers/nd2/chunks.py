"""The chunks of a modern ND2 file: where each image lies, also in a file that was cut off.

An ND2 file is a sequence of named chunks with a map of them at its end. The library `nd2` reads
the map and the metadata; it does not tell which images exist, and it refuses files without a map.
This module finds the chunks (from the map, or by going from chunk to chunk), and makes a map for
a file that lost its own.
"""

from __future__ import annotations

import io
import struct
from array import array
from dataclasses import dataclass, field

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.raw import RawFile

MAGIC = 0x0ABECEDA
HEADER = struct.Struct("<IIQ")  # magic, length of the name, length of the data
PAGE = 4096
FRAME = b"ImageDataSeq|"
ATTRIBUTES = b"ImageAttributesLV!"
MAP_SIGNATURE = b"ND2 CHUNK MAP SIGNATURE 0000001!"
MAP_NAME = b"ND2 FILEMAP SIGNATURE NAME 0001!"


@dataclass
class Frames:
    """The images of a file, in arrays: 100,000 of them take a few megabytes."""

    numbers: np.ndarray  # (N,) int64, ascending
    offsets: np.ndarray  # (N,) int64, positions of their chunks in the file

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, numbers: np.ndarray | int) -> np.ndarray:
        """Return the indices of images in the arrays; they must exist."""
        return self.numbers.searchsorted(numbers)

    def offset(self, number: int) -> int:
        """Return the offset of an image that exists."""
        return int(self.offsets[self.place(number)])

    def below(self, count: int) -> Frames:
        """Return the images whose numbers are smaller than `count`."""
        end = self.numbers.searchsorted(count)
        return Frames(self.numbers[:end], self.offsets[:end])


@dataclass
class Chunks:
    """Positions of the chunks of a file.

    `entries` maps a name (with its ``!``) to (offset of the chunk, length of its data), without
    images. `images` has number, offset and length of the chunk of each image, in turn. A file that
    was cut off has no map.
    """

    entries: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    images: array[int] = field(default_factory=lambda: array("q"))
    has_map: bool = True

    def add(self, name: bytes, offset: int, length: int) -> None:
        """Note a chunk."""
        number = name[len(FRAME) : -1]
        if not name.startswith(FRAME):
            self.entries[name] = (offset, length)
        elif number.isdigit() and max(int(number), offset, length) < 1 << 62:
            self.images.extend((int(number), offset, length))

    def frames(self, size: int) -> Frames:
        """Return the images inside a file of `size` bytes; the last one of each number."""
        table = np.array(self.images, np.int64).reshape(-1, 3)
        table = table[table[:, 1] + HEADER.size + table[:, 2] <= size][::-1]
        numbers, first = np.unique(table[:, 0], return_index=True)
        return Frames(numbers, table[first, 1])


def find_chunks(file: RawFile) -> Chunks:
    """Find all chunks, by the map or, if that is missing or damaged, by walking the file."""
    return _read_map(file) or _walk(file)


def _read_map(file: RawFile) -> Chunks | None:
    if file.size < HEADER.size + 40:
        return None
    tail = file.read(file.size - 40, 40)
    if tail[:32] != MAP_SIGNATURE:
        return None
    location = int.from_bytes(tail[32:], "little")
    if location + HEADER.size > file.size:
        return None
    magic, name_length, length = HEADER.unpack(file.read(location, HEADER.size))
    start = location + HEADER.size + name_length
    if magic != MAGIC or start + length > file.size:
        return None
    data = bytes(file.read(start, length))
    chunks = Chunks()
    position = 0
    while True:
        end = data.find(b"!", position) + 1
        if end == 0 or end + 16 > len(data) + 8:
            return None
        name = data[position:end]
        if name == MAP_SIGNATURE:
            return chunks
        offset, size = struct.unpack_from("<QQ", data, end)
        chunks.add(name, offset, 0 if size == offset else size)
        position = end + 16


def _walk(file: RawFile) -> Chunks:
    """Go from chunk to chunk until one is not whole."""
    chunks = Chunks(has_map=False)
    position = 0
    while position + HEADER.size <= file.size:
        magic, name_length, length = HEADER.unpack(file.read(position, HEADER.size))
        end = position + HEADER.size + name_length + length
        if magic != MAGIC or end > file.size or name_length > 1 << 20:
            break
        name = bytes(file.read(position + HEADER.size, min(name_length, 256))).split(b"\0")[0]
        if not name.startswith(MAP_NAME[:-1]):
            chunks.add(name, position, length)
        position = _next_chunk(file, end)
    return chunks


def _next_chunk(file: RawFile, end: int) -> int:
    """Return where the next chunk starts: at the next page, or at the next magic number."""
    page = -(-end // PAGE) * PAGE
    mark = MAGIC.to_bytes(4, "little")
    if page + 4 > file.size or file.read(page, 4) == mark:
        return page
    window = file.read(end, min(2 * PAGE, file.size - end))
    found = window.find(mark)
    return end + found if found >= 0 else file.size


def chunk_data(file: RawFile, offset: int, name: bytes) -> tuple[int, int]:
    """Return offset and length of a chunk's data; FoveaError if it is another chunk, or none."""
    head = file.read(offset, HEADER.size + len(name))
    magic, name_length, length = HEADER.unpack_from(head)
    if magic != MAGIC or head[HEADER.size :] != name:
        raise FoveaError(
            f"{file.name}: is damaged: at byte {offset} there is no {name.decode().rstrip('!')}; "
            "copy it again from the microscope"
        )
    return offset + HEADER.size + name_length, length


def attributes_chunk(
    width: int, height: int, components: int, bits: int, row_bytes: int, frames: int, packed: bool
) -> bytes:
    """Make the chunk of image attributes that a cut-off file lost."""
    values = {
        "uiWidth": width,
        "uiWidthBytes": row_bytes,
        "uiHeight": height,
        "uiComp": components,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": frames,
        "eCompression": 0 if packed else 2,
    }
    children = [_item(3, key, struct.pack("<I", value)) for key, value in values.items()]
    body = b"".join(children)
    name = _item(11, "SLxImageAttributes", b"")
    level = name + struct.pack("<IQ", len(children), len(name) + 12 + len(body)) + body
    return chunk(ATTRIBUTES, level + bytes(8 * len(children)))


def _item(kind: int, name: str, value: bytes) -> bytes:
    return struct.pack("<BB", kind, len(name) + 1) + (name + "\0").encode("utf-16-le") + value


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk whose data end on a page."""
    name_length = len(name) + -(HEADER.size + len(name) + len(data)) % PAGE
    return HEADER.pack(MAGIC, name_length, len(data)) + name.ljust(name_length, b"\0") + data


class Mended(io.RawIOBase):
    """A file, followed by chunks that it lacks and by a map of its chunks without the images.

    The library `nd2` reads the metadata from this in place of the file.
    """

    def __init__(self, file: RawFile, chunks: Chunks, missing: dict[bytes, bytes]) -> None:
        super().__init__()
        self._raw = file
        tail, entries = b"", dict(chunks.entries)
        for name, data in missing.items():
            entries[name] = (file.size + len(tail), len(data))
            tail += data
        table = b"".join(k + struct.pack("<QQ", *v) for k, v in entries.items())
        table += MAP_SIGNATURE + struct.pack("<Q", file.size + len(tail))
        self._tail = tail + chunk(MAP_NAME, table)
        self._position = 0

    name = "recovered"
    mode = "rb"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        end = self._raw.size + len(self._tail)
        self._position = (0, self._position, end)[whence] + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._raw.size + len(self._tail)
        stop = end if size is None or size < 0 else min(end, self._position + size)
        start, split = self._position, self._raw.size
        data = b""
        if start < min(stop, split):
            data = bytes(self._raw.read(start, min(stop, split) - start))
        if stop > split:
            data += self._tail[max(start, split) - split : stop - split]
        self._position = max(start, stop)
        return data

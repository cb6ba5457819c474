"""The chunks of a modern ND2 file: where each frame lies, also when the file was cut off.

An ND2 file is a row of named chunks and, at its end, a map of them. The `nd2` library reads the
map and the metadata; it does not say which frames exist, and it refuses files without a map.
This module finds the chunks (from the map, or by going from chunk to chunk), and makes a map for
a file that has lost its own.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from fovea.errors import FoveaError
from fovea.readers.raw import RawFile

MAGIC = 0x0ABECEDA
HEADER = struct.Struct("<IIQ")  # magic, length of the name, length of the data
PAGE = 4096
FRAME = b"ImageDataSeq|"
ATTRIBUTES = b"ImageAttributesLV!"
MAP_SIGNATURE = b"ND2 CHUNK MAP SIGNATURE 0000001!"
MAP_NAME = b"ND2 FILEMAP SIGNATURE NAME 0001!"


@dataclass
class Chunks:
    """Where the chunks of a file are.

    Attributes
    ----------
    entries : dict
        Name (with its ``!``) to (offset of the chunk, length of its data).
    has_map : bool
        Whether the file had its map; False means it was cut off.
    """

    entries: dict[bytes, tuple[int, int]]
    has_map: bool

    def frames(self, size: int) -> dict[int, int]:
        """Return the offset of every frame's chunk that lies inside a file of `size` bytes."""
        found = {}
        for name, (offset, length) in self.entries.items():
            if name.startswith(FRAME) and offset + HEADER.size + length <= size:
                number = name[len(FRAME) : -1]
                if number.isdigit():
                    found[int(number)] = offset
        return found


def find_chunks(file: RawFile) -> Chunks:
    """Find all chunks, by the map or, if that is missing or damaged, by walking the file."""
    entries = _read_map(file)
    if entries is not None:
        return Chunks(entries, True)
    return Chunks(_walk(file), False)


def _read_map(file: RawFile) -> dict[bytes, tuple[int, int]] | None:
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
    entries: dict[bytes, tuple[int, int]] = {}
    position = 0
    while True:
        end = data.find(b"!", position) + 1
        if end == 0 or end + 16 > len(data) + 8:
            return None
        name = data[position:end]
        if name == MAP_SIGNATURE:
            return entries
        offset, size = struct.unpack_from("<QQ", data, end)
        entries[name] = (offset, 0 if size == offset else size)
        position = end + 16


def _walk(file: RawFile) -> dict[bytes, tuple[int, int]]:
    """Go from chunk to chunk as far as they are whole."""
    entries: dict[bytes, tuple[int, int]] = {}
    position = 0
    while position + HEADER.size <= file.size:
        magic, name_length, length = HEADER.unpack(file.read(position, HEADER.size))
        end = position + HEADER.size + name_length + length
        if magic != MAGIC or end > file.size or name_length > 1 << 20:
            break
        name = bytes(file.read(position + HEADER.size, min(name_length, 256))).split(b"\0")[0]
        if not name.startswith(MAP_NAME[:-1]):
            entries[name] = (position, length)
        position = _next_chunk(file, end)
    return entries


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
    """Return offset and length of a chunk's data, having checked that it is that chunk.

    Raises
    ------
    FoveaError
        If something else stands there.
    """
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
    """Write the chunk of image attributes that a cut-off file has lost."""
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
    """A file followed by chunks that are missing from it and by a map of all chunks.

    The `nd2` library reads this instead of the file itself.
    """

    def __init__(self, file: RawFile, chunks: Chunks, missing: dict[bytes, bytes]) -> None:
        super().__init__()
        self._raw = file
        start = file.size
        tail = b""
        entries = dict(chunks.entries)
        for name, data in missing.items():
            entries[name] = (start + len(tail), len(data))
            tail += data
        location = start + len(tail)
        table = b"".join(k + struct.pack("<QQ", *v) for k, v in entries.items())
        table += MAP_SIGNATURE + struct.pack("<Q", location)
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

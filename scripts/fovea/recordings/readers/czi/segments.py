"""The segments of a CZI file: which tiles it holds, where, and when they were taken.

A CZI file is a row of segments. The directory lists the tiles ("subblocks"): their place in every
dimension, their pixel type and compression, and where they lie in the file. It is written when
the acquisition ends; in a file that has lost it, every tile still says the same of itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fovea.errors import FoveaError
from fovea.recordings.readers.raw import RawFile

if TYPE_CHECKING:
    import numpy as np

SEGMENT = struct.Struct("<16sqq")  # id, allocated size, used size; both without this header
FILE_HEADER = struct.Struct("<4i16s16siqqiq")
ENTRY = struct.Struct("<2siqiiB5xi")  # of the directory; then the dimensions
DIMENSION = struct.Struct("<4siifi")  # name, start, size, start coordinate, stored size
SUBBLOCK = struct.Struct("<iiq")  # sizes of metadata, attachments, data
ALIGNMENT = 32


class Tile(NamedTuple):
    """A tile at full resolution.

    Attributes
    ----------
    S, T, C, Z, M : int
        Scene, frame, channel, z plane, number within the mosaic.
    odd : int
        The largest index in any other dimension.
    x, y, width, height : int
        Its place in the plane, in pixels.
    pixel_type, compression : int
        Codes of the format.
    position : int
        Where its segment begins in the file.
    """

    S: int
    T: int
    C: int
    Z: int
    M: int
    odd: int
    x: int
    y: int
    width: int
    height: int
    pixel_type: int
    compression: int
    position: int


@dataclass
class CziContent:
    """What the segments say.

    Attributes
    ----------
    tiles : ndarray
        (N, 13) int64, a `Tile` per row.
    xml : bytes
        The metadata, empty if they are missing.
    recovered : bool
        Whether the directory was lost and the tiles had to be searched for.
    """

    tiles: np.ndarray
    xml: bytes
    recovered: bool


def read_content(file: RawFile) -> CziContent:
    """Read the directory and the metadata of a CZI file.

    Raises
    ------
    FoveaError
        If the file is one part of several.
    """
    import numpy as np

    none = np.empty((0, len(Tile._fields)), np.int64)
    if file.size < SEGMENT.size + FILE_HEADER.size:
        return CziContent(none, b"", True)
    head = FILE_HEADER.unpack(file.read(SEGMENT.size, FILE_HEADER.size))
    part, directory, metadata = head[6], head[7], head[8]
    if part > 0:
        raise FoveaError(
            f"{file.name}: is part {part} of a recording in several CZI files; "
            "save it as a single file in ZEN"
        )
    xml = _metadata(file, metadata)
    tiles = _directory(file, directory)
    if tiles is not None:
        return CziContent(tiles, xml, False)
    found = []
    for name, position, _ in _segments(file):
        if name == b"ZISRAWSUBBLOCK":
            data = file.read(position + SEGMENT.size, min(4096, file.size - position - 32))
            tile = _entry(data, SUBBLOCK.size, position)[0]
            found += [tile] if tile is not None else []
        elif name == b"ZISRAWMETADATA" and not xml:
            xml = _metadata(file, position)
    return CziContent(np.array(found, np.int64) if found else none, xml, True)


def _segments(file: RawFile) -> Iterator[tuple[bytes, int, int]]:
    """Go from segment to segment, as far as they are whole."""
    position = 0
    while position + SEGMENT.size <= file.size:
        name, allocated, used = SEGMENT.unpack(file.read(position, SEGMENT.size))
        name = name.rstrip(b"\0")
        end = position + SEGMENT.size + allocated
        if not (name.startswith(b"ZISRAW") or name == b"DELETED") or allocated < 0:
            return
        if position + SEGMENT.size + min(used or allocated, allocated) > file.size:
            return
        yield name, position, allocated
        position = -(-end // ALIGNMENT) * ALIGNMENT


def _segment(file: RawFile, position: int, name: bytes) -> bytes | None:
    """Return the content of a segment, or None if it is not there."""
    if position < SEGMENT.size or position + SEGMENT.size > file.size:
        return None
    found, allocated, used = SEGMENT.unpack(file.read(position, SEGMENT.size))
    size = used or allocated
    if found.rstrip(b"\0") != name or size < 0 or position + SEGMENT.size + size > file.size:
        return None
    return bytes(file.read(position + SEGMENT.size, size))


def _metadata(file: RawFile, position: int) -> bytes:
    data = _segment(file, position, b"ZISRAWMETADATA")
    if data is None or len(data) < 256:
        return b""
    (size,) = struct.unpack_from("<i", data)
    return data[256 : 256 + size]


def _directory(file: RawFile, position: int) -> np.ndarray | None:
    import numpy as np

    data = _segment(file, position, b"ZISRAWDIRECTORY")
    if data is None or len(data) < 128:
        return None
    (count,) = struct.unpack_from("<i", data)
    tiles = _uniform_entries(data, count)
    if tiles is not None:
        return tiles
    offset, found = 128, []
    for _ in range(count):
        if offset + ENTRY.size > len(data):
            return None
        tile, offset = _entry(data, offset)
        if tile is not None:
            found.append(tile)
    return np.array(found, np.int64).reshape(-1, len(Tile._fields))


def _uniform_entries(data: bytes, count: int) -> np.ndarray | None:
    """Parse a directory all at once, if all its entries have the same dimensions in one order."""
    import numpy as np

    if count < 1 or len(data) < 128 + ENTRY.size:
        return None
    dimensions = ENTRY.unpack_from(data, 128)[-1]
    dimension = np.dtype(
        [("name", "S4"), ("start", "<i4"), ("size", "<i4"), ("at", "<f4"), ("stored", "<i4")]
    )
    entry = np.dtype(
        [("schema", "S2"), ("pixel_type", "<i4"), ("position", "<i8"), ("part", "<i4"),
         ("compression", "<i4"), ("pyramid", "u1"), ("spare", "V5"), ("count", "<i4"),
         ("dimensions", dimension, (dimensions,))]
    )  # fmt: skip
    if len(data) < 128 + count * entry.itemsize:
        return None
    entries = np.frombuffer(data, entry, count, 128)
    names = entries["dimensions"]["name"]
    if (entries["count"] != dimensions).any() or (names != names[0]).any():
        return None
    tiles = np.zeros((count, len(Tile._fields)), np.int64)
    column = {name: tiles[:, i] for i, name in enumerate(Tile._fields)}
    full = np.ones(count, bool)
    for i, name in enumerate(bytes(n).decode("ascii", "replace") for n in names[0]):
        values = entries["dimensions"][:, i]
        if name in "XY":
            column[name.lower()][:] = values["start"]
            column["width" if name == "X" else "height"][:] = values["size"]
            full &= (values["stored"] == 0) | (values["stored"] == values["size"])
        elif name in "STCZM":
            column[name][:] = values["start"]
        elif name != "B":
            np.maximum(column["odd"], values["start"], out=column["odd"])
    for name in ("pixel_type", "compression", "position"):
        column[name][:] = entries[name]
    return tiles[full]


def _entry(data: bytes | bytearray, offset: int, position: int | None = None):
    """Parse one directory entry.

    Returns
    -------
    tile : Tile or None
        None where it is of a pyramid's lower resolution.
    offset : int
        Where the next entry begins.
    """
    _, pixel_type, place, _, compression, _, count = ENTRY.unpack_from(data, offset)
    offset += ENTRY.size
    start = dict.fromkeys("STCZM", 0)
    odd = 0
    extent = {"X": (0, 0), "Y": (0, 0)}
    reduced = False
    for _ in range(count):
        raw, first, size, _, stored = DIMENSION.unpack_from(data, offset)
        offset += DIMENSION.size
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        if name in extent:
            extent[name] = (first, size)
            reduced = reduced or stored not in (0, size)
        elif name in start:
            start[name] = first
        elif name != "B":
            odd = max(odd, first)
    if reduced:
        return None, offset
    (x, width), (y, height) = extent["X"], extent["Y"]
    where = place if position is None else position
    return Tile(**start, odd=odd, x=x, y=y, width=width, height=height, pixel_type=pixel_type,
                compression=compression, position=where), offset  # fmt: skip

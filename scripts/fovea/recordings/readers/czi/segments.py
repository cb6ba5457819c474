"""The segments of a CZI file, and the tiles that its directory lists.

A CZI file is a sequence of segments. The directory lists the tiles ("subblocks"): their index in
every dimension, their pixel type and compression, and their position in the file. It is written
when the acquisition ends. Each tile repeats its entry, so a file without directory can be read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.raw import RawFile

SEGMENT = struct.Struct("<16sqq")  # id, allocated size, used size; both without this header
FILE_HEADER = struct.Struct("<4i16s16siqqiq")
ENTRY_BYTES, DIMENSION_BYTES = 32, 20  # an entry of the directory, then its dimensions
SUBBLOCK = struct.Struct("<iiq")  # sizes of metadata, attachments, data
ALIGNMENT = 32


class Tile(NamedTuple):
    """A tile at full resolution; its position and size in the plane are in pixels."""

    S: int  # scene
    T: int
    C: int
    Z: int
    M: int  # index of the tile within the mosaic
    odd: int  # the largest index in any other dimension
    x: int
    y: int
    width: int
    height: int
    pixel_type: int  # code of the format, as is `compression`
    compression: int
    position: int  # where its segment begins in the file


@dataclass
class CziContent:
    """Content of the segments."""

    tiles: np.ndarray  # (N, 13) int64, a `Tile` per row
    xml: bytes  # the metadata, empty if they are missing
    recovered: bool  # whether the directory was missing, and the tiles were found one by one


def read_content(file: RawFile) -> CziContent:
    """Read the directory and the metadata; FoveaError if the file is one part of several."""
    if file.size < SEGMENT.size + FILE_HEADER.size:
        return CziContent(_tiles([]), b"", True)
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
    entries, positions = [], []
    for name, position in _segments(file):
        if name == b"ZISRAWSUBBLOCK":
            start = position + SEGMENT.size
            data = file.read(start, min(4096, file.size - start))[SUBBLOCK.size :]
            size = entry_size(data, 0)
            if 0 < size <= len(data):
                entries.append(bytes(data[:size]))
                positions.append(position)
        elif name == b"ZISRAWMETADATA" and not xml:
            xml = _metadata(file, position)
    return CziContent(_tiles(entries, positions), xml, True)


def _segments(file: RawFile) -> Iterator[tuple[bytes, int]]:
    """Go from segment to segment until one is not whole: name and position of each."""
    position = 0
    while position + SEGMENT.size <= file.size:
        name, allocated, used = SEGMENT.unpack(file.read(position, SEGMENT.size))
        name = name.rstrip(b"\0")
        end = position + SEGMENT.size + allocated
        if not (name.startswith(b"ZISRAW") or name == b"DELETED") or allocated < 0:
            return
        if position + SEGMENT.size + min(used or allocated, allocated) > file.size:
            return
        yield name, position
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
    data = _segment(file, position, b"ZISRAWDIRECTORY")
    if data is None or len(data) < 128:
        return None
    (count,) = struct.unpack_from("<i", data)
    offset, entries = 128, []
    for _ in range(count):
        size = entry_size(data, offset)
        if not 0 < size <= len(data) - offset:
            return None
        entries.append(data[offset : offset + size])
        offset += size
    return _tiles(entries)


def entry_size(data: bytes | bytearray, offset: int) -> int:
    """Return how many bytes the directory entry at `offset` has; 0 if it is cut off."""
    if offset + ENTRY_BYTES > len(data):
        return 0
    (dimensions,) = struct.unpack_from("<i", data, offset + ENTRY_BYTES - 4)
    return ENTRY_BYTES + DIMENSION_BYTES * dimensions


def _tiles(entries: Sequence[bytes], positions: Sequence[int] | None = None) -> np.ndarray:
    """Parse directory entries, one for each tile, those of one number of dimensions at a time.

    `positions` tell where the tiles' segments begin, if not where the entries say. Returns (N, 13)
    int64, a `Tile` per row, without those of a pyramid's lower resolutions.
    """
    dimension = np.dtype(
        [("name", "S4"), ("start", "<i4"), ("size", "<i4"), ("at", "<f4"), ("stored", "<i4")]
    )
    tiles = np.zeros((len(entries), len(Tile._fields)), np.int64)
    column = {name: tiles[:, i] for i, name in enumerate(Tile._fields)}
    full = np.ones(len(entries), bool)
    lengths = np.array([len(entry) for entry in entries], np.int64)
    for length in np.unique(lengths).tolist():
        where = np.flatnonzero(lengths == length)
        dimensions = (length - ENTRY_BYTES) // DIMENSION_BYTES
        layout = np.dtype(
            [("schema", "S2"), ("pixel_type", "<i4"), ("position", "<i8"), ("part", "<i4"),
             ("compression", "<i4"), ("pyramid", "u1"), ("spare", "V5"), ("count", "<i4"),
             ("dimensions", dimension, (dimensions,))]
        )  # fmt: skip
        parsed = np.frombuffer(b"".join(entries[i] for i in where), layout)
        for name in ("pixel_type", "compression", "position"):
            column[name][where] = parsed[name]
        for values in parsed["dimensions"].T:
            for axis in np.unique(values["name"]):
                those = values["name"] == axis
                rows, start = where[those], values["start"][those]
                size, stored = values["size"][those], values["stored"][those]
                axis = axis.decode("ascii", "replace")
                if axis in ("X", "Y"):
                    column[axis.lower()][rows] = start
                    column["width" if axis == "X" else "height"][rows] = size
                    full[rows] &= (stored == 0) | (stored == size)
                elif axis in tuple("STCZM"):
                    column[axis][rows] = start
                elif axis != "B":
                    column["odd"][rows] = np.maximum(column["odd"][rows], start)
    if positions is not None:
        column["position"][:] = positions
    return tiles[full]

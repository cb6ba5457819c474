"""Tiles of a CZI file: pixels, acquisition time and stage position."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np

from fovea.recordings.readers.czi.segments import ENTRY_BYTES, SEGMENT, SUBBLOCK, entry_size
from fovea.recordings.readers.raw import RawFile

TICKS = 10**7  # per second
TIME = re.compile(rb"<AcquisitionTime>\s*([^<\s]+)\s*</AcquisitionTime>")
STAGE = {axis: re.compile(rb"<Stage%cPosition>\s*([^<\s]+)\s*<" % axis) for axis in b"XY"}


def tile_parts(file: RawFile, position: int) -> tuple[int, int, int, int] | None:
    """Return offset and length of a tile's metadata, then of its data; None if it is not whole.

    `position` is where the tile's segment begins.
    """
    length = SEGMENT.size + SUBBLOCK.size + ENTRY_BYTES
    if position + length > file.size:
        return None
    head = file.read(position, length)
    if not head.startswith(b"ZISRAWSUBBLOCK"):
        return None
    metadata, _, data = SUBBLOCK.unpack_from(head, SEGMENT.size)
    fixed = max(256, SUBBLOCK.size + entry_size(head, SEGMENT.size + SUBBLOCK.size))
    start = position + SEGMENT.size + fixed
    if min(metadata, data) < 0 or start + metadata + data > file.size:
        return None
    return start, metadata, start + metadata, data


def tile_tags(file: RawFile, position: int) -> tuple[int | None, dict[str, float] | None]:
    """Return a tile's time, in units of 100 ns since 1970, and stage position in micrometers."""
    parts = tile_parts(file, position)
    if parts is None or not parts[1]:
        return None, None
    text = bytes(file.read(parts[0], parts[1]))
    found = TIME.search(text)
    time = parse_time(found[1].decode("ascii", "replace")) if found else None
    x, y = (pattern.search(text) for pattern in STAGE.values())
    try:
        return time, {"x": float(x[1]), "y": float(y[1])} if x and y else None
    except ValueError:
        return time, None


def parse_time(text: str) -> int | None:
    """Return an ISO time with any number of decimals in units of 100 ns since 1970, or None."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", text)
    if match is None:
        return None
    base, fraction, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z") else zone
    try:
        seconds = int(datetime.fromisoformat(base + zone).timestamp())
    except ValueError:
        return None
    return seconds * TICKS + round(float(fraction or 0) * TICKS)


def decode(
    data: bytes | bytearray, compression: int, dtype: np.dtype, shape: tuple[int, int]
) -> np.ndarray:
    """Return the (H, W) pixels of a tile, or raise ValueError that says why it cannot."""
    size = shape[0] * shape[1] * dtype.itemsize
    if compression == 0:
        return np.frombuffer(data, dtype, shape[0] * shape[1]).reshape(shape)
    try:
        import imagecodecs
    except ImportError as error:
        raise ValueError("it is compressed; install the package imagecodecs") from error
    data = bytes(data)
    if compression in (5, 6):
        swapped = False
        if compression == 6:  # a header: its own length, then perhaps whether bytes are split
            swapped = data[0] == 3 and data[1] == 1 and bool(data[2] & 1)
            data = data[data[0] :]
        raw = imagecodecs.zstd_decode(data, out=size)
        if swapped:
            # The low bytes of all pixels come first, then the high bytes.
            raw = np.frombuffer(raw, np.uint8).reshape(2, -1).T.tobytes()
        return np.frombuffer(raw, dtype, shape[0] * shape[1]).reshape(shape)
    if compression in (1, 4):
        decoder = imagecodecs.jpegxr_decode if compression == 4 else imagecodecs.jpeg_decode
        image = decoder(data)
    elif compression == 2:
        image = np.frombuffer(imagecodecs.lzw_decode(data, out=size), dtype)
    else:
        raise ValueError(f"its compression (code {compression}) is unknown")
    if image.size != shape[0] * shape[1] or image.dtype != dtype:
        raise ValueError(f"it holds {image.shape} pixels of {image.dtype}")
    return image.reshape(shape)

"""Write small CZI files with a time for every tile, for tests only.

libCZI's own writer cannot store times. Everything is little-endian. A segment is: 16 bytes of
name, allocated size, used size, data; segments begin at multiples of 32.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import numpy as np

ZERO_GUID = bytes(16)
START = datetime(2024, 2, 29, 23, 59, 50, tzinfo=UTC)


def _segment(name: str, data: bytes) -> bytes:
    size = len(data)
    padded = size + -(size + 32) % 32
    return struct.pack("<16sqq", name.encode(), padded, size) + data.ljust(padded, b"\0")


def _entry(
    plane: dict[str, int], shape: tuple[int, int], kind: int, position: int, code: int
) -> bytes:
    height, width = shape
    sizes = {"X": width, "Y": height}
    dimensions = b"".join(
        struct.pack("<4siifi", name.encode(), start, sizes.get(name, 1), 0.0, sizes.get(name, 1))
        for name, start in plane.items()
    )
    head = struct.pack("<2siqiiB5xi", b"DV", kind, position, 0, code, 0, len(plane))
    return head + dimensions


def write_czi(
    path: Path | str,
    data: np.ndarray,
    *,
    seconds: np.ndarray | None = None,
    xml: str = "",
    directory_last: bool = True,
    code: int = 0,
    encode: Callable[[np.ndarray], bytes] = np.ndarray.tobytes,
    skip: Callable[[int, int, int, int], bool] = lambda p, t, z, c: False,
    attached: Sequence[float] | None = None,
    first: Mapping[str, int] | None = None,
) -> Path:
    """Write (P, T, Z, C, H, W), uint8 or uint16, one tile per plane, a scene per position.

    Parameters
    ----------
    seconds : ndarray
        (P, T, C) times since the start of the acquisition; None for tiles without a time.
    xml : str
        Content of the metadata; empty for none.
    directory_last : bool
        Directory and metadata after the tiles, as in a file that is being recorded.
    code, encode : int, callable
        Compression's code in the format, and what compresses a plane.
    skip : callable
        Tells which planes were not recorded.
    attached : sequence of float
        Seconds in the attachment ``TimeStamps``; none by default.
    first : mapping
        The first index of a dimension (S, T, C, Z) where it is not 0.
    """
    kind = {"uint8": 0, "uint16": 1}[data.dtype.name]
    P, T, Z, C, H, W = data.shape
    tiles = []
    for t in range(T):
        for p in range(P):
            for z in range(Z):
                for c in range(C):
                    if skip(p, t, z, c):
                        continue
                    plane = {"X": 1000 * p, "Y": 7, "C": c, "Z": z, "T": t, "S": p, "M": 0}
                    plane |= {axis: plane[axis] + start for axis, start in (first or {}).items()}
                    tags = "<METADATA />"
                    if seconds is not None:
                        moment = START + timedelta(seconds=float(seconds[p, t, c]))
                        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "5Z"
                        tags = (
                            f"<METADATA><Tags><AcquisitionTime>{text}</AcquisitionTime>"
                            f"<StageXPosition>+00{100 * p}.5</StageXPosition>"
                            f"<StageYPosition>-00{p}.25</StageYPosition></Tags></METADATA>"
                        )
                    tiles.append((plane, tags.encode(), encode(data[p, t, z, c])))

    def subblock(plane: dict[str, int], tags: bytes, pixels: bytes, position: int) -> bytes:
        entry = _entry(plane, (H, W), kind, position, code)
        fixed = struct.pack("<iiq", len(tags), 0, len(pixels)) + entry
        return _segment("ZISRAWSUBBLOCK", fixed.ljust(256, b"\0") + tags + pixels)

    def directory(places: list[int]) -> bytes:
        pairs = zip(tiles, places, strict=True)
        entries = [_entry(plane, (H, W), kind, place, code) for (plane, _, _), place in pairs]
        head = struct.pack("<i124x", len(entries))
        return _segment("ZISRAWDIRECTORY", head + b"".join(entries))

    def metadata() -> bytes:
        text = xml.encode()
        return _segment("ZISRAWMETADATA", struct.pack("<ii248x", len(text), 0) + text)

    def attachments(place: int) -> list[bytes]:
        times = struct.pack("<ii", 8 + 8 * len(attached or ()), len(attached or ()))
        times += np.array(attached or (), "<f8").tobytes()
        entry = struct.pack(
            "<2s10xqi16s8s80s", b"A1", place, 0, ZERO_GUID, b"CZTIMS", b"TimeStamps"
        )
        content = struct.pack("<q8x", len(times)) + entry
        listed = struct.pack("<i252x", 1) + entry
        return [
            _segment("ZISRAWATTACH", content.ljust(256, b"\0") + times),
            _segment("ZISRAWATTDIR", listed),
        ]

    lengths = [len(subblock(*tile, 0)) for tile in tiles]
    header_length = len(_segment("ZISRAWFILE", bytes(512)))
    ends = (len(directory([0] * len(tiles))), len(metadata()) if xml else 0)
    start = header_length + (0 if directory_last else sum(ends))
    places = list(accumulate(lengths[:-1], initial=start))
    where = start + sum(lengths) if directory_last else header_length
    whole = header_length + sum(lengths) + sum(ends)
    more = attachments(whole) if attached is not None else []
    header = struct.pack(
        "<4i16s16siqqiq", 1, 0, 0, 0, ZERO_GUID, ZERO_GUID, 0, where,
        where + ends[0] if xml else 0, 0, whole + len(more[0]) if more else 0,
    )  # fmt: skip
    blocks = [subblock(*tile, place) for tile, place in zip(tiles, places, strict=True)]
    tail = [directory(places), metadata() if xml else b""]
    parts = [*(blocks + tail if directory_last else tail + blocks), *more]
    Path(path).write_bytes(b"".join([_segment("ZISRAWFILE", header.ljust(512, b"\0")), *parts]))
    return Path(path)

"""The first bytes of TIFF files: whether they hold OME-XML, and the UUIDs that it states.

A set of OME-TIFF files may have hundreds of members, each with the whole description. To tell which
belong together, a few kilobytes of each are enough.
"""

from __future__ import annotations

import re
import struct
from html import unescape
from typing import BinaryIO, NamedTuple

HEAD = 1 << 15  # characters of a description in which its root and BinaryOnly elements stand
DESCRIPTION = 270  # number of the tag
ROOT = re.compile(rb"<(?:[\w.-]+:)?OME\b([^>]*)>")
BINARY_ONLY = re.compile(rb"<(?:[\w.-]+:)?BinaryOnly\b([^>]*)>")
# layouts of classic TIFF and BigTIFF: number of entries, an entry, an offset, where the first is
CLASSIC = ("H", "HHI4s", "I", 4)
BIG = ("Q", "HHQ8s", "Q", 8)


class TiffHead(NamedTuple):
    """What the start of a TIFF file says about the OME-TIFF set that it belongs to."""

    ome: bool = False  # whether its first page's description is OME-XML
    uuid: str | None = None  # of the file, see `plain_uuid`
    metadata_file: str | None = None  # which holds the description, if this file does not
    metadata_uuid: str | None = None  # of that file
    length: int = 0  # of the description in bytes


def plain_uuid(text: str | None) -> str | None:
    """Return a UUID in lower case without ``urn:uuid:``; None for an empty one."""
    return (text or "").strip().lower().removeprefix("urn:uuid:") or None


def read_head(path: str) -> TiffHead:
    """Read the head of a file; an empty `TiffHead` for what is no readable TIFF file."""
    try:
        with open(path, "rb") as handle:
            for offset, length in _description_places(handle):
                handle.seek(offset)
                start = handle.read(min(length, HEAD))
                handle.seek(offset + max(0, length - 64))
                end = start[-64:] if length <= HEAD else handle.read(64)
                if end.rstrip(b"\0 \r\n\t").endswith(b"OME>"):
                    return _ome_head(start, length)
    except (OSError, struct.error, ValueError, OverflowError):
        pass  # what is damaged is found when the file is opened
    return TiffHead()


def _ome_head(start: bytes, length: int) -> TiffHead:
    """Return what the first bytes of OME-XML of a length say."""
    root, binary_only = ROOT.search(start), BINARY_ONLY.search(start)
    uuid = None if root is None else _attribute(root[1], b"UUID")
    if binary_only is None:
        return TiffHead(True, plain_uuid(uuid), length=length)
    file, other = (_attribute(binary_only[1], name) for name in (b"MetadataFile", b"UUID"))
    return TiffHead(True, plain_uuid(uuid), file, plain_uuid(other), length)


def _description_places(handle: BinaryIO) -> list[tuple[int, int]]:
    """Return offset and length of the first page's descriptions: Micro-Manager writes two."""
    start = handle.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        return []
    (version,) = struct.unpack(order + "H", start[2:4])
    count_form, entry_form, offset_form, at = BIG if version == 43 else CLASSIC
    inline = struct.calcsize(order + offset_form)
    (offset,) = struct.unpack(order + offset_form, start[at : at + inline])
    handle.seek(offset)
    (count,) = struct.unpack(order + count_form, handle.read(struct.calcsize(order + count_form)))
    first, size = handle.tell(), struct.calcsize(order + entry_form)
    entries = handle.read(min(count, 4096) * size)
    found: list[tuple[int, int]] = []
    for number in range(len(entries) // size):
        tag, _, length, value = struct.unpack_from(order + entry_form, entries, number * size)
        if tag == DESCRIPTION and length <= inline:
            found.append((first + (number + 1) * size - inline, length))
        elif tag == DESCRIPTION:
            found.append((struct.unpack(order + offset_form, value)[0], length))
    return found


def _attribute(text: bytes, name: bytes) -> str | None:
    found = re.search(rb"(?<![\w:])" + name + rb"""\s*=\s*(?:"([^"]*)"|'([^']*)')""", text)
    if found is None:
        return None
    return unescape((found[1] or found[2] or b"").decode("utf-8", "replace")) or None

"""Times of the frames of a CZI file that do not stand with its tiles.

ZEN lists them in the attachment ``TimeStamps`` (type ``CZTIMS``: int32 size and count, then float64
seconds since the start), or as offsets in the XML.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.czi.segments import FILE_HEADER, SEGMENT, Tile
from fovea.recordings.readers.raw import RawFile

ENTRY = struct.Struct("<2s10xqi16s8s80s")  # schema, position, part, GUID, type of content, name
FIXED = 256  # bytes of a segment of attachments, and of their directory, before its content
#: What one listed time may stand for, beside every frame of a scene and channel.
STEPS = (("T",), ("T", "S"), ("T", "C"), ("T", "S", "C"), ("T", "S", "Z"), ("T", "S", "C", "Z"))


def attached_times(file: RawFile) -> np.ndarray | None:
    """Return the seconds in the attachment of time stamps, (N,) float64; None without it."""
    try:
        directory = FILE_HEADER.unpack(file.read(SEGMENT.size, FILE_HEADER.size))[-1]
        start = _content(file, directory, b"ZISRAWATTDIR")
        (count,) = struct.unpack("<i", file.read(directory + SEGMENT.size, 4))
        entries = file.read(start, ENTRY.size * max(0, count))
        for _, position, _, _, kind, _ in ENTRY.iter_unpack(entries):
            if kind.rstrip(b"\0") == b"CZTIMS":
                start = _content(file, position, b"ZISRAWATTACH")
                _, times = struct.unpack("<ii", file.read(start, 8))
                return np.frombuffer(file.read(start + 8, 8 * max(0, times)), "<f8")
    except (FoveaError, struct.error, ValueError):
        pass  # attachments are written last, so a file that was cut off lacks them
    return None


def _content(file: RawFile, position: int, name: bytes) -> int:
    if position < SEGMENT.size or file.read(position, 16).rstrip(b"\0") != name:
        raise ValueError(f"no {name!r}")
    return position + SEGMENT.size + FIXED


def listed_stamps(
    seconds: np.ndarray, tiles: np.ndarray, scenes: Sequence[int], channels: int, frames: int
) -> list[np.ndarray] | None:
    """Assign listed times to frames.

    A list has one time for each frame; or, in the order of recording, for each frame of every
    scene, channel or plane. What it has is told by its length.

    Parameters
    ----------
    seconds : ndarray
        (N,) float64.
    tiles : ndarray
        (M, 13) int64, a `Tile` per row.
    scenes : sequence of int
        Indices of the scenes that are fields of view.
    channels, frames : int
        Their numbers.

    Returns
    -------
    list of ndarray, or None
        (C, T) float64 for each scene, nan where no plane is listed; None if the times fit nothing.
    """
    tiles = tiles[np.argsort(tiles[:, Tile._fields.index("position")], kind="stable")]
    columns = {axis: tiles[:, Tile._fields.index(axis)] for axis in "STCZ"}
    if len(seconds) == frames:
        return [np.tile(seconds, (channels, 1)) for _ in scenes]
    for step in STEPS:
        keys = np.stack([columns[axis] for axis in step], axis=1)
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        if len(first) != len(seconds):
            continue
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        times = seconds[rank[inverse.ravel()]]
        found = []
        for scene in scenes:
            stamps = np.full((channels, frames), np.nan)
            own = np.flatnonzero(columns["S"] == scene)[::-1]  # the first plane counts
            stamps[columns["C"][own], columns["T"][own]] = times[own]
            found.append(stamps)
        return found
    return None

"""Image size of an ND2 file that was cut off before its image attributes were written.

NIS-Elements writes the attributes after the images. Without them, the size follows from the
metadata of the first image, which hold the camera's formats and regions, and from the length of
an image's data.
"""

from __future__ import annotations

import itertools
import math
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

from fovea.errors import FoveaError
from fovea.recordings.readers.nd2.chunks import (
    FRAME,
    Chunks,
    Frames,
    Mended,
    attributes_chunk,
    chunk_data,
)
from fovea.recordings.readers.raw import RawFile

PICTURE = "ImageMetadataSeqLV|0"
BINNINGS = (1, 2, 3, 4, 8)


def guess_attributes(file: RawFile, chunks: Chunks, frames: Frames) -> tuple[bytes, str]:
    """Return a chunk of image attributes for a cut-off file, and a remark on their source.

    `frames` are the complete images, at least one. It is a FoveaError if no image size fits the
    length of their data.
    """
    picture = _picture(file, chunks)
    planes = picture.get("sPicturePlanes", {})
    components = int(planes.get("uiCompCount") or planes.get("uiCount") or 1)
    number, count = int(frames.numbers[0]), int(frames.numbers[-1]) + 1
    start, length = chunk_data(file, frames.offset(number), FRAME + b"%d!" % number)
    data = bytes(file.read(start + 8, max(0, length - 8)))
    packed = data[:1] == b"\x78"
    if packed:
        try:
            data = zlib.decompress(data)
        except zlib.error:
            packed = False
    for bits, (height, width) in itertools.product((16, 8), _sizes(picture)):
        for alignment in (1, 4):
            row = -(-width * components * bits // 8 // alignment) * alignment
            if height * row == len(data):
                text = f"the image size, {height} x {width}, is taken from the camera's settings"
                shape = width, height, components, bits, row
                return attributes_chunk(*shape, count, packed), text
    side = math.isqrt(len(data) // 2 // components)
    if side and side * side * components * 2 == len(data):
        text = f"the image size, {side} x {side}, is assumed: images are taken to be square"
        shape = side, side, components, 16, side * components * 2
        return attributes_chunk(*shape, count, packed), text
    raise FoveaError(
        f"{file.name}: is cut off, and what is left does not say how large its images are; open it "
        "in NIS-Elements and save it again, or copy it again from the microscope"
    )


def _picture(file: RawFile, chunks: Chunks) -> dict[str, Any]:
    import nd2

    try:
        with (
            warnings.catch_warnings(action="ignore"),
            nd2.ND2File(Mended(file, chunks, {})) as meta,
        ):
            found = meta.unstructured_metadata(strip_prefix=False, include={PICTURE})[PICTURE]
    except Exception as error:
        raise FoveaError(
            f"{file.name}: is cut off, and its metadata are lost; copy it again from the microscope"
        ) from error
    return found.get("SLxPictureMetadata", found)


def _sizes(picture: dict[str, Any]) -> list[tuple[int, int]]:
    """List each (height, width) in the camera's settings, and these sizes binned."""
    found: dict[tuple[int, int], None] = {}
    for height, width in _walk(picture):
        for binning in BINNINGS:
            if height // binning > 0 and width // binning > 0:
                found[height // binning, width // binning] = None
    return list(found)


def _walk(value: Any) -> Iterator[tuple[int, int]]:
    if not isinstance(value, dict):
        return
    lower = {str(key).lower(): item for key, item in value.items()}
    if isinstance(lower.get("cx"), int) and isinstance(lower.get("cy"), int):
        yield lower["cy"], lower["cx"]
    sides = [lower.get(side) for side in ("top", "bottom", "left", "right")]
    if all(isinstance(side, int) for side in sides):
        top, bottom, left, right = sides
        yield bottom - top, right - left
    for item in value.values():
        yield from _walk(item)

"""OME-TIFF sets as several programs write them: descriptions made by hand, planes of one value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import tifffile

from fovea.recordings.readers import open_recording

SPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
Place = tuple[int, int, int, int, "str | None", "int | None"]  # t, c, z, page, file, its UUID


def uid(number: int) -> str:
    """Return a UUID."""
    return f"urn:uuid:00000000-0000-0000-0000-{number:012d}"


def image(
    name: str,
    sizes: Sequence[int],
    places: Iterable[Place],
    *,
    channels: Sequence[str | None] | None = None,
    times: Iterable[tuple[int, int, int, float]] = (),
    size: int = 8,
    attributes: str = "",
) -> str:
    """Return an Image element of `sizes` T, C, Z, whose planes lie at `places`.

    `times` are t, c, z and seconds of planes.
    """
    t, c, z = sizes
    names = [f"C{i}" for i in range(c)] if channels is None else channels
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="{z}" IFD="{page}" PlaneCount="1">'
        + _uuid(file, number)
        + "</TiffData>"
        for t, c, z, page, file, number in places
    )
    planes = "".join(
        f'<Plane TheT="{t}" TheC="{c}" TheZ="{z}" DeltaT="{seconds}" DeltaTUnit="s"/>'
        for t, c, z, seconds in times
    )
    about = "".join(
        f'<Channel ID="Channel:{i}" SamplesPerPixel="1"'
        + (f" Name={quoteattr(name)}/>" if name else "/>")
        for i, name in enumerate(names)
    )
    return (
        f'<Image ID="Image:0" Name={quoteattr(name)}><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="uint16" SizeX="{size}" SizeY="{size}" SizeT="{t}" SizeC="{c}" SizeZ="{z}" '
        f"{attributes}>{about}{data}{planes}</Pixels></Image>"
    )


def _uuid(file: str | None, number: int | None) -> str:
    if file is None and number is None:
        return ""
    name = "" if file is None else f" FileName={quoteattr(file)}"
    return f"<UUID{name}>{'' if number is None else uid(number)}</UUID>"


def ome(*images: str, number: int | None = None) -> str:
    """Return a description of images, in a file of a UUID."""
    own = "" if number is None else f' UUID="{uid(number)}"'
    return f'<?xml version="1.0" encoding="UTF-8"?><OME {SPACE}{own}>{"".join(images)}</OME>'


def binary_only(master: str, master_number: int | None, number: int | None = None) -> str:
    """Return the description of a file whose real description is in another one."""
    other = "" if master_number is None else f' UUID="{uid(master_number)}"'
    return ome(f"<BinaryOnly MetadataFile={quoteattr(master)}{other}/>", number=number)


def write(path: Path, values: Sequence[int], description: str | None, size: int = 8) -> Path:
    """Write a page of each value, the description in the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=False) as tif:
        for i, value in enumerate(values):
            text = description.encode() if description is not None and i == 0 else None
            tif.write(
                np.full((size, size), value, np.uint16), photometric="minisblack",
                description=text, metadata=None, contiguous=False,
            )  # fmt: skip
    return path


def values(source: Any, base: Path) -> dict[str, list[list[int | None]]]:
    """Return what a recording holds: by field, the value of each channel's image in each frame."""
    with open_recording(source, base=base) as recording:
        names = [info.name for info in recording.info.fields]
        assert len(set(names)) == len(names)
        channels = range(len(recording.info.channels))
        return {
            info.name: [
                [None if plane is None else one_value(plane) for plane in planes]
                for planes in (recording.frames(info.index, channels) if info.frames else ())
            ]
            for info in recording.info.fields
        }


def one_value(plane: np.ndarray) -> int:
    """Return the value that all pixels of an image have."""
    assert plane.min() == plane.max()
    return int(plane[0, 0])


def micro_manager(
    folder: Path, files: Sequence[str], master: int, frames: int = 2, *, uuids: bool = False
) -> None:
    """Write one file per position, of which number `master` holds the description.

    The value of a frame is 100 times the position's number plus the frame's. As Micro-Manager
    writes them, files do not hold their own UUIDs; with `uuids` they do.
    """
    images = [
        image(
            f"Pos{p}",
            (frames, 1, 1),
            [(t, 0, 0, t, file, p) for t in range(frames)],
        )
        for p, file in enumerate(files)
    ]
    for p, file in enumerate(files):
        own = p if uuids else None
        text = ome(*images, number=own) if p == master else binary_only(files[master], master, own)
        write(folder / file, [100 * p + t for t in range(frames)], text)

"""Recordings in which channels were skipped: OME-TIFF with a TiffData for each plane there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile


def write_skipped(
    path: Path,
    data: np.ndarray,
    recorded: Callable[[int, int, int], bool],
    names: tuple[str, ...] = ("Phase", "GFP", "Stain"),
    interval: float = 600.0,
    pixel_um: float = 0.65,
    bits: int | None = None,
) -> None:
    """Write those planes of (P, T, C, H, W) uint16 for which ``recorded(fov, frame, channel)``."""
    fovs, frames, channels, height, width = data.shape
    pages, images = [], []
    for p in range(fovs):
        there = [(t, c) for t in range(frames) for c in range(channels) if recorded(p, t, c)]
        planes = "".join(
            f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="0" IFD="{len(pages) + i}" '
            'PlaneCount="1"/>'
            for i, (t, c) in enumerate(there)
        ) + "".join(
            f'<Plane TheT="{t}" TheC="{c}" TheZ="0" DeltaT="{interval * t + 2 * c}" '
            'DeltaTUnit="s"/>'
            for t, c in there
        )
        named = "".join(f'<Channel ID="Channel:{p}:{c}" Name="{names[c]}" SamplesPerPixel="1"/>'
                        for c in range(channels))  # fmt: skip
        stated = "" if bits is None else f'SignificantBits="{bits}" '
        images.append(
            f'<Image ID="Image:{p}" Name="Pos{p}"><Pixels ID="Pixels:{p}" DimensionOrder="XYCZT" '
            f'Type="uint16" {stated}SizeX="{width}" SizeY="{height}" SizeC="{channels}" SizeZ="1" '
            f'SizeT="{frames}" PhysicalSizeX="{pixel_um}" PhysicalSizeY="{pixel_um}">'
            f"{named}{planes}</Pixels></Image>"
        )
        pages += [data[p, t, c] for t, c in there]
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f"{''.join(images)}</OME>"
    )
    with tifffile.TiffWriter(path, ome=False) as tif:
        for i, page in enumerate(pages):
            tif.write(page, photometric="minisblack", metadata=None, contiguous=False,
                      description="" if i else xml)  # fmt: skip

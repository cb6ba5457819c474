"""Write OME-Zarr stores of several images, for tests only: plates, the `bioformats2raw` layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from support.recordings import write_ome_zarr

XML = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'
IMAGE = """<Image ID="Image:{i}" Name="well {i}"><Pixels ID="Pixels:{i}" DimensionOrder="XYZCT"
 Type="uint16" SizeX="{w}" SizeY="{h}" SizeZ="{z}" SizeC="{c}" SizeT="{t}" PhysicalSizeX="0.25"
 PhysicalSizeY="0.25">{channels}<MetadataOnly/>{planes}</Pixels></Image>"""
PLANE = (
    '<Plane TheT="{t}" TheC="{c}" TheZ="0" DeltaT="{ms}" DeltaTUnit="ms" PositionX="1" '
    'PositionXUnit="mm" PositionY="2" PositionYUnit="µm"/>'
)


def write_group(path: Path, version: str, **about: Any) -> None:
    """Write a group with OME attributes, without touching what is in it."""
    import zarr

    attributes = {"ome": {"version": version, **about}} if version == "0.5" else about
    zarr.open_group(path, mode="a", zarr_format=3 if version == "0.5" else 2, attributes=attributes)


def write_plate(
    path: Path | str, data: np.ndarray, fields: Sequence[tuple[str, str]], *, version: str = "0.5",
    **options: Any,
) -> Path:  # fmt: skip
    """Write (P, T, Z, C, H, W) as a plate; `fields` are the well and the image of each position."""
    path = Path(path)
    wells = list(dict.fromkeys(well for well, _ in fields))
    rows, columns = (list(dict.fromkeys(w.split("/")[i] for w in wells)) for i in (0, 1))
    plate = {
        "columns": [{"name": name} for name in columns],
        "rows": [{"name": name} for name in rows],
        "wells": [
            {"path": well, "rowIndex": rows.index(well.split("/")[0]),
             "columnIndex": columns.index(well.split("/")[1])}
            for well in wells
        ],
    }  # fmt: skip
    write_group(path, version, plate=plate)
    for well in wells:
        write_group(path / well.split("/")[0], version)
        images = [{"path": image} for place, image in fields if place == well]
        write_group(path / well, version, well={"images": images})
    for (well, image), pixels in zip(fields, data, strict=True):
        write_ome_zarr(path / well / image, pixels, version=version, **options)
    return path


def write_bioformats2raw(
    path: Path | str, data: np.ndarray, *, version: str = "0.5", series: bool = True,
    names: Sequence[str] = ("BF", "mCherry"), deltas: np.ndarray | None = None,
) -> Path:  # fmt: skip
    """Write (P, T, Z, C, H, W) as bioformats2raw does, `deltas` being (P, T, C) seconds."""
    path = Path(path)
    for i, image in enumerate(data):
        write_ome_zarr(path / str(i), image, version=version, pixel_um=None)
    write_group(path, version, **{"bioformats2raw.layout": 3})
    listed = {"series": [str(i) for i in range(len(data))]} if series else {}
    write_group(path / "OME", version, **listed)
    t, z, c, h, w = data.shape[1:]
    channels = "".join(f'<Channel Name="{name}"/>' for name in names)
    images = ""
    for i in range(len(data)):
        planes = "" if deltas is None else "".join(
            PLANE.format(t=a, c=b, ms=deltas[i, a, b] * 1000) for a in range(t) for b in range(c)
        )  # fmt: skip
        images += IMAGE.format(i=i, t=t, z=z, c=c, h=h, w=w, channels=channels, planes=planes)
    (path / "OME" / "METADATA.ome.xml").write_text(XML.format(images=images), "utf-8")
    return path

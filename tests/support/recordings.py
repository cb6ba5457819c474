"""Made-up recordings in many formats, and the comparison of what the readers give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

SHARED = Path(os.environ.get("FOVEA_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def shared(name: str) -> Path:
    """Return a real recording, or skip the test where those are missing."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"no real recordings here: {path} does not exist")
    return path


def pixels(
    fovs: int = 2,
    frames: int = 3,
    planes: int = 1,
    channels: int = 2,
    height: int = 12,
    width: int = 10,
    dtype: str = "uint16",
    seed: int = 1,
) -> np.ndarray:
    """Return random pixels, (P, T, Z, C, H, W)."""
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max + 1 if np.dtype(dtype).kind == "u" else 1000
    return rng.integers(0, top, (fovs, frames, planes, channels, height, width)).astype(dtype)


def assert_same_pixels(recording: Any, data: np.ndarray) -> None:
    """Compare every field, frame, plane and channel with (P, T, Z, C, H, W)."""
    assert len(recording.info.fields) == len(data)
    assert len(recording.info.channels) == data.shape[3]
    for fov, field in enumerate(data):
        assert_same_field(recording, fov, field)


def assert_same_field(recording: Any, fov: int, field: np.ndarray) -> None:
    """Compare one field with (T, Z, C, H, W), also with channels in another order."""
    frames, planes, channels = field.shape[:3]
    info = recording.info.fields[fov]
    assert (info.frames, info.planes) == (frames, planes)
    assert (info.height, info.width) == field.shape[3:]
    order = list(range(channels))[::-1]
    for z in range(planes):
        count = 0
        for t, images in enumerate(recording.frames(fov, order, z)):
            assert len(images) == channels
            for channel, image in zip(order, images, strict=True):
                assert image.flags.c_contiguous
                assert image.dtype == np.dtype(recording.info.dtype)
                assert image.dtype.isnative
                np.testing.assert_array_equal(image, field[t, z, channel])
            count += 1
        assert count == frames


def assert_one_line(error: Exception, name: str) -> None:
    """Check that an error is one line that begins with the file's name."""
    text = str(error)
    assert text.startswith(f"{name}: ")
    assert "\n" not in text


def write_ome_tiff(
    path: Path | str,
    data: np.ndarray,
    *,
    fovs: Sequence[int] | None = None,
    metadata: dict[str, Any] | None = None,
    deltas: np.ndarray | None = None,
    **options: Any,
) -> Path:
    """Write (P, T, Z, C, H, W) as an OME-TIFF of one series per position.

    `deltas` are (P, T, C) seconds; `fovs` the positions to write, all by default.
    """
    writer = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    with tifffile.TiffWriter(path, ome=True, **writer) as tif:
        for p in range(len(data)) if fovs is None else fovs:
            about = {"axes": "TZCYX", "Name": f"Pos{p}", **(metadata or {})}
            if deltas is not None:
                t, z, c = data.shape[1:4]
                every = np.broadcast_to(deltas[p][:, None], (t, z, c)).ravel()
                about["Plane"] = {"DeltaT": every.tolist(), "DeltaTUnit": ["s"] * every.size}
            tif.write(data[p], metadata=about, photometric="minisblack", **options)
    return Path(path)


def write_ome_set(
    files: list[Path], data: np.ndarray, companion: Path | None = None,
    names: Sequence[str] | None = None, **options: Any,
) -> None:  # fmt: skip
    """Write files of one position each that name one another, as Bio-Formats does.

    With a `companion` their description stands there. `options` are those of the pages.
    """
    p, t, z, c, h, w = data.shape
    names = names or [f"C{k}" for k in range(c)]
    images = "".join(
        f'<Image ID="Image:{i}" Name="well {i}"><Pixels ID="Pixels:{i}" DimensionOrder="XYCZT" '
        f'Type="uint16" SizeX="{w}" SizeY="{h}" SizeZ="{z}" SizeC="{c}" SizeT="{t}">'
        + "".join(f'<Channel ID="Channel:{i}:{k}" Name="{names[k]}"/>' for k in range(c))
        + "".join(
            f'<TiffData FirstT="{a}" FirstZ="{b}" FirstC="{k}" IFD="{(a * z + b) * c + k}" '
            f'PlaneCount="1"><UUID FileName="{files[i].name}">urn:uuid:{i}</UUID></TiffData>'
            for a in range(t)
            for b in range(z)
            for k in range(c)
        )
        + "</Pixels></Image>"
        for i in range(p)
    )
    space = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    for i, file in enumerate(files):
        full = f'<?xml version="1.0"?><OME {space} UUID="urn:uuid:{i}">{images}</OME>'
        if companion is not None:
            companion.write_text(full.replace(f'UUID="urn:uuid:{i}">', 'UUID="urn:uuid:x">', 1))
            full = (
                f'<?xml version="1.0"?><OME {space} UUID="urn:uuid:{i}">'
                f'<BinaryOnly MetadataFile="{companion.name}" UUID="urn:uuid:x"/></OME>'
            )
        with tifffile.TiffWriter(file) as tif:
            pages = data[i].reshape(-1, h, w)
            for n, page in enumerate(pages):
                text = "" if n else full
                tif.write(page, metadata=None, contiguous=False, description=text, **options)


def write_ome_zarr(
    path: Path | str,
    image: np.ndarray,
    *,
    version: str = "0.5",
    axes: str = "tczyx",
    labels: Sequence[str] | None = None,
    interval: float | None = None,
    pixel_um: float | None = 0.5,
    **options: Any,
) -> Path:
    """Write one image (T, Z, C, H, W) as OME-Zarr with the axes that are named."""
    import zarr

    order = ["tzcyx".index(axis) for axis in axes]
    left_out = tuple(i for i in range(5) if i not in order)
    assert all(image.shape[i] == 1 for i in left_out)
    array = image.transpose([*left_out, *order]).reshape([image.shape[i] for i in order])
    kinds = {"t": "time", "c": "channel"}
    units = {"t": "second", "y": "micrometer", "x": "micrometer"}
    described = []
    for axis in axes:
        entry = {"name": axis, "type": kinds.get(axis, "space")}
        known = interval if axis == "t" else pixel_um
        if axis in units and known is not None:
            entry["unit"] = units[axis]
        described.append(entry)
    values = {"t": interval or 1.0, "y": pixel_um or 1.0, "x": pixel_um or 1.0}
    multiscales = [
        {
            "axes": described,
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [values.get(axis, 1.0) for axis in axes]}
                    ],
                }
            ],
        }
    ]
    omero = {"channels": [{"label": label} for label in labels]} if labels else None
    about: dict[str, Any] = {"multiscales": multiscales, **({"omero": omero} if omero else {})}
    if version == "0.5":
        attributes, form = {"ome": {"version": "0.5", **about}}, 3
    else:
        multiscales[0]["version"] = version
        attributes, form = about, 2
    group = zarr.open_group(path, mode="w", zarr_format=form, attributes=attributes)
    options.setdefault("chunks", (1,) * (array.ndim - 2) + array.shape[-2:])
    group.create_array("0", data=np.ascontiguousarray(array), **options)
    return Path(path)


def read_background(path: Path) -> np.ndarray:
    """Return the true background of a simulated channel, (T, H, W) float32 counts."""
    with np.load(path) as profiles:
        return profiles["rows"][..., :, None] + profiles["columns"][..., None, :]

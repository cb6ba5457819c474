"""The part of OME-XML that matters here: sizes, channels, pixel size, times, where planes lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    import numpy as np

UM = {
    "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3,
    "pm": 1e-6, "Å": 1e-4, "in": 25400.0, "ft": 304800.0, "micrometer": 1.0, "micron": 1.0,
    "nanometer": 1e-3, "millimeter": 1e3, "meter": 1e6,
}  # fmt: skip
SECONDS = {
    "d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6,
    "us": 1e-6, "ns": 1e-9, "day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0,
    "millisecond": 1e-3,
}  # fmt: skip


@dataclass
class TiffData:
    """A run of planes in one file: `count` pages from `ifd` on, for planes from `first` on."""

    first: tuple[int, int, int]  # t, c, z
    ifd: int
    count: int | None
    file: str | None
    uuid: str | None


@dataclass
class OmeImage:
    """One image of an OME document. Axes of arrays: c, t, z."""

    name: str
    height: int
    width: int
    sizes: tuple[int, int, int]  # t, c, z
    order: str  # e.g. XYZCT, fastest first
    pixel_type: str
    samples: int
    channels: list[str | None]
    pixel_size_um: dict[str, float] | None
    interval_s: float | None
    position_um: dict[str, float] | None
    stamps: np.ndarray | None  # (C, T) seconds, nan where there is none
    data: list[TiffData] = field(default_factory=list)

    def planes(self, start: tuple[int, int, int], count: int) -> Iterator[tuple[int, int, int]]:
        """Go through `count` planes (t, c, z) in the image's order, from `start` on."""
        size = dict(zip("TCZ", self.sizes, strict=True))
        order = [axis for axis in self.order if axis in size]
        index = dict(zip("TCZ", start, strict=True))
        for _ in range(count):
            yield index["T"], index["C"], index["Z"]
            for axis in order:
                index[axis] += 1
                if index[axis] < size[axis]:
                    break
                index[axis] = 0
            else:
                return


@dataclass
class OmeDocument:
    """All images of a document, its UUID, and the file that holds the real one, if another does."""

    images: list[OmeImage]
    uuid: str | None
    metadata_file: str | None


def parse_ome(xml: str | bytes) -> OmeDocument:
    """Parse OME-XML of any schema version.

    Raises
    ------
    ValueError
        If it is not well-formed, or lacks what the schema demands.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(f"OME-XML is not well-formed: {error}") from error
    binary_only = _child(root, "BinaryOnly")
    images = []
    for element in _children(root, "Image"):
        pixels = _child(element, "Pixels")
        if pixels is not None:
            try:
                images.append(_image(element, pixels))
            except (KeyError, ValueError) as error:
                raise ValueError(f"OME-XML lacks or misstates {error}") from error
    return OmeDocument(
        images,
        root.get("UUID"),
        None if binary_only is None else binary_only.get("MetadataFile"),
    )


def _image(element: ElementTree.Element, pixels: ElementTree.Element) -> OmeImage:
    t, c, z = (int(pixels.attrib[f"Size{axis}"]) for axis in "TCZ")
    channels = _children(pixels, "Channel")
    samples = max((int(ch.get("SamplesPerPixel", 1)) for ch in channels), default=1)
    if samples > 1 and len(channels) * samples == c:
        c //= samples
    image = OmeImage(
        name=" ".join((element.get("Name") or "").split()),
        height=int(pixels.attrib["SizeY"]),
        width=int(pixels.attrib["SizeX"]),
        sizes=(t, c, z),
        order=pixels.get("DimensionOrder", "XYZCT"),
        pixel_type=pixels.get("Type") or pixels.get("PixelType") or "",
        samples=samples,
        channels=[ch.get("Name") for ch in channels],
        pixel_size_um=_pixel_size(pixels),
        interval_s=_quantity(pixels, "TimeIncrement", SECONDS, "s"),
        position_um=None,
        stamps=None,
    )
    _read_planes(image, pixels, element)
    for data in _children(pixels, "TiffData"):
        uuid = _child(data, "UUID")
        count = data.get("PlaneCount", data.get("NumPlanes"))
        image.data.append(
            TiffData(
                first=tuple(int(data.get(f"First{axis}", 0)) for axis in "TCZ"),  # type: ignore[arg-type]
                ifd=int(data.get("IFD", 0)),
                count=int(count) if count is not None else (1 if "IFD" in data.attrib else None),
                file=None if uuid is None else uuid.get("FileName"),
                uuid=None if uuid is None else (uuid.text or "").strip() or None,
            )
        )
    return image


def _read_planes(
    image: OmeImage, pixels: ElementTree.Element, element: ElementTree.Element
) -> None:
    """Take times and stage position from the Plane elements."""
    import numpy as np

    t_size, c_size, _ = image.sizes
    stamps = np.full((c_size, t_size), np.nan)
    first_z = np.full((c_size, t_size), np.iinfo(np.int64).max)
    for plane in _children(pixels, "Plane"):
        t, c, z = (int(plane.get(f"The{axis}", 0)) for axis in "TCZ")
        if image.position_um is None:
            image.position_um = _position(plane, "Position{}")
        delta = _quantity(plane, "DeltaT", SECONDS, "s")
        if delta is not None and t < t_size and c < c_size and z < first_z[c, t]:
            stamps[c, t], first_z[c, t] = delta, z  # the time of a frame is that of its first plane
    if not np.isnan(stamps).all():
        image.stamps = stamps
    label = _child(element, "StageLabel")
    if image.position_um is None and label is not None:
        image.position_um = _position(label, "{}")


def _pixel_size(pixels: ElementTree.Element) -> dict[str, float] | None:
    x = _quantity(pixels, "PhysicalSizeX", UM, "µm")
    y = _quantity(pixels, "PhysicalSizeY", UM, "µm")
    if not x or not y or x <= 0 or y <= 0:
        return None
    return {"y": y, "x": x}


def _position(element: ElementTree.Element, template: str) -> dict[str, float] | None:
    # Without a unit these are numbers in an unknown frame of reference.
    found = {
        axis.lower(): value
        for axis in "XYZ"
        if (value := _quantity(element, template.format(axis), UM, "reference frame")) is not None
    }
    return found if {"x", "y"} <= set(found) else None


def _quantity(
    element: ElementTree.Element, name: str, units: dict[str, float], default: str
) -> float | None:
    text = element.get(name)
    factor = units.get(element.get(f"{name}Unit", default))
    if text is None or factor is None:
        return None
    try:
        # rounding undoes the noise of the factor: 871 nm are 0.871 micrometers
        return float(f"{float(text) * factor:.15g}")
    except ValueError:
        return None


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if _local(child) == name]


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next(iter(_children(element, name)), None)

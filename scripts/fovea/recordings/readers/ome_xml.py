"""The part of OME-XML that matters here: sizes, channels, pixel size, times, where planes lie."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from fovea.recordings.readers.stack import Stack
from fovea.recordings.readers.units import micrometers, seconds

PIECE = 1 << 16  # characters that are parsed at once
MOST = 1 << 26  # planes of an image; more are a damaged description


class TiffData(NamedTuple):
    """A run of planes in one file: `count` pages from `ifd` on, for planes from `first` on."""

    first: tuple[int, int, int]  # t, c, z
    ifd: int
    count: int | None
    key: tuple[str | None, str | None]  # the file's name and UUID


class TiffDataList:
    """A compact list of `TiffData`: some documents have one for each plane."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._files: dict[tuple[str | None, str | None], int] = {}

    def add(self, element: ElementTree.Element) -> None:
        """Add an element."""
        uuid = _child(element, "UUID")
        count = element.get("PlaneCount", element.get("NumPlanes"))
        default = 1 if "IFD" in element.attrib else -1
        file = None if uuid is None else (uuid.get("FileName") or "").strip() or None
        own = None if uuid is None else (uuid.text or "").strip() or None
        numbers = [int(element.get(f"First{axis}", 0)) for axis in "TCZ"]
        numbers.append(int(element.get("IFD", 0)))
        if min(numbers) < 0:
            raise ValueError(f"the place of a plane: {element.attrib}")
        numbers.append(int(count) if count is not None else default)
        numbers.append(self._files.setdefault((file, own), len(self._files)))
        self._numbers.extend(numbers)

    def runs(self) -> Iterator[TiffData]:
        """Go through the elements that do not stand for exactly one plane."""
        keys, table = self.keys, self._table()
        for t, c, z, ifd, count, key in table[table[:, 4] != 1].tolist():
            yield TiffData((t, c, z), ifd, None if count < 0 else count, keys[key])

    def single(self) -> Iterator[tuple[tuple[str | None, str | None], np.ndarray]]:
        """Go through the files, with the planes that elements of one plane each put there.

        The planes are (n, 4) int64: t, c, z and page.
        """
        table = self._table()
        table = table[table[:, 4] == 1]
        order = np.argsort(table[:, 5], kind="stable")
        cuts = np.flatnonzero(np.diff(table[order, 5])) + 1
        for part in np.split(table[order], cuts):
            if len(part):
                yield self.keys[int(part[0, 5])], part[:, :4]

    def extent(self) -> tuple[int, int, int]:
        """Return how many frames, channels and z planes the first planes of all elements need."""
        table = self._table()
        return tuple((table[:, :3].max(axis=0) + 1).tolist()) if len(table) else (0, 0, 0)

    def _table(self) -> np.ndarray:
        return np.frombuffer(self._numbers, np.int64).reshape(-1, 6) if self._numbers else (
            np.empty((0, 6), np.int64)
        )  # fmt: skip

    @property
    def keys(self) -> list[tuple[str | None, str | None]]:
        """Names and UUIDs of the files that hold the planes; None where one is not stated."""
        return list(self._files)


class PlaneList:
    """Times of Plane elements, and the first stage position among them."""

    def __init__(self) -> None:
        self.places = array("q")  # t, c, z of each
        self.seconds = array("d")
        self.position_um: dict[str, float] | None = None

    def add(self, element: ElementTree.Element) -> None:
        """Add an element."""
        place = [int(element.get(f"The{axis}", 0)) for axis in "TCZ"]
        if self.position_um is None:
            self.position_um = _position(element, "Position{}")
        time = _quantity(element, "DeltaT", seconds, "s")
        if time is not None:
            self.places.extend(place)
            self.seconds.append(time)

    def stamps(self, frames: int, channels: int) -> np.ndarray | None:
        """Return (C, T) seconds, nan where there is none; None without any."""
        places = np.array(self.places, np.int64).reshape(-1, 3)
        t, c, z = places.T
        inside = (t >= 0) & (t < frames) & (c >= 0) & (c < channels)
        # The time of a frame is that of its first plane, so the lowest z is assigned last.
        order = np.flatnonzero(inside)[::-1]
        order = order[np.argsort(-z[order], kind="stable")]
        stamps = np.full((channels, frames), np.nan)
        stamps[c[order], t[order]] = np.array(self.seconds)[order]
        return None if np.isnan(stamps).all() else stamps


@dataclass
class OmeImage(Stack):
    """One image of an OME document."""

    order: str = "XYZCT"  # axes from the fastest on
    samples: int = 1  # per pixel; more than one in colour images
    stated: tuple[int, int, int] = (0, 0, 0)  # sizes without planes beyond them
    data: TiffDataList = field(default_factory=TiffDataList)

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
    """Parse OME-XML of any schema version; ValueError if it is malformed or incomplete."""
    try:
        root, parts = _parse(xml)
        binary_only = _child(root, "BinaryOnly")
        pairs = [(image, _child(image, "Pixels")) for image in _children(root, "Image")]
        images = [_image(i, pixels, *parts[pixels]) for i, pixels in pairs if pixels is not None]
    except ElementTree.ParseError as error:
        raise ValueError(f"OME-XML is not well-formed: {error}") from error
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"OME-XML lacks or misstates {error}") from error
    real = None if binary_only is None else binary_only.get("MetadataFile")
    return OmeDocument(images, root.get("UUID"), real)


Parts = dict[ElementTree.Element, tuple[TiffDataList, PlaneList]]


def _parse(xml: str | bytes) -> tuple[ElementTree.Element, Parts]:
    """Return the root without TiffData and Plane elements, and these for each Pixels element.

    In a tree they would take 1 kB for each plane.
    """
    parser = ElementTree.XMLPullParser(("start", "end"))
    parts: Parts = {}
    above: list[ElementTree.Element] = []
    root: ElementTree.Element | None = None
    for start in range(0, len(xml) + PIECE, PIECE):
        if start < len(xml):
            parser.feed(xml[start : start + PIECE])
        else:
            parser.close()
        for event, element in parser.read_events():
            if event == "start":
                root = element if root is None else root
                above.append(element)
                if _local(element) == "Pixels":
                    parts[element] = (TiffDataList(), PlaneList())
                continue
            above.pop()
            found = parts.get(above[-1]) if above else None
            kind = _local(element)
            if found is not None and kind in ("TiffData", "Plane"):
                found[kind == "Plane"].add(element)
                above[-1].remove(element)
    assert root is not None  # else the parser had raised
    return root, parts


def _image(
    element: ElementTree.Element, pixels: ElementTree.Element, data: TiffDataList, planes: PlaneList
) -> OmeImage:
    t, c, z = (int(pixels.attrib[f"Size{axis}"]) for axis in "TCZ")
    if min(t, c, z) < 0 or t * c * z > MOST:
        raise ValueError(f"its sizes: {t} frames, {c} channels, {z} planes")
    channels = _children(pixels, "Channel")
    samples = max((int(ch.get("SamplesPerPixel", 1)) for ch in channels), default=1)
    if samples > 1 and len(channels) * samples == c:
        c //= samples
    # Micro-Manager counts channels without the second camera, and states its planes.
    stated, (t, c, z) = (t, c, z), map(max, (t, c, z), data.extent())
    if t * c * z > MOST:
        raise ValueError(f"planes beyond its sizes: {t} frames, {c} channels, {z} planes")
    label = _child(element, "StageLabel")
    position = planes.position_um
    if position is None and label is not None:
        position = _position(label, "{}")
    bits = pixels.get("SignificantBits", "")
    return OmeImage(
        source="",
        name=" ".join((element.get("Name") or "").split()),
        height=int(pixels.attrib["SizeY"]),
        width=int(pixels.attrib["SizeX"]),
        dtype=pixels.get("Type", ""),
        sizes=(t, c, z),
        stated=stated,
        channels=[ch.get("Name") for ch in channels],
        pixel_size_um=_pixel_size(pixels),
        position_um=position,
        interval_s=_quantity(pixels, "TimeIncrement", seconds, "s"),
        stamps=planes.stamps(t, c),
        significant_bits=int(bits) if bits.isdigit() else None,
        order=pixels.get("DimensionOrder", "XYZCT"),
        samples=samples,
        data=data,
    )


def _pixel_size(pixels: ElementTree.Element) -> dict[str, float] | None:
    x = _quantity(pixels, "PhysicalSizeX", micrometers, "µm")
    y = _quantity(pixels, "PhysicalSizeY", micrometers, "µm")
    return {"y": y, "x": x} if x and y and x > 0 and y > 0 else None


def _position(element: ElementTree.Element, template: str) -> dict[str, float] | None:
    # Without a unit the numbers refer to a frame of reference that is not known.
    found = {
        axis.lower(): value
        for axis in "XYZ"
        if (value := _quantity(element, template.format(axis), micrometers, "reference frame"))
        is not None
    }
    return found if {"x", "y"} <= set(found) else None


def _quantity(
    element: ElementTree.Element, name: str, units: Callable[[str], float | None], default: str
) -> float | None:
    text = element.get(name)
    if text is None:
        return None
    factor = units(element.get(f"{name}Unit", default))
    if factor is None:
        return None
    try:
        # Rounded, because the product with the factor is not exact: 871 nm are 0.871 micrometers.
        return float(f"{float(text) * factor:.15g}")
    except ValueError:
        return None


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if _local(child) == name]


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next(iter(_children(element, name)), None)

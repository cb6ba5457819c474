"""Names, sizes, positions and times in the XML of a CZI file."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

UNITS = {"µs": 1e-6, "μs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


class CziAbout:
    """Content of the XML; everything may be missing.

    `channels`, `pixel_size_um` and `interval_s` are as in `Stack`. `scenes` maps an index to (name,
    centre on the stage in micrometers or None), `sizes` the axes T, C, Z to announced numbers.
    `offsets` are times of the frames, (N,) float64 in seconds since `start`, an ISO time.
    """

    def __init__(self, xml: bytes) -> None:
        self.channels: list[str | None] = []
        self.pixel_size_um: dict[str, float] | None = None
        self.interval_s: float | None = None
        self.offsets: np.ndarray | None = None
        self.start: str | None = None
        self.scenes: dict[int, tuple[str, dict[str, float] | None]] = {}
        self.significant_bits: int | None = None
        self.sizes: dict[str, int] = {}
        self.notes: list[str] = []
        try:
            root = ElementTree.fromstring(xml.rstrip(b"\0"))
        except ElementTree.ParseError:
            self.notes.append("the file's metadata (XML) are missing or damaged")
            return
        metadata = root if root.tag == "Metadata" else root.find("Metadata")
        if metadata is None:
            return
        image = metadata.find("Information/Image")
        if image is not None:
            for axis in "TCZ":
                self.sizes[axis] = int(image.findtext(f"Size{axis}") or 0)
            channels = image.findall("Dimensions/Channels/Channel")
            stated = [image, *channels]
            bits = [_number(part.findtext("ComponentBitCount")) for part in stated]
            self.significant_bits = int(max(filter(None, bits), default=0)) or None
            self.channels = [ch.get("Name") for ch in channels]
            for number, scene in enumerate(image.findall("Dimensions/S/Scenes/Scene")):
                index = int(scene.get("Index", number))
                self.scenes[index] = (
                    " ".join((scene.get("Name") or "").split()),
                    _point(scene.findtext("CenterPosition")),
                )
            self._read_times(image)
        self.interval_s = self.interval_s or _planned_interval(metadata)
        size = {
            distance.get("Id", ""): _number(distance.findtext("Value"))
            for distance in metadata.findall("Scaling/Items/Distance")
        }
        x, y = size.get("X"), size.get("Y")
        if x and y and x > 0 and y > 0:
            self.pixel_size_um = {"y": float(f"{y * 1e6:.12g}"), "x": float(f"{x * 1e6:.12g}")}

    def _read_times(self, image: ElementTree.Element) -> None:
        axis = image.find("Dimensions/T")
        self.start = image.findtext("AcquisitionDateAndTime")
        if axis is None:
            return
        self.start = axis.findtext("StartTime") or self.start
        self.interval_s = _number(axis.findtext("Positions/Interval/Increment"))
        listed = " ".join(
            element.text or ""
            for name in ("Offsets", "Offset")
            for element in axis.findall(f"Positions/List/{name}")
        )
        values = [_number(part) for part in re.split(r"[\s,;]+", listed.strip())]
        if len(values) > 1 and None not in values:
            self.offsets = np.array(values, np.float64)


def _planned_interval(metadata: ElementTree.Element) -> float | None:
    """Return the interval in seconds that the experiment's time series was set to."""
    for setup in metadata.iter("TimeSeriesSetup"):
        if setup.get("IsActivated") == "false":
            continue
        value = _number(setup.findtext("Interval/TimeSpan/Value"))
        unit = (setup.findtext("Interval/TimeSpan/DefaultUnitFormat") or "s").strip()
        if value and value > 0 and unit in UNITS:
            return float(f"{value * UNITS[unit]:.12g}")
    return None


def _point(text: str | None) -> dict[str, float] | None:
    values = [_number(part) for part in (text or "").split(",")]
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    return {"x": values[0], "y": values[1]}


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None

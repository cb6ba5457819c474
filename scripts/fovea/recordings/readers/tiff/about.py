"""What single pages of TIFF files state: the size of their pixels, and when they were taken.

Microscopes' programs say it in the page's description (MetaMorph, MetaXpress: MetaSeries) or in a
tag of their own (Micro-Manager). Resolution tags, which every program writes, mean little: many
write a default.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from fovea.recordings.readers.units import micrometers

MICRO_MANAGER = 51123  # tag with the metadata of a plane
SIZE = "PixelSizeUm"  # 0 where it is not known
LOCAL_TIME = re.compile(
    r"(\d{4})\D?(\d\d)\D?(\d\d)\D+(\d\d)\D?(\d\d)\D?(\d\d)(?:[.,](\d+))?"  # date, time, fraction
)
# Resolutions that programs for photographs and graphs write when they know none, dots per inch.
DEFAULTS = (72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 220, 240, 254, 300, 350, 360, 400, 600,
            720, 1200, 1440, 2400, 4800)  # fmt: skip
INCH, CENTIMETER = 25400.0, 10000.0
FINEST = 5.0  # micrometers; a pixel given per inch is only believed if it is smaller


def pixel_size(page: Any, unit: str = "", y_unit: str = "") -> dict[str, float] | None:
    """Return the pixel size {"y", "x"} in micrometers that a page states, or None.

    `unit` is that of the resolution tags if a description names it, as ImageJ's do; `y_unit` that
    of the vertical one if it differs.
    """
    stated, sizes = program_pixel_size(page)
    return sizes if stated else _resolution(page, unit, y_unit or unit)


def program_pixel_size(page: Any) -> tuple[bool, dict[str, float] | None]:
    """Return whether the program of a microscope wrote about the pixel size, and what."""
    plane = micro_manager(page)
    if SIZE in plane:
        return True, plane_facts(plane).pixel_size_um
    props = metaseries(page)
    if "spatial-calibration-x" in props:
        factor = micrometers(props.get("spatial-calibration-units", "um"))
        x = _number(props["spatial-calibration-x"])
        y = _number(props.get("spatial-calibration-y", props["spatial-calibration-x"]))
        on = props.get("spatial-calibration-state", "on").lower() not in ("off", "0", "false")
        if not (on and factor and x and y and x > 0 and y > 0):
            return True, None
        return True, {"y": float(f"{y * factor:.9g}"), "x": float(f"{x * factor:.9g}")}
    return False, None


def page_seconds(page: Any) -> float | None:
    """Return when a page was taken, in seconds of its program's clock, or None."""
    time = plane_facts(micro_manager(page)).seconds
    if time is not None:
        return time
    return clock_seconds(metaseries(page).get("acquisition-time-local", ""))


class PlaneFacts(NamedTuple):
    """What Micro-Manager's metadata of a plane state; None for what they do not."""

    seconds: float | None  # since the start of the acquisition
    pixel_size_um: dict[str, float] | None  # {"y", "x"}
    position: str | None  # name of the position
    position_um: dict[str, float] | None  # of the stage


def plane_facts(plane: dict[str, Any]) -> PlaneFacts:
    """Return the facts in Micro-Manager's metadata of a plane."""
    elapsed, size = _number(plane.get("ElapsedTime-ms")), _number(plane.get(SIZE))
    name = plane.get("PositionName")
    place = {axis: _number(plane.get(f"{axis.upper()}PositionUm")) for axis in "xyz"}
    stage = {axis: value for axis, value in place.items() if value is not None}
    return PlaneFacts(
        None if elapsed is None else elapsed / 1000,
        {"y": size, "x": size} if size and size > 0 else None,
        str(name) if name else None,
        stage if {"x", "y"} <= set(stage) else None,
    )


class SeriesFacts(NamedTuple):
    """What a program states about a series of planes; None for what it does not."""

    pixel_size_um: dict[str, float] | None = None  # {"y", "x"}
    seconds: Sequence[float] | None = None  # of each frame


def series_facts(tif: Any, kind: str) -> SeriesFacts:
    """Return what MetaMorph (stk) and Zeiss (lsm) state about the planes of a file.

    `tif` is a tifffile.TiffFile, `kind` that of its series.
    """
    if kind == "stk":
        about = tif.stk_metadata or {}
        created = about.get("DatetimeCreated")
        times = None if created is None else (created.astype("int64") / 1e9).tolist()
        unit = str(about.get("CalibrationUnits", "um"))
        on = about.get("SpatialCalibration", 1)
        sizes = [about.get("XCalibration") if on else None, about.get("YCalibration")]
    elif kind == "lsm":
        about = tif.lsm_metadata or {}
        stamps = about.get("TimeStamps")
        times = None if stamps is None else [float(time) for time in stamps]
        unit, sizes = "m", [about.get("VoxelSizeX"), about.get("VoxelSizeY")]
    else:
        return SeriesFacts()
    factor = micrometers(unit)
    x, y = (_number(size) for size in sizes)
    if not (factor and x and y and x > 0 and y > 0):
        return SeriesFacts(None, times)
    return SeriesFacts({"y": float(f"{y * factor:.9g}"), "x": float(f"{x * factor:.9g}")}, times)


def clock_seconds(text: str) -> float | None:
    """Return a date and time of day in seconds, or None if the text is none."""
    found = LOCAL_TIME.search(text)
    if found is None:
        return None
    fraction = float(f"0.{found[7] or 0}")
    return timegm((*(int(found[i]) for i in range(1, 7)), 0, 0, 0)) + fraction


def metaseries(page: Any) -> dict[str, str]:
    """Return the properties in a page's MetaSeries description; empty where it has none."""
    text = (page.description or "").strip("\0 \r\n\t")
    if not text.startswith("<MetaData"):
        return {}
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    found: dict[str, str] = {}
    for element in root.iter():
        if "id" in element.attrib:
            found.setdefault(element.attrib["id"], element.attrib.get("value", ""))
    return found


def micro_manager(page: Any) -> dict[str, Any]:
    """Return Micro-Manager's metadata of a page; empty where it has none."""
    tag = page.tags.get(MICRO_MANAGER)
    value = None if tag is None else tag.value
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _resolution(page: Any, unit: str, y_unit: str) -> dict[str, float] | None:
    tags = [page.tags.get(f"{axis}Resolution") for axis in "XY"]
    if any(tag is None for tag in tags):
        return None
    kind = page.tags.get("ResolutionUnit")
    code = None if kind is None else int(kind.value)
    named = bool(unit.strip())
    factors: list[float | None]
    if named:
        factors = [micrometers(unit), micrometers(y_unit)]
    else:
        factors = [{2: INCH, 3: CENTIMETER}.get(code or 0)] * 2
    sizes: list[float] = []
    for tag, factor in zip(tags, factors, strict=True):
        dots, per = tag.value if isinstance(tag.value, tuple) else (0, 0)
        if not (dots and per and factor) or _says_nothing(dots / per, factor, named):
            return None
        sizes.append(float(f"{factor * per / dots:.9g}"))
    return {"y": sizes[1], "x": sizes[0]}


def _says_nothing(density: float, factor: float, named: bool) -> bool:
    """Return whether a resolution, in pixels per unit of `factor` micrometers, is a default."""
    if factor >= 1000 and abs(density - 1) < 1e-6:
        return True  # one pixel per millimeter, centimeter, or inch
    dpi = density * INCH / factor
    graphic = any(abs(dpi - default) < 0.002 * default for default in DEFAULTS)
    if factor in (INCH, CENTIMETER) and graphic:
        return True
    return not named and factor == INCH and factor / density > FINEST

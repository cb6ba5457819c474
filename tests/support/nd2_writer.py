"""Write small files of the modern ND2 chunk format, for tests only.

Positions x time x z in any order of loops, channels interleaved, uint8 to float32, a time for
every image, stage positions; complete, stopped early, compressed, with padded rows.
Everything is little-endian. A chunk is: u32 magic, u32 length of the name, u64 length of the data,
name with ``!`` and zeros, data; chunks begin at multiples of 4096.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PAGE = 4096
MAP = b"ND2 CHUNK MAP SIGNATURE 0000001!"


class Typed:
    """A value with the number of its type in the "lite variant" encoding."""

    def __init__(self, kind: int, value: Any) -> None:
        self.kind, self.value = kind, value


def i32(value: int) -> Typed:
    return Typed(2, value)


def u32(value: int) -> Typed:
    return Typed(3, value)


def encode(name: str, value: Any) -> bytes:
    """Encode an item: dict and list are levels, str, bool, float, bytes and Typed are values."""
    head = (name + "\0").encode("utf-16-le")
    if isinstance(value, (dict, list)):
        pairs = [("", v) for v in value] if isinstance(value, list) else list(value.items())
        children, offsets, position = [], [], 2 + len(head) + 12
        for key, child in pairs:
            data = encode(key, child)
            offsets.append(position)
            children.append(data)
            position += len(data)
        order = sorted(range(len(pairs)), key=lambda i: pairs[i][0])
        level = struct.pack("<IQ", len(pairs), position) + b"".join(children)
        table = b"".join(struct.pack("<Q", offsets[i]) for i in order)
        return struct.pack("<BB", 11, len(name) + 1) + head + level + table
    if isinstance(value, Typed):
        kind, body = value.kind, struct.pack({2: "<i", 3: "<I"}[value.kind], value.value)
    elif isinstance(value, bool):
        kind, body = 1, struct.pack("<B", value)
    elif isinstance(value, float):
        kind, body = 6, struct.pack("<d", value)
    elif isinstance(value, bytes):
        kind, body = 9, struct.pack("<Q", len(value)) + value
    else:
        kind, body = 8, (value + "\0").encode("utf-16-le")
    return struct.pack("<BB", kind, len(name) + 1) + head + body


def time_loop(count: int, period_ms: float) -> dict[str, Any]:
    loop = {
        "uiCount": u32(count), "dStart": 0.0, "dPeriod": period_ms, "dDuration": 0.0,
        "dAvgPeriodDiff": 0.0, "dMaxPeriodDiff": 0.0, "dMinPeriodDiff": 0.0,
    }  # fmt: skip
    return {"eType": u32(1), "uLoopPars": loop}


def _phase(channels: Sequence[str]) -> dict[str, Any]:
    """The loops of a phase that has channels of its own."""
    planes = {f"a{i}": {"sDescription": name} for i, name in enumerate(channels)}
    loop = {"pPlanes": {"uiCount": u32(len(planes)), "sPlaneNew": planes}}
    level = {"SLxExperiment": {"eType": u32(6), "uLoopPars": loop, "uiNextLevelCount": u32(0)}}
    return {"uiNextLevelCount": u32(1), "ppNextLevelEx": [level]}


def ne_time_loop(
    periods: Sequence[tuple[int, float]], phases: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    loop = {
        "uiPeriodCount": u32(len(periods)),
        "pPeriod": [time_loop(count, period)["uLoopPars"] for count, period in periods],
        "pPeriodValid": bytes([1] * len(periods)),
    }
    if phases:
        loop["pSubLoops"] = [_phase(channels) for channels in phases]
    return {"eType": u32(8), "uLoopPars": loop}


def xy_loop(names: Sequence[str], places: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    points = [
        {
            "dPosX": float(x),
            "dPosY": float(y),
            "dPosZ": float(z),
            "dPFSOffset": -1.0,
            "dPosName": name,
        }
        for name, (x, y, z) in zip(names, places, strict=True)
    ]
    loop = {"uiCount": u32(len(points)), "bUseZ": True, "bRelativeXY": False, "Points": points}
    return {"eType": u32(2), "uLoopPars": loop, "pItemValid": bytes([1] * len(points))}


def z_loop(count: int, step: float) -> dict[str, Any]:
    loop = {
        "uiCount": u32(count), "dZLow": 0.0, "dZHigh": step * (count - 1), "dZStep": step,
        "dZHome": 0.0, "bZInverted": False, "iType": i32(0), "wsZDevice": "",
    }  # fmt: skip
    return {"eType": u32(4), "uLoopPars": loop}


class Nd2Writer:
    """Collects chunks, and writes the map at the end."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.entries: list[tuple[bytes, int, int]] = []
        self.position = 0
        self._raw(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)

    def _raw(self, name: bytes, data: bytes, name_length: int) -> int:
        start = self.position
        part = struct.pack("<IIQ", 0x0ABECEDA, name_length, len(data))
        part += name.ljust(name_length, b"\0") + data
        part += bytes(-len(part) % PAGE)
        self.parts.append(part)
        self.position += len(part)
        return start

    def chunk(self, name: bytes, data: bytes, name_length: int | None = None) -> None:
        if name_length is None:
            name_length = len(name) + -(16 + len(name) + len(data)) % PAGE
        self.entries.append((name, self._raw(name, data, name_length), len(data)))

    def level(self, chunk: str, name: str, value: dict[str, Any]) -> None:
        self.chunk(chunk.encode(), encode(name, value))

    def finish(self, path: Path | str) -> None:
        table = b"".join(name + struct.pack("<QQ", *rest) for name, *rest in self.entries)
        table += MAP + struct.pack("<Q", self.position)
        name = b"ND2 FILEMAP SIGNATURE NAME 0001!"
        self._raw(name, table, len(name) + -(16 + len(name) + len(table)) % PAGE)
        Path(path).write_bytes(b"".join(self.parts))


def write_nd2(
    path: Path | str,
    data: np.ndarray,
    *,
    loops: str = "TPZ",
    names: Sequence[str] | None = None,
    positions: Sequence[tuple[float, float, float]] | None = None,
    position_names: Sequence[str] | None = None,
    times_ms: np.ndarray | None = None,
    header_times_ms: np.ndarray | None = None,
    period_ms: float = 0.0,
    periods: Sequence[tuple[int, float]] | None = None,
    phases: Sequence[Sequence[str]] = (),
    pixel_um: float | None = 0.65,
    images: int | None = None,
    skip: Sequence[int] = (),
    compressed: bool = False,
    padded: bool = True,
    attributes_first: bool = False,
    components_per_channel: int = 1,
    lossy: bool = False,
    camera: tuple[int, int] | None = None,
    announced: int | None = None,
) -> Path:
    """Write an ND2 file.

    Parameters
    ----------
    data : ndarray
        (P, T, Z, C, H, W), uint8, uint16 or float32.
    loops : str
        Some of T, P, Z, outermost first; N is a time loop of several `periods` (NETimeLoop).
        An axis of one step may be left out.
    times_ms : ndarray
        (P, T, Z) times in milliseconds; by default 1000 ms + 300 s per frame + 10 s per position.
    header_times_ms : ndarray
        The same for the times that stand before each image, where they differ.
    phases : sequence of sequence of str
        Names of the channels of each period, where they differ.
    images : int
        Number of images that were recorded before the acquisition stopped; all by default.
    skip : sequence of int
        Sequence numbers that are missing.
    padded : bool
        Rows are filled up to 4 bytes.
    attributes_first : bool
        Image attributes before the images; the microscope's program writes them last.
    camera : tuple of int
        (height, width) of the region of the camera's chip, part of the first metadata.
    announced : int
        Number of frames in the time loop, where it differs from what is written.
    """
    axes = {"P": 0, "T": 1, "N": 1, "Z": 2}
    P, T, Z, C, H, W = data.shape
    if times_ms is None:
        p, t, z = np.indices((P, T, Z))
        times_ms = 1000.0 + 300_000.0 * t + 10_000.0 * p + 100.0 * z
    left_out = [axis for axis in (0, 1, 2) if axis not in [axes[loop] for loop in loops]]
    assert not loops or all(data.shape[axis] == 1 for axis in left_out)
    order = [*left_out, *(axes[loop] for loop in loops)]
    total = P * T * Z
    planes = data.transpose([*order, 4, 5, 3]).reshape(total, H, W, C)
    stamps = times_ms.transpose(order).reshape(total)
    heads = stamps if header_times_ms is None else header_times_ms.transpose(order).reshape(total)
    recorded = [n for n in range(total if images is None else images) if n not in skip]
    names = list(names) if names is not None else [f"Channel {c}" for c in range(C)]
    positions = positions or [(100.0 * p, -50.0 * p, 5.0) for p in range(P)]
    position_names = position_names or [f"XY{p + 1:02d}" for p in range(P)]

    row_bytes = W * C * data.itemsize
    if padded:
        row_bytes = -(-row_bytes // 4) * 4
    writer = Nd2Writer()
    experiment: dict[str, Any] | None = None
    for loop in reversed(loops):
        level = {
            "T": lambda: time_loop(announced or T, period_ms),
            "N": lambda: ne_time_loop(periods or [(T, period_ms)], phases),
            "P": lambda: xy_loop(position_names, positions),
            "Z": lambda: z_loop(Z, 0.5),
        }[loop]()
        level["uiNextLevelCount"] = u32(int(experiment is not None))
        if experiment is not None:
            level["ppNextLevelEx"] = [experiment]
        experiment = level
    if experiment is not None:
        writer.level("ImageMetadataLV!", "SLxExperiment", experiment)
    calibration = {"dCalibration": pixel_um or -1.0, "dAspect": 1.0, "bValid": pixel_um is not None}
    writer.level("ImageCalibrationLV|0!", "SLxCalibration", calibration)
    writer.level(
        "ImageMetadataSeqLV|0!",
        "SLxPictureMetadata",
        _picture(names, positions[0], pixel_um, components_per_channel, camera),
    )
    bits = data.itemsize * 8
    attributes = {
        "uiWidth": u32(W), "uiWidthBytes": u32(row_bytes), "uiHeight": u32(H), "uiComp": u32(C),
        "uiBpcInMemory": u32(bits), "uiBpcSignificant": u32(bits),
        "uiSequenceCount": u32(len(recorded) + len(skip)), "uiTileWidth": u32(W),
        "uiTileHeight": u32(H), "eCompression": u32(0 if compressed else 1 if lossy else 2),
        "dCompressionParam": 0.0, "ePixelType": u32(1), "uiVirtualComponents": u32(C),
    }  # fmt: skip
    if attributes_first:
        writer.level("ImageAttributesLV!", "SLxImageAttributes", attributes)
    for n in recorded:
        rows = np.zeros((H, row_bytes), np.uint8)
        pixels = np.ascontiguousarray(planes[n].astype(data.dtype.newbyteorder("<"), copy=False))
        rows[:, : W * C * data.itemsize] = pixels.reshape(H, -1).view(np.uint8)
        body = zlib.compress(rows.tobytes()) if compressed else rows.tobytes()
        writer.chunk(b"ImageDataSeq|%d!" % n, struct.pack("<d", heads[n]) + body, 4072)
    writer.level("ImageTextInfoLV!", "SLxImageTextInfo", {"TextInfoItem_5": "Dimensions: test\r\n"})
    _custom(writer, stamps[: len(recorded) + len(skip)])
    if not attributes_first:
        writer.level("ImageAttributesLV!", "SLxImageAttributes", attributes)
    writer.finish(path)
    return Path(path)


def _picture(
    names: Sequence[str],
    place: tuple[float, float, float],
    pixel_um: float | None,
    components: int,
    camera: tuple[int, int] | None,
) -> dict[str, Any]:
    height, width = camera or (0, 0)
    region = {"left": i32(0), "top": i32(0), "right": i32(width), "bottom": i32(height)}
    planes = {
        f"a{c}": {
            "uiCompCount": u32(components), "uiSampleIndex": u32(c), "uiModalityMask": u32(257),
            "pFluorescentProbe": {"m_sName": "", "m_uiColor": u32(0xFFFFFF)},
            "pFilterPath": {"m_sDescr": "", "m_uiCount": u32(0)},
            "uiColor": u32(0xFF07), "sDescription": name, "dPinholeDiameter": -1.0,
        }
        for c, name in enumerate(names)
    }  # fmt: skip
    return {
        "dTimeMSec": 1000.0, "dTimeAbsolute": 2460762.5, "dXPos": float(place[0]),
        "dYPos": float(place[1]), "dZPos": float(place[2]), "dAngle": 0.0,
        "dCalibration": pixel_um or -1.0, "dAspect": 1.0, "bCalibrated": pixel_um is not None,
        "wsObjectiveName": "", "dObjectiveMag": -1.0, "dObjectiveNA": 0.95, "dZoom": 1.0,
        "dProjectiveMag": -1.0, "ePictureXAxis": u32(0), "ePictureYAxis": u32(1),
        "sPicturePlanes": {
            "uiCount": u32(len(names)), "uiCompCount": u32(len(names) * components),
            "sPlaneNew": planes, "uiSampleCount": u32(1),
            "sSampleSetting": {
                "a0": {"pCameraSetting": {"FormatQuality": {"rectSensorUser": region}}}
            },
        },
    }  # fmt: skip


def _custom(writer: Nd2Writer, stamps: np.ndarray) -> None:
    """Times and stage coordinates of each image, and the XML that describes them."""
    count = len(stamps)
    tags = "".join(
        f'<Tag{i} runtype="CLxListVariant"><ID runtype="CLxStringW" value="{axis}"/>'
        f'<Type runtype="lx_int32" value="3"/><Group runtype="lx_int32" value="0"/>'
        f'<Size runtype="lx_int32" value="{count}"/>'
        f'<Desc runtype="CLxStringW" value="{axis} Coord"/>'
        f'<Unit runtype="CLxStringW" value="µm"/></Tag{i}>'
        for i, axis in enumerate("XYZ")
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><variant version="1.0">'
        f'<CustomTagDescription_v1.0 runtype="CLxListVariant">{tags}'
        "</CustomTagDescription_v1.0></variant>"
    )
    writer.chunk(b"CustomDataVar|CustomDataV2_0!", xml.encode())
    for axis in b"XYZ":
        writer.chunk(b"CustomData|%c!" % axis, np.zeros(count).tobytes())
    writer.chunk(b"CustomData|AcqTimesCache!", stamps.astype("<f8").tobytes())

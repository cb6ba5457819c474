"""What TIFF files of many programs state: pixel sizes, times, and planes behind a single page."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.tiff.about import series_facts
from fovea.recordings.readers.units import micrometers, seconds
from support.ome_writer import image, ome, one_value, values, write
from support.recordings import assert_same_pixels, pixels

MICRO_MANAGER = 51123


def info_of(source, base: Path):
    with open_recording(source, base=base) as recording:
        info = recording.info
        _ = info.notes  # reads all
        return info


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (("µm", "μm", "um", "UM", "Âµm", "Î¼m", r"\u00B5m", r"\u03bcm", "&#181;m", " um ", "µm."),
         1),
        (("micron", "microns", "Microns", "micrometer", "micrometers", "micrometre", "Micrometres",
          "µ-meter", "micro meter", "µm/px", "um/pixel", "microns per pixel"), 1),
        (("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
        (("Å", "Å", "angstrom", "angstroms", "Ångström"), 1e-4),
        (("pm", "picometer"), 1e-6),
        (("mm", "MM", "millimeter", "millimetres"), 1e3),
        (("cm", "centimeter", "centimetres"), 1e4),
        (("in", "inch", "inches", "Inches", '"'), 25400),
        (("m", "meter", "metre", "meters"), 1e6),
        (("", "pixel", "pixels", "Mm", "s", "ms", "reference frame", "unknown", "u", "mmHg", "um/s",
          "mm^2", "cm-1"), None),
    ],
)  # fmt: skip
def test_spellings_of_lengths(units, expected):
    assert {unit: micrometers(unit) for unit in units} == dict.fromkeys(units, expected)


def test_spellings_of_times():
    for units, expected in (
        (("s", "sec", "secs", "second", "seconds", "Sec"), 1),
        (("min", "mins", "minute", "minutes"), 60),
        (("h", "hr", "hrs", "hour", "hours"), 3600),
        (("ms", "msec", "millisecond", "milliseconds"), 1e-3),
        (("µs", r"\u00b5s", "microseconds", "µsec"), 1e-6),
        (("d", "day", "days"), 86400),
        (("", "frame", "um", "ds", "hs", "Ms", "cycles"), None),
    ):
        assert {unit: seconds(unit) for unit in units} == dict.fromkeys(units, expected)


IMAGEJ_UNITS = {"microns": 1, r"\u00B5m": 1, "micrometers": 1, "inch": 25400, "inches": 25400,
                "nanometers": 1e-3, "cm": 1e4, "mm": 1e3, "meters": 1e6}  # fmt: skip


@pytest.mark.parametrize("unit", IMAGEJ_UNITS)
def test_units_of_imagej(tmp_path, unit):
    density = (IMAGEJ_UNITS[unit] / 0.1, IMAGEJ_UNITS[unit] / 0.2)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(1, 3, 1, 1)[0], imagej=True, resolution=density,
        metadata={"axes": "TZCYX", "unit": unit, "finterval": 5, "tunit": "min"},
    )  # fmt: skip
    for source in ("a.tif", {"files": "a.tif", "axes": "TYX"}):
        info = info_of(source, tmp_path)
        assert info.pixel_size_um == pytest.approx({"y": 0.2, "x": 0.1}, rel=1e-6)
        assert info.fields[0].times == [[0.0, 300.0, 600.0]]


@pytest.mark.parametrize(
    ("density", "code", "expected"),
    [
        ((1, 1), 3, None),
        ((1, 1), 2, None),
        ((1, 1), 1, None),
        *(((dpi, dpi), 2, None) for dpi in (72, 75, 96, 100, 144, 150, 200, 300, 600, 1200)),
        *(((dpi / 2.54, dpi / 2.54), 3, None) for dpi in (72, 96, 150, 300, 600)),
        ((28.35, 28.35), 3, None),
        ((118, 118), 3, None),
        ((39, 39), 2, None),  # 650 micrometers
        ((254000, 127000), 2, {"y": 0.2, "x": 0.1}),
        ((20000, 10000), 3, {"y": 1.0, "x": 0.5}),
        ((15384.6154, 15384.6154), 3, {"y": 0.65, "x": 0.65}),
    ],
)
def test_resolution_tags_that_say_nothing_and_those_that_do(tmp_path, density, code, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(1, 1, 1, 1)[0, 0, 0, 0], resolution=density,
        resolutionunit=code, metadata=None,
    )  # fmt: skip
    size = info_of("a.tif", tmp_path).pixel_size_um
    assert size == (expected if expected is None else pytest.approx(expected, rel=1e-6))


def test_an_image_of_imagej_that_was_opened_with_a_default_resolution(tmp_path):
    image = pixels(1, 1, 1, 1)[0, 0, 0, 0]
    for name, unit, density in (("a", "inch", 96), ("b", "cm", 1), ("c", "inch", 300)):
        tifffile.imwrite(
            tmp_path / f"{name}.tif", image, imagej=True, resolution=(density, density),
            metadata={"unit": unit},
        )  # fmt: skip
        assert info_of(f"{name}.tif", tmp_path).pixel_size_um is None


METASERIES = (
    '<MetaData>\r\n<prop id="Description" type="string" value="Exposure: 50 ms&#13;&#10;"/>\r\n'
    '<prop id="MetaDataVersion" type="float" value="1"/><SetInfo>'
    '<prop id="number-of-planes" type="int" value="1"/></SetInfo><PlaneInfo>'
    '<prop id="spatial-calibration-state" type="bool" value="{state}"/>'
    '<prop id="spatial-calibration-x" type="float" value="{x}"/>'
    '<prop id="spatial-calibration-y" type="float" value="0.32"/>'
    '<prop id="spatial-calibration-units" type="string" value="{unit}"/>'
    '<prop id="acquisition-time-local" type="time" value="{time}"/>'
    '<custom-prop id="_IllumSetting_" type="string" value="GFP"/></PlaneInfo></MetaData>'
)


def write_metaseries(path: Path, times, *, state="on", x="0.65", unit="um") -> None:
    with tifffile.TiffWriter(path, ome=False) as tif:
        for i, time in enumerate(times):
            tif.write(
                np.full((8, 8), i + 1, np.uint16), metadata=None, contiguous=False,
                description=METASERIES.format(state=state, x=x, unit=unit, time=time),
                software="MetaSeries", resolution=(72, 72), resolutionunit=2,
            )  # fmt: skip


TIMES = ["20240229 23:59:58.500", "20240301 00:04:58.750", "20240301 00:10:00.001"]


def test_metaseries_states_size_and_times(tmp_path):
    write_metaseries(tmp_path / "a.tif", TIMES)
    info = info_of({"files": "a.tif", "axes": "TYX"}, tmp_path)
    assert info.pixel_size_um == {"y": 0.32, "x": 0.65}
    assert info.fields[0].times_source == "stamps"
    assert info.fields[0].times[0] == pytest.approx([0.0, 300.25, 601.501], abs=1e-6)


def test_metaseries_with_two_channels_has_times_of_each(tmp_path):
    write_metaseries(tmp_path / "a.tif", [TIMES[0], "20240301 00:00:01.000", TIMES[1], TIMES[2]])
    info = info_of({"files": "a.tif", "axes": "TCYX", "sizes": {"C": 2}}, tmp_path)
    np.testing.assert_allclose(info.fields[0].times, [[0, 300.25], [2.5, 601.501]], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"state": "off", "x": "1"}, None),
        ({"x": "650", "unit": "nm"}, {"y": 0.00032, "x": 0.65}),
        ({"unit": "pixel"}, None),
        ({"x": "0"}, None),
        ({"unit": "microns"}, {"y": 0.32, "x": 0.65}),
    ],
)
def test_calibrations_of_metaseries(tmp_path, options, expected):
    write_metaseries(tmp_path / "a.tif", TIMES[:1], **options)
    size = info_of("a.tif", tmp_path).pixel_size_um
    assert size == (expected if expected is None else pytest.approx(expected))


def test_files_of_metaseries_as_positions_share_one_clock(tmp_path):
    for name, shift in (("a", 0), ("b", 1)):
        times = [time.replace(":58.", f":5{8 + shift}.") for time in TIMES[:2]]
        write_metaseries(tmp_path / f"{name}.tif", times)
    fields = info_of({"files": "*.tif", "axes": "TYX"}, tmp_path).fields
    np.testing.assert_allclose([f.times[0] for f in fields], [[0, 300.25], [1, 301.25]])


def plane_tag(**about) -> tuple:
    text = json.dumps(about)
    return (MICRO_MANAGER, "s", len(text) + 1, text, True)


def test_micro_manager_pages_state_what_ome_xml_lacks(tmp_path):
    text = ome(image("P", (3, 2, 1), [(t, c, 0, 2 * t + c, None, None) for t in range(3)
                                      for c in range(2) if (t, c) != (1, 1)]))  # fmt: skip
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=False) as tif:
        for n in range(6):
            about = {"ElapsedTime-ms": 60_000 * (n // 2) + 500 * (n % 2), "PixelSizeUm": 0.11}
            tif.write(
                np.full((8, 8), n, np.uint16), metadata=None, contiguous=False,
                description=text if n == 0 else None, extratags=[plane_tag(**about)],
                resolution=(1, 1), resolutionunit=3,
            )  # fmt: skip
    info = info_of("a.ome.tif", tmp_path)
    assert info.pixel_size_um == {"y": 0.11, "x": 0.11}
    assert info.fields[0].times_source == "stamps"
    np.testing.assert_allclose(info.fields[0].times[0], [0, 60, 120])
    np.testing.assert_allclose(info.fields[0].times[1], [0.5, np.nan, 120.5])


def test_micro_manager_without_a_pixel_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((8, 8), np.uint16), metadata=None, resolution=(1e4, 1e4),
        resolutionunit=3, extratags=[plane_tag(PixelSizeUm=0.0)],
    )  # fmt: skip
    assert info_of("a.tif", tmp_path).pixel_size_um is None


def write_ndtiff(folder: Path, images: list[tuple[dict, int]], per_file: int = 4) -> None:
    """Write an NDTiff data set of planes of one value, of which each has its axes."""
    folder.mkdir(parents=True, exist_ok=True)
    index = b""
    for start in range(0, len(images), per_file):
        name = "NDTiffStack" + (f"_{start // per_file}" if start else "") + ".tif"
        some = images[start : start + per_file]
        with tifffile.TiffWriter(folder / name, ome=False) as tif:
            for axes, value in some:
                about = {"PixelSizeUm": 0.2, "ElapsedTime-ms": 1000 * value, "Axes": axes,
                         "PositionName": f"Pos-{axes.get('position', 0)}", "XPositionUm": 1.5,
                         "YPositionUm": -2}  # fmt: skip
                tif.write(
                    np.full((6, 8), value, np.uint16), metadata=None, contiguous=False,
                    resolution=(1, 1), resolutionunit=3, extratags=[plane_tag(**about)],
                )  # fmt: skip
        with tifffile.TiffFile(folder / name) as tif:
            for (axes, _), page in zip(some, tif.pages, strict=True):
                tag = page.tags[MICRO_MANAGER]
                text = json.dumps(axes).encode()
                index += struct.pack("<I", len(text)) + text
                index += struct.pack("<I", len(name)) + name.encode()
                index += struct.pack("<IiiiiIii", page.dataoffsets[0], 8, 6, 1, 0, tag.valueoffset,
                                     tag.count - 1, 0)  # fmt: skip
    (folder / "NDTiff.index").write_bytes(index)


@pytest.mark.parametrize("source", ["d", "d/NDTiffStack.tif", "d/NDTiffStack_1.tif", "d/*.tif"])
def test_ndtiff_is_read_by_its_index(tmp_path, source):
    # positions acquired in another order than numbered, GFP in every second frame only
    order = [
        ({"time": t, "position": p, "channel": c}, 100 * p + 10 * t + (c == "GFP"))
        for t in range(3) for p in (1, 0) for c in ("Phase", "GFP") if c == "Phase" or t != 1
    ]  # fmt: skip
    write_ndtiff(tmp_path / "d", order)
    info = info_of(source, tmp_path)
    assert info.format == "NDTiff"
    assert info.channels == ["Phase", "GFP"]
    assert info.pixel_size_um == {"y": 0.2, "x": 0.2}
    assert [field.name for field in info.fields] == ["Pos-0", "Pos-1"]
    assert info.fields[0].stage_position_um == {"x": 1.5, "y": -2.0}
    for p, field in enumerate(info.fields):
        assert (field.height, field.width, field.frames) == (6, 8, 3)
        assert field.times_source == "stamps"
        np.testing.assert_allclose(field.times[0], [100 * p + 10 * t for t in range(3)])
    assert values(source, tmp_path) == {
        f"Pos-{p}": [[100 * p + 10 * t, None if t == 1 else 100 * p + 10 * t + 1] for t in range(3)]
        for p in range(2)
    }


def test_ndtiff_with_z_and_what_it_cannot_be(tmp_path):
    places = [(t, z) for t in (0, 1) for z in (-1, 0, 1)]
    write_ndtiff(tmp_path / "z", [({"z": z, "time": t}, 10 * t + z + 1) for t, z in places])
    with open_recording("z", base=tmp_path) as recording:
        assert recording.info.fields[0].planes == 3
        for z in range(3):
            got = [one_value(plane) for (plane,) in recording.frames(0, [0], z)]
            assert got == [z, 10 + z]
    write_ndtiff(tmp_path / "t", [({"time": t}, t) for t in (3, 6, 12)])
    field = info_of("t", tmp_path).fields[0]
    assert (field.frames, field.planned_frames, field.missing) == (3, 4, (2,))
    write_ndtiff(tmp_path / "e", [({"exposure": e}, e) for e in range(2)])
    with pytest.raises(FoveaError, match="has an axis exposure of 2 steps"):
        open_recording("e", base=tmp_path)
    write_ndtiff(tmp_path / "g", [({"time": t}, t) for t in range(6)])
    (tmp_path / "g" / "NDTiffStack_1.tif").unlink()
    info = info_of("g", tmp_path)
    assert (info.fields[0].frames, info.fields[0].planned_frames) == (4, 6)
    assert "NDTiffStack_1.tif" in " ".join(info.notes)
    (tmp_path / "g" / "NDTiff.index").write_bytes(b"")
    with pytest.raises(FoveaError, match=r"NDTiff.index, .* its 4 pages are, is not beside"):
        open_recording("g/NDTiffStack.tif", base=tmp_path)
    info = info_of({"files": "g/NDTiffStack.tif", "axes": "TYX"}, tmp_path)
    assert info.pixel_size_um == {"y": 0.2, "x": 0.2}
    assert info.fields[0].times == [[0.0, 1.0, 2.0, 3.0]]


def test_axes_for_stacks_that_are_kept_as_one_page(tmp_path):
    data = pixels(1, 12, 1, 2)[0]
    frames = data[:, 0, 0]
    tifffile.imwrite(tmp_path / "shaped.tif", frames)
    tifffile.imwrite(tmp_path / "short.tif", frames, truncate=True)
    tifffile.imwrite(tmp_path / "big.tif", frames, truncate=True, byteorder=">")
    tifffile.imwrite(tmp_path / "volume.tif", frames, volumetric=True)
    tifffile.imwrite(tmp_path / "imagej.tif", frames, imagej=True)
    for name in ("shaped.tif", "short.tif", "big.tif", "volume.tif", "imagej.tif"):
        with open_recording({"files": name, "axes": "TYX"}, base=tmp_path) as recording:
            assert_same_pixels(recording, frames[None, :, None, None])
    tifffile.imwrite(tmp_path / "two.tif", data[:, 0], truncate=True)
    with open_recording(
        {"files": "two.tif", "axes": "TCYX", "sizes": {"C": 2}}, base=tmp_path
    ) as recording:
        assert_same_pixels(recording, data[None])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["imagej", "imagej zlib", "ome", "ome czt"])
def test_a_time_series_saved_as_slices(tmp_path, kind, channels):
    data = pixels(1, 7, 1, channels)[0]  # T, 1, C, H, W
    as_slices = data.swapaxes(0, 1)
    options = {"compression": "zlib"} if "zlib" in kind else {}
    if kind.startswith("imagej"):
        tifffile.imwrite(
            tmp_path / "a.tif", as_slices, imagej=True, resolution=(2, 2), **options,
            metadata={"axes": "TZCYX", "unit": "micron", "finterval": 30.0},
        )  # fmt: skip
    else:
        axes = "TCZYX" if "czt" in kind else "TZCYX"
        stored = as_slices.swapaxes(1, 2) if "czt" in kind else as_slices
        about = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "TimeIncrement": 30.0,
                 "TimeIncrementUnit": "s"}  # fmt: skip
        tifffile.imwrite(
            tmp_path / "a.tif", stored, ome=True, metadata=about, photometric="minisblack"
        )
    plain = info_of("a.tif", tmp_path)
    assert (plain.fields[0].frames, plain.fields[0].planes) == (1, 7)
    axes = "TYX" if channels == 1 else "TCYX"
    with open_recording({"files": "a.tif", "axes": axes}, base=tmp_path) as recording:
        assert_same_pixels(recording, data[None])
        assert recording.info.pixel_size_um == {"y": 0.5, "x": 0.5}
        assert recording.info.fields[0].times == [[30.0 * t for t in range(7)]]


def test_axes_for_the_pages_of_an_ome_tiff(tmp_path):
    # what is not slices that should be frames is taken in the order of the pages
    write(tmp_path / "a.ome.tif", range(4), ome(image("P", (1, 4, 1), [
        (0, c, 0, c, None, None) for c in range(4)
    ])))  # fmt: skip
    source = {"files": "a.ome.tif", "axes": "TYX"}
    assert list(values(source, tmp_path).values()) == [[[0], [1], [2], [3]]]


def write_stk(path: Path, frames: np.ndarray, milliseconds, unit: str, distance: int = 0) -> None:
    """Write a MetaMorph stack: one page, its planes behind one another, facts in UIC tags."""
    count, height, width = frames.shape
    unit_bytes = unit.encode() + b"\0"
    day = 2_460_000
    parts = {
        "pixels": frames.astype("<u2").tobytes(),
        "uic2": b"".join(struct.pack("<6I", distance, 1, day, ms, day, ms) for ms in milliseconds),
        "x": struct.pack("<2I", 65, 100),
        "y": struct.pack("<2I", 32, 100),
        "unit": struct.pack("<I", len(unit_bytes)) + unit_bytes,
    }
    at, body = {}, b""
    for name, part in parts.items():
        at[name] = 8 + len(body)
        body += part
    at["uic1"] = 8 + len(body)
    body += struct.pack("<8I", 3, 1, 4, at["x"], 5, at["y"], 6, at["unit"])
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1),
            (262, 3, 1, 1), (273, 4, 1, at["pixels"]), (277, 3, 1, 1), (278, 4, 1, height),
            (279, 4, 1, height * width * 2), (33628, 4, 4, at["uic1"]),
            (33629, 5, count, at["uic2"])]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + bytes(4))


def test_stacks_of_metamorph(tmp_path):
    frames = pixels(1, 4, 1, 1)[0, :, 0, 0]
    write_stk(tmp_path / "a.stk", frames, [1000, 61_250, 121_000, 181_000], "um")
    write_stk(tmp_path / "n.stk", frames, [1000, 61_250, 121_000, 181_000], "nm", 7)
    for source in ("a.stk", {"files": "a.stk", "axes": "TYX"}, {"files": "n.stk", "axes": "TYX"}):
        with open_recording(source, base=tmp_path) as recording:
            assert_same_pixels(recording, frames[None, :, None, None])
            scale = 1e-3 if "n.stk" in str(source) else 1
            size = {"y": 0.32 * scale, "x": 0.65 * scale}
            assert recording.info.pixel_size_um == pytest.approx(size)
            (times,) = recording.info.fields[0].times
            assert times == pytest.approx([0, 60.25, 120, 180], abs=1e-6)
    write_stk(tmp_path / "z.stk", frames, [1000] * 4, "um", 5)
    assert info_of("z.stk", tmp_path).fields[0].planes == 4


@pytest.mark.parametrize(
    ("about", "size", "times"),
    [
        ({"VoxelSizeX": 2e-7, "VoxelSizeY": 3e-7, "TimeStamps": np.array([5.0, 65.5])},
         {"y": 0.3, "x": 0.2}, [5.0, 65.5]),
        ({"VoxelSizeX": 0.0, "VoxelSizeY": 0.0}, None, None),
    ],
)  # fmt: skip
def test_facts_of_zeiss_lsm(about, size, times):
    found = series_facts(SimpleNamespace(lsm_metadata=about), "lsm")
    assert (found.pixel_size_um, found.seconds) == (size, times)


def test_two_descriptions_in_one_page_as_micro_manager_writes(tmp_path):
    text = ome(image("P", (2, 1, 1), [(t, 0, 0, 1 - t, None, None) for t in range(2)]))
    imagej = "ImageJ=1.53\nimages=2\nslices=2\n"
    for name, first, second in (("a", text, imagej), ("b", imagej, text)):
        with tifffile.TiffWriter(tmp_path / f"{name}.ome.tif", ome=False) as tif:
            for value in range(2):
                extra = [(65000, "s", 0, second.encode(), True)] if value == 0 else []
                tif.write(
                    np.full((8, 8), value, np.uint16), metadata=None, contiguous=False,
                    description=first if value == 0 else None, extratags=extra,
                )  # fmt: skip
        path = tmp_path / f"{name}.ome.tif"  # tifffile writes no tag twice
        tag = struct.pack("<HH", 65000, 2), struct.pack("<HH", 270, 2)
        path.write_bytes(path.read_bytes().replace(*tag, 1))
        with tifffile.TiffFile(tmp_path / f"{name}.ome.tif") as tif:
            assert len(tif.pages[0].tags.getall(270)) == 2
        assert values(f"{name}.ome.tif", tmp_path) == {"P": [[1], [0]]}


def test_axes_where_the_description_is_damaged(tmp_path):
    write(tmp_path / "a.ome.tif", range(3), "<OME><Image></OME>")
    with pytest.raises(FoveaError, match="its description cannot be read"):
        open_recording("a.ome.tif", base=tmp_path)
    source = {"files": "a.ome.tif", "axes": "TYX"}
    assert list(values(source, tmp_path).values()) == [[[0], [1], [2]]]

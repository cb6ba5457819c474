"""TIFF of every kind against what was written, and against tifffile as an independent reader."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.ome_xml import parse_ome
from support.recordings import (
    assert_one_line,
    assert_same_pixels,
    pixels,
    shared,
    write_ome_set,
    write_ome_tiff,
)

STORED = {
    "plain": {},
    "bigtiff": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
    "zlib": {"compression": "zlib"},
    "lzw, predictor": {"compression": "lzw", "predictor": True},
    "zstd, tiles, big-endian": {"compression": "zstd", "tile": (16, 16), "byteorder": ">"},
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_ome_tiff_however_stored(tmp_path, stored, dtype):
    data = pixels(planes=2, dtype=dtype, height=21, width=17)
    path = write_ome_tiff(tmp_path / "a.ome.tif", data, **stored)
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert recording.info.format == "OME-TIFF"
        assert recording.info.files == ["a.ome.tif"]
        assert recording.info.notes == []
        assert_same_pixels(recording, data)
    with tifffile.TiffFile(path) as tif:
        for fov, series in enumerate(tif.series):
            np.testing.assert_array_equal(series.asarray().reshape(data[fov].shape), data[fov])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_thin_planes(tmp_path, shape):
    data = pixels(height=shape[0], width=shape[1])
    write_ome_tiff(tmp_path / "a.ome.tif", data)
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert_same_pixels(recording, data)


@pytest.mark.parametrize(
    "name", ["ecoli_phase_fluo.ome.tiff", "t98g_phase.ome.tiff", "t98g_annotated/set2.ome.tiff"]
)
def test_real_ome_tiff(name):
    path = shared(name)
    expected = tifffile.imread(path)
    expected = expected.reshape(-1, 1, 2 if "ecoli" in name else 1, *expected.shape[-2:])
    with open_recording(str(path)) as recording:
        assert_same_pixels(recording, expected[None])
        names = ["phase", "fluorescence"] if "ecoli" in name else ["phase"]
        assert recording.info.channels == names


def test_metadata_of_ome_tiff(tmp_path):
    data = pixels(channels=3)
    deltas = np.cumsum(np.random.default_rng(3).uniform(1, 99, 2 * 3 * 3)).reshape(2, 3, 3)
    write_ome_tiff(
        tmp_path / "a.ome.tif",
        data,
        deltas=deltas,
        metadata={
            "PhysicalSizeX": 650, "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.00066, "PhysicalSizeYUnit": "mm",
            "Channel": {"Name": ["Phase", "GFP/Grün α", ""]},
        },
    )  # fmt: skip
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        info = recording.info
    assert info.channels == ["Phase", "GFP/Grün α", "Channel 2"]
    assert info.pixel_size_um == {"y": 0.66, "x": 0.65}
    assert [field.name for field in info.fields] == ["Pos0", "Pos1"]
    for fov, field in enumerate(info.fields):
        assert field.times_source == "stamps"
        np.testing.assert_allclose(field.times, deltas[fov].T - deltas[0, 0, 0], atol=1e-9)


def test_times_from_the_increment_are_nominal(tmp_path):
    write_ome_tiff(
        tmp_path / "a.ome.tif",
        pixels(frames=4),
        metadata={"TimeIncrement": 5.0, "TimeIncrementUnit": "min"},
    )
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        for field in recording.info.fields:
            assert (field.times_source, field.times) == ("nominal", [[0.0, 300.0, 600.0, 900.0]])


@pytest.mark.parametrize(
    ("deltas", "note"),
    [
        (np.full((2, 3, 2), 7.0), "the same for every frame"),
        (np.arange(12.0)[::-1].reshape(2, 3, 2), "backwards"),
    ],
)
def test_unbelievable_stamps_are_not_used(tmp_path, deltas, note):
    write_ome_tiff(
        tmp_path / "a.ome.tif",
        pixels(),
        deltas=deltas,
        metadata={"TimeIncrement": 2.0, "TimeIncrementUnit": "s"},
    )
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert [f.times for f in recording.info.fields] == [[[0.0, 2.0, 4.0]]] * 2
        assert {f.times_source for f in recording.info.fields} == {"nominal"}
        assert note in " ".join(recording.info.notes)


def test_the_time_of_a_frame_is_that_of_its_first_plane(tmp_path):
    # planes in any order, the lowest z last, one stated twice, some beyond the image
    space = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    planes = [
        (1, 2, 9),
        (1, 0, 5),
        (1, 0, 6),
        (0, 1, 3),
        (0, 2, 8),
        (0, 0, 1),
        (7, 0, 2),
        (-1, 0, 4),
    ]
    xml = (
        f'<OME {space}><Image><Pixels SizeT="2" SizeC="1" SizeZ="3" SizeX="4" SizeY="4">'
        + "".join(f'<Plane TheT="{t}" TheZ="{z}" DeltaT="{s}"/>' for t, z, s in planes)
        + "</Pixels></Image></OME>"
    )
    for text in (xml, xml.encode(), xml.replace("<Pixels", " " * 70_000 + "<Pixels")):
        (image,) = parse_ome(text).images
        assert image.stamps.tolist() == [[1.0, 5.0]]
    for wrong in (
        "",
        "<OME",
        xml[:-3],
        xml.replace('"2"', '"many"'),
        xml.replace('"2"', '"99999999"'),
    ):
        with pytest.raises(ValueError, match="OME-XML"):
            parse_ome(wrong)


def test_stage_position_and_its_unit(tmp_path):
    plane = {"PositionX": [1.5] * 2, "PositionXUnit": ["mm"] * 2, "PositionY": [-20.0] * 2,
             "PositionYUnit": ["µm"] * 2}  # fmt: skip
    data = pixels(fovs=1, frames=1)
    write_ome_tiff(tmp_path / "a.ome.tif", data, metadata={"Plane": plane})
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert recording.info.fields[0].stage_position_um == {"x": 1500.0, "y": -20.0}
    plane = {"PositionX": [1.5] * 2, "PositionY": [-20.0] * 2}
    for name in list(plane):
        plane[f"{name}Unit"] = ["reference frame"] * 2
    write_ome_tiff(tmp_path / "b.ome.tif", data, metadata={"Plane": plane})
    with open_recording("b.ome.tif", base=tmp_path) as recording:
        assert recording.info.fields[0].stage_position_um is None


def test_one_file_per_position(tmp_path):
    data = pixels(fovs=12)
    for p in range(12):
        write_ome_tiff(
            tmp_path / f"exp_scene{p}.ome.tif", data, fovs=[p], metadata={"Name": "scene"}
        )
    names = [f"exp_scene{p}.ome.tif" for p in range(12)]
    for source in ("exp_scene*.ome.tif", names, ".", {"files": names}):
        with open_recording(source, base=tmp_path) as recording:
            assert recording.info.files == [n if source != "." else f"./{n}" for n in names]
            assert [f.name for f in recording.info.fields][10] == "exp_scene10"
            assert_same_pixels(recording, data)
    with open_recording([names[7], names[2]], base=tmp_path) as recording:
        assert_same_pixels(recording, data[[7, 2]])


def test_positions_of_different_shape(tmp_path):
    a, b = pixels(fovs=1, height=12), pixels(fovs=1, frames=5, height=9, width=31)
    write_ome_tiff(tmp_path / "a.ome.tif", a)
    write_ome_tiff(tmp_path / "b.ome.tif", b)
    with tifffile.TiffWriter(tmp_path / "both.ome.tif", ome=True) as tif:
        tif.write(a[0], metadata={"axes": "TZCYX"})
        tif.write(b[0], metadata={"axes": "TZCYX"}, compression="zlib")
    for source in (["a.ome.tif", "b.ome.tif"], "both.ome.tif"):
        with open_recording(source, base=tmp_path) as recording:
            first, second = recording.info.fields
            assert (first.height, first.width, first.frames) == (12, 10, 3)
            assert (second.height, second.width, second.frames) == (9, 31, 5)
            for fov, data in enumerate((a, b)):
                for z in (0,):
                    got = np.array(list(recording.frames(fov, [0, 1], z)))
                    np.testing.assert_array_equal(got, data[0, :, z])


def test_files_that_name_one_another(tmp_path):
    data = pixels(fovs=3, planes=2)
    files = [tmp_path / f"set_{i}.ome.tif" for i in range(3)]
    write_ome_set(files, data)
    for source in (
        "set_*.ome.tif",
        "set_1.ome.tif",
        ["set_2.ome.tif", "set_0.ome.tif", "set_1.ome.tif"],
    ):
        with open_recording(source, base=tmp_path) as recording:
            assert [f.name for f in recording.info.fields] == ["well 0", "well 1", "well 2"]
            assert recording.info.channels == ["C0", "C1"]
            assert_same_pixels(recording, data)
    with open_recording(["set_0.ome.tif", "set_2.ome.tif"], base=tmp_path) as recording:
        assert_same_pixels(recording, data[[0, 2]])


def test_companion_file(tmp_path):
    data = pixels(fovs=2, planes=2)
    files = [tmp_path / f"part_{i}.ome.tif" for i in range(2)]
    write_ome_set(files, data, tmp_path / "exp.companion.ome")
    for source in ("exp.companion.ome", "part_*.ome.tif", "part_1.ome.tif", "."):
        with open_recording(source, base=tmp_path) as recording:
            assert_same_pixels(recording, data)
    (tmp_path / "exp.companion.ome").unlink()
    with pytest.raises(FoveaError, match="exp.companion.ome, which is not beside it"):
        open_recording("part_0.ome.tif", base=tmp_path)


def test_a_missing_file_of_a_set(tmp_path):
    data = pixels(fovs=3)
    files = [tmp_path / f"set_{i}.ome.tif" for i in range(3)]
    write_ome_set(files, data)
    files[1].unlink()
    with open_recording("set_0.ome.tif", base=tmp_path) as recording:
        assert_same_pixels(recording, data[[0, 2]])
        assert "set_1.ome.tif" in " ".join(recording.info.notes)


def test_a_renamed_file_of_a_set(tmp_path):
    data = pixels(fovs=1)
    write_ome_set([tmp_path / "old.ome.tif"], data)
    (tmp_path / "old.ome.tif").rename(tmp_path / "new.ome.tif")
    with open_recording("new.ome.tif", base=tmp_path) as recording:
        assert_same_pixels(recording, data)


IMAGEJ = {"contiguous": {}, "compressed": {"compression": "zlib"}, "big": {"byteorder": ">"}}


@pytest.mark.parametrize("stored", IMAGEJ.values(), ids=IMAGEJ)
def test_imagej_hyperstack(tmp_path, stored):
    data = pixels(fovs=1, frames=4, planes=3)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data[0],
        imagej=True,
        metadata={"axes": "TZCYX", "finterval": 2.5, "unit": "um"},
        resolution=(1 / 0.65, 1 / 0.5),
        **stored,
    )
    with open_recording("a.tif", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.pixel_size_um == pytest.approx({"y": 0.5, "x": 0.65})
        assert recording.info.fields[0].times == [[0.0, 2.5, 5.0, 7.5]]
        assert recording.info.fields[0].times_source == "nominal"


def write_pages(path: Path, data: np.ndarray, **options) -> None:
    """Write pages without any description."""
    with tifffile.TiffWriter(path) as tif:
        for page in data.reshape(-1, *data.shape[-2:]):
            tif.write(page, metadata=None, contiguous=False, **options)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}], ids=["raw", "lzw"])
def test_plain_stack_with_axes(tmp_path, options):
    data = pixels(planes=2)
    write_pages(tmp_path / "all.tif", data, **options)
    write_pages(tmp_path / "one.tif", data[0], **options)
    write_pages(tmp_path / "time.tif", data[0, :, 0, 0], **options)
    cases = [
        ({"files": "all.tif", "axes": "PTZCYX", "sizes": {"T": 3, "Z": 2, "C": 2}}, data),
        ({"files": "one.tif", "axes": "TZCYX", "sizes": {"Z": 2, "C": 2}}, data[:1]),
        ({"files": "time.tif", "axes": "TYX"}, data[:1, :, :1, :1]),
        ({"files": ["one.tif"], "axes": "tzcyx", "sizes": {"T": 3, "C": 2}}, data[:1]),
    ]
    for source, expected in cases:
        with open_recording(source, base=tmp_path) as recording:
            assert_same_pixels(recording, expected)
    transposed = np.ascontiguousarray(data[0].transpose(2, 0, 1, 3, 4))
    write_pages(tmp_path / "ctz.tif", transposed, **options)
    with open_recording(
        {"files": "ctz.tif", "axes": "CTZYX", "sizes": {"C": 2, "Z": 2}}, base=tmp_path
    ) as recording:
        assert_same_pixels(recording, data[:1])


def test_stacks_that_do_not_say_what_they_are(tmp_path):
    data = pixels(planes=2)
    write_pages(tmp_path / "a.tif", data[0])
    for source, message in [
        ("a.tif", "a.tif: does not say what its 12 pages are; name the axes in the config"),
        ({"files": "a.tif", "axes": "TCYX"}, r"how many along C\? Add e.g. `sizes: {C: 2}`"),
        ({"files": "a.tif", "axes": "TYX", "sizes": {"T": 5}}, "has 12 pages, but axes 'TYX'"),
        ({"files": "a.tif", "axes": "TQYX"}, "axes 'TQYX' must be some of"),
        ({"files": "a.tif", "axes": "TXY"}, "axes 'TXY' must be some of"),
    ]:
        with pytest.raises(FoveaError, match=message):
            open_recording(source, base=tmp_path)


def test_axes_written_by_tifffile(tmp_path):
    data = pixels(planes=2)
    tifffile.imwrite(tmp_path / "a.tif", data[0], metadata={"axes": "TZCYX"})
    tifffile.imwrite(tmp_path / "z.tif", data[0], metadata={"axes": "TZCYX"}, compression="zlib")
    tifffile.imwrite(tmp_path / "n.tif", data[0])
    for source in ("a.tif", "z.tif", {"files": "n.tif", "axes": "TZCYX"}):
        with open_recording(source, base=tmp_path) as recording:
            assert_same_pixels(recording, data[:1])
    with pytest.raises(FoveaError, match="does not say what its 12 planes are"):
        open_recording("n.tif", base=tmp_path)


def test_a_single_page(tmp_path):
    data = pixels(1, 1, 1, 1)
    tifffile.imwrite(tmp_path / "a.tif", data[0, 0, 0, 0], metadata=None)
    with open_recording("a.tif", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.pixel_size_um is None


def test_twelve_bits(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    assert imagecodecs.PACKINTS.available
    data = pixels(1, 2, 1, 1, 16, 16) // 16
    write_pages(tmp_path / "a.tif", data)  # 12 bits in 16
    with open_recording({"files": "a.tif", "axes": "TYX"}, base=tmp_path) as recording:
        assert recording.info.dtype == "uint16"
        assert_same_pixels(recording, data)
    write_pages(tmp_path / "p.tif", data, bitspersample=12)  # packed
    with open_recording({"files": "p.tif", "axes": "TYX"}, base=tmp_path) as recording:
        assert_same_pixels(recording, data)


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_projections(tmp_path, kind):
    data = pixels(planes=5)
    data[0, 0, :, 0] = 65535
    data[0, 1, :, 0] = np.array([1, 1, 1, 0, 0])[:, None, None]  # mean 0.6
    data[0, 2, :, 0] = np.array([1, 1, 0, 0, 0])[:, None, None]
    write_ome_tiff(tmp_path / "a.ome.tif", data)
    write_ome_tiff(tmp_path / "half.ome.tif", data[:, :, :2])
    for name, stack in (("a.ome.tif", data), ("half.ome.tif", data[:, :, :2])):
        if kind == "max":
            expected = stack.max(axis=2)
        else:
            expected = np.floor(stack.astype(float).mean(axis=2) + 0.5).astype("uint16")
        with open_recording(name, base=tmp_path) as recording:
            for fov in range(2):
                got = np.array(list(recording.frames(fov, [0, 1], kind)))
                np.testing.assert_array_equal(got, expected[fov])
                assert got.dtype == np.uint16


def _cut(source: Path, target: Path, size: int) -> None:
    shutil.copy(source, target)
    with open(target, "r+b") as handle:
        handle.truncate(size)


def _frames_or_error(source, base: Path, data: np.ndarray, name: str) -> int:
    """Read what is left of a cut-off file: true frames, or one line that names the file."""
    try:
        with open_recording(source, base=base) as recording:
            info = recording.info.fields[0]
            got = np.array(list(recording.frames(0, range(len(recording.info.channels)))))
    except FoveaError as error:
        assert_one_line(error, name)
        return 0
    assert info.frames == len(got)
    np.testing.assert_array_equal(got, data[0, : info.frames, 0])
    if info.frames < len(data[0]):
        assert info.planned_frames == len(data[0]) or "cut off" in " ".join(recording.info.notes)
    return info.frames


@pytest.mark.parametrize("kind", ["imagej", "shaped", "pages", "ome"])
def test_cut_off_at_random_offsets(tmp_path, kind):
    data = pixels(1, 8, 1, 2, 40, 30)
    whole, cut = tmp_path / "whole.tif", tmp_path / "cut.tif"
    source = "cut.tif"
    if kind == "imagej":
        tifffile.imwrite(whole, data[0], imagej=True, metadata={"axes": "TZCYX"})
    elif kind == "shaped":
        tifffile.imwrite(whole, data[0], metadata={"axes": "TZCYX"})
    elif kind == "ome":
        write_ome_set([whole], data)
    else:
        write_pages(whole, data)
        source = {"files": "cut.tif", "axes": "TCYX", "sizes": {"C": 2}}
    rng = np.random.default_rng(5)
    size = whole.stat().st_size
    found = []
    for offset in sorted(rng.integers(0, size, 20)):
        _cut(whole, cut, offset)
        found.append(_frames_or_error(source, tmp_path, data, "cut.tif"))
    assert found == sorted(found)
    assert len(set(found)) > 5


def test_cut_off_ome_tiff_that_lost_its_description(tmp_path):
    # tifffile writes OME-XML at the end of the file
    data = pixels(1, 8, 1, 2, 40, 30)
    whole = write_ome_tiff(tmp_path / "whole.ome.tif", data)
    for part in (0.3, 0.6, 0.9):
        _cut(whole, tmp_path / "cut.ome.tif", int(part * whole.stat().st_size))
        with pytest.raises(FoveaError, match="cut.ome.tif: is cut off"):
            open_recording("cut.ome.tif", base=tmp_path)


@pytest.mark.parametrize("part", [0.6, 0.995])
def test_cut_off_ome_tiff_of_several_series_is_not_taken_for_a_plain_stack(tmp_path, part):
    # its pages are there, up to all of them, and would be frames of one field of view
    whole = write_ome_tiff(tmp_path / "whole.ome.tif", pixels(2, 4, 1, 2, 40, 30))
    _cut(whole, tmp_path / "cut.ome.tif", int(part * whole.stat().st_size))
    with pytest.raises(FoveaError, match=r"cut\.ome\.tif: is cut off: its description"):
        open_recording("cut.ome.tif", base=tmp_path)


def test_file_that_shrinks_after_it_was_opened(tmp_path):
    data = pixels(1, 8, 1, 1, 64, 64)
    path = write_ome_tiff(tmp_path / "a.ome.tif", data)
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        with open(path, "r+b") as handle:
            handle.truncate(64 * 64 * 2 * 4)
        with pytest.raises(FoveaError, match="a.ome.tif"):
            list(recording.frames(0, [0]))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 8, 8), "float32"), "its pixels are float32"),
        (np.zeros((4, 8, 8), "uint32"), "its pixels are uint32"),
        (np.zeros((4, 8, 8), "int16"), "its pixels are int16"),
        (np.zeros((8, 8, 3), "uint8"), "RGB colour"),
    ],
)
def test_pixels_that_cannot_be_used(tmp_path, image, message):
    rgb = image.shape[-1] == 3
    tifffile.imwrite(tmp_path / "plain.tif", image, photometric="rgb" if rgb else "minisblack")
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        image,
        photometric="rgb" if rgb else "minisblack",
        metadata={"axes": "YXS" if rgb else "TYX"},
    )
    for name in ("plain.tif", "a.ome.tif"):
        with pytest.raises(FoveaError, match=message) as error:
            open_recording(name, base=tmp_path)
        assert str(error.value).startswith(name)

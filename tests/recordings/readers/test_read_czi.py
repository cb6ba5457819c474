"""CZI against what was written, and against libCZI as an independent reader."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.recordings import assert_one_line, assert_same_pixels, pixels, shared

libczi = pytest.importorskip("pylibCZIrw.czi")

XML = """<ImageDocument><Metadata><Information><Image>
<SizeT>{t}</SizeT><SizeC>2</SizeC><SizeS>2</SizeS>
<Dimensions><Channels><Channel Id="Channel:0" Name="Phase"/><Channel Id="Channel:1" Name="GFP/ä"/>
</Channels><S><Scenes>
<Scene Index="0" Name="A1"><CenterPosition>49500.5,-355</CenterPosition></Scene>
<Scene Index="1" Name="A2"/></Scenes></S>
<T><Positions><Interval><Increment>90</Increment></Interval></Positions></T>
</Dimensions></Image></Information>
<Scaling><Items><Distance Id="X"><Value>6.5E-07</Value></Distance>
<Distance Id="Y"><Value>6.6E-07</Value></Distance></Items></Scaling></Metadata></ImageDocument>"""


def by_libczi(path: Path, scene: int | None, **plane: int) -> np.ndarray:
    with libczi.open_czi(str(path)) as document:
        return document.read(scene=scene, plane=plane)[..., 0]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("WellD6-7_S2.czi", [(440, 544), (440, 544)]),
        ("S3_1Pos_2Mosaic_T1_Z1_CH1.czi", [(122, 295), (64, 64), (237, 352)]),
    ],
)
def test_real_files(name, shapes):
    path = shared(f"czi/{name}")
    with open_recording(str(path)) as recording:
        info = recording.info
        assert [(f.height, f.width) for f in info.fields] == shapes
        for scene in range(len(shapes)):
            (image,) = next(iter(recording.frames(scene, [0])))
            np.testing.assert_array_equal(image, by_libczi(path, scene, C=0, T=0, Z=0))
    if name.startswith("Well"):
        assert info.channels == ["AF488"]
        assert info.pixel_size_um == {"y": 0.1, "x": 0.1}
        assert [f.name for f in info.fields] == ["D6", "D7"]
        assert info.fields[1].stage_position_um == {"x": 58500.0, "y": 35500.0}
        assert [f.times for f in info.fields] == [[[0.0]], [[pytest.approx(0.3858891)]]]
    else:
        assert "the same for every frame" in " ".join(
            [*(n for f in info.fields for n in [f.times_source]), *info.notes]
        )


def test_real_mosaic_through_bioio():
    bioio = pytest.importorskip("bioio")
    reader = pytest.importorskip("bioio_czi")
    path = shared("czi/S3_1Pos_2Mosaic_T1_Z1_CH1.czi")
    image = bioio.BioImage(path, reader=reader.Reader)
    with open_recording(str(path)) as recording:
        for scene, name in enumerate(image.scenes):
            image.set_scene(name)
            (plane,) = next(iter(recording.frames(scene, [0])))
            np.testing.assert_array_equal(plane, image.get_image_data("YX", T=0, C=0, Z=0))


@pytest.mark.parametrize("compression", ["uncompressed:", "zstd0:", "zstd1:"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_scenes_time_channels_and_z(tmp_path, compression, dtype):
    data = pixels(3, 4, 2, 2, 24, 36, dtype)
    path = tmp_path / "a.czi"
    with libczi.create_czi(str(path), compression_options=compression) as document:
        for p, t, z, c in np.ndindex(data.shape[:4]):
            document.write(
                data[p, t, z, c][..., None], location=(5 + 100 * p, 3), scene=p,
                plane={"T": t, "Z": z, "C": c},
            )  # fmt: skip
        document.write_metadata(
            channel_names={0: "Phase", 1: "GFP"}, scale_x=0.65e-6, scale_y=0.65e-6
        )
    with open_recording("a.czi", base=tmp_path) as recording:
        assert recording.info.channels == ["Phase", "GFP"]
        assert recording.info.pixel_size_um == {"y": 0.65, "x": 0.65}
        for p, t, z, c in np.ndindex(data.shape[:4]):
            np.testing.assert_array_equal(by_libczi(path, p, T=t, Z=z, C=c), data[p, t, z, c])
        assert_same_pixels(recording, data)


@pytest.mark.parametrize("level", [None, 80])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_jpeg_xr(tmp_path, dtype, level):
    imagecodecs = pytest.importorskip("imagecodecs")
    data = np.sort(pixels(1, 2, 1, 2, 32, 48, dtype), axis=-1)
    path = write_czi(
        tmp_path / "a.czi", data, code=4, encode=partial(imagecodecs.jpegxr_encode, level=level)
    )
    for t, c in np.ndindex(2, 2):
        expected = by_libczi(path, 0, T=t, C=c, Z=0)
        if level is None:
            np.testing.assert_array_equal(expected, data[0, t, 0, c])
        data[0, t, 0, c] = expected
    with open_recording("a.czi", base=tmp_path) as recording:
        assert_same_pixels(recording, data)


def test_a_file_without_scenes_or_metadata(tmp_path):
    data = pixels(1, 3, 1, 1)
    path = tmp_path / "a.czi"
    with libczi.create_czi(str(path)) as document:
        for t in range(3):
            document.write(data[0, t, 0, 0][..., None], plane={"T": t, "C": 0})
    with open_recording("a.czi", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.channels == ["Channel 0"]
        assert info.pixel_size_um is None
        assert (info.fields[0].times_source, info.fields[0].times) == ("none", None)


def test_scenes_of_unequal_size_and_mosaics_with_overlap(tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "a.czi"
    with libczi.create_czi(str(path)) as document:
        for t in range(2):
            for scene, (height, width) in enumerate([(20, 30), (16, 16)]):
                for number in range(4):
                    tile = rng.integers(1, 65535, (height, width, 1), dtype=np.uint16)
                    x, y = (number % 2) * (width - 5), (number // 2) * (height + 3)
                    document.write(
                        tile, location=(500 * scene + x, y - 7), scene=scene, plane={"T": t, "C": 0}
                    )
    with open_recording("a.czi", base=tmp_path) as recording:
        info = recording.info
        assert [(f.height, f.width, f.frames) for f in info.fields] == [(43, 55, 2), (35, 27, 2)]
        for scene in range(2):
            for t, (image,) in enumerate(recording.frames(scene, [0])):
                np.testing.assert_array_equal(image, by_libczi(path, scene, T=t, C=0))


@pytest.mark.parametrize("directory_last", [True, False])
def test_times_and_metadata(tmp_path, directory_last):
    data = pixels(2, 3, 2, 2, 11, 13)
    seconds = np.random.default_rng(8).uniform(10, 900, (2, 3, 2)).cumsum(axis=1).round(6)
    path = write_czi(
        tmp_path / "a.czi",
        data,
        seconds=seconds,
        xml=XML.format(t=3),
        directory_last=directory_last,
    )
    np.testing.assert_array_equal(by_libczi(path, 1, T=2, Z=1, C=0), data[1, 2, 1, 0])
    with open_recording("a.czi", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.channels == ["Phase", "GFP/ä"]
        assert info.pixel_size_um == {"y": 0.66, "x": 0.65}
        assert [f.name for f in info.fields] == ["A1", "A2"]
        assert info.fields[0].stage_position_um == {"x": 49500.5, "y": -355.0}
        assert info.fields[1].stage_position_um == {"x": 100.5, "y": -1.25}
        for fov, field in enumerate(info.fields):
            assert field.times_source == "stamps"
            np.testing.assert_allclose(field.times, seconds[fov].T - seconds.min(), atol=2e-7)


def test_nominal_times(tmp_path):
    write_czi(tmp_path / "a.czi", pixels(2, 3, 1, 2), xml=XML.format(t=3))
    with open_recording("a.czi", base=tmp_path) as recording:
        for field in recording.info.fields:
            assert (field.times_source, field.times) == ("nominal", [[0.0, 90.0, 180.0]])


def test_stopped_early(tmp_path):
    data = pixels(2, 3, 1, 2)
    write_czi(tmp_path / "a.czi", data, xml=XML.format(t=8))
    with open_recording("a.czi", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert {f.planned_frames for f in recording.info.fields} == {8}
        assert "3 of 8 planned frames exist in every field of view" in recording.info.notes[0]


@pytest.mark.parametrize("directory_last", [True, False])
def test_cut_off_at_random_offsets(tmp_path, directory_last):
    data = pixels(2, 6, 1, 2, 20, 30)
    seconds = np.arange(24.0).reshape(6, 2, 2).transpose(1, 0, 2)
    whole = write_czi(
        tmp_path / "whole.czi", data, seconds=seconds, xml=XML.format(t=6),
        directory_last=directory_last,
    ).read_bytes()  # fmt: skip
    rng = np.random.default_rng(9)
    found = set()
    for offset in (0, 5, 100, len(whole) - 1, *rng.integers(0, len(whole), 20)):
        (tmp_path / "cut.czi").write_bytes(whole[:offset])
        try:
            with open_recording("cut.czi", base=tmp_path) as recording:
                info = recording.info
                for fov, field in enumerate(info.fields):
                    found.add(field.frames)
                    if field.frames:
                        got = np.array(list(recording.frames(fov, [0, 1])))
                        np.testing.assert_array_equal(got, data[fov, : field.frames, 0])
                        assert len(field.times[0]) == field.frames
                if not directory_last and len(info.fields) == 2:
                    assert field.planned_frames == 6
        except FoveaError as error:
            assert_one_line(error, "cut.czi")
            found.add(0)
    assert len(found) >= 5


def test_file_that_shrinks_after_it_was_opened(tmp_path):
    path = write_czi(tmp_path / "a.czi", pixels(1, 6, 1, 1, 40, 40))
    with open_recording("a.czi", base=tmp_path) as recording:
        with open(path, "r+b") as handle:
            handle.truncate(9000)
        with pytest.raises(FoveaError, match=r"a\.czi: .*copy it again"):
            list(recording.frames(0, [0]))


def test_damaged_compressed_tile(tmp_path):
    path = tmp_path / "a.czi"
    with libczi.create_czi(str(path), compression_options="zstd0:") as document:
        document.write(pixels(1, 1, 1, 1, 30, 30)[0, 0, 0, 0][..., None], plane={"C": 0})
    content = bytearray(path.read_bytes())
    place = content.index(b"\x28\xb5\x2f\xfd")
    content[place : place + 40] = bytes(40)
    path.write_bytes(content)
    with (
        open_recording("a.czi", base=tmp_path) as recording,
        pytest.raises(FoveaError, match=r"a\.czi: the tile at byte \d+ cannot be decoded"),
    ):
        list(recording.frames(0, [0]))


def test_unsupported_pixels(tmp_path):
    images = {
        "float": (np.zeros((8, 8, 1), np.float32), "its pixels are float32"),
        "rgb": (np.zeros((8, 8, 3), np.uint8), "RGB colour"),
    }
    for name, (image, message) in images.items():
        with libczi.create_czi(str(tmp_path / f"{name}.czi")) as document:
            document.write(image, plane={"C": 0})
        with pytest.raises(FoveaError, match=message) as error:
            open_recording(f"{name}.czi", base=tmp_path)
        assert str(error.value).startswith(f"{name}.czi")


def test_one_file_per_position(tmp_path):
    data = pixels(fovs=3)
    for p in range(3):
        write_czi(tmp_path / f"pos{p}.czi", data[p : p + 1])
    with open_recording("pos*.czi", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert [f.name for f in recording.info.fields] == ["pos0", "pos1", "pos2"]

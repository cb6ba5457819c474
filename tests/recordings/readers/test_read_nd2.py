"""ND2 against what was written, and against the nd2 library as an independent reader."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import nd2
import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from support.nd2_writer import write_nd2
from support.recordings import assert_one_line, assert_same_pixels, pixels, shared


def as_nd2_library(path: Path, axes: str) -> np.ndarray:
    """Read a whole file with the nd2 library, as (P, T, Z, C, H, W)."""
    with nd2.ND2File(path) as file:
        array, sizes = file.asarray(), list(file.sizes)
    for axis in axes:
        if axis not in sizes:
            array, sizes = array[None], [axis, *sizes]
    return array.transpose([sizes.index(axis) for axis in axes])


@pytest.mark.parametrize(
    ("name", "frames", "planes", "channels"),
    [
        ("example-timelapse.nd2", 53, 1, ["GFP 488 nm"]),
        ("example-multichannel.nd2", 1, 1, ["Mono", "DAPI", "FITC BP", "TRITC BP"]),
        ("cluster.nd2", 3, 10, ["5-FAM/pH 9.0", "FM 4-64/2% CHAPS"]),
    ],
)
def test_real_files(name, frames, planes, channels):
    path = shared(f"nd2/{name}")
    expected = as_nd2_library(path, "PTZCYX")
    assert expected.shape[1:4] == (frames, planes, len(channels))
    with open_recording(str(path)) as recording:
        info = recording.info
        assert_same_pixels(recording, expected)
    assert info.channels == channels
    assert info.notes == []
    with nd2.ND2File(path) as file:
        x, y, _ = file.voxel_size()
        times = np.array([e["Time [s]"] for e in file.events() if e.get("Z Index", 0) == 0])
    assert info.pixel_size_um == {"y": y, "x": x}
    assert info.fields[0].times_source == "stamps"
    np.testing.assert_allclose(info.fields[0].times, [times - times[0]], atol=1e-9)


@pytest.mark.parametrize("loops", ["".join(p) for p in itertools.permutations("TPZ")])
def test_any_order_of_loops(tmp_path, loops):
    data = pixels(fovs=3, frames=4, planes=2, channels=3, height=7, width=9)
    stamps = np.random.default_rng(2).uniform(0, 5000, (3, 4, 2)).cumsum(axis=1)
    path = write_nd2(tmp_path / "a.nd2", data, loops=loops, times_ms=stamps)
    np.testing.assert_array_equal(as_nd2_library(path, "PTZCYX"), data)
    with open_recording("a.nd2", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
    seconds = (stamps[:, :, 0] - stamps[:, :, 0].min()) / 1000
    for fov, field in enumerate(info.fields):
        assert field.name == f"XY{fov + 1:02d}"
        assert field.stage_position_um == {"x": 100.0 * fov, "y": -50.0 * fov, "z": 5.0}
        assert (field.times_source, len(field.times)) == ("stamps", 1)
        np.testing.assert_allclose(field.times[0], seconds[fov], atol=1e-9)
    with nd2.ND2File(path) as file:
        events = file.events()
    for event in events:
        p, t, z = (event[f"{axis} Index"] for axis in "PTZ")
        assert event["Time [s]"] == stamps[p, t, z] / 1000


LEFT_OUT = {
    "one position": ("TZ", (1, 3, 2)),
    "time only": ("T", (1, 3, 1)),
    "positions only": ("P", (3, 1, 1)),
    "z only": ("Z", (1, 1, 3)),
    "a single image": ("", (1, 1, 1)),
    "loops of one step": ("TPZ", (1, 1, 1)),
    "uneven periods": ("NP", (2, 5, 1)),
}


@pytest.mark.parametrize(("loops", "shape"), LEFT_OUT.values(), ids=LEFT_OUT)
@pytest.mark.parametrize("channels", [1, 2])
def test_axes_that_are_left_out(tmp_path, loops, shape, channels):
    p, t, z = shape
    data = pixels(p, t, z, channels)
    path = write_nd2(tmp_path / "a.nd2", data, loops=loops, periods=[(2, 1000.0), (3, 5000.0)])
    np.testing.assert_array_equal(as_nd2_library(path, "PTZCYX"), data)
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert {f.times_source for f in recording.info.fields} == {"stamps"}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixel_types_and_padded_rows(tmp_path, compressed, dtype, width, channels):
    data = pixels(1, 2, 1, channels, 5, width, dtype)
    path = write_nd2(tmp_path / "a.nd2", data, loops="T", compressed=compressed)
    with nd2.ND2File(path) as file:
        for t in range(2):
            np.testing.assert_array_equal(
                np.atleast_3d(file.read_frame(t)).reshape(channels, 5, width), data[0, t, 0]
            )
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert recording.info.dtype == dtype
        assert_same_pixels(recording, data)


def test_large_planes_are_read_in_blocks(tmp_path):
    data = pixels(1, 1, 1, 3, 301, 700)
    write_nd2(tmp_path / "a.nd2", data, loops="T")
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        first, second, third = next(iter(recording.frames(0, [2, 0, 2])))
    np.testing.assert_array_equal(first, data[0, 0, 0, 2])
    np.testing.assert_array_equal(second, data[0, 0, 0, 0])
    np.testing.assert_array_equal(third, first)
    assert not np.shares_memory(first, third)


def test_channel_names(tmp_path):
    names = ["GFP/Grün α", "with  blanks ", "", "GFP/Grün α"]
    write_nd2(tmp_path / "a.nd2", pixels(channels=4), names=names)
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert recording.info.channels == ["GFP/Grün α", "with blanks", "Channel 2", "GFP/Grün α"]


def test_no_pixel_size(tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels(), pixel_um=None)
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert recording.info.pixel_size_um is None


def test_stamps_that_never_change(tmp_path):
    data = pixels(frames=4)
    same = np.full((2, 4, 1), 77.0)
    write_nd2(tmp_path / "a.nd2", data, times_ms=same, period_ms=2000.0)
    write_nd2(tmp_path / "b.nd2", data, times_ms=same)
    write_nd2(
        tmp_path / "c.nd2", data, loops="NPZ", times_ms=same, periods=[(2, 1000.0), (2, 5000.0)]
    )
    for name, times in [
        ("a.nd2", [[0.0, 2.0, 4.0, 6.0]]), ("b.nd2", None), ("c.nd2", [[0.0, 1.0, 2.0, 7.0]])
    ]:  # fmt: skip
        with open_recording(name, base=tmp_path) as recording:
            info = recording.info
        assert "the same for every frame" in " ".join(info.notes)
        for field in info.fields:
            assert field.times == times
            assert field.times_source == ("none" if times is None else "nominal")


def test_times_before_each_image_serve_where_the_table_is_constant(tmp_path):
    data = pixels(fovs=1, frames=3)
    write_nd2(
        tmp_path / "a.nd2", data, loops="T", times_ms=np.full((1, 3, 1), 5.0),
        header_times_ms=np.array([10.0, 1510.0, 4010.0]).reshape(1, 3, 1),
    )  # fmt: skip
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert recording.info.fields[0].times == [[0.0, 1.5, 4.0]]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("width", [8, 9])
def test_stopped_early(tmp_path, compressed, width):
    # positions within time: the last time point is incomplete
    data = pixels(fovs=3, frames=5, planes=2, height=6, width=width, channels=1)
    write_nd2(tmp_path / "a.nd2", data, loops="TPZ", images=21, compressed=compressed)
    with open_recording("a.nd2", base=tmp_path) as recording:
        info = recording.info
        for fov, frames in enumerate([4, 3, 3]):
            field = info.fields[fov]
            assert (field.frames, field.planned_frames, field.missing) == (frames, 5, ())
            assert len(field.times[0]) == frames
            for z in range(2):
                got = np.array(list(recording.frames(fov, [0], z)))
                np.testing.assert_array_equal(got, data[fov, :frames, z])
    assert info.notes == [
        "incomplete: 4 of 5 planned frames exist in field of view 0",
        "incomplete: 3 of 5 planned frames exist in field of view 1-2",
    ]


def test_positions_that_were_never_reached(tmp_path):
    data = pixels(fovs=3, frames=4)
    write_nd2(tmp_path / "a.nd2", data, loops="PT", images=6)
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert [f.frames for f in recording.info.fields] == [4, 2, 0]
        assert recording.info.fields[2].times is None
        np.testing.assert_array_equal(list(recording.frames(1, [0, 1])), data[1, :2, 0])
        with pytest.raises(FoveaError, match=r"field of view 2 has no complete frame.*\[2\]"):
            recording.frames(2, [0])


def test_a_gap(tmp_path):
    data = pixels(fovs=2, frames=5)
    write_nd2(tmp_path / "a.nd2", data, loops="TP", skip=[4])
    with open_recording("a.nd2", base=tmp_path) as recording:
        first, second = recording.info.fields
        assert (first.frames, first.missing, second.frames) == (4, (2,), 5)
        assert first.times == [[0.0, 300.0, 900.0, 1200.0]]
        np.testing.assert_array_equal(list(recording.frames(0, [0, 1])), data[0, [0, 1, 3, 4], 0])
        assert "missing in between: 2" in " ".join(recording.info.notes)


def test_loops_that_do_not_explain_the_images(tmp_path):
    data = pixels(fovs=1, frames=4)
    write_nd2(tmp_path / "none.nd2", data, loops="")
    with open_recording("none.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert "its images are taken as frames in time" in recording.info.notes[0]
        assert recording.info.fields[0].times == [[0.0, 300.0, 600.0, 900.0]]
    write_nd2(tmp_path / "more.nd2", data, loops="T", announced=3)
    with open_recording("more.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data[:, :3])
        assert "holds 4 images, its loops explain 3" in recording.info.notes[0]
    write_nd2(tmp_path / "less.nd2", data, loops="T", announced=9)
    with open_recording("less.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.fields[0].planned_frames == 9


CUT = {
    "attributes first": {"attributes_first": True},
    "attributes last, camera region known": {"camera": (6, 10)},
    "attributes last, binned camera": {"camera": (12, 20)},
    "compressed": {"attributes_first": True, "compressed": True},
    "compressed, attributes last": {"camera": (6, 10), "compressed": True},
}


@pytest.mark.parametrize("options", CUT.values(), ids=CUT)
def test_cut_off_at_random_offsets(tmp_path, options):
    data = pixels(fovs=2, frames=6, planes=1, channels=2, height=6, width=10)
    whole = write_nd2(tmp_path / "whole.nd2", data, loops="TP", **options).read_bytes()
    images = np.cumsum([whole.count(b"ImageDataSeq|%d!" % n) > 0 for n in range(12)])
    assert images[-1] == 12
    rng = np.random.default_rng(7)
    seen = set()
    offsets = [0, 3, 40, len(whole) - 1, *rng.integers(0, len(whole), 20)]
    for offset in offsets:
        (tmp_path / "cut.nd2").write_bytes(whole[:offset])
        try:
            with open_recording("cut.nd2", base=tmp_path) as recording:
                info = recording.info
                for fov, field in enumerate(info.fields):
                    seen.add(field.frames)
                    assert (field.height, field.width, field.planned_frames) == (6, 10, 6)
                    if field.frames:
                        got = np.array(list(recording.frames(fov, [0, 1])))
                        np.testing.assert_array_equal(got, data[fov, : field.frames, 0])
                        expected = [300.0 * n + 10.0 * fov for n in range(field.frames)]
                        assert field.times == [expected]
                assert "cut off" in info.notes[0]
        except FoveaError as error:
            assert_one_line(error, "cut.nd2")
            seen.add(0)
    assert len(seen) >= 5
    # by one byte: everything is there
    (tmp_path / "cut.nd2").write_bytes(whole[:-1])
    with open_recording("cut.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)


def test_cut_off_with_unknown_image_size(tmp_path):
    data = pixels(1, 6, 1, 2, 6, 10)
    whole = write_nd2(tmp_path / "whole.nd2", data, loops="T").read_bytes()
    (tmp_path / "cut.nd2").write_bytes(whole[: int(0.6 * len(whole))])
    with pytest.raises(FoveaError, match="does not say how large its images are"):
        open_recording("cut.nd2", base=tmp_path)
    square = pixels(1, 6, 1, 2, 8, 8)
    whole = write_nd2(tmp_path / "whole.nd2", square, loops="T").read_bytes()
    (tmp_path / "cut.nd2").write_bytes(whole[: int(0.6 * len(whole))])
    with open_recording("cut.nd2", base=tmp_path) as recording:
        assert "images are taken to be square" in " ".join(recording.info.notes)
        frames = recording.info.fields[0].frames
        assert 0 < frames < 6
        np.testing.assert_array_equal(list(recording.frames(0, [0, 1])), square[0, :frames, 0])


def test_real_file_cut_off(tmp_path):
    path = shared("nd2/example-timelapse.nd2")
    expected = as_nd2_library(path, "PTZCYX")[0, :, 0]
    (tmp_path / "cut.nd2").write_bytes(path.read_bytes()[:400_000])
    with open_recording("cut.nd2", base=tmp_path) as recording:
        field = recording.info.fields[0]
        assert (field.frames, field.planned_frames, field.times_source) == (26, 53, "stamps")
        np.testing.assert_array_equal(list(recording.frames(0, [0])), expected[:26])


def test_damaged_inside(tmp_path):
    data = pixels(1, 4, 1, 2, 16, 16)
    path = write_nd2(tmp_path / "a.nd2", data, loops="T")
    content = bytearray(path.read_bytes())
    place = content.index(b"ImageDataSeq|2!")
    content[place - 16 : place] = bytes(16)
    path.write_bytes(content)
    with open_recording("a.nd2", base=tmp_path) as recording:
        frames = recording.frames(0, [0])
        np.testing.assert_array_equal(next(frames)[0], data[0, 0, 0, 0])
        next(frames)
        with pytest.raises(FoveaError, match=r"a.nd2: is damaged: .*ImageDataSeq\|2"):
            next(frames)


def test_file_that_shrinks_after_it_was_opened(tmp_path):
    path = write_nd2(tmp_path / "a.nd2", pixels(1, 8, 1, 2, 64, 64), loops="T")
    with open_recording("a.nd2", base=tmp_path) as recording:
        with open(path, "r+b") as handle:
            handle.truncate(60_000)
        with pytest.raises(FoveaError, match="a.nd2: ends before byte .*; copy it again"):
            list(recording.frames(0, [0, 1]))


def test_unsupported_kinds(tmp_path):
    write_nd2(tmp_path / "float.nd2", pixels(dtype="float32"))
    write_nd2(tmp_path / "rgb.nd2", pixels(channels=3), components_per_channel=3, names=["RGB"])
    write_nd2(tmp_path / "lossy.nd2", pixels(), lossy=True)
    (tmp_path / "old.nd2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200))
    for name, message in [
        ("float.nd2", "its pixels are float32"),
        ("rgb.nd2", "RGB colour"),
        ("lossy.nd2", "compressed with losses"),
        ("old.nd2", "legacy ND2"),
    ]:
        with pytest.raises(FoveaError, match=message) as error:
            open_recording(name, base=tmp_path)
        assert str(error.value).startswith(name)


def test_one_file_per_position(tmp_path):
    data = pixels(fovs=11)
    for p in range(11):
        write_nd2(tmp_path / f"pos_{p}.nd2", data[p : p + 1], loops="T")
    with open_recording("pos_*.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert [f.name for f in recording.info.fields] == [f"pos_{p}" for p in range(11)]
        assert [f.index for f in recording.info.fields] == list(range(11))
    write_nd2(tmp_path / "pos_3.nd2", pixels(1, channels=3), loops="T")
    with open_recording("pos_*.nd2", base=tmp_path) as recording:
        error = recording.info.fields[3].error
    assert error.startswith("pos_3.nd2: its channels ")
    assert "differ from those of pos_0.nd2" in error


def test_nothing_is_left_open(tmp_path):
    path = write_nd2(tmp_path / "a.nd2", pixels())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_recording("a.nd2", base=tmp_path):
            pass
        path.write_bytes(b"")
        with pytest.raises(FoveaError, match="a.nd2: is empty"):
            open_recording("a.nd2", base=tmp_path)

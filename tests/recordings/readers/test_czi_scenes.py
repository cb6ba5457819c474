"""Scenes of a CZI file that differ in frames, channels or planes, and times of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.recordings import assert_same_pixels, pixels

NAMES = '<Channels><Channel Name="Phase"/><Channel Name="GFP"/></Channels>'


def xml(inside: str = "", sizes: str = "", experiment: str = "") -> str:
    return (
        f"<ImageDocument><Metadata>{experiment}<Information><Image>{sizes}"
        "<AcquisitionDateAndTime>2024-02-29T23:59:50Z</AcquisitionDateAndTime>"
        f"<Dimensions>{NAMES}{inside}</Dimensions></Image></Information></Metadata></ImageDocument>"
    )


def read(tmp_path, data, **options):
    write_czi(tmp_path / "a.czi", data, **options)
    return open_recording("a.czi", base=tmp_path)


def test_a_channel_of_every_third_frame(tmp_path):
    data = pixels(2, 7, 1, 2)
    seconds = 300.0 * np.arange(7)[:, None] + np.arange(2) + np.zeros((2, 1, 1))
    with read(
        tmp_path, data, xml=xml(), seconds=seconds, skip=lambda p, t, z, c: c == 1 and t % 3 > 0
    ) as recording:
        for fov, field in enumerate(recording.info.fields):
            assert (field.frames, field.planned_frames) == (7, 7)
            assert field.channel_frames == (tuple(range(7)), (0, 3, 6))
            assert field.times_source == "stamps"
            np.testing.assert_allclose(field.times[0], 300.0 * np.arange(7), atol=1e-6)
            gfp = [np.nan if t % 3 else 300.0 * t + 1 for t in range(7)]
            np.testing.assert_allclose(field.times[1], gfp, atol=1e-6)
            for t, (a, b) in enumerate(recording.frames(fov, [1, 0])):
                np.testing.assert_array_equal(b, data[fov, t, 0, 0])
                assert (a is None) == (t % 3 > 0)


def test_scenes_with_fewer_frames_planes_and_channels(tmp_path):
    data = pixels(4, 3, 3, 2)
    missing = {
        0: lambda t, z, c: False,
        1: lambda t, z, c: t > 1,
        2: lambda t, z, c: z > 0,
        3: lambda t, z, c: c > 0,
    }
    with read(tmp_path, data, xml=xml(), skip=lambda p, t, z, c: missing[p](t, z, c)) as recording:
        every = [(0, 1, 2)] * 2
        found = [(f.frames, f.channel_frames, f.channel_planes) for f in recording.info.fields]
        assert found == [
            (3, None, None),
            (2, None, None),
            (3, None, ((0,), (0,))),
            (3, (every[0], ()), (every[0], ())),
        ]
        for t, planes in enumerate(recording.frames(2, [0, 1], "mean")):
            np.testing.assert_array_equal(planes, data[2, t, 0])
        assert [p is None for p in next(iter(recording.frames(3, [0, 1])))] == [False, True]
        notes = recording.info.notes
    assert notes == [
        "incomplete: 2 of 3 planned frames exist in field of view 1",
        'channel 0 "Phase" was recorded in 1 of 3 z planes (0) in field of view 2',
        'channel 1 "GFP" was recorded in 1 of 3 z planes (0) in field of view 2',
        'channel 1 "GFP" was recorded in 0 of 3 frames in field of view 3',
    ]


def test_one_channel_in_one_z_plane(tmp_path):
    data = pixels(1, 2, 3, 2)
    with read(tmp_path, data, skip=lambda p, t, z, c: c == 0 and z != 1) as recording:
        for z in ("mean", "max", 0):
            for t, (phase, _) in enumerate(recording.frames(0, [0, 1], z)):
                np.testing.assert_array_equal(phase, data[0, t, 1, 0])


def test_a_part_of_a_recording(tmp_path):
    data = pixels(2, 3, 2, 2)
    first = {"S": 1, "T": 4, "Z": 2, "C": 1}
    sizes = "<SizeT>3</SizeT><SizeC>2</SizeC><SizeZ>2</SizeZ>"
    with read(tmp_path, data, first=first, xml=xml(sizes=sizes)) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.notes == []


def test_a_first_channel_that_was_never_recorded(tmp_path):
    data = pixels(1, 3, 1, 2)
    sizes = "<SizeT>3</SizeT><SizeC>2</SizeC>"
    with read(tmp_path, data, xml=xml(sizes=sizes), skip=lambda p, t, z, c: c == 0) as recording:
        assert recording.info.channels == ["Phase", "GFP"]
        assert recording.info.fields[0].channel_frames == ((), (0, 1, 2))
        for t, (phase, gfp) in enumerate(recording.frames(0, [0, 1])):
            assert phase is None
            np.testing.assert_array_equal(gfp, data[0, t, 0, 1])


def test_a_mosaic_whose_tiles_are_not_all_there(tmp_path):
    czi = pytest.importorskip("pylibCZIrw.czi")
    tile = np.ones((8, 8, 1), np.uint16)
    with czi.create_czi(str(tmp_path / "a.czi")) as document:
        for t in range(3):
            for c in range(2):
                for m in range(2 - (c == 1 and t == 1)):
                    document.write(tile, location=(8 * m, 0), plane={"T": t, "C": c, "Z": 0})
    with open_recording("a.czi", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert field.channel_frames == ((0, 1, 2), (0, 2))
        assert recording.info.notes[0] == (
            "field of view 0, channel 1: 1 of 3 planes lacks some of the 2 tiles that others have "
            "and is left out"
        )


TIMES = {
    "an attachment": ({"attached": [0.5, 300.5, 601.0]}, "stamps", [0.0, 300.0, 600.5]),
    "offsets": (
        {"xml": xml("<T><Positions><List><Offsets>0 299.5 600</Offsets></List></Positions></T>")},
        "stamps",
        [0.0, 299.5, 600.0],
    ),
    "an interval of the experiment": (
        {
            "xml": xml(
                experiment='<Experiment><TimeSeriesSetup IsActivated="true"><Interval><TimeSpan>'
                "<Value>5</Value><DefaultUnitFormat>min</DefaultUnitFormat></TimeSpan></Interval>"
                "</TimeSeriesSetup></Experiment>"
            )
        },
        "nominal",
        [0.0, 300.0, 600.0],
    ),
    "an experiment that was not used": (
        {
            "xml": xml(
                experiment='<Experiment><TimeSeriesSetup IsActivated="false"><Interval><TimeSpan>'
                "<Value>5</Value></TimeSpan></Interval></TimeSeriesSetup></Experiment>"
            )
        },
        "none",
        None,
    ),
    "an attachment that fits nothing": ({"attached": [1.0, 2.0]}, "none", None),
}


@pytest.mark.parametrize(("options", "source", "times"), TIMES.values(), ids=TIMES)
def test_times_that_do_not_stand_with_the_tiles(tmp_path, options, source, times):
    with read(tmp_path, pixels(2, 3, 1, 2), **options) as recording:
        for field in recording.info.fields:
            assert (field.times_source, field.times) == (source, times and [times])


def test_attached_times_of_every_scene(tmp_path):
    """The writer goes from scene to scene in each frame."""
    seconds = [0.0, 10.0, 300.0, 311.0, 600.0, 612.0]
    with read(tmp_path, pixels(2, 3, 1, 2), attached=seconds) as recording:
        found = [field.times for field in recording.info.fields]
    assert found == [[[0.0, 300.0, 600.0]], [[10.0, 311.0, 612.0]]]


def test_attached_times_with_a_channel_that_lacks_frames(tmp_path):
    def skip(p, t, z, c):
        return c == 1 and t == 1

    with read(tmp_path, pixels(1, 3, 1, 2), attached=[0.0, 1.0, 5.0], skip=skip) as recording:
        times = recording.info.fields[0].times
    np.testing.assert_array_equal(times[0], [0.0, 1.0, 5.0])


def test_times_of_the_tiles_come_first(tmp_path):
    seconds = np.array([0.0, 60.0, 180.0])[:, None].repeat(2, axis=1)[None]
    with read(
        tmp_path, pixels(1, 3, 1, 2), seconds=seconds, attached=[0.0, 1.0, 2.0], xml=xml()
    ) as recording:
        np.testing.assert_allclose(recording.info.fields[0].times[0], [0.0, 60.0, 180.0])
    same = np.zeros((1, 3, 2))
    with read(
        tmp_path, pixels(1, 3, 1, 2), seconds=same, attached=[0.0, 1.0, 2.0], xml=xml()
    ) as recording:
        assert recording.info.fields[0].times == [[0.0, 1.0, 2.0]]


def test_files_with_attached_times_have_one_clock(tmp_path):
    for minute, name in enumerate("ab"):
        text = xml().replace("23:59:50", f"23:5{minute}:50")
        write_czi(tmp_path / f"{name}.czi", pixels(1, 2, 1, 2), attached=[0.0, 9.0], xml=text)
    with open_recording(["a.czi", "b.czi"], base=tmp_path) as recording:
        assert [f.times for f in recording.info.fields] == [[[0.0, 9.0]], [[60.0, 69.0]]]

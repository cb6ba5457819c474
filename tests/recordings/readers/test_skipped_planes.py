"""Planes that were not recorded, in whose place ND2 files and chunks of Zarr hold zeros."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.recordings.frames import channel_frames
from fovea.recordings.inspect_input import inspect_input, load_metadata, metadata_text
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.nd2 import skipped
from support.nd2_writer import write_nd2
from support.recordings import assert_same_pixels, pixels, shared

NAMES = ["Phase", "GFP"]


def lit(*sizes: int, dtype: str = "uint16") -> np.ndarray:
    """Return random pixels above 0, (P, T, Z, C, H, W), as a camera's offset makes them."""
    return pixels(*sizes, dtype=dtype) | 1


def described(path, **options):
    with open_recording(path.name, base=path.parent, **options) as recording:
        return recording.info, recording.info.notes


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("width", [8, 9])
def test_a_channel_of_every_third_frame(tmp_path, dtype, compressed, width):
    data = lit(2, 7, 1, 2, 40, width, dtype=dtype)
    data[:, [1, 2, 4, 5], :, 1] = 0
    path = write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="TP", compressed=compressed)
    with open_recording("a.nd2", base=tmp_path) as recording:
        for fov, field in enumerate(recording.info.fields):
            assert (field.frames, field.planned_frames, field.missing) == (7, 7, ())
            assert field.channel_frames == (tuple(range(7)), (0, 3, 6))
            frames = list(recording.frames(fov, [1, 0]))
            for t, (gfp, phase) in enumerate(frames):
                np.testing.assert_array_equal(phase, data[fov, t, 0, 0])
                if t % 3:
                    assert gfp is None
                else:
                    np.testing.assert_array_equal(gfp, data[fov, t, 0, 1])
    info, notes = described(path)
    assert notes == [
        'channel 1 "GFP": 8 planes hold only zeros and are taken as not recorded',
        'channel 1 "GFP" was recorded in 3 of 7 frames (0, 3, 6) in every field of view',
    ]
    assert '\nchannel_frames: [0-6, "0, 3, 6"]\n' in metadata_text(info).replace("'", '"')
    assert [len(row) for row in info.fields[0].times] == [7]  # one exposure time for all channels


def test_an_end_point_stain_and_a_stain_of_some_fields(tmp_path):
    data = lit(3, 4, 1, 3, 12, 10)
    data[:, :3, :, 1] = 0
    data[1, :, :, 2] = 0
    path = write_nd2(tmp_path / "a.nd2", data, loops="PT")
    info, _ = described(path)
    everything = (0, 1, 2, 3)
    assert [field.channel_frames for field in info.fields] == [
        (everything, (3,), everything),
        (everything, (3,), ()),
        (everything, (3,), everything),
    ]


@pytest.mark.parametrize("compressed", [False, True])
def test_one_z_plane(tmp_path, compressed):
    data = lit(1, 3, 5, 2, 16, 20)
    data[:, :, [0, 1, 3, 4], 0] = 0
    write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="TZ", compressed=compressed)
    with open_recording("a.nd2", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert (field.frames, field.channel_frames) == (3, None)
        assert field.channel_planes == ((2,), (0, 1, 2, 3, 4))
        for z in ("mean", "max", 4):
            for t, (phase, gfp) in enumerate(recording.frames(0, [0, 1], z)):
                np.testing.assert_array_equal(phase, data[0, t, 2, 0])
                if z == 4:
                    np.testing.assert_array_equal(gfp, data[0, t, 4, 1])
                elif z == "max":
                    np.testing.assert_array_equal(gfp, data[0, t, :, 1].max(axis=0))
        assert 'channel 0 "Phase" was recorded in 1 of 5 z planes (2)' in recording.info.notes[-1]


def test_blank_images_of_all_channels_are_missing_frames(tmp_path):
    data = lit(1, 6, 1, 2, 12, 10)
    data[0, [2, 5]] = 0
    info, notes = described(write_nd2(tmp_path / "a.nd2", data, loops="T"))
    (field,) = info.fields
    assert (field.frames, field.planned_frames, field.missing) == (4, 6, (2,))
    assert field.channel_frames is None
    assert field.times == [[0.0, 300.0, 900.0, 1200.0]]
    assert "incomplete: 4 of 6 planned frames" in notes[-1]


def test_a_channel_that_is_zero_everywhere_is_kept_and_said(tmp_path):
    data = lit(2, 3, 1, 2, 12, 10)
    data[:, :, :, 1] = 0
    path = write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="TP")
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
    assert described(path)[1] == [
        'channel 1 "GFP" is 0 in every plane that was looked at; it was not recorded, or its '
        "detector was off"
    ]


def test_dark_planes_with_an_offset_are_kept(tmp_path):
    data = lit(1, 5, 1, 2, 12, 10)
    data[0, 3, 0, 1] = 100
    path = write_nd2(tmp_path / "a.nd2", data, loops="T")
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
    assert described(path)[1] == []


def test_dark_z_planes_of_a_confocal_microscope_are_kept(tmp_path):
    """Its detector shows the background as 0, and cells in the middle planes only."""
    data = lit(1, 3, 6, 2, 40, 50)
    z = np.arange(6)
    data[:, :, :, 1] *= (z[:, None, None] > 1) & (z[:, None, None] < 5) & (np.arange(50) % 9 < 2)
    data[0, 0, 4, 1] = 0  # faint at one end: nothing in one frame, little in the others
    data[0, 1:, 4, 1, 1:] = 0
    path = write_nd2(tmp_path / "a.nd2", data, loops="TZ")
    with open_recording("a.nd2", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
    assert described(path)[1] == []
    data[0, 1, :, 1] = 0  # a whole frame of it: not recorded where others show much
    info, _ = described(write_nd2(tmp_path / "b.nd2", data, loops="TZ"))
    assert info.fields[0].channel_frames == ((0, 1, 2), (0, 2))


def test_the_real_confocal_recording_is_complete():
    with open_recording(str(shared("nd2/cluster.nd2"))) as recording:
        (field,) = recording.info.fields
        assert (field.channel_frames, field.channel_planes) == (None, None)


@pytest.mark.parametrize("compressed", [False, True])
def test_planes_with_few_pixels_above_zero_are_recorded(tmp_path, compressed):
    """Rows that were looked at are 0 by chance; the planes are then read completely."""
    data = lit(1, 6, 1, 2, 64, 30)
    data[0, 1:5, 0, 1] = 0
    data[0, [1, 3, 4], 0, 1, 61, 7] = 200
    path = write_nd2(tmp_path / "a.nd2", data, loops="T", compressed=compressed)
    with open_recording("a.nd2", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert field.channel_frames == (tuple(range(6)), (0, 1, 3, 4, 5))
        frames = [gfp for (gfp,) in recording.frames(0, [1])]
        np.testing.assert_array_equal(frames[4], data[0, 4, 0, 1])
        assert frames[2] is None
    assert described(path)[0].fields[0].channel_frames == field.channel_frames


def test_complete_recordings_are_not_read_for_it(tmp_path, monkeypatch):
    """One row of each image is read, and nothing of the other fields of view when one is copied."""
    data = lit(4, 5, 2, 2, 64, 10)
    write_nd2(tmp_path / "a.nd2", data, loops="TPZ")
    rows: list[int] = []
    look = skipped.ImageRows.filled

    def counting(self, number, wanted):
        rows.append(len(wanted))
        return look(self, number, wanted)

    monkeypatch.setattr(skipped.ImageRows, "filled", counting)
    with open_recording("a.nd2", base=tmp_path) as recording:
        list(recording.frames(2, [0]))
        assert rows == [1] * 20  # those of the first field, too, which show that it is complete
        assert recording.info.notes == []
    assert rows == [1] * 40


def test_asked_after_the_file_was_closed(tmp_path):
    data = lit(1, 3, 1, 2, 12, 10)
    data[0, 1, 0, 1] = 0
    write_nd2(tmp_path / "a.nd2", data, loops="T")
    with open_recording("a.nd2", base=tmp_path) as recording:
        info = recording.info
    assert info.fields[0].channel_frames == ((0, 1, 2), (0, 2))


def test_a_channel_that_shows_nothing_in_some_files_of_a_list(tmp_path):
    """A stain in one of three positions, each of which is a file."""
    data = lit(3, 4, 1, 3, 12, 10)
    data[:2, :, :, 1] = 0
    data[..., 2, :, :] = 0  # in no file, so nothing shows that it was skipped
    for p in range(3):
        write_nd2(tmp_path / f"p{p}.nd2", data[p : p + 1], loops="T")
    inspect_input("p*.nd2", tmp_path / "metadata.yaml", base=tmp_path)
    metadata = load_metadata(tmp_path / "metadata.yaml")
    assert [channel_frames(metadata, fov, 1).tolist() for fov in range(3)] == [[], [], [0, 1, 2, 3]]
    assert [len(channel_frames(metadata, fov, 2)) for fov in range(3)] == [4, 4, 4]
    with open_recording("p*.nd2", base=tmp_path, metadata=metadata) as recording:
        for fov in (0, 2):
            for t, (phase, gfp, dead) in enumerate(recording.frames(fov, [0, 1, 2])):
                np.testing.assert_array_equal(phase, data[fov, t, 0, 0])
                assert (gfp is None) == (fov == 0)
                assert not dead.any()


def test_many_frames_are_named_briefly(tmp_path):
    data = lit(1, 60, 1, 2, 12, 10)
    data[:, [t for t in range(60) if t % 3], :, 1] = 0
    notes = described(write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="T"))[1]
    assert notes[-1] == (
        'channel 1 "GFP" was recorded in 20 of 60 frames (0, 3, 6, 9, ..., 57) in every field of '
        "view"
    )


PHASES = {"periods": [(3, 1000.0), (2, 5000.0)], "phases": [["Phase"], ["Phase", "GFP"]]}


def test_phases_with_channels_of_their_own(tmp_path):
    """The file says what was recorded, so a dark plane is told from a skipped one."""
    data = lit(2, 5, 1, 2, 12, 10)
    data[:, :3, :, 1] = 0  # not recorded
    data[1, 4, :, 1] = 0  # dark
    path = write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="NP", **PHASES)
    with open_recording("a.nd2", base=tmp_path) as recording:
        for fov in range(2):
            assert recording.info.fields[fov].channel_frames == ((0, 1, 2, 3, 4), (3, 4))
            for t, (_, gfp) in enumerate(recording.frames(fov, [0, 1])):
                if t < 3:
                    assert gfp is None
                else:
                    np.testing.assert_array_equal(gfp, data[fov, t, 0, 1])
    data[..., 1, :, :] = 0  # dark wherever it was recorded
    info, _ = described(write_nd2(path, data, names=NAMES, loops="NP", **PHASES))
    assert [f.channel_frames for f in info.fields] == [((0, 1, 2, 3, 4), (3, 4))] * 2


def test_phases_do_not_take_away_what_was_recorded(tmp_path):
    data = lit(1, 5, 3, 2, 12, 10)
    data[:, 1:3, :, 1] = 0
    data[:, :, [0, 2], 1] = 0  # in one z plane only
    path = write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="NZ", **PHASES)
    (field,) = described(path)[0].fields
    assert field.channel_frames == ((0, 1, 2, 3, 4), (0, 3, 4))
    assert field.channel_planes == ((0, 1, 2), (1,))


def test_phases_that_say_nothing(tmp_path):
    data = lit(1, 5, 1, 2, 12, 10)
    data[:, :3, :, 1] = 0
    for phases in ([["Phase", "GFP"]] * 2, [["Phase"]] * 3, [["BF"], ["Phase", "GFP"]], [[], []]):
        options = {**PHASES, "phases": phases}
        path = write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="N", **options)
        assert described(path)[0].fields[0].channel_frames == ((0, 1, 2, 3, 4), (3, 4))


def test_one_plane_of_zeros_is_named_in_the_singular(tmp_path):
    data = lit(1, 6, 1, 2, 12, 10)
    data[:, 4, :, 1] = 0
    notes = described(write_nd2(tmp_path / "a.nd2", data, names=NAMES, loops="T"))[1]
    assert notes[0] == ('channel 1 "GFP": 1 plane holds only zeros and is taken as not recorded')

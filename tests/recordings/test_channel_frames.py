"""Channels that were recorded in some frames or z planes only."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis.extra.numpy import arrays

from fovea.errors import FoveaError
from fovea.recordings.frames import channel_frames, recorded_planes
from fovea.recordings.inspect_input import metadata_text
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.stack import Stack, StackRecording
from fovea.recordings.readers.stamps import set_times

SIZES = 6, 2, 3


class Planes(StackRecording):
    """A recording of planes whose value is 100 t + 10 c + z."""

    def __init__(self, exists, recorded=None, stamps=None):
        self.source, self.exists, self.recorded = "a.tif", exists, recorded
        stack = Stack("a.tif", "", 2, 3, "uint16", exists.shape, ["Phase", "GFP"], stamps=stamps)
        self._stacks = [stack]
        self.info = self.describe_stacks("TIFF", ["a.tif"], [])

    def close(self):
        pass

    def existing_planes(self, fov):
        return self.exists

    def planes(self, fov):
        return self.exists, self.exists if self.recorded is None else self.recorded

    def read_planes(self, fov, frame, z, channels):
        assert all(self.exists[frame, channel, z] for channel in channels)
        return [np.full((2, 3), 100 * frame + 10 * c + z, np.uint16) for c in channels]


def _field():
    return FieldInfo(0, "", 2, 3, SIZES[2])


@given(arrays(bool, SIZES), arrays(bool, SIZES))
def test_what_exists_against_its_definition(exists, recorded):
    recorded = recorded | exists
    field = _field()
    field.set_existing(exists, recorded)
    own = [[z for z in range(3) if recorded[:, c, z].any()] for c in range(2)]
    has = [
        {t for t in range(6) if own[c] and all(exists[t, c, z] for z in own[c])} for c in range(2)
    ]
    numbers = sorted(has[0] | has[1])
    while numbers and (recorded[numbers[-1]] & ~exists[numbers[-1]]).any():
        numbers.pop()
    assert field.frame_numbers == numbers
    assert (field.frames, field.planned_frames) == (len(numbers), 6)
    expected = [[numbers.index(t) for t in sorted(has[c]) if t in numbers] for c in range(2)]
    assert [list(field.frames_of(c)) for c in range(2)] == expected
    assert (field.channel_frames is None) == all(len(row) == len(numbers) for row in expected)
    assert [list(field.planes_of(c)) for c in range(2)] == own


def test_frames_that_a_channel_lacks_are_none():
    exists = np.ones(SIZES, bool)
    exists[[1, 2, 4, 5], 1] = False
    recording = Planes(exists)
    frames = list(recording.frames(0, [1, 0], z=2))
    assert [planes[0] is None for planes in frames] == [False, True, True, False, True, True]
    assert [int(planes[1][0, 0]) for planes in frames] == [2, 102, 202, 302, 402, 502]
    assert int(frames[3][0][0, 0]) == 312
    assert recording.info.notes == [
        'channel 1 "GFP" was recorded in 2 of 6 frames (0, 3) in every field of view'
    ]


def test_a_channel_of_one_plane_is_not_averaged_with_planes_it_lacks():
    exists = np.ones(SIZES, bool)
    exists[:, 0] = False
    exists[:, 0, 1] = True
    recording = Planes(exists)
    for z, second in (("mean", 11), ("max", 12), (2, 12)):
        phase, fluorescence = next(recording.frames(0, [0, 1], z))
        assert (int(phase[0, 0]), int(fluorescence[0, 0])) == (1, second)
    assert recording.info.notes == [
        'channel 0 "Phase" was recorded in 1 of 3 z planes (1) in every field of view'
    ]


def test_a_plane_that_a_channel_lacks_is_refused():
    exists = np.ones(SIZES, bool)
    exists[:, 1, 0] = False
    with pytest.raises(FoveaError, match="no z plane 0 of channel 1, .* planes 1-2; correct `z`"):
        Planes(exists).frames(0, [0, 1], 0)


def test_stamps_where_the_channel_was_recorded():
    field = _field()
    exists = np.ones(SIZES, bool)
    exists[[1, 2], 1] = False
    field.set_existing(exists)
    stamps = np.stack([np.arange(6.0), np.arange(6.0) + 0.5])
    stamps[1, 1] = np.nan
    assert set_times([field], [stamps], [None]) == ([], 0.0)
    assert field.times_source == "stamps"
    np.testing.assert_array_equal(field.times[1], [0.5, np.nan, np.nan, 3.5, 4.5, 5.5])
    stamps[1, 3] = np.nan  # a frame that the channel has
    assert set_times([field], [stamps], [None])[0][0].startswith("time stamps not used: some are")


@pytest.mark.parametrize("alike", [True, False])
def test_metadata_state_the_frames_of_each_channel(alike):
    fields = []
    for index in range(2):
        field = FieldInfo(index, "", 2, 3, 3)
        exists = np.ones(SIZES, bool)
        exists[:5, 1] = False
        exists[:, 0, 1:] = False
        if index and not alike:
            exists[:] = True
        field.set_existing(exists)
        fields.append(field)
    info = RecordingInfo("TIFF", ["a.tif"], "uint16", ["Phase", "GFP"], None, fields)
    metadata = yaml.safe_load(metadata_text(info))
    assert ("channel_frames" in metadata) == alike
    assert channel_frames(metadata, 0, 1).tolist() == [5]
    assert channel_frames(metadata, 0, 0).tolist() == [0, 1, 2, 3, 4, 5]
    assert channel_frames(metadata, 1, 1).tolist() == ([5] if alike else [0, 1, 2, 3, 4, 5])
    assert recorded_planes(metadata, 0) == ((0,), (0, 1, 2))

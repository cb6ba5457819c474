"""OME-Zarr stores that lack channels, planes, fields or wells that others have."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.zarr import chunks as stored
from support.recordings import pixels, write_ome_zarr
from support.zarr_writer import write_bioformats2raw, write_group, write_plate

FIELDS = [("A/1", "0"), ("A/1", "1"), ("A/2", "0"), ("B/1", "0")]


def write_images(path, images, labels):
    """Write images (T, Z, C, H, W) of a store, each with its own labels."""
    for i, (image, names) in enumerate(zip(images, labels, strict=True)):
        write_ome_zarr(path / str(i), image, labels=names)
    write_group(path, "0.5", **{"bioformats2raw.layout": 3})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_channel_of_every_third_frame(tmp_path, version):
    data = pixels(1, 7, 1, 2)[0]
    data[[1, 2, 4, 5], :, 1] = 0  # zarr writes no chunk that is 0
    write_ome_zarr(tmp_path / "a.zarr", data, version=version, interval=300.0)
    with open_recording("a.zarr", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert (field.frames, field.channel_frames) == (7, (tuple(range(7)), (0, 3, 6)))
        assert [b is None for _, b in recording.frames(0, [0, 1])] == [0, 1, 1, 0, 1, 1, 0]
        for t, (phase,) in enumerate(recording.frames(0, [0])):
            np.testing.assert_array_equal(phase, data[t, 0, 0])


def test_one_channel_in_one_z_plane(tmp_path):
    data = pixels(1, 2, 3, 2)[0]
    data[:, [0, 2], 0] = 0
    write_ome_zarr(tmp_path / "a.zarr", data)
    with open_recording("a.zarr", base=tmp_path) as recording:
        for t, (phase, _) in enumerate(recording.frames(0, [0, 1], "mean")):
            np.testing.assert_array_equal(phase, data[t, 1, 0])


def test_images_with_fewer_frames_planes_and_channels(tmp_path):
    full = pixels(4, 3, 2, 3)
    images = [full[0, :, :, [2, 0]].transpose(1, 2, 0, 3, 4), full[1], full[2, :2], full[3, :, :1]]
    names = ["Phase", "GFP", "RFP"]
    write_images(tmp_path / "a.zarr", images, [["RFP", "Phase"], names, names, names])
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert info.channels == names
        assert [(f.frames, f.planes) for f in info.fields] == [(3, 2), (3, 2), (2, 2), (3, 1)]
        every = (0, 1, 2)
        assert info.fields[0].channel_frames == (every, (), every)
        assert [f.channel_frames for f in info.fields[1:]] == [None] * 3
        for fov, data in enumerate(full):
            frames = list(recording.frames(fov, [2, 1, 0]))
            assert len(frames) == info.fields[fov].frames
            for t, (rfp, gfp, phase) in enumerate(frames):
                np.testing.assert_array_equal(rfp, data[t, 0, 2])
                np.testing.assert_array_equal(phase, data[t, 0, 0])
                assert (gfp is None) == (fov == 0)


def test_channels_in_another_order(tmp_path):
    data = pixels(2, 2, 1, 2)
    write_images(tmp_path / "a.zarr", [data[0], data[1]], [["Phase", "GFP"], ["GFP", "Phase"]])
    with open_recording("a.zarr", base=tmp_path) as recording:
        for t, (phase, gfp) in enumerate(recording.frames(1, [0, 1])):
            np.testing.assert_array_equal(phase, data[1, t, 0, 1])
            np.testing.assert_array_equal(gfp, data[1, t, 0, 0])


def test_fewer_channels_without_names_are_refused(tmp_path):
    data = pixels(2, 2, 1, 2)
    write_images(tmp_path / "a.zarr", [data[0], data[1, :, :, :1]], [None, None])
    with (
        pytest.raises(FoveaError, match=r"^a\.zarr: image 1 differs from the others .*1 channels"),
        open_recording("a.zarr", base=tmp_path),
    ):
        pass


def test_wells_and_fields_that_a_plate_lists_and_does_not_hold(tmp_path):
    data = pixels(4, 2, 1, 1)
    path = write_plate(tmp_path / "a.zarr", data, FIELDS)
    shutil.rmtree(path / "A" / "2")
    shutil.rmtree(path / "A" / "1" / "1")
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert [f.name for f in recording.info.fields] == ["A1 0", "B1 0"]
        assert recording.info.notes == [
            "the plate lists 1 well (A2), which the store does not hold",
            "the plate lists 1 field (A1 1), which the store does not hold",
        ]
    for well in ("A/1", "B/1"):
        shutil.rmtree(path / well)
    with (
        pytest.raises(FoveaError, match=r"^a\.zarr: its plate lists 3 parts \(A1, A2, B1\), and"),
        open_recording("a.zarr", base=tmp_path),
    ):
        pass


@pytest.mark.parametrize("series", [False, True])
def test_a_series_that_is_missing(tmp_path, series):
    data = pixels(3, 2, 1, 2)
    deltas = np.arange(3)[:, None, None] * 100.0 + np.arange(2)[:, None] * 7.0 + np.zeros(2)
    path = write_bioformats2raw(tmp_path / "a.zarr", data, series=series, deltas=deltas)
    shutil.rmtree(path / "1")
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert [f.name for f in info.fields] == ["well 0", "well 2"]
        assert info.fields[1].times == [[200.0, 207.0]]
        assert info.notes == ["the store lists 1 image (1), which the store does not hold"]


def test_an_image_without_its_array_and_a_store_without_pixels(tmp_path):
    data = pixels(3, 2, 1, 1)
    path = write_plate(tmp_path / "a.zarr", data, FIELDS[:3])
    shutil.rmtree(path / "A" / "1" / "1" / "0")
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert [f.name for f in recording.info.fields] == ["A1 0", "A2 0"]
        assert "lists 1 field (A1 1), which the store" in recording.info.notes[0]
    for chunks in path.glob("A/*/*/0/c"):
        shutil.rmtree(chunks)
    with (
        pytest.raises(FoveaError, match=r"^a\.zarr: none of the chunks of its 2 images is there"),
        open_recording("a.zarr", base=tmp_path),
    ):
        pass


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [(1, 1, 2, 12, 10), (3, 1, 2, 5, 10), (7, 1, 1, 12, 10)])
def test_planes_of_zeros_in_chunks_with_others(tmp_path, version, chunks):
    data = pixels(1, 7, 1, 2)[0] | 1
    data[[1, 2, 4, 5], :, 1] = 0
    write_ome_zarr(tmp_path / "a.zarr", data, version=version, axes="tzcyx", chunks=chunks)
    with open_recording("a.zarr", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert field.channel_frames == (tuple(range(7)), (0, 3, 6))
        assert 'channel 1 "Channel 1": 4 planes hold only zeros' in recording.info.notes[0]
        for t, (phase, gfp) in enumerate(recording.frames(0, [0, 1])):
            np.testing.assert_array_equal(phase, data[t, 0, 0])
            assert (gfp is None) == (t % 3 > 0)


@pytest.mark.parametrize(("zeros", "expected"), [([], 8), (range(0, 40, 2), 40)])
def test_only_some_chunks_are_read_where_no_plane_is_zero(tmp_path, monkeypatch, zeros, expected):
    data = pixels(1, 40, 1, 2)[0] | 1
    data[list(zeros), :, 1] = 0
    write_ome_zarr(tmp_path / "a.zarr", data, axes="tcyx", chunks=(1, 2, 12, 10))
    read = []
    look = zarr.Array.__getitem__

    def counting(self, where):
        read.append(where)
        return look(self, where)

    monkeypatch.setattr(stored, "MOST_PIXELS", 1)
    monkeypatch.setattr(zarr.Array, "__getitem__", counting)
    with open_recording("a.zarr", base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert field.frames == 40
        assert len(field.frames_of(1)) == 40 - len(zeros)
    assert len(read) == expected


def test_a_damaged_chunk_is_no_plane_of_zeros(tmp_path):
    data = pixels(1, 4, 1, 2)[0] | 1
    path = write_ome_zarr(tmp_path / "a.zarr", data, axes="tcyx", chunks=(2, 2, 12, 10))
    chunk = path / "0/c/1/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert recording.info.fields[0].frames == 4
        assert recording.info.notes == []
        with pytest.raises(FoveaError, match=r"^a\.zarr: image .* cannot be read"):
            list(recording.frames(0, [0]))


def test_reading_one_field_looks_at_the_files_of_few(tmp_path, monkeypatch):
    """As every job that copies a field of view opens the store."""
    data = pixels(4, 2, 1, 2)
    write_plate(tmp_path / "a.zarr", data, FIELDS)
    looked = []
    look = stored.stored_planes
    monkeypatch.setattr(
        "fovea.recordings.readers.zarr.reader.stored_planes",
        lambda image: looked.append(image.name) or look(image),
    )
    with open_recording("a.zarr", base=tmp_path) as recording:
        list(recording.frames(3, [0, 1]))
    assert looked == ["A1 0", "B1 0"]  # the first shows that the store has pixels

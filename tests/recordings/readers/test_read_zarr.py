"""OME-Zarr of all versions and layouts against what was written, and against ome-zarr-py."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from support.recordings import assert_same_pixels, pixels, write_ome_zarr
from support.zarr_writer import write_bioformats2raw, write_plate

CHUNKS = {
    "a plane": {},
    "tiles": {"chunks": (1, 1, 1, 5, 4)},
    "deep": {"chunks": (2, 2, 3, 12, 10)},
    "uneven": {"chunks": (3, 1, 2, 7, 3)},
}


@pytest.mark.parametrize("options", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_one_image(tmp_path, version, options):
    data = pixels(1, 5, 3, 2)
    write_ome_zarr(
        tmp_path / "a.zarr", data[0], version=version, labels=["Phase", "GFP/ä"], interval=300.0,
        **options,
    )  # fmt: skip
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.format == "OME-Zarr"
        assert info.channels == ["Phase", "GFP/ä"]
        assert info.pixel_size_um == {"y": 0.5, "x": 0.5}
        assert info.fields[0].times == [[0.0, 300.0, 600.0, 900.0, 1200.0]]
        assert info.fields[0].times_source == "nominal"
        assert info.notes == []


SHARDS = {"frames": (4, 1, 1, 12, 10), "all": (8, 2, 3, 12, 10), "tiles": (1, 1, 1, 12, 10)}


@pytest.mark.parametrize("shards", SHARDS.values(), ids=SHARDS)
def test_shards(tmp_path, shards):
    data = pixels(1, 7, 3, 2)
    chunks = (1, 1, 1, 6, 5) if shards == SHARDS["tiles"] else (1, 1, 1, 12, 10)
    write_ome_zarr(tmp_path / "a.zarr", data[0], shards=shards, chunks=chunks)
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert_same_pixels(recording, data)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("tczyx", (3, 2, 2)), ("tcyx", (3, 1, 2)), ("tzyx", (3, 2, 1)), ("czyx", (1, 2, 2)),
        ("tyx", (3, 1, 1)), ("yx", (1, 1, 1)), ("cyx", (1, 1, 2)), ("ctzyx", (3, 2, 2)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2"])
def test_axes(tmp_path, axes, shape, dtype):
    data = pixels(1, *shape, dtype=np.dtype(dtype).name).astype(dtype)
    write_ome_zarr(tmp_path / "a.zarr", data[0], version="0.4", axes=axes, pixel_um=None)
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.pixel_size_um is None
        assert recording.info.fields[0].times_source == "none"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plate(tmp_path, version):
    data = pixels(5, 2, 1, 2)
    fields = [("A/1", "0"), ("A/1", "1"), ("A/2", "0"), ("B/1", "0"), ("B/1", "1")]
    write_plate(tmp_path / "p.zarr", data, fields, version=version)
    with open_recording("p.zarr", base=tmp_path) as recording:
        assert [f.name for f in recording.info.fields] == ["A1 0", "A1 1", "A2 0", "B1 0", "B1 1"]
        assert_same_pixels(recording, data)
    with open_recording("p.zarr/B/1", base=tmp_path) as recording:
        assert_same_pixels(recording, data[3:])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("series", [True, False])
def test_bioformats2raw(tmp_path, version, series):
    data = pixels(11, 3, 1, 2)
    deltas = np.random.default_rng(6).uniform(5, 50, (11, 3, 2)).cumsum(axis=1)
    write_bioformats2raw(tmp_path / "a.zarr", data, version=version, series=series, deltas=deltas)
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.channels == ["BF", "mCherry"]
        assert info.pixel_size_um == {"y": 0.25, "x": 0.25}
        assert [f.name for f in info.fields] == [f"well {i}" for i in range(11)]
        assert info.fields[4].stage_position_um == {"x": 1000.0, "y": 2.0}
        for fov, field in enumerate(info.fields):
            assert field.times_source == "stamps"
            np.testing.assert_allclose(field.times, deltas[fov].T - deltas.min(), atol=1e-9)


def test_several_stores(tmp_path):
    data = pixels(3, 4, 1, 2)
    for p in range(3):
        write_ome_zarr(tmp_path / f"pos_{p}.zarr", data[p])
    for source in ("pos_*.zarr", [f"pos_{p}.zarr" for p in range(3)], "."):
        with open_recording(source, base=tmp_path) as recording:
            assert_same_pixels(recording, data)
            assert [f.name for f in recording.info.fields] == ["pos_0", "pos_1", "pos_2"]


def _remove(store, chunk: str) -> None:
    path = store / "0" / chunk
    path.unlink() if path.is_file() else shutil.rmtree(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_frames_that_were_never_written(tmp_path, version):
    data = pixels(1, 6, 1, 2)
    store = write_ome_zarr(tmp_path / "a.zarr", data[0], version=version)
    name = "{}.{}.0.0.0" if version == "0.4" else "c/{}/{}/0/0/0"
    _remove(store, name.format(5, 0))
    _remove(store, name.format(5, 1))
    _remove(store, name.format(4, 1))
    with open_recording("a.zarr", base=tmp_path) as recording:
        field = recording.info.fields[0]
        assert (field.frames, field.planned_frames, field.missing) == (5, 6, ())
        assert field.channel_frames == ((0, 1, 2, 3, 4), (0, 1, 2, 3))
        *first, (phase, nothing) = recording.frames(0, [0, 1])
        np.testing.assert_array_equal(first, data[0, :4, 0])
        np.testing.assert_array_equal(phase, data[0, 4, 0, 0])
        assert nothing is None
        assert "5 of 6 planned frames" in recording.info.notes[0]
        assert recording.info.notes[1] == (
            'channel 1 "Channel 1" was recorded in 4 of 5 frames (0-3) in every field of view'
        )
    _remove(store, name.format(1, 0))
    with open_recording("a.zarr", base=tmp_path) as recording:
        field = recording.info.fields[0]
        assert (field.frames, field.missing) == (5, ())
        assert field.channel_frames == ((0, 2, 3, 4), (0, 1, 2, 3))
        without, second = next(iter(recording.frames(0, [0, 1], only=[1])))
        assert without is None
        np.testing.assert_array_equal(second, data[0, 1, 0, 1])
    _remove(store, name.format(1, 1))
    with open_recording("a.zarr", base=tmp_path) as recording:
        field = recording.info.fields[0]
        assert (field.frames, field.missing) == (4, (1,))
        assert field.channel_frames == ((0, 1, 2, 3), (0, 1, 2))


def test_shards_that_are_not_full(tmp_path):
    data = pixels(1, 8, 1, 1)
    store = write_ome_zarr(
        tmp_path / "a.zarr", data[0], shards=(4, 1, 1, 12, 10), chunks=(1, 1, 1, 12, 10)
    )
    array = zarr.open_array(store / "0", mode="r+")
    _remove(store, "c/1/0/0/0/0")
    array[4:6] = data[0, 4:6]  # the rest of the second shard is never written
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert recording.info.fields[0].frames == 6
        np.testing.assert_array_equal(list(recording.frames(0, [0])), data[0, :6, 0])


def test_damaged_chunk(tmp_path):
    store = write_ome_zarr(tmp_path / "a.zarr", pixels(1, 3, 1, 1)[0])
    chunk = store / "0/c/1/0/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with open_recording("a.zarr", base=tmp_path) as recording:
        frames = recording.frames(0, [0])
        next(frames)
        with pytest.raises(FoveaError, match=r"^a\.zarr: image .* cannot be read") as error:
            next(frames)
    assert "\n" not in str(error.value)


def test_chunks_are_decoded_once(tmp_path, monkeypatch):
    data = pixels(1, 6, 4, 2)
    write_ome_zarr(tmp_path / "a.zarr", data[0], chunks=(3, 1, 4, 12, 10))
    reads = []
    original = zarr.Array.__getitem__

    def counting(self, key):
        reads.append(key)
        return original(self, key)

    monkeypatch.setattr(zarr.Array, "__getitem__", counting)
    with open_recording("a.zarr", base=tmp_path) as recording:
        assert recording.info.fields[0].frames == 6
        reads.clear()  # of looking for planes of zeros
        got = np.array(list(recording.frames(0, [0, 1], "max")))
    np.testing.assert_array_equal(got, data[0].max(axis=1))
    assert len(reads) == 4


def test_hostile_stores(tmp_path):
    zarr.create_array(tmp_path / "array.zarr", shape=(3, 4), dtype="uint16", chunks=(3, 4))
    zarr.create_array(
        tmp_path / "old.zarr", shape=(3, 4), dtype="uint16", chunks=(3, 4), zarr_format=2
    )
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    write_ome_zarr(tmp_path / "float.zarr", pixels(dtype="float32")[0])
    bad = write_ome_zarr(tmp_path / "axes.zarr", pixels()[0])
    about = json.loads((bad / "zarr.json").read_text())
    about["attributes"]["ome"]["multiscales"][0]["axes"][1]["name"] = "phase"
    about["attributes"]["ome"]["multiscales"][0]["axes"][1]["type"] = "other"
    (bad / "zarr.json").write_text(json.dumps(about))
    gone = write_ome_zarr(tmp_path / "gone.zarr", pixels()[0])
    shutil.rmtree(gone / "0")
    broken = write_ome_zarr(tmp_path / "broken.zarr", pixels()[0])
    (broken / "zarr.json").write_text("{")
    for name, message in [
        ("array.zarr", "Zarr array without OME metadata"),
        ("old.zarr", "Zarr array without OME metadata"),
        ("group.zarr", "no OME-Zarr image, plate"),
        ("float.zarr", "its pixels are float32"),
        ("axes.zarr", "its axes are t, phase, z, y, x"),
        ("gone.zarr", "the array 0 of image 0 is missing"),
        ("broken.zarr", r"zarr\.json in it cannot be read"),
    ]:
        with pytest.raises(FoveaError, match=message) as error:
            open_recording(name, base=tmp_path)
        assert str(error.value).startswith(f"{name}: ")
        assert "\n" not in str(error.value)

"""`metadata.yaml`: what it says, its size, and the times that are read from it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from fovea.errors import FoveaError
from fovea.recordings.fingerprint import fingerprint
from fovea.recordings.inspect_input import fov_count, inspect_input, load_metadata, metadata_text
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.times import frame_times, stored_times
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import assert_same_field, pixels, write_ome_tiff, write_ome_zarr


def inspected(tmp_path, source, **options):
    inspect_input(source, tmp_path / "metadata.yaml", base=tmp_path, **options)
    return load_metadata(tmp_path / "metadata.yaml")


def test_what_it_says(tmp_path, caplog):
    data = pixels(fovs=2, frames=4, channels=3, height=7, width=9)
    times = np.array([[0, 1.5, 3.25, 5], [0.5, 2, 3.5, 5]])[:, :, None] * 1000 + 2000
    write_nd2(
        tmp_path / "rec.nd2", data, names=["Phase", "GFP/Grün: #1", "no"], times_ms=times,
        position_names=["A", "yes"], images=7,
    )  # fmt: skip
    with caplog.at_level(logging.INFO):
        metadata = inspected(tmp_path, "rec.nd2")
    assert metadata == {
        "format": "ND2",
        "files": ["rec.nd2"],
        "dtype": "uint16",
        "channels": ["Phase", "GFP/Grün: #1", "no"],
        "pixel_size_um": {"y": 0.65, "x": 0.65},
        "notes": ["incomplete: 3 of 4 planned frames exist in field of view 1"],
        "fov_count": 2,
        "recording": fingerprint("rec.nd2", tmp_path),
        "fields": [
            {
                "name": "A", "height": 7, "width": 9, "planes": 1, "frames": 4,
                "planned_frames": 4, "stage_position_um": {"x": 0.0, "y": 0.0, "z": 5.0},
                "times": {"source": "stamps", "values": "0 1.5 3.25 5"},
            },
            {
                "name": "yes", "height": 7, "width": 9, "planes": 1, "frames": 3,
                "planned_frames": 4, "stage_position_um": {"x": 100.0, "y": -50.0, "z": 5.0},
                "times": {"source": "stamps", "start": 0.5, "interval": 1.5},
            },
        ],
    }  # fmt: skip
    assert "3 of 4 planned frames" in caplog.text
    assert fov_count(tmp_path / "metadata.yaml") == 2


def test_it_is_the_same_every_time_and_names_no_absolute_path(tmp_path):
    path = write_nd2(tmp_path / "rec.nd2", pixels())
    texts = set()
    for source in (str(path), path):
        inspect_input(source, tmp_path / "m.yaml")
        texts.add((tmp_path / "m.yaml").read_bytes())
    inspect_input("rec.nd2", tmp_path / "m.yaml", base=tmp_path)
    texts.add((tmp_path / "m.yaml").read_bytes())
    (text,) = texts
    assert str(tmp_path).encode() not in text
    assert sorted(p.name for p in tmp_path.iterdir()) == [".checksums", "m.yaml", "rec.nd2"]


def test_notes_name_no_absolute_path(tmp_path):
    for p in range(2):
        whole = write_nd2(tmp_path / "whole.nd2", pixels(1), loops="T").read_bytes()
        (tmp_path / f"cut{p}.nd2").write_bytes(whole[:-1])
    inspect_input([str(tmp_path / f"cut{p}.nd2") for p in range(2)], tmp_path / "m.yaml")
    text = (tmp_path / "m.yaml").read_text("utf-8")
    assert str(tmp_path) not in text
    assert "cut1.nd2: the file is cut off" in text


def test_a_failure_leaves_no_file(tmp_path):
    (tmp_path / "rec.nd2").write_bytes(b"")
    with pytest.raises(FoveaError):
        inspect_input("rec.nd2", tmp_path / "m.yaml", base=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["rec.nd2"]


def test_two_processes_never_write_the_same_file(tmp_path, monkeypatch):
    write_nd2(tmp_path / "rec.nd2", pixels())
    target = tmp_path / "m.yaml"
    write = Path.write_text
    written = []

    def second_process_begins(path, *words, **options):
        written.append(path.name)
        if len(written) == 1:
            write(path, "half of it")
            with monkeypatch.context() as other:
                other.setattr(os, "getpid", lambda: 1)
                inspect_input("rec.nd2", target, base=tmp_path)
        return write(path, *words, **options)

    monkeypatch.setattr(Path, "write_text", second_process_begins)
    monkeypatch.setattr(os, "getpid", lambda: 2)
    inspect_input("rec.nd2", target, base=tmp_path)
    assert len(set(written)) == 2 * 2  # with the checksums
    monkeypatch.undo()
    whole = tmp_path / "again.yaml"
    inspect_input("rec.nd2", whole, base=tmp_path)
    assert target.read_bytes() == whole.read_bytes()


FORMATS = {
    "a.nd2": lambda path, data: write_nd2(path, data),
    "a.ome.tif": lambda path, data: write_ome_tiff(
        path, data, metadata={"Channel": {"Name": ["Channel 0", "Channel 1"]}}
    ),
    "a.czi": lambda path, data: write_czi(path, data),
    "a.zarr": lambda path, data: write_ome_zarr(path, data[0]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_indices_beyond_the_recording(tmp_path, name):
    data = pixels(fovs=1, planes=2)
    FORMATS[name](tmp_path / name, data)
    with open_recording(name, base=tmp_path) as recording:
        for arguments, message in [
            ((1, [0]), r"no field of view 1; the input has 1 \(0 to 0\)"),
            ((-1, [0]), "no field of view -1"),
            ((0, [2]), 'no channel 2; the input has 0 "Channel 0", 1 "Channel 1"'),
            ((0, [0, -1]), "no channel -1"),
            ((0, [0], 2), r"field of view 0 has no z plane 2; it has 2 \(0 to 1\)"),
            ((0, [0], "min"), "z is 'min'; it is a plane's index, max or mean"),
        ]:
            with pytest.raises(FoveaError, match=message) as error:
                recording.frames(*arguments)
            assert str(error.value).startswith(f"{name}: ")
        assert list(recording.frames(0, [])) == [[], [], []]


@pytest.mark.parametrize("name", [n for n in FORMATS if n != "a.zarr"])
def test_several_files_with_metadata(tmp_path, name, monkeypatch):
    data = pixels(fovs=6, frames=3)
    stem, suffix = name.split(".", 1)
    for p in range(6):
        FORMATS[name](tmp_path / f"{stem}{p}.{suffix}", data[p : p + 1])
    source = f"{stem}*.{suffix}"
    metadata = inspected(tmp_path, source)
    assert metadata["fields_per_file"] == 1
    opened = []
    absolute = os.path.abspath

    def noticing(path):
        opened.append(os.path.basename(path))
        return absolute(path)

    # every reader makes the paths absolute that it opens
    monkeypatch.setattr(os.path, "abspath", noticing)
    with open_recording(source, base=tmp_path, metadata=metadata) as recording:
        text = metadata_text(recording.info, metadata["recording"])
        assert text == (tmp_path / "metadata.yaml").read_text("utf-8")
        assert_same_field(recording, 4, data[4])
    monkeypatch.undo()
    assert set(opened) == {f"{stem}4.{suffix}"}
    FORMATS[name](tmp_path / f"{stem}4.{suffix}", data[4:5, :2])
    with (
        open_recording(source, base=tmp_path, metadata=metadata) as recording,
        pytest.raises(FoveaError, match=rf"^{stem}4\.{suffix}: changed since it was inspected"),
    ):
        list(recording.frames(4, [0]))


def big(fovs: int, frames: int, channels: int, regular: bool = False) -> RecordingInfo:
    rng = np.random.default_rng(0)
    fields = []
    for p in range(fovs):
        field = FieldInfo(p, f"XY{p:03d}", 2048, 2048, frames=frames, planned_frames=frames)
        field.stage_position_um = {"x": p * 1331.123, "y": -0.5, "z": 3000.25}
        jitter = 0 if regular else rng.normal(0, 0.01, (channels, frames))
        times = 300 * np.arange(frames) + 2.0 * p + 0.3 * np.arange(channels)[:, None] + jitter
        field.times = (times[:1] if regular else times).tolist()
        field.times_source = "stamps"
        fields.append(field)
    names = [f"C{c}" for c in range(channels)]
    return RecordingInfo("ND2", ["a.nd2"], "uint16", names, None, fields)


def test_a_large_one_is_compact(tmp_path):
    info = big(500, 180, 3)
    text = metadata_text(info)
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    # a YAML reader's time goes with the number of its tokens, not with their length
    tokens = sum(1 for _ in yaml.parse(text, Loader=yaml.CSafeLoader))
    assert tokens < 500 * 50
    metadata = load_metadata(tmp_path / "m.yaml")
    for fov, channel in [(0, 0), (499, 2), (250, 1)]:
        times, source = frame_times(metadata, fov, channel)
        assert source == "stamps"
        np.testing.assert_array_equal(times, np.round(info.fields[fov].times[channel], 6))
    assert fov_count(tmp_path / "m.yaml") == 500
    regular = metadata_text(big(500, 180, 3, regular=True))
    assert len(regular) < 500 * 250


def test_stored_times_come_back(tmp_path):
    rng = np.random.default_rng(3)
    rows = {
        "regular": [(0.1 + 0.3 * np.arange(50)).tolist()],
        "thirds": [(np.arange(40) / 3).tolist()],
        "irregular": [np.cumsum(rng.uniform(0, 500, 60)).tolist()],
        "channels": np.cumsum(rng.uniform(0, 9, (3, 7)), axis=1).tolist(),
        "one": [[12.345678]],
        "one, channels": [[1.5], [2.5], [3.25]],
        "two": [[0.0, 0.0]],
        "none": None,
    }
    fields = []
    for index, (name, times) in enumerate(rows.items()):
        frames = len(times[0]) if times else 5
        field = FieldInfo(index, name, 4, 4, frames=frames, planned_frames=frames)
        field.times, field.times_source = times, "stamps" if times else "none"
        fields.append(field)
    text = metadata_text(RecordingInfo("X", ["f"], "uint8", ["a", "b", "c"], None, fields))
    metadata = yaml.load(text, Loader=yaml.CSafeLoader)
    for index, (name, times) in enumerate(rows.items()):
        stored, source = stored_times(metadata, index)
        if times is None:
            assert (stored, source) == (None, "none")
            continue
        assert len(stored) == len(times), name
        np.testing.assert_array_equal(stored, np.round(times, 6))


META = {
    "files": ["a.tif"],
    "times": {"source": "none"},
    "fields": [{"frames": 4, "missing": [2]}, {"frames": 2}],
}


def test_times_of_the_config():
    times, source = frame_times(META, 0, 0, interval=5, unit="min")
    assert source == "interval"
    np.testing.assert_array_equal(times, [0, 300, 900, 1200])  # the gap stays a gap
    times, source = frame_times(META, 1, 0, interval=0.5, unit="h")
    np.testing.assert_array_equal(times, [0, 1800])
    times, source = frame_times(
        META, 0, 0, interval=5, mapping={"0": 1, 1: 2.5, 2: 4, 3: 10, 9: 90}, unit="s"
    )
    assert source == "mapping"
    np.testing.assert_array_equal(times, [1, 2.5, 4, 10])
    with pytest.raises(FoveaError, match="time.mapping has no time for frame 2 of field of view 0"):
        frame_times(META, 0, 0, mapping={0: 0, 1: 1, 3: 3})
    with pytest.raises(
        FoveaError, match=r"a\.tif: has no times of its frames; set `time.interval`"
    ):
        frame_times(META, 0, 0)
    with pytest.raises(FoveaError, match="time.unit is 'days'; it is one of s, min, h"):
        frame_times(META, 0, 0, interval=1, unit="days")


def test_clocks_of_several_files(tmp_path):
    data = pixels(fovs=2, frames=3)
    seconds = np.array([[100, 400, 700], [130, 430, 731.5]])[:, :, None].repeat(2, axis=2)
    for p in range(2):
        write_czi(tmp_path / f"p{p}.czi", data[p : p + 1], seconds=seconds[p : p + 1])
        write_ome_tiff(tmp_path / f"p{p}.ome.tif", data, fovs=[p], deltas=seconds)
    for source in ("p*.czi", "p*.ome.tif"):
        metadata = inspected(tmp_path, source)
        for p in range(2):
            times, _ = frame_times(metadata, p, 0)
            np.testing.assert_allclose(times, seconds[p, :, 0] - 100, atol=1e-5)

"""One file of a list that cannot be used is one failed field of view, with its number."""

from __future__ import annotations

import builtins
import logging

import numpy as np
import pytest

from fovea.config.fovs import parse_fovs
from fovea.errors import FoveaError
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import inspect_input, load_metadata
from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import pixels, write_ome_tiff, write_ome_zarr

WRITERS = {
    "nd2": write_nd2,
    "czi": write_czi,
    "ome.tif": write_ome_tiff,
    "zarr": lambda path, data: write_ome_zarr(path, data[0]),
}
CHANNELS = {"pc_ch_0": 0, "fl_ch_1": 1}


def write_positions(folder, suffix="nd2", count=5, **options):
    data = pixels(count, 3)
    for p in range(count):
        WRITERS[suffix](folder / f"p{p}.{suffix}", data[p : p + 1], **options)
    return data


def inspected(folder, source):
    inspect_input(source, folder / "metadata.yaml", base=folder)
    return load_metadata(folder / "metadata.yaml")


def cut_off(path):
    path.write_bytes(path.read_bytes()[:600])


def emptied(path):
    path.write_bytes(b"")


def of_another_kind(path):
    path.write_bytes(b"<html>not found</html>")


DAMAGES = {"cut off": cut_off, "empty": emptied, "another content": of_another_kind}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("suffix", ["nd2", "czi", "ome.tif"])
@pytest.mark.parametrize("bad", [0, 2])
def test_a_damaged_file(tmp_path, monkeypatch, caplog, suffix, damage, bad):
    monkeypatch.chdir(tmp_path)
    data = write_positions(tmp_path, suffix)
    damage(tmp_path / f"p{bad}.{suffix}")
    with caplog.at_level(logging.WARNING, logger="fovea"):
        metadata = inspected(tmp_path, f"p*.{suffix}")
    assert metadata["fov_count"] == 5
    assert [entry["name"] for entry in metadata["fields"]] == [f"p{p}" for p in range(5)]
    error = metadata["fields"][bad]["error"]
    assert error.startswith(f"p{bad}.{suffix}: ")
    assert [p for p, entry in enumerate(metadata["fields"]) if "error" in entry] == [bad]
    assert f"field of view {bad} cannot be used: {error}" in metadata["notes"]
    assert f"field of view {bad} cannot be used" in caplog.text
    for p in range(5):
        if p != bad:
            with open_recording(f"p*.{suffix}", metadata=metadata) as recording:
                for t, planes in enumerate(recording.frames(p, [0, 1])):
                    np.testing.assert_array_equal(planes, data[p, t, 0])
    with pytest.raises(FoveaError) as failed:
        copy_raw(f"p*.{suffix}", tmp_path / "images.zarr", bad, CHANNELS, 0, metadata)
    assert str(failed.value) == f"{error}; `exclude_fovs: [{bad}]` leaves the field of view out"
    assert not (tmp_path / "images.zarr").exists()


def test_no_permission(tmp_path, monkeypatch):
    write_positions(tmp_path, "czi", 3)
    original = builtins.open  # tests may run as root, who may read everything

    def refuse(path, *arguments, **options):
        if str(path).endswith("p1.czi"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    metadata = inspected(tmp_path, "p*.czi")
    assert metadata["fields"][1]["error"].startswith("p1.czi: no permission to read it")


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(
    ("options", "what"),
    [({"dtype": "uint8"}, "pixel type"), ({"channels": 3}, "channels")],
    ids=["pixel type", "channels"],
)
def test_a_file_of_another_kind_of_pixels(tmp_path, suffix, options, what):
    write_positions(tmp_path, suffix, 4)
    WRITERS[suffix](tmp_path / f"p1.{suffix}", pixels(1, 3, **options))
    error = inspected(tmp_path, f"p*.{suffix}")["fields"][1]["error"]
    assert error.startswith(f"p1.{suffix}: its {what} (")


def test_half_of_the_files_are_of_another_kind(tmp_path):
    write_positions(tmp_path, "nd2", 4)
    for p in (1, 2):
        write_nd2(tmp_path / f"p{p}.nd2", pixels(1, 3, dtype="uint8"))
    with pytest.raises(FoveaError, match=r"^p1\.nd2: its pixel type \(uint8\) differ"):
        inspected(tmp_path, "p*.nd2")


def test_a_file_that_lacks_a_channel_by_its_name(tmp_path):
    names = ["Phase", "GFP"]
    data = pixels(3, 3)
    write_nd2(tmp_path / "p0.nd2", data[:1, :, :, :1], names=names[:1])
    write_nd2(tmp_path / "p1.nd2", data[1:2], names=names)
    write_nd2(tmp_path / "p2.nd2", data[2:, :, :, ::-1], names=names[::-1])
    metadata = inspected(tmp_path, "p*.nd2")
    assert metadata["channels"] == names
    found = [entry.get("channel_frames") for entry in metadata["fields"]]
    assert [row and [parse_fovs(t) if t else [] for t in row] for row in found] == [
        [[0, 1, 2], []],
        None,
        None,
    ]
    with open_recording("p*.nd2", base=tmp_path, metadata=metadata) as recording:
        for fov in range(3):
            for t, (gfp, phase) in enumerate(recording.frames(fov, [1, 0])):
                np.testing.assert_array_equal(phase, data[fov, t, 0, 0])
                if fov:
                    np.testing.assert_array_equal(gfp, data[fov, t, 0, 1])
                else:
                    assert gfp is None


def test_files_of_several_fields(tmp_path):
    data = pixels(6, 2)
    for f in range(3):
        write_nd2(tmp_path / f"p{f}.nd2", data[2 * f : 2 * f + 2], loops="TP")
    cut_off(tmp_path / "p1.nd2")
    metadata = inspected(tmp_path, "p*.nd2")
    assert metadata["fields_per_file"] == 2
    assert ["error" in entry for entry in metadata["fields"]] == [0, 0, 1, 1, 0, 0]
    with open_recording("p*.nd2", base=tmp_path, metadata=metadata) as recording:
        np.testing.assert_array_equal(next(iter(recording.frames(5, [0, 1]))), data[5, 0, 0])
    write_nd2(tmp_path / "p2.nd2", data[:1], loops="T")
    with pytest.raises(FoveaError) as error:
        inspected(tmp_path, "p*.nd2")
    assert str(error.value).endswith(
        "how many fields of view it holds is not known, as the other files hold 1 to 2; take "
        "p1.nd2 out of `input`"
    )


def test_times_of_the_others_have_one_clock(tmp_path):
    seconds = np.array([[100, 400], [0, 0], [130, 430]])[:, :, None].repeat(2, axis=2)
    for p in range(3):
        write_czi(tmp_path / f"p{p}.czi", pixels(1, 2), seconds=seconds[p : p + 1])
    emptied(tmp_path / "p1.czi")
    with open_recording("p*.czi", base=tmp_path) as recording:
        assert [f.times for f in recording.info.fields] == [[[0, 300]], None, [[30, 330]]]

"""Copy where the recording is not, or is no longer, what it should be: nothing half-done stays."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest
import zarr

import fovea.recordings.copy_raw
from fovea.errors import FoveaError
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import inspect_input, load_metadata
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import (
    assert_one_line,
    pixels,
    write_ome_set,
    write_ome_tiff,
    write_ome_zarr,
)
from support.skipped import write_skipped

QUIET = logging.getLogger("quiet")
CHANNELS = {"pc_ch_0": 0, "fl_ch_1": 1}
FRAMES = 8
WRITERS = {
    "a.nd2": write_nd2,
    "a.czi": write_czi,
    "a.ome.tif": write_ome_tiff,  # its description stands at the end
    "b.ome.tif": lambda path, data: write_ome_set([path], data),  # and here at the beginning
    "a.zarr": lambda path, data: write_ome_zarr(path, data[0]),
}


def cut(path) -> None:
    """Take the second half of a recording away."""
    if path.is_dir():
        for frame in range(FRAMES // 2, FRAMES):
            shutil.rmtree(path / "0" / "c" / str(frame))
        return
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def recording(tmp_path, monkeypatch, name, **shape):
    """Write and inspect a recording in the working directory."""
    monkeypatch.chdir(tmp_path)
    data = pixels(1, FRAMES, 1, 2, 64, 64, **shape)
    WRITERS[name](tmp_path / name, data)
    inspect_input(name, "metadata.yaml", log=QUIET)
    return data, load_metadata("metadata.yaml")


def failure(name, metadata, channels=CHANNELS, fov=0, z=0) -> str:
    with pytest.raises(FoveaError) as error:
        copy_raw(name, "images.zarr", fov, channels, z, metadata, QUIET)
    assert_one_line(error.value, name)
    return str(error.value)


def nothing_looks_whole(tmp_path) -> bool:
    left = tmp_path / "images.zarr"
    return not list(left.rglob("zarr.json")) and not list(left.rglob("c.0.0.0"))


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_shrinks_between_inspect_and_copy(tmp_path, monkeypatch, name):
    data, metadata = recording(tmp_path, monkeypatch, name)
    cut(tmp_path / name)
    text = failure(name, metadata)
    if name != "a.ome.tif":  # which says that it is cut off
        assert f"frames, but had {FRAMES} when it was inspected; delete metadata.yaml" in text
        assert nothing_looks_whole(tmp_path)
        inspect_input(name, "metadata.yaml", log=QUIET)
        metadata = load_metadata("metadata.yaml")
        copy_raw(name, "images.zarr", 0, CHANNELS, 0, metadata, QUIET)
        raw = zarr.open_group("images.zarr", mode="r")["fl_ch_1/0"][:]
        assert 0 < len(raw) < FRAMES
        np.testing.assert_array_equal(raw, data[0, : len(raw), 0, 1])
    else:
        assert "cut off" in text
        assert nothing_looks_whole(tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_shrinks_while_it_is_copied(tmp_path, monkeypatch, name):
    _, metadata = recording(tmp_path, monkeypatch, name)

    def cutting(frames, *_):
        for number, frame in enumerate(frames):
            if number == 1:
                cut(tmp_path / name)
            yield frame

    monkeypatch.setattr(fovea.recordings.copy_raw, "progress", cutting)
    assert "copy" in failure(name, metadata)
    assert nothing_looks_whole(tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_indices_beyond_the_recording(tmp_path, monkeypatch, name):
    _, metadata = recording(tmp_path, monkeypatch, name)
    assert "there is no channel 2; the input has 0 " in failure(name, metadata, {"fl_ch_2": 2})
    assert "there is no field of view 1" in failure(name, metadata, fov=1)
    assert "no z plane 1" in failure(name, metadata, z=1)
    assert nothing_looks_whole(tmp_path)
    metadata["fields"].clear()  # as if the file had grown
    assert "had 0 when it was inspected" in failure(name, metadata)


def test_eight_bits_are_widened(tmp_path, monkeypatch):
    for name in WRITERS:
        if name == "b.ome.tif":
            continue  # its description names 16 bits
        data, metadata = recording(tmp_path, monkeypatch, name, dtype="uint8")
        shutil.rmtree("images.zarr", ignore_errors=True)
        copy_raw(name, "images.zarr", 0, CHANNELS, 0, metadata, QUIET)
        raw = zarr.open_group("images.zarr", mode="r")["pc_ch_0/0"]
        assert raw.dtype == np.uint16
        np.testing.assert_array_equal(raw[:], data[0, :, 0, 0])


@pytest.mark.parametrize(
    ("left_out", "words"),
    [(1, "frames are missing in between"), (3, "the acquisition was stopped early")],
)
def test_what_is_incomplete_is_said(tmp_path, caplog, left_out, words):
    path = tmp_path / "a.ome.tif"
    data = pixels(1, 4, 1, 2)[:, :, 0]
    write_skipped(path, data, lambda p, t, c: t != left_out)
    log = logging.getLogger("test_incomplete")
    with caplog.at_level(logging.WARNING, log.name):
        copy_raw(str(path), tmp_path / "images.zarr", 0, CHANNELS, 0, log=log)
    (found,) = [record.message for record in caplog.records if "planned" in record.message]
    assert found == f"{words}: 3 of 4 planned frames exist"


def test_frames_that_repeat_the_one_before_are_doubted(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    data = pixels(1, 6, 1, 2, 130, 70)
    data[0, [1, 2, 5], 0, 1] = data[0, [0, 0, 4], 0, 1]
    data[0, 4, 0, 0] = data[0, 3, 0, 0]
    data[0, 4, 0, 0, 129, 69] ^= 1
    write_ome_tiff("a.ome.tif", data)
    copy_raw("a.ome.tif", "images.zarr", 0, CHANNELS)
    (doubt,) = [record for record in caplog.records if "same pixels" in record.message]
    assert doubt.levelname == "WARNING"
    assert doubt.message == (
        "fl_ch_1 (Channel 1): frames 1-2, 5 have the same pixels as the frame before; perhaps they "
        "were not recorded"
    )
    caplog.clear()
    data[0, 1, 0, 1] ^= 1
    data[0, 2, 0, 1] ^= 2
    write_ome_tiff("b.ome.tif", data)
    copy_raw("b.ome.tif", "b.zarr", 0, CHANNELS)
    (doubt,) = [record.message for record in caplog.records if "same pixels" in record.message]
    assert "frame 5 has the same pixels as the frame before; perhaps it was not" in doubt

"""Damage of arrays on disk: it is noticed wherever it is, and never ends in other values."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.jobs.atomic import write_all
from fovea.store.format import encode, encode_index, shard_metadata
from fovea.store.metadata import read_attributes, read_metadata, write_group
from fovea.store.reader import ArrayReader, read_array
from fovea.store.writer import ArrayWriter, write_array
from support.damage import damaged_copies

SHAPE = 3, 20, 30


def stack_of(seed: int) -> np.ndarray:
    # full of noise, so that no chunk becomes smaller and all have the same length
    return np.random.default_rng(seed).integers(0, 1 << 16, SHAPE, np.uint16)


def write(path, stack: np.ndarray) -> None:
    with ArrayWriter(path, stack.shape, stack.dtype, {"fovea": {"step": "x"}}, missing=[1]) as out:
        for t in (0, 2):
            out.append(stack[t])


def read(path) -> tuple:
    with ArrayReader(path) as array:
        return array.attributes, np.stack([array[0], array[2]]).tolist()


def read_small(path) -> tuple:
    return read_attributes(path), read_array(path).tolist()


def refuses(path, ask) -> None:
    with pytest.raises(FoveaError) as caught:
        ask()
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert "run Snakemake again" in text


def check_damages(file, seed: int, ask, other=None, harmless: bool = False) -> None:
    """Damage a file in every way: each is refused, or changes nothing where that may be."""
    expected = ask()
    for damage in damaged_copies(file, np.random.default_rng(seed), other):
        if harmless:
            try:
                assert ask() == expected, damage
                continue
            except FoveaError:
                pass
        refuses(file.parent, ask)
    assert ask() == expected


@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 30))
@pytest.mark.parametrize("name", ["c.0.0.0", "zarr.json"])
def test_every_damage_of_an_array_is_noticed(name, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    for number in (0, 1):
        write(folder / str(number), stack_of(seed + number))
    own, other = folder / "0", folder / "1"
    # spaces between the words of JSON mean nothing
    check_damages(own / name, seed, lambda: read(own), other / name, name == "zarr.json")


@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 30))
@pytest.mark.parametrize("name", ["c.0.0", "zarr.json"])
def test_every_damage_of_a_small_array_is_noticed(name, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    for number in (0, 1):
        write_array(folder / str(number), stack_of(seed + number)[0], ["y", "x"])
    own, other = folder / "0", folder / "1"
    check_damages(own / name, seed, lambda: read_small(own), other / name, name == "zarr.json")


@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 30))
def test_every_damage_of_a_group_is_noticed(seed, tmp_path_factory):
    group = tmp_path_factory.mktemp("damage") / "g"
    about = {"ome": {"version": "0.5", "scale": [1.0, 0.65]}, "fovea": {"shape": [3]}}
    write_group(group, about)
    check_damages(group / "zarr.json", seed, lambda: read_attributes(group), harmless=True)


def test_a_group_is_no_array(tmp_path):
    write_group(tmp_path / "0")
    for ask in (lambda: ArrayReader(tmp_path / "0"), lambda: read_array(tmp_path / "0")):
        refuses(tmp_path / "0", ask)


def test_zarr_python_notices_damage_too(tmp_path):
    write(tmp_path / "0", stack_of(0))
    shard = tmp_path / "0" / "c.0.0.0"
    data = bytearray(shard.read_bytes())
    data[500] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_array(tmp_path / "0", mode="r")[0]


def test_other_programs_may_consolidate_metadata(tmp_path):
    write(tmp_path / "a" / "0", stack_of(0))
    for group in (tmp_path / "a", tmp_path):
        write_group(group, {"ome": {}})
    with pytest.warns(UserWarning, match="Consolidated metadata"):
        zarr.consolidate_metadata(tmp_path)
    assert "consolidated_metadata" in json.loads((tmp_path / "zarr.json").read_text())
    assert read_attributes(tmp_path) == {"ome": {}}


def write_as_in_the_first_version(path, stack: np.ndarray) -> None:
    """Write an array without checksums, but that of the index of its shard."""
    content = shard_metadata(stack.shape, stack.dtype, "tyx", {"fovea": {"step": "x"}})
    content["codecs"][0]["configuration"]["codecs"].pop()
    parts = [encode(frame) for frame in stack]
    sizes = np.array([len(part) for part in parts], "<u8")
    index = np.stack([np.cumsum(sizes) - sizes, sizes], axis=1)
    path.mkdir()
    (path / "c.0.0.0").write_bytes(b"".join(parts) + encode_index(index))
    (path / "zarr.json").write_text(json.dumps(content, indent=1) + "\n")


def test_arrays_of_the_first_version_are_read(tmp_path):
    stack = stack_of(3)
    write_as_in_the_first_version(tmp_path / "0", stack)
    with ArrayReader(tmp_path / "0") as array:
        np.testing.assert_array_equal(list(array), stack)
        assert array.attributes == {"fovea": {"step": "x"}}
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "0", mode="r")[:], stack)


KEYS = ["shape", "data_type", "node_type", "chunk_grid", "codecs", "attributes"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, 7, "x", {}, []])
def test_metadata_without_checksum_is_read_or_refused_in_one_line(tmp_path, key, value):
    write_as_in_the_first_version(tmp_path / "0", stack_of(0))
    file = tmp_path / "0" / "zarr.json"
    content = json.loads(file.read_text())
    content[key] = value
    file.write_text(json.dumps(content))
    if (key, value) in (("attributes", {}), ("codecs", value)):
        assert read_metadata(tmp_path / "0")[key] == value
    else:
        refuses(file, lambda: read_metadata(tmp_path / "0"))
    content.pop(key)
    file.write_text(json.dumps(content))
    if key not in ("attributes", "codecs"):  # the latter are what this library writes
        refuses(file, lambda: read_metadata(tmp_path / "0"))


def test_the_folder_to_delete_is_one_that_is_made_again(tmp_path):
    """Cells are not made one by one: their store is deleted as a whole."""
    for group, wanted in (("images.zarr/fl_ch_1", "images.zarr/fl_ch_1/0"),
                          ("cells.zarr/fl_ch_1/4", "cells.zarr")):  # fmt: skip
        write(tmp_path / group / "0", stack_of(0))
        (tmp_path / group / "0" / "c.0.0.0").write_bytes(b"")
        with pytest.raises(FoveaError) as caught:
            read(tmp_path / group / "0")
        assert f"delete the folder {tmp_path / wanted} and" in str(caught.value)


# ------------------------------------------------------------------------------------- short writes


@given(parts=st.lists(st.binary(max_size=50), max_size=40), most=st.integers(1, 60))
def test_everything_is_written_by_a_system_that_takes_a_part(parts, most, tmp_path_factory):
    path = tmp_path_factory.mktemp("short") / "file"
    whole = os.writev

    def writev(number, buffers):
        return whole(number, [memoryview(b"".join(buffers))[:most]])

    with pytest.MonkeyPatch.context() as patch, path.open("wb") as file:
        patch.setattr(os, "writev", writev)
        write_all(file.fileno(), parts)
    assert path.read_bytes() == b"".join(parts)


def test_a_system_that_takes_nothing_is_an_error(monkeypatch):
    monkeypatch.setattr(os, "writev", lambda number, buffers: 0)
    with pytest.raises(OSError, match="error"):
        write_all(0, [b"a"])


@pytest.mark.parametrize("count", [1, 2500])
def test_more_than_the_system_takes_at_once(count):
    """Linux takes at most 2 GiB less a page, and 1024 parts."""
    size = (1 << 31) + 12345
    taken = []
    whole = os.writev

    def writev(number, buffers):
        taken.append(whole(number, buffers))
        return taken[-1]

    parts = [memoryview(np.zeros(-(-size // count), np.uint8))] * count
    number = os.open(os.devnull, os.O_WRONLY)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "writev", writev)
            write_all(number, parts)
    finally:
        os.close(number)
    assert sum(taken) == sum(map(len, parts)) >= size
    assert len(taken) > 1


def test_a_disk_that_fills_up_leaves_no_array(tmp_path, monkeypatch):
    whole = os.writev
    room = 1000

    def writev(number, buffers):
        nonlocal room
        data = b"".join(buffers)[:room]
        if not data:
            raise OSError(28, "No space left on device")
        room -= len(data)
        return whole(number, [data])

    monkeypatch.setattr(os, "writev", writev)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "0", stack_of(0))
    assert list((tmp_path / "0").iterdir()) == []
    room = 1 << 30
    write(tmp_path / "0", stack_of(0))
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    assert read(tmp_path / "1") == read(tmp_path / "0")

"""The arrays on disk, read back by this library and by zarr-python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fovea.errors import FoveaError
from fovea.store.format import (
    COUNTS,
    LABELS,
    SMOOTH,
    encode,
    shard_metadata,
    shard_path,
    stored_rows,
)
from fovea.store.metadata import read_attributes, write_group, write_metadata
from fovea.store.reader import ArrayReader, read_array
from fovea.store.writer import ArrayWriter, ShardWriter, write_array

STACKS = st.sampled_from(["uint8", "uint16", "uint32", "float32", "float64"]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
        elements={"allow_nan": False} if dtype.startswith("f") else None,
    )
)


def write(path, stack, **options):
    with ArrayWriter(path, stack.shape, stack.dtype, **options) as out:
        for frame in stack:
            out.append(frame)


@given(stack=STACKS, codec=st.sampled_from([COUNTS, LABELS, SMOOTH]))
def test_every_array_is_read_back_by_us_and_by_zarr(stack, codec, tmp_path_factory):
    path = tmp_path_factory.mktemp("array") / "0"
    write(path, stack, attributes={"a": 1}, codec=codec)
    with ArrayReader(path) as frames:
        assert frames.shape == stack.shape
        assert frames.dtype == stack.dtype
        assert frames.attributes == {"a": 1}
        for frame, expected in zip(frames, stack, strict=True):
            np.testing.assert_array_equal(frame, expected)
    array = zarr.open_array(path, mode="r")
    np.testing.assert_array_equal(array[:], stack)
    assert array.metadata.dimension_names == ("t", "y", "x")


def test_an_array_is_two_files_whatever_its_length(tmp_path):
    for frames in (1, 50):
        path = tmp_path / str(frames)
        write(path, np.ones((frames, 3, 4), np.uint16))
        files = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        assert files == ["c.0.0.0", "zarr.json"]


def test_bytes_are_the_same_from_run_to_run(tmp_path):
    stack = np.random.default_rng(0).integers(0, 1 << 16, (3, 300, 300), np.uint16)
    contents = []
    for name in ("a", "b"):
        write(tmp_path / name, stack)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        contents.append([p.read_bytes() for p in files])
    assert contents[0] == contents[1]


def test_labels_beyond_16_bits_widen_the_whole_array(tmp_path):
    small, large = np.full((2, 3), 7, np.uint16), np.full((2, 3), 70_000, np.uint32)
    with ArrayWriter(tmp_path / "0", (3, 2, 3), "uint16", codec=LABELS) as out:
        for frame in (small, large, small):
            out.append(frame)
    expected = np.stack([small, large, small])
    array = zarr.open_array(tmp_path / "0", mode="r")
    assert array.dtype == np.uint32
    np.testing.assert_array_equal(array[:], expected)
    assert sorted(p.name for p in (tmp_path / "0").iterdir()) == ["c.0.0.0", "zarr.json"]


def test_a_wide_first_frame_widens_the_array(tmp_path):
    with ArrayWriter(tmp_path / "0", (1, 2, 2), "uint16") as out:
        out.append(np.full((2, 2), 70_000, np.uint32))
    assert zarr.open_array(tmp_path / "0", mode="r")[0, 0, 0] == 70_000


def test_an_exception_leaves_no_array(tmp_path):
    write(tmp_path / "0", np.ones((1, 2, 2), np.uint16))
    writer = ArrayWriter(tmp_path / "0", (2, 2, 2), "uint16")
    writer.append(np.ones((2, 2), np.uint16))
    writer.__exit__(KeyError, KeyError(), None)
    assert not [p for p in (tmp_path / "0").rglob("*") if p.is_file()]


def test_too_few_frames_leave_no_array(tmp_path):
    with (
        pytest.raises(ValueError, match="1 of 2 frames"),
        ArrayWriter(tmp_path / "0", (2, 2, 2), "uint16") as out,
    ):
        out.append(np.ones((2, 2), np.uint16))
    assert not (tmp_path / "0" / "zarr.json").exists()


def test_a_frame_of_another_shape_is_refused(tmp_path):
    with (
        pytest.raises(ValueError, match=r"expected a frame of \(2, 2\), got \(2, 3\)"),
        ArrayWriter(tmp_path / "0", (1, 2, 2), "uint16") as out,
    ):
        out.append(np.ones((2, 3), np.uint16))


def test_missing_chunks_are_zero_and_take_no_space(tmp_path):
    (tmp_path / "0").mkdir()
    path = shard_path(tmp_path / "0")
    data = encode(np.ones((2, 2), np.uint16))
    shard = ShardWriter(path, 3)
    shard.write({1: data})
    shard.close()
    content = shard_metadata((3, 2, 2), "uint16", ["t", "y", "x"], {})
    write_metadata(tmp_path / "0", content, shard.checksum)
    # one chunk and its checksum, that of all chunks, the index and its own
    assert path.stat().st_size == len(data) + 4 + 4 + 3 * 16 + 4
    with ArrayReader(tmp_path / "0") as frames:
        np.testing.assert_array_equal([f.max() for f in frames], [0, 1, 0])
        np.testing.assert_array_equal(frames.read(np.array([2, 1]))[:, 0, 0], [0, 1])
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "0", mode="r")[:, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("where", ["index", "chunk", "shard", "metadata", "all"])
def test_damage_is_one_clear_line(tmp_path, where):
    path = tmp_path / "0"
    write(path, np.random.default_rng(0).integers(0, 99, (2, 30, 30), np.uint16))
    shard = path / "c.0.0.0"
    data = bytearray(shard.read_bytes())
    if where == "index":
        data[-1] ^= 1
        shard.write_bytes(data)
    elif where == "chunk":
        data[3] ^= 0xFF  # the length that blosc states for its data
        data[4:8] = b"\xff\xff\xff\x7f"
        shard.write_bytes(data)
    elif where == "shard":
        shard.unlink()
    elif where == "metadata":
        (path / "zarr.json").write_text("{")
    else:
        (path / "zarr.json").unlink()
    with pytest.raises(FoveaError, match="run Snakemake") as caught, ArrayReader(path) as frames:
        list(frames)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 4, 4), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["int32", "bool", "float64"])
def test_small_arrays(tmp_path, shape, dtype):
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_array(tmp_path / "a", data, [f"d{i}" for i in range(len(shape))])
    np.testing.assert_array_equal(read_array(tmp_path / "a"), data)
    array = zarr.open_array(tmp_path / "a", mode="r")
    assert array.dtype == dtype
    np.testing.assert_array_equal(array[:], data)


def test_groups_keep_their_attributes(tmp_path):
    write_group(tmp_path / "g", {"µ": "ä"})
    assert read_attributes(tmp_path / "g") == {"µ": "ä"}
    attributes = dict(zarr.open_group(tmp_path / "g", mode="r").attrs)
    assert attributes.pop("fovea")["crc32c"]
    assert attributes == {"µ": "ä"}
    assert json.loads((tmp_path / "g" / "zarr.json").read_text("utf-8"))["node_type"] == "group"


def test_what_a_killed_job_left_is_removed(tmp_path):
    """Killed between writing a file and giving it its name."""
    for folder in ("array/0", "small"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / ".zarr.json.host.1").write_text("{}")
    (tmp_path / "small" / ".c.0.host.1").write_bytes(b"half")
    write(tmp_path / "array/0", np.ones((1, 2, 2), np.uint16))
    write_array(tmp_path / "small", np.arange(3), ["cell"])
    left = [p.name for p in tmp_path.rglob("*") if p.name.startswith(".")]
    assert left == []


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 8), (41, 41), (49, 40), (90, 90), (91, 1)])
def test_rows_beyond_the_frame_let_blosc_shuffle_bits(tmp_path, shape, dtype):
    """As few as there can be; zarr-python and Fovea read what was given."""
    height, width = shape
    rows = int(stored_rows(*shape))
    assert rows * width % 8 == 0
    assert not any((height + more) * width % 8 == 0 for more in range(rows - height))
    rng = np.random.default_rng(height)
    frames = rng.integers(200, 220, (5, *shape))
    frames = frames.astype(dtype) if dtype == "uint8" else (frames / 65536).astype(dtype)
    whole = np.zeros((5, rows, width), dtype)
    whole[:, :height] = frames
    chunks = {t: encode(frame) for t, frame in enumerate(whole) if t != 3}
    path = tmp_path / "0"
    path.mkdir()
    shard = ShardWriter(shard_path(path), 5)
    shard.close(chunks)
    content = shard_metadata(frames.shape, dtype, "tyx", {"fovea": {}}, rows=rows)
    write_metadata(path, content, shard.checksum)
    frames[3] = 0
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[:], frames)
    with ArrayReader(path) as array:
        np.testing.assert_array_equal(array.read(np.arange(5)), frames)
        np.testing.assert_array_equal(array[2], frames[2])
        assert array[2].flags.c_contiguous
    as_they_are = sum(len(encode(frame)) for t, frame in enumerate(frames) if t != 3)
    if rows != height and height > 40 and dtype == "float32":
        assert sum(map(len, chunks.values())) < 0.6 * as_they_are

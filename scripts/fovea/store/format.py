"""The subset of Zarr 3 that Fovea writes: metadata, codecs, and the index of a shard.

Every image array has one frame per inner chunk and all frames in one shard. A shard is simple:
the encoded chunks one after the other, four bytes that stand for all of them, an index of (offset,
length) pairs, and its checksum.

Everything has a CRC-32C: each chunk ends with its own (Zarr's codec ``crc32c``), the four bytes
before the index are that of the chunks' own, and ``zarr.json`` repeats them and has one of itself,
so that a shard that belongs to another array is noticed, too. Arrays of Fovea 0.1.0 have none but
that of the index.

`fovea.store.writer` and `fovea.store.reader` stream such files, because zarr-python writes a
shard as a whole: it would hold a full recording in memory, or need many shards and thus many
files, and a call of it takes longer than compressing a frame. Any Zarr 3 reader opens the result.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np
from numcodecs import blosc

from fovea.errors import FoveaError

# With several threads the bytes of a chunk would depend on which thread is first.
blosc.use_threads = False

#: How bytes are ordered before compression (blosc, lz4, level 1), and the block size in bytes.
#: Measured on 2048 x 2048 frames: bits for noisy counts (5 ms, 0.56 of the size); nothing for
#: labels, which are long runs (0.8 instead of 3.8 ms); bytes in large blocks for smooth fields.
COUNTS = ("bitshuffle", 0)
LABELS = ("noshuffle", 0)
SMOOTH = ("shuffle", 1 << 18)

#: Offset and length in the index of a chunk that is not stored; its values are 0.
MISSING = 0xFFFFFFFFFFFFFFFF

_WHOLE = "cells.zarr"  # a store whose arrays are not made one by one
_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_CRC32C = {"name": "crc32c"}
_LITTLE = sys.byteorder == "little"
_SHUFFLE = {"noshuffle": blosc.NOSHUFFLE, "shuffle": blosc.SHUFFLE, "bitshuffle": blosc.BITSHUFFLE}


def encode(chunk: np.ndarray, codec: tuple[str, int] = COUNTS) -> bytes:
    """Compress one chunk of any shape and dtype, in C order and little-endian, for a shard.

    The codec is `COUNTS`, `LABELS` or `SMOOTH`.
    """
    if not (_LITTLE and chunk.flags.c_contiguous and chunk.dtype.isnative):
        chunk = np.ascontiguousarray(chunk, chunk.dtype.newbyteorder("<"))
    return blosc.compress(chunk, b"lz4", 1, _SHUFFLE[codec[0]], codec[1])


def checksum(data, before: int = 0) -> int:
    """CRC-32C of bytes, or of all that has gone into `before` and these bytes."""
    data = np.frombuffer(data, np.uint8) if isinstance(data, memoryview) else data
    return google_crc32c.extend(before, data)


def four_bytes(number: int) -> bytes:
    """A CRC-32C as it stands in a file."""
    return number.to_bytes(4, "little")


def decode(data: memoryview, out: np.ndarray, path: Path, checked: bool) -> None:
    """Decompress one chunk of the file `path` into `out`; FoveaError if it is damaged.

    One that is `checked` ends with its checksum.
    """
    if checked:
        data, end = data[:-4], data[-4:]
        if four_bytes(checksum(data)) != bytes(end):
            raise damaged(path)
    try:
        blosc.decompress(data, out)
    except (RuntimeError, ValueError) as error:
        raise damaged(path) from error


def encode_index(index: np.ndarray) -> bytes:
    """The end of a shard: its index, (n, 2) little-endian uint64, and the CRC-32C of that."""
    data = index.tobytes()
    return data + four_bytes(checksum(data))


def decode_index(data: bytes, path: Path) -> np.ndarray:
    """The index, (n, 2) uint64 offsets and lengths, of the shard `path`, from its last bytes."""
    index = data[:-4]
    if data[-4:] != four_bytes(checksum(index)):
        raise damaged(path)
    return np.frombuffer(index, "<u8").reshape(-1, 2)


def shard_path(path: Path, ndim: int = 3) -> Path:
    """The only shard, or chunk, of an array."""
    return path / ".".join(["c", *["0"] * ndim])


def group_metadata(attributes: dict | None = None) -> dict:
    """Content of the ``zarr.json`` of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}


def stored_rows(height, width):
    """How many rows a chunk of (height, width) values is stored with; numbers, or arrays of them.

    Blosc shuffles the bits of a small chunk only if it has a multiple of eight values; without, the
    crops of cells take two to three times the space. What is beyond `height` is 0.
    """
    step = 8 // np.gcd(width, 8)
    return -(-height // step) * step


def chunk_metadata(
    shape: Sequence[int], dtype, dimensions, attributes: dict, codec=COUNTS,
    rows: int | None = None,
) -> dict:  # fmt: skip
    """Content of the ``zarr.json`` of an array of one chunk.

    `dimensions` are the names of the axes; the codec is `COUNTS`, `LABELS` or `SMOOTH`; `rows` is
    the size of the chunk along the second axis, where it is larger than the array.
    """
    dtype, shape = np.dtype(dtype), [int(n) for n in shape]
    shuffle, block = codec
    options = {
        "cname": "lz4", "clevel": 1, "shuffle": shuffle, "blocksize": block,
        "typesize": dtype.itemsize,
    }  # fmt: skip
    order = _BYTES if dtype.itemsize > 1 else {"name": "bytes"}
    chunk = [max(1, n) for n in shape]
    chunk[1:2] = [rows or n for n in chunk[1:2]]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        # a point instead of a slash spares three folders per array
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": {"f": 0.0, "b": False}.get(dtype.kind, 0),
        "codecs": [order, {"name": "blosc", "configuration": options}, _CRC32C],
        "attributes": attributes,
        "dimension_names": list(dimensions),
        "storage_transformers": [],
    }


def shard_metadata(
    shape: Sequence[int], dtype, dimensions, attributes: dict, codec=COUNTS,
    rows: int | None = None,
) -> dict:  # fmt: skip
    """As `chunk_metadata`, for an array of one shard with one inner chunk per frame."""
    content = chunk_metadata(shape, dtype, dimensions, attributes, codec, rows)
    sharding = {
        "chunk_shape": [1, *content["chunk_grid"]["configuration"]["chunk_shape"][1:]],
        "codecs": content["codecs"],
        "index_codecs": [_BYTES, _CRC32C],
        "index_location": "end",
    }
    return content | {"codecs": [{"name": "sharding_indexed", "configuration": sharding}]}


def damaged(path: Path) -> FoveaError:
    """The error of a file of an array, or of a group, that is not as it was written."""
    whole = next((p for p in path.parents if p.name == _WHOLE), path.parent)
    return FoveaError(
        f"{path} is damaged or not whole; delete the folder {whole} and run Snakemake again"
    )

"""Arrays on disk: Zarr 3, one frame per inner chunk, all frames in one shard, written as a stream.

zarr-python writes a shard as a whole, so it would hold a full recording in memory, or need many
shards and thus many files; and it takes longer to call than one frame takes to compress. The
format itself is simple: encoded chunks one after the other, then an index of (offset, length)
pairs and its checksum. This module writes that, and reads it back; any Zarr 3 reader can.

An array's ``zarr.json`` is written last and by renaming, so an array that has one is whole. Until
then its data have a name of their own (`partial`), so two jobs never write the same file.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import numpy as np

from fovea.errors import FoveaError
from fovea.jobs.atomic import begin, partial, publish, taken_over
from fovea.store import blosc

_MISSING = 0xFFFFFFFFFFFFFFFF

#: How bytes are ordered before compression (blosc, lz4, level 1), and in blocks of how many bytes.
#: Measured on 2048 x 2048 frames: bits for noisy counts (5 ms, 0.56 of the size); nothing for
#: labels, which are long runs (0.8 instead of 3.8 ms); bytes in large blocks for smooth fields.
COUNTS = ("bitshuffle", 0)
LABELS = ("noshuffle", 0)
SMOOTH = ("shuffle", 1 << 18)
_LITTLE = sys.byteorder == "little"
_SHUFFLE = {"noshuffle": blosc.NOSHUFFLE, "shuffle": blosc.SHUFFLE, "bitshuffle": blosc.BITSHUFFLE}


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial(path)
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    publish(path)


def write_group(path: str | Path, attributes: dict | None = None) -> None:
    """Write the ``zarr.json`` of a group."""
    write_json(Path(path) / "zarr.json", json.loads(group_metadata(attributes)))


def group_metadata(attributes: dict | None = None) -> str:
    """Content of the ``zarr.json`` of a group, as text."""
    content = {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}}
    return json.dumps(content, ensure_ascii=False)


def read_attributes(path: str | Path) -> dict:
    """Attributes of a group or array."""
    return _read_metadata(Path(path)).get("attributes", {})


def encode(chunk: np.ndarray, codec: tuple[str, int] = COUNTS) -> bytes:
    """One chunk as it stands in the shard."""
    if not (_LITTLE and chunk.flags.c_contiguous and chunk.dtype.isnative):
        chunk = np.ascontiguousarray(chunk, chunk.dtype.newbyteorder("<"))
    return blosc.compress(chunk, b"lz4", 1, _SHUFFLE[codec[0]], codec[1])


class ShardWriter:
    """A shard file, filled chunk by chunk. The file exists from the first `write` on.

    Parameters
    ----------
    path : Path
        The shard's file; an existing one is replaced. Its folder must exist.
    chunks : int
        Number of inner chunks.
    """

    def __init__(self, path: Path, chunks: int):
        self.path = path
        self.index = np.full((chunks, 2), _MISSING, "<u8")
        self.size = 0

    def write(self, chunks: dict[int, bytes]) -> None:
        """Append encoded chunks, given by their position in the index."""
        self._append(b"".join(self._enter(chunks)))

    def close(self, chunks: dict[int, bytes] | None = None) -> None:
        """Append the last chunks and the index: little-endian pairs of 64 bits, their CRC-32C."""
        data = b"".join(self._enter(chunks or {}))
        index = self.index.tobytes()
        self._append(data + index + struct.pack("<I", google_crc32c.value(index)), data)

    def _enter(self, chunks: dict[int, bytes]) -> Iterator[bytes]:
        offset = self.size
        for position, data in chunks.items():
            self.index[position] = (offset, len(data))
            offset += len(data)
            yield data

    def _append(self, data: bytes, counted: bytes | None = None) -> None:
        # Never created anew in the middle: a file that is gone was taken over by another job.
        flags = os.O_APPEND if self.size else os.O_CREAT | os.O_TRUNC
        try:
            number = os.open(self.path, os.O_WRONLY | flags, 0o666)
        except FileNotFoundError as error:
            raise taken_over(self.path) from error
        with open(number, "wb", buffering=0) as file:
            file.write(data)
        self.size += len(data if counted is None else counted)


def array_metadata(shape, dtype, dimensions: list[str], attributes: dict, codec=COUNTS) -> dict:
    """Content of the ``zarr.json`` of an array of one shard with one frame per inner chunk."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    dtype = np.dtype(dtype)
    shuffle, block = codec
    blosc_options = {
        "cname": "lz4", "clevel": 1, "shuffle": shuffle, "blocksize": block,
        "typesize": dtype.itemsize,
    }  # fmt: skip
    sharding = {
        "chunk_shape": [1, *(int(n) for n in shape[1:])],
        "codecs": [little if dtype.itemsize > 1 else {"name": "bytes"},
                   {"name": "blosc", "configuration": blosc_options}],
        "index_codecs": [little, {"name": "crc32c"}],
        "index_location": "end",
    }  # fmt: skip
    regular = {"name": "regular", "configuration": {"chunk_shape": [int(n) for n in shape]}}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [int(n) for n in shape],
        "data_type": dtype.name,
        "chunk_grid": regular,
        # a point instead of a slash spares three folders per array
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0.0 if dtype.kind == "f" else 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": attributes,
        "dimension_names": dimensions,
        "storage_transformers": [],
    }


def write_array(path, data: np.ndarray, dimensions: list[str], attributes=None) -> None:
    """Write a small array as one chunk."""
    path = Path(path)
    content = array_metadata(data.shape, data.dtype, dimensions, attributes or {})
    chunk = [max(1, n) for n in data.shape]
    content["chunk_grid"]["configuration"]["chunk_shape"] = chunk
    content["codecs"] = content["codecs"][0]["configuration"]["codecs"]
    if data.dtype == bool:
        content["fill_value"] = False
    if data.size:
        path.mkdir(parents=True, exist_ok=True)
        shard = shard_path(path, data.ndim)
        partial(shard).write_bytes(encode(data))
        publish(shard)
    write_json(path / "zarr.json", content)


def read_array(path) -> np.ndarray:
    """Read an array written by `write_array`."""
    path = Path(path)
    metadata = _read_metadata(path)
    out = np.empty(metadata["shape"], metadata["data_type"])
    if out.size:
        try:
            blosc.decompress(shard_path(path, out.ndim).read_bytes(), out)
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(path) from error
    return out


def shard_path(path: Path, ndim: int = 3) -> Path:
    """The file of an array's only shard."""
    return path / ".".join(["c", *["0"] * ndim])


class ArrayWriter:
    """Write a (T, H, W) array frame by frame; memory does not grow with T.

    Used as a context manager. At its end the array gets its ``zarr.json``; after an exception it
    has none, and its data are removed.

    Parameters
    ----------
    path : path
        Folder of the array.
    shape : (int, int, int)
        T, H, W.
    dtype : dtype
        Unsigned integer or float32.
    attributes : dict
        Can be changed until the end.
    codec : tuple
        `COUNTS`, `LABELS` or `SMOOTH`: what the values are like.
    dimensions : list of str
        Names of the axes.
    """

    def __init__(
        self, path, shape, dtype, attributes=None, codec=COUNTS, dimensions=("t", "y", "x")
    ):
        self.path = Path(path)
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.attributes = attributes if attributes is not None else {}
        self.codec = codec
        self.dimensions = list(dimensions)
        self.written = 0
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "zarr.json").unlink(missing_ok=True)
        self.target = shard_path(self.path, len(self.shape))
        self.target.unlink(missing_ok=True)
        self.shard = ShardWriter(begin(self.target), self.shape[0])

    def append(self, frame: np.ndarray) -> None:
        """Write the next frame; one of a wider integer type widens the whole array."""
        if frame.shape != self.shape[1:]:
            raise ValueError(
                f"{self.path}: expected a frame of {self.shape[1:]}, got {frame.shape}"
            )
        if frame.dtype != self.dtype:
            self._widen(frame.dtype)
            frame = frame.astype(self.dtype, copy=False)
        self.shard.write({self.written: encode(frame, self.codec)})
        self.written += 1

    def _widen(self, dtype: np.dtype) -> None:
        dtype = np.promote_types(self.dtype, dtype)
        if dtype == self.dtype or self.written == 0:
            self.dtype = np.dtype(dtype)
            return
        old, reader = self.shard, _Shard(self.shard.path, self.shard.index, self.dtype)
        self.shard = ShardWriter(old.path.with_name(f"{old.path.name}.wider"), self.shape[0])
        for position in range(self.written):
            frame = reader.chunk(position, self.shape[1:]).astype(dtype)
            self.shard.write({position: encode(frame, self.codec)})
        reader.close()
        self.shard.path = self.shard.path.replace(old.path)
        self.dtype = np.dtype(dtype)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is not None:
            self.shard.path.unlink(missing_ok=True)
            return
        if self.written != self.shape[0]:
            self.shard.path.unlink(missing_ok=True)
            raise ValueError(f"{self.path}: {self.written} of {self.shape[0]} frames were written")
        self.shard.close()
        publish(self.target)
        about = self.dimensions, self.attributes, self.codec
        content = array_metadata(self.shape, self.dtype, *about)
        write_json(self.path / "zarr.json", content)


class _Shard:
    """Chunks of an open shard file."""

    def __init__(self, path: Path, index, dtype: np.dtype):
        self.path, self.index, self.dtype = path, index, dtype
        self.file = path.open("rb", buffering=0)

    def chunk(self, position: int, shape) -> np.ndarray:
        offset, length = self.index[position]
        if offset == _MISSING:
            return np.zeros(shape, self.dtype)
        out = np.empty(shape, self.dtype)
        data = os.pread(self.file.fileno(), int(length), int(offset))
        if len(data) != length:
            raise _damaged(self.path)
        _decode(data, out, self.path)
        return out

    def close(self) -> None:
        self.file.close()


class ArrayReader:
    """Read an array that this module wrote, frame by frame.

    Attributes
    ----------
    shape, dtype, attributes
        As in its ``zarr.json``.

    Raises
    ------
    FoveaError
        If the array is missing or damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        metadata = _read_metadata(self.path)
        self.shape = tuple(metadata["shape"])
        self.dtype = np.dtype(metadata["data_type"])
        self.attributes = metadata["attributes"]
        shard = shard_path(self.path, len(self.shape))
        try:
            index = _read_index(shard, self.shape[0])
            self._shard = _Shard(shard, index, self.dtype)
        except OSError as error:
            raise _damaged(self.path) from error

    def __enter__(self) -> ArrayReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the shard's file."""
        self._shard.close()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frame: int) -> np.ndarray:
        """One frame, (H, W)."""
        return self._shard.chunk(frame, self.shape[1:])

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Some frames of a small array, (n, H, W), with one access to the file."""
        out = np.zeros((len(frames), *self.shape[1:]), self.dtype)
        index = self._shard.index[frames]
        there = index[:, 0] != _MISSING
        if not there.any():
            return out
        begin = int(index[there, 0].min())
        end = int(index[there].sum(axis=1).max())
        data = os.pread(self._shard.file.fileno(), end - begin, begin)
        if len(data) != end - begin:
            raise _damaged(self.path)
        view = memoryview(data)
        for position, (offset, length) in zip(np.flatnonzero(there), index[there].tolist(),
                                              strict=True):  # fmt: skip
            _decode(view[offset - begin : offset - begin + length], out[position], self.path)
        return out

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[frame] for frame in range(len(self)))

    def stored(self, frame: int) -> bool:
        """Whether the frame takes space on disk; one that does not is 0 everywhere."""
        return self._shard.index[frame][0] != _MISSING


def _decode(data, out: np.ndarray, path: Path) -> None:
    try:
        blosc.decompress(data, out)
    except (RuntimeError, ValueError) as error:
        raise _damaged(path) from error


def _read_index(path: Path, chunks: int) -> np.ndarray:
    length = 16 * chunks
    with path.open("rb") as file:
        file.seek(-length - 4, os.SEEK_END)
        data = file.read()
    if struct.unpack("<I", data[length:])[0] != google_crc32c.value(data[:length]):
        raise _damaged(path)
    return np.frombuffer(data[:length], "<u8").reshape(chunks, 2)


def _read_metadata(path: Path) -> dict:
    try:
        return json.loads((path / "zarr.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FoveaError(
            f"{path} is not there or not whole; run Snakemake again to make it"
        ) from error


def _damaged(path: Path) -> FoveaError:
    return FoveaError(f"{path} is damaged or not whole; delete it and run Snakemake again")

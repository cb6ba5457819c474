"""Read arrays that `fovea.store.writer` wrote, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fovea.store.format import MISSING, damaged, decode, decode_index, read_metadata, shard_path


def read_array(path: str | Path) -> np.ndarray:
    """Read what `fovea.store.writer.write_array` wrote; FoveaError if it is missing or damaged."""
    path = Path(path)
    metadata = read_metadata(path)
    out = np.empty(metadata["shape"], metadata["data_type"])
    if out.size:
        try:
            data = shard_path(path, out.ndim).read_bytes()
        except OSError as error:
            raise damaged(path) from error
        decode(data, out, path)
    return out


class Shard:
    """Chunks of one shape and dtype in an open shard file.

    Its index (n, 2) uint64 holds offset and length of each chunk.
    """

    def __init__(self, path: Path, index: np.ndarray, shape: tuple[int, ...], dtype: np.dtype):
        self.path, self.index, self.shape, self.dtype = path, index, shape, dtype
        self.file = path.open("rb", buffering=0)

    def chunk(self, position: int) -> np.ndarray:
        """One chunk; 0 where it is not stored."""
        offset, length = self.index[position].tolist()
        if offset == MISSING:
            return np.zeros(self.shape, self.dtype)
        out = np.empty(self.shape, self.dtype)
        decode(self._bytes(offset, length), out, self.path)
        return out

    def chunks(self, positions: np.ndarray) -> np.ndarray:
        """Some chunks, (n, ...), with one access to the file that spans them all."""
        out = np.zeros((len(positions), *self.shape), self.dtype)
        index = self.index[positions]
        there = np.flatnonzero(index[:, 0] != MISSING)
        if len(there) == 0:
            return out
        begin = int(index[there, 0].min())
        end = int(index[there].sum(axis=1).max())
        view = memoryview(self._bytes(begin, end - begin))
        for i, (offset, length) in zip(there, index[there].tolist(), strict=True):
            decode(view[offset - begin : offset - begin + length], out[i], self.path)
        return out

    def _bytes(self, offset: int, length: int) -> bytes:
        data = os.pread(self.file.fileno(), length, offset)
        if len(data) != length:
            raise damaged(self.path)
        return data

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class ArrayReader:
    """Read a (T, H, W) array frame by frame, or any other array along its first axis.

    `shape`, `dtype` and `attributes` are as in its ``zarr.json``. An array that is missing or
    damaged is a FoveaError.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        metadata = read_metadata(self.path)
        self.shape = tuple(metadata["shape"])
        self.dtype = np.dtype(metadata["data_type"])
        self.attributes = metadata["attributes"]
        file = shard_path(self.path, len(self.shape))
        try:
            with file.open("rb") as opened:
                opened.seek(-16 * len(self) - 4, os.SEEK_END)
                index = decode_index(opened.read(), file)
            self._shard = Shard(file, index, self.shape[1:], self.dtype)
        except OSError as error:
            raise damaged(self.path) from error

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
        return self._shard.chunk(frame)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[frame] for frame in range(len(self)))

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Some frames of a small array, (n, H, W), with one access to the file."""
        return self._shard.chunks(frames)

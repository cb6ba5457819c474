"""Read arrays that `fovea.store.writer` wrote, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from fovea.store.format import MISSING, damaged, decode, decode_index, four_bytes, shard_path
from fovea.store.metadata import read_metadata


def read_array(path: str | Path) -> np.ndarray:
    """Read what `fovea.store.writer.write_array` wrote; FoveaError if it is missing or damaged."""
    path = Path(path)
    metadata = read_metadata(path, "array")
    out = np.empty(metadata["shape"], metadata["data_type"])
    if out.size:
        file = shard_path(path, out.ndim)
        try:
            data = memoryview(file.read_bytes())
        except OSError as error:
            raise damaged(file) from error
        known = metadata["crc32c"]
        if known is not None and bytes(data[-4:]) != four_bytes(known):
            raise damaged(file)
        decode(data, out, file, checked=known is not None)
    return out


def missing_frames(attributes: dict) -> frozenset[int]:
    """Return the numbers of the frames that an array of these attributes does not hold."""
    return frozenset(attributes.get("fovea", {}).get("missing_frames", ()))


class Shard:
    """Chunks of one shape and dtype in an open shard file.

    Its index (n, 2) uint64 holds offset and length of each chunk. Chunks that are `checked` end
    with their checksum. `stored` is the shape with the rows beyond it, which are left out.
    """

    def __init__(
        self, path: Path, index: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, checked: bool,
        stored: tuple[int, ...] | None = None,
    ):  # fmt: skip
        self.path, self.index, self.shape, self.dtype = path, index, shape, dtype
        self.checked = checked
        self._whole = None if stored in (None, shape) else np.empty(stored, dtype)
        self.file = path.open("rb", buffering=0)

    def chunks(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some chunks, (n, ...), with one access to the file; 0 where one is not stored."""
        out = np.empty((len(positions), *self.shape), self.dtype)
        index = self.index[positions]
        out[index[:, 0] == MISSING] = 0
        there = np.flatnonzero(index[:, 0] != MISSING)
        if len(there) == 0:
            return out
        begin = int(index[there, 0].min())
        end = int(index[there].sum(axis=1).max())
        data = memoryview(os.pread(self.file.fileno(), end - begin, begin))
        if len(data) != end - begin:
            raise damaged(self.path)
        for i, (offset, length) in zip(there, index[there].tolist(), strict=True):
            part = data[offset - begin : offset - begin + length]
            if self._whole is None:
                decode(part, out[i, ...], self.path, self.checked)
            else:
                decode(part, self._whole, self.path, self.checked)
                out[i] = self._whole[: self.shape[0]]
        return out

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class FrameReader(AbstractContextManager):
    """Frames of an open file; a subclass has `shape`, (T, ...), `close` and `__getitem__`.

    `missing` are the numbers of the frames that were not recorded. They are read as zeros, which
    are no measurement: steps go through `present`, or `recorded`.
    """

    missing: frozenset[int] = frozenset()

    def __exit__(self, *_) -> None:
        self.close()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[frame] for frame in range(len(self)))

    @property
    def present(self) -> np.ndarray:
        """Numbers of the frames that were recorded, (P,) int64, ascending."""
        here = np.ones(len(self), bool)
        here[list(self.missing)] = False
        return np.flatnonzero(here)

    def nearest(self, frame: int) -> int:
        """Number of the recorded frame that is nearest to a frame, the earlier one of two."""
        present = self.present
        return int(present[np.abs(present - frame).argmin()])

    def recorded(self) -> Iterator[np.ndarray]:
        """Yield the frames that were recorded, in order."""
        return (self[frame] for frame in self.present.tolist())


class Stack:
    """Recorded frames of an open array, read when they are asked for.

    `shape` is (T, H, W), of the frames that were recorded; an index gives one frame (H, W), a
    slice some of them, (n, H, W).
    """

    def __init__(self, frames: FrameReader):
        self._frames, self._present = frames, frames.present
        self.shape = (len(self._present), *frames.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice) -> np.ndarray:
        if isinstance(index, slice):
            return np.stack([self._frames[t] for t in self._present[index]])
        return self._frames[self._present[index]]


class ArrayReader(FrameReader):
    """Read a (T, H, W) array frame by frame, or any other array along its first axis.

    `shape`, `dtype` and `attributes` are as in its ``zarr.json``, `missing` is from the latter.
    An array that is not there or damaged is a FoveaError.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        metadata = read_metadata(self.path, "array")
        self.shape = tuple(metadata["shape"])
        self.dtype = np.dtype(metadata["data_type"])
        self.attributes = metadata["attributes"]
        self.missing = missing_frames(self.attributes)
        file = shard_path(self.path, len(self.shape))
        known = metadata["crc32c"]
        before = 0 if known is None else 4
        try:
            with file.open("rb") as opened:
                opened.seek(-16 * len(self) - 4 - before, os.SEEK_END)
                end = opened.read()
            index = decode_index(end[before:], file)
            if known is not None and end[:4] != four_bytes(known):
                raise damaged(file)
            chunk = metadata["chunk_grid"]["configuration"]["chunk_shape"]
            stored = tuple(c if n else 0 for c, n in zip(chunk, self.shape, strict=True))
            self._shard = Shard(
                file, index, self.shape[1:], self.dtype, known is not None, stored[1:]
            )
        except OSError as error:
            raise damaged(file) from error

    def close(self) -> None:
        """Close the shard's file."""
        self._shard.close()

    def __getitem__(self, frame: int) -> np.ndarray:
        """One frame, (H, W)."""
        return self._shard.chunks([frame])[0]

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Some frames of a small array, (n, H, W), with one access to the file."""
        return self._shard.chunks(frames)

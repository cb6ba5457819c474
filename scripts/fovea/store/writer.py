"""Write arrays as a stream: one frame after the other, all frames in one file.

An array's ``zarr.json`` is written last and by renaming, so an array that has one is complete.
Until then its data have a temporary name (`fovea.jobs.atomic.partial`) that differs from job to
job, so two jobs never write the same file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fovea.jobs.atomic import begin, publish, taken_over, write_all
from fovea.store.format import (
    COUNTS,
    MISSING,
    checksum,
    chunk_metadata,
    encode,
    encode_index,
    four_bytes,
    shard_metadata,
    shard_path,
)
from fovea.store.metadata import write_metadata
from fovea.store.reader import Shard


def write_array(
    path: str | Path, data: np.ndarray, dimensions: Sequence[str], attributes: dict | None = None
) -> None:
    """Write a small array of any shape and dtype as one chunk; `dimensions` names its axes."""
    path = Path(path)
    content = chunk_metadata(data.shape, data.dtype, dimensions, attributes or {})
    encoded = encode(data) if data.size else b""
    if data.size:
        path.mkdir(parents=True, exist_ok=True)
        chunk = shard_path(path, data.ndim)
        begin(chunk).write_bytes(encoded + four_bytes(checksum(encoded)))
        publish(chunk)
    write_metadata(path, content, checksum(encoded))


class ShardWriter:
    """A shard file of `chunks` inner chunks, filled chunk by chunk, which replaces an existing one.

    The file exists from the first `write` on; its folder must exist. `checksum` is that of the
    chunks so far.
    """

    def __init__(self, path: Path, chunks: int):
        self.path, self.count = path, chunks
        self.size = self.checksum = 0
        # position, offset and length of the chunks that there are, which may be few of very many
        self._places = array("Q")

    @property
    def index(self) -> np.ndarray:
        """Offset and length of each chunk, (chunks, 2) uint64."""
        found = np.full((self.count, 2), MISSING, "<u8")
        places = np.array(self._places, "<u8").reshape(-1, 3)
        found[places[:, 0].astype(np.int64)] = places[:, 1:]
        return found

    def close(self, chunks: dict[int, bytes] | None = None) -> None:
        """Append the last chunks and the index."""
        self.write(chunks or {}, last=True)

    def write(self, chunks: dict[int, bytes], last: bool = False) -> None:
        """Append encoded chunks, given by their position in the index, and at last the index."""
        # Never created anew in the middle: a file that is gone was taken over by another job.
        flags = os.O_APPEND if self.size else os.O_CREAT | os.O_TRUNC
        parts = []
        for position, data in chunks.items():
            end = four_bytes(checksum(data))
            self.checksum = checksum(end, self.checksum)
            self._places.extend((position, self.size, len(data) + len(end)))
            self.size += len(data) + len(end)
            parts += data, end
        if last:
            parts += four_bytes(self.checksum), encode_index(self.index)
        try:
            number = os.open(self.path, os.O_WRONLY | flags, 0o666)
        except FileNotFoundError as error:
            raise taken_over(self.path) from error
        try:
            write_all(number, parts)
        finally:
            os.close(number)


class ArrayWriter:
    """Write a (T, H, W) array of unsigned integers or floats frame by frame, in constant memory.

    Used as a context manager. At its end the array gets its ``zarr.json`` with the attributes,
    which can be changed until then; after an exception it has none, and its data are removed. The
    codec is `COUNTS`, `LABELS` or `SMOOTH`, by what the values are like; `dimensions` names the
    axes.

    Frames that were not recorded are not stored: those of `missing`, given beforehand, which
    `append` passes over, and those for which `skip` is called in place of `append`. The attribute
    ``missing_frames`` under ``fovea`` lists them, where there are any.
    """

    def __init__(
        self, path, shape, dtype, attributes=None, codec=COUNTS, dimensions=("t", "y", "x"),
        missing: Iterable[int] = (),
    ):  # fmt: skip
        self.path, self.shape, self.dtype = Path(path), tuple(shape), np.dtype(dtype)
        self.attributes = attributes if attributes is not None else {}
        self.codec, self.dimensions, self.written = codec, dimensions, 0
        self.missing = set(missing)
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "zarr.json").unlink(missing_ok=True)
        self.target = shard_path(self.path, len(self.shape))
        self.target.unlink(missing_ok=True)
        self.shard = ShardWriter(begin(self.target), self.shape[0])

    def append(self, frame: np.ndarray) -> None:
        """Write the next frame that is not missing, (H, W); a wider integer type widens all."""
        if frame.shape != self.shape[1:]:
            raise ValueError(
                f"{self.path}: expected a frame of {self.shape[1:]}, got {frame.shape}"
            )
        if frame.dtype != self.dtype:
            self._widen(frame.dtype)
            frame = frame.astype(self.dtype, copy=False)
        self._pass_missing()
        self.shard.write({self.written: encode(frame, self.codec)})
        self.written += 1

    def skip(self) -> None:
        """Leave out the next frame: it was not recorded."""
        self._pass_missing()
        self.missing.add(self.written)
        self.written += 1

    def _pass_missing(self) -> None:
        while self.written in self.missing:
            self.written += 1

    def _widen(self, dtype: np.dtype) -> None:
        dtype = np.promote_types(self.dtype, dtype)
        if dtype == self.dtype or self.shard.size == 0:
            self.dtype = dtype
            return
        old = self.shard
        written = Shard(old.path, old.index, self.shape[1:], self.dtype, checked=True)
        self.shard = ShardWriter(old.path.with_name(f"{old.path.name}.wider"), self.shape[0])
        for position in sorted(set(range(self.written)) - self.missing):
            (frame,) = written.chunks([position]).astype(dtype)
            self.shard.write({position: encode(frame, self.codec)})
        written.close()
        self.shard.path = self.shard.path.replace(old.path)
        self.dtype = dtype

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self._pass_missing()
        if kind is not None or self.written != self.shape[0]:
            self.shard.path.unlink(missing_ok=True)
            if kind is not None:
                return
            raise ValueError(f"{self.path}: {self.written} of {self.shape[0]} frames were written")
        self.shard.close()
        publish(self.target)
        if self.missing:
            own = self.attributes.setdefault("fovea", {})
            own["missing_frames"] = sorted(self.missing)
        about = self.dimensions, self.attributes, self.codec
        content = shard_metadata(self.shape, self.dtype, *about)
        write_metadata(self.path, content, self.shard.checksum)

"""Find the planes of a Zarr array that were written.

Zarr returns the fill value for chunks that do not exist, so that a recording that was stopped
early would end in blank frames.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.zarr.ngff import Image, read_array

MOST_PIXELS = 1 << 27  # of a field of view that are read to look for planes of zeros


class ChunkGrid:
    """The files of the chunks of an array, by its `zarr.json` (format 3) or `.zarray` (2)."""

    def __init__(self, path: str, meta: dict[str, Any]) -> None:
        self.path = path
        if meta.get("zarr_format") == 3:
            grid = meta["chunk_grid"]["configuration"]["chunk_shape"]
            encoding = meta.get("chunk_key_encoding", {"name": "default"})
            options = encoding.get("configuration", {})
            default = encoding.get("name", "default") == "default"
            self.prefix = "c" if default else ""
            self.separator = options.get("separator", "/" if default else ".")
            self.codec = next((c for c in meta["codecs"] if c["name"] == "sharding_indexed"), None)
        else:
            grid = meta["chunks"]
            self.prefix, self.separator = "", meta.get("dimension_separator", ".")
            self.codec = None
        self.files = tuple(int(n) for n in grid)  # shape of the pixels in one file
        self.inner = self.files
        if self.codec is not None:
            self.inner = tuple(self.codec["configuration"]["chunk_shape"])
        self._known: dict[tuple[int, ...], np.ndarray | int] = {}

    def stored(self, chunk: tuple[int, ...]) -> int:
        """Return how many bytes of a chunk, by its number along each axis, are stored."""
        per_file = [f // i for f, i in zip(self.files, self.inner, strict=True)]
        number = tuple(c // n for c, n in zip(chunk, per_file, strict=True))
        if number not in self._known:
            self._known[number] = self._look_up(number, per_file)
        known = self._known[number]
        if isinstance(known, int):
            return known
        return int(known[tuple(c % n for c, n in zip(chunk, per_file, strict=True))])

    def _look_up(self, number: tuple[int, ...], per_file: list[int]) -> np.ndarray | int:
        key = self.separator.join(str(n) for n in number)
        if self.prefix:
            key = self.prefix + self.separator + key
        file = os.path.join(self.path, *key.split("/"))
        try:
            size = os.stat(file).st_size
        except OSError:
            return 0
        return size if self.codec is None else self._shard_index(file, size, per_file)

    def _shard_index(self, file: str, size: int, per_file: list[int]) -> np.ndarray | int:
        """Return the bytes of the inner chunks whose offset lies inside the file of a shard."""
        options = self.codec["configuration"]
        codecs = [codec["name"] for codec in options.get("index_codecs", [])]
        count = math.prod(per_file)
        length = 16 * count + (4 if "crc32c" in codecs else 0)
        if size < length:
            return 0
        with open(file, "rb") as handle:
            if options.get("index_location", "end") == "end":
                handle.seek(size - length)
            pairs = np.frombuffer(handle.read(16 * count), "<u8").reshape(*per_file, 2)
        offset, nbytes = pairs[..., 0], pairs[..., 1]
        empty = np.uint64(2**64 - 1)
        there = (offset != empty) & (offset < size) & (nbytes <= np.uint64(size))
        return np.where(there, nbytes, 0)


def plane_stored(image: Image, plane: dict[str, int]) -> bool:
    """Return whether a plane, by its index along t, c and z, has at least one chunk just now."""
    grid = _open_grid(image)
    number = (plane[axis] // n for axis, n in zip(image.axes[:-2], grid.inner, strict=False))
    return _any_stored(grid, image, tuple(number))


def stored_planes(image: Image) -> np.ndarray:
    """Return which planes of an image's array have at least one chunk, (T, C, Z) bool."""
    grid = _open_grid(image)
    outer = image.axes[:-2]
    counts = [-(-n // size) for n, size in zip(image.shape, grid.inner, strict=True)]
    planes = np.zeros(counts[: len(outer)], bool)
    for number in np.ndindex(planes.shape):
        planes[number] = _any_stored(grid, image, number)
    for axis in range(len(outer)):
        chunks = np.arange(image.shape[axis]) // grid.inner[axis]
        planes = planes.take(chunks, axis=axis)
    return _as_tcz(image, planes)


def filled_planes(image: Image, read: Callable[[tuple[slice, ...]], np.ndarray]) -> np.ndarray:
    """Return the share of pixels above 0 in each plane of an image's array, (T, C, Z) float64.

    Only chunks of several planes are read, with `read`, for in others planes of zeros are usually
    not stored. Where they are many, some are read, and the rest if these hold a plane of zeros; a
    plane that was not read counts as 1.
    """
    grid = _open_grid(image)
    outer = len(image.axes) - 2
    depth, filled = grid.inner[:outer], np.ones(image.shape[:outer])
    if math.prod(depth) == 1:
        return _as_tcz(image, filled)
    counts = [-(-n // size) for n, size in zip(image.shape[:outer], depth, strict=True)]
    groups = [number for number in np.ndindex(*counts) if _any_stored(grid, image, number)]
    pixels = math.prod(depth) * image.shape[-2] * image.shape[-1]
    most = max(8, MOST_PIXELS // pixels)
    # in an order of chance, for planes may be missing at regular distances
    order = np.random.default_rng(0).permutation(len(groups)).tolist()
    for start, stop in ((0, most), (most, len(order))):
        for i in order[start:stop]:
            where = tuple(slice(n * d, (n + 1) * d) for n, d in zip(groups[i], depth, strict=True))
            shares = np.count_nonzero(read(where), axis=(-2, -1))
            filled[where] = shares / (image.shape[-2] * image.shape[-1])
        if filled.all():
            break
    return _as_tcz(image, filled)


def _as_tcz(image: Image, planes: np.ndarray) -> np.ndarray:
    """Return values per plane of an array as (T, C, Z)."""
    outer = image.axes[:-2]
    order = [outer.index(axis) for axis in "tcz" if axis in outer]
    return planes.transpose(order).reshape(image.stored_sizes)


def _open_grid(image: Image) -> ChunkGrid:
    try:
        return ChunkGrid(image.path, read_array(image.path, image.source) or {})
    except (KeyError, TypeError) as error:
        raise FoveaError(
            f"{image.source}: its array metadata lack {error}; copy the store again"
        ) from error


def _any_stored(grid: ChunkGrid, image: Image, number: tuple[int, ...]) -> bool:
    """Return whether any tile is stored of the planes in chunk `number` of the outer axes."""
    sides = zip(image.shape[-2:], grid.inner[-2:], strict=True)
    tiles = itertools.product(*(range(-(-n // size)) for n, size in sides))
    return any(grid.stored((*number, *tile)) > 0 for tile in tiles)

"""Cut the crops of every cell out of all channels."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from fovea.cells.sources import BackgroundSource, Batch, CountSource, MaskSource
from fovea.jobs.atomic import remove, whole_folder
from fovea.jobs.log import progress
from fovea.jobs.threads import ordered_map
from fovea.store.format import (
    encode,
    group_metadata,
    shard_metadata,
    shard_path,
    stored_rows,
)
from fovea.store.groups import derived_metadata, pixel_size, provenance
from fovea.store.metadata import text, write_group
from fovea.store.writer import ShardWriter, write_array
from fovea.tracking.boxes import read_boxes
from fovea.tracking.drift import read_drift

_LOG = logging.getLogger("fovea")
_BUFFER = 48 << 20  # bytes of encoded crops held before they are written
_CELLS = 256  # of which windows are computed at a time: thousands in as many frames are large
_ENTRY = 250  # bytes that an encoded crop takes beside its data while it waits


def crop_windows(
    bboxes: np.ndarray, valid: np.ndarray, padding: int, drift: np.ndarray | None = None
) -> np.ndarray:
    """Windows of one size per cell, centred on the cell in each frame or moving with the stage.

    `bboxes` (N, T, 4) int32 are the boxes [y0, x0, y1, x1] of the cells, ends exclusive, `valid`
    (N, T) bool says whether the cell exists in the frame. `padding` is in pixels around the largest
    box, or with `drift` around all boxes. `drift` (T, 2) int64 is how far the image has moved since
    the first frame, y and x in pixels: with it a cell's window moves as the image does and holds
    all of its boxes, so that in the crops the sample stands still and the cell moves.

    Returns (N, T, 4) int32, as the boxes; they may reach beyond the frame's borders, and are 0 in
    frames without the cell.
    """
    found = np.zeros(bboxes.shape, np.int32)
    for start in range(0, len(bboxes), _CELLS):
        some = slice(start, start + _CELLS)
        found[some] = _windows(bboxes[some], valid[some], padding, drift)
    return found


def _windows(bboxes: np.ndarray, valid: np.ndarray, padding: int, drift) -> np.ndarray:
    exists = valid[..., None]
    if drift is None:
        sides = np.where(exists, bboxes[..., 2:] - bboxes[..., :2], 0)
        size = sides.max(axis=1, initial=0, keepdims=True) + 2 * padding
        start = (bboxes[..., :2] + bboxes[..., 2:] - size) // 2
        windows = np.concatenate((start, start + size), axis=2)
    else:  # the smallest that hold all boxes in the coordinates of the first frame
        moved = np.tile(drift, 2)
        boxes = bboxes.astype(np.int64) - moved
        far = np.iinfo(np.int64).max // 2
        start = np.where(exists, boxes[..., :2], far).min(axis=1, initial=far) - padding
        stop = np.where(exists, boxes[..., 2:], -far).max(axis=1, initial=-far) + padding
        windows = np.concatenate((start, stop), axis=1)[:, None] + moved
    return np.where(exists, windows, 0)


def crop(
    tracked: str | Path,
    raw: Sequence[str | Path],
    backgrounds: Sequence[str | Path],
    target: str | Path,
    padding: int,
    log: logging.Logger = _LOG,
    drift: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Write ``cells.zarr``: a crop per cell, channel and frame in which the channel was recorded.

    Parameters
    ----------
    tracked : path
        Channel group with IDs of cells.
    raw, backgrounds : sequence of path
        Channel groups with raw counts, and with backgrounds, evaluated from their tile medians.
    target : path
        The store; an existing one is replaced. It is renamed to this path when complete.
    padding : int
        Pixels around each cell's largest box.
    drift : path or None
        Table of the drift, with which windows move; without it they follow the cell.
    threads : int
        How many frames are cut side by side.
    """
    target = Path(target)
    remove(target)
    with whole_folder(target) as written:
        _write(tracked, raw, backgrounds, written, padding, log, drift, threads)
        remove(target)


def _write(tracked, raw, backgrounds, target: Path, padding: int, log, drift, threads) -> None:
    """Write the store; its root ``zarr.json`` last."""
    bboxes, valid = read_boxes(Path(tracked))
    cells, frames = valid.shape
    moved = None if drift is None else read_drift(drift, frames)
    windows = crop_windows(bboxes, valid, padding, moved)
    parameters = {"padding": padding} | ({} if drift is None else {"drift": True})
    sources = [
        *(CountSource(Path(group)) for group in raw),
        *(BackgroundSource(Path(group)) for group in backgrounds),
        MaskSource(Path(tracked)),
    ]
    store = _CropStore(target, sources, windows)
    try:
        log.info("cutting %d cells out of %d channels", cells, len(sources))
        cut = ordered_map(lambda t: store.cut(t, np.flatnonzero(valid[:, t])), range(frames),
                          threads)  # fmt: skip
        for t, crops in enumerate(progress(cut, frames, log)):
            store.add(t, crops)
        store.close(parameters)
    finally:
        for source in sources:
            source.close()
    _write_metadata(target / "metadata", bboxes, valid, windows, parameters)
    shape = list(sources[-1].shape)
    size = pixel_size(tracked)
    known = {} if size is None else {"pixel_size_um": size}
    about = provenance("crop", parameters, cells=cells, frames=frames, shape=shape, **known)
    write_group(target, about)
    log.info("%d cells, %d crops per channel", cells, int(valid.sum()))


def _write_metadata(group: Path, bboxes, valid, windows, parameters: dict) -> None:
    def write(name: str, values: np.ndarray, axes: list[str], unit: str, **more) -> None:
        about = provenance("crop", parameters, unit=unit, **more)
        write_array(group / name, values, axes, about)

    write_group(group)
    box = {"sides": "y0, x0, y1, x1, ends exclusive"}
    write("cell_ids", np.arange(1, len(bboxes) + 1, dtype=np.int32), ["cell"], "cell ID")
    write("bboxes", bboxes, ["cell", "t", "side"], "pixel", **box)
    write("windows", windows, ["cell", "t", "side"], "pixel", **box)
    write("valid_frames", valid, ["cell", "t"], "true where the cell exists")


class _CropStore:
    """The arrays of all cells.

    Encoded crops are collected and then appended to many files at once, because opening a file
    for every crop would take longer than encoding it.
    """

    def __init__(self, target: Path, sources, windows: np.ndarray):
        self.target, self.sources, self.windows = target, sources, windows
        self.shards: dict[tuple[int, int, int], ShardWriter] = {}  # by source, cell and level
        for s, source in enumerate(sources):
            write_group(target / source.name)
            for cell in range(len(windows)):
                group = target / source.name / str(cell + 1)
                os.mkdir(group)
                for level in (0, 1):
                    os.mkdir(group / str(level))
                    file = shard_path(group / str(level))
                    self.shards[s, cell, level] = ShardWriter(file, windows.shape[1])
        self.waiting: dict[tuple, dict[int, bytes]] = {key: {} for key in self.shards}
        self.bytes = 0

    def cut(self, t: int, cells: np.ndarray) -> list[tuple[tuple[int, int, int], bytes]]:
        """Cut and encode the crops of one frame: source, cell and level, and the data of each."""
        if len(cells) == 0:
            return []
        found = []
        batch = Batch(cells + 1, self.windows[cells, t])
        for s, source in enumerate(self.sources):
            if t in source.missing:
                continue
            source.cut(t, batch)
            for level, (values, starts) in enumerate(
                ((batch.crops, batch.starts), (batch.levels, batch.small_starts))
            ):
                for cell, (start, stop) in zip(cells.tolist(), pairwise(starts.tolist()),
                                               strict=True):  # fmt: skip
                    found.append(((s, cell, level), encode(values[start:stop], source.codec)))
        return found

    def add(self, t: int, crops: list[tuple[tuple[int, int, int], bytes]]) -> None:
        """Collect the crops of one frame, as `cut` returns them."""
        for key, data in crops:
            self.waiting[key][t] = data
            self.bytes += len(data) + _ENTRY
        if self.bytes > _BUFFER:
            # all of them: what stayed behind would grow with the number of frames
            for key, chunks in self.waiting.items():
                if chunks:
                    self.shards[key].write(chunks)
                    chunks.clear()
            self.bytes = 0

    def close(self, parameters: dict) -> None:
        """Write what is left, the indices and the metadata."""
        frames = self.windows.shape[1]
        sizes = (self.windows[..., 2:] - self.windows[..., :2]).max(axis=1, initial=0)
        for s, source in enumerate(self.sources):
            group = group_metadata(derived_metadata(source.group, source.name, placed=False))
            gaps = {"missing_frames": sorted(source.missing)} if source.missing else {}
            about = [provenance("crop", parameters, **more, **gaps) for more in source.about]
            for cell, size in enumerate(sizes):
                for level, dtype in enumerate(("float32", "uint8")):
                    shard = self.shards[s, cell, level]
                    shard.close(self.waiting.pop((s, cell, level)))
                    shape = frames, *((size + level) // (1 + level))
                    axes = "t", "y", "x"
                    rows = int(stored_rows(*shape[1:]))
                    content = shard_metadata(shape, dtype, axes, about[level], source.codec, rows)
                    _write_plainly(shard.path.parent, content, shard.checksum)
                _write_plainly(shard.path.parents[1], group)


def _write_plainly(folder: Path, content: dict, data: int | None = None) -> None:
    """Write a ``zarr.json`` in place: the store is complete only once its root has one."""
    (folder / "zarr.json").write_text(text(content, data, indent=None), "utf-8")

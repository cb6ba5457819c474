"""Cut the crops of every cell out of all channels."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fovea.crop_sources import BackgroundSource, CountSource, MaskSource
from fovea.images import like, provenance
from fovea.kernels.boxes import boxes_and_areas
from fovea.kernels.cells import cut_counts
from fovea.logs import progress
from fovea.zarrays import (
    ArrayReader,
    ShardWriter,
    array_metadata,
    encode,
    shard_path,
    write_array,
    write_group,
    write_json,
)

_LOG = logging.getLogger("fovea")
_BUFFER = 32 << 20  # bytes of encoded crops held before they are written


def crop_windows(bboxes: np.ndarray, valid: np.ndarray, padding: int) -> np.ndarray:
    """Windows of one size per cell, centred on the cell in each frame.

    Parameters
    ----------
    bboxes : (N, T, 4) int32
        Boxes [y0, x0, y1, x1] of the cells, ends exclusive.
    valid : (N, T) bool
        Whether the cell exists in the frame.
    padding : int
        Pixels around the largest box.

    Returns
    -------
    (N, T, 4) int32
        [y0, x0, y1, x1]; may reach beyond the frame's borders; 0 in frames without the cell.
    """
    sides = np.where(valid[..., None], bboxes[..., 2:] - bboxes[..., :2], 0)
    size = sides.max(axis=1, initial=0, keepdims=True) + 2 * padding
    start = (bboxes[..., :2] + bboxes[..., 2:] - size) // 2
    windows = np.concatenate((start, start + size), axis=2)
    return np.where(valid[..., None], windows, 0).astype(np.int32)


def cut(frame: np.ndarray, window) -> np.ndarray:
    """A window [y0, x0, y1, x1] of a (H, W) frame; 0 beyond the frame's borders."""
    y0, x0, y1, x1 = (int(n) for n in window)
    out = np.empty((y1 - y0, x1 - x0), frame.dtype)
    cut_counts(frame, np.array([y0, x0, y1, x1]), out)
    return out


def find_boxes(tracked: ArrayReader, log: logging.Logger = _LOG) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, T, 4) int32 and presence (N, T) bool of the IDs 1..N of a tracked recording."""
    cells = int(tracked.attributes["fovea"]["largest_label"])
    bboxes = np.zeros((cells, len(tracked), 4), np.int32)
    valid = np.zeros((cells, len(tracked)), bool)
    for t, labels in enumerate(progress(tracked, len(tracked), log)):
        boxes, areas = boxes_and_areas(labels, cells)
        valid[:, t] = areas > 0
        bboxes[valid[:, t], t] = boxes[valid[:, t]]
    return bboxes, valid


def crop(
    tracked: str | Path,
    raw: Sequence[str | Path],
    backgrounds: Sequence[str | Path],
    target: str | Path,
    padding: int,
    log: logging.Logger = _LOG,
) -> None:
    """Write ``cells.zarr``: a crop per cell, channel and frame.

    Parameters
    ----------
    tracked : path
        Channel group with IDs of cells.
    raw : sequence of path
        Channel groups with raw counts.
    backgrounds : sequence of path
        Channel groups with backgrounds; they are evaluated from their tile medians.
    target : path
        The store; an existing one is replaced. Its root ``zarr.json`` is written last.
    padding : int
        Pixels around each cell's largest box.
    """
    target = Path(target)
    if target.exists():
        (target / "zarr.json").unlink(missing_ok=True)
        shutil.rmtree(target)
    with ArrayReader(Path(tracked) / "0") as labels:
        log.info("looking for boxes")
        bboxes, valid = find_boxes(labels, log)
    windows = crop_windows(bboxes, valid, padding)
    sources = [
        *(CountSource(Path(group)) for group in raw),
        *(BackgroundSource(Path(group)) for group in backgrounds),
        MaskSource(Path(tracked)),
    ]
    store = _CropStore(target, sources, windows)
    try:
        log.info("cutting %d cells out of %d channels", len(windows), len(sources))
        for t in progress(range(valid.shape[1]), valid.shape[1], log):
            store.add(t, np.flatnonzero(valid[:, t]))
        store.close({"padding": padding})
    finally:
        for source in sources:
            source.close()
    _write_metadata(target / "metadata", bboxes, valid, windows)
    about = provenance("crop", {"padding": padding}, cells=len(windows), frames=valid.shape[1],
                       shape=list(sources[-1].shape))  # fmt: skip
    write_group(target, about)
    log.info("%d cells, %d crops per channel", len(windows), int(valid.sum()))


def _write_metadata(group: Path, bboxes, valid, windows) -> None:
    write_group(group)
    ids = np.arange(1, len(bboxes) + 1, dtype=np.int32)
    box = "y0, x0, y1, x1, ends exclusive"
    write_array(group / "cell_ids", ids, ["cell"])
    write_array(group / "bboxes", bboxes, ["cell", "t", "side"], {"unit": "pixel", "sides": box})
    write_array(group / "windows", windows, ["cell", "t", "side"], {"unit": "pixel", "sides": box})
    write_array(group / "valid_frames", valid, ["cell", "t"])


class _CropStore:
    """The arrays of all cells: encoded crops are collected and appended to many files at once."""

    def __init__(self, target: Path, sources, windows: np.ndarray):
        self.target, self.sources, self.windows = target, sources, windows
        frames = windows.shape[1]
        self.sizes = (windows[..., 2:] - windows[..., :2]).max(axis=1, initial=0)
        self.shards = {
            (s, cell, level): ShardWriter(shard_path(self._array(s, cell, level)), frames)
            for s in range(len(sources)) for cell in range(len(windows)) for level in (0, 1)
        }  # fmt: skip
        self.waiting: dict[tuple, dict[int, bytes]] = {}
        self.bytes = 0

    def _array(self, source: int, cell: int, level: int) -> Path:
        return self.target / self.sources[source].name / str(cell + 1) / str(level)

    def add(self, t: int, cells: np.ndarray) -> None:
        """Cut, encode and collect the crops of one frame."""
        for s, source in enumerate(self.sources):
            source.load(t)
            for cell in cells:
                levels = source.cut(self.windows[cell, t], int(cell) + 1)
                for level, values in enumerate(levels):
                    data = encode(values, source.codec)
                    self.waiting.setdefault((s, int(cell), level), {})[t] = data
                    self.bytes += len(data)
        if self.bytes > _BUFFER:
            self.flush()

    def flush(self) -> None:
        for key, chunks in self.waiting.items():
            self.shards[key].write(chunks)
        self.waiting.clear()
        self.bytes = 0

    def close(self, parameters: dict) -> None:
        """Write what is left, the indices and the metadata."""
        self.flush()
        frames = self.windows.shape[1]
        for s, source in enumerate(self.sources):
            write_group(self.target / source.name)
            attributes = like(source.group, source.name)
            for cell, (height, width) in enumerate(self.sizes):
                write_group(self._array(s, cell, 0).parent, attributes)
                shapes = (height, width), ((height + 1) // 2, (width + 1) // 2)
                for level, dtype in enumerate(("float32", "uint8")):
                    self.shards[s, cell, level].close()
                    about = provenance("crop", parameters, **source.about[level])
                    shape = (frames, *(max(1, int(n)) for n in shapes[level]))
                    content = array_metadata(shape, dtype, ["t", "y", "x"], about, source.codec)
                    write_json(self._array(s, cell, level) / "zarr.json", content)

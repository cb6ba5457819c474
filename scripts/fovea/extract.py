"""Measure every cell in every frame."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fovea.crop_sources import FULL_SCALE
from fovea.features import fluorescence_features, phase_features
from fovea.logs import progress
from fovea.zarrays import ArrayReader, read_array, read_attributes

BASE_COLUMNS = (
    "fov", "cell", "frame", "good", "position_x", "position_y",
    "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1",
)  # fmt: skip
CELL_COLUMNS = ("fov", "cell", "first_frame", "last_frame", "frames", "kept", "reason")

_LOG = logging.getLogger("fovea")


def select_cells(
    bboxes: np.ndarray,
    valid: np.ndarray,
    shape: tuple[int, int],
    min_frames: int,
    border_margin: int,
) -> list[str]:
    """Why each cell is removed.

    Parameters
    ----------
    bboxes : (N, T, 4) int32
        Boxes [y0, x0, y1, x1], ends exclusive.
    valid : (N, T) bool
        Whether the cell exists in the frame.
    shape : (int, int)
        H, W of the frames.
    min_frames : int
        Cells with fewer frames are removed.
    border_margin : int
        Cells whose box ever comes within so many pixels of the edge are removed.

    Returns
    -------
    list of str, length N
        ``""`` for a cell that is kept, else ``short``, ``border`` or ``short, border``.
    """
    distance = np.minimum(
        bboxes[..., :2].min(axis=2, initial=np.iinfo(np.int32).max),
        (np.array(shape) - bboxes[..., 2:]).min(axis=2, initial=np.iinfo(np.int32).max),
    )
    near = (valid & (distance < border_margin)).any(axis=1)
    short = valid.sum(axis=1) < min_frames
    reasons = zip(np.where(short, "short", ""), np.where(near, "border", ""), strict=True)
    return [", ".join(filter(None, pair)) for pair in reasons]


def extract(
    cells: str | Path,
    traces: str | Path,
    summary: str | Path,
    fov: int,
    features: Mapping[str, Sequence[str]],
    weight: float = 1.0,
    min_frames: int = 30,
    border_margin: int = 50,
    log: logging.Logger = _LOG,
) -> None:
    """Write the traces of a field of view, and which cells were left out and why.

    Parameters
    ----------
    cells : path
        The ``cells.zarr`` of the field of view.
    traces : path
        CSV, one row per kept cell and frame in which it exists.
    summary : path
        CSV, one row per tracked cell: its frames, and why it was left out.
    fov : int
        Index of the field of view.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``, ...) to names of features, in the order of the columns.
    weight : float
        How much of the background is subtracted from the counts.
    min_frames, border_margin : int
        See `select_cells`.
    """
    cells = Path(cells)
    shape = tuple(read_attributes(cells)["fovea"]["shape"][1:])
    metadata = {
        name: read_array(cells / "metadata" / name)
        for name in ("cell_ids", "bboxes", "windows", "valid_frames")
    }
    valid = metadata["valid_frames"]
    reasons = select_cells(metadata["bboxes"], valid, shape, min_frames, border_margin)
    columns = [f"{name}_{c.split('_', 1)[1]}" for c, names in features.items() for name in names]
    kept = [i for i, reason in enumerate(reasons) if not reason]
    with _csv(traces, [*BASE_COLUMNS, *columns]) as rows:
        for i in progress(kept, len(kept), log, what="cell"):
            rows.writerows(_rows(cells, fov, metadata, i, features, weight))
    with _csv(summary, CELL_COLUMNS) as rows:
        for i, reason in enumerate(reasons):
            frames = np.flatnonzero(valid[i])
            span = int(frames[0]), int(frames[-1]), len(frames)
            rows.writerow([fov, int(metadata["cell_ids"][i]), *span, not reason, reason])
    log.info(
        "%d of %d cells kept; removed: %d with fewer than %d frames, %d within %d pixels of the "
        "edge (%d for both reasons)",
        len(kept), len(reasons), sum("short" in r for r in reasons), min_frames,
        sum("border" in r for r in reasons), border_margin,
        sum(r == "short, border" for r in reasons),
    )  # fmt: skip
    if not kept:
        log.warning("no cell is left; the traces have a header and no rows")


def _rows(cells: Path, fov: int, metadata: dict, i: int, features, weight: float) -> list[list]:
    """The rows of one cell, sorted by frame."""
    cell = int(metadata["cell_ids"][i])
    names = [name for name in features if features[name]]
    mask_name = read_mask_name(cells)
    arrays = {mask_name: ArrayReader(cells / mask_name / str(cell) / "0")}
    for name in names:
        if name.startswith("fl_"):
            for group in (name, background_name(name)):
                arrays[group] = ArrayReader(cells / group / str(cell) / "0")
    rows = []
    try:
        for t in np.flatnonzero(metadata["valid_frames"][i]):
            y0, x0, y1, x1 = (int(n) for n in metadata["bboxes"][i, t])
            row = [fov, cell, int(t), True, (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, x0, y0, x1, y1]
            mask = arrays[mask_name][t] > 0
            for name in names:
                if name.startswith("pc_"):
                    origin = tuple(int(n) for n in metadata["windows"][i, t, :2])
                    values = phase_features(mask, origin, features[name])
                else:
                    raw = raw_counts(arrays[name][t])
                    below = background_counts(arrays[background_name(name)], t)
                    values = fluorescence_features(raw - weight * below, mask, features[name])
                row += [_number(values[feature]) for feature in features[name]]
            rows.append(row)
    finally:
        for array in arrays.values():
            array.close()
    return rows


def raw_counts(crop: np.ndarray) -> np.ndarray:
    """Raw counts of a crop: the exact inverse of its scaling to [0, 1]."""
    return np.rint(crop.astype(np.float64) * FULL_SCALE)


def background_counts(array: ArrayReader, t: int) -> np.ndarray:
    """Background of a crop in counts: the exact inverse of its scaling, if it was rounded."""
    step = array.attributes["fovea"]["step_size"]
    counts = array[t].astype(np.float64) * FULL_SCALE
    return np.rint(counts / step) * step if step else counts


def background_name(channel: str) -> str:
    """The group of a fluorescence channel's background."""
    return channel.replace("fl_ch_", "fl_background_ch_")


def read_mask_name(cells: Path) -> str:
    """The group of the masks."""
    return next(path.name for path in cells.iterdir() if path.name.startswith("seg_tracked_ch_"))


@contextmanager
def _csv(path: str | Path, header: Sequence[str]):
    """A CSV file that is there as a whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(header)
            yield rows
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _number(value: float) -> str:
    """A number with all its digits; integers without a point; nothing where undefined."""
    if np.isnan(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)

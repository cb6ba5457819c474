"""Measure every cell in every frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fovea.background.gains import gain_in, read_gain
from fovea.cells.features import intensity_features, mask_features
from fovea.cells.sources import FULL_SCALE
from fovea.jobs.atomic import number_text, whole_csv
from fovea.jobs.log import progress
from fovea.kernels.cells import above_background
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES, Registry, load
from fovea.store.format import read_attributes
from fovea.store.reader import ArrayReader, read_array

BASE_COLUMNS = (
    "fov", "cell", "frame", "good", "position_x", "position_y",
    "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1",
)  # fmt: skip
CELL_COLUMNS = ("fov", "cell", "first_frame", "last_frame", "frames", "kept", "reason")

_LOG = logging.getLogger("fovea")
_BLOCK = 16  # frames of a cell that are held at once


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
    flat_fields: Mapping[str, str | Path] | None = None,
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
    flat_fields : mapping of str to path, optional
        Fluorescence channel to its gain, by which counts are divided.
    """
    cells = Path(cells)
    shape = tuple(read_attributes(cells)["fovea"]["shape"][1:])
    metadata = {
        name: read_array(cells / "metadata" / name)
        for name in ("cell_ids", "bboxes", "windows", "valid_frames")
    }
    metadata["gains"] = {
        channel: read_gain(path, shape) for channel, path in (flat_fields or {}).items()
    }
    valid = metadata["valid_frames"]
    reasons = select_cells(metadata["bboxes"], valid, shape, min_frames, border_margin)
    columns = [f"{name}_{c.split('_', 1)[1]}" for c, names in features.items() for name in names]
    kept = [i for i, reason in enumerate(reasons) if not reason]
    with whole_csv(traces, [*BASE_COLUMNS, *columns]) as rows:
        for i in progress(kept, len(kept), log, what="cell"):
            rows.writerows(_rows(cells, fov, metadata, i, features, weight))
    with whole_csv(summary, CELL_COLUMNS) as rows:
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
        text = (
            "all cells were removed; look at extraction.min_frames and extraction.border_margin"
            if reasons
            else "no cell was found; look at channels.pc and the parameters of segmentation"
        )
        log.warning("the traces have a header and no rows: %s", text)


def _rows(cells: Path, fov: int, metadata: dict, i: int, features, weight: float) -> list[list]:
    """The rows of one cell, sorted by frame."""
    cell = int(metadata["cell_ids"][i])
    frames = np.flatnonzero(metadata["valid_frames"][i])
    rows = []
    for start in range(0, len(frames), _BLOCK):
        part = frames[start : start + _BLOCK]
        columns = _measure(cells, cell, metadata, i, part, features, weight)
        for t, (y0, x0, y1, x1), *values in zip(
            part.tolist(), metadata["bboxes"][i, part].tolist(), *columns, strict=True
        ):
            row = [fov, cell, t, True, (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, x0, y0, x1, y1]
            rows.append(row + [number_text(value) for value in values])
    return rows


def _measure(cells: Path, cell: int, metadata, i: int, frames, features, weight) -> list[list]:
    """One list of values per column, for some frames of a cell."""

    def crops(group: str) -> np.ndarray:
        with ArrayReader(cells / group / str(cell) / "0") as array:
            return array.read(frames)

    masks = crops(read_mask_name(cells)) > 0
    columns = []
    for channel, names in features.items():
        if not names:
            continue
        if channel.startswith("pc_"):
            built_in, own = _by_origin(PHASE_FEATURES, names)
            found = mask_features(masks, metadata["windows"][i, frames, :2], built_in)
            values = np.rint(crops(channel) * FULL_SCALE).astype(np.uint16) if own else None
        else:
            below = cells / background_name(channel) / str(cell) / "0"
            step = read_attributes(below)["fovea"]["step_size"]
            values = np.empty(masks.shape)
            raw, gain = crops(channel), metadata["gains"].get(channel)
            counts = raw if gain is None else np.zeros_like(raw)
            above_background(
                counts, crops(background_name(channel)), float(step), float(weight), values
            )
            if gain is not None:
                counts = np.rint(raw.astype(np.float64) * FULL_SCALE)
                values += counts / gain_in(gain, metadata["windows"][i, frames])
            built_in, own = _by_origin(FLUORESCENCE_FEATURES, names)
            found = intensity_features(values, masks, built_in)
        for name, function in own.items():
            found[name] = np.array([
                function(values[k], masks[k], _context(channel, cell, metadata, i, int(t)))
                for k, t in enumerate(frames)
            ])  # fmt: skip
        columns += [found[name].tolist() for name in names]
    return columns


def _by_origin(kinds: Registry, names: Sequence[str]) -> tuple[list[str], dict[str, Callable]]:
    """Built-in features, and those of plug-ins with their functions."""
    built_in = [name for name in names if kinds.get(name) is None]
    return built_in, {name: load(kinds, name) for name in names if kinds.get(name) is not None}


def _context(channel: str, cell: int, metadata, i: int, t: int):
    from fovea.plugins.loader import Context

    y, x = metadata["windows"][i, t, :2].tolist()
    return Context(channel, cell, t, (y, x))


def background_name(channel: str) -> str:
    """The group of a fluorescence channel's background."""
    return channel.replace("fl_ch_", "fl_background_ch_")


def read_mask_name(cells: Path) -> str:
    """The group of the masks."""
    return next(path.name for path in cells.iterdir() if path.name.startswith("seg_tracked_ch_"))

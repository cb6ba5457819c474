"""Measure every cell in every frame."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fovea.cells.cell_store import CellStore
from fovea.config.limits import half_cell, least_frames
from fovea.errors import counted
from fovea.jobs.atomic import whole_csv
from fovea.jobs.checksums import as_written, read_rows
from fovea.jobs.log import progress
from fovea.jobs.log_state import SATURATED

BASE_COLUMNS = (
    "fov", "cell", "frame", "good", "merged", "position_x", "position_y",
    "bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1",
)  # fmt: skip
CELL_COLUMNS = (
    "fov", "cell", "first_frame", "last_frame", "frames", "kept", "reason", "confidence",
    "repaired",
)  # fmt: skip

_LOG = logging.getLogger("fovea")


def select_cells(
    bboxes: np.ndarray, valid: np.ndarray, shape: Sequence[int], min_frames: int, border_margin: int
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
    min_frames, border_margin : int
        Cells with fewer frames, or whose box ever comes within this number of pixels of the edge,
        are removed.

    Returns
    -------
    list of str, length N
        ``""`` for a cell that is kept, else ``short``, ``border`` or ``short, border``.
    """
    near = (bboxes[..., :2] < border_margin).any(axis=2)
    near |= (bboxes[..., 2:] > np.array(shape) - border_margin).any(axis=2)
    near = (valid & near).any(axis=1)
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
    min_frames: int | None = None,
    border_margin: int | None = None,
    log: logging.Logger = _LOG,
    flat_fields: Mapping[str, str | Path] | None = None,
    merges: str | Path | None = None,
    keep_merged: bool = False,
    cell_diameter: float | None = None,
    lineage: str | Path | None = None,
) -> None:
    """Write the traces of a field of view, and which cells were left out and why.

    Parameters
    ----------
    cells : path
        The ``cells.zarr`` of the field of view.
    traces, summary : path
        CSV with one row per kept cell and frame in which it exists; and with one row per tracked
        cell: its frames, and why it was left out, see `select_cells`. Features of a channel are
        empty in frames in which it was not recorded. Measures in micrometers come last; they are
        left out where the size of a pixel is not known.
    fov : int
        Index of the field of view.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``, ...) to names of features, in the order of the columns.
    weight : float
        How much of the background is subtracted from the counts.
    min_frames, border_margin : int or None
        Limits of `select_cells`. None takes a tenth of the frames (`fovea.config.limits`), and half
        of `cell_diameter` or, without it, half of the median size of the cells' boxes.
    flat_fields : mapping of str to path, optional
        Fluorescence channel to its gain, by which counts are divided.
    merges : path, optional
        CSV of the times in which the object of a cell holds several cells, see
        `fovea.tracking.track.track`.
    keep_merged : bool
        Whether the frames of these times are good. Otherwise they are not, and neither is a cell
        that has fewer than `min_frames` frames beside them.
    cell_diameter : float, optional
        Typical diameter of a cell in pixels.
    lineage : path, optional
        CSV with the confidence of each track, see `fovea.tracking.track.track`; without it, and
        for one of an older version, these columns of the summary are empty.
    """
    store = CellStore(Path(cells), features, weight, flat_fields or {})
    if min_frames is None:
        min_frames = least_frames(store.valid.shape[1])
    merged = read_merged(merges, store.ids, store.valid.shape[1]) & store.valid
    alone = (store.valid & ~merged).sum(axis=1)
    good = np.ones_like(merged) if keep_merged else ~merged & (alone >= min_frames)[:, None]
    # a method of tracking may leave out numbers
    tracked = np.flatnonzero(store.valid.any(axis=1)).tolist()
    boxes, valid = store.bboxes[tracked], store.valid[tracked]
    if border_margin is None:
        border_margin = half_cell(cell_diameter or _median_size(boxes, valid))
    reasons = select_cells(boxes, valid, store.shape, min_frames, border_margin)
    kept = [i for i, reason in zip(tracked, reasons, strict=True) if not reason]
    with whole_csv(traces, [*BASE_COLUMNS, *store.columns]) as rows:
        for i in progress(kept, len(kept), log, what="cell"):
            rows.writerows(
                [fov, cell, t, bool(good[i, t]), bool(merged[i, t]), *row]
                for cell, t, *row in store.rows(i)
            )
    trusted = read_confidence(lineage)
    with whole_csv(summary, CELL_COLUMNS) as rows:
        for i, reason in zip(tracked, reasons, strict=True):
            frames = np.flatnonzero(store.valid[i]).tolist()
            span = frames[0], frames[-1], len(frames)
            cell = int(store.ids[i])
            rows.writerow([fov, cell, *span, not reason, reason, *trusted.get(cell, ("", ""))])
    log.info(
        "%d of %d cells kept; removed: %d with fewer than %d frames, %d within %d pixels of the "
        "edge (%d for both reasons)",
        len(kept), len(reasons), sum("short" in r for r in reasons), min_frames,
        sum("border" in r for r in reasons), border_margin,
        sum(r == "short, border" for r in reasons),
    )  # fmt: skip
    several = [i for i in kept if merged[i].any()]
    if several:
        held = int(merged[several].sum())
        log.warning(
            "the objects of %s hold another cell, too, in %s, which %s; column "
            "merged of the traces names them, and tracking.max_merge divides short merges",
            counted(len(several), "cell"), counted(held, "frame"),
            f"{'is' if held == 1 else 'are'} "
            + ("good all the same (extraction.keep_merged)" if keep_merged else "not good"),
        )  # fmt: skip
    if not kept:
        text = (
            f"all cells were removed; extraction.min_frames was {min_frames} and "
            f"extraction.border_margin {border_margin}: smaller values keep more"
            if reasons
            else "no cell was found; look at channels.pc and the parameters of segmentation"
        )
        log.warning("the traces have a header and no rows: %s", text)
    _warn_of_saturation(store, features, len(kept), log)


def _warn_of_saturation(store: CellStore, features: Mapping, cells: int, log) -> None:
    """Warn of each fluorescence channel in which the camera saturates within cells."""
    for channel in features:
        rows = [n for (name, _), n in store.saturated.items() if name == channel and n]
        if rows:
            told = counted(cells, "cell"), counted(sum(rows), "row")
            log.warning(SATURATED, channel, len(rows), *told)


def read_merged(merges: str | Path | None, ids: np.ndarray, frames: int) -> np.ndarray:
    """Read in which frames the objects of cells hold several cells.

    `merges` is the table, None for no such object, `ids` (N,) are the IDs of the cells, and
    `frames` is T. Returns (N, T) bool.
    """
    found = np.zeros((len(ids), frames), bool)
    if merges is not None:
        with as_written(merges):
            for row in read_rows(merges):
                first, last = int(row["first_frame"]), int(row["last_frame"])
                found[ids == int(row["cell"]), first : last + 1] = True
    return found


def read_confidence(lineage: str | Path | None) -> dict[int, tuple[str, str]]:
    """Read ``confidence`` and ``repaired`` of each cell, as they are written; {} without them."""
    if lineage is None:
        return {}
    with as_written(lineage):
        return {int(row["cell"]): (row.get("confidence", ""), row.get("repaired", ""))
                for row in read_rows(lineage)}  # fmt: skip


def _median_size(boxes: np.ndarray, valid: np.ndarray) -> float:
    """Return the median over all cells and frames of a box's size, the root of its area."""
    sizes = (boxes[valid][:, 2:] - boxes[valid][:, :2]).prod(axis=1)
    return float(np.sqrt(np.median(sizes))) if len(sizes) else 0.0

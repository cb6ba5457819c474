"""Measure every cell in every frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fovea.background.gains import gain_in, read_gain
from fovea.cells.features import intensity_features, mask_features
from fovea.cells.sources import FULL_SCALE
from fovea.config.names import channel_of, columns_of, group_name
from fovea.jobs.atomic import number_text, whole_csv
from fovea.jobs.log import progress
from fovea.kernels.cells import above_background
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES, load
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
    distance = np.minimum(bboxes[..., :2], np.array(shape) - bboxes[..., 2:]).min(axis=2)
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
    traces, summary : path
        CSV with one row per kept cell and frame in which it exists; and with one row per tracked
        cell: its frames, and why it was left out, see `select_cells`.
    fov : int
        Index of the field of view.
    features : mapping of str to sequence of str
        Channel (``pc_ch_0``, ``fl_ch_1``, ...) to names of features, in the order of the columns.
    weight : float
        How much of the background is subtracted from the counts.
    flat_fields : mapping of str to path, optional
        Fluorescence channel to its gain, by which counts are divided.
    """
    store = _Store(Path(cells), features, weight, flat_fields or {})
    # a method of tracking may leave out numbers
    tracked = np.flatnonzero(store.valid.any(axis=1)).tolist()
    boxes, valid = store.bboxes[tracked], store.valid[tracked]
    reasons = select_cells(boxes, valid, store.shape, min_frames, border_margin)
    kept = [i for i, reason in zip(tracked, reasons, strict=True) if not reason]
    with whole_csv(traces, [*BASE_COLUMNS, *columns_of(features)]) as rows:
        for i in progress(kept, len(kept), log, what="cell"):
            rows.writerows([fov, *row] for row in store.rows(i))
    with whole_csv(summary, CELL_COLUMNS) as rows:
        for i, reason in zip(tracked, reasons, strict=True):
            frames = np.flatnonzero(store.valid[i]).tolist()
            span = frames[0], frames[-1], len(frames)
            rows.writerow([fov, int(store.ids[i]), *span, not reason, reason])
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


class _Store:
    """A ``cells.zarr``, and how its cells are measured."""

    def __init__(self, path: Path, features, weight: float, flat_fields: Mapping):
        self.path, self.features, self.weight = path, features, float(weight)
        self.shape = tuple(read_attributes(path)["fovea"]["shape"][1:])
        self.ids, self.bboxes, self.windows, self.valid = (
            read_array(path / "metadata" / name)
            for name in ("cell_ids", "bboxes", "windows", "valid_frames")
        )
        self.gains = {name: read_gain(file, self.shape) for name, file in flat_fields.items()}
        self.masks = next((group.name for group in path.glob("seg_tracked_ch_*")), "")

    def rows(self, i: int) -> Iterator[list]:
        """The rows of a cell, without the field of view, sorted by frame."""
        frames = np.flatnonzero(self.valid[i])
        for start in range(0, len(frames), _BLOCK):
            part = frames[start : start + _BLOCK]
            columns = self._measure(i, part)
            for t, (y0, x0, y1, x1), *values in zip(
                part.tolist(), self.bboxes[i, part].tolist(), *columns, strict=True
            ):
                position = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
                numbers = map(number_text, values)
                yield [int(self.ids[i]), t, True, *position, x0, y0, x1, y1, *numbers]

    def _crops(self, group: str, i: int, frames: np.ndarray) -> np.ndarray:
        """Crops (n, h, w) float32 of a cell."""
        with ArrayReader(self.path / group / str(self.ids[i]) / "0") as array:
            return array.read(frames)

    def _measure(self, i: int, frames: np.ndarray) -> list[list[float]]:
        """One list of values per column, for some frames of a cell."""
        masks = self._crops(self.masks, i, frames) > 0
        columns = []
        for channel, names in self.features.items():
            if not names:
                continue
            phase = channel.startswith("pc_")
            kinds = PHASE_FEATURES if phase else FLUORESCENCE_FEATURES
            built_in = [name for name in names if kinds.get(name) is None]
            own = {name: load(kinds, name) for name in names if name not in built_in}
            if phase:
                found = mask_features(masks, self.windows[i, frames, :2], built_in)
                if own:
                    crops = self._crops(channel, i, frames)
                    values = np.rint(crops * FULL_SCALE).astype(np.uint16)
            else:
                values = self._above_background(channel, i, frames)
                found = intensity_features(values, masks, built_in)
            for name, function in own.items():
                found[name] = np.array([
                    function(values[k], masks[k], self._context(channel, i, int(t)))
                    for k, t in enumerate(frames)
                ])  # fmt: skip
            columns += [found[name].tolist() for name in names]
        return columns

    def _above_background(self, channel: str, i: int, frames: np.ndarray) -> np.ndarray:
        """Counts less the background, divided by the gain, in the crops: (n, h, w) float64."""
        background = group_name("fl_background", channel_of(channel))
        array = self.path / background / str(self.ids[i]) / "0"
        step = float(read_attributes(array)["fovea"]["step_size"])
        raw, below = (self._crops(group, i, frames) for group in (channel, background))
        values = np.empty(raw.shape)
        if channel not in self.gains:
            above_background(raw, below, step, self.weight, values)
            return values
        above_background(np.zeros_like(raw), below, step, self.weight, values)
        counts = np.rint(raw.astype(np.float64) * FULL_SCALE)
        return values + counts / gain_in(self.gains[channel], self.windows[i, frames])

    def _context(self, channel: str, i: int, t: int):
        from fovea.plugins.loader import Context

        return Context(channel, int(self.ids[i]), t, tuple(self.windows[i, t, :2].tolist()))

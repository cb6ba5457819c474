"""Segmentation of frames that are padded: of the box that was recorded alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fovea.kernels.constant import block_means, count_long_runs, nearest
from fovea.segmentation.recorded import recorded_pixels


def segment_recorded(
    frame: np.ndarray,
    method: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    largest_cell: float | None = None,
) -> np.ndarray:
    """Label the cells in the recorded part of a frame (H, W) uint8 or uint16, (H, W) or (n, H, W).

    Parameters
    ----------
    method : function
        Of the smallest box that holds all recorded pixels, and of the mask of them (h, w) bool,
        None where that are all. It returns labels, (h, w) or, with several of them, (n, h, w).
    largest_cell : float, optional
        As of `recorded_pixels`.
    """
    recorded = recorded_pixels(frame, largest_cell)
    if recorded is None:
        return method(frame, None)
    box = _box_of(recorded)
    part, seen = (np.ascontiguousarray(image[box]) for image in (frame, recorded))
    found = method(part, None if seen.all() else seen)
    labels = np.zeros((*found.shape[:-2], *frame.shape), found.dtype)
    labels[..., *box] = found
    return labels


def filled(values: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """Return an image (H, W) in which padding has the values of the nearest recorded pixels."""
    return np.where(recorded, values, values.ravel()[nearest(recorded)])


def without_padding(frame: np.ndarray) -> np.ndarray:
    """Return a frame (H, W) uint8 or uint16 to look at: cut to what was recorded, and filled."""
    recorded = recorded_pixels(frame)
    if recorded is None:
        return frame
    box = _box_of(recorded)
    return np.ascontiguousarray(filled(frame[box], recorded[box]))


def _box_of(recorded: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest box that holds all recorded pixels."""
    rows, columns = (np.flatnonzero(recorded.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def compile_for_padding(frame: np.ndarray) -> None:
    """Run the kernels that only padded frames need, on a frame (H, W) uint16."""
    valid = np.ones(frame.shape, bool)
    valid[:2] = False
    filled(frame, valid)
    block_means(frame, valid, 4)
    count_long_runs(frame, 4, 16, np.zeros(1 << 16, np.int64))

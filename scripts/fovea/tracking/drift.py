"""Drift of the stage: estimate it from consecutive frames, read its table, correct for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.jobs.checksums import as_written, read_rows
from fovea.kernels.boxes import pixels_of_blocks

_GRID = 256  # pixels of the longer side of the coarse masks
_GAIN = 1.1  # factor by which a shift must increase the overlap to be accepted


def coarse_mask(labels: np.ndarray) -> np.ndarray:
    """Share of objects' pixels in square blocks, at most 256 along the longer side, float32."""
    block = max(1, -(-max(labels.shape) // _GRID))
    counts = pixels_of_blocks(labels, block)
    return counts.astype(np.float32) / np.float32(block * block)


def read_drift(path: str | Path, frames: int) -> np.ndarray:
    """How far the image of each frame has moved since the first, (T, 2) int64, y and x in pixels.

    The track step wrote the table; one of another number of frames is a FoveaError.
    """
    with as_written(path):
        rows = [(int(row["shift_y"]), int(row["shift_x"])) for row in read_rows(path)]
    if len(rows) != frames:
        raise FoveaError(
            f"{path} has {len(rows)} frames, the images have {frames}; delete it and run "
            "Snakemake again"
        )
    return np.array(rows, np.int64).reshape(frames, 2)


def overlap(shape: tuple[int, int], shift: np.ndarray) -> tuple:
    """Index of the part of a frame (H, W) that stays in view as the image moves by `shift`.

    Twice a slice of rows and of columns: where the part is before, and where it is after.
    """
    moves = [(n, int(d)) for n, d in zip(shape, shift, strict=True)]
    before = tuple(slice(max(0, -d), max(0, n - max(0, d))) for n, d in moves)
    return before, tuple(slice(max(0, d), max(0, n + min(0, d))) for n, d in moves)


def compensate(frame: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A (H, W) frame in the coordinates of the first one.

    Pixel (y, x) is that of (y + shift_y, x + shift_x); 0 where the frame has none.
    """
    if not np.any(shift):
        return frame
    out = np.zeros_like(frame)
    before, after = overlap(frame.shape, shift)
    out[before] = frame[after]
    return out


def estimate_shift(
    before: np.ndarray, here: np.ndarray, centres: np.ndarray, others: np.ndarray, shape
) -> np.ndarray:
    """How far the image has moved from one frame to the next: (2,) int64, y and x in pixels.

    The coarse masks of the frames (`before`, `here`) are correlated at all shifts of up to half
    their size; the best shift counts only if it makes them overlap clearly more than no shift does.
    It is then refined to the median displacement of objects that are each other's nearest;
    `centres` and `others` are (N, 2) and (M, 2) float64, y and x in pixels. The shift is 0, 0 where
    there are too few objects or no clear shift.
    """
    nothing = np.zeros(2, np.int64)
    if len(centres) < 2 or len(others) < 2:
        return nothing
    from scipy.fft import irfft2, rfft2
    from scipy.spatial import cKDTree

    height, width = before.shape
    size = 2 * height, 2 * width
    product = irfft2(np.conj(rfft2(before, size)) * rfft2(here, size), size)
    product[height // 2 + 1 : -(height // 2) or None] = 0
    product[:, width // 2 + 1 : -(width // 2) or None] = 0
    best = np.unravel_index(np.argmax(product), product.shape)
    if product[best] <= _GAIN * product[0, 0]:
        return nothing
    block = max(1, -(-max(shape) // _GRID))
    coarse = np.array([(n + s // 2) % s - s // 2 for n, s in zip(best, size, strict=True)]) * block
    moved = centres + coarse
    there, back = cKDTree(others), cKDTree(moved)
    distance, partner = there.query(moved)
    mutual = back.query(others)[1][partner] == np.arange(len(moved))
    near = mutual & (distance < 8 * block + 16)
    if not near.any():
        return coarse
    return np.rint(np.median(others[partner[near]] - centres[near], axis=0)).astype(np.int64)

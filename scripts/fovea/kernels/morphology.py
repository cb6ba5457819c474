"""Dilation, erosion, opening and closing of packed masks by iterated disks.

Iterating a dilation by a disk is one dilation by the disk's iterated Minkowski sum. That sum is
convex in every row, so it is given by one half-width per row. A dilation then costs two shifts
per pixel of half-width and one OR per row of the element, 64 pixels at a time: its time does not
depend on what the mask holds.

Borders are neutral: outside the image a dilation sees background, an erosion foreground.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels import bits as b
from fovea.kernels.jit import kernel


def disk_half_widths(size: int, iterations: int = 1) -> np.ndarray:
    """Half-widths per row of a disk, iterated.

    Parameters
    ----------
    size : int
        Diameter in pixels, odd. The disk holds all offsets with dx² + dy² <= ((size - 1) / 2)².
    iterations : int
        Number of dilations that the element stands for; 0 gives a single pixel.

    Returns
    -------
    (2 R + 1,) int64
        Half-width of the rows -R..R, where R = iterations * (size - 1) / 2.

    Raises
    ------
    ValueError
        If size is even or not positive, or iterations is negative.
    """
    if size < 1 or size % 2 == 0 or iterations < 0:
        raise ValueError(f"a disk needs an odd, positive size, got {size} x {iterations}")
    radius = (size - 1) // 2
    rows = np.arange(-radius, radius + 1)
    disk = np.array([int(np.floor(np.sqrt(radius**2 - dy**2))) for dy in rows], np.int64)
    total = np.zeros(1, np.int64)
    for _ in range(iterations):
        summed = np.zeros(len(total) + 2 * radius, np.int64)
        for shift, half_width in enumerate(disk):
            part = summed[shift : shift + len(total)]
            np.maximum(part, total + half_width, out=part)
        total = summed
    return total


@kernel
def dilate(bits, width, half_widths):
    """Dilate a packed (H, words) mask by the element with these half-widths per row.

    Each row is widened step by step (shift left, shift right, OR); whenever the half-width of a
    row of the element is reached, the widened row is ORed into the output row it belongs to.
    """
    height, words = bits.shape
    radius = (len(half_widths) - 1) // 2
    widest = half_widths.max()
    pad = (widest >> 6) + 2
    out = np.zeros_like(bits)
    row = np.zeros(words + 2 * pad, np.uint64)
    middle = row[pad : pad + words]
    wide = np.zeros(words, np.uint64)
    for y in range(height):
        empty = True
        for j in range(words):
            middle[j] = bits[y, j]
            wide[j] = bits[y, j]
            empty &= bits[y, j] == 0
        if empty:
            continue
        # rows of the element become narrower with their distance, so they are met from outside in
        reach = radius
        for half_width in range(widest + 1):
            if half_width > 0:
                jump = half_width >> 6
                _widen(
                    wide,
                    row[pad - jump : pad - jump + words],
                    row[pad - jump - 1 : pad - jump - 1 + words],
                    row[pad + jump : pad + jump + words],
                    row[pad + jump + 1 : pad + jump + 1 + words],
                    np.uint64(half_width & 63),
                )
            while reach >= 0 and half_widths[radius + reach] == half_width:
                if y - reach >= 0:
                    _join(out[y - reach], wide)
                if reach > 0 and y + reach < height:
                    _join(out[y + reach], wide)
                reach -= 1
    valid = b.valid_bits(width)
    for y in range(height):
        out[y, words - 1] &= valid
    return out


@kernel
def _widen(wide, before, before_that, after, after_that, shift):
    """OR in a row shifted to both sides; slices of one length, so that this is vectorised."""
    if shift == 0:
        for j in range(len(wide)):
            wide[j] |= before[j] | after[j]
    else:
        rest = np.uint64(64) - shift
        for j in range(len(wide)):
            wide[j] |= (
                (before[j] << shift)
                | (before_that[j] >> rest)
                | (after[j] >> shift)
                | (after_that[j] << rest)
            )


@kernel
def _join(out, wide):
    for j in range(len(out)):
        out[j] |= wide[j]


@kernel
def invert(bits, width):
    """Complement of a packed mask within its width."""
    out = ~bits
    valid = b.valid_bits(width)
    for y in range(out.shape[0]):
        out[y, out.shape[1] - 1] &= valid
    return out


@kernel
def erode(bits, width, half_widths):
    """Erode a packed mask; the element is symmetric, so this is the dual of `dilate`."""
    return invert(dilate(invert(bits, width), width, half_widths), width)


@kernel
def close(bits, width, half_widths):
    """Closing: dilation, then erosion."""
    return erode(dilate(bits, width, half_widths), width, half_widths)


@kernel
def open_(bits, width, half_widths):
    """Opening: erosion, then dilation."""
    return dilate(erode(bits, width, half_widths), width, half_widths)


def _on_mask(operation, mask: np.ndarray, size: int, iterations: int) -> np.ndarray:
    packed = b.pack(np.ascontiguousarray(mask, bool))
    result = operation(packed, mask.shape[1], disk_half_widths(size, iterations))
    return b.unpack(result, mask.shape[1])


def binary_dilation(mask: np.ndarray, size: int, iterations: int = 1) -> np.ndarray:
    """Dilate a (H, W) bool mask by a disk of `size` pixels diameter, `iterations` times."""
    return _on_mask(dilate, mask, size, iterations)


def binary_closing(mask: np.ndarray, size: int, iterations: int = 1) -> np.ndarray:
    """Close a (H, W) bool mask: `iterations` dilations, then as many erosions."""
    return _on_mask(close, mask, size, iterations)


def binary_opening(mask: np.ndarray, size: int, iterations: int = 1) -> np.ndarray:
    """Open a (H, W) bool mask: `iterations` erosions, then as many dilations."""
    return _on_mask(open_, mask, size, iterations)

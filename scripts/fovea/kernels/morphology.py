"""Dilation, erosion, opening and closing of packed masks by iterated disks.

Iterated dilation by a disk equals one dilation by the disk's iterated Minkowski sum. Every row of
that sum is contiguous, so the element is given by one half-width per row. A dilation takes two
shifts per pixel of half-width and one OR per row of the element, on 64 pixels at a time: its time
does not depend on the mask.

Borders are neutral: outside the image a dilation sees background, an erosion foreground.
Masks are packed as in `fovea.kernels.bits`.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels import bits as b
from fovea.kernels.jit import kernel

_ROWS = 16  # processed at a time, so that they stay in the first-level cache


def disk_half_widths(size: int, iterations: int = 1) -> np.ndarray:
    """Return the half-width of each row -R..R of a disk, iterated, (2 R + 1,) int64.

    The disk of an odd size (its diameter in pixels) with radius r = (size - 1) / 2 holds all
    offsets with dx² + dy² <= r². R = iterations * r; 0 iterations give a single pixel. Raises
    ValueError if size is even or not positive, or iterations is negative.
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
    """Dilate a packed mask by the element of `disk_half_widths`; returns another one."""
    return _spread(bits, width, half_widths, np.uint64(0))


@kernel
def erode(bits, width, half_widths):
    """Erode a packed mask; arguments as of `dilate`, whose dual it is for symmetric elements."""
    return _spread(bits, width, half_widths, b.ALL)


@kernel
def _spread(bits, width, half_widths, flip):
    """Dilate a mask (`flip` 0), or complement, dilate and complement it (`flip` all ones).

    Blocks of rows are widened step by step (shift left, shift right, OR). Whenever they have the
    half-width of a row of the element, they are ORed into the output rows at that row's distance.
    The rows of a block follow each other in memory, with words between them that take up what is
    shifted out of a row, so that every step is one loop over many words.
    """
    height, words = bits.shape
    radius = (len(half_widths) - 1) // 2
    widest = half_widths.max()
    pad = (widest >> 6) + 1
    stride = words + pad
    valid = b.valid_bits(width)
    joined = np.zeros((height + 2 * radius) * stride, np.uint64)
    block = np.zeros(_ROWS * stride + 2 * pad, np.uint64)
    for start in range(0, height, _ROWS):
        rows = min(_ROWS, height - start)
        size = rows * stride
        for y in range(rows):
            _copy(bits[start + y], flip, valid, block[pad + y * stride : pad + y * stride + words])
        wide = block[pad : pad + size].copy()
        if not wide.any():
            continue
        # rows of the element are the narrower the farther they are from its centre, so the
        # farthest ones are reached first
        reach = radius
        for half_width in range(widest + 1):
            if half_width > 0:
                jump = half_width >> 6
                _widen(
                    wide,
                    block[pad - jump : pad - jump + size],
                    block[pad - jump - 1 : pad - jump - 1 + size],
                    block[pad + jump : pad + jump + size],
                    block[pad + jump + 1 : pad + jump + 1 + size],
                    np.uint64(half_width & 63),
                )
            while reach >= 0 and half_widths[radius + reach] == half_width:
                upper = (start + radius - reach) * stride
                _join(joined[upper : upper + size], wide)
                if reach > 0:
                    lower = (start + radius + reach) * stride
                    _join(joined[lower : lower + size], wide)
                reach -= 1
    out = np.empty_like(bits)
    for y in range(height):
        _copy(joined[(y + radius) * stride : (y + radius) * stride + words], flip, valid, out[y])
    return out


@kernel
def _copy(row, flip, valid, out):
    """Copy a packed row (`flip` 0) or its complement within the image (`flip` all ones)."""
    for j in range(len(out)):
        out[j] = row[j] ^ flip
    out[len(out) - 1] &= valid


@kernel
def _widen(wide, before, before_that, after, after_that, shift):
    """OR in the row shifted to both sides; slices of one length, which are vectorised."""
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
    """OR a packed row into another, in place."""
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
def close(bits, width, half_widths):
    """Closing, a dilation followed by an erosion; arguments as of `dilate`."""
    return erode(dilate(bits, width, half_widths), width, half_widths)


@kernel
def open_(bits, width, half_widths):
    """Opening, an erosion followed by a dilation; arguments as of `dilate`."""
    return dilate(erode(bits, width, half_widths), width, half_widths)

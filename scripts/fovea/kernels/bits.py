"""Masks as bits: 64 pixels of a row in one unsigned word, the first pixel in the lowest bit.

A packed mask of (H, W) pixels is an array (H, ceil(W / 64)) of uint64; bits beyond the width are
always 0. A mask of 2048 x 2048 pixels takes 512 KiB and fits into the processor's second-level
cache, which makes morphology on it fast.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel

ONE = np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_POSITIONS = np.zeros(64, np.uint8)
for _i in range(64):
    _POSITIONS[((0x03F79D71B4CB0A89 << _i) & 0xFFFFFFFFFFFFFFFF) >> 58] = _i


@kernel
def pack_above(values, threshold):
    """Pack the mask ``values > threshold`` of (H, W) bool, unsigned integers or float32.

    The threshold is a scalar of the same type.
    """
    height, width = values.shape
    bits = np.zeros((height, (width + 63) >> 6), np.uint64)
    for y in range(height):
        for word in range(bits.shape[1]):
            start = word << 6
            packed = np.uint64(0)
            for k in range(min(64, width - start)):
                packed |= np.uint64(values[y, start + k] > threshold) << np.uint64(k)
            bits[y, word] = packed
    return bits


@kernel
def unpack(bits, width):
    """Unpack a mask of `width` pixels per row; returns (H, width) bool."""
    height = bits.shape[0]
    mask = np.empty((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            mask[y, x] = (bits[y, x >> 6] >> np.uint64(x & 63)) & ONE != 0
    return mask


@kernel
def valid_bits(width):
    """Bits of the last word, uint64, that belong to a row of `width` pixels."""
    rest = width & 63
    if rest == 0:
        return ALL
    return (ONE << np.uint64(rest)) - ONE


@kernel
def lowest_bit(word):
    """Index of the lowest set bit of a uint64 other than 0, by a de Bruijn sequence."""
    isolated = word & (~word + ONE)
    return np.int64(_POSITIONS[(isolated * _DE_BRUIJN) >> np.uint64(58)])


@kernel
def count_bits(word):
    """Number of set bits of a uint64."""
    word = word - ((word >> ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def fill_range(row, start, stop, value):
    """Set (`value` True) or clear the pixels start..stop - 1 of a packed row, in place."""
    first = start >> 6
    last = (stop - 1) >> 6
    head = ALL << np.uint64(start & 63)
    tail = ALL >> np.uint64(63 - ((stop - 1) & 63))
    for word in range(first, last + 1):
        part = ALL
        if word == first:
            part &= head
        if word == last:
            part &= tail
        if value:
            row[word] |= part
        else:
            row[word] &= ~part

"""The counts at which a camera saturates: pixels that reached them were brighter than stated.

A file of 16 bits per pixel says little: cameras of 12 and 14 bits saturate at 4095 and 16383, and
some programs shift such counts to the left.
"""

from __future__ import annotations

import numpy as np

_BITS = (8, 10, 11, 12, 13, 14, 15, 16)  # of the converters of cameras
_NEAR = 64  # levels below the highest with which it is compared
_MANY = 10  # pixels, and times as many as at any level near it, that make a pile-up anywhere
_FILLED = 8  # levels near a pile-up that must occur: noise fills them, drawn images do not

#: The highest counts of a converter, as they are and shifted to the top of 8 or 16 bits.
_FULL = frozenset(
    ((1 << bits) - 1) << shift
    for bits in _BITS
    for size in (8, 16)
    for shift in (0, size - bits)
    if bits <= size
)


def saturated_from(counts: np.ndarray, dtype: str = "uint16", bits: int | None = None) -> int:
    """Return the counts from which pixels are saturated, 0 if none are.

    Only the highest counts that occur can be those of saturation. They are if they are the largest
    number of the pixel type or of the bits that the file states; if they are the highest counts of
    a converter of 8 to 16 bits (also shifted to the left), of two pixels at least, and of more
    pixels than any of the 64 levels below; or if pixels pile up there wherever it is: 10 pixels at
    least, and more than 10 times as many as at any of these levels, of which 8 or more occur.

    Parameters
    ----------
    counts : (n,) int64
        How often 0, 1, .. n - 1 occur in all frames.
    dtype : {"uint8", "uint16"}
        Type of the recording's pixels.
    bits : int, optional
        Significant bits of a pixel, where the file states them.
    """
    (levels,) = np.nonzero(counts)
    if len(levels) == 0:
        return 0
    highest = int(levels[-1])
    if highest in (int(np.iinfo(dtype).max), (1 << bits) - 1 if bits else -1):
        return highest
    pixels, below = int(counts[highest]), counts[max(0, highest - _NEAR) : highest]
    most = int(below.max(initial=0))
    if highest in _FULL and pixels >= 2 and pixels > most:
        return highest
    piled = pixels >= _MANY and pixels > _MANY * most and np.count_nonzero(below) >= _FILLED
    return highest if piled else 0

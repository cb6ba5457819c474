"""Moments of labels, their borders, and overlaps once each has moved its own way."""

from __future__ import annotations

import numpy as np

from fovea.kernels.boxes import skip_background, words_of
from fovea.kernels.jit import kernel


@kernel
def moments(labels, count):
    """Sums over the pixels of the labels 1..count: of y, x, y y, y x and x x, (count, 5) int64.

    `labels` is (H, W) unsigned integer. Rows are read as runs of one label.
    """
    height, width = labels.shape
    words, per_word = words_of(labels)
    sums = np.zeros((count, 5), np.int64)
    for y in range(height):
        x = 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            if x == width:
                break
            value = labels[y, x]
            start = x
            x += 1
            if value == 0:
                continue
            while x < width and labels[y, x] == value:
                x += 1
            n = x - start
            # of the columns start .. x - 1, and of their squares
            first = n * (start + x - 1) // 2
            second = _squares(x - 1) - _squares(start - 1)
            row = sums[np.int64(value) - 1]
            row[0] += n * y
            row[1] += first
            row[2] += n * y * y
            row[3] += y * first
            row[4] += second
    return sums


@kernel
def _squares(n):
    """Sum of the squares of 1..n."""
    return n * (n + 1) * (2 * n + 1) // 6


@kernel
def contacts(labels, count):
    """Length of the border of the labels 1..count with other labels, (count,) float64, in pixels.

    `labels` is (H, W) unsigned integer. Borders with one pixel of background between count by a
    third. A border has the length of its pixels' edges.
    """
    height, width = labels.shape
    words, per_word = words_of(labels)
    found = np.zeros(count, np.int64)
    for y in range(height):
        x = 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            while x < width:  # at least one pixel, then to the end of the object
                value = labels[y, x]
                if value == 0:
                    break
                for dy, dx in ((0, 1), (1, 0), (0, 2), (2, 0)):
                    if y + dy < height and x + dx < width:
                        other = labels[y + dy, x + dx]
                        if other != value and other > 0:
                            found[np.int64(value) - 1] += 1
                            found[np.int64(other) - 1] += 1
                x += 1
            x += 1
    return found / 3


@kernel
def moved_overlaps(before, here, moves):
    """Find the pixels that labels share with those of another frame, once they have moved.

    Parameters
    ----------
    before, here : (H, W) unsigned integer
    moves : (N, 2) int64
        How far each label 1..N of `before` moves, y and x in pixels; what leaves the frame is lost.

    Returns
    -------
    keys : (R,) uint64
        Of each run of pixels, the label of `before` in the upper 32 bits, that of `here` in the
        lower ones.
    lengths : (R,) int64
        Pixels of the run.
    """
    height, width = before.shape
    words, per_word = words_of(before)
    keys = np.empty(1024, np.uint64)
    lengths = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        x = 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            if x == width:
                break
            value = before[y, x]
            start = x
            x += 1
            if value == 0:
                continue
            while x < width and before[y, x] == value:
                x += 1
            v = y + moves[np.int64(value) - 1, 0]
            if v < 0 or v >= height:
                continue
            shift = moves[np.int64(value) - 1, 1]
            last = np.uint64(0)
            for u in range(max(0, start + shift), min(width, x + shift)):
                other = here[v, u]
                key = np.uint64(0)
                if other > 0:
                    key = (np.uint64(value) << np.uint64(32)) | np.uint64(other)
                if key != 0:
                    if key == last:
                        lengths[n - 1] += 1
                    else:
                        if n == len(keys):
                            keys = np.concatenate((keys, np.empty_like(keys)))
                            lengths = np.concatenate((lengths, np.empty_like(lengths)))
                        keys[n] = key
                        lengths[n] = 1
                        n += 1
                last = key
    return keys[:n], lengths[:n]

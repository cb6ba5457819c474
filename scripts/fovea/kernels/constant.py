"""Padding: runs of pixels of exactly one value, and images in which some pixels do not count."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def count_long_runs(frame, step, least, counts):
    """Add the lengths of runs of at least `least` equal pixels to the counters of their values.

    Looked at are every `step`-th row of a (H, W) uint8 or uint16 frame, the last row, and the first
    and the last column. `counts` is int64, with a counter for every value.
    """
    height, width = frame.shape
    for y in range(0, height, step):
        _count_runs(frame[y], least, counts)
    _count_runs(frame[height - 1], least, counts)
    _count_runs(frame[:, 0].copy(), least, counts)
    _count_runs(frame[:, width - 1].copy(), least, counts)


@kernel
def _count_runs(line, least, counts):
    """Count the long runs of one line, from every `least`-th pixel to both sides."""
    size, done = len(line), 0
    for place in range(0, size, least):
        # A run of `least` pixels holds one of these places, and mostly its right neighbour.
        if place < done:
            continue
        value = line[place]
        start, stop = place, place + 1
        while start > done and line[start - 1] == value:
            start -= 1
        while stop < size and line[stop] == value:
            stop += 1
        if stop - start >= least:
            counts[value] += stop - start
        done = stop


@kernel
def nearest(valid):
    """Flat index of the valid pixel nearest to each pixel, (H, W) int32; -1 where none is valid.

    `valid` is (H, W) bool. Vectors to the nearest pixel are handed on between neighbours, twice
    down and up the frame (Danielsson 1980, Computer Graphics and Image Processing 14, 227), so that
    distances are exact but for fractions of a pixel.
    """
    height, width = valid.shape
    out = np.full((height, width), -1, np.int32)
    for y in range(height):
        for x in range(width):
            if valid[y, x]:
                out[y, x] = y * width + x
    for y in range(height):
        _improve_row(out, y, y - 1)
    for y in range(height - 1, -1, -1):
        _improve_row(out, y, y + 1)
    return out


@kernel
def _improve_row(out, y, other):
    """Take over nearer pixels from the row `other`, then from the left and from the right."""
    height, width = out.shape
    if 0 <= other < height:
        for x in range(width):
            if out[y, x] != y * width + x:
                for neighbour in range(max(x - 1, 0), min(x + 2, width)):
                    _improve(out, y, x, out[other, neighbour])
    for x in range(1, width):
        _improve(out, y, x, out[y, x - 1])
    for x in range(width - 2, -1, -1):
        _improve(out, y, x, out[y, x + 1])


@kernel
def _improve(out, y, x, candidate):
    """Replace the nearest pixel of a place by a candidate that is nearer."""
    if candidate < 0:
        return
    width = out.shape[1]
    held = out[y, x]
    if held < 0 or _squared(candidate, y, x, width) < _squared(held, y, x, width):
        out[y, x] = candidate


@kernel
def _squared(place, y, x, width):
    dy, dx = place // width - y, place % width - x
    return dy * dy + dx * dx


@kernel
def block_means(frame, valid, block):
    """Means of the valid pixels of square blocks, as `fields.block_means`, and their numbers.

    `valid` is (H, W) bool. A block without valid pixels has the mean 0.
    """
    height, width = frame.shape
    rows, columns = -(-height // block), -(-width // block)
    out = np.zeros((rows, columns), np.float32)
    counts = np.zeros((rows, columns), np.int64)
    sums = np.zeros((rows, columns), np.int64)
    for y in range(height):
        for x in range(width):
            if valid[y, x]:
                sums[y // block, x // block] += np.int64(frame[y, x])
                counts[y // block, x // block] += 1
    for i in range(rows):
        for j in range(columns):
            if counts[i, j]:
                out[i, j] = np.float32(sums[i, j] / counts[i, j])
    return out, counts

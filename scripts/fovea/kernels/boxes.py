"""Boxes, areas and overlaps of labels, and relabelling by a table or in raster order."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel


@kernel
def boxes_and_areas(labels, count):
    """Boxes and areas of the labels 1..count.

    Rows are read as runs of one label, and background is skipped 8 bytes at a time.

    Parameters
    ----------
    labels : (H, W) unsigned integer
    count : int

    Returns
    -------
    boxes : (count, 4) int32
        y0, x0, y1, x1, ends exclusive; y1 = 0 for a label that does not occur.
    areas : (count,) int64
        Pixels.
    """
    height, width = labels.shape
    words, per_word = words_of(labels)
    boxes = np.zeros((count, 4), np.int32)
    areas = np.zeros(count, np.int64)
    boxes[:, 0] = height
    boxes[:, 1] = width
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
            i = np.int64(value) - 1
            areas[i] += x - start
            boxes[i, 0] = min(boxes[i, 0], y)
            boxes[i, 1] = min(boxes[i, 1], start)
            boxes[i, 2] = y + 1
            boxes[i, 3] = max(boxes[i, 3], x)
    return boxes, areas


@kernel
def relabel(labels, table, out):
    """Replace labels by the entries of a table: out = table[labels].

    Parameters
    ----------
    labels : (H, W) integer
        Not negative.
    table : (N,) integer
        Entry 0 is the value of the background, which is skipped 8 bytes at a time.
    out : (H, W) integer
        Receives the result.
    """
    height, width = labels.shape
    words, per_word = words_of(labels)
    out[:] = table[0]
    for y in range(height):
        x = 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            while x < width:  # at least one pixel, then to the end of the object
                value = labels[y, x]
                if value > 0:
                    out[y, x] = table[value]
                x += 1
                if value == 0:
                    break


def in_raster_order(labels: np.ndarray, first: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Number labels in the order of their first pixels.

    Parameters
    ----------
    labels : (H, W) integer
        Labels 0..L.
    first : (L + 1,) int64
        Flat index of the first pixel of each label.
    kept : (L + 1,) bool
        Labels that get a number; the others, among them the background, become 0.

    Returns
    -------
    (H, W) uint16, or uint32 where there are more than 65,535 numbers
    """
    order = np.flatnonzero(kept)
    order = order[np.argsort(first[order])]
    dtype = np.uint16 if len(order) <= np.iinfo(np.uint16).max else np.uint32
    table = np.zeros(len(kept), dtype)
    table[order] = np.arange(1, len(order) + 1)
    out = np.empty(labels.shape, dtype)
    relabel(labels, table, out)
    return out


@kernel
def words_of(labels):
    """Pixels of an image as words of 8 bytes, without an incomplete last one; pixels per word."""
    flat = np.ascontiguousarray(labels).reshape(-1)
    per_word = 8 // flat.itemsize
    return flat[: len(flat) // per_word * per_word].view(np.uint64), per_word


@kernel
def skip_background(words, per_word, row, x, width):
    """First column from x on that may hold a label; the row begins at pixel `row`."""
    place = row + x
    if place % per_word:
        return x
    word, stop = place // per_word, min((row + width) // per_word, len(words))
    first = word
    while word < stop and words[word] == 0:
        word += 1
    return x + (word - first) * per_word


@kernel
def overlapping_boxes(a, b, order_a, order_b):
    """Find the pairs of boxes that share at least one pixel, by a sweep along the rows.

    Boxes `a` (N, 4) and `b` (M, 4) int32 are y0, x0, y1, x1; `order_a` and `order_b` are their
    indices sorted by y0. Returns the pairs of indices into a and b, (P, 2) int64, and the pixels of
    their intersections, (P,) int64.
    """
    pairs = np.empty((max(16, 4 * len(a)), 2), np.int64)
    shared = np.empty(len(pairs), np.int64)
    n = 0
    first = 0
    tallest = 0
    for j in range(len(b)):
        tallest = max(tallest, b[j, 2] - b[j, 0])
    for i in order_a:
        y0, x0, y1, x1 = a[i]
        while first < len(order_b) and b[order_b[first], 0] + tallest <= y0:
            first += 1
        for k in range(first, len(order_b)):
            j = order_b[k]
            if b[j, 0] >= y1:
                break
            high = min(y1, b[j, 2]) - max(y0, b[j, 0])
            wide = min(x1, b[j, 3]) - max(x0, b[j, 1])
            if high > 0 and wide > 0:
                if n == len(pairs):
                    pairs = np.concatenate((pairs, np.empty_like(pairs)))
                    shared = np.concatenate((shared, np.empty_like(shared)))
                pairs[n, 0] = i
                pairs[n, 1] = j
                shared[n] = np.int64(high) * np.int64(wide)
                n += 1
    return pairs[:n], shared[:n]


def overlapping_runs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the horizontal runs of pixels that are labelled in both of two unsigned integer images.

    Returns for each run a (R,) uint64 key, the label of `a` in its upper 32 bits and that of `b` in
    the lower ones, and its length in pixels, (R,) int64.
    """
    return _overlapping_runs(np.ascontiguousarray(a), np.ascontiguousarray(b))


@kernel
def _overlapping_runs(a, b):
    """Find the runs; background of `a` is skipped 8 bytes at a time."""
    height, width = a.shape
    words, per_word = words_of(a)
    keys = np.empty(1024, np.uint64)
    lengths = np.empty(1024, np.int64)
    n = 0
    for y in range(height):
        x = 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            while x < width:  # at least one pixel, then to the end of the objects of `a`
                value, other, start = a[y, x], b[y, x], x
                x += 1
                if value == 0:
                    break
                while x < width and a[y, x] == value and b[y, x] == other:
                    x += 1
                if other == 0:
                    continue
                if n == len(keys):
                    keys = np.concatenate((keys, np.empty_like(keys)))
                    lengths = np.concatenate((lengths, np.empty_like(lengths)))
                keys[n] = (np.uint64(value) << np.uint64(32)) | np.uint64(other)
                lengths[n] = x - start
                n += 1
    return keys[:n], lengths[:n]


@kernel
def pixels_of_blocks(labels, block):
    """Count the labelled pixels in square blocks, (ceil(H / block), ceil(W / block)) uint32.

    Background is skipped 8 bytes at a time.
    """
    height, width = labels.shape
    words, per_word = words_of(labels)
    counts = np.zeros((-(-height // block), -(-width // block)), np.uint32)
    for y in range(height):
        row, x = counts[y // block], 0
        while x < width:
            x = skip_background(words, per_word, y * width, x, width)
            while x < width:
                value = labels[y, x]
                if value > 0:
                    row[x // block] += np.uint32(1)
                x += 1
                if value == 0:
                    break
    return counts

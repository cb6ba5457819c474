"""Choices among the connected components of packed masks; see `fovea.kernels.labelling`."""

from __future__ import annotations

import numpy as np

from fovea.kernels import bits as b
from fovea.kernels.jit import kernel
from fovea.kernels.labelling import connect, find_runs
from fovea.kernels.morphology import invert


@kernel
def count_range(row, start, stop):
    """Number of pixels set among start..stop - 1 of one packed row."""
    first = start >> 6
    last = (stop - 1) >> 6
    head = b.ALL << np.uint64(start & 63)
    tail = b.ALL >> np.uint64(63 - ((stop - 1) & 63))
    total = np.int64(0)
    for word in range(first, last + 1):
        part = row[word]
        if word == first:
            part &= head
        if word == last:
            part &= tail
        total += b.count_bits(part)
    return total


@kernel
def keep_marked(bits, marked, width, least):
    """Clear the components that hold fewer than `least` pixels of another mask, in place."""
    height = bits.shape[0]
    first, start, stop = find_runs(bits, width)
    component, sizes = connect(first, start, stop)
    held = np.zeros(len(sizes), np.int64)
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            held[component[i]] += count_range(marked[y], start[i], stop[i])
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            if held[component[i]] < least:
                b.fill_range(bits[y], start[i], stop[i], False)


@kernel
def clear_reached(bits, passable, width):
    """Clear the passable pixels that touch the background through passable ones, in place."""
    height, words = bits.shape
    free = invert(bits, width)
    for y in range(height):
        for j in range(words):
            free[y, j] |= passable[y, j]
    first, start, stop = find_runs(free, width)
    component, sizes = connect(first, start, stop)
    reached = np.zeros(len(sizes), np.bool_)
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            if count_range(bits[y], start[i], stop[i]) < stop[i] - start[i]:
                reached[component[i]] = True
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            if reached[component[i]]:
                b.fill_range(bits[y], start[i], stop[i], False)

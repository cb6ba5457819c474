"""Connected components of packed masks, computed from runs of pixels.

A run is a maximal row of set pixels. A frame with a few hundred cells has some ten thousand runs
but four million pixels, so union-find over runs takes little time. Neighbours are the 4 nearest
pixels. Runs are in raster order and a union keeps the smaller root, so components are numbered by
their first pixel in raster order.

Masks are packed as in `fovea.kernels.bits`: (H, ceil(width / 64)) uint64.
"""

from __future__ import annotations

import numpy as np

from fovea.kernels import bits as b
from fovea.kernels.jit import kernel
from fovea.kernels.morphology import invert


@kernel
def find_runs(bits, width):
    """Find the runs of a packed mask: (H + 1,) int64 `first`, (runs,) int32 `start` and `stop`.

    The runs of row y are first[y]..first[y + 1] - 1; `start` is the first column of a run, and
    `stop` the column after its last one.
    """
    height, words = bits.shape
    one, top = b.ONE, np.uint64(63)
    first = np.zeros(height + 1, np.int64)
    for y in range(height):
        carry = np.uint64(0)
        n = 0
        for j in range(words):
            word = bits[y, j]
            n += b.count_bits(word & ~((word << one) | carry))
            carry = word >> top
        first[y + 1] = first[y] + n
    start = np.empty(first[height], np.int32)
    stop = np.empty(first[height], np.int32)
    for y in range(height):
        carry = np.uint64(0)
        i = first[y]
        inside = False
        for j in range(words):
            word = bits[y, j]
            changes = word ^ ((word << one) | carry)
            carry = word >> top
            while changes != 0:
                x = (j << 6) + b.lowest_bit(changes)
                changes &= changes - one
                if inside:
                    stop[i] = x
                    i += 1
                else:
                    start[i] = x
                inside = not inside
        if inside:
            stop[i] = width
    return first, start, stop


@kernel
def root(parent, i):
    """Root of a node of a union-find forest `parent`, whose paths are halved on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def connect(first, start, stop):
    """Number the components of runs; arguments as `find_runs` returns them.

    Returns the component of each run, (runs,) int32, from 0, by first pixel in raster order, and
    the pixels of each component, (components,) int64.
    """
    n = len(start)
    parent = np.arange(n)
    for y in range(1, len(first) - 1):
        above = first[y - 1]
        here = first[y]
        while above < first[y] and here < first[y + 1]:
            if start[above] < stop[here] and start[here] < stop[above]:
                r = root(parent, above)
                s = root(parent, here)
                if r < s:
                    parent[s] = r
                elif s < r:
                    parent[r] = s
            if stop[above] < stop[here]:
                above += 1
            else:
                here += 1
    component = np.empty(n, np.int32)
    sizes = np.zeros(n, np.int64)
    count = 0
    for i in range(n):
        r = root(parent, i)
        if r == i:
            component[i] = count
            count += 1
        else:
            component[i] = component[r]
        sizes[component[i]] += stop[i] - start[i]
    return component, sizes[:count]


@kernel
def _fill(bits, first, start, stop, chosen, value):
    """Set or clear the runs of a packed mask that are `chosen`, (runs,) bool, in place."""
    for y in range(bits.shape[0]):
        for i in range(first[y], first[y + 1]):
            if chosen[i]:
                b.fill_range(bits[y], start[i], stop[i], value)


@kernel
def remove_by_size(bits, width, smallest, largest):
    """Clear components of fewer than `smallest` or more than `largest` pixels, in place."""
    first, start, stop = find_runs(bits, width)
    component, sizes = connect(first, start, stop)
    gone = (sizes < smallest) | (sizes > largest)
    _fill(bits, first, start, stop, gone[component], False)


@kernel
def fill_holes(bits, width, largest):
    """Set the holes of at most `largest` pixels, in place.

    A hole is a background component that does not touch the image's border.
    """
    height = bits.shape[0]
    first, start, stop = find_runs(invert(bits, width), width)
    component, sizes = connect(first, start, stop)
    kept = sizes > largest
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            if y == 0 or y == height - 1 or start[i] == 0 or stop[i] == width:
                kept[component[i]] = True
    _fill(bits, first, start, stop, ~kept[component], True)


@kernel
def count_range(row, start, stop):
    """Number of set pixels among start..stop - 1 of a packed row."""
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
    """Clear components that hold fewer than `least` pixels of a packed mask `marked`, in place."""
    height = bits.shape[0]
    first, start, stop = find_runs(bits, width)
    component, sizes = connect(first, start, stop)
    held = np.zeros(len(sizes), np.int64)
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            held[component[i]] += count_range(marked[y], start[i], stop[i])
    _fill(bits, first, start, stop, held[component] < least, False)


@kernel
def clear_reached(bits, passable, width):
    """Clear passable pixels that are connected to the background through passable ones, in place.

    Both `bits` and `passable` are packed masks.
    """
    height = bits.shape[0]
    free = invert(bits, width) | passable
    first, start, stop = find_runs(free, width)
    component, sizes = connect(first, start, stop)
    reached = np.zeros(len(sizes), np.bool_)
    for y in range(height):
        for i in range(first[y], first[y + 1]):
            if count_range(bits[y], start[i], stop[i]) < stop[i] - start[i]:
                reached[component[i]] = True
    _fill(bits, first, start, stop, reached[component], False)


@kernel
def paint(labels, first, start, stop, component):
    """Write component + 1 into the runs of `labels` (H, W), which is 0 elsewhere, in place."""
    for y in range(labels.shape[0]):
        for i in range(first[y], first[y + 1]):
            labels[y, start[i] : stop[i]] = component[i] + 1


def label(bits: np.ndarray, width: int) -> np.ndarray:
    """Label the components of a packed mask 1..N in raster order, (H, width).

    The type is uint16, or uint32 where there are more than 65,535 components.
    """
    first, start, stop = find_runs(bits, width)
    component, sizes = connect(first, start, stop)
    dtype = np.uint16 if len(sizes) <= np.iinfo(np.uint16).max else np.uint32
    labels = np.zeros((bits.shape[0], width), dtype)
    paint(labels, first, start, stop, component)
    return labels

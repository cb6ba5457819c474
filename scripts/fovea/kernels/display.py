"""Display levels: histograms of frames, and frames mapped to 8 bits at half their size."""

from __future__ import annotations

import numpy as np

from fovea.kernels.jit import kernel
from fovea.kernels.spline import evaluate

_ROWS = 32  # evaluated at a time; even, so that squares of 2 x 2 pixels stay together
_MOST_SLACK = 1e-3  # levels; above it too many levels would have to be computed twice


@kernel
def count_uint16(frame, counts):
    """Add a (H, W) uint16 frame to its histogram, (4, 65536) int64; see `_count`."""
    for y in range(frame.shape[0]):
        _count(frame[y], counts)


@kernel
def count_steps(frame, step, base, counts):
    """Add a (H, W) float32 frame to its histogram in multiples of a step; see `_count`.

    `counts` (4, n) has counters of round(value / step) - base.
    """
    inverse = np.float32(1.0 / step)
    steps = np.empty(frame.shape[1], np.uint32)
    offset = np.int32(base)
    for y in range(frame.shape[0]):
        row = frame[y]
        for x in range(len(row)):
            steps[x] = np.uint32(np.int32(np.rint(row[x] * inverse)) - offset)
        _count(steps, counts)


@kernel
def _count(values, counts):
    """Count the values of a row.

    Neighbouring pixels often hold the same value. Four counters per value, used in turn, keep an
    increment from waiting for the previous one of the same counter.
    """
    for x in range(len(values)):
        counts[x & 3, values[x]] += 1


@kernel
def _scaled(value, low, high):
    """Map low..high to 0..255, in double precision; values above low to 255 if both are equal."""
    if value <= low:
        return 0.0
    if value >= high:
        return 255.0
    return (value - low) * 255 / (high - low)


@kernel
def _mean_of_four(frame, y, x, low, high):
    """Level of 2 x 2 pixels by its definition, in double precision."""
    a = _scaled(np.float64(frame[2 * y, 2 * x]), low, high)
    b = _scaled(np.float64(frame[2 * y, 2 * x + 1]), low, high)
    c = _scaled(np.float64(frame[2 * y + 1, 2 * x]), low, high)
    d = _scaled(np.float64(frame[2 * y + 1, 2 * x + 1]), low, high)
    return np.uint8(((a + b) + (c + d)) / 4)


@kernel
def _sum_of_rows(top, bottom, low, reach, sums):
    """Sums of the values of two rows, each less low and clipped to 0..reach."""
    nothing = np.float32(0)
    for x in range(len(sums)):
        a = min(max(np.float32(top[x]) - low, nothing), reach)
        b = min(max(np.float32(bottom[x]) - low, nothing), reach)
        sums[x] = a + b


@kernel
def _levels(sums, factor, slack, certain, out):
    """Levels (n,) uint8 of pairs of sums; returns 0 if rounding cannot have changed any of them.

    A level that comes out as `certain` is right in any case.
    """
    doubt = np.int32(0)
    for x in range(len(out)):
        value = (sums[2 * x] + sums[2 * x + 1]) * factor
        level = np.int32(value + slack)
        below = np.int32(value - slack)
        doubt |= np.int32(0) if level == certain else level ^ below
        out[x] = np.uint8(level)
    return doubt


@kernel
def _halve_quickly(frame, low, high, slack, out):
    """Levels of complete squares of 2 x 2 pixels, mostly in single precision.

    Divisions in double precision would take most of the time. Sixty-four levels at a time are
    computed without a branch in single precision; if one of them lies within `slack` of a step, the
    doubtful ones are computed again by their definition.
    """
    half = frame.shape[1] // 2
    sums = np.empty(2 * half, np.float32)
    origin = np.float32(low)
    reach = np.float32(high - low)
    factor = np.float32(255 / (4 * (high - low)))
    # Integers below a whole-numbered `high` are below it by at least 1, so that only saturated
    # pixels give 255.
    certain = np.int32(255 if frame.dtype.kind == "u" and high == np.floor(high) else 256)
    for y in range(frame.shape[0] // 2):
        _sum_of_rows(frame[2 * y, : 2 * half], frame[2 * y + 1, : 2 * half], origin, reach, sums)
        for start in range(0, half, 64):
            stop = min(half, start + 64)
            pairs = sums[2 * start : 2 * stop]
            if _levels(pairs, factor, slack, certain, out[y, start:stop]) == 0:
                continue
            for x in range(start, stop):
                value = (sums[2 * x] + sums[2 * x + 1]) * factor
                if np.int32(value + slack) != np.int32(value - slack):
                    out[y, x] = _mean_of_four(frame, y, x, low, high)


@kernel
def halve_intensity(frame, low, high, out):
    """Map low..high to 0..255 and average squares of 2 x 2 pixels, rounded down.

    The last row and column of odd sizes are averaged over the pixels that exist.

    Parameters
    ----------
    frame : (H, W) uint16 or float32
    low, high : float
    out : (ceil(H / 2), ceil(W / 2)) uint8
        Receives the levels.
    """
    height, width = frame.shape
    low = np.float64(low)
    high = np.float64(high)
    slack = _slack(low, high)
    if slack < _MOST_SLACK:
        _halve_quickly(frame, low, high, np.float32(slack), out)
    else:
        for y in range(height // 2):
            for x in range(width // 2):
                out[y, x] = _mean_of_four(frame, y, x, low, high)
    if width % 2 == 1:
        x = width - 1
        for y in range(height // 2):
            a = _scaled(np.float64(frame[2 * y, x]), low, high)
            c = _scaled(np.float64(frame[2 * y + 1, x]), low, high)
            out[y, x // 2] = np.uint8((a + c) / 2)
    if height % 2 == 1:
        y = height - 1
        for x in range(width // 2):
            a = _scaled(np.float64(frame[y, 2 * x]), low, high)
            b = _scaled(np.float64(frame[y, 2 * x + 1]), low, high)
            out[y // 2, x] = np.uint8((a + b) / 2)
        if width % 2 == 1:
            last = np.float64(frame[height - 1, width - 1])
            out[y // 2, width // 2] = np.uint8(_scaled(last, low, high))


@kernel
def halve_spline(
    shape, coefficients, first_y, weights_y, first_x, powers_x, offset_x, step, low, high, out
):
    """As `halve_intensity`, for a spline over a frame of (height, width) `shape`; see `evaluate`.

    The spline is evaluated `_ROWS` rows at a time, which stay in the second-level cache.
    """
    height, width = shape
    rows = np.empty((min(height, _ROWS), width), np.float32)
    for y0 in range(0, height, _ROWS):
        part = rows[: min(_ROWS, height - y0)]
        evaluate(coefficients, first_y, weights_y, first_x, powers_x, offset_x, y0, 0, step, part)
        halve_intensity(part, low, high, out[y0 // 2 : (y0 + len(part) + 1) // 2])


@kernel
def _slack(low, high):
    """Largest error of a level of 0..255 that is computed in single precision.

    Each of at most eight roundings contributes half a unit of 2**-23 of at most 255, and the
    rounding of `low` contributes in proportion to it.
    """
    if not high > low:
        return np.inf
    return 255 * 2.0**-24 * (8 + 2 * abs(low) / (high - low))


@kernel
def halve_labels(labels, largest, out):
    """Take the top left one of 2 x 2 pixels, scaled so that the label `largest` becomes 255.

    The levels go into `out` (ceil(H / 2), ceil(W / 2)) uint8; a label never becomes 0.
    """
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            value = np.int64(labels[2 * y, 2 * x])
            out[y, x] = 0 if value == 0 else np.uint8(max(1, value * 255 // largest))

"""Weighted sums over channels and neighbouring pixels, kept in vector registers.

Of the loops of Python code the compiler keeps no array in registers, and loading and storing sums
takes longer than computing them. So the innermost loop is written as instructions here: it sums up
for `CHANNELS` outputs and a vector of pixels at a time. Products are rounded before they are added
(no fused multiply-add), in the order of the channels and, within a channel, of the pixels.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from fovea.kernels.jit import host_features, intrinsic, kernel, types

CHANNELS = 8  # outputs that share what is loaded of the input
PIXELS = 16 if "+avx512f" in host_features() else 8  # of a vector; results do not depend on it


def _summation(pixels: int, side: int):
    """Make the loop over channels for a vector of pixels and their side x side neighbours."""
    vector = ir.VectorType(ir.FloatType(), pixels)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), pixels), [0] * pixels)
    one_lane, nothing = ir.Constant(ir.IntType(32), 0), ir.Constant(vector, ir.Undefined)
    outputs = range(CHANNELS)

    def emit(context, builder, signature, values):
        def data(n):
            return context.make_array(signature.args[n])(context, builder, values[n]).data

        def at(pointer, offset):
            if isinstance(offset, int):
                offset = ir.Constant(ir.IntType(64), offset)
            return builder.gep(pointer, [offset])

        def repeated(value):
            first = builder.insert_element(nothing, value, one_lane)
            return builder.shuffle_vector(first, nothing, lanes)

        def vector_at(pointer, offset):
            return builder.bitcast(at(pointer, offset), vector.as_pointer())

        def variable(start):
            phi = builder.phi(start.type)
            phi.add_incoming(start, before)
            return phi

        plane, row, count, least, step = (values[n] for n in (2, 3, 4, 6, 9))
        source, weights, target = at(data(0), values[1]), data(5), at(data(7), values[8])
        sums = [repeated(builder.load(at(weights, o))) for o in outputs]
        weights = at(weights, CHANNELS)
        zero, one = (ir.Constant(count.type, n) for n in (0, 1))
        before, loop = builder.block, builder.append_basic_block("channel")
        builder.branch(loop)
        builder.position_at_end(loop)
        started = [variable(value) for value in (zero, source, weights, *sums)]
        done, source, weights, *sums = started
        for y in range(side):
            line = at(source, builder.mul(row, ir.Constant(row.type, y)))
            for x in range(side):
                beside = builder.load(vector_at(line, x), align=4)
                for o in outputs:
                    weight = repeated(builder.load(at(weights, (side * y + x) * CHANNELS + o)))
                    sums[o] = builder.fadd(sums[o], builder.fmul(weight, beside))
        done = builder.add(done, one)
        ended = done, at(source, plane), at(weights, side * side * CHANNELS), *sums
        for phi, value in zip(started, ended, strict=True):
            phi.add_incoming(value, loop)
        after = builder.append_basic_block("stored")
        builder.cbranch(builder.icmp_signed("<", done, count), loop, after)
        builder.position_at_end(after)
        least = repeated(least)
        for o, total in enumerate(sums):
            kept = builder.fcmp_unordered(">", total, least)
            line = at(target, builder.mul(step, ir.Constant(step.type, o)))
            builder.store(builder.select(kept, total, least), vector_at(line, 0), align=4)
        return context.get_dummy_value()

    @intrinsic
    def add_up(_, image, origin, plane, row, count, weights, least, out, place, step):
        integer = types.intp
        arguments = (image, integer, integer, integer, integer, weights, types.float32, out)
        return types.void(*arguments, integer, integer), emit

    return add_up


_around_many, _around_one = _summation(PIXELS, 3), _summation(1, 3)
_here_many, _here_one = _summation(PIXELS, 1), _summation(1, 1)


@kernel
def packed(weights, bias):
    """Arrange weights (O, C, N) and bias (O,) as the sums need them, (ceil(O / 8), 8 + 8 C N)."""
    outputs, channels, number = weights.shape
    out = np.zeros((-(-outputs // CHANNELS), CHANNELS * (1 + channels * number)), np.float32)
    for o in range(outputs):
        block, start = out[o // CHANNELS], o % CHANNELS
        block[start] = bias[o]
        for c in range(channels):
            for k in range(number):
                block[start + CHANNELS * (1 + c * number + k)] = weights[o, c, k]
    return out


@kernel
def sum_around(image, origin, plane, row, count, weights, least, out, place, step, width):
    """Sums over 3 x 3 pixels and all channels for one row of 8 outputs; at least `least`.

    Image and `out` are flat. A row of the image is `row` pixels long and a channel `plane`; there
    are `count` channels, and `origin` is the upper left neighbour of the row's first pixel. The
    first output is written to out[place : place + width], each next one `step` further. Weights are
    a row of what `packed` returns.
    """
    if width < PIXELS:
        for x in range(width):
            _around_one(image, origin + x, plane, row, count, weights, least, out, place + x, step)
        return
    for begin in range(0, width, PIXELS):
        x = min(begin, width - PIXELS)
        _around_many(image, origin + x, plane, row, count, weights, least, out, place + x, step)


@kernel
def sum_here(image, origin, plane, count, weights, out, step, width):
    """Sums over all channels of the pixels of one row for 8 outputs; as `sum_around`.

    `origin` is the row's first pixel, and the first output is written to out[:width].
    """
    least = np.float32(-np.inf)
    if width < PIXELS:
        for x in range(width):
            _here_one(image, origin + x, plane, 0, count, weights, least, out, x, step)
        return
    for begin in range(0, width, PIXELS):
        x = min(begin, width - PIXELS)
        _here_many(image, origin + x, plane, 0, count, weights, least, out, x, step)

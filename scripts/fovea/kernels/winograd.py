"""Winograd's convolution F(4 x 4, 3 x 3): its transforms, and sums over channels, in registers.

Tiles of 6 x 6 pixels, four pixels apart, are transformed into 36 values each. Each of these is
multiplied by a transformed weight and summed over the channels, and 36 sums are transformed into
4 x 4 pixels of the result: 36 multiplications rather than 144 (Lavin and Gray, 2015,
arXiv:1509.09308).

Of the loops of Python code the compiler keeps no array in registers, and loading and storing takes
longer than computing. So these are written as instructions. A vector holds one value each of
`LANES` tiles, or pixels, beside each other. Products are rounded before they are added (no fused
multiply-add), and the order of operations does not depend on the processor.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir

from fovea.kernels.jit import host_features, intrinsic, types

OUTPUTS = 8  # that share what is loaded of the input
LANES = 16 if "+avx512f" in host_features() else 8  # of a vector; results do not depend on it
#: Weights along one axis to six values; `_Code.before` and `_Code.after` are the other transforms.
WEIGHTS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_REAL, _INTEGER, _LANE = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_REAL, LANES)
_EVEN, _ODD = list(range(0, 2 * LANES, 2)), list(range(1, 2 * LANES, 2))
_LOWER, _UPPER = ([i // 2 + i % 2 * LANES for i in range(k, k + LANES)] for k in (0, LANES))


def transformed(weights: np.ndarray) -> np.ndarray:
    """Transform 3 x 3 weights (O, C, 3, 3) into (ceil(O / 8), 36, C, 8) float32 for `convolve`."""
    outputs, channels = weights.shape[:2]
    values = np.zeros((-(-outputs // OUTPUTS) * OUTPUTS, channels, 6, 6), np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # weights that overflowed shall show
        values[:outputs] = _along_rows(_along_rows(weights.astype(np.float64)))
    blocks = values.reshape(-1, OUTPUTS, channels, 36)
    return np.ascontiguousarray(blocks.transpose(0, 3, 2, 1))


def _along_rows(weights: np.ndarray) -> np.ndarray:
    """Transform the last axis and swap it with the last but one; sums as on every processor."""
    return sum(weights[..., k, None] * WEIGHTS[:, k] for k in range(3)).swapaxes(-1, -2)


def mixing(weights: np.ndarray) -> np.ndarray:
    """Arrange 1 x 1 weights (O, C, 1, 1) as `add_doubled` needs them, (ceil(O / 8), C, 8)."""
    outputs, channels = weights.shape[:2]
    values = np.zeros((-(-outputs // OUTPUTS) * OUTPUTS, channels), np.float32)
    values[:outputs] = weights[:, :, 0, 0]
    return np.ascontiguousarray(values.reshape(-1, OUTPUTS, channels).transpose(0, 2, 1))


class _Code:
    """Instructions on vectors of float32 and on memory; arguments are those of an intrinsic."""

    def __init__(self, context, builder, signature, values):
        self.context, self.builder = context, builder
        self.types, self.values = signature.args, values

    def place(self, n):
        """Pointer to the element of array n whose index is the following argument."""
        array = self.context.make_array(self.types[n])(self.context, self.builder, self.values[n])
        return self.at(array.data, self.values[n + 1])

    def at(self, pointer, offset):
        if isinstance(offset, int):
            offset = ir.Constant(_INTEGER, offset)
        return self.builder.gep(pointer, [offset])

    def step(self, pointer, length, number):
        return self.at(pointer, self.builder.mul(length, ir.Constant(_INTEGER, number)))

    def load(self, pointer, lanes=LANES):
        kind = ir.VectorType(_REAL, lanes).as_pointer()
        return self.builder.load(self.builder.bitcast(pointer, kind), align=4)

    def store(self, value, pointer):
        self.builder.store(value, self.builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)

    def picked(self, a, b, places):
        """Elements of two vectors, of which those of the second follow those of the first."""
        lanes = ir.Constant(ir.VectorType(_LANE, len(places)), places)
        return self.builder.shuffle_vector(a, b, lanes)

    def repeated(self, value):
        nothing = ir.Constant(_VECTOR, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(_LANE, 0))
        return self.picked(first, nothing, [0] * LANES)

    def add(self, a, b):
        return self.builder.fadd(a, b)

    def sub(self, a, b):
        return self.builder.fsub(a, b)

    def mul(self, number, a):
        return self.builder.fmul(ir.Constant(a.type, [float(number)] * a.type.count), a)

    def before(self, d):
        """Transform six pixels along one axis into six values."""
        add, sub, mul = self.add, self.sub, self.mul
        even, odd = sub(d[4], mul(4, d[2])), sub(d[3], mul(4, d[1]))
        further, difference = sub(d[4], d[2]), sub(d[3], d[1])
        twice = mul(2, difference)
        first = add(mul(4, sub(d[0], d[2])), further)
        last = sub(sub(d[5], d[3]), mul(4, difference))
        pairs = add(even, odd), sub(even, odd), add(further, twice), sub(further, twice)
        return [first, *pairs, last]

    def after(self, m):
        """Transform six sums along one axis into four pixels."""
        add, sub, mul = self.add, self.sub, self.mul
        near, slope = add(m[1], m[2]), sub(m[1], m[2])
        far, steep = add(m[3], m[4]), sub(m[3], m[4])
        last = add(add(slope, mul(8, steep)), m[5])
        first = add(add(m[0], near), far)
        return [first, add(slope, mul(2, steep)), add(near, mul(4, far)), last]


@intrinsic
def transform_tiles(_, image, origin, row, out, place, apart):
    """Transform the tiles of 6 rows and 4 LANES + 2 columns of an image.

    `origin` is the place of their upper left pixel, `row` the distance of rows. Value k of the
    tiles goes to `place` + k `apart` of `out`.
    """

    def emit(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        lines = [code.step(code.place(0), values[2], y) for y in range(6)]
        parts = [(k * LANES, LANES) for k in range(4)] + [(4 * LANES, 2)]
        parts = [code.before([code.load(code.at(r, x), n) for r in lines]) for x, n in parts]
        for y in range(6):
            a, b, c, d, beyond = (part[y] for part in parts)
            columns = []
            for odd in (_EVEN, _ODD):
                left, right = code.picked(a, b, odd), code.picked(c, d, odd)
                columns.append([code.picked(left, right, half) for half in (_EVEN, _ODD)])
            (first, third), (second, fourth) = columns
            beyond = code.picked(beyond, beyond, [0, 1] * (LANES // 2))
            next_ones = [
                code.picked(column, beyond, [*range(1, LANES), LANES + k])
                for k, column in enumerate((first, second))
            ]
            for x, value in enumerate(code.before([first, second, third, fourth, *next_ones])):
                code.store(value, code.step(code.place(3), values[5], 6 * y + x))
        return context.get_dummy_value()

    n = types.intp
    return types.void(image, n, n, out, n, n), emit


@intrinsic
def transform_back(_, sums, place, apart, bias, out, origin, row):
    """Transform sums into 4 rows of 4 LANES pixels each: max(0, bias + pixel), or no number.

    Arguments are as of `transform_tiles`.
    """

    def emit(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        sums = [code.load(code.step(code.place(0), values[2], k)) for k in range(36)]
        columns = [code.after(sums[x::6]) for x in range(6)]
        bias, zero = code.repeated(values[3]), ir.Constant(_VECTOR, [0.0] * LANES)
        for y in range(4):
            pixels = []
            for value in code.after([column[y] for column in columns]):
                value = code.add(value, bias)
                kept = builder.fcmp_unordered(">", value, zero)
                pixels.append(builder.select(kept, value, zero))
            line = code.step(code.place(4), values[6], y)
            for i, half in enumerate((_LOWER, _UPPER)):
                even, odd = (code.picked(pixels[k], pixels[k + 2], half) for k in range(2))
                for j, part in enumerate((_LOWER, _UPPER)):
                    code.store(code.picked(even, odd, part), code.at(line, (2 * i + j) * LANES))
        return context.get_dummy_value()

    n = types.intp
    return types.void(sums, n, n, types.float32, out, n, n), emit


@intrinsic
def sum_up(_, pixels, origin, plane, count, weights, start, out, place, apart):
    """Sum a vector of pixels from `origin` on over `count` channels, `plane` apart, for 8 outputs.

    Their weights, (count, 8), begin at `start`. Output o goes to `place` + o `apart`.
    """

    def emit(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        plane, count, apart = values[2], values[3], values[8]
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        started = ir.Constant(count.type, 0), code.place(0), code.place(4), *[zero] * OUTPUTS
        before, loop = builder.block, builder.append_basic_block("channel")
        builder.branch(loop)
        builder.position_at_end(loop)
        variables = [builder.phi(value.type) for value in started]
        done, source, weights, *sums = variables
        vector = code.load(source)
        for o, total in enumerate(sums):
            weight = code.repeated(builder.load(code.at(weights, o)))
            sums[o] = code.add(total, builder.fmul(weight, vector))
        done = builder.add(done, ir.Constant(count.type, 1))
        ended = done, code.at(source, plane), code.at(weights, OUTPUTS), *sums
        for variable, start, end in zip(variables, started, ended, strict=True):
            variable.add_incoming(start, before)
            variable.add_incoming(end, loop)
        after = builder.append_basic_block("stored")
        builder.cbranch(builder.icmp_signed("<", done, count), loop, after)
        builder.position_at_end(after)
        for o, total in enumerate(sums):
            code.store(total, code.step(code.place(6), apart, o))
        return context.get_dummy_value()

    n = types.intp
    return types.void(pixels, n, n, n, weights, n, out, n, n), emit

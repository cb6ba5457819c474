"""Layers of a network with any number of channels against numpy on whole arrays, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import correlate

from fovea.kernels import convolution, winograd
from support.reference import phase_network as plain
from support.strategies import examples, seeds

channels = st.integers(1, 19)
heights = st.integers(1, 9)
# narrower than a vector of tiles, of whole vectors, and with a rest
widths = st.integers(1, 9 * winograd.LANES + 1)


def normal(seed, *shape):
    return np.random.default_rng([seed, *shape]).normal(0, 1, shape).astype(np.float32)


def framed(image):
    """An image with its border."""
    channels, height, width = image.shape
    out = convolution.empty(channels, height, width)
    out[:] = np.pad(image, [(0, 0), (1, 1 + -height % 4), (1, 1 + -width % 4)], "edge")
    return out


def rows(image, height):
    """The rows of an image without those of the border."""
    return image[:, 1 : height + 1]


def inner(image, height, width):
    """The image without its border, which must repeat the edge to both sides."""
    kept = rows(image, height)
    expected = np.pad(kept[..., 1 : width + 1], [(0, 0), (0, 0), (1, 1 + -width % 4)], "edge")
    np.testing.assert_array_equal(kept, expected)
    return kept[..., 1 : width + 1]


@given(seeds, channels, channels, heights, widths)
@examples(80)
def test_convolution(seed, ins, outs, height, width):
    image, bias = normal(seed, ins, height, width), normal(seed, outs)
    weights = normal(seed, outs, ins, 3, 3)
    out = convolution.empty(outs, height, width)
    kept = winograd.transformed(weights)
    convolution.convolve(framed(image), width, kept, bias, rows(out, height))
    expected = plain.convolve(image, weights, bias)
    np.testing.assert_array_equal(inner(out, height, width), expected)


@given(seeds, channels, heights, widths)
@examples(40)
def test_winograd_is_the_convolution(seed, ins, height, width):
    """The difference to double precision is at most that of so many roundings, of any sign.

    A transform rounds at most 3 times along an axis; a weight, a product and the bias add one each,
    and the channels one each. None grows a sum beyond that of absolute values.
    """
    image, bias = normal(seed, ins, height, width), normal(seed, 1)
    weights = normal(seed, 1, ins, 3, 3)
    padded = np.pad(image.astype(float), [(0, 0), (1, 1), (1, 1)], "edge")
    exact = correlate(padded, weights[0].astype(float), mode="valid")[0] + bias
    padded = np.pad(image, [(0, 0), (1, 1 + -height % 4), (1, 1 + -width % 4)], "edge")
    tiles = sliding_window_view(np.abs(padded), (6, 6), axis=(1, 2))[:, ::4, ::4].astype(float)
    before, after, points = (
        np.abs(matrix) for matrix in (plain.before(np.eye(6)), plain.after(np.eye(6)), plain.POINTS)
    )
    kept = points @ np.abs(weights[0]).astype(float) @ points.T
    sums = np.einsum("cij,cyxij->yxij", kept, before @ tiles @ before.T)
    largest = (after @ sums @ after.T).swapaxes(1, 2).reshape(padded[0, 1:-1, 1:-1].shape)
    limit = (4 * 3 + 3 + ins + 1) * 2.0**-24 * (largest[:height, :width] + np.abs(bias))
    found = plain.convolve(image, weights, bias)[0]
    assert (np.abs(found - np.maximum(exact, 0)) <= limit).all()


@given(seeds, channels, channels, heights, widths)
@examples(40)
def test_added_doubled(seed, ins, outs, height, width):
    image, bias = normal(seed, ins, height, width), normal(seed, outs)
    weights = normal(seed, outs, ins, 1, 1)
    other = normal(seed, outs, 2 * height, 2 * width)
    out = convolution.empty(outs, 2 * height, 2 * width)
    convolution.add_doubled(
        rows(framed(image), height), width, winograd.mixing(weights), bias,
        rows(framed(other), 2 * height), rows(out, 2 * height),
    )  # fmt: skip
    expected = other + plain.mix(image, weights, bias).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(inner(out, 2 * height, 2 * width), expected)


@given(seeds, channels, st.integers(1, 5), heights, widths, st.booleans(), st.booleans())
@examples(40)
def test_mixed_and_spread(seed, ins, outs, height, width, less_rows, less_columns):
    image, bias = normal(seed, ins, height, width), normal(seed, 4 * outs)
    weights = normal(seed, 4 * outs, ins, 1, 1)
    out = np.empty((outs, 2 * height - less_rows, 2 * width - less_columns), np.float32)
    kept = winograd.mixing(weights)
    convolution.mix_and_spread(rows(framed(image), height), width, kept, bias, out)
    parts = plain.mix(image, weights, bias)
    for k, part in enumerate(parts):
        found = out[k // 4, k % 4 // 2 :: 2, k % 2 :: 2]
        np.testing.assert_array_equal(found, part[: found.shape[0], : found.shape[1]])


@given(seeds, st.integers(1, 3), heights, widths, st.integers(0, 40))
@examples(40)
def test_gathering_beyond_the_edge(seed, ins, height, width, beside):
    """As of numpy's symmetric padding."""
    image = normal(seed, ins, 2 * height, width)
    pad = [(0, 0), (0, 0), (0, beside + (beside + width) % 2)]
    padded = np.pad(image, pad, mode="symmetric")
    expected = [c[dy::2, dx::2] for c in padded for dy in (0, 1) for dx in (0, 1)]
    wide = padded.shape[2] // 2
    out = convolution.empty(4 * ins, height, wide)
    convolution.gather(image, wide, rows(out, height))
    np.testing.assert_array_equal(inner(out, height, wide), expected)


@given(seeds, st.integers(1, 3), heights, widths)
@examples(40)
def test_halving(seed, ins, height, width):
    image = normal(seed, ins, 2 * height, 2 * width)
    out = convolution.empty(ins, height, width)
    convolution.halve(rows(framed(image), 2 * height), width, rows(out, height))
    expected = np.max([image[:, y::2, x::2] for y in (0, 1) for x in (0, 1)], axis=0)
    np.testing.assert_array_equal(inner(out, height, width), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_show(value):
    """Weights that overflowed must not end up as an empty but plausible image."""
    image, weights = np.ones((1, 2, 40), np.float32), np.ones((1, 1, 3, 3), np.float32)
    weights[0, 0, 1, 1] = value
    out = convolution.empty(1, 2, 40)
    bias = np.zeros(1, np.float32)
    convolution.convolve(framed(image), 40, winograd.transformed(weights), bias, rows(out, 2))
    with np.errstate(invalid="ignore"):
        expected = plain.convolve(image, weights, bias)
    assert np.isnan(expected).all()
    np.testing.assert_array_equal(inner(out, 2, 40), expected)

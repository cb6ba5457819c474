"""Layers of a network with any number of channels against numpy on whole arrays, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.kernels import convolution, weighted_sums
from support.reference import phase_network as plain
from support.strategies import examples, seeds

channels = st.integers(1, 19)
heights = st.integers(1, 5)
# narrower than a vector, of whole vectors, and with a rest
widths = st.integers(1, 3 * weighted_sums.PIXELS + 1)


def normal(seed, *shape):
    return np.random.default_rng([seed, *shape]).normal(0, 1, shape).astype(np.float32)


def framed(image):
    """An image with its border; what is not used holds no numbers."""
    out = convolution.empty(*image.shape)
    out[:] = np.nan
    height, width = convolution.size(out)
    assert (height, width) == image.shape[1:]
    out[:, 1 : height + 1, 1 : width + 1] = image
    convolution.repeat_edges(out)
    return out


def inner(image):
    """The image without its border, which must repeat the edge."""
    height, width = convolution.size(image)
    kept = image[:, 1 : height + 1, 1 : width + 1]
    np.testing.assert_array_equal(
        image[:, : height + 2], np.pad(kept, [(0, 0), (1, 1), (1, 1)], "edge")
    )
    return kept


@given(seeds, channels, channels, heights, widths)
@examples(80)
def test_convolution(seed, ins, outs, height, width):
    image, bias = normal(seed, ins, height, width), normal(seed, outs)
    weights = normal(seed, outs, ins, 9)
    out = convolution.empty(outs, height, width)
    convolution.convolve(framed(image), weights, bias, out)
    expected = plain.convolve(image, weights.reshape(outs, ins, 3, 3), bias)
    np.testing.assert_array_equal(inner(out), expected)


@given(seeds, channels, channels, heights, widths)
@examples(40)
def test_added_doubled(seed, ins, outs, height, width):
    image, bias = normal(seed, ins, height, width), normal(seed, outs)
    weights = normal(seed, outs, ins, 1)
    below = normal(seed, outs, 2 * height, 2 * width)
    out = framed(below)
    convolution.add_doubled(framed(image), weights, bias, out)
    small = plain.mix(image, weights[..., None], bias)
    np.testing.assert_array_equal(inner(out), below + small.repeat(2, axis=1).repeat(2, axis=2))


@given(seeds, channels, st.integers(1, 5), heights, widths)
@examples(40)
def test_mixed_and_spread(seed, ins, outs, height, width):
    image, bias = normal(seed, ins, height, width), normal(seed, 4 * outs)
    weights = normal(seed, 4 * outs, ins, 1)
    out = np.empty((outs, 2 * height, 2 * width), np.float32)
    convolution.mix_and_spread(framed(image), weights, bias, out)
    parts = plain.mix(image, weights[..., None], bias)
    for k, part in enumerate(parts):
        np.testing.assert_array_equal(out[k // 4, k % 4 // 2 :: 2, k % 2 :: 2], part)


@given(seeds, st.integers(1, 3), heights, widths)
@examples(40)
def test_gathering_and_halving(seed, ins, height, width):
    image = normal(seed, ins, 4 * height, 4 * width)
    gathered = convolution.empty(4 * ins, 2 * height, 2 * width)
    convolution.gather(image, gathered)
    parts = [c[dy::2, dx::2] for c in image for dy in (0, 1) for dx in (0, 1)]
    np.testing.assert_array_equal(inner(gathered), parts)
    halved = convolution.empty(4 * ins, height, width)
    convolution.halve(gathered, halved)
    expected = np.max([inner(gathered)[:, y::2, x::2] for y in (0, 1) for x in (0, 1)], axis=0)
    np.testing.assert_array_equal(inner(halved), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_show(value):
    """Weights that overflowed must not end up as an empty but plausible image."""
    image, weights = np.ones((1, 2, 40), np.float32), np.ones((1, 1, 9), np.float32)
    weights[0, 0, 4] = value
    out = convolution.empty(1, 2, 40)
    convolution.convolve(framed(image), weights, np.zeros(1, np.float32), out)
    expected = plain.convolve(image, weights.reshape(1, 1, 3, 3), np.zeros(1, np.float32))
    np.testing.assert_array_equal(inner(out), expected)

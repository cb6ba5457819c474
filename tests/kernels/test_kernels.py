"""Packed masks, their morphology and components against the plain reference, bit for bit."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.kernels import bits, labelling, morphology
from support.reference import morphology as plain
from support.strategies import MASKS, WORD_EDGES, examples, make_mask, masks

sizes = st.sampled_from([1, 3, 5, 7, 9])
iterations = st.integers(1, 4)


def on_mask(kernel, mask, *arguments):
    """What a kernel for packed masks makes of a mask, whether it works in place or not."""
    packed = bits.pack_above(mask, False)
    result = kernel(packed, mask.shape[1], *arguments)
    return bits.unpack(packed if result is None else result, mask.shape[1])


def by_disk(kernel, mask, size, repeats=1):
    return on_mask(kernel, mask, morphology.disk_half_widths(size, repeats))


def label(mask):
    """Labels of a mask, and their number."""
    labels = labelling.label(bits.pack_above(mask, False), mask.shape[1])
    return labels, int(labels.max(initial=0))


def fill_holes(mask):
    return on_mask(labelling.fill_holes, mask, mask.size)


def every_mask(height, width):
    """All masks of a small shape."""
    for pixels in itertools.product([False, True], repeat=height * width):
        yield np.array(pixels).reshape(height, width)


@given(masks())
def test_packing(mask):
    packed = bits.pack_above(mask, False)
    height, width = mask.shape
    assert packed.shape == (height, -(-width // 64))
    assert packed.dtype == np.uint64
    np.testing.assert_array_equal(bits.unpack(packed, width), mask)
    # the first pixel is the lowest bit, and bits beyond the width are 0
    padded = np.pad(mask, ((0, 0), (0, -width % 64)))
    words = np.packbits(padded, axis=1, bitorder="little").view("<u8")
    np.testing.assert_array_equal(packed, words)


@given(masks(), sizes)
def test_dilation(mask, size):
    np.testing.assert_array_equal(
        by_disk(morphology.dilate, mask, size), plain.dilate(mask, size // 2)
    )


@given(masks(), sizes, iterations)
def test_closing(mask, size, iterations):
    found = by_disk(morphology.close, mask, size, iterations)
    np.testing.assert_array_equal(found, plain.close(mask, size, iterations))
    assert (found >= mask).all()


@given(masks(), sizes, iterations)
def test_opening(mask, size, iterations):
    found = by_disk(morphology.open_, mask, size, iterations)
    np.testing.assert_array_equal(found, plain.open_(mask, size, iterations))
    assert (found <= mask).all()


@pytest.mark.parametrize("width", [*range(1, 10), *WORD_EDGES])
@pytest.mark.parametrize("size", [3, 11, 61])
def test_elements_wider_than_the_image(width, size):
    rng = np.random.default_rng(width)
    for height in (1, 2, 5):
        mask = rng.random((height, width)) < 0.3
        np.testing.assert_array_equal(
            by_disk(morphology.dilate, mask, size), plain.dilate(mask, size // 2)
        )
        np.testing.assert_array_equal(
            by_disk(morphology.close, mask, size, 2), plain.close(mask, size, 2)
        )
        np.testing.assert_array_equal(
            by_disk(morphology.open_, ~mask, size, 2), plain.open_(~mask, size, 2)
        )


@pytest.mark.parametrize("size", [125, 127, 129, 131, 257])
def test_elements_wider_than_a_word(size):
    mask = np.zeros((3, 400), dtype=bool)
    mask[[0, 1, 2], [0, 150, 399]] = True
    y, x = np.mgrid[:3, :400]
    near = [(y - i) ** 2 + (x - j) ** 2 <= (size // 2) ** 2 for i, j in np.argwhere(mask)]
    np.testing.assert_array_equal(by_disk(morphology.dilate, mask, size), np.any(near, axis=0))


@pytest.mark.parametrize("shape", [(3, 3), (1, 9), (9, 1), (2, 5)])
def test_closing_and_opening_of_every_small_mask(shape):
    for mask in every_mask(*shape):
        for size, repeats in ((3, 1), (3, 2), (5, 1)):
            np.testing.assert_array_equal(
                by_disk(morphology.close, mask, size, repeats), plain.close(mask, size, repeats)
            )
            np.testing.assert_array_equal(
                by_disk(morphology.open_, mask, size, repeats), plain.open_(mask, size, repeats)
            )


@given(masks())
@examples(120)
def test_labels(mask):
    labels, number = label(mask)
    expected, expected_number = plain.label(mask)
    assert number == expected_number
    np.testing.assert_array_equal(labels, expected)


@given(masks(), st.integers(0, 70))
def test_removal_by_size(mask, limit):
    np.testing.assert_array_equal(
        on_mask(labelling.remove_by_size, mask, limit, mask.size), plain.remove_small(mask, limit)
    )
    np.testing.assert_array_equal(
        on_mask(labelling.remove_by_size, mask, 0, limit), plain.remove_large(mask, limit)
    )


@given(masks())
@examples(120)
def test_holes(mask):
    np.testing.assert_array_equal(fill_holes(mask), plain.fill_holes(mask))


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 9), (9, 1), (2, 5)])
def test_labels_and_holes_of_every_small_mask(shape):
    for mask in every_mask(*shape):
        labels, number = label(mask)
        expected, expected_number = plain.label(mask)
        assert number == expected_number
        assert np.array_equal(labels, expected), mask
        assert np.array_equal(fill_holes(mask), plain.fill_holes(mask)), mask


@pytest.mark.parametrize("kind", sorted(set(MASKS)))
def test_kernels_on_a_larger_mask(kind):
    mask = make_mask(kind, 211, 257, np.random.default_rng(1))
    np.testing.assert_array_equal(label(mask)[0], plain.label(mask)[0])
    np.testing.assert_array_equal(fill_holes(mask), plain.fill_holes(mask))
    np.testing.assert_array_equal(by_disk(morphology.close, mask, 7, 3), plain.close(mask, 7, 3))
    np.testing.assert_array_equal(by_disk(morphology.open_, mask, 7, 3), plain.open_(mask, 7, 3))


def test_more_objects_than_16_bits_count():
    mask = make_mask("checkerboard", 600, 600, np.random.default_rng(0))
    labels, number = label(mask)
    assert number == 180_000
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels[mask], np.arange(1, number + 1))
    assert not labels[~mask].any()


@pytest.mark.parametrize(("pixels", "dtype"), [(65_535, np.uint16), (65_536, np.uint32)])
def test_the_last_label_of_16_bits(pixels, dtype):
    mask = np.zeros((1, 2 * pixels), dtype=bool)
    mask[0, ::2] = True
    labels, number = label(mask)
    assert (number, labels.dtype, labels.max()) == (pixels, dtype, pixels)

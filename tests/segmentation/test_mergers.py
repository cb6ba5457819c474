"""Mergers of parts, against the plain version, on maps in which many borders score alike."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fovea.segmentation.phase.parts import merge
from support.reference import phase_parts


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 30),
    st.sampled_from([2, 5, 100]), st.booleans(), st.floats(-0.5, 1.5), st.floats(0, 60),
    st.sampled_from([0.0, 0.4]),
)  # fmt: skip
def test_as_the_plain_version(seed, height, width, parts, levels, lines, saddle, small, weight):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, parts + 1, (-(-height // 3), -(-width // 2)))
    labels = np.kron(coarse, np.ones((3, 2), int))[:height, :width].astype(np.int32)
    depth = (rng.integers(0, levels, labels.shape) / 8).astype(np.float32)
    ridge = rng.random(labels.shape) < 0.3
    if lines:
        ridge = rng.integers(-100, 300, labels.shape).astype(np.int16)
    ridge_weight = 0.004 if lines else 0.5
    found = merge(
        labels, depth, ridge, saddle=saddle, ridge_weight=ridge_weight, small=small,
        size_weight=weight, cell_area=20.0,
    )  # fmt: skip
    plain = phase_parts.merge(labels, depth, ridge, saddle, ridge_weight, small, weight, 20.0)
    np.testing.assert_array_equal(found, plain)


def test_a_row_of_parts_becomes_one():
    labels = np.repeat(np.arange(1, 3001, dtype=np.int32), 2)[None]
    depth = np.ones(labels.shape, np.float32)
    ridge = np.zeros(labels.shape, bool)
    options = {"ridge_weight": 0.0, "small": 0.0}
    assert (merge(labels, depth, ridge, saddle=0.9, **options) == 1).all()
    np.testing.assert_array_equal(merge(labels, depth, ridge, saddle=1.0, **options), labels)

"""Pixels that two frames of labels share, and labelled pixels in blocks, against plain numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fovea.kernels.boxes import overlapping_runs, pixels_of_blocks
from support.strategies import examples, label_stacks

kinds = st.sampled_from([np.uint8, np.uint16, np.uint32])


def plain_runs(a, b):
    """Keys and lengths of the runs, pixel by pixel."""
    runs = []
    for y in range(len(a)):
        last = None
        for one, other in zip(a[y].tolist(), b[y].tolist(), strict=True):
            pair = (one, other) if one and other else None
            if pair is not None and pair == last:
                runs[-1][1] += 1
            elif pair is not None:
                runs.append([(one << 32) | other, 1])
            last = pair
    return runs


@given(label_stacks(40, 2), st.data(), kinds, kinds)
@examples(150)
def test_runs_of_two_frames(stack, data, kind, other_kind):
    a, b = stack[0].astype(kind), stack[-1].astype(other_kind)
    # parts of frames, as after a jump of the stage: their rows do not follow each other in memory
    dy, dx = (data.draw(st.integers(0, n - 1)) for n in a.shape)
    height, width = (n - d for n, d in zip(a.shape, (dy, dx), strict=True))
    a, b = a[dy:, dx:], b[:height, :width]
    keys, lengths = overlapping_runs(a, b)
    assert (keys.dtype, lengths.dtype) == (np.uint64, np.int64)
    assert np.stack([keys, lengths.astype(np.uint64)], 1).tolist() == plain_runs(a, b)


def test_more_runs_than_there_is_room_for_at_first():
    a = np.ones((60, 101), np.uint16)
    b = (np.indices(a.shape).sum(0) % 2).astype(np.uint16)
    keys, lengths = overlapping_runs(a, b)
    assert np.stack([keys, lengths.astype(np.uint64)], 1).tolist() == plain_runs(a, b)
    assert len(keys) > 1024


@given(label_stacks(40, 1), st.integers(1, 9), kinds)
@examples(80)
def test_labelled_pixels_of_blocks(stack, block, kind):
    labels = stack[0].astype(kind)
    padded = np.pad(labels > 0, [(0, -n % block) for n in labels.shape])
    expected = padded.reshape(len(padded) // block, block, -1, block).sum(axis=(1, 3))
    np.testing.assert_array_equal(pixels_of_blocks(labels, block), expected)

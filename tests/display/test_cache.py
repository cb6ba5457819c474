"""Display levels against the plain reference, every grey value equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.display.cache import downsample_intensity, downsample_labels
from fovea.errors import FoveaError
from fovea.store.contrast import CountLimits, SmoothLimits, percentile_limits
from fovea.tracking.drift import compensate, read_drift
from support.reference import cache
from support.strategies import FRAMES, examples, frames, make_frame, make_mask, masks, seeds


def same(found, expected):
    """uint8, and equal in shape and every value."""
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def counts_of(stack):
    """How often each value of 16 bits occurs."""
    return np.bincount(stack.ravel(), minlength=1 << 16)


# Percentiles


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=400))
@examples(200)
def test_percentiles_of_few_values(values):
    stack = np.array(values, dtype=np.uint16)
    expected = cache.percentile_limits(stack)
    assert percentile_limits(counts_of(stack)) == expected
    assert tuple(np.percentile(stack, [1, 99])) == expected


@pytest.mark.parametrize("size", [*range(1, 12), 50, 51, 99, 100, 101, 102, 199, 200, 201, 1001])
def test_percentiles_where_the_rank_is_a_whole_number_or_nearly_so(size):
    rng = np.random.default_rng(size)
    for stack in (np.arange(size) * 65, rng.integers(0, 65536, size), np.full(size, 65535)):
        stack = stack.astype(np.uint16)
        assert percentile_limits(counts_of(stack)) == cache.percentile_limits(stack)


@given(frames(largest=64), st.integers(1, 4), seeds)
def test_percentiles_of_stacks(frame, length, seed):
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 3, (length, *frame.shape))
    stack = np.minimum(frame + noise, 65535).astype(np.uint16)
    expected = cache.percentile_limits(stack)
    assert percentile_limits(counts_of(stack)) == expected
    limits = CountLimits()
    for one in stack:
        limits.add(one)
    assert limits.limits() == expected


def test_percentiles_of_more_pixels_than_32_bits_count():
    # more values than an array can hold here, and ranks that only just fall on one side
    counts = np.zeros(1 << 16, dtype=np.int64)
    total = 10_000_000_001  # rank (total - 1) / 100 is the whole number 100,000,000
    for below, low in ((100_000_000, 200), (100_000_001, 10)):
        counts[[10, 200, 60000]] = below, total - below - 100_000_001, 100_000_001
        assert percentile_limits(counts) == (low, 60000)
        counts[60000] -= 1
        counts[200] += 1
        assert percentile_limits(counts) == (low, 200)


@given(frames(largest=40), seeds, st.sampled_from([1 / 8, 1, 4, 0]))
def test_percentiles_of_backgrounds(frame, seed, step):
    # backgrounds are multiples of a step, may overshoot 16 bits, and are counted frame by frame
    rng = np.random.default_rng(seed)
    unit = step or 1 / 64
    stack = np.stack([frame + unit * rng.integers(-80, 80, frame.shape) for _ in range(3)])
    stack = (np.rint(stack / unit) * unit + 1000 * rng.choice([-70, 0, 3])).astype(np.float32)
    limits = SmoothLimits(step)
    for one in stack:
        limits.add(one)
    np.testing.assert_allclose(
        limits.limits(), cache.percentile_limits(stack), rtol=1e-12, atol=1e-9
    )


# Intensities

# widths of 25 and 105 counts show whether v · 255 / width or v · (255 / width) is computed
LIMITS = ((0, 65535), (0, 255), (0, 25), (9, 114), (7, 7), (0.25, 51.25), (1000.5, 1003.1))


@st.composite
def limits(draw):
    """Pairs low <= high, often equal, often fractions."""
    low = draw(st.one_of(st.integers(0, 65535), st.floats(0, 65535)))
    width = draw(st.one_of(st.sampled_from([0, 1, 255, 510, 0.5]), st.floats(0.01, 65535)))
    return float(low), float(low) + float(width)


@given(frames(largest=24), st.one_of(st.none(), limits()), st.booleans())
@examples(150)
def test_intensities(frame, pair, background):
    low, high = cache.percentile_limits(frame) if pair is None else pair
    if background:
        frame = (frame / np.float32(8)).astype(np.float32) - np.float32(100)
    same(downsample_intensity(frame, low, high), cache.downsample_intensity(frame, low, high))


def test_every_count_between_every_kind_of_limit():
    # one column: each grey value is the mean of two equal pixels, nothing averages a mistake away
    frame = np.repeat(np.arange(65536, dtype=np.uint16), 2)[:, None]
    for low, high in LIMITS:
        y = np.clip((frame[::2] - np.float64(low)) * 255 / (high - low or 1), 0, 255)
        expected = np.where(frame[::2] <= low, 0, 255) if high == low else np.floor(y)
        same(downsample_intensity(frame, low, high), expected.astype(np.uint8))


@pytest.mark.parametrize("step", [1, 1 / 8])
@pytest.mark.parametrize(("low", "high"), [*LIMITS, (720, 1280), (720.37, 1280.11), (10, 900.0001)])
def test_levels_at_the_edge_of_rounding(low, high, step):
    # wide and full of levels that single precision alone cannot tell apart
    rng = np.random.default_rng(8)
    near = rng.integers(int(low) - 3, int(high) + 5, (60, 331)).clip(0, 65535)
    near[:, 100:200] = int(high)  # all but saturated
    near[20:, 200:] = rng.integers(0, 4, (40, 131)) * (int(high) - int(low)) // 3 + int(low)
    frame = near.astype(np.uint16) if step == 1 else (near * np.float32(step)).astype(np.float32)
    low, high = low * step, high * step
    same(downsample_intensity(frame, low, high), cache.downsample_intensity(frame, low, high))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 7), (7, 1), (3, 3), (2, 2), (5, 64)])
def test_odd_rows_and_columns_stand_for_themselves(shape):
    frame = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    found = downsample_intensity(frame, 0, 255)
    same(found, cache.downsample_intensity(frame, 0, 255))
    if shape[0] % 2 == shape[1] % 2 == 1:
        assert found[-1, -1] == frame[-1, -1]


@pytest.mark.parametrize("kind", sorted(set(FRAMES)))
def test_larger_frames(kind):
    rng = np.random.default_rng(3)
    frame = make_frame(kind, make_mask("blobs", 201, 257, rng), rng)
    low, high = percentile_limits(counts_of(frame))
    same(downsample_intensity(frame, low, high), cache.downsample_intensity(frame, low, high))


def test_a_constant_stack_is_black():
    for value in (0, 65535):
        frame = np.full((5, 6), value, dtype=np.uint16)
        low, high = percentile_limits(counts_of(frame))
        assert (low, high) == (value, value)
        assert not downsample_intensity(frame, low, high).any()


# Labels


@given(masks(largest=40), seeds, st.sampled_from([1, 2, 255, 256, 300, 65535, 100_000]))
def test_labels(mask, seed, top):
    dtype = np.uint16 if top <= 65535 else np.uint32
    labels = np.random.default_rng(seed).integers(1, top + 1, mask.shape)
    labels = (labels * mask).astype(dtype)
    for largest in (int(labels.max()), top):
        found = downsample_labels(labels, largest)
        same(found, cache.downsample_labels(labels, largest))
        assert np.array_equal(found > 0, labels[::2, ::2] > 0)


@pytest.mark.parametrize("largest", [1, 254, 255, 256, 65535, 65536, 20_000_000])
def test_every_label_of_16_bits(largest):
    labels = np.unique(np.linspace(0, largest, 70_000).astype(np.uint32))
    if largest <= 65535:
        labels = labels.astype(np.uint16)
    found = downsample_labels(np.repeat(labels, 2)[None], largest)[0]
    expected = [max(1, label * 255 // largest) if label else 0 for label in labels.tolist()]
    assert found.tolist() == expected
    assert found[-1] == 255


def test_no_labels_at_all():
    assert not downsample_labels(np.zeros((3, 5), dtype=np.uint16), 0).any()


# Drift


@given(
    st.integers(1, 9), st.integers(1, 9), st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    st.sampled_from([np.uint16, np.uint32, np.float32]),
)  # fmt: skip
@examples(150)
def test_frames_without_drift(height, width, shift, dtype):
    frame = (np.arange(height * width).reshape(height, width) + 1).astype(dtype)
    before = frame.copy()
    found = compensate(frame, np.array(shift))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, cache.compensate(before, shift))
    np.testing.assert_array_equal(frame, before)


def test_the_table_of_the_drift_must_fit(tmp_path):
    table = tmp_path / "drift.csv"
    table.write_text("fov,frame,shift_y,shift_x\n0,0,0,0\n0,1,-3,12\n")
    assert read_drift(table, 2).tolist() == [[0, 0], [-3, 12]]
    with pytest.raises(FoveaError, match="has 2 frames, the images have 3; delete it"):
        read_drift(table, 3)

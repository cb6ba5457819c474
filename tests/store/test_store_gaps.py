"""Arrays that lack frames: what was not recorded is not stored, and said."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fovea.store.reader import ArrayReader
from fovea.store.saturation import saturated_from
from fovea.store.writer import ArrayWriter

STACKS = hnp.arrays("uint16", hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))


@given(stack=STACKS, data=st.data(), beforehand=st.booleans())
def test_frames_are_left_out_and_named(stack, data, beforehand, tmp_path_factory):
    path = tmp_path_factory.mktemp("array") / "0"
    missing = data.draw(st.sets(st.integers(0, len(stack) - 1)))
    given = {"missing": missing} if beforehand else {}
    with ArrayWriter(path, stack.shape, stack.dtype, {"fovea": {"step": "x"}}, **given) as out:
        for t, frame in enumerate(stack):
            if t not in missing:
                out.append(frame)
            elif not beforehand:
                out.skip()
    here = [t for t in range(len(stack)) if t not in missing]
    expected = stack.copy()
    expected[sorted(missing)] = 0
    with ArrayReader(path) as frames:
        assert frames.missing == missing
        assert frames.present.tolist() == here
        assert len(frames) == len(stack)
        for frame, t in zip(frames.recorded(), here, strict=True):
            np.testing.assert_array_equal(frame, stack[t])
        np.testing.assert_array_equal(list(frames), expected)
        about = {"step": "x"} | ({"missing_frames": sorted(missing)} if missing else {})
        assert frames.attributes == {"fovea": about}
        for t in range(len(stack)) if here else ():
            assert abs(frames.nearest(t) - t) == min(abs(n - t) for n in here)
    np.testing.assert_array_equal(zarr.open_array(path, mode="r")[:], expected)


def test_a_missing_frame_takes_no_space(tmp_path):
    noise = np.random.default_rng(0).integers(0, 1 << 16, (10, 64, 64), np.uint16)
    sizes = []
    for name, missing in (("all", ()), ("few", range(1, 10))):
        with ArrayWriter(tmp_path / name, noise.shape, "uint16", missing=missing) as out:
            for t in sorted(set(range(10)) - set(missing)):
                out.append(noise[t])
        sizes.append((tmp_path / name / "c.0.0.0").stat().st_size)
    assert sizes[1] < sizes[0] / 8


def test_an_array_that_widens_keeps_its_gaps(tmp_path):
    small, large = np.full((2, 3), 7, np.uint16), np.full((2, 3), 70_000, np.uint32)
    with ArrayWriter(tmp_path / "0", (5, 2, 3), "uint16", missing=[0, 2]) as out:
        for frame in (small, large, small):
            out.append(frame)
    with ArrayReader(tmp_path / "0") as frames:
        assert frames.dtype == np.uint32
        np.testing.assert_array_equal(list(frames.recorded()), [small, large, small])
        assert frames.present.tolist() == [1, 3, 4]


def test_frames_that_are_neither_written_nor_skipped_are_a_mistake(tmp_path):
    out = ArrayWriter(tmp_path / "0", (4, 2, 2), "uint16", missing=[1])
    for _ in range(2):
        out.append(np.zeros((2, 2), np.uint16))
    with pytest.raises(ValueError, match="3 of 4 frames were written"):
        out.__exit__(None, None, None)


# ------------------------------------------------------------------------------------ saturation


def exposed(full: int, factor: float = 1.0, shift: int = 0) -> np.ndarray:
    """Counts of frames with noise and a bright cell, cut off at the camera's highest counts."""
    rng = np.random.default_rng(5)
    light = np.full((6, 60, 60), 0.05 * full)
    light[:, 20:40, 20:40] = factor * full
    counts = np.clip(np.rint(light + np.sqrt(light) * rng.standard_normal(light.shape)), 0, full)
    return np.bincount(counts.astype(np.int64).ravel() << shift, minlength=1 << 16)


@pytest.mark.parametrize("bits", [8, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_cameras_saturate_at_the_end_of_their_range(bits, factor):
    assert saturated_from(exposed((1 << bits) - 1, factor)) == (1 << bits) - 1


def test_counts_that_were_shifted_to_the_left():
    assert saturated_from(exposed(4095, shift=4)) == 65520
    assert saturated_from(exposed(16383, shift=2)) == 65532


def test_a_pile_up_anywhere_is_saturation():
    """As of a camera whose offset was subtracted, or whose wells are full before the converter."""
    assert saturated_from(exposed(3871)) == 3871


@pytest.mark.parametrize("full", [255, 1023, 3871, 4095, 16383])
def test_bright_cells_below_the_end_are_not_saturated(full):
    assert saturated_from(exposed(full, 0.7)) == 0


def test_one_pixel_counts_where_the_range_is_known():
    counts = exposed(4095, 0.7)
    counts[4095] = 1
    assert saturated_from(counts) == 0
    assert saturated_from(counts, bits=12) == 4095
    assert saturated_from(counts, bits=16) == 0
    counts[65535] = 1
    assert saturated_from(counts) == 65535
    small = np.bincount([3, 200, 255], minlength=1 << 16)
    assert saturated_from(small, "uint8") == 255
    assert saturated_from(small) == 0


def test_drawn_images_have_no_noise_that_could_tell():
    """Areas of one value each look like a pile-up and are none."""
    assert saturated_from(np.bincount([100] * 900 + [1000] * 400, minlength=1 << 16)) == 0
    assert saturated_from(np.zeros(1 << 16, np.int64)) == 0
    assert saturated_from(np.bincount([0] * 50, minlength=1 << 16)) == 0

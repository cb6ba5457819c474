"""Background against the plain reference: tile values and spline within rounding."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fovea.background.methods import estimate_background
from fovea.background.spline_grid import cover
from fovea.background.tiles import TileGrid
from support.reference import background, morphology
from support.strategies import FRAMES, examples, make_frame, masks, seeds

tilings = st.fixed_dictionaries(
    {
        "tile_size": st.sampled_from([1, 2, 3, 5, 8, 13, 32, 100]),
        "tile_overlap": st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9]),
    }
)
radii = st.sampled_from([0, 1, 2, 5, 10])


def evaluate(values, shape, window=None, **tiling):
    """Background from its tile values, of the whole frame or of a window."""
    grid = TileGrid(shape, **tiling)
    return grid.evaluate(grid.coefficients(values), window)


def check_surface(found, exact, rounding_error=0.0625):
    """float32, on the grid of the rounding, and within half a step of the unrounded surface."""
    assert found.shape == exact.shape
    assert found.dtype == np.float32
    step = background.rounding_step(rounding_error)
    # float32 has 24 bits: only surfaces far outside of 16 bits lose more than the rounding
    tolerance = step / 2 + 1e-3 + np.abs(exact).max() * 2.0**-23
    assert np.abs(found - exact).max() <= tolerance
    if step:
        steps = found.astype(np.float64) / step
        assert np.array_equal(steps, np.rint(steps))


def check(frame, foreground, dilation_radius=10, **tiling):
    """Compare everything that one frame gives; returns the surface."""
    exact, values = background.estimate_background(frame, foreground, dilation_radius, **tiling)
    found, found_values = estimate_background(
        frame, foreground, dilation_radius=dilation_radius, **tiling
    )
    assert found_values.dtype == np.float64
    assert found_values.shape == values.shape
    np.testing.assert_allclose(found_values, values, rtol=1e-12)
    check_surface(found, exact)
    return found


@given(masks(), st.sampled_from(FRAMES), seeds, radii, tilings)
@examples(200)
def test_background(foreground, kind, seed, radius, tiling):
    rng = np.random.default_rng(seed)
    # the reference takes one median after the other
    assume(foreground.size / tiling["tile_size"] ** 2 / (1 - tiling["tile_overlap"]) ** 2 < 3000)
    check(make_frame(kind, foreground, rng), foreground, radius, **tiling)


@pytest.mark.parametrize("tile_size", [2, 3, 5, 8, 13, 32, 45, 100])
@pytest.mark.parametrize("tile_overlap", [0.0, 0.25, 0.5, 0.75, 0.9])
def test_every_tiling(tile_size, tile_overlap):
    rng = np.random.default_rng(tile_size)
    frame = rng.integers(0, 65536, (45, 70)).astype(np.uint16)
    covered = rng.random(frame.shape) < 0.02
    check(frame, covered, 2, tile_size=tile_size, tile_overlap=tile_overlap)


@pytest.mark.parametrize("shape", [(203, 257), (300, 212)])
@pytest.mark.parametrize("covered", [0.0, 0.2, 0.6])
def test_uneven_illumination_with_cells(shape, covered):
    rng = np.random.default_rng(shape[0])
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = 900 + 500 * np.exp(-((y - 90) ** 2 + (x - 150) ** 2) / 2e4)
    cells = np.zeros(shape, dtype=np.uint16)
    while np.mean(cells > 0) < covered:
        v, u = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        cells[np.hypot(y - v, x - u) < 9] = cells.max() + 1
    frame = rng.poisson(light + 2000 * (cells > 0)).astype(np.uint16)
    found = check(frame, cells, 4, tile_size=50, tile_overlap=0.5)
    check(frame, cells, 4)
    if covered < 0.5:
        inner = np.s_[25:-25, 25:-25]
        assert np.median(np.abs(found - light)[inner] / light[inner]) < 0.01


def test_foreground_as_mask_as_labels_and_as_nothing():
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 5000, (70, 131)).astype(np.uint16)
    mask = morphology.dilate(rng.random(frame.shape) < 0.003, 3)
    as_mask, _ = estimate_background(frame, mask, tile_size=20)
    for labels in (mask.astype(np.uint16) * 65535, mask.astype(np.uint32) * 65536):
        as_labels, _ = estimate_background(frame, labels, tile_size=20)
        np.testing.assert_array_equal(as_labels, as_mask)
    without = check(frame, None, tile_size=20)
    empty, _ = estimate_background(frame, np.zeros_like(mask), tile_size=20)
    np.testing.assert_array_equal(without, empty)
    assert not np.array_equal(as_mask, without)


@pytest.mark.parametrize("value", [0, 1, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (99, 101), (130, 64)])
def test_a_constant_frame_is_its_own_background(shape, value):
    frame = np.full(shape, value, dtype=np.uint16)
    for tile_size, overlap in ((100, 0.5), (10, 0.0), (7, 0.75)):
        found = check(frame, None, tile_size=tile_size, tile_overlap=overlap)
        np.testing.assert_array_equal(found, np.full(shape, value, dtype=np.float32))


def test_steep_steps_between_tiles():
    # every tile at an extreme: the spline overshoots both ends of 16 bits
    y, x = np.mgrid[:90, :131]
    frame = np.where((y // 10 + x // 10) % 2, 65535, 0).astype(np.uint16)
    found = check(frame, None, 0, tile_size=10, tile_overlap=0.0)
    assert found.min() < 0
    assert found.max() > 65535


@pytest.mark.parametrize("tiles", list(itertools.product([1, 2, 3, 4, 5], repeat=2)))
def test_every_degree_of_the_spline(tiles):
    rng = np.random.default_rng(tiles)
    shape = tuple(8 * number + 3 * (number > 1) for number in tiles)
    frame = rng.integers(0, 60000, shape).astype(np.uint16)
    check(frame, None, tile_size=8, tile_overlap=0.0)


def test_without_rounding_and_with_other_roundings():
    rng = np.random.default_rng(9)
    frame = rng.integers(900, 1100, (150, 170)).astype(np.uint16)
    exact, _ = background.estimate_background(frame, None, 10, 40, 0.5)
    for error in (0, 0.01, 0.0625, 0.1, 1, 3):
        found, _ = estimate_background(frame, None, tile_size=40, rounding_error=error)
        check_surface(found, exact, error)


# Tiles with few pixels or none


@pytest.mark.parametrize("height", range(1, 13))
def test_exactly_a_tenth_of_a_tile_is_enough(height):
    # the left of two tiles of height x 20 has some 2 x height pixels, all of them 0, the right all
    frame = np.zeros((height, 40), dtype=np.uint16)
    frame[:, 20:] = 1000
    for left, value in ((2 * height - 1, 1000), (2 * height, 0), (2 * height + 1, 0)):
        covered = np.zeros((height, 40), dtype=bool)
        covered[:, :20] = np.arange(20 * height).reshape(height, 20) >= left
        _, values = estimate_background(
            frame, covered, dilation_radius=0, tile_size=20, tile_overlap=0.0
        )
        assert values.tolist() == [[value, 1000]]
        check(frame, covered, 0, tile_size=20, tile_overlap=0.0)


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_any_pixel_counts_where_no_tile_has_enough(pixels):
    frame = np.arange(3000, dtype=np.uint16).reshape(50, 60)
    covered = np.ones((50, 60), dtype=bool)
    covered.reshape(-1)[[777, 1234, 2998][:pixels]] = False
    check(frame, covered, 0, tile_size=20, tile_overlap=0.5)


def test_a_frame_full_of_cells_is_measured_as_a_whole():
    rng = np.random.default_rng(6)
    frame = rng.integers(0, 900, (60, 70)).astype(np.uint16)
    full = np.ones((60, 70), dtype=bool)
    found = check(frame, full, tile_size=20)
    np.testing.assert_array_equal(found, check(frame, None, tile_size=20))
    # the step warns when it is told that the mask was of no use
    grid = TileGrid(frame.shape, tile_size=20)
    for mask, usable in ((full, False), (np.eye(60, 70) == 0, True), (None, True)):
        assert grid.values(frame, cover(mask, frame.shape, 0))[1] is usable


def test_tiles_without_a_value_are_filled_from_their_neighbours():
    rng = np.random.default_rng(11)
    frame = rng.integers(0, 60000, (120, 130)).astype(np.uint16)
    covered = np.zeros((120, 130), dtype=bool)
    covered[10:110, 5:120] = True  # far too large for one round
    covered[55:60, 60:66] = False
    for overlap in (0.0, 0.5):
        check(frame, covered, 0, tile_size=10, tile_overlap=overlap)


# Windows


@given(
    seeds,
    st.sampled_from([(1, 1), (1, 90), (90, 1), (57, 64), (64, 57), (130, 129)]),
    tilings,
    st.sampled_from([0, 0.0625]),
)
def test_windows_equal_the_same_part_of_the_whole(seed, shape, tiling, error):
    rng = np.random.default_rng(seed)
    starts = [background.tile_starts(length, **tiling)[0] for length in shape]
    values = rng.uniform(0, 65535, (len(starts[0]), len(starts[1])))
    whole = evaluate(values, shape, **tiling, rounding_error=error)
    check_surface(whole, background.evaluate(values, shape, **tiling), error)
    for _ in range(8):
        y0, x0 = (int(rng.integers(length)) for length in shape)
        y1 = int(rng.integers(y0 + 1, shape[0] + 1))
        x1 = int(rng.integers(x0 + 1, shape[1] + 1))
        part = evaluate(values, shape, **tiling, rounding_error=error, window=(y0, x0, y1, x1))
        assert part.dtype == np.float32
        np.testing.assert_array_equal(part, whole[y0:y1, x0:x1])


def test_the_background_follows_from_its_tile_values():
    rng = np.random.default_rng(12)
    frame = rng.poisson(800, (210, 333)).astype(np.uint16)
    found, values = estimate_background(frame, None)
    np.testing.assert_array_equal(evaluate(values, frame.shape), found)
    pixel = evaluate(values, frame.shape, window=(209, 332, 210, 333))
    assert pixel.tolist() == [[found[-1, -1]]]


def test_a_frame_is_read_only_and_in_any_memory_order():
    rng = np.random.default_rng(13)
    frame = rng.poisson(800, (75, 131)).astype(np.uint16)
    mask = morphology.dilate(rng.random(frame.shape) < 0.003, 2)
    expected, _ = estimate_background(frame, mask, tile_size=20)
    for change in (np.asfortranarray, lambda array: np.repeat(array, 2, axis=1)[:, ::2]):
        view, cells = change(frame), change(mask)
        view.setflags(write=False)
        cells.setflags(write=False)
        found, _ = estimate_background(view, cells, tile_size=20)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "window", [(0, 0, 400, 400), (-1, 0, 5, 5), (0, -1, 5, 5), (290, 290, 301, 301), (5, 0, 4, 9)]
)
def test_a_window_beyond_the_frame_is_refused(window):
    with pytest.raises(ValueError, match="is not within a frame"):
        evaluate(np.ones((5, 5)), (300, 300), window=window)


def test_tile_values_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected tile values of shape \(5, 5\), got \(2, 2\)"):
        evaluate(np.ones((2, 2)), (300, 300))

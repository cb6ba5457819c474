"""Method local_surface against the plain reference, and what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.background.methods import estimate_background
from fovea.background.spline_grid import cover
from fovea.background.surfaces import SurfaceGrid
from fovea.kernels.moments import free_moments
from fovea.kernels.tiles import block_levels
from support.reference import morphology, surfaces
from support.strategies import FRAMES, examples, make_frame, masks, seeds

tile_sizes = st.sampled_from([1, 2, 3, 5, 8, 13, 32, 100])
radii = st.sampled_from([0, 1, 2, 5, 10])


def check(frame, foreground, radius=10, tile_size=100):
    """Compare everything that one frame gives; returns the surface."""
    exact, values = surfaces.estimate_background(frame, foreground, radius, tile_size)
    found, found_values = estimate_background(
        frame, foreground, method="local_surface", dilation_radius=radius, tile_size=tile_size
    )
    assert found_values.dtype == np.float64
    assert found_values.shape == values.shape
    np.testing.assert_allclose(found_values, values, rtol=1e-9, atol=1e-6)
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() <= 1 / 16 + 1e-3 + np.abs(exact).max() * 2.0**-23
    steps = found.astype(np.float64) * 8
    assert np.array_equal(steps, np.rint(steps))
    return found


@given(masks(), st.sampled_from(FRAMES), seeds, radii, tile_sizes)
@examples(60)
def test_local_surface(foreground, kind, seed, radius, tile_size):
    tile_size = max(tile_size, int(np.sqrt(foreground.size) / 4))  # the reference is slow
    check(make_frame(kind, foreground, np.random.default_rng(seed)), foreground, radius, tile_size)


@given(masks(), st.sampled_from(FRAMES), seeds, st.integers(1, 300), st.integers(0, 65535),
       st.integers(3, 4096))  # fmt: skip
@examples(200)
def test_levels_and_moments_of_blocks(covered, kind, seed, tile_size, base, bins):
    """Of any blocks, wherever the bins lie: those affect the speed only."""
    frame = make_frame(kind, covered, np.random.default_rng(seed))
    edges = [np.array(surfaces.borders(n, tile_size)) for n in frame.shape]
    packed = cover(covered, frame.shape, 0)
    levels, pixels = surfaces.block_values(frame, covered, edges)
    numbers = free_moments(packed, *edges)[..., 0].copy()
    found = block_levels(frame, packed, *edges, numbers, base, bins)
    np.testing.assert_array_equal(found, levels)
    exact = [[surfaces.terms(*p.astype(np.int64)).sum(axis=1) for p in row] for row in pixels]
    np.testing.assert_array_equal(free_moments(packed, *edges), exact)


@pytest.mark.parametrize("value", [0, 1, 65535])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 7), (99, 101), (130, 64)])
def test_a_constant_frame_is_its_own_background(shape, value):
    frame = np.full(shape, value, dtype=np.uint16)
    for tile_size in (100, 30):
        found = check(frame, None, tile_size=tile_size)
        np.testing.assert_array_equal(found, np.full(shape, value, dtype=np.float32))


def uneven(shape, level=3000.0, tilt=(0.1, -0.08), bulge=0.09):
    """A quadratic background (H, W), counts."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return level * (1 + tilt[0] * y[:, None] + tilt[1] * x - bulge * (y[:, None] ** 2 + x**2))


def cells(shape, share, rng, radius=14):
    """A mask of disks that covers a share of the frame."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    while mask.mean() < share:
        cy, cx = rng.uniform(0, 1, 2) * shape
        mask |= np.hypot(y - cy, x - cx) < radius
    return mask


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.75])
def test_a_quadratic_background_is_found_wherever_cells_are(share):
    """As well below the cells as beside them, although its pixels have a noise of 55 counts."""
    shape, rng = (300, 340), np.random.default_rng(int(100 * share))
    light, mask = uneven(shape), cells((300, 340), share, rng)
    frame = rng.poisson(light + 5000 * mask).astype(np.uint16)
    found, _ = estimate_background(frame, mask, method="local_surface", dilation_radius=2)
    error = found - light
    where = mask if share else ~mask
    old, _ = estimate_background(frame, mask, method="tile_median", dilation_radius=2)
    new, was = (np.sqrt(((b - light)[where] ** 2).mean()) for b in (found, old))
    assert abs(error[where].mean()) < 1.5
    assert new < 0.3 * was


def test_what_was_not_found_counts_little():
    """Bright spots that no mask covers, smaller and larger than a block."""
    shape, rng = (400, 400), np.random.default_rng(5)
    light = uneven(shape, 500.0, (0.1, 0.1), 0.1)
    y, x = np.mgrid[:400, :400]
    for radius, places in ((14, [(60, 70), (200, 200), (390, 200)]), (45, [(100, 300), (330, 60)])):
        spots = np.zeros(shape, bool)
        for cy, cx in places:
            spots |= np.hypot(y - cy, x - cx) < radius
        frame = rng.poisson(light + 3000 * spots).astype(np.uint16)
        clean, _ = estimate_background(rng.poisson(light).astype(np.uint16), None,
                                       method="local_surface")  # fmt: skip
        found, _ = estimate_background(frame, None, method="local_surface")
        old, _ = estimate_background(frame, None)
        assert np.abs(clean - light).max() < 3
        worst, worst_old = np.abs(found - light).max(), np.abs(old - light).max()
        assert worst < max(12, 0.5 * worst_old)


def test_beams_and_edges_that_are_no_parabola():
    shape = (500, 600)
    y, x = np.mgrid[: shape[0], : shape[1]]
    beam = 300 + 900 * np.exp(-((y - 200) ** 2 + (x - 330) ** 2) / (2 * 150**2))
    rng = np.random.default_rng(8)
    mask = cells(shape, 0.15, rng)
    frame = rng.poisson(beam + 2000 * mask).astype(np.uint16)
    found, _ = estimate_background(frame, mask, method="local_surface")
    old, _ = estimate_background(frame, mask)
    new, was = ((b - beam)[mask] for b in (found, old))
    assert abs(new.mean()) < 1.5  # of 300 to 1200 counts with a noise of 17 to 35
    assert abs(new.mean()) < 0.25 * abs(was.mean())
    assert np.sqrt((new**2).mean()) < 0.25 * np.sqrt((was**2).mean())


def test_a_frame_full_of_cells_is_measured_as_a_whole():
    rng = np.random.default_rng(6)
    frame = rng.integers(0, 900, (60, 70)).astype(np.uint16)
    full = np.ones((60, 70), dtype=bool)
    found = check(frame, full, tile_size=20)
    np.testing.assert_array_equal(found, check(frame, None, tile_size=20))
    grid = SurfaceGrid(frame.shape, tile_size=20)
    for mask, usable in ((full, False), (np.eye(60, 70) == 0, True), (None, True)):
        assert grid.values(frame, cover(mask, frame.shape, 0))[1] is usable


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_any_pixel_counts_where_no_window_has_enough(pixels):
    frame = np.arange(30000, dtype=np.uint16).reshape(150, 200)
    covered = np.ones((150, 200), dtype=bool)
    covered.reshape(-1)[[7777, 12340, 29980][:pixels]] = False
    check(frame, covered, 0, tile_size=20)


def test_windows_equal_the_same_part_of_the_whole():
    rng = np.random.default_rng(9)
    frame = rng.poisson(800, (210, 333)).astype(np.uint16)
    mask = morphology.dilate(rng.random(frame.shape) < 0.001, 3)
    grid = SurfaceGrid(frame.shape, tile_size=40)
    coefficients = grid.coefficients(grid.values(frame, cover(mask, frame.shape, 3))[0])
    whole = grid.evaluate(coefficients)
    for window in ((0, 0, 1, 1), (209, 332, 210, 333), (17, 40, 130, 41), (50, 3, 90, 300)):
        y0, x0, y1, x1 = window
        np.testing.assert_array_equal(grid.evaluate(coefficients, window), whole[y0:y1, x0:x1])


def test_a_frame_is_read_only_and_in_any_memory_order():
    rng = np.random.default_rng(13)
    frame = rng.poisson(800, (75, 131)).astype(np.uint16)
    mask = morphology.dilate(rng.random(frame.shape) < 0.003, 2)
    expected, _ = estimate_background(frame, mask, method="local_surface", tile_size=20)
    view, labels = np.asfortranarray(frame), np.asfortranarray(mask)
    view.setflags(write=False)
    labels.setflags(write=False)
    found, _ = estimate_background(view, labels, method="local_surface", tile_size=20)
    np.testing.assert_array_equal(found, expected)

"""Mode `dark` on cells of many kinds with one set of numbers, and on frames that hold none."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from fovea.config.phase_tuning import Dark
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.segmentation.phase.dark import dark_pixels, label_dark
from fovea.segmentation.phase.dark_objects import clear_objects, compactness
from fovea.segmentation.phase.segment_phase import flatten, segment_phase, tuned
from support import drawn_cells
from support.reference import phase, phase_dark

KINDS = {
    "dense colony": (lambda: drawn_cells.colony(1), 0.85, 0.95),
    "dense colony of small rods": (lambda: drawn_cells.colony(2, width=8), 0.85, 0.95),
    "sparse bent rods": (lambda: drawn_cells.sparse(1), 0.88, 0.93),
    "packed yeast": (lambda: drawn_cells.yeast(1), 0.88, 0.95),
    "small packed yeast": (lambda: drawn_cells.yeast(2, diameter=20), 0.9, 0.95),
}


@cache
def drawn(kind):
    frame, labels = KINDS[kind][0]()
    return frame, labels.astype(np.uint32), drawn_cells.diameter_of(labels)


def scores(labels, found):
    result = segmentation_scores([match_frame(labels, found.astype(np.uint32))])
    return result["SEG"], result["F1"]


def grain_of(frame):
    """Spread of the grain in the quietest parts of a frame."""
    rough = frame - ndimage.gaussian_filter(frame.astype(float), 6)
    return float(np.sqrt(np.percentile(ndimage.uniform_filter(rough**2, 15), 15)))


def changed(kind, frame):
    """The frame as another microscope might have recorded it."""
    rng = np.random.default_rng(5)
    values = frame.astype(float)
    mottle = ndimage.gaussian_filter(rng.normal(size=frame.shape), 1.2)
    mottle *= grain_of(frame) / mottle.std()
    if kind == "twice the grain":
        values += np.sqrt(3) * mottle
    elif kind == "half the contrast":
        middle = np.median(values)
        values = middle + (values - middle) / 2 + np.sqrt(0.75) * mottle
    elif kind == "blurred":
        values = ndimage.gaussian_filter(values, 1)
    elif kind == "uneven light":
        y, x = np.mgrid[-0.5 : 0.5 : frame.shape[0] * 1j, -0.5 : 0.5 : frame.shape[1] * 1j]
        values *= 1 + 0.3 * x - 0.4 * y**2
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_many_kinds(kind):
    frame, labels, diameter = drawn(kind)
    _, least_seg, least_f1 = KINDS[kind]
    seg, f1 = scores(labels, segment_phase(frame, cell_diameter=diameter, mode="dark"))
    assert seg > least_seg
    assert f1 > least_f1


@pytest.mark.parametrize("change", ["twice the grain", "half the contrast", "blurred",
                                    "uneven light"])  # fmt: skip
@pytest.mark.parametrize("kind", ["dense colony", "packed yeast"])
def test_images_of_another_quality(kind, change):
    frame, labels, diameter = drawn(kind)
    usual = scores(labels, segment_phase(frame, cell_diameter=diameter, mode="dark"))
    frame = changed(change, frame)
    found = scores(labels, segment_phase(frame, cell_diameter=diameter, mode="dark"))
    assert found[0] > usual[0] - 0.06
    assert found[1] > usual[1] - 0.06


@pytest.mark.parametrize("factor", [0.8, 1.25])
@pytest.mark.parametrize("kind", ["dense colony", "packed yeast"])
def test_a_wrong_diameter_costs_little(kind, factor):
    frame, labels, diameter = drawn(kind)
    usual = scores(labels, segment_phase(frame, cell_diameter=diameter, mode="dark"))
    found = scores(labels, segment_phase(frame, cell_diameter=factor * diameter, mode="dark"))
    assert found[0] > usual[0] - 0.1
    assert found[1] > usual[1] - 0.12


def test_bright_cells_with_dark_rims():
    frame, labels = drawn_cells.yeast(3, diameter=20, bright=True)
    diameter = drawn_cells.diameter_of(labels)
    options = {"cell_diameter": diameter, "mode": "dark", "contrast": "bright"}
    seg, f1 = scores(labels, segment_phase(frame, **options))
    assert seg > 0.5
    assert f1 > 0.85
    wider, _ = scores(labels, segment_phase(frame, tuning={"expand": 0.06}, **options))
    assert wider > seg + 0.05
    inverted = segment_phase(~frame, cell_diameter=diameter, mode="dark")
    np.testing.assert_array_equal(inverted, segment_phase(frame, **options))


@pytest.mark.parametrize("kind", ["dense colony of small rods", "packed yeast",
                                  "small packed yeast"])  # fmt: skip
def test_cells_that_touch_are_as_wide_as_free_ones(kind):
    frame, labels, diameter = drawn(kind)
    options = {"cell_diameter": diameter, "mode": "dark"}
    narrow, _ = scores(labels, segment_phase(frame, tuning={"gap": 0.0}, **options))
    filled, _ = scores(labels, segment_phase(frame, **options))
    assert filled > narrow + 0.01


@pytest.mark.parametrize(("sigma", "gap", "filled"), [
    (0.6, 2, True), (0.6, 6, False), (0.6, 10, False), (1.5, 3, True), (1.5, 6, False),
    (3, 4, True), (3, 8, False),
])  # fmt: skip
def test_only_gaps_that_are_not_seen_clearly_are_filled(sigma, gap, filled):
    """Two rods, 14 pixels wide, lie side by side in an image blurred by `sigma`."""
    body = np.zeros((120, 120))
    body[40:54, 30:90] = body[54 + gap : 68 + gap, 30:90] = 1
    noise = np.random.default_rng(0).normal(0, 20, body.shape)
    frame = 5000 - 2000 * ndimage.gaussian_filter(body, sigma) + noise
    options = {"frame": frame.astype(np.uint16), "cell_diameter": 32.0, "mode": "dark"}
    found, narrow = segment_phase(**options), segment_phase(tuning={"gap": 0.0}, **options)
    assert found.max() == narrow.max() == 2
    between = slice(54, 54 + gap), slice(40, 80)
    share, before = (found[between] > 0).mean(), (narrow[between] > 0).mean()
    assert before < 0.6
    assert share > 0.9 if filled else share < 0.3
    beside = np.r_[:50, 58 + gap : 120]  # what lies free stays as it is
    np.testing.assert_array_equal(found[beside], narrow[beside])


@pytest.mark.parametrize("sigma", [0.6, 1.5, 3])
def test_outlines_of_free_cells_lie_where_brightness_is_half_way(sigma):
    y, x = np.mgrid[:120, :120] - 60.0
    body = (np.abs(x) < 30) & (np.abs(y) < 9)
    noise = np.random.default_rng(0).normal(0, 20, body.shape)
    frame = 5000 - 2000 * ndimage.gaussian_filter(body.astype(float), sigma) + noise
    found = segment_phase(frame.astype(np.uint16), cell_diameter=36.0, mode="dark")
    assert found.max() == 1
    assert (found > 0)[:, 40:80].sum() == pytest.approx(body[:, 40:80].sum(), rel=0.09)


@pytest.mark.parametrize("pitch", [19.5, 20, 20.5])
@pytest.mark.parametrize("diameter", [16, 18, 20])
def test_a_frame_full_of_cells_is_not_taken_for_noise(pitch, diameter):
    """Between disks of 20 pixels in rows lie gaps only, some far brighter than others."""
    y, x = np.mgrid[7:307, :300].astype(float)
    step = pitch * np.sqrt(0.75)
    rows = np.round(y / step)
    far = np.hypot(y - rows * step, (x + (rows % 2 + 1) * pitch / 2) % pitch - pitch / 2)
    noise = np.random.default_rng(0).normal(0, 30, far.shape)
    frame = 5000 - 2000 * ndimage.gaussian_filter((far < 10).astype(float), 1) + noise
    found = segment_phase(frame.astype(np.uint16), cell_diameter=diameter, mode="dark")
    whole = (300 / pitch - 1) * (300 / step - 1)
    assert whole < found.max() < 1.5 * whole


@pytest.mark.parametrize("sigma", [0, 1, 2])
@pytest.mark.parametrize("diameter", [12, 20, 40])
def test_noise_and_uneven_light_hold_no_cells(sigma, diameter):
    rng = np.random.default_rng(sigma)
    y, x = np.mgrid[:300, :300] / 300
    for light in (0, 800):
        noise = ndimage.gaussian_filter(rng.normal(size=(300, 300)), sigma)
        frame = 3000 + light * (x - y * y) + 100 * noise / noise.std()
        found = segment_phase(frame.astype(np.uint16), cell_diameter=diameter, mode="dark")
        assert not found.any()


@pytest.mark.parametrize("kind", ["dense colony of small rods", "sparse bent rods",
                                  "small packed yeast"])  # fmt: skip
def test_drawn_cells_are_segmented_as_by_the_plain_version(kind):
    frame, _, diameter = drawn(kind)
    frame = np.ascontiguousarray(frame[40:240, 30:220])
    for options in ({}, {"line_weight": 1.0, "saddle": 0.7, "expand": 0.06, "max_hole": 0.3}):
        values = tuned("dark", options)
        found = segment_phase(frame, cell_diameter=diameter, mode="dark", tuning=options)
        assert found.max() > 5
        np.testing.assert_array_equal(found, phase_dark.segment_dark(frame, diameter, values))


def test_only_valid_pixels_count():
    frame, _, diameter = drawn("packed yeast")
    flat = flatten(frame, diameter)
    whole = label_dark(flat, diameter, Dark(), np.ones(flat.shape, bool))
    np.testing.assert_array_equal(whole, label_dark(flat, diameter, Dark()))
    # nine tenths of an image of noise are filled up with one level, as padding is
    noise = np.random.default_rng(0).normal(0, 50, (220, 220)).astype(np.float32)
    padded = np.pad(noise, ((0, 480), (0, 480)))
    valid = np.zeros(padded.shape, bool)
    valid[:220, :220] = True
    assert not label_dark(padded, diameter, Dark(), valid)[:200, :200].any()
    image = phase.gaussian(padded, 0.045 * diameter)
    strict = Dark(floor=1.3)
    masks = [dark_pixels(image, diameter, strict, v)[0] for v in (valid, None)]
    assert np.count_nonzero(masks[0]) < np.count_nonzero(masks[1])
    labels = label_dark(np.pad(flat, ((0, 300), (0, 300)), "edge"), diameter, Dark())
    image = phase.gaussian(np.pad(flat, ((0, 300), (0, 300)), "edge"), 0.045 * diameter)
    valid = np.zeros(image.shape, bool)
    valid[: flat.shape[0], : flat.shape[1]] = True
    plain = phase_dark.clear_objects(labels, image, diameter, Dark(), valid)
    count = int(labels.max())
    fast = clear_objects(labels, count, image, diameter, Dark(), valid)
    np.testing.assert_array_equal(np.flatnonzero(fast), plain)


def test_bent_cells_are_found():
    """Arcs of half a circle are as dark as straight rods, but far less compact."""
    y, x = np.mgrid[:300, :300].astype(float)
    labels = np.zeros((300, 300), np.uint8)
    for n, (row, column) in enumerate([(70, 70), (70, 220), (220, 70)], 1):
        r = np.hypot(y - row, x - column)
        labels[(abs(r - 30) < 5.5) & (y > row - 5)] = n
    labels[(abs(y - 200) < 5.5) & (abs(x - 200) < 20)] = 4
    noise = np.random.default_rng(0).normal(0, 40, labels.shape)
    frame = 3000 - ndimage.gaussian_filter(1500.0 * (labels > 0), 1) + noise
    found = segment_phase(frame.astype(np.uint16), cell_diameter=22, mode="dark")
    bodies = {1: (100, 70), 2: (100, 220), 3: (250, 70), 4: (200, 195)}
    assert len({found[place] for place in bodies.values()} - {0}) == 4
    flat = segment_phase(frame.astype(np.uint16), cell_diameter=22, mode="dark",
                         tuning={"bent": 0.7})  # fmt: skip
    assert [n for n, place in bodies.items() if flat[place]] == [4]


def test_compactness_of_known_shapes():
    y, x = np.mgrid[:61, :61] - 30
    shapes = {
        "disk": (np.hypot(y, x) < 20, 1.0),
        "rectangle": ((abs(y) < 25) & (abs(x) < 8), 3 / np.pi),
        "ring": ((np.hypot(y, x) < 25) & (np.hypot(y, x) > 18), 0.32),
    }
    for mask, expected in shapes.values():
        v, u = np.nonzero(mask)
        moments = np.array([[v.sum(), u.sum(), (v * v).sum(), (u * u).sum(), (v * u).sum()]])
        found = compactness(np.array([mask.sum()]), moments)[0]
        assert found == pytest.approx(expected, abs=0.02)
        assert found == pytest.approx(phase_dark.compactness(mask), rel=1e-9)

"""The simulator: its model, its images and their truth."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.integrate import solve_ivp

from fovea.fits.models.formulas import maturation
from fovea.simulation.cells import Behaviour
from fovea.simulation.field import Field, simulate_fov
from fovea.simulation.kinetics import SAMPLES


@pytest.fixture(scope="module")
def calm():
    return simulate_fov(3, frames=20, height=320, width=400, cells=12)


@pytest.fixture(scope="module")
def crowded():
    return simulate_fov(3, frames=40, height=512, width=512, cells=25, crowded=True)


# The model.


@pytest.mark.parametrize(
    ("delta", "beta", "km"),
    [
        (0.07, 5.22e-3, 1.28),
        (2.0, 0.3, 1.28),
        (0.0, 0.0, 1.0),
        (5.22e-3, 5.22e-3, 1.28),  # mRNA and protein decay alike
        (5.22e-3 + 1.28, 5.22e-3, 1.28),  # mRNA decays as fast as immature protein disappears
        (0.05 + 1e-10, 0.05, 0.7),
        (0.75 * (1 + 1e-13), 0.05, 0.7),
    ],
)
def test_maturation_solves_its_equations(delta, beta, km):
    t0, ktl, offset, scale = 0.4, 3e4, 500.0, 1.7
    times = np.array([0.0, 0.4, 0.4001, 0.5, 1.0, 3.0, 10.0, 40.0])

    def slope(_, state):
        mrna, immature, mature = state
        return [
            -delta * mrna,
            ktl * mrna - (km + beta) * immature,
            km * immature - beta * mature,
        ]

    solution = solve_ivp(
        slope, (t0, 40), [1, 0, 0], t_eval=times[1:], method="DOP853", rtol=1e-12, atol=1e-9
    )
    expected = scale * (np.concatenate([[0], solution.y[2]]) + offset)
    result = maturation(times, t0, ktl, km, delta, beta, offset, scale)
    np.testing.assert_allclose(result, expected, rtol=1e-8)


def test_maturation_equals_the_sum_of_exponentials():
    rng = np.random.default_rng(1)
    dt = rng.uniform(0.1, 20, 300)
    km, delta, beta = rng.uniform(0.5, 2, 300), rng.uniform(0.05, 0.3, 300), 5.22e-3
    f1 = np.exp(-(beta + km) * dt) / (beta - delta + km)
    f2 = -np.exp(-beta * dt) / (beta - delta)
    f3 = km / ((beta - delta) * (beta - delta + km)) * np.exp(-delta * dt)
    result = maturation(dt + 0.5, 0.5, 1e4, km, delta, beta, 20.0)
    np.testing.assert_allclose(result, 1e4 * (f1 + f2 + f3) + 20, rtol=1e-9)


def test_maturation_is_the_offset_up_to_the_onset():
    assert maturation([0.0, 0.5, 0.5001], 0.5, 1e4, 1.28, 0.1, 5e-3, 7.0)[:2].tolist() == [7, 7]


def test_samples_differ():
    rng = np.random.default_rng(0)
    control, treated = (sample.draw(rng, 2000) for sample in SAMPLES)
    assert np.median(treated["delta"]) > 2 * np.median(control["delta"])
    assert np.median(treated["ktl"]) < 0.7 * np.median(control["ktl"])
    for drawn in (control, treated):
        assert drawn["t0"].min() >= 0
        assert drawn["t0"].max() <= 1
        spread = np.log(drawn["ktl"]).std()
        assert 0.13 < spread < 0.17


# The images and their truth.


def test_rows_describe_the_labels(calm):
    frames, height, width = calm.labels.shape
    seen = {(r["frame"], r["cell"]): r for r in calm.rows}
    assert len(seen) == len(calm.rows)
    for frame, labels in enumerate(calm.labels):
        present = np.unique(labels[labels > 0])
        assert present.tolist() == sorted(c for t, c in seen if t == frame)
        for cell in present:
            row, mask = seen[frame, cell], labels == cell
            ys, xs = np.nonzero(mask)
            assert row["area"] == len(ys)
            assert row["centroid_x"] == pytest.approx(xs.mean())
            assert row["centroid_y"] == pytest.approx(ys.mean())
            box = [row[f"bbox_{n}"] for n in ("y0", "x0", "y1", "x1")]
            assert box == [ys.min(), xs.min(), ys.max() + 1, xs.max() + 1]
            edge = {0, height - 1} & set(ys) or {0, width - 1} & set(xs)
            assert row["at_border"] == bool(edge)
            near = ndimage.binary_dilation(mask, np.ones((5, 5))) & ~mask
            assert row["touches"] == bool(labels[near].any())
            assert ndimage.label(mask, np.ones((3, 3)))[1] == 1
    assert frames == 20


def test_cells_keep_their_ids_and_move_little(calm):
    before = {}
    for row in calm.rows:
        here = np.array([row["centroid_y"], row["centroid_x"]])
        if row["cell"] in before and not row["at_border"]:
            assert np.hypot(*(here - before[row["cell"]])) < 12
        before[row["cell"]] = here
    assert sorted(before) == [p["cell"] for p in calm.parameters]


def test_cells_enter_leave_touch_and_grow(calm):
    frames = {p["cell"]: [] for p in calm.parameters}
    for row in calm.rows:
        frames[row["cell"]].append(row)
    assert any(rows[0]["frame"] > 0 for rows in frames.values())
    assert any(rows[-1]["frame"] < 19 for rows in frames.values())
    assert any(row["touches"] for row in calm.rows)
    whole = [r for r in frames.values() if len(r) == 20 and not any(row["at_border"] for row in r)]
    assert len(whole) >= 6
    growth = np.median([rows[-1]["area"] / rows[0]["area"] for rows in whole])
    assert 1.05 < growth < 1.4
    diameter = [np.sqrt(4 / np.pi * row["area"]) for rows in whole for row in rows]
    assert 26 < min(diameter) < max(diameter) < 42


def test_phase_contrast_has_dark_bodies_and_halos_that_fade(calm):
    labels, image = calm.labels[10], calm.phase[10].astype(float)
    outside = ndimage.distance_transform_edt(labels == 0)
    inside = ndimage.distance_transform_edt(labels > 0)
    far = outside > 30
    level, noise = np.median(image[far]), image[far].std()
    assert image[inside > 4].mean() < level - 4 * noise
    halo = [image[(outside > d) & (outside <= d + 2)].mean() - level for d in range(1, 16, 2)]
    assert halo[0] > 4 * noise
    assert np.all(np.diff(halo) < 0)
    core = [image[(labels == c) & (inside > 4)].std() for c in np.unique(labels[inside > 8])]
    assert np.median(core) > 1.5 * noise  # granular


def test_light_is_the_models_and_within_the_mask(calm):
    parameters = {p["cell"]: p for p in calm.parameters}
    names = ("t0", "ktl", "km", "delta", "beta", "offset", "scale")
    for row in calm.rows:
        kinetics = {n: parameters[row["cell"]][f"{n}_ch_1"] for n in names}
        model = maturation(row["time_ch_1"] / 3600, **kinetics)
        assert row["model_ch_1"] == pytest.approx(model, rel=1e-12)
        if not row["at_border"]:
            assert row["total_ch_1"] == pytest.approx(row["model_ch_1"], rel=1e-5)
            assert 1 < row["light_ch_1"] / row["total_ch_1"] < 1.01
        else:
            assert row["total_ch_1"] <= row["model_ch_1"] * (1 + 1e-5)


def test_pixels_hold_background_light_and_noise(calm):
    excess = calm.fluo[0].astype(float) - calm.background[0]
    errors = []
    for row in calm.rows:
        if not row["touches"]:
            mask = calm.labels[row["frame"]] == row["cell"]
            errors.append((excess[row["frame"]][mask].sum() - row["total_ch_1"]) / row["area"])
    # The mean over some 900 pixels of noise of some 15 to 30 counts.
    assert abs(np.mean(errors)) < 0.2
    assert np.std(errors) < 1.5
    empty = ndimage.distance_transform_edt(calm.labels[5] == 0) > 8
    assert abs(excess[5][empty].mean()) < 0.3
    assert 10 < excess[5][empty].std() < 25


def test_background_is_uneven_and_changes_slowly(calm):
    background = calm.background[0]
    assert background.dtype == np.float32
    assert np.ptp(background[0]) > 0.05 * background[0].mean()
    change = np.abs(np.diff(background, axis=0)).max() / background.mean()
    assert 0 < change < 0.02
    assert np.abs(np.diff(background[0], axis=0)).max() < 2


def test_frames_are_independent_of_how_they_are_made(calm):
    field = Field(3, frames=20, height=320, width=400, cells=12)
    frame = field.render(7)
    np.testing.assert_array_equal(frame.phase, calm.phase[7])
    np.testing.assert_array_equal(frame.fluo, calm.fluo[:, 7])
    np.testing.assert_array_equal(frame.background, calm.background[:, 7])
    np.testing.assert_array_equal(frame.labels, calm.labels[7])


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (40, 40), (65, 700)])
def test_any_size_and_a_single_frame(size):
    made = simulate_fov(0, 1, *size, 5)
    assert made.phase.shape == made.labels.shape == (1, *size)
    assert made.fluo.shape == made.background.shape == (1, 1, *size)


def test_blank_field_has_noise_and_no_cells():
    made = simulate_fov(0, 2, 64, 80, 0, channels=2)
    assert made.rows == made.parameters == []
    assert not made.labels.any()
    assert made.phase.std() > 50
    assert (made.fluo[0] != made.fluo[1]).any()


# The crowded variant.


def test_crowded_cells_touch_and_vanish(crowded):
    touching = np.mean([row["touches"] for row in crowded.rows])
    unseen = np.mean([not row["visible"] for row in crowded.rows])
    assert 0.12 < touching < 0.3
    assert 0.003 < unseen < 0.02


def test_an_unseen_cell_is_missing_in_phase_contrast_only(crowded):
    levels = np.median(crowded.phase[crowded.labels == 0])
    dark = {True: [], False: []}
    for row in crowded.rows:
        if row["area"] > 300:
            mask = crowded.labels[row["frame"]] == row["cell"]
            dark[row["visible"]].append(crowded.phase[row["frame"]][mask].mean() / levels)
            assert crowded.fluo[0][row["frame"]][mask].mean() > 1.02 * np.mean(
                crowded.background[0][row["frame"]][mask]
            )
    assert np.median(dark[True]) < 0.85
    assert min(dark[False]) > 0.9


def test_cells_walk_as_fast_as_asked():
    """Steps of cells that keep to themselves are in proportion to the speed of the walk."""
    steps = []
    for speed in (1.0, 4.0):
        alone = Behaviour(touching=0.0, crossing=0.0, edge=0.0, speed=speed)
        field = Field(1, 30, 4000, 4000, 6, channels=0, behaviour=alone)
        steps.append(np.hypot(*np.moveaxis(np.diff(field.motion.centre, axis=1), 2, 0)).mean())
    assert 3.9 < steps[1] / steps[0] < 4.1


def test_divisions_are_recorded_and_conserve_light(crowded):
    lineage = {p["cell"]: p for p in crowded.parameters}
    rows = {(r["cell"], r["frame"]): r for r in crowded.rows}
    daughters = {}
    for cell, p in lineage.items():
        if p["parent"]:
            daughters.setdefault(p["parent"], []).append(cell)
    assert len(daughters) == 4
    for mother, pair in daughters.items():
        first = lineage[mother]["last_frame"] + 1
        assert len(pair) == 2
        assert all(lineage[d]["first_frame"] == first for d in pair)
        assert all((mother, t) not in rows for t in range(first, 40))
        for name in ("ktl", "offset"):
            name = f"{name}_ch_1"
            assert sum(lineage[d][name] for d in pair) == pytest.approx(lineage[mother][name])
        seen = [rows[d, first] for d in pair if (d, first) in rows]
        assert len(seen) == 2
        area = rows[mother, first - 1]["area"]
        assert sum(r["area"] for r in seen) == pytest.approx(area, rel=0.1)


def test_stage_slips_once():
    field = Field(0, 12, 300, 300, 6, crowded=True)
    steps = np.abs(np.diff(field.jump, axis=0)).max(axis=1)
    assert np.flatnonzero(steps).tolist() == [5]
    moved = np.median(np.diff(field.motion.centre, axis=1), axis=0)
    assert np.abs(moved[5] - (field.jump[6] - field.jump[5])).max() < 4

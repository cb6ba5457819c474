"""Points of parameter space with the same curve: which there are, and which one fits report."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from fovea.fits.bounds import note_of_branches
from fovea.fits.fit import log_fits
from fovea.fits.fit_table import success, table_of
from fovea.fits.settings import settings_of
from fovea.fits.solver.branches import settle
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.levenberg_marquardt import Batch, Problem, gram_of, minimise
from support.simulated_traces import CASES, HOURS, evaluate, grid, model_of

FREE = {"fit": True}
#: Every model, as it is and with those rates fitted that are fixed otherwise.
WHOLE = [(name, ()) for name in CASES] + [
    ("maturation", ("km",)), ("maturation", ("beta",)), ("maturation", ("km", "beta")),
    ("base", ("protein_degradation_rate_min",)),
]  # fmt: skip


def drawn(name, free, count, seed=0):
    """Settings and parameters (N, P) of a model; rates that are set free differ between cells."""
    case, rng = CASES[name], np.random.default_rng(seed)
    truth = case.parameters_of(rng, count)
    for rate in free:
        column = model_of(name).names.index(rate)
        truth[:, column] *= np.exp(0.15 * rng.standard_normal(count))
    parameters = case.parameters | dict.fromkeys(free, FREE)
    return settings_of({"model": name, "parameters": parameters}), truth


@pytest.mark.parametrize(("name", "free"), WHOLE)
def test_there_are_no_other_points_with_the_same_curve(name, free):
    """From random starts everywhere, perfect fits end on the points that the model declares."""
    settings, truth = drawn(name, free, 1, seed=3)
    model, time, rng = settings.model, CASES[name].time[::3], np.random.default_rng(0)
    value = evaluate(model, time, truth)
    count = 400
    columns = [model.names.index(n) for n in settings.fitted]
    start = np.repeat(truth, count, axis=0)
    low, high = np.empty((2, count, len(columns)))
    for k, n in enumerate(settings.fitted):
        kind, x = model.parameter(n).kind, truth[0, columns[k]]
        if kind in ("rate", "other"):
            low[:, k], high[:, k] = x * 1e-4, x * 1e4
            start[:, columns[k]] *= np.exp(rng.uniform(-3, 3, count))
        elif kind == "onset":
            low[:, k], high[:, k] = time[0] - 5, time[-1]
            start[:, columns[k]] += rng.uniform(-0.1, 0.1, count) * np.ptp(time)
        else:
            low[:, k], high[:, k] = -1e12, 1e12
            start[:, columns[k]] *= np.exp(rng.uniform(-3, 3, count))
    batch = Batch(*(np.repeat(a, count, axis=0) for a in (time[None], value, np.ones_like(value))))
    found = minimise(Problem(model, settings.fitted, batch, low, high), start, steps=400)
    perfect = found.values[found.cost < 1e-16 * np.sum((value - value.mean()) ** 2)]
    assert len(perfect) >= 20
    declared = [truth[0]]
    if model.branches:
        changes = model.equivalent(**dict(zip(model.names, truth.T, strict=True)))
        assert tuple(changes) == model.branches
        for changed in changes.values():
            point = truth[0].copy()
            for key, column in changed.items():
                point[model.names.index(key)] = column[0]
            np.testing.assert_allclose(evaluate(model, time, point[None]), value, rtol=1e-9)
            fixed = [i for i in range(len(point)) if i not in columns]
            if np.allclose(point[fixed], truth[0, fixed], rtol=1e-9):
                declared.append(point)
    size = np.maximum(np.abs(np.array(declared)), 1e-12)
    away = np.abs(perfect[:, None] - np.array(declared)) / size
    near = (away < 1e-2).all(axis=2)
    assert near.any(axis=1).all()
    assert near.any(axis=0).all()


def test_the_declared_branches_do_not_depend_on_the_point():
    model = model_of("maturation")
    truth = drawn("maturation", ("km", "beta"), 50)[1]
    first = model.equivalent(**dict(zip(model.names, truth.T, strict=True)))
    for changed in first.values():
        columns = dict(zip(model.names, truth.T, strict=True)) | changed
        for name, again in model.equivalent(**columns).items():
            for key, column in again.items():
                np.testing.assert_allclose(column, first[name][key], rtol=1e-12)


@pytest.mark.parametrize("faster", ["km", "delta", "beta"])
def test_a_convention_chooses_among_maturation_and_decay(faster):
    """Whichever branch the convention takes, intervals hold the rates that are meant."""
    settings, truth = drawn("maturation", ("km",) + ("beta",) * (faster == "beta"), 150)
    if faster == "beta":
        truth[:, 3], truth[:, 4] = 0.02, 0.09  # a long-lived mRNA of a short-lived protein
    noise = 100.0 * np.random.default_rng(1).standard_normal((150, len(HOURS)))
    value = evaluate(settings.model, HOURS, truth) + noise
    free = {name: FREE for name in ("km", "beta") if name in settings.fitted}
    chosen = settings_of({"model": "maturation", "parameters": free, "faster": faster})
    fits = fit_traces(chosen, grid(HOURS, 150), value)
    meant = settings.model.equivalent(**dict(zip(settings.model.names, truth.T, strict=True)))
    good = success(chosen, fits)
    assert good.mean() > 0.95
    k = settings.model.branches.index(faster)
    assert (fits.branch[good, k] == 1).all()
    for name in ("ktl", "km", "delta"):
        i = chosen.fitted.index(name)
        inside = (fits.low[:, i] <= meant[faster][name]) & (meant[faster][name] <= fits.high[:, i])
        assert 0.9 <= inside[good].mean() <= 0.99, name


def test_equal_points_of_another_branch_are_told(caplog):
    settings, truth = drawn("maturation", ("km",), 20)
    value = evaluate(settings.model, HOURS, truth)
    fits = fit_traces(settings, grid(HOURS, 20), value)
    table = table_of(settings, fits)
    other = settings.model.equivalent(**dict(zip(settings.model.names, truth.T, strict=True)))
    expected = [f"km {other['delta']['km'][0]:.4g}", f"delta {other['delta']['delta'][0]:.4g}"]
    told = dict(part.rsplit(" ", 1) for part in table["also_fits"][0].split(", "))
    assert [f"{key} {float(told[key]):.4g}" for key in ("km", "delta")] == expected
    caplog.set_level(logging.INFO)
    log_fits(settings, fits, logging.getLogger("fovea"))
    assert "in 20 of 20 cells km and delta could be exchanged" in caplog.text
    assert "km is taken to be the faster one" in caplog.text
    # bounds that leave no choice
    narrow = {"km": {"fit": True, "low": 0.5}, "delta": {"high": 0.5}}
    bounded = settings_of({"model": "maturation", "parameters": narrow})
    fits = fit_traces(bounded, grid(HOURS, 20), value)
    assert (table_of(bounded, fits)["also_fits"] == "").all()
    assert (fits.branch == [1, 0, 0]).all()
    assert note_of_branches(bounded, 0, 20) == ""
    usual = settings_of({"model": "maturation"})
    assert "also_fits" not in table_of(usual, fit_traces(usual, grid(HOURS, 20), value))


def test_bounds_go_before_the_convention():
    """A fit stays on the other branch where the preferred point is out of bounds."""
    settings, truth = drawn("maturation", ("km",), 10)
    value = evaluate(settings.model, HOURS, truth)
    narrow = {"km": {"fit": True, "high": 0.5}, "delta": {"value": 1.0, "low": 0.5}}
    bounded = settings_of({"model": "maturation", "parameters": narrow})
    fits = fit_traces(bounded, grid(HOURS, 10), value)
    assert (fits.branch == [0, 1, 0]).all()
    assert success(bounded, fits).all()


def test_a_bound_is_left_for_a_better_branch():
    settings, truth = drawn("maturation", ("km",), 8)
    value = evaluate(settings.model, HOURS, truth)
    low = {"km": {"fit": True, "high": 30.0}, "delta": {"high": 1.0}}
    settings = settings_of({"model": "maturation", "parameters": low})
    columns = [settings.model.names.index(n) for n in settings.fitted]
    batch = Batch(grid(HOURS, 8), value, np.ones_like(value))
    sides = (
        np.array([[x] * 8 for x in settings.low]).T,
        np.array([[x] * 8 for x in settings.high]).T,
    )
    problem = Problem(
        settings.model, settings.fitted, batch, *(side.astype(float) for side in sides)
    )
    other = settings.model.equivalent(**dict(zip(settings.model.names, truth.T, strict=True)))
    start = truth.copy()
    for name, column in other["delta"].items():
        start[:, settings.model.names.index(name)] = column
    start[:, settings.model.names.index("delta")] = 1.0
    solution = minimise(problem, start, steps=3)
    solution.values[:, settings.model.names.index("delta")] = 1.0
    solution.gram = gram_of(settings.model, settings.fitted, batch, solution.values)
    solution.cost = solution.gram[:, -1, -1].copy()
    branch = settle(settings, problem, solution)
    assert (branch[:, 0] == 1).all()
    np.testing.assert_allclose(solution.values[:, columns], truth[:, columns], rtol=1e-5)

"""Fits: bias and coverage, the least cost, and what is said of traces that cannot be fitted."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from fovea.fits.fit_table import success
from fovea.fits.settings import settings_of
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.statistics import information
from support.simulated_traces import CASES, HOURS, evaluate, fit_one, grid, model_of, noisy, scores

PAIRS = [(name, noise) for name, case in CASES.items() for noise in case.noises]
COUNT = 1500


@pytest.mark.parametrize(("name", "noise"), PAIRS)
def test_bias_and_coverage(name, noise):
    """Medians are right, and 95 % intervals hold the truth in 93 to 97 % of cells."""
    succeeded, found = scores(CASES[name], noise, COUNT, seed=len(name) + int(noise))
    assert succeeded > 0.99
    assert tuple(found) == CASES[name].fitted
    for parameter, score in found.items():
        assert abs(score.shift) < 0.15, parameter
        assert abs(score.bias) < 0.02, parameter
        assert 0.93 <= score.coverage <= 0.97, parameter


def test_threads_and_neighbours_change_nothing():
    case = CASES["maturation"]
    _, values = noisy(case, 3000.0, 200, seed=3)
    time = grid(case.time, 200)
    one, three = (fit_traces(case.settings(), time, values, threads) for threads in (1, 3))
    again = fit_traces(case.settings(), time, values, 1)
    for name in ("values", "error", "cost", "correlation", "low", "rmse"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))


def test_a_plugged_in_model_is_fitted():
    """PyAMA accepts models of plug-ins and then fails to fit them."""
    from fovea.fits.models.declarations import Model, Parameter

    model = Model(
        "half_life", "Half-life", "h",
        (Parameter("start", "Start", "{y}", 1.0, 0.0, 1e9, kind="linear"),
         Parameter("half", "Half-life", "h", 1.0, 0.01, 100.0)),
        lambda time, start, half: start * 0.5 ** (time / half),
    )  # fmt: skip
    settings = replace(settings_of({"model": "line"}), model=model, values=(1.0, 1.0),
                       fitted=("start", "half"), low=(0.0, 0.01), high=(1e9, 100.0))  # fmt: skip
    values = np.array([[900.0], [500.0]]) * 0.5 ** (HOURS / np.array([[7.0], [3.0]]))
    fits = fit_traces(settings, grid(HOURS, 2), values)
    assert success(settings, fits).all()
    np.testing.assert_allclose(fits.values, [[900, 7], [500, 3]], rtol=1e-5)


def test_equal_rates_are_fitted():
    """PyAMA divides by zero when the starting delta equals beta."""
    truth = np.array([[0.5, 6e4, 1.28, 0.01, 0.01, 3e4, 1.0]])
    value = evaluate(model_of("maturation"), HOURS, truth)[0]
    more = {"parameters": {"beta": {"value": 0.01}}}
    settings, fits, _, good = fit_one("maturation", HOURS, value, **more)
    assert good
    assert fits.values[0, settings.model.names.index("delta")] == pytest.approx(0.01, rel=1e-6)


def test_rates_are_the_same_in_any_unit_of_time():
    value = evaluate(model_of("maturation"), HOURS, np.array([[0.5, 6e4, 1.28, 0.07, 5.22e-3, 3e4,
                                                               1.0]]))[0]  # fmt: skip
    from fovea.fits.traces import Traces

    found = []
    for unit, factor in (("s", 3600.0), ("min", 60.0), ("h", 1.0)):
        data = Traces(["a"], np.zeros(1, int), np.ones(1, int), np.arange(180)[None],
                      HOURS[None] * factor, value[None], unit, "x", [])  # fmt: skip
        settings = settings_of({"model": "maturation"})
        fits = fit_traces(settings, data.time_in("h"), data.value)
        found.append(fits.values[0])
    np.testing.assert_allclose(found, [found[0]] * 3, rtol=1e-7)
    np.testing.assert_allclose(found[0][[0, 1, 3]], [0.5, 6e4, 0.07], rtol=1e-6)


@pytest.mark.parametrize("model", [*CASES, "auc"])
def test_traces_that_cannot_be_fitted_are_reported(model):
    nothing = np.full(len(HOURS), np.nan)
    two = nothing.copy()
    two[:2] = 5.0, 6.0
    for value, points in ((nothing, 0), (two, 2)):
        _, fits, message, good = fit_one(model, HOURS, value)
        assert fits.points[0] == points
        if model == "auc" and points == 2:
            assert good
            continue
        assert not good
        assert "no values" in message or f"{points} values are too few" in message
        assert np.isnan(fits.values[0]).any()


@pytest.mark.parametrize("model", CASES)
@pytest.mark.parametrize("kind", ["flat", "zero", "negative", "saturated", "huge", "one spike"])
def test_hostile_traces(model, kind):
    case = CASES[model]
    rng = np.random.default_rng(0)
    clean = evaluate(model_of(model), case.time, case.parameters_of(rng, 1))[0]
    value = {
        "flat": np.full(len(clean), 7.0),
        "zero": np.zeros(len(clean)),
        "negative": -np.abs(clean),
        "saturated": np.minimum(clean, np.quantile(clean, 0.6)),
        "huge": clean * 1e9,
        "one spike": np.where(np.arange(len(clean)) == 30, 1e6, clean),
    }[kind]
    settings, fits, message, _ = fit_one(model, case.time, value, parameters=case.parameters)
    assert fits.converged[0] or message == "not converged"
    inside = fits.values[0, [settings.model.names.index(n) for n in settings.fitted]]
    for x, low, high in zip(inside, settings.low, settings.high, strict=True):
        assert low is None or x >= low
        assert high is None or x <= high
    if kind in ("flat", "zero"):
        assert np.isnan(fits.r_squared[0])
        shape = [settings.model.parameter(n).kind != "linear" for n in settings.fitted]
        assert np.isnan(fits.error[0, shape]).all()
        assert model == "line" or message
    else:
        assert np.isfinite(fits.r_squared[0])


def test_a_fit_worse_than_the_mean_has_a_negative_r_squared():
    """PyAMA shows 0."""
    value = -np.linspace(0, 3e6, len(HOURS))
    _, fits, message, good = fit_one("maturation", HOURS, value)
    assert fits.r_squared[0] < 0
    assert not good
    assert "at its lower bound" in message


def test_gaps_and_missing_values_change_little():
    case = CASES["maturation"]
    truth, values = noisy(case, 600.0, 40, seed=5)
    values[:, 50:80] = np.nan
    values[::2, ::3] = np.nan
    fits = fit_traces(case.settings(), grid(case.time, 40), values)
    assert fits.points.tolist() == np.isfinite(values).sum(axis=1).tolist()
    np.testing.assert_allclose(np.median(fits.values[:, 1] / truth[:, 1]), 1, atol=0.002)
    part = np.isfinite(values[1])
    alone = fit_traces(case.settings(), case.time[None, part], values[1:2, part])
    np.testing.assert_allclose(alone.values[0], fits.values[1], rtol=1e-6)
    np.testing.assert_allclose(alone.error[0], fits.error[1], rtol=1e-5)


def test_parameters_that_cannot_be_told_apart():
    """From after its onset alone, a block's onset and its amplitudes say the same."""
    time = HOURS + 2
    truth = np.array([[0.5, 1e3, 2e3, 1.28, 0.1, 300.0]])
    value = evaluate(model_of("maturation_blocked"), time, truth)[0]
    value = value + np.random.default_rng(0).standard_normal(len(time))
    _, _, message, good = fit_one("maturation_blocked", time, value)
    assert not good
    assert "not identifiable" in message or "bound" in message
    value = 1e3 * np.exp(-0.01 * HOURS[:20]) + np.random.default_rng(1).standard_normal(20)
    _, fits, message, good = fit_one("exponential_decay", HOURS[:20], value)
    assert not good
    assert message == "not identifiable: amplitude, offset"
    value = 1e3 * np.exp(-0.05 * HOURS[:60]) + np.random.default_rng(1).standard_normal(60)
    _, fits, message, good = fit_one("exponential_decay", HOURS[:60], value)
    assert good
    assert "amplitude and offset can hardly be told apart (correlation -" in message
    assert abs(fits.values[0, 1] - 1e3) < 2 * fits.error[0, 0]


def test_exchangeable_rates_are_ordered():
    case = CASES["trivial"]
    truth, values = noisy(case, 5.0, 30, seed=7)
    fits = fit_traces(case.settings(), grid(case.time, 30), values)
    assert (fits.values[:, 2] >= fits.values[:, 3]).all()
    np.testing.assert_allclose(fits.values[:, 2], truth[:, 2], rtol=0.05)


def test_correlated_residuals_are_mentioned():
    value = evaluate(model_of("line"), HOURS, np.array([[10.0, 5.0]]))[0] + 20 * np.sin(HOURS)
    _, fits, message, good = fit_one("line", HOURS, value)
    assert fits.autocorrelation[0] > 0.9
    assert "residuals are correlated" in message
    assert good


def test_the_window_limits_what_counts():
    time = np.arange(0, 10, 0.25) + 3
    value = 5 + 10 * np.maximum(time - 4.5, 0)
    settings, fits, _, good = fit_one("onset", time, value)
    assert settings.window == 4.0
    assert (fits.points[0], fits.first[0], fits.last[0]) == (17, 3.0, 7.0)
    assert good
    np.testing.assert_allclose(fits.values[0], [4.5, 10, 5], atol=1e-6)
    _, fits, _, _ = fit_one("onset", time, value, window=2.0)
    assert fits.last[0] == 5.0
    settings, *_ = fit_one("base", time * 60, value, window=2.0)
    assert settings.window == 120.0


def test_information_criterion():
    settings, fits, *_ = fit_one(
        "line", HOURS, 3 * HOURS + np.random.default_rng(0).normal(size=180)
    )
    n, k = 180, 3
    expected = n * np.log(fits.cost[0] / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    assert information(fits, settings)[0] == pytest.approx(expected)
    settings, fits, *_ = fit_one("line", HOURS[:4], HOURS[:4] ** 2)
    assert np.isnan(information(fits, settings)[0])


def test_fixed_and_free_parameters():
    settings = settings_of({"model": "maturation", "parameters": {
        "km": {"fit": True, "value": 1.0, "low": 0.5, "high": 2.0},
        "t0": {"fit": False, "value": 0.3}, "delta": {"value": 0.05}}})  # fmt: skip
    assert settings.fitted == ("ktl", "km", "delta", "offset")
    assert settings.fixed == ["t0", "beta", "scale"]
    assert settings.given == ("km", "delta")
    assert (settings.low[1], settings.high[1], settings.value("t0")) == (0.5, 2.0, 0.3)


def test_everything_fixed_but_a_line():
    truth = np.array([[0.5, 6e4, 1.28, 0.07, 5.22e-3, 3e4, 1.0]])
    value = evaluate(model_of("maturation"), HOURS, truth)[0]
    fixed = {n: {"fit": False, "value": v} for n, v in
             zip(("t0", "delta"), (0.5, 0.07), strict=True)}  # fmt: skip
    _, fits, _, good = fit_one("maturation", HOURS, value, parameters=fixed)
    assert good
    np.testing.assert_allclose(fits.values[0, [1, 5]], [6e4, 3e4], rtol=1e-9)


def test_infinite_measures_of_plug_ins_are_written(tmp_path):
    """They are no success, and read back as what they are."""
    from fovea.fits.fit_table import read_fits, write_fits
    from fovea.fits.traces import Traces

    def measure(time, value):
        return np.array([np.inf * value[0] if value[0] else value.sum()]), np.array([0.1])

    auc = settings_of({"model": "auc"})
    settings = replace(auc, model=replace(auc.model, measure=measure))
    time, value = np.tile(np.arange(5.0), (3, 1)), np.ones((3, 5))
    value[:, 0] = 1.0, -1.0, 0.0
    fits = fit_traces(settings, time, value)
    cells, zeros = np.arange(3), np.zeros(3, int)
    data = Traces(["a"] * 3, zeros, cells, np.zeros((3, 5), int), time, value, "h", "s", [])
    write_fits(tmp_path / "a.csv", settings, data, fits, several=False)
    back = read_fits(tmp_path / "a.csv")
    assert back["auc"].tolist() == [np.inf, -np.inf, 4]
    assert back["success"].tolist() == [False, False, True]
    assert back["message"].tolist() == ["its value is infinite"] * 2 + [""]
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [row["auc"] for row in csv.DictReader(file)] == ["inf", "-inf", "4"]


def test_table_of_fits(tmp_path):
    """Columns as PyAMA's reader wants them, then everything else; fixed parameters are there."""
    from fovea.fits.fit_table import read_fits, write_fits
    from fovea.fits.traces import Traces

    case = CASES["maturation"]
    _, values = noisy(case, 600.0, 3, seed=8)
    values[1] = np.nan
    names, fov, cell = ["a", "a", "b"], np.array([0, 1, 0]), np.array([1, 2, 1])
    frames = np.zeros((3, 180), int)
    data = Traces(names, fov, cell, frames, grid(case.time, 3), values, "h", "s", [])
    settings = case.settings()
    fits = fit_traces(settings, data.time, data.value)
    path = tmp_path / "x_fitted_maturation.csv"
    write_fits(path, settings, data, fits, several=False)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:9] == [
        "fov", "cell", "model_type", "success", "r_squared", "t0", "ktl", "delta", "offset"
    ]  # fmt: skip
    assert {
        "ktl_se",
        "ktl_ci_low",
        "ktl_ci_high",
        "ktl_at_bound",
        "rmse",
        "aicc",
        "n_points",
    } <= set(rows[0])
    assert (rows[0]["km"], rows[0]["beta"], rows[0]["scale"]) == ("1.28", "0.00522", "1")
    assert (rows[1]["success"], rows[1]["ktl"], rows[1]["message"]) == ("False", "", "no values")
    back = read_fits(path)
    np.testing.assert_array_equal(back["ktl"], fits.values[:, 1])
    write_fits(path, settings, data, fits, several=True)
    assert path.read_text().startswith("dataset,fov,cell,model_type")

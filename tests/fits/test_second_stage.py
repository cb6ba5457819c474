"""Noise models, shared parameters, comparisons of models, measures."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.stats import norm

from fovea.errors import FoveaError
from fovea.fits.compare import akaike_weights, best_models, compare
from fovea.fits.fit_table import success
from fovea.fits.models.measures import auc, local_noise
from fovea.fits.settings import settings_of
from fovea.fits.shared_parameters import fit_shared
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.noise import estimate_noise, noise_level
from support.simulated_traces import CASES, HOURS, evaluate, grid, model_of, noisy


def table(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("noise", [(100.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 0.03),
                                   (300.0, 0.0, 0.02)])  # fmt: skip
def test_noise_is_estimated(noise):
    rng = np.random.default_rng(0)
    value = rng.uniform(1e3, 1e5, 40_000)
    residual = noise_level(value, noise) * rng.standard_normal(len(value))
    residual[::500] *= 50  # traces that the model does not describe
    value, residual = value.reshape(-1, 100), residual.reshape(-1, 100)
    residual *= np.exp(rng.standard_normal((len(value), 1)))[:, [0] * 100]  # each cell its own
    found = estimate_noise([(value[:10], residual[:10]), (value[10:], residual[10:])])
    expected, estimated = noise_level(value, noise), noise_level(value, found)
    # the noise of the usual cell, of which residuals tell the size less well than the form
    estimated *= np.median(expected / estimated)
    np.testing.assert_allclose(estimated, expected, rtol=0.08)


def test_noise_of_nothing():
    assert estimate_noise([]) == (1.0, 0.0, 0.0)
    assert estimate_noise([(np.ones((2, 50)), np.zeros((2, 50)))]) == (1.0, 0.0, 0.0)
    assert noise_level(np.zeros(3), (0.0, 1.0, 1.0)).tolist() == [1.0, 1.0, 1.0]
    shot = noise_level(np.array([0.0, 100.0]), (0.0, 1.0, 0.0))
    assert shot.tolist() == pytest.approx([1e-5, 10])


def test_weights_make_fits_better_and_intervals_right():
    """With relative noise, the early part of a trace says when it began; unweighted it is lost."""
    case = CASES["maturation"]
    rng = np.random.default_rng(1)
    truth = case.parameters_of(rng, 1000)
    values = evaluate(model_of("maturation"), HOURS, truth)
    values *= 1 + 0.03 * rng.standard_normal(values.shape)
    errors = {}
    for weighting in ("none", "noise", {"constant": 0.0, "poisson": 0.0, "relative": 0.03}):
        settings = case.settings(weighting=weighting)
        fits = fit_traces(settings, grid(HOURS, 1000), values)
        good = success(settings, fits)
        errors[str(weighting)] = np.median(np.abs(fits.values[:, 0] - truth[:, 0]))
        if weighting != "none":
            assert good.mean() > 0.99
            for k, name in enumerate(settings.fitted):
                column = settings.model.names.index(name)
                inside = (fits.low[good, k] <= truth[good, column]) & (
                    truth[good, column] <= fits.high[good, k]
                )
                assert 0.93 <= inside.mean() <= 0.97, (weighting, name)
        if weighting == "noise":
            assert fits.noise.level[2] == pytest.approx(0.03, rel=0.05)
    assert errors["noise"] < 0.5 * errors["none"]
    assert errors["noise"] == pytest.approx(errors[str(weighting)], rel=0.1)


# --------------------------------------------------------------------------- shared parameters


def test_shared_parameters_are_found_with_their_errors():
    scores, inside = [], []
    case = CASES["maturation"]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = case.parameters_of(rng, 40)
        truth[:, 2], truth[:, 4] = 0.9, 0.008
        values = evaluate(model_of("maturation"), HOURS[::2], truth)
        values += 3000 * rng.standard_normal(values.shape)
        found = fit_shared(case.settings(), ["km", "beta"], grid(HOURS[::2], 40), values)
        assert found.converged
        assert found.used.all()
        scores.append((found.values - [0.9, 0.008]) / found.error)
        columns = [0, 1, 3, 5]
        inside.append(
            (found.fits.low <= truth[:, columns]) & (truth[:, columns] <= found.fits.high)
        )
        assert found.deviance < found.before - 20
    scores = np.array(scores)
    assert (scores.std(axis=0) > 0.75).all()
    assert (scores.std(axis=0) < 1.3).all()
    assert (np.abs(scores.mean(axis=0)) < 0.5).all()
    assert 0.92 < np.mean(inside) < 0.98


def test_shared_parameters_need_no_cells():
    case = CASES["maturation"]
    found = fit_shared(case.settings(), ["km"], grid(HOURS, 2), np.full((2, 180), np.nan))
    assert not found.used.any()
    assert np.isnan(found.error).all()
    empty = fit_shared(case.settings(), ["km"], np.empty((0, 0)), np.empty((0, 0)))
    assert len(empty.used) == 0


def test_a_fitted_parameter_may_be_shared():
    case = CASES["maturation"]
    rng = np.random.default_rng(3)
    truth = case.parameters_of(rng, 30)
    truth[:, 3] = 0.07
    values = evaluate(model_of("maturation"), HOURS, truth) + 3000 * rng.standard_normal((30, 180))
    found = fit_shared(case.settings(), ["delta"], grid(HOURS, 30), values)
    assert found.settings.fitted == ("t0", "ktl", "offset")
    assert abs(found.values[0] - 0.07) < 3 * found.error[0]
    alone = fit_traces(case.settings(), grid(HOURS, 30), values)
    assert found.error[0] < 0.4 * np.median(alone.error[:, 2])


# ------------------------------------------------------------------------------------ comparing


def test_the_right_model_is_preferred(tmp_path):
    _, values = noisy(CASES["line"], 100.0, 200, seed=4)
    paths = {}
    for name in ("line", "exponential_decay", "twostage"):
        settings = settings_of({"model": name})
        fits = fit_traces(settings, grid(HOURS, 200), values)
        paths[name] = _written(tmp_path / f"{name}.csv", settings, fits, values)
    compare(paths, tmp_path / "models.csv")
    rows = table(tmp_path / "models.csv")
    assert list(rows[0]) == ["fov", "cell", "best_model", "delta_aicc", "aicc_line",
                             "aicc_exponential_decay", "aicc_twostage", "weight_line",
                             "weight_exponential_decay", "weight_twostage"]  # fmt: skip
    assert np.mean([row["best_model"] == "line" for row in rows]) > 0.9
    total = sum(float(rows[0][f"weight_{name}"]) for name in paths)
    assert total == pytest.approx(1)
    _, other = noisy(CASES["line"], 100.0, 3, seed=4)
    fits = fit_traces(settings_of({"model": "line"}), grid(HOURS, 3), other)
    paths["line"] = _written(tmp_path / "few.csv", settings_of({"model": "line"}), fits, other)
    with pytest.raises(FoveaError, match="holds other cells than"):
        compare(paths, tmp_path / "models.csv")


def _written(path, settings, fits, values):
    from fovea.fits.fit_table import write_fits
    from fovea.fits.traces import Traces

    count = len(values)
    frames, zeros = np.zeros((count, 180), int), np.zeros(count, int)
    time = grid(HOURS, count)
    data = Traces(["a"] * count, zeros, np.arange(count), frames, time, values, "h", "s", [])
    write_fits(path, settings, data, fits, several=False)
    return path


def test_weights_of_models_without_a_fit():
    aicc = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.nan]])
    weights = akaike_weights(aicc)
    np.testing.assert_allclose(weights[:, 0], np.array([1, np.exp(-1)]) / (1 + np.exp(-1)))
    assert np.isnan(weights[:, 1]).all()
    assert weights[:, 2].tolist() == [1, 0]
    best, gap = best_models(aicc)
    assert best.tolist() == [0, -1, 0]
    np.testing.assert_array_equal(gap, [2, np.nan, np.nan])


# ------------------------------------------------------------------------------------- measures


def test_area_under_the_curve():
    time = np.array([0.0, 1.0, 3.0, 4.5])
    value = np.array([1.0, 3.0, 3.0, 0.0])
    assert auc(time, value)[0][0] == pytest.approx(2 + 6 + 2.25)
    assert np.isnan(auc(time[:1], value[:1])).all()
    assert local_noise(time, 2 * time + 5) == pytest.approx(0, abs=1e-12)


def test_error_of_the_area():
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 30, 180))
    clean = 1000 * np.exp(-time / 8)
    found = np.array([np.concatenate(auc(time, clean + 20 * rng.standard_normal(180)))
                      for _ in range(400)])  # fmt: skip
    assert np.median(found[:, 1]) == pytest.approx(found[:, 0].std(), rel=0.15)
    settings = settings_of({"model": "auc"})
    fits = fit_traces(settings, time[None] * np.ones((400, 1)),
                      clean + 20 * rng.standard_normal((400, 180)))  # fmt: skip
    true = auc(time, clean)[0][0]
    inside = np.mean((fits.low[:, 0] <= true) & (true <= fits.high[:, 0]))
    assert 0.92 <= inside <= 0.98
    assert norm.cdf(1.96) == pytest.approx(0.975, abs=1e-3)

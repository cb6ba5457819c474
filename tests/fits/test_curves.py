"""Smooth curves through traces, and the time to half maximum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scipy.interpolate import make_lsq_spline

from fovea.fits.bounds import notes_of_noise
from fovea.fits.fit_table import messages, success
from fovea.fits.settings import settings_of
from fovea.fits.solver.curves import Spline, smooth
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.levenberg_marquardt import Batch
from support.simulated_traces import CASES, Disturbance, evaluate, grid, model_of

HALF = settings_of({"model": "half_maximum"})


def batch(time, value):
    there = np.isfinite(value)
    return Batch(np.tile(time, (len(value), 1)), np.where(there, value, 0.0), there.astype(float))


@limits(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_curves_by_scipy(seed):
    """A least-squares spline with the same knots, and the covariance of linear regression."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 10, 60))
    value = np.sin(time + rng.uniform(0, 6, (12, 1))) * 5 + rng.normal(0, 1, (12, 60))
    curves, noise, step = smooth([batch(time, value)], correlated=False)
    assert noise is None
    count = round((time[-1] - time[0]) / step)
    inner = np.linspace(time[0], time[-1], count + 1)
    knots = np.concatenate([[time[0]] * 3, inner, [time[-1]] * 3])
    rows = Spline(time[0], time[-1], count).rows(time, 0)
    for curve, trace in zip(curves, value, strict=True):
        try:
            plain = make_lsq_spline(time, trace, knots, 3)
        except (ValueError, np.linalg.LinAlgError):  # a knot without values near it
            continue
        np.testing.assert_allclose(curve.value, plain(time), atol=1e-6)
        np.testing.assert_allclose(curve.slope, plain.derivative()(time), atol=1e-4)
        variance = np.sum((trace - plain(time)) ** 2) / (60 - count - 3)
        expected = variance * np.linalg.inv(rows.T @ rows)
        np.testing.assert_allclose(curve.covariance, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_coverage_of_half_maximum(correlation):
    rng, case, how = np.random.default_rng(2), CASES["maturation"], Disturbance(correlation)
    time = Disturbance(correlation, frames=90).times(case.time)
    parameters = case.parameters_of(rng, 150)
    values = evaluate(model_of("maturation"), time, parameters)
    fits = fit_traces(HALF, grid(time, 150), values + how.draw(rng, time, values, 3000.0))
    fine = np.linspace(time[0], time[-1], 3001)
    curves = evaluate(model_of("maturation"), fine, parameters)
    half = (curves.max(axis=1) + curves[:, 0]) / 2
    truth = np.stack([fine[np.argmax(curves >= half[:, None], axis=1)], curves.max(axis=1)], axis=1)
    good = success(HALF, fits)
    assert good.mean() > 0.7  # others still rise at the end
    inside = (fits.low <= truth) & (truth <= fits.high)
    assert (inside[good].mean(axis=0) > 0.88).all()
    away = np.median(fits.values[good] - truth[good], axis=0)
    np.testing.assert_array_less(np.abs(away), 0.75 * np.median(fits.error[good], axis=0))
    if correlation:
        step = time[1] - time[0]
        assert fits.noise.correlation.over(step) == pytest.approx(0.7, abs=0.1)
    assert "blurred" in notes_of_noise(HALF, fits.noise)[-1]


def test_a_rise_without_noise():
    time = np.linspace(0, 20, 81)
    value = np.stack([3 + 4 / (1 + np.exp(-(time - at) * 0.8)) for at in (8.0, 9.5, 12.0)])
    fits = fit_traces(HALF, grid(time, 3), value + 1e-3 * np.random.default_rng(0).normal(size=81))
    np.testing.assert_allclose(fits.values[:, 0], [8.0, 9.5, 12.0], atol=0.05)
    np.testing.assert_allclose(fits.values[:, 1], 7, atol=0.05)


def test_what_has_no_half_maximum():
    rng, time = np.random.default_rng(1), np.linspace(0, 20, 60)
    value = rng.normal(0, 1, (9, 60))  # nothing but noise
    value[1] += 3 * time  # still rises
    value[2] -= 3 * time
    value[3, 5:] = np.nan
    value[4] = np.nan
    value[5, 10:50] = np.nan  # a gap
    value[5] += 2 * time
    value[6] = 7.0
    value[7] += np.where(time < 10, 0, 20)
    value[8, 1:] = np.nan
    fits = fit_traces(HALF, grid(time, 9), value)
    assert np.isnan(fits.values[[0, 2, 3, 4, 6, 8]]).all()
    assert fits.bound[1].tolist() == [0, 1]
    assert fits.values[7, 0] == pytest.approx(10, abs=0.7)
    assert success(HALF, fits).tolist() == [row == 7 for row in range(9)]
    said = messages(HALF, fits)
    assert said[1] == "still rises at the end"
    assert said[4] == "no values"
    assert said[0].endswith("it does not rise notably")
    nothing = fit_traces(HALF, np.zeros((0, 5)), np.zeros((0, 5)))
    assert nothing.values.shape == (0, 2)
    constant = np.repeat(np.array([0.1, 7.0, 1e7 / 3, -np.pi]), 60).reshape(4, 60)
    assert np.isnan(fit_traces(HALF, grid(time, 4), constant).values).all()
    single = fit_traces(HALF, np.zeros((2, 1)), np.ones((2, 1)))
    assert np.isnan(single.values).all()


def test_threads_do_not_matter():
    rng, time = np.random.default_rng(4), np.linspace(0, 20, 40)
    value = 10 / (1 + np.exp(5 - time)) + rng.normal(0, 1, (300, 40))
    one, four = (fit_traces(HALF, grid(time, 300), value, threads) for threads in (1, 4))
    for name in ("values", "error", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))

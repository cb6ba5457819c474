"""Correlated noise: its estimate, the intervals that follow from it, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import cholesky, solve_triangular

from fovea.fits.bounds import notes_of_noise
from fovea.fits.fit_table import messages, table_of
from fovea.fits.settings import settings_of
from fovea.fits.shared_parameters import fit_shared
from fovea.fits.solver.correlation import Correlation, Series
from fovea.fits.solver.least_squares import fit_traces
from fovea.fits.solver.levenberg_marquardt import Batch
from support.simulated_traces import (
    CASES,
    DISTURBED,
    HOURS,
    RISES,
    Disturbance,
    evaluate,
    grid,
    model_of,
    scores,
)

COUNT = 500
CHOSEN = ["AR(1) 0, 120 irregular", "AR(1) 0.4, 60 frames", "AR(1) 0.7, 120 irregular",
          "AR(1) 0.85, 60 irregular", "AR(1) 0.85, 240 frames", "half of it AR(1) 0.9",
          "noise of each cell", "the same, AR(1) 0.7", "km free", "kink, AR(1) 0.7",
          "`logistic`, AR(1) 0.7, 60 irregular", "`gompertz`, AR(1) 0.7, 120 frames",
          "`gompertz`, AR(1) 0, 240 irregular"]  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_intervals_hold_whatever_the_noise_is_like(name):
    """They hold 93 to 97 %; of so few cells, chance adds one per cent or two."""
    case, noise, how, more = (DISTURBED | RISES)[name]
    succeeded, found = scores(case, noise, COUNT, 7, how, **more)
    assert succeeded > 0.98
    for parameter, score in found.items():
        assert 0.915 <= score.coverage <= 0.985, parameter
        assert abs(score.shift) < 0.2, parameter
    assert 0.93 <= np.mean([score.coverage for score in found.values()]) <= 0.97


def test_without_the_correlation_intervals_are_too_narrow():
    case, noise, how, more = DISTURBED["AR(1) 0.7, 120 frames"]
    found = scores(case, noise, COUNT, 7, how, correlation="none", **more)[1]
    assert found["delta"].coverage < 0.75


def sample(how, count=200, name="maturation", noise=3000.0, seed=0):
    """Settings, times (N, T) and disturbed traces of a model."""
    case, rng = CASES[name], np.random.default_rng(seed)
    time = how.times(case.time)
    value = evaluate(model_of(name), time, case.parameters_of(rng, count))
    return case.settings(), grid(time, count), value + how.draw(rng, time, value, noise)


@pytest.mark.parametrize(("share", "correlation", "count"), [(1, 0.85, 100), (0.5, 0.9, 200),
                                                             (1, 0.4, 100)])  # fmt: skip
def test_the_correlation_is_found_with_little_bias(share, correlation, count):
    how = Disturbance(correlation, share=share, frames=90)
    options, time, value = sample(how, count)
    found = fit_traces(options, time, value)
    step = time[0, 1] - time[0, 0]
    assert found.noise.correlation.share == pytest.approx(share, abs=0.08)
    assert np.exp(-step / found.noise.correlation.time) == pytest.approx(correlation, abs=0.03)
    # a single cell's residuals have less of it
    assert np.median(found.autocorrelation) < share * correlation - 0.02
    assert abs(np.median(found.remaining)) < 0.1
    # estimates are those of least squares
    plain = fit_traces(CASES["maturation"].settings(correlation="none"), time, value)
    np.testing.assert_array_equal(found.values, plain.values)
    assert plain.noise.correlation is None


def test_independent_noise_is_left_alone():
    options, time, value = sample(Disturbance())
    found = fit_traces(options, time, value)
    plain = fit_traces(CASES["maturation"].settings(correlation="none"), time, value)
    assert found.noise.correlation is None
    np.testing.assert_array_equal(found.error, plain.error)


def test_threads_change_nothing():
    options, time, value = sample(Disturbance(0.7, spread=0.5), 150)
    first, second = (fit_traces(options, time, value, threads) for threads in (1, 3))
    assert first.noise == second.noise
    for name in ("values", "error", "low", "high", "correlation", "remaining"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_lack_of_fit_is_told_apart_from_noise():
    """What all cells have in common at the same time is no noise of the cells."""
    options, time, value = sample(Disturbance(0.8))
    fits = fit_traces(options, time, value)
    (note,) = notes_of_noise(options, fits.noise)
    assert "100% of the noise's variance is correlated over" in note
    assert abs(fits.noise.common) < 0.03
    value += 8000 * np.sin(3 * time)  # a lamp, or what the model does not know
    fits = fit_traces(options, time, value)
    assert fits.noise.common > 0.5
    assert "is common to all cells at the same time" in notes_of_noise(options, fits.noise)[-1]
    assert np.isnan(fit_traces(options, time[:5], value[:5]).noise.common)
    table = table_of(options, fits)
    assert (table["common_share"] == fits.noise.common).all()
    assert (table["correlation_time"] == fits.noise.correlation.time).all()
    assert all("residuals are correlated" in text for text in messages(options, fits))


def test_shared_parameters_with_correlated_noise():
    truth = np.tile([0.5, 6e4, 0.9, 0.07, 0.008, 3e4, 1.0], (40, 1))
    clean, time = evaluate(model_of("maturation"), HOURS[::2], truth), HOURS[::2]
    away = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        value = clean + Disturbance(0.8).draw(rng, time, clean, 3000.0)
        found = fit_shared(settings_of({"model": "maturation"}), ["beta", "km"],
                           grid(time, 40), value)  # fmt: skip
        assert found.converged
        away.append((found.values - [0.008, 0.9]) / found.error)
    assert (np.std(away, axis=0) < 1.35).all()
    assert (np.std(away, axis=0) > 0.7).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 50), st.floats(0, 1))
def test_filters_equal_the_correlation_matrix(seed, decay, share):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 10, (3, 12)), axis=1) + 0.01 * np.arange(12)
    time[1] = time[0]
    there = rng.random((3, 12)) < 0.8
    there[1], there[2, :] = there[0], seed % 2 == 0
    rows = np.where(there[:, None], rng.standard_normal((3, 2, 12)), 0.0)
    noise = Correlation(decay, share)
    series = Series(Batch(time, np.zeros((3, 12)), there.astype(float)))
    white, logs = series.whitened(rows, noise)
    times = series.correlated(rows, noise)
    for n in range(3):
        kept = there[n]
        apart = np.abs(time[n, kept, None] - time[n, kept])
        matrix = share * np.exp(-apart / decay) + (1 - share) * np.eye(kept.sum())
        assert (white[n][:, ~kept] == 0).all()
        assert (times[n][:, ~kept] == 0).all()
        np.testing.assert_allclose(times[n][:, kept], rows[n][:, kept] @ matrix, atol=1e-9)
        if not kept.any() or np.linalg.cond(matrix) > 1e9:
            continue
        root = cholesky(matrix, lower=True)
        expected = solve_triangular(root, rows[n][:, kept].T, lower=True).T
        np.testing.assert_allclose(white[n][:, kept], expected, rtol=1e-6, atol=1e-6)
        assert logs[n] == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-6)

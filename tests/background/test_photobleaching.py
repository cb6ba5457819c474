"""The report of photobleaching: rates of exponential decays and their errors."""

import numpy as np
import pytest

from fovea.background.photobleaching import fit_decay

T = np.arange(60)


@pytest.mark.parametrize(("amplitude", "rate"), [(500.0, 0.02), (3e6, 0.3), (0.4, -0.01), (9, 0)])
def test_exact_decays(amplitude, rate):
    found = fit_decay(amplitude * np.exp(-rate * T))
    assert found[0] == pytest.approx(amplitude, rel=1e-6)
    assert found[1] == pytest.approx(rate, abs=1e-7)
    assert found[2] < 1e-6


def test_the_error_is_that_of_repeated_measurements():
    rng, clean = np.random.default_rng(0), 500 * np.exp(-0.02 * T)
    fits = np.array([fit_decay(clean + rng.normal(0, 20, len(T))) for _ in range(300)])
    assert fits[:, 1].mean() == pytest.approx(0.02, abs=3 * fits[:, 1].std() / np.sqrt(300))
    assert 0.9 < fits[:, 2].mean() / fits[:, 1].std() < 1.3


def test_correlated_scatter_is_no_certainty():
    rng, clean = np.random.default_rng(1), 500 * np.exp(-0.01 * np.arange(200))
    fits = []
    for _ in range(100):
        noise = np.zeros(200)
        for t in range(1, 200):
            noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 10)
        fits.append(fit_decay(clean + noise))
    fits = np.array(fits)
    assert 0.6 < fits[:, 2].mean() / fits[:, 1].std() < 1.5


def test_missing_values():
    values = 500 * np.exp(-0.02 * T)
    values[5:20] = np.nan
    assert fit_decay(values)[1] == pytest.approx(0.02)


@pytest.mark.parametrize(
    "values", [[], [1.0], [3.0, 2, 1], [np.nan] * 9, [-1.0] * 9, [1, np.nan, np.nan, 2, 3.0]]
)
def test_too_little_to_tell_a_rate(values):
    assert np.isnan(fit_decay(np.array(values))).all()


def test_values_below_zero_count():
    """Dark cells scatter around 0; leaving out what is below would bias the rate."""
    rng = np.random.default_rng(2)
    amplitude, rate, error = fit_decay(rng.normal(1, 5, 400))
    assert np.isfinite([amplitude, rate, error]).all()

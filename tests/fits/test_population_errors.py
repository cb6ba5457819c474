"""Errors of fits as populations need them: not tied to the values, and with the fits' bias."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, sqrtm

from fovea.fits.population_errors import expected_errors


def logarithms(rng, values):
    """Symmetric matrices (N, K, K) that change with values (N, K)."""
    count, size = values.shape
    logs = rng.normal(0, 0.4, (count, size, size)) + rng.normal(0, 0.5, (size, size))
    logs = logs + 0.3 * np.einsum("nk,kij->nij", values, rng.normal(0, 1, (size, size, size)))
    return logs + logs.transpose(0, 2, 1)


def slopes(values, logs):
    """Plain regression of every entry."""
    x = np.column_stack([np.ones(len(values)), values - values.mean(axis=0)])
    return np.linalg.lstsq(x, logs.reshape(len(values), -1), rcond=None)[0][1:].reshape(
        values.shape[1], *logs.shape[1:]
    )


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(8, 30))
def test_covariances_by_scipy(seed, size, count):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (count, size))
    logs = logarithms(rng, values)
    covariance = np.stack([expm(part) for part in logs])
    away = values - values.mean(axis=0)
    plain = logs - np.einsum("nk,kij->nij", away, slopes(values, logs))
    plain = np.stack([expm(part) for part in plain])
    turn = sqrtm(covariance.mean(axis=0)) @ np.linalg.inv(sqrtm(plain.mean(axis=0)))
    even, bias = expected_errors(values, covariance)
    np.testing.assert_allclose(even, turn @ plain @ turn.T, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(even.mean(axis=0), covariance.mean(axis=0), rtol=1e-6, atol=1e-9)
    assert (bias == 0).all()


def test_covariances_that_are_alike_stay():
    rng = np.random.default_rng(0)
    covariance = np.tile(np.array([[2.0, 0.5], [0.5, 1.0]]), (20, 1, 1))
    even, bias = expected_errors(rng.normal(0, 1, (20, 2)), covariance, np.full(20, 3.0))
    np.testing.assert_allclose(even, covariance, rtol=1e-9)
    np.testing.assert_allclose(bias, 0, atol=1e-9)


def test_the_bias_of_a_curved_model():
    """Box's formula with the second derivatives of a decay that are written out."""
    rng, time = np.random.default_rng(1), np.linspace(0, 4, 30)
    # amplitude and rate of 400 cells, whose noise differs and depends on the amplitude
    unit, count = np.array([0.3, 0.1]), 400
    cells = np.array([2.0, 0.8]) + unit * rng.normal(0, 0.3, (count, 2))
    noise = 0.1 * np.exp(0.5 * rng.normal(0, 1, count) + cells[:, 0] - 2)
    decay = np.exp(-cells[:, 1:] * time)
    first = np.stack([decay, -time * cells[:, :1] * decay], axis=1) * unit[:, None]
    gram = first @ first.transpose(0, 2, 1)
    covariance = np.linalg.inv(gram) * noise[:, None, None] ** 2
    second = np.zeros((count, 2, 2, len(time)))
    second[:, 0, 1] = second[:, 1, 0] = -time * decay * unit[0] * unit[1]
    second[:, 1, 1] = time**2 * cells[:, :1] * decay * unit[1] ** 2
    products = np.einsum("nlt,nmst->nlms", first, second) / noise[:, None, None, None] ** 2
    expected = -np.einsum("nkl,nms,nlms->nk", covariance, covariance, products) / 2
    found = expected_errors(cells / unit, covariance, noise)[1]
    typical = np.median(expected, axis=0) * np.mean(noise**2) / np.median(noise**2)
    np.testing.assert_allclose(found, typical, rtol=0.1)

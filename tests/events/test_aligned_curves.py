"""Aligned curves: quartiles of each step, and the interval of the median."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fovea.events.curves import CURVE, aligned_curve, median_interval


@given(st.integers(0, 2**32 - 1))
def test_plain_quartiles(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 60))
    since = np.round(rng.uniform(-5, 5, count), 2)
    value, cell = rng.normal(0, 1, count), rng.integers(0, 8, count)
    table = aligned_curve(since, value, cell, cell // 2, 0.5)
    assert list(table) == CURVE
    place = np.floor(since / 0.5 + 1e-6)
    assert table["time"].tolist() == [(k + 0.5) * 0.5 for k in np.unique(place)]
    for k, row in zip(np.unique(place), table.itertuples(), strict=True):
        here = place == k
        means = [value[here & (cell == c)].mean() for c in np.unique(cell[here])]
        assert row.cells == len(means)
        np.testing.assert_allclose((row.lower_quartile, row.median, row.upper_quartile),
                                   np.quantile(means, (0.25, 0.5, 0.75)), atol=1e-12)  # fmt: skip


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_interval_of_independent_values_is_that_of_the_sign_test(count, seed):
    """It begins at the first value that the sign test does not reject, for either side."""
    value = np.random.default_rng(seed).normal(0, 1, count)
    low, high = median_interval(value, np.arange(count))
    ordered = np.sort(value)
    kept = [k for k in range(count)
            if binomtest(k, count, 0.5, alternative="less").pvalue > 0.025]  # fmt: skip
    if kept[0] == 0:
        assert np.isnan([low, high]).all()
        return
    assert low == ordered[kept[0] - 1]
    assert high == ordered[count - kept[0]]


@pytest.mark.parametrize("alike", [0.0, 0.6, 0.95])
def test_coverage_where_sisters_are_alike(alike):
    rng = np.random.default_rng(3)
    inside, group = [], np.repeat(np.arange(40), 2)
    for _ in range(600):
        shared, own = rng.standard_normal((2, 80))
        value = np.exp(np.sqrt(alike) * np.repeat(shared[:40], 2) + np.sqrt(1 - alike) * own)
        low, high = median_interval(value, group)
        inside.append(low <= 1 <= high)
    assert 0.935 <= np.mean(inside) <= 0.985


def test_pairs_that_are_the_same_count_once():
    value = np.random.default_rng(0).normal(0, 1, 30)
    pairs = median_interval(np.repeat(value, 2), np.repeat(np.arange(30), 2))
    assert pairs == median_interval(value, np.arange(30))
    assert np.isnan(median_interval(np.zeros(0), np.zeros(0, int))).all()
    assert median_interval(np.full(9, 7.0), np.arange(9)) == (7.0, 7.0)

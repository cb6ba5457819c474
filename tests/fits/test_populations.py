"""Populations of cells: spread without errors of fits, intervals, differences between samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chi2, multivariate_normal, t

from fovea.fits.population_errors import expected_errors
from fovea.fits.population_tables import (
    DIFFERENCES,
    cell_table,
    difference_table,
    estimate_populations,
    population_table,
    positive,
    sample_of,
)
from fovea.fits.populations import deviance_of, population_of
from fovea.fits.settings import settings_of
from support.simulated_populations import POPULATIONS, found_of

MATURATION = POPULATIONS["maturation"]
SPREAD = np.array([[0.09, 0.03, 0.0], [0.03, 0.04, 0.0], [0.0, 0.0, 0.01]])
MEAN = np.array([0.0, 1.0, 2.0])


def drawn(rng, count, size=3):
    """Values with errors, and their covariances; fitted values are about 30 % too wide."""
    cells = rng.multivariate_normal(MEAN[:size], SPREAD[:size, :size], count)
    error = rng.uniform(0.6, 1.1, (count, size)) * np.array([0.27, 0.18, 0.09])[:size]
    mixed = np.eye(size) * 0.7 + 0.3  # errors of parameters are correlated
    covariance = error[:, :, None] * error[:, None, :] * mixed
    return (
        cells,
        cells + np.array([rng.multivariate_normal(np.zeros(size), c) for c in covariance]),
        covariance,
    )


def test_the_likelihood_is_maximal():
    """A plain maximisation of the restricted likelihood, by scipy's densities, finds the same."""
    _, values, covariance = drawn(np.random.default_rng(0), 40, size=2)
    unit = values.std(axis=0)
    errors = expected_errors(values / unit, covariance / unit[:, None] / unit)[0]
    errors = errors * unit[:, None] * unit

    def deviance(point):
        root = np.array([[np.exp(point[2]), 0], [point[3], np.exp(point[4])]])
        total = [root @ root.T + c for c in errors]
        known = np.linalg.slogdet(sum(np.linalg.inv(c) for c in total))[1] / 2
        return known - sum(multivariate_normal.logpdf(y, point[:2], c)
                           for y, c in zip(values, total, strict=True))  # fmt: skip

    found = population_of(values, covariance)
    best = minimize(deviance, [0, 1, np.log(0.3), 0.1, np.log(0.2)], method="BFGS").x
    root = np.array([[np.exp(best[2]), 0], [best[3], np.exp(best[4])]])
    spread = root @ root.T
    np.testing.assert_allclose(found.mean, best[:2], atol=1e-4)
    np.testing.assert_allclose(found.deviation, np.sqrt(np.diag(spread)), rtol=1e-3)
    expected = spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1])
    assert found.correlation[0, 1] == pytest.approx(expected, abs=1e-3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_slope_of_the_deviance(seed, size):
    rng = np.random.default_rng(seed)
    roots = rng.normal(0, 1, (12, size, size))
    errors, y = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(size), rng.normal(0, 2, (12, size))
    spread = roots[0] @ roots[0].T + 0.2 * np.eye(size)
    slope = deviance_of(spread, y, errors)[1]
    change = rng.normal(0, 1, (size, size))
    change = (change + change.T) * 1e-5
    sides = [deviance_of(spread + sign * change, y, errors)[0] for sign in (1, -1)]
    assert (sides[0] - sides[1]) / 2 == pytest.approx((slope * change).sum(), rel=1e-4, abs=1e-8)


def test_intervals_without_errors_are_those_of_textbooks():
    """With next to no errors: t and chi² intervals, and Fisher's z."""
    values = np.random.default_rng(1).multivariate_normal(MEAN[:2], SPREAD[:2, :2], 15)
    found = population_of(values, np.tile(1e-12 * np.eye(2), (15, 1, 1)))
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    np.testing.assert_allclose(found.deviation, values.std(axis=0, ddof=1), rtol=1e-4)
    reach = t.ppf(0.975, 14) * found.deviation / np.sqrt(15)
    np.testing.assert_allclose(found.mean_interval[1] - found.mean, reach, rtol=1e-4)
    ends = np.sqrt(14 / chi2.ppf([0.975, 0.025], 14))
    np.testing.assert_allclose(found.deviation_interval, found.deviation * ends[:, None], rtol=1e-3)
    r = np.corrcoef(values.T)[0, 1]
    assert found.correlation[0, 1] == pytest.approx(r, rel=1e-3)
    z = np.arctanh(found.correlation_interval[:, 0, 1]) - np.arctanh(r)
    np.testing.assert_allclose(z, np.array([-1, 1]) * t.ppf(0.975, 14) / np.sqrt(14), rtol=1e-3)


def test_cells_that_do_not_vary():
    """The spread is 0, its interval reaches up, and nothing is correlated with it."""
    rng = np.random.default_rng(7)
    values = rng.normal(0, [1, 0.3], (60, 2))
    values[:, 1] -= np.polyval(np.polyfit(*values.T, 1), values[:, 0])  # not even by chance
    found = population_of(values, np.tile(np.diag([1e-4, 0.16]), (60, 1, 1)))
    assert found.deviation[0] == pytest.approx(values[:, 0].std(ddof=1), rel=0.01)
    assert found.deviation[1] == 0
    assert found.deviation_interval[0, 1] == 0
    assert 0 < found.deviation_interval[1, 1] < 0.3
    assert np.isnan(found.correlation[0, 1])
    assert np.isnan(found.correlation_interval[:, 0, 1]).all()
    assert np.isfinite(found.cells).all()


def test_spread_and_intervals_of_many_populations():
    rng, inside, ratio, raw = np.random.default_rng(1), [], [], []
    true = np.sqrt(np.diag(SPREAD))
    for _ in range(100):
        _, values, covariance = drawn(rng, 100)
        found = population_of(values, covariance)
        assert found.converged
        ratio.append(found.deviation / true)
        raw.append(found.raw_deviation / true)
        r = found.correlation_interval
        inside.append([
            (found.mean_interval[0] <= MEAN) & (found.mean_interval[1] >= MEAN),
            (found.deviation_interval[0] <= true) & (true <= found.deviation_interval[1]),
            [r[0, 0, 1] <= 0.5 <= r[1, 0, 1], r[0, 0, 2] <= 0 <= r[1, 0, 2],
             r[0, 1, 2] <= 0 <= r[1, 1, 2]],
        ])  # fmt: skip
    assert (np.mean(raw, axis=0) > 1.2).all()
    np.testing.assert_allclose(np.mean(ratio, axis=0), 1, atol=0.05)
    held = np.mean(inside, axis=(0, 2))  # 300 intervals of each kind
    assert (held >= 0.92).all(), held
    assert (held <= 0.98).all(), held


def test_errors_that_follow_the_estimates_move_no_mean():
    """Errors are computed at the estimates, so that small values seem to be the more certain."""
    rng, inside, spreads = np.random.default_rng(8), [], []
    for _ in range(80):
        cells = rng.normal(0, 1, (200, 2))
        values = cells + rng.normal(0, 0.9, cells.shape)
        tied = 0.81 * np.exp(0.25 * values - 0.25**2 * 1.81 / 2)  # 0.81 on average
        found = population_of(values, tied[:, :, None] * np.eye(2))
        inside.append((found.mean_interval[0] <= 0) & (found.mean_interval[1] >= 0))
        spreads.append(found.deviation)
    assert 0.91 <= np.mean(inside) <= 0.99  # otherwise 0.5
    np.testing.assert_allclose(np.mean(spreads, axis=0), 1, atol=0.03)


def test_coverage_of_fitted_populations():
    """`benchmarks/population_coverage.py` has more models and cells."""
    found = found_of(POPULATIONS["exponential_decay"], 30, 40, seed=6)
    assert found.raw.max() > 1.15
    np.testing.assert_allclose(found.deviation, 1, atol=0.1)  # medians of 40 samples of 30 cells
    assert found.converged == 1
    for share in (found.mean_inside, found.deviation_inside, found.difference_inside):
        assert 0.9 <= share.mean() <= 0.99, found
    assert found.correlation_inside >= 0.92


def test_fits_of_cells_give_their_population():
    settings, table, truth = MATURATION.sample(1200, seed=2)
    found = estimate_populations(settings, {"a": table})
    _, _, population = found["a"]
    assert positive(settings).tolist() == [False, True, True, False]
    spread = truth.std(axis=0)
    assert population.raw_deviation[0] > 1.2 * spread[0]
    np.testing.assert_allclose(population.deviation, spread, rtol=0.05)
    error = (population.mean - truth.mean(axis=0)) / population.mean_error
    assert (np.abs(error) < 3).all()
    # cells drawn towards the population are nearer to what they are
    cells, rows = cell_table(settings, found), sample_of(settings, table)[0].index
    for k, name in enumerate(MATURATION.draw):
        back = np.exp if positive(settings)[k] else np.asarray
        true = back(truth[rows, k])
        away = [
            np.sqrt(np.mean((cells[column] - true) ** 2)) for column in (name, f"{name}_shrunken")
        ]
        assert away[1] < away[0]
        inside = (cells[f"{name}_shrunken_low"] <= true) & (true <= cells[f"{name}_shrunken_high"])
        assert 0.9 < inside.mean() < 0.98
    row = population_table(settings, found, dict.fromkeys(settings.fitted, "u")).set_index(
        "parameter"
    )
    assert row.loc["delta", "mean"] == pytest.approx(0.07, rel=0.01)
    ends = row.loc["delta", ["mean_ci_low", "mean_ci_high"]].to_numpy(float)
    np.testing.assert_allclose(ends, np.exp(population.mean_interval[:, 2]))
    assert row.loc["delta", "scale"] == "log"
    assert row.loc["t0", "correlation_t0"] == pytest.approx(1)


def test_differences_between_samples():
    settings, first, _ = MATURATION.sample(300, seed=3)
    _, second, _ = MATURATION.sample(300, seed=4, delta=0.05)
    found = estimate_populations(settings, {"control": first, "siRNA": second})
    table = difference_table(settings, found).set_index("parameter")
    assert table.columns.tolist() == [name for name in DIFFERENCES if name != "parameter"]
    delta = table.loc["delta"]
    assert delta["ci_low"] < 0.05 < delta["ci_high"]
    assert delta["ratio"] == pytest.approx(np.exp(delta["difference"]))
    assert delta["p_value"] < 1e-6
    assert delta["effect_size"] == pytest.approx(0.05 / 0.04, rel=0.3)
    assert delta["cliffs_delta"] > 0.3
    assert delta["ks_p_value"] < 1e-4
    assert table.loc["ktl", "p_value"] > 1e-3
    values = [sample_of(settings, part)[1][:, 2] for part in (first, second)]
    larger = np.sign(values[1][:, None] - values[0]).mean()
    assert delta["cliffs_delta"] == pytest.approx(larger)


def test_few_cells_are_no_population():
    settings, table, _ = MATURATION.sample(12, seed=5)
    table.loc[3:, "success"] = False
    found = estimate_populations(settings, {"few": table, "more": table})
    assert found["few"][2] is None
    row = population_table(settings, found, dict.fromkeys(settings.fitted, "u")).iloc[0]
    assert row["note"] == "3 cells are too few"
    assert cell_table(settings, found)["t0_shrunken"].isna().all()
    differences = difference_table(settings, found)
    assert differences["difference"].isna().all()
    assert differences["cliffs_delta"].tolist() == [0] * 4
    line = settings_of({"model": "line"})
    assert not positive(line).any()
    assert isinstance(difference_table(settings, {}), pd.DataFrame)


def test_tables_and_figure_as_files(tmp_path):
    from fovea.figures.populations import populations
    from fovea.samples.tables import write_csv

    paths = {}
    for number, name in enumerate(("control", "siRNA", "few")):
        _, table, _ = MATURATION.sample(40 if name != "few" else 4, seed=number)
        paths[name] = tmp_path / f"{name}.csv"
        write_csv(table[["fov", "cell", *table.columns.drop(["fov", "cell"])]], paths[name])
    out = [tmp_path / name for name in ("p.csv", "c.csv", "d.csv", "p.png")]
    entry = {"model": "maturation", "parameters": {"t0": {"low": -3, "high": 3}}}
    populations(paths, *out[:3], out[3:], entry, "intensity_total_ch_1")
    table = pd.read_csv(out[0])
    assert table["cells"].tolist() == [40] * 8 + [4] * 4
    assert table["unit"].tolist()[:4] == ["h", "counts/h", "1/h", "counts"]
    assert len(pd.read_csv(out[1])) == 84
    assert len(pd.read_csv(out[2])) == 12
    assert out[3].stat().st_size > 10_000
    first = out[0].read_bytes()
    populations(paths, *out[:3], out[3:], entry, "intensity_total_ch_1")
    assert out[0].read_bytes() == first

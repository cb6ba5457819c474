"""Populations of cells: spread without errors of fits, intervals, differences between samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from fovea.fits.population_tables import (
    DIFFERENCES,
    cell_table,
    difference_table,
    estimate_populations,
    population_table,
    positive,
    sample_of,
)
from fovea.fits.populations import population_of
from fovea.fits.settings import settings_of
from support.simulated_traces import POPULATION, sample_of_population

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
    """A plain maximisation of the product of scipy's densities finds the same."""
    _, values, covariance = drawn(np.random.default_rng(0), 40, size=2)

    def deviance(point):
        root = np.array([[np.exp(point[2]), 0], [point[3], np.exp(point[4])]])
        return -sum(multivariate_normal.logpdf(y, point[:2], root @ root.T + c)
                    for y, c in zip(values, covariance, strict=True))  # fmt: skip

    found = population_of(values, covariance)
    best = minimize(deviance, [0, 1, np.log(0.3), 0.1, np.log(0.2)], method="BFGS").x
    root = np.array([[np.exp(best[2]), 0], [best[3], np.exp(best[4])]])
    spread = root @ root.T
    np.testing.assert_allclose(found.mean, best[:2], atol=2e-3)
    np.testing.assert_allclose(found.deviation, np.sqrt(np.diag(spread)), rtol=5e-3)
    expected = spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1])
    assert found.correlation[0, 1] == pytest.approx(expected, abs=0.01)


def test_spread_and_intervals_of_many_populations():
    rng, inside, ratio, raw = np.random.default_rng(1), [], [], []
    true = np.sqrt(np.diag(SPREAD))
    for _ in range(150):
        _, values, covariance = drawn(rng, 150)
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
    held = np.mean(inside, axis=(0, 2))  # 450 intervals of each kind
    assert (held >= 0.92).all(), held
    assert (held <= 0.98).all(), held


def test_fits_of_cells_give_their_population():
    settings, table, truth = sample_of_population(1200, seed=2)
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
    for k, name in enumerate(POPULATION):
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
    settings, first, _ = sample_of_population(300, seed=3)
    _, second, _ = sample_of_population(300, seed=4, delta=0.05)
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
    settings, table, _ = sample_of_population(12, seed=5)
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
        _, table, _ = sample_of_population(40 if name != "few" else 4, seed=number)
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

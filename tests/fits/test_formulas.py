"""The models' functions and derivatives, against formulas written down anew."""

from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fovea.fits.models.declarations import Model
from fovea.fits.models.exponentials import pair, pair_and_twice
from fovea.fits.models.formulas import maturation
from support.simulated_traces import CASES, evaluate, model_of

trivial, maturation_blocked, twostage = map(model_of, ("trivial", "maturation_blocked", "twostage"))
TIMES = np.array([-1.0, 0.0, 0.3, 0.5, 1.0, 2.5, 7.0, 29.0])


def direct_maturation(t, t0, ktl, km, delta, beta, offset):
    """The sum of three exponentials, as PyAMA has it; not for equal rates."""
    dt = t - t0
    if dt <= 0:
        return offset
    f1 = exp(-(beta + km) * dt) / (beta - delta + km)
    f2 = -exp(-beta * dt) / (beta - delta)
    f3 = km / ((beta - delta) * (beta - delta + km)) * exp(-delta * dt)
    return ktl * (f1 + f2 + f3) + offset


def test_maturation_is_the_sum_of_three_exponentials():
    values = [0.5, 6e4, 1.28, 0.07, 5.22e-3, 100.0]
    expected = [direct_maturation(t, *values) for t in TIMES]
    np.testing.assert_allclose(maturation(TIMES, *values), expected, rtol=1e-9)


def test_maturation_solves_its_differential_equations():
    ktl, km, delta, beta = 2e3, 0.9, 0.2, 0.05

    def grow(_, y):
        m, immature, mature = y
        return [-delta * m, ktl * m - (km + beta) * immature, km * immature - beta * mature]

    times = np.linspace(0, 20, 30)
    found = solve_ivp(grow, (0, 20), [1, 0, 0], t_eval=times, rtol=1e-10, atol=1e-8)
    model = maturation(times, 0.0, ktl, km, delta, beta, 0.0)
    np.testing.assert_allclose(model, found.y[2], rtol=1e-6, atol=1e-4)


def test_maturation_at_equal_rates():
    ktl, km, beta = 1e3, 1.28, 0.05
    dt = TIMES[TIMES > 0]
    at_beta = ktl * (np.exp(-(beta + km) * dt) / km + (dt - 1 / km) * np.exp(-beta * dt))
    np.testing.assert_allclose(maturation(dt, 0, ktl, km, beta, beta, 0), at_beta, rtol=1e-9)
    immature = beta + km
    at_immature = ktl * (
        (np.exp(-beta * dt) - np.exp(-immature * dt)) / km - dt * np.exp(-immature * dt)
    )
    np.testing.assert_allclose(
        maturation(dt, 0, ktl, km, immature, beta, 0), at_immature, rtol=1e-9
    )


def test_trivial_and_its_equal_rates():
    dt = TIMES[TIMES > 0]
    expected = 10 + 5 / (0.3 - 0.04) * (np.exp(-0.04 * dt) - np.exp(-0.3 * dt))
    np.testing.assert_allclose(trivial(dt, 0, 5, 0.3, 0.04, 10), expected, rtol=1e-12)
    np.testing.assert_allclose(
        trivial(dt, 0, 5, 0.04, 0.04, 10), 10 + 5 * dt * np.exp(-0.04 * dt), rtol=1e-13
    )


def test_base_is_trivial_in_minutes():
    base = model_of("base")
    found = base(TIMES * 60, 30.0, 5 / 60, 0.3 / 60, 0.04 / 60, 10.0)
    np.testing.assert_allclose(found, trivial(TIMES, 0.5, 5, 0.3, 0.04, 10), rtol=1e-12)
    assert base.parameter("protein_degradation_rate_min").default == 0.0436275356035 / 60


def test_others_as_written():
    t, dt = TIMES, np.maximum(TIMES - 0.4, 0)
    blocked = np.where(
        TIMES > 0.4, 7 * np.exp(-0.1 * dt) + 3 * (np.exp(-0.1 * dt) - np.exp(-1.1 * dt)), 0
    )
    np.testing.assert_allclose(maturation_blocked(t, 0.4, 7, 3, 1.0, 0.1, 2), blocked + 2)
    two = 5 * (1 - np.exp(-0.5 * dt)) * np.exp(-0.1 * dt)
    np.testing.assert_allclose(twostage(t, 0.4, 5, 0.5, 0.1, 2), two + 2, rtol=1e-12)
    np.testing.assert_allclose(model_of("line")(t, 3, 2), 3 * t + 2)
    np.testing.assert_allclose(model_of("onset")(t, 0.4, 3, 2), 3 * dt + 2)
    decay = model_of("exponential_decay")(t, 0.0, 3, 0.5, 2)
    np.testing.assert_allclose(decay, 3 * np.exp(-0.5 * np.maximum(t, 0)) + 2)


def exact_exp(rate: Fraction, time: Fraction) -> Fraction:
    """exp(-rate time) to some 40 digits."""
    x, term, total, n = -rate * time / 1024, Fraction(1), Fraction(1), 0
    while abs(term) > Fraction(1, 10**60):
        n += 1
        term = term * x / n
        total += term
    for _ in range(10):
        total = total * total
        total = Fraction(round(total * 10**80), 10**80)
    return total


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-8, 1e-11])
@pytest.mark.parametrize("time", [1e-4, 0.3, 12.0])
def test_convolutions_of_nearly_equal_rates(gap, time):
    a, b, t = Fraction(0.0625), Fraction(0.0625) + Fraction(gap), Fraction(time)
    both = (exact_exp(a, t) - exact_exp(b, t)) / (b - a)
    twice = (t * exact_exp(a, t) - both) / (b - a)  # a, a and b
    args = np.array([[time]]), np.array([[float(a)]]), np.array([[float(b)]])
    np.testing.assert_allclose(pair(*args), float(both), rtol=1e-13)
    np.testing.assert_allclose(pair_and_twice(*args)[1], float(twice), rtol=1e-9)
    other = (both - t * exact_exp(b, t)) / (b - a)  # b, b and a
    args = args[0], args[2], args[1]
    np.testing.assert_allclose(pair_and_twice(*args)[1], float(other), rtol=1e-9)


RATE = st.floats(1e-5, 11.0)


@settings(max_examples=100, deadline=None)
@given(RATE, RATE, st.sampled_from([None, "equal", "near"]), st.floats(-1, 5))
def test_derivatives_equal_differences(delta, beta, kind, t0):
    """Of all models, at any rates, equal ones included."""
    delta = {None: delta, "equal": beta, "near": beta * (1 + 1e-9)}[kind]
    rates = {"delta": delta, "beta": beta, "km": 1.28, "k_m": delta, "rate": delta, "t0": t0}
    rates |= {"onset": t0, "time_onset_min": 60 * t0, "mrna_degradation_rate_min": delta / 60}
    rates["protein_degradation_rate_min"] = beta / 60
    for name in CASES:
        model = model_of(name)
        time = TIMES * (60 if model.time_unit == "min" else 1)
        time = time[np.abs(time - rates.get(model.names[0], np.inf)) > 1e-3][None]
        values = [np.array([[rates.get(p.name, 10.0)]]) for p in model.parameters]
        value, derivatives = model.differentiate(model.names, time, *values)
        np.testing.assert_allclose(value, model(time, *values), rtol=1e-9, atol=1e-9)
        for i, parameter in enumerate(model.names):
            step = 1e-5 * max(abs(float(values[i][0, 0])), 1e-3)
            low, high = ([v + s * (j == i) for j, v in enumerate(values)] for s in (-step, step))
            change = (model(time, *high) - model(time, *low)) / (2 * step)
            scale = np.abs(change).max() + np.abs(value).max() / step * 1e-11 + 1e-9
            assert np.abs(derivatives[i] - change).max() <= 2e-4 * scale, (name, parameter)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-5, 30), st.floats(1e-5, 11), st.floats(1e-5, 10), st.floats(0, 1e4))
def test_nothing_overflows(km, delta, beta, time):
    values = [np.array([[x]]) for x in (0.0, 1.0, km, delta, beta, 0.0, 1.0)]
    model = model_of("maturation")
    value, derivatives = model.differentiate(model.names, np.array([[time]]), *values)
    assert np.isfinite(value).all()
    assert all(np.isfinite(d).all() for d in derivatives)
    assert value[0, 0] >= -1e-12


def test_models_have_the_defaults_and_bounds_of_pyama():
    expected = {
        "trivial": {"t0": (2, 0, 30), "ktl": (20, 1, 1e6), "delta": (0.07, 1e-5, 10.1),
                    "beta": (0.0436275356035, 1e-5, 10), "offset": (0, -1e6, 1e6)},
        "maturation": {"t0": (0, -1, 1), "ktl": (1e3, 1, 5e8), "delta": (1e-2, 1e-5, 11),
                       "offset": (0, -1e6, 1e6)},
        "maturation_blocked": {"t0": (0, 0, 1), "G0": (100, 0, 1e6), "Gu0": (100, 0, 1e6),
                               "km": (1.28, 1e-5, 30), "beta": (5.22e-3, 1e-5, 10),
                               "offset": (0, -1e6, 1e6)},
        "base": {"time_onset_min": (120, -1e6, 1800), "ktl_m0_min": (20 / 60, 1 / 60, 5e4 / 60),
                 "mrna_degradation_rate_min": (0.07 / 60, 1e-5 / 60, 10.1 / 60),
                 "intensity_offset": (0, -1e6, 1e6)},
        "twostage": {"t0": (2, 0, 30), "k_tl": (1000, 1, 5e8), "k_m": (1.28, 1e-5, 30),
                     "beta": (5.22e-3, 1e-5, 10), "offset": (0, -1000, 1000)},
    }  # fmt: skip
    for name, parameters in expected.items():
        found = {p.name: (p.default, p.low, p.high) for p in model_of(name).parameters
                 if not p.fixed}  # fmt: skip
        assert list(found) == list(parameters)
        for parameter, numbers in parameters.items():
            assert found[parameter] == pytest.approx(numbers, rel=1e-12)
    fixed = {p.name: p.default for p in model_of("maturation").parameters if p.fixed}
    assert fixed == {"km": 1.28, "beta": 5.22e-3, "scale": 1.0}


@pytest.mark.parametrize(("name", "part"), [("logistic", 1 / 2), ("gompertz", 1 / np.e)])
def test_the_maximal_rate_is_a_parameter(name, part):
    """The steepest slope of the curve, when it is reached, and at which part of the rise."""
    model, time = model_of(name), np.linspace(0, 60, 60_001)
    value = model(time, 21.5, 30.0, 0.4, 7.0)
    slope = np.gradient(value, time)
    assert slope.max() == pytest.approx(30, rel=1e-6)
    assert time[np.argmax(slope)] == pytest.approx(21.5, abs=2e-3)
    rise = {"logistic": 4, "gompertz": np.e}[name] * 30 / 0.4
    assert value[[0, -1]] == pytest.approx([7, 7 + rise], abs=0.06)
    assert model(21.5, 21.5, 30.0, 0.4, 7.0) == pytest.approx(7 + part * rise)


@pytest.mark.parametrize("name", ["logistic", "gompertz"])
def test_steep_rises_do_not_overflow(name):
    model, time = model_of(name), np.array([[-1e4, -1, 0, 1, 1e4]])
    value, derivatives = model.differentiate(model.names, time, 0.0, 1.0, 30.0, 2.0)
    assert np.isfinite([value, *derivatives]).all()
    assert value[0, [0, -1]] == pytest.approx([2, 2 + {"logistic": 4, "gompertz": np.e}[name] / 30])


def test_a_model_without_derivatives_gets_numeric_ones():
    from dataclasses import replace

    model = model_of("twostage")
    bare = replace(model, function=model, derivatives=None)
    values = [np.array([[x]]) for x in (0.4, 5.0, 0.5, 0.1, 2.0)]
    time = np.linspace(1, 20, 40)[None]
    known, found = (m.differentiate(m.names, time, *values)[1] for m in (model, bare))
    for a, b in zip(known, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_a_model_needs_something_to_compute():
    with pytest.raises(TypeError, match="model empty has neither function nor derivatives nor"):
        Model("empty", "Empty", "h", ())


def test_before_the_onset_there_is_the_offset_alone():
    for name in ("trivial", "maturation", "maturation_blocked", "twostage"):
        model = model_of(name)
        values = [p.default for p in model.parameters]
        values[0], values[model.names.index("offset")] = 0.5, 7.0
        assert model(np.array([-1.0, 0.0, 0.5]), *values).tolist() == [7.0] * 3


def test_linear_parameters_are_linear():
    rng = np.random.default_rng(0)
    for case in CASES.values():
        model = model_of(case.model)
        places = [i for i, p in enumerate(model.parameters) if p.kind == "linear"]
        first, second = case.parameters_of(rng, 1), case.parameters_of(rng, 1)
        second = np.where(np.isin(np.arange(first.shape[1]), places), second, first)
        values = [evaluate(model, case.time, p) for p in (first, second, (first + second) / 2)]
        np.testing.assert_allclose(values[2], (values[0] + values[1]) / 2, rtol=1e-9)

"""The cost of fits against that of scipy and lmfit, on a thousand cells."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from fovea.fits.solver.least_squares import fit_traces
from support.simulated_traces import CASES, evaluate, grid, model_of, noisy


@pytest.mark.parametrize(("name", "noise"), [("maturation", 3000.0), ("maturation", 60000.0),
                                             ("trivial", 100.0), ("base", 300.0)])  # fmt: skip
def test_cost_is_never_higher_than_scipys(name, noise):
    """On a thousand cells, whatever the start: the default values, or the truth."""
    case = CASES[name]
    count = 1000
    truth, values = noisy(case, noise, count, seed=1)
    settings = case.settings()
    fits = fit_traces(settings, grid(case.time, count), values)
    model, columns = settings.model, [settings.model.names.index(n) for n in case.fitted]
    low, high = np.array(settings.low), np.array(settings.high)
    for row in range(count):
        base = truth[row].copy()

        def jacobian(x, base=base):
            base[columns] = x
            args = [np.array([[v]]) for v in base]
            return np.stack(model.differentiate(case.fitted, case.time[None], *args)[1])[:, 0].T

        def residual(x, base=base, row=row):
            base[columns] = x
            return evaluate(model, case.time, base[None])[0] - values[row]

        starts = [np.array(settings.values)[columns], truth[row, columns]]
        for start in starts if row % 10 == 0 else starts[1:]:
            start = np.clip(start, low + 1e-9, high - 1e-9)
            other = least_squares(residual, start, jac=jacobian, bounds=(low, high), x_scale="jac")
            assert fits.cost[row] <= 2 * other.cost * (1 + 1e-6)


def test_cost_is_never_higher_than_lmfits():
    """On a thousand cells, with exact derivatives and from the truth; errors agree as well."""
    import lmfit

    case = CASES["maturation"]
    count, time = 1000, case.time[::3]
    truth = case.parameters_of(np.random.default_rng(2), count)
    values = evaluate(model_of("maturation"), time, truth)
    values += 3000.0 * np.random.default_rng(3).standard_normal(values.shape)
    settings = case.settings()
    fits = fit_traces(settings, grid(time, count), values)
    model = settings.model

    def numbers(given):
        return [np.array([[given[name].value]]) for name in model.names]

    def residual(given, value):
        return model(time[None], *numbers(given))[0] - value

    def derivatives(given, value):
        found = model.differentiate(case.fitted, time[None], *numbers(given))[1]
        return np.concatenate([np.broadcast_to(d, (1, len(time))) for d in found])

    for row in range(count):
        given = lmfit.Parameters()
        for i, parameter in enumerate(model.parameters):
            given.add(parameter.name, truth[row, i], vary=not parameter.fixed,
                      min=parameter.low, max=parameter.high)  # fmt: skip
        fitter = lmfit.Minimizer(residual, given, (values[row],), calc_covar=row < 30)
        other = fitter.leastsq(Dfun=derivatives, col_deriv=1)
        assert fits.cost[row] <= other.chisqr * (1 + 1e-6)
        # lmfit turns bounds into a curve on which few fits end a little short of the least cost
        assert fits.cost[row] >= other.chisqr * (1 - 0.02)
        if row < 30:
            errors = [other.params[name].stderr for name in case.fitted]
            np.testing.assert_allclose(fits.error[row], errors, rtol=0.05)

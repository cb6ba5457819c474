"""Onsets that the bounds of a fit do not allow: no good R² may hide them."""

import logging

import numpy as np
import pandas as pd
import pytest

from fovea.figures import style
from fovea.fits.bounds import notes_of_fits, notes_of_table
from fovea.fits.fit import log_fits
from fovea.fits.fit_table import messages, success, table_of
from fovea.fits.parameter_table import write_summaries
from fovea.fits.settings import settings_of
from fovea.fits.solver.least_squares import fit_traces
from support.simulated_traces import CASES, HOURS, evaluate, fit_one, grid, model_of, noisy


def test_an_onset_beyond_the_bounds_is_flagged():
    """PyAMA calls this fit a success, with R² 0.988, and delta is 28 % too low."""
    model = model_of("maturation")
    truth = np.array([[3.0, 6e4, 1.28, 0.1, 5.22e-3, 3e4, 1.0]])
    value = evaluate(model, HOURS, truth)[0]
    value *= 1 + 0.02 * np.random.default_rng(0).standard_normal(len(HOURS))
    settings, fits, message, good = fit_one("maturation", HOURS, value)
    assert fits.r_squared[0] > 0.97
    assert not good
    assert message.startswith("t0 at its upper bound")
    assert fits.bound[0].tolist()[0] == 1
    assert np.isnan(fits.error[0, 0])
    wider = {"parameters": {"t0": {"high": 10.0}}}
    settings, fits, message, good = fit_one("maturation", HOURS, value, **wider)
    assert good
    assert fits.values[0, settings.model.names.index("delta")] == pytest.approx(0.1, rel=0.1)


ONSETS = {"maturation": "t0", "trivial": "t0", "base": "time_onset_min", "twostage": "t0",
          "onset": "onset"}  # fmt: skip


@pytest.mark.parametrize("side", ["low", "high", "low at 0"])
@pytest.mark.parametrize("name", ONSETS)
def test_onsets_outside_bounds_on_either_side(name, side):
    """A fit whose onset cannot be reached is at the bound, or its message says what is wrong."""
    case, parameter = CASES[name], ONSETS[name]
    truth, values = noisy(case, case.noises[1], 100, seed=1)
    onset = truth[:, model_of(name).names.index(parameter)]
    margin, time = 0.02 * case.time[-1], case.time
    if side == "low at 0":
        time = time - onset.max() - margin
        bounds = {"low": 0.0, "value": 0.0}
    else:
        limit = float(onset.min() - margin if side == "high" else onset.max() + margin)
        bounds = {side: limit, "value": limit}
    settings = settings_of({"model": name, "parameters": {parameter: bounds}})
    fits = fit_traces(settings, grid(time, 100), values)
    at_bound = fits.bound[:, settings.fitted.index(parameter)]
    flagged = at_bound == (1 if side == "high" else -1)
    assert not success(settings, fits)[flagged].any()
    if (name, side) == ("base", "high"):  # by default its onset may lie long before the trace
        assert flagged.mean() > 0.4
        told = ["residuals are correlated" in text for text in messages(settings, fits)]
        assert (flagged | told).all()
    else:
        assert flagged.all()


# ------------------------------------------------------------------ many cells stop at one bound


def onsets(low, high, cells=20):
    """Fits of cells with onsets between two times in h, by model `maturation`."""
    model = model_of("maturation")
    truth = np.tile([0.0, 6e4, 1.28, 0.1, 5.22e-3, 3e4, 1.0], (cells, 1))
    truth[:, 0] = np.linspace(low, high, cells)
    value = np.stack([evaluate(model, HOURS, row[None])[0] for row in truth])
    value *= 1 + 0.002 * np.random.default_rng(0).standard_normal(value.shape)
    return lambda **more: (
        settings_of({"model": "maturation", **more}),
        fit_traces(settings_of({"model": "maturation", **more}), grid(HOURS, cells), value),
    )


def test_a_bound_that_many_cells_stop_at_is_named_with_its_remedy(caplog):
    fitted = onsets(0.4, 3.0)
    settings, fits = fitted()
    (note,) = notes_of_fits(settings, fits).values()
    count = int((fits.bound[:, 0] == 1).sum())
    assert count > 10
    assert note.startswith(f"t0 stopped at its upper bound, 1 h, in {count} of 20 cells")
    high = int(np.ceil(HOURS[-1]))
    assert f"{{t0: {{high: {high}}}}}, the length of the recording" in note
    assert notes_of_table(settings, table_of(settings, fits)) == {"t0": note}
    log_fits(settings, fits, logging.getLogger("fovea"))
    assert note in caplog.text
    assert notes_of_fits(*fitted(parameters={"t0": {"high": high}})) == {}


def test_a_few_cells_at_a_bound_are_not_worth_a_word():
    settings, fits = onsets(0.4, 0.8)()
    assert notes_of_fits(settings, fits) == {}
    fits.bound[:2, 0] = 1
    assert notes_of_fits(settings, fits) == {}
    fits.bound[:3, 0] = -1
    (note,) = notes_of_fits(settings, fits).values()
    assert "t0 stopped at its lower bound, -1 h, in 3 of 20 cells" in note
    assert note.endswith("under `parameters`: a smaller low")


def test_the_table_and_the_figure_say_it(tmp_path):
    settings, fits = onsets(0.4, 3.0)()
    note = notes_of_fits(settings, fits)["t0"]
    write_summaries(
        tmp_path / "p.csv", {"s": table_of(settings, fits)}, {"t0": "h"}, {"s": {"t0": note}}
    )
    assert pd.read_csv(tmp_path / "p.csv").loc[0, "note"] == note
    with style.figure((5, 3), [tmp_path / "a.png"]) as drawing:
        drawing.subplots()
        style.note(drawing, [], [note])
        assert drawing.get_supxlabel().replace("\n", " ") == note

"""The examples of docs/python.md, run in their order on a small simulated recording."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fovea.simulation.simulate import simulate

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text("utf-8")


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What is left in the interpreter after all examples."""
    folder = tmp_path_factory.mktemp("python")
    simulate(folder / "data/demo.ome.tiff", folder / "truth", 1, 32, 320, 320, 9)
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), 1):
            exec(compile(code, f"docs/python.md, example {number}", "exec"), names)
    return names


def test_the_examples_find_cells_and_rates(left):
    assert left["phase"].shape == left["gfp"].shape == (32, 320, 320)
    assert left["labels"].max() >= 8
    cells = left["traces"]["cell"].nunique()
    assert cells >= 3
    assert len(left["good"]) >= 1
    assert set(left["good"].index) <= set(left["traces"]["cell"])
    assert left["slow"].index.equals(left["table"].columns)


def test_the_examples_estimate_the_rate_they_put_in(left):
    (fit,) = left["fits"].itertuples()
    assert fit.success
    assert fit.rate == pytest.approx(0.3, rel=1e-6)
    assert np.isclose(fit.amplitude, 100)

"""Deaths: a plain definition, simulated ones, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.events.deaths import AFTER, BEFORE, WINDOW, loss, usual_before
from support.simulated_traces import Disturbance


def plain(value, share):
    """The definition, value by value."""
    count = len(value)
    usual = [np.median(value[max(k - WINDOW, 0) : k]) if k >= 3 else np.nan for k in range(count)]
    smooth = [np.median(value[k - 1 : k + 2]) if 0 < k < count - 1 else value[k]
              for k in range(count)]  # fmt: skip
    for k in range(BEFORE, count - AFTER + 1):
        threshold = share * usual[k]
        spread = 1.4826 * np.median([abs(value[j] - usual[j]) for j in range(3, k)])
        left = np.median(value[k:])
        if not (usual[k] > 0 and max(smooth[k:]) < threshold and usual[k] - left > 4 * spread):
            continue
        above = [j for j in range(k) if value[j] > threshold + 2 * spread]
        lowest = max(threshold - 2 * spread, left)
        below = next(j for j in range(k, count) if value[j] <= lowest)
        return k, above[-1] if above else 0, below
    return None


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_plain_definition(seed, share):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 40))
    value = rng.choice([1.0, 10.0, 100.0]) * np.ones(count) + rng.normal(0, rng.choice([0, 1, 9]))
    value[int(rng.integers(0, count + 1)) :] *= rng.choice([0.0, 0.2, 0.5, -0.1])
    value = value + rng.normal(0, rng.choice([0.0, 0.5, 3.0]), count)
    found, expected = loss(value, share), plain(value, share)
    assert (found is None) == (expected is None)
    if found is not None:
        assert (found.event, found.before, found.after) == expected
        assert found.before < found.event <= found.after
    if count > 3:
        assert usual_before(value)[3] == np.median(value[:3])


@pytest.mark.parametrize("correlation", [0.0, 0.85])
def test_times_of_simulated_deaths(correlation):
    """All are found, at the right time; the threshold is crossed within the interval."""
    rng, time = np.random.default_rng(0), np.arange(80.0)
    at, slow = rng.uniform(8, 72, 200), rng.choice([0.3, 2.0], 200)
    since = np.maximum(time - at[:, None], 0.0)
    value = np.exp(-time / 200) * (0.1 + 0.9 * np.exp(-since / slow[:, None]))
    noise = Disturbance(correlation, frames=80).draw(rng, time, value, 0.03)
    crossed = at - slow * np.log(0.2 / 0.9)
    found = [loss(trace, 0.3) for trace in value + noise]
    assert sum(one is not None for one in found) >= 195
    inside = [one.before <= when <= one.after
              for one, when in zip(found, crossed, strict=True) if one]  # fmt: skip
    assert np.mean(inside) > 0.97
    middle = [(one.before + one.after) / 2 - when
              for one, when in zip(found, crossed, strict=True) if one]  # fmt: skip
    assert abs(np.median(middle)) < 0.5


@pytest.mark.parametrize("correlation", [0.0, 0.7])
@pytest.mark.parametrize("shape", ["steady", "bleaches", "rises", "dim", "halves", "returns"])
def test_what_is_no_death(shape, correlation):
    rng, time = np.random.default_rng(1), np.arange(100.0)
    value = {"steady": np.ones(100), "bleaches": np.exp(-time / 20), "rises": time / 100,
             "dim": np.full(100, 0.05), "halves": np.where(time < 50, 1.0, 0.5),
             "returns": np.where((time > 40) & (time < 60), 0.05, 1.0)}[shape]  # fmt: skip
    noise = Disturbance(correlation, frames=100).draw(rng, time, np.zeros((300, 100)), 0.1)
    assert sum(loss(trace, 0.3) is not None for trace in value + noise) <= 3


def test_events_at_the_ends():
    alive, dead = np.ones(40), np.full(40, 0.01)
    for before in range(BEFORE - 1):  # what is usual is not known yet
        assert loss(np.concatenate([alive[:before], dead]), 0.3) is None
    late = loss(np.concatenate([alive[: BEFORE - 1], dead]), 0.3)
    assert (late.event, late.before, late.after) == (BEFORE, BEFORE - 2, BEFORE)
    for after in range(AFTER):  # it may return, or only end
        assert loss(np.concatenate([alive, dead[:after]]), 0.3) is None
    assert loss(np.concatenate([alive[:BEFORE], dead]), 0.3).event == BEFORE
    assert loss(np.concatenate([alive, dead[:AFTER]]), 0.3).event == 40
    assert loss(np.zeros(0), 0.3) is None
    assert loss(-np.concatenate([alive, dead]), 0.3) is None
    assert loss(np.zeros(40), 0.3) is None

"""Times that cannot be used, and those of the config that contradict the file's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.recordings.time_checks import check_field_times
from support.strategies import examples, seeds

NONE = {"interval": None, "mapping": None, "unit": "min", "override": False}


def metadata(rows, source="stamps", missing=(), channel_frames=None) -> dict:
    """Metadata of one field of view; `rows` are the times of all channels, or of each."""
    texts = [" ".join(map(str, row)) for row in rows]
    times = {"source": source, "values": texts[0] if len(texts) == 1 else texts}
    field = {"frames": len(rows[0]), "missing": list(missing), "times": times}
    if channel_frames:
        field["channel_frames"] = channel_frames
    return {"files": ["a.nd2"], "fields": [field]}


def check(found, channel=0, **time):
    check_field_times(found, 0, channel, NONE | time, "a.nd2")


def refused(found, **time) -> str:
    with pytest.raises(FoveaError) as error:
        check(found, **time)
    return str(error.value)


EVERY_TEN = [[600.0 * n for n in range(30)]]


def test_an_interval_in_the_wrong_unit_says_both_values_and_the_unit():
    found = metadata(EVERY_TEN)
    check(found)
    check(found, interval=10)
    check(found, interval=600, unit="s")
    check(found, interval=1 / 6, unit="h")
    check(found, interval=600, override=True)
    assert refused(found, interval=600) == (
        "a.nd2: field of view 0: `time.interval` is 600 min, but the file has time stamps of 10 "
        "min per frame (with `unit: s` both would agree); remove it from the config to use the "
        "times of the file, or add `override: true` to `time` if those are wrong"
    )
    assert "is 10 h, but the file has time stamps of 0.166667 h per frame (with `unit: min`" in (
        refused(found, interval=10, unit="h")
    )
    assert "agree" not in refused(found, interval=15)
    assert "but the file states 10 min per frame" in refused(
        metadata(EVERY_TEN, "nominal"), interval=15
    )


def test_a_regular_file_has_its_interval_in_the_head():
    found = {"files": ["a.nd2"], "fields": [{"frames": 4}],
             "times": {"source": "stamps", "start": 0.0, "interval": 600.0}}  # fmt: skip
    check(found, interval=10)
    assert "time stamps of 10 min per frame" in refused(found, interval=5)


@given(seeds, st.integers(2, 200), st.floats(0.01, 5000), st.sampled_from(["s", "min", "h"]))
@examples(100)
def test_jitter_drift_and_gaps_are_no_contradiction(seed, count, step, unit):
    rng = np.random.default_rng(seed)
    missing = sorted(rng.choice(count, min(count // 3, 5), replace=False).tolist())
    numbers = np.setdiff1d(np.arange(count), missing)
    late = rng.uniform(0, 0.4, len(numbers)) * step
    late[-1] = late[0]
    drift = rng.uniform(0.985, 1.015)
    row = 17.0 + numbers * step * drift + late
    row = np.maximum.accumulate(row)
    size = {"s": 1, "min": 60, "h": 3600}[unit]
    found = metadata([row.tolist()], missing=[n for n in missing if n < numbers[-1]])
    check(found, interval=step / size, unit=unit)
    if len(numbers) > 1:
        for wrong in (1.12, 0.85, 60, 1 / 60):
            assert "but the file has time stamps of" in refused(
                found, interval=step / size * wrong, unit=unit
            )


def test_a_pause_that_an_interval_does_not_know():
    row = [600.0 * n + (1800 if n > 20 else 0) for n in range(200)]
    assert "10.1508 min per frame" in refused(metadata([row]), interval=10)
    check(metadata([row]), mapping={n: t / 60 for n, t in enumerate(row)})


def test_a_mapping():
    found = metadata([[0.0, 600.0, 1500.0, 1800.0]])
    check(found, mapping={0: 5, 1: 15, 2: 30, 3: 35})
    check(found, mapping={0: 0, 1: 10, 2: 24, 3: 30})
    text = refused(found, mapping={0: 0, 1: 600, 2: 1500, 3: 1800})
    assert text.startswith(
        "a.nd2: field of view 0: `time.mapping` has frame 3 1800 min after the first, but the file "
        "has time stamps of 30 min (with `unit: s` both would agree); remove it"
    )
    assert "frame 1 20 min after" in refused(found, mapping={0: 0, 1: 20, 2: 25, 3: 30})
    assert "no time for frame 3" in refused(found, mapping={0: 0, 1: 10, 2: 25})


def test_a_channel_that_was_recorded_less_often():
    nan = float("nan")
    rows = [[600.0 * n for n in range(7)], [5.0, nan, nan, 1805.0, nan, nan, 3605.0]]
    found = metadata(rows, channel_frames=["0-6", "0, 3, 6"])
    for channel in (0, 1):
        check(found, channel)
        check(found, channel, interval=10)
    with pytest.raises(FoveaError, match="10 min per frame"):
        check(found, 1, interval=30)
    holes = metadata(rows)
    with pytest.raises(FoveaError, match="channel 1, do not increase"):
        check(holes, 1)


@pytest.mark.parametrize("row", [[0.0, 600.0, 300.0], [5.0, 5.0, 5.0], [0.0, float("nan"), 9.0]])
def test_stamps_that_cannot_be_used(row):
    assert refused(metadata([row])) == (
        "a.nd2: the times of field of view 0, channel 0, do not increase from frame to frame; set "
        "`time.interval` or `time.mapping` in the config"
    )
    check(metadata([row]), interval=7)  # there is nothing that it could contradict


def test_no_times():
    found = {"files": ["a.tif"], "fields": [{"frames": 4, "times": {"source": "none"}}]}
    found["notes"] = ["pixel size unknown", "time stamps not used: they go backwards"]
    check(found, interval=7)
    assert refused(found) == (
        "a.tif: has no times of its frames (time stamps not used: they go backwards); set "
        "`time.interval` in the config, as in `time: {interval: 10, unit: min}`, or `time.mapping`"
    )

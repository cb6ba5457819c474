"""Results that a wrong clock has dated in the future."""

from __future__ import annotations

import os
import time

import pytest

from fovea.errors import FoveaError
from fovea.runs.clock import ahead, redate, words

HOUR = 3600


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A recording, and what was made of it before and after a clock was put on by two hours."""
    monkeypatch.chdir(tmp_path)
    now = time.time()
    times = {"recording": -9 * HOUR, "old": -HOUR, "array": 2 * HOUR, "table": 2.1 * HOUR,
             "same": 2.1 * HOUR, "figure": 2.2 * HOUR}  # fmt: skip
    for name, later in times.items():
        path = name
        if name == "array":  # whose time is that of a file in it
            os.mkdir(name)
            path = "array/.snakemake_timestamp"
        open(path, "w").close()
        os.utime(path, (now + later, now + later))
    return [name for name in times if name != "recording"]


def test_they_are_dated_now_in_the_same_order(results):
    text = redate(["recording", "table"], [*results, "absent"])
    assert "\n" not in text
    assert text.startswith("4 files of the results, such as figure, are dated up to 132 min in")
    places = ["old", "array/.snakemake_timestamp", "table", "figure"]
    times = [os.stat(path).st_mtime_ns for path in places]
    assert times == sorted(set(times))
    assert os.stat("same").st_mtime_ns == times[2]
    assert times[0] < time.time_ns() - 0.9e9 * HOUR
    assert time.time_ns() - 60e9 < times[1] < times[3] <= time.time_ns()
    assert redate(["recording", "table"], results) == ""


def test_what_no_job_of_this_run_reads_stays_as_it_is(results):
    assert redate(["recording", "old", "absent"], results) == ""
    assert ahead(["figure"])


def test_a_recording_of_the_future_is_not_touched(results):
    os.utime("recording", (time.time() + HOUR, time.time() + HOUR))
    with pytest.raises(FoveaError, match="recording: was modified in the future") as caught:
        redate(["recording", "table"], results)
    assert "\n" not in str(caught.value)
    assert len(ahead(["recording", *results])) == 5


def test_a_run_that_failed_says_that_the_clock_was_put_back(results):
    assert words(ahead(["old"])) == ""
    text = words(ahead(["old", "array"]))
    assert text.startswith("Fovea: 1 file of the results, such as array/")
    assert "is dated up to 120 min in the future" in text
    assert "give the same command again" in text

"""Lists of fields of view: read, written, and applied to a recording."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fovea.config.datasets import dataset_fovs
from fovea.config.fovs import format_fovs, parse_fovs
from fovea.config.validation import validated
from fovea.errors import FoveaError


def config(dataset="", **more):
    """Return a small config; `dataset` holds further keys of its dataset in YAML's flow form."""
    base = "datasets: {demo: {input: a.tif, channels: {pc: 0, fl: [1]}, %s}}"
    return yaml.safe_load(base % dataset) | more


@given(st.sets(st.integers(0, 300), min_size=1))
def test_fields_of_view_written_and_read(fovs):
    assert parse_fovs(format_fovs(fovs)) == sorted(fovs)
    assert parse_fovs([*fovs, *fovs]) == sorted(fovs)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), min_size=1), st.data())
def test_ranges_include_both_ends(ranges, data):
    space = st.sampled_from(["", " "])
    parts = [
        f"{data.draw(space)}{first}{data.draw(space)}-{first + more}{data.draw(space)}"
        for first, more in ranges
    ]
    expected = {fov for first, more in ranges for fov in range(first, first + more + 1)}
    assert parse_fovs(",".join(parts)) == sorted(expected)


@given(st.text("0123456789-, al", max_size=12))
def test_any_text_is_read_or_refused(text):
    words = re.sub(r"[0-9]+", "n", text.replace(" ", ""))
    if re.fullmatch(r"all|(n|n-n)(,(n|n-n))*", words) is None:
        with pytest.raises(FoveaError, match=r"^[^\n]+$"):
            parse_fovs(text)


def test_all_fields_of_view():
    assert parse_fovs("all") is None
    assert parse_fovs(" 0-2,1 , 7") == [0, 1, 2, 7]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (4, '4 is a single number; write [4] for that field of view alone, or "0-4" for all up '),
        (None, "null is no list of fields of view; allowed: all, "),
        ([True], "true is no field of view; a list holds whole numbers only"),
        ([0.5], "0.5 is no field of view"),
        ([-1], "-1 is negative; fields of view are counted from 0"),
        ([100_000], "100000 is no field of view; the largest index is 99999"),
    ],
)
def test_values_that_are_no_fields_of_view(value, message):
    with pytest.raises(FoveaError, match="^" + re.escape(message)):
        parse_fovs(value)


def test_fields_of_view_of_a_dataset():
    explicit = validated(config('fovs: "0-5, 8", exclude_fovs: "2, 7"'))
    assert dataset_fovs(explicit, "demo") == [0, 1, 3, 4, 5, 8]
    assert dataset_fovs(explicit, "demo", 9) == [0, 1, 3, 4, 5, 8]
    every = validated(config("exclude_fovs: [1]"))
    assert dataset_fovs(every, "demo", 3) == [0, 2]
    with pytest.raises(ValueError, match="number of fields of view of demo is not known"):
        dataset_fovs(every, "demo")


@pytest.mark.parametrize(
    ("dataset", "more", "available", "message"),
    [
        (
            'fovs: "2, 12-13"',
            {},
            4,
            "datasets.demo.fovs: 12-13 is not in the recording, which has 4 fields of view (0-3)",
        ),
        (
            "exclude_fovs: [1]",
            {},
            1,
            "datasets.demo.exclude_fovs: 1 is not in the recording, which has only one (0)",
        ),
        (
            "",
            {"samples": [{"name": "a", "fovs": "3-4"}]},
            4,
            "samples[0].fovs: 4 is not in the recording, which has 4 fields of view (0-3)",
        ),
        (
            'exclude_fovs: "0-1"',
            {},
            2,
            "datasets.demo.exclude_fovs: 0-1 excludes every field of view of the recording, "
            "which has 2 fields of view (0-1)",
        ),
        ("", {}, 0, "datasets.demo.input: the recording has no field of view"),
    ],
)
def test_fields_of_view_beyond_the_recording(dataset, more, available, message):
    complete = validated(config(dataset, **more))
    with pytest.raises(FoveaError, match=f"^{re.escape(message)}$"):
        dataset_fovs(complete, "demo", available)

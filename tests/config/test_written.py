"""Configs that are no YAML, and values that come from the command line."""

import json
import os
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config

from fovea.config.bounded_yaml import parse
from fovea.config.validation import ConfigError, validated
from fovea.config.written import check_given, read_config, typed
from fovea.errors import FoveaError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets:\n  a:\n\tinput: x\n", "line 3 begins with a tab"),
        ("datasets:\n\ta:\n\t\tinput: x\n", "line 2 begins with a tab"),
        ("datasets:\n  a:\n    input: x\n \t  z: 1\n", "line 4 begins with a tab"),
        ("datasets:\n  a:\n    input: x: y\n", "line 3, column 13: is no YAML (mapping values"),
        ("a: [1, 2\nb: 3\n", "line 2, column 2: is no YAML ("),
        ("a: 'text\nb: 3\n", "is no YAML (while scanning a quoted scalar found unexpected end"),
        ("a: 1\n  b: 2\n", "line 2, column 4: is no YAML (mapping values"),
        ("a: 1\nb: \x07\n", "is no YAML: unacceptable character"),
    ],
)
def test_a_config_that_is_no_yaml(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(FoveaError) as error:
        read_config(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_can_be_read(tmp_path):
    path = tmp_path / "config.yaml"
    for text in ('{\n\t"a": {"b": 1}\n}\n', "a: {b: 1}\n", "\ufeffa:\n  b: 1 # \tno indent\n"):
        path.write_text(text, "utf-8")
        assert read_config(path) == {"a": {"b": 1}}
    path.write_bytes("a: 1\nb: fünf\n".encode("latin-1"))
    with pytest.raises(FoveaError, match="line 2, column 5: is not written in UTF-8"):
        read_config(path)
    with pytest.raises(FoveaError, match="name the config with --configfile"):
        read_config(tmp_path / "none.yaml")


def test_values_of_the_command_line_have_the_types_of_yaml():
    given = parse_config([
        "params={segmentation: {min_object_size: 6, threshold: otsu}, preprocess: null}",
        "skip_failed=true", "samples=[{name: '1', fovs: [0, 1]}]", "seed=7",
    ])  # fmt: skip
    config = {"datasets": {"a": {"z": "6"}}, **given}
    config["params"] = {**given["params"], "extraction": {"min_frames": "5"}}
    assert typed(config, given) == {
        "datasets": {"a": {"z": "6"}},
        "params": {
            "segmentation": {"min_object_size": 6, "threshold": "otsu"},
            "preprocess": None,
            "extraction": {"min_frames": "5"},
        },
        "skip_failed": True,
        "samples": [{"name": 1, "fovs": [0, 1]}],
        "seed": 7,
    }


def bomb(form: str, levels: int = 9) -> str:
    """A text in which each level stands for nine times the one before; `form` makes one of it."""
    lines = ["a0: &a0 {x: 1}"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} " + form.format(before=f"*a{n - 1}"))
    return "\n".join(lines)


NINE = ", ".join(["{before}"] * 9)
HOSTILE = {
    "lists": (bomb(f"[{NINE}]"), "more than 200,000 values up to here"),
    "mappings": (
        bomb("{{" + ", ".join(f"k{n}: {{before}}" for n in range(9)) + "}}"),
        "more than 200,000 values up to here",
    ),
    "merges": (bomb(f"{{{{<<: [{NINE}]}}}}"), "more than 200,000 values up to here"),
    "plain": ("a: [" + "1, " * 200_001 + "]", "more than 200,000 values up to here"),
    "recursion": ("a: &a\n  b: *a\n", "line 2, column 6: '*a' stands inside what it stands for"),
    "deep": ("a: " + "[" * 3000, "line 1, column 43: is nested more than 40 levels deep"),
    "deep json": ('{"a": ' + "[" * 3000 + "]" * 3000 + "}", "nested more than 40 levels deep"),
    "400 digits": ("a: 1\nb: " + "1" * 400, "line 2, column 4: '1111"),
    "9000 digits": ("a: " + "1" * 9000, "is too large a number; allowed: up to 922"),
    "2^63": ("a: -9223372036854775808", "is too large a number"),
    "json digits": ('{"a": 9223372036854775808}', "line 1, column 7: '9223372036854775808' is too"),
    "twice": ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands in line 1 already"),
    "twice below": ("x:\n  b: {c: 1, c: 1}", "line 2, column 13: the key 'c' stands in line 2"),
    "twice as number": ("{1: a, 0x1: b}", "line 1, column 8: the key 1 stands in line 1 already"),
    "twice in json": ('{"a": 1,\n\t"a": 2}', "line 2, column 2: the key 'a' stands in line 1"),
    "no date": ("a: 2020-13-45", "line 1, column 4: '2020-13-45' has no value; put it in quotes"),
    "no integer": ("a: !!int x", "'x' has no value; put it in quotes"),
    "no truth value": ("a: !!bool perhaps", "'perhaps' has no value; put it in quotes"),
    "code": ("a: !!python/object/apply:os.getcwd []", "line 1, column 4: is no YAML (could not"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_hang_or_is_ambiguous_is_refused(name):
    text, message = HOSTILE[name]
    with pytest.raises(FoveaError, match="^f.yaml: ") as error:
        parse(text, "f.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 10**12)
    for path, message in [
        (tmp_path / "pipe", "is a pipe or a device; name a file"),
        ("/dev/zero", "is a pipe or a device; name a file"),
        (large, "has more than 10 MB"),
        (tmp_path, "Is a directory; name the config"),
        ("a\0b", "null byte; name the config"),
    ]:
        with pytest.raises(FoveaError, match=re.escape(message)):
            read_config(path)


def test_aliases_and_merges_are_allowed():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]\nd: &d 5\ne: *d\n"
    a = {"x": 1, "y": 2}
    assert parse(text, "") == {"a": a, "b": {"x": 1, "y": 3}, "c": [a, a], "d": 5, "e": 5}


plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
values = st.recursive(
    plain | st.floats(allow_nan=False, allow_infinity=False),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from([None, True, False]))
def test_what_is_read_equals_the_plain_loader(value, flow):
    assert parse(json.dumps(value, indent="\t"), "") == value
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=flow is True)
    assert parse(text, "") == yaml.safe_load(text)


@given(st.text(alphabet="ab:-[]{}&*!<>#'\"\n\t 1.", max_size=60))
def test_any_text_is_read_or_refused_in_a_line(text):
    message = "f.yaml: read"
    try:
        parse(text, "f.yaml")
    except FoveaError as error:
        message = str(error)
    assert re.fullmatch("f.yaml: .+", message)


def test_messages_end_after_twenty():
    samples = [{"name": f"s{n}", "dataset": "none"} for n in range(3000)]
    config = {"datasets": {"a": {"input": "x", "channels": {"pc": 0}}}, "samples": samples}
    with pytest.raises(ConfigError) as error:
        validated(config)
    lines = str(error.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "and 2980 more mistakes; correct these first"
    assert len(error.value.lines) == 3000


def test_snakemake_is_ended_before_it_reads_a_file_that_is_refused(tmp_path, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("a: 1\n", "utf-8")
    check_given([good])
    bad.write_text(HOSTILE["merges"][0], "utf-8")
    with pytest.raises(SystemExit, match="1"):
        check_given([good, bad])
    assert capsys.readouterr().err.startswith(f"{bad}: line 6, column ")

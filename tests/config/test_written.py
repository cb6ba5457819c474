"""Configs that are no YAML, and values that come from the command line."""

import pytest
from snakemake.cli import parse_config

from fovea.config.written import read_config, typed
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
    with pytest.raises(FoveaError, match="line 2: is not written in UTF-8"):
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

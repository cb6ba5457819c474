"""The config: what is refused and in which words, what is completed, what rules ask of it."""

import copy
import inspect
import re
import subprocess
import sys
import types
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.config import analysis, checks, params, schema
from fovea.config.datasets import channel_indices, features_for, params_for
from fovea.config.schema import SCHEMA, load_schema
from fovea.config.validation import ConfigError, check_inputs, validated
from fovea.plugins import registry

ROOT = Path(__file__).resolve().parents[2]
CASES = yaml.safe_load((ROOT / "tests/config/error_cases.yaml").read_text(encoding="utf-8"))
DEMO = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))


def config(dataset="", **more):
    """Return a small config; `dataset` holds further keys of its dataset in YAML's flow form."""
    base = "datasets: {demo: {input: a.tif, channels: {pc: 0, fl: [1]}, %s}}"
    return yaml.safe_load(base % dataset) | more


# ---------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_wrong_config_is_explained(case):
    with pytest.raises(ConfigError) as caught:
        validated(yaml.safe_load(case["config"]))
    expected = [f"config/config.yaml: {message}" for message in case["messages"]]
    assert str(caught.value).split("\n") == expected


def statements(code):
    """Yield the lines of all functions of a module's code."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from statements(inner)
            is_function = inner.co_flags & inspect.CO_OPTIMIZED  # and no body of a class
            if is_function and not inner.co_name.startswith("<"):
                lines = {line for _, _, line in inner.co_lines()}
                yield from lines - {None, inner.co_firstlineno}


def test_every_check_and_message_has_a_case():
    """Each statement of the checks is run by a case, but for those that only leave a loop early."""
    sources = {module.__file__: set() for module in (analysis, checks, params, schema)}

    def in_function(frame, event, _):
        sources[frame.f_code.co_filename].add(frame.f_lineno)
        return in_function

    def trace(frame, event, _):
        return in_function if frame.f_code.co_filename in sources else None

    schema.load_schema.cache_clear()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for case in CASES:
            problems_and_result(yaml.safe_load(case["config"]))
    finally:
        sys.settrace(before)
    for file, run in sources.items():
        source = Path(file).read_text(encoding="utf-8")
        rest = sorted(set(statements(compile(source, file, "exec"))) - run)
        texts = [source.splitlines()[line - 1].strip() for line in rest]
        assert [text for text in texts if text not in ("continue", "return")] == [], file


def test_cases_have_names_of_their_own():
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_messages_name_the_source_given():
    with pytest.raises(ConfigError, match=r"^other\.yaml: min_iou: unknown key; "):
        validated(config(min_iou=1), source="other.yaml")


def test_parameter_of_another_method(monkeypatch):
    two = registry.Registry("tracking method")
    two.register("iou", print, parameters=("min_iou", "overlap"))
    two.register("sizes", print, parameters=("min_size", "max_size"))
    monkeypatch.setitem(registry.METHODS, "tracking", two)
    with pytest.raises(ConfigError) as caught:
        validated(config(params={"tracking": {"method": "sizes", "min_iou": 0.2}}))
    assert str(caught.value) == (
        "config/config.yaml: params.tracking.min_iou: this key belongs to method 'iou', but the "
        "method is 'sizes'; allowed: method, min_size, max_size"
    )
    # A dataset with another method leaves the common method's parameters behind.
    mixed = config("params: {tracking: {method: sizes}}", params={"tracking": {"min_iou": 0.2}})
    complete = validated(mixed)
    assert complete["params"]["tracking"] == {"method": "iou", "min_iou": 0.2, "overlap": "mask"}
    own = {"method": "sizes", "min_size": None, "max_size": None}
    assert params_for(complete, "demo")["tracking"] == own


JARGON = re.compile(
    r"additionalProperties|anyOf|schema|instance|NoneType|Traceback|\bdict\b|\bint\b"
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.floats(),
    st.dates(),
    st.text(max_size=5),
    st.sampled_from(["all", "0-2", "5-2", "area", "demo", "null", "1e3", [], {}, [1], ["a.tif"]]),
    st.dictionaries(st.sampled_from(["channel", "files", "pattern", 0, True, None]), st.none()),
)


def places(node, place=()):
    """Yield where values stand, but for the whole."""
    items = node.items() if isinstance(node, dict) else ()
    for key, item in enumerate(node) if isinstance(node, list) else items:
        yield (*place, key)
        yield from places(item, (*place, key))


def problems_and_result(given):
    """Return the lines of the error, or none and the completed config."""
    try:
        return [], validated(given)
    except ConfigError as error:
        return str(error).split("\n"), None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_anywhere_is_accepted_or_explained(data):
    damaged = copy.deepcopy(DEMO)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(damaged))))
        node = damaged
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = data.draw(VALUES)
    before = repr(damaged)
    lines, complete = problems_and_result(damaged)
    assert repr(damaged) == before
    for line in lines:
        assert line.startswith("config/config.yaml: ")
        assert not JARGON.search(line)
    if not lines:
        jsonschema.validate(_text_keys(complete), load_schema(SCHEMA))
        assert validated(complete) == complete


def _text_keys(node):
    if isinstance(node, dict):
        return {str(key): _text_keys(item) for key, item in node.items()}
    return [_text_keys(item) for item in node] if isinstance(node, list) else node


# --------------------------------------------------------------------------- what is completed


def test_small_config_is_completed():
    complete = validated(config())
    assert complete["datasets"] == {
        "demo": {
            "input": "a.tif",
            "traces": None,
            "fovs": "all",
            "exclude_fovs": [],
            "channels": {
                "pc": {"channel": 0, "name": None, "features": []},
                "fl": [{"channel": 1, "name": None, "features": []}],
            },
            "z": 0,
            "time": {
                "interval": None,
                "unit": "min",
                "mapping": None,
                "override": False,
                "file_unit": None,
            },
            "reference": None,
            "params": complete["params"],
        }
    }
    assert complete["params"] == {
        "preset": None,
        "copy_only": False,
        "preprocess": None,
        "segmentation": {
            "method": "phase",
            "cell_diameter": None,
            "mode": "auto",
            "contrast": "auto",
            "weights": None,
            "tuning": {},
        },
        "tracking": {
            "method": "iou",
            "min_iou": 0.1,
            "overlap": "mask",
            "min_size": None,
            "max_size": None,
            "max_gap": 2,
            "max_merge": 4,
            "divisions": False,
            "drift": True,
        },
        "background": {
            "method": "tile_median",
            "dilation_radius": 10,
            "tile_size": 100,
            "tile_overlap": 0.5,
            "weight": 1.0,
            "rounding_error": 0.0625,
            "save_corrected": False,
        },
        "flat_field": {"method": "none", "images": None, "dark": 0.0},
        "cropping": {"padding": 5, "keep": True, "drift": False},
        "extraction": {"min_frames": None, "border_margin": None, "keep_merged": False},
        "photobleaching": False,
        "display": {"drift": False},
        "seed": 0,
    }
    assert complete["demo"] == {"fovs": 4, "frames": 48, "height": 512, "width": 512, "seed": 0}
    rest = {"skip_failed": False, "samples": [], "analysis": [], "plugins": []}
    assert {key: complete[key] for key in rest} == rest


def test_demo_config_says_the_values_of_pyama():
    """But for its segmentation, tracking, background and the preset, before which they come."""
    own = {key: DEMO["params"][key] for key in ("segmentation", "tracking", "background")}
    assert validated(DEMO)["params"]["tracking"] == validated(config())["params"]["tracking"]
    assert own["background"]["method"] == "local_surface"
    chosen = {"preset": "pyama", **own}
    with_preset = validated(config() | {"params": chosen})["params"]
    assert validated(DEMO)["params"] == with_preset | {"preset": None}
    assert validated(DEMO)["demo"] == validated(config())["demo"]


@pytest.mark.parametrize(
    "source",
    [
        "a.nd2",
        "data/*.nd2",
        ["a.tif", "b.tif"],
        {"pattern": "img_{fov}_{channel}_{frame}.tif"},
        {"files": "a.tif"},
        {"files": ["a.tif", "b.tif"], "axes": "TCYX", "sizes": {"C": 2}},
    ],
)
def test_inputs(source):
    given = config()
    given["datasets"]["demo"]["input"] = source
    assert validated(given)["datasets"]["demo"]["input"] == source


@pytest.mark.parametrize(
    ("channels", "indices", "features"),
    [
        ("{pc: 0}", (0, []), {"pc_ch_0": []}),
        ("{pc: null, fl: [2, 1]}", (None, [2, 1]), {"fl_ch_2": [], "fl_ch_1": []}),
        (
            "{pc: {channel: 1, features: [perimeter, area]}, "
            "fl: [{channel: 0, name: GFP, features: [intensity_std]}]}",
            (1, [0]),
            {"pc_ch_1": ["perimeter", "area"], "fl_ch_0": ["intensity_std"]},
        ),
    ],
)
def test_channels(channels, indices, features):
    given = config()
    given["datasets"]["demo"]["channels"] = yaml.safe_load(channels)
    complete = validated(given)
    assert channel_indices(complete, "demo") == indices
    assert features_for(complete, "demo") == features


@pytest.mark.parametrize("mapping", ["{1: 5.5, 0: 0}", "{'0': 0, '1': 5.5}"])
def test_frame_numbers_may_be_text(mapping):
    complete = validated(config(f"time: {{mapping: {mapping}}}"))
    assert list(complete["datasets"]["demo"]["time"]["mapping"].items()) == [(0, 0.0), (1, 5.5)]


def test_numbers_take_the_type_of_the_schema():
    complete = validated(config(params={"background": {"weight": 1, "tile_size": 64.0}}))
    weight, size = (complete["params"]["background"][key] for key in ("weight", "tile_size"))
    assert (type(weight), type(size)) == (float, int)
    assert (weight, size) == (1, 64)


def test_dataset_overrides_single_keys():
    given = yaml.safe_load("""
        datasets:
          a: {input: a.tif, channels: {pc: 0}}
          b:
            input: b.tif
            channels: {pc: 0}
            params: {segmentation: {window_size: 5}, copy_only: true}
        params: {segmentation: {method: logstd, window_size: 9, morph_size: 5}}
    """)
    complete = validated(given)
    a, b = (params_for(complete, name) for name in "ab")
    assert a == complete["params"]
    assert (a["segmentation"]["window_size"], a["segmentation"]["morph_size"]) == (9, 5)
    assert (b["segmentation"]["window_size"], b["segmentation"]["morph_size"]) == (5, 5)
    assert b == a | {"copy_only": True, "segmentation": a["segmentation"] | {"window_size": 5}}
    b["seed"] = 7
    assert params_for(complete, "b")["seed"] == 0


def test_samples_are_completed():
    given = config(samples=[{"name": "a", "fovs": "0, 2"}, {"name": "a", "fovs": [1]}])
    assert validated(given)["samples"] == [
        {"name": "a", "dataset": "demo", "fovs": [0, 2]},
        {"name": "a", "dataset": "demo", "fovs": [1]},
    ]
    several = yaml.safe_load("""
        datasets: {a: {input: a.tif, channels: {pc: 0}}, b: {input: b.tif, channels: {pc: 0}}}
        samples: [{name: x, dataset: a, fovs: "0-1"}, {name: x, dataset: b, fovs: "0-1"}]
    """)
    assert [sample["dataset"] for sample in validated(several)["samples"]] == ["a", "b"]


def test_samples_share_no_field_that_counts():
    shared = [{"name": "a", "fovs": "0-3"}, {"name": "b", "fovs": "3-5"}]
    assert len(validated(config("exclude_fovs: [3]", samples=shared))["samples"]) == 2


def test_presets_are_one_word_and_what_is_given_counts_more():
    complete = validated(config(params={"preset": "pyama"}))["params"]
    assert complete["segmentation"] == {
        "method": "logstd", "window_size": 3, "threshold": "mode", "morph_size": 7,
        "morph_iterations": 3, "min_object_size": 50, "max_object_size": 10000,
        "order": "close_open",
    }  # fmt: skip
    assert complete["extraction"] == {"min_frames": 30, "border_margin": 50, "keep_merged": False}
    tracking = {key: complete["tracking"][key] for key in ("overlap", "max_gap", "max_merge")}
    assert tracking == {"overlap": "box", "max_gap": 0, "max_merge": 0}
    own = {"preset": "pyama", "extraction": {"min_frames": 7}, "tracking": {"method": "lap"}}
    complete = validated(config(params=own))["params"]
    assert complete["extraction"]["min_frames"] == 7
    assert complete["extraction"]["border_margin"] == 50
    assert complete["tracking"]["max_gap"] == 0
    assert "overlap" not in complete["tracking"]
    given = config("params: {preset: bacteria, tracking: {divisions: false}}", params=own)
    complete = validated(given)
    dark = params_for(complete, "demo")
    assert (dark["segmentation"]["method"], dark["segmentation"]["mode"]) == ("phase", "dark")
    assert dark["extraction"] == {"min_frames": 7, "border_margin": None, "keep_merged": False}
    assert dark["tracking"]["divisions"] is False
    assert validated(complete) == complete


# -------------------------------------------------------------------------------------- inputs


def test_parameters_of_logstd_mean_that_method():
    """It was the default when configs were written that do not name it."""
    entry = {"input": "a.tif", "channels": {"pc": 0, "fl": [1]}}
    for own, method in (({}, "logstd"), ({"segmentation": {"method": "phase"}}, "phase")):
        given = {"datasets": {"a": {**entry, "params": own}},
                 "params": {"segmentation": {"morph_size": 5}}}  # fmt: skip
        found = validated(given)["datasets"]["a"]["params"]["segmentation"]
        assert found["method"] == method
        assert found.get("morph_size") == (5 if method == "logstd" else None)
    assert validated({"datasets": {"a": entry}})["params"]["segmentation"]["method"] == "phase"


def test_a_curation_table_that_is_named_must_exist(tmp_path, monkeypatch):
    """Under the default name it may be missing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").touch()
    given = {"datasets": {"a": {"input": "a.tif", "channels": {"pc": 0, "fl": [1]}}}}
    check_inputs(validated(given))
    check_inputs(validated(given | {"curation": None}))
    with pytest.raises(ConfigError) as caught:
        check_inputs(validated(given | {"curation": "judged.csv"}))
    assert caught.value.lines == [
        "config/config.yaml: curation: there is no file 'judged.csv' (working directory: "
        f"{tmp_path})"
    ]
    (tmp_path / "judged.csv").touch()
    check_inputs(validated(given | {"curation": "judged.csv"}))


def test_missing_inputs_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("there.tif").touch()
    given = yaml.safe_load("""
        datasets:
          a: {input: there.tif, channels: {pc: 0}}
          b: {input: gone.tif, channels: {pc: 0}}
          c: {input: [there.tif, ./made.tif, away.tif], channels: {pc: 0}}
          d: {input: data/made.ome.tiff, channels: {pc: 0}}
          e: {input: {files: lost.tif, axes: TYX}, channels: {pc: 0}}
    """)
    with pytest.raises(ConfigError) as caught:
        check_inputs(validated(given), {"./data/made.ome.tiff", "made.tif"})
    where = f"(working directory: {tmp_path})"
    for line, (key, path) in zip(
        caught.value.lines, [("b", "gone"), ("c", "away"), ("e", "lost")], strict=True
    ):
        assert line.startswith(f"config/config.yaml: datasets.{key}.input: {path}.tif ")
        assert line.endswith(where)


def test_inputs_that_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a_1.tif", "a_2.tif"):
        Path(name).touch()
    given = config()
    for source in ("a_1.tif", "a_*.tif", ["a_1.tif", "a_2.tif"], {"files": "a_1.tif"}):
        given["datasets"]["demo"]["input"] = source
        check_inputs(validated(given))
    given["datasets"]["demo"]["input"] = "made.tif"
    check_inputs(validated(given), ["made.tif"])


@pytest.mark.parametrize("name", ["exp {1}", "{fov}", "a{x, [0-9]+}b", "{ wild }"])
def test_braces_that_snakemake_takes_for_wildcards_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = Path(name)
    folder.mkdir()
    for file in ("t1xy1.tif", "a.csv", "dark.tif"):
        (folder / file).touch()
    traces = {"traces": f"{name}/a.csv", "channels": {"pc": 0}}
    dark = {"flat_field": {"method": "image", "images": {"1": f"{name}/dark.tif"}}}
    for datasets in (
        {"a": {"input": [f"./{name}/t1xy1.tif"], "channels": {"pc": 0}}},
        {"a": {"input": f"{name[:2]}*/*.tif", "channels": {"pc": 0}}},
        {"a": {"input": {"layout": "nis", "folder": name}, "channels": {"pc": 0}}},
        {"a": traces},
        {"a": {"input": "made.tif", "channels": {"fl": [1]}, "params": dark}},
    ):
        if name == "{fov}" and isinstance(datasets["a"].get("input"), list):
            continue  # a pattern that was written without `pattern`, which has its own message
        with pytest.raises(ConfigError, match=r"Snakemake takes .* for a wildcard") as error:
            check_inputs(validated({"datasets": datasets}), ["made.tif"])
        assert len(error.value.lines) == 1
    given = config() | {"curation": f"{name}/curation.csv"}
    given["datasets"]["demo"]["input"] = "made.tif"
    with pytest.raises(ConfigError, match=r"curation: .* in a path for a wildcard"):
        check_inputs(validated(given), ["made.tif"])
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError, match=r"the working directory: .* for a wildcard"):
        check_inputs(validated(config()), [config()["datasets"]["demo"]["input"]])


@pytest.mark.parametrize("name", ["exp {1 2}", "a{", "{}", "b}"])
def test_other_braces_are_kept(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    Path(name, "a.tif").touch()
    given = config()
    given["datasets"]["demo"]["input"] = f"{name}/a.tif"
    check_inputs(validated(given))


def test_import_is_light():
    code = (
        "import sys, fovea.config.validation; "
        "print(*sorted({'numpy', 'jsonschema', 'zarr', 'snakemake'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == ""

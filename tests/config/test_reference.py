"""The schema describes every key; reference, demo and the library's defaults agree with it."""

import ast
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from make_reference import known_keys, with_comments, with_tables

from fovea.config.phase_tuning import CONTRASTS, MODES, SMALLEST_DIAMETER
from fovea.config.schema import SCHEMA, load_schema
from fovea.config.validation import validated
from fovea.plugins.registry import METHODS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "config/README.md").read_text(encoding="utf-8")
DEMO = (ROOT / "config/config.yaml").read_text(encoding="utf-8")
KEYS = dict(known_keys(load_schema(SCHEMA)))


def test_schema_is_a_valid_schema():
    text = SCHEMA.read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(yaml.safe_load(text))
    jsonschema.validate(yaml.safe_load(DEMO), yaml.safe_load(text))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_described(key):
    item = KEYS[key].schema
    assert item["title"]
    assert item["description"].endswith(".")
    if "default" in item and item["default"] is not None:
        jsonschema.validate(item["default"], item)


@pytest.mark.parametrize(
    ("text", "made"), [(README, with_tables), (DEMO, with_comments)], ids=["README", "demo"]
)
def test_reference_and_comments_are_those_of_the_schema(text, made):
    assert made(text, KEYS) == text  # else: make reference


def test_the_tables_have_every_key_once():
    rows = re.findall(r"^\| `([^`]+)` \|(?: [^|]*\|){5}$", README.replace("\\|", "/"), re.M)
    assert rows == list(KEYS)


def test_every_line_of_the_demo_has_a_comment_and_fits():
    assert [line for line in DEMO.splitlines() if line.strip() and "# " not in line] == []
    assert [line for line in DEMO.splitlines() if len(line) > 100] == []


def test_the_demo_has_every_key():
    def keys(node, place=""):
        if isinstance(node, list):
            for item in node:
                yield from keys(item, f"{place}[]")
        elif isinstance(node, dict):
            for key, item in node.items():
                named = place == "datasets" or place.endswith((".parameters", ".tuning"))
                here = f"{place}.{'NAME' if named else key}".lstrip(".")
                yield here
                yield from keys(item, here)

    chosen = yaml.safe_load(DEMO)["params"]
    of_others = {
        f"params.{section}.{key}"
        for section, registry in METHODS.items()
        for name in registry
        for key in registry.parameters(name)
        if key not in registry.parameters(chosen[section]["method"])
    }
    # of several forms the demo shows one, and its cells neither divide nor die
    forms = ("datasets.NAME.input.", "analysis[].weighting.", "params.segmentation.tuning.",
             "aligned[].")  # fmt: skip
    other_forms = {key for key in KEYS if key.startswith(forms)}
    deprecated = {place for place, key in KEYS.items() if key.schema.get("deprecated")}
    said = {key for key in keys(yaml.safe_load(DEMO)) if not key.startswith(forms)}
    assert said == set(KEYS) - other_forms - of_others - deprecated


def test_a_key_without_effect_is_accepted():
    old = yaml.safe_load(DEMO)
    assert "seed" not in old["params"]
    before = validated(old)
    old["params"]["seed"] = 0
    assert validated(old) == before
    assert before["params"]["seed"] == 0


def test_examples_of_the_readme_are_valid():
    examples = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        validated(yaml.safe_load(example))


# ----------------------------------------------------------------- what the library says again


def defaults_in_the_library(package):
    """Yield file, function, parameter and default of every keyword whose default is a literal."""
    for file in sorted((ROOT / "scripts/fovea" / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            pairs = []
            if isinstance(node, ast.FunctionDef):
                given = [*node.args.posonlyargs, *node.args.args]
                first = len(given) - len(node.args.defaults)
                pairs += zip(given[first:], node.args.defaults, strict=True)
                pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                pairs = [(argument.arg, default) for argument, default in pairs]
            elif isinstance(node, ast.ClassDef):
                fields = [line for line in node.body if isinstance(line, ast.AnnAssign)]
                pairs = [(line.target.id, line.value) for line in fields]
            for name, default in pairs:
                if isinstance(default, ast.Constant) and default.value is not None:
                    yield f"{file.stem}.{node.name}", name, default.value


OTHER_DEFAULTS = {
    # Scripts measure all cells, whatever the length of their arrays, unless they say otherwise.
    ("measure.measure", "min_frames", 1),
    ("measure.measure", "border_margin", 0),
    # Merges that trackers close no gaps in.
    ("flagging.flag_merges", "max_gap", 0),
    ("merges.find_merges", "max_gap", 0),
    # One frame alone does not tell its mode.
    ("segment_phase.segment_phase", "mode", "adherent"),
    # Nor does it tell whether cells are dark or bright.
    ("segment_phase.segment_phase", "contrast", "dark"),
    # The order of dimensions in OME-XML is no parameter of `logstd`.
    ("ome_xml.OmeImage", "order", "XYZCT"),
    # Whether an export has images is no list of them.
    ("cli.trackmate", "images", True),
    ("trackmate.export_trackmate", "images", True),
    # Nor whether a method of tracking asks for them.
    ("loader.tracking", "images", False),
    ("needs.Needs", "images", False),
}


@pytest.mark.parametrize(
    ("section", "package", "at_least"),
    [("params", "", 30), ("analysis[]", "fits", 1), ("demo", "simulation", 3)],
)
def test_defaults_of_functions_are_those_of_the_schema(section, package, at_least):
    """Compared by name; a default of None says that the value must be given, or is a path."""
    known = {}
    for place, key in KEYS.items():
        top, _, name = place.rpartition(".")
        if top.split(".")[0] == section and "default" in key.schema and name != "name":
            known.setdefault(name, []).append(key.schema["default"])
    found = [entry for entry in defaults_in_the_library(package) if entry[1] in known]
    assert len(found) >= at_least
    other = {entry for entry in found if entry[2] not in known[entry[1]]}
    assert other == (OTHER_DEFAULTS if section == "params" else set())


def test_method_phase_has_the_modes_and_the_bound_of_the_schema():
    keys = load_schema(SCHEMA)["properties"]["params"]["properties"]["segmentation"]["properties"]
    assert set(keys["mode"]["enum"]) == {"auto", *MODES}
    assert keys["contrast"]["enum"] == ["auto", *CONTRASTS]
    assert keys["cell_diameter"]["minimum"] == SMALLEST_DIAMETER

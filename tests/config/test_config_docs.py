"""Schema, demo config and reference of the config belong together."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from fovea.config.params import METHODS
from fovea.config.schema import load_schema
from fovea.config.validation import SCHEMA, validated
from fovea.config.words import allowed
from fovea.errors import show

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "config/README.md").read_text(encoding="utf-8")
DEMO = (ROOT / "config/config.yaml").read_text(encoding="utf-8")


def schema_keys(node, place=""):
    """Yield every key of the schema with its subschema; `params` of datasets once, as `params`."""
    for name, item in node.get("properties", {}).items():
        here = f"{place}.{name}".lstrip(".")
        yield here, item
        if here != "datasets.NAME.params":
            yield from schema_keys(item, here)
    if place == "datasets":
        yield "datasets.NAME", node["additionalProperties"]
        yield from schema_keys(node["additionalProperties"], "datasets.NAME")
    if place.endswith(".parameters"):
        yield f"{place}.NAME", node["additionalProperties"]
        yield from schema_keys(node["additionalProperties"], f"{place}.NAME")
    yield from schema_keys(node["items"], f"{place}[]") if "items" in node else ()
    for branch in node.get("anyOf", []):
        yield from schema_keys(branch, place)


KEYS = dict(schema_keys(load_schema(SCHEMA)))
REQUIRED = {
    "datasets",
    "datasets.NAME.channels",
    "datasets.NAME.channels.pc.channel",
    "datasets.NAME.channels.fl[].channel",
    "samples[].name",
    "analysis[].model",
    "analysis[].channel",
    "analysis[].feature",
}
# Defaults that a schema cannot state.
SPECIAL = {
    "datasets.NAME.input": "one of `input` and `traces`",
    "samples[].dataset": "the only dataset",
}


def test_schema_is_a_valid_schema():
    text = (ROOT / "config/config.schema.yaml").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(yaml.safe_load(text))
    jsonschema.validate(yaml.safe_load(DEMO), yaml.safe_load(text))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_described(key):
    item = KEYS[key]
    assert item["title"]
    assert item["description"].endswith(".")
    if "default" in item and item["default"] is not None:
        jsonschema.validate(item["default"], item)


def test_every_line_of_the_demo_has_a_comment():
    bare = [line for line in DEMO.splitlines() if line.strip() and "#" not in line]
    assert bare == []


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
    forms = ("datasets.NAME.input.", "analysis[].weighting.", "params.segmentation.tuning.")
    other_forms = {key for key in KEYS if key.startswith(forms)}
    said = {key for key in keys(yaml.safe_load(DEMO)) if not key.startswith(forms)}
    assert said == set(KEYS) - other_forms - of_others


def test_readme_documents_every_key():
    rows = [line.replace("\\|", "/") for line in README.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    documented = {cell[0].strip("`"): cell[1:4] for cell in cells if len(cell) == 6}
    assert documented == {key: _documented(key, item) for key, item in KEYS.items()}


def _documented(key, item):
    """What the reference has to say: what is allowed, the default, the unit."""
    without_unit = {name: value for name, value in item.items() if name != "unit"}
    default = ""
    if "default" in item:
        default = f"`{show(item['default'])}`".replace("'", "")
    elif key in REQUIRED:
        default = "required"
    elif key in SPECIAL:
        default = SPECIAL[key]
    return [allowed(without_unit), default, item.get("unit", "")]


def test_examples_of_the_readme_are_valid():
    examples = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        validated(yaml.safe_load(example))

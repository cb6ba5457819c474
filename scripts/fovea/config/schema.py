"""Checks a config against the JSON schema, with messages in plain words, and fills in defaults.

A place in the config is a tuple of keys and indices; problems are a dict from place to text, one
for each place, because the first problem of a value explains it best.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

from fovea.config.bounded_yaml import GREATEST
from fovea.config.words import allowed, kind, show_path, types_of
from fovea.errors import show, suggestion

#: The schema lies beside this module where Fovea is installed, else in the repository.
SCHEMA = next(
    path
    for folder in (Path(__file__).parent, Path(__file__).resolve().parents[3] / "config")
    if (path := folder / "config.schema.yaml").is_file()
)

Place = tuple[str | int, ...]
Problems = dict[Place, str]

_IS: dict[str, Callable[[object], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": lambda value: is_number(value),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def is_number(value: object) -> bool:
    """Return whether a value is a number; YAML's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache
def load_schema(path: str | Path) -> dict:
    """Read the schema and put its definitions where they are referred to."""
    import yaml

    with open(path, encoding="utf-8") as file:
        schema = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    definitions = schema.pop("$defs", {})

    def expand(node: object) -> object:
        if isinstance(node, list):
            return [expand(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            rest = {key: item for key, item in node.items() if key != "$ref"}
            node = definitions[node["$ref"].removeprefix("#/$defs/")] | rest
        return {key: expand(item) for key, item in node.items()}

    return expand(schema)


#: What Unicode calls control characters and ends of lines, and halves of characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

#: Mappings whose keys are numbers.
_BY_INDEX = (("time", "mapping"), ("flat_field", "images"))


def plain(value: object, problems: Problems, place: Place = ()) -> object:
    """Copy a config into lists and dicts with text keys; report what YAML reads differently.

    The keys of `time.mapping` (frames) and of `flat_field.images` (channels) may be numbers.
    """
    if isinstance(value, Mapping):
        copy: dict[str, object] = {}
        for key, item in value.items():
            name = key if isinstance(key, str) else show(key)
            here = (*place, name)
            indexed = is_number(key) and place[-2:] in _BY_INDEX
            if isinstance(key, bool):
                problems[here] = (
                    "YAML reads the words yes, no, on and off as true and false; "
                    "write this key in quotes"
                )
            elif not isinstance(key, str) and not indexed:
                problems[here] = f"the key {name} is {kind(key)}; write it in quotes: '{name}'"
            elif name in copy:
                problems[here] = "this key is given twice"
            elif _CONTROL.search(name):
                problems[here] = "this name contains a line break, a tab or the like; remove it"
            copy[name] = plain(item, problems, here)
        return copy
    if isinstance(value, list | tuple):
        return [plain(item, problems, (*place, i)) for i, item in enumerate(value)]
    if isinstance(value, int) and abs(value) >= GREATEST:
        problems[place] = f"a number of {value.bit_length()} bits is too large; allowed: up to 2^63"
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        problems[place] = f"{value} is not a finite number"
    elif isinstance(value, str) and _CONTROL.search(value):
        problems[place] = f"{show(value)} contains a line break, a tab or the like; remove it"
    return value


def check_schema(config: dict, schema: dict, problems: Problems) -> None:
    """Add to `problems` whatever the schema does not allow."""
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema).iter_errors(config):
        for place, text in _translate(error, schema):
            problems.setdefault(place, text)


def branch_of(schema: dict, value: object) -> dict | None:
    """Return the alternative of an `anyOf` that is of the value's type, or the schema itself."""
    if "anyOf" not in schema:
        return schema
    return next((s for s in schema["anyOf"] if _admits(s, value)), None)


def _admits(schema: dict, value: object) -> bool:
    """Whether a value is of a type that a schema names."""
    alternatives = schema.get("anyOf", [schema])
    return any(_IS[name](value) for s in alternatives for name in types_of(s))


def filled(value: object, schema: dict, *, defaults: bool = True) -> object:
    """Return a copy in the schema's order, with numbers of its types and, if wanted, its defaults.

    What the schema does not allow is left as it is.
    """
    schema = branch_of(schema, value)
    if schema is None:
        return value
    if isinstance(value, dict):
        known = schema.get("properties", {})
        other = schema.get("additionalProperties") or {}
        result = {}
        for key, item in known.items():
            if key in value:
                result[key] = filled(value[key], item, defaults=defaults)
            elif defaults and "default" in item:
                result[key] = filled(deepcopy(item["default"]), item)
        for key, item in value.items():
            if key not in known:
                result[key] = filled(item, other, defaults=defaults)
        return result
    if isinstance(value, list):
        return [filled(item, schema.get("items", {}), defaults=defaults) for item in value]
    if is_number(value):
        # 3 and 3.0 are the same parameter: a change from one to the other reruns no step.
        if "integer" in types_of(schema) and _IS["integer"](value):
            return int(value)
        if "number" in types_of(schema):
            return float(value)
    return value


def _translate(error, root: dict) -> Iterator[tuple[Place, str]]:
    """Put one error of jsonschema into words."""
    place, value, schema = tuple(error.absolute_path), error.instance, error.schema
    if "propertyNames" in error.absolute_schema_path:
        what = schema["title"]
        yield (*place, value), f"{show(value)} cannot be {what}; allowed: {allowed(schema)}"
    elif error.validator == "anyOf":
        branch = branch_of(schema, value)
        if branch is None:
            yield place, _wrong_type(value, schema)
            return
        for inner in error.context:
            if schema["anyOf"][inner.relative_schema_path[0]] is branch:
                # About the value itself, the outer schema knows all that is allowed.
                if inner.absolute_path == error.absolute_path and "allowed" in schema:
                    inner.schema = branch | {"allowed": schema["allowed"]}
                yield from _translate(inner, root)
    elif error.validator == "additionalProperties":
        for key in value:
            if key not in schema["properties"]:
                yield (*place, key), _unknown_key((*place, key), schema["properties"], root)
    elif error.validator == "required":
        unknown = [key for key in value if key not in schema["properties"]]
        guesses = "".join(suggestion(key, schema["properties"]) for key in unknown)
        for key in schema["required"]:
            if key not in value and repr(key) not in guesses:
                needed = allowed(schema["properties"][key])
                yield (*place, key), f"this key is missing; allowed: {needed}"
    elif error.validator == "uniqueItems":
        for i, item in enumerate(value):
            if item in value[:i]:
                yield (*place, i), f"{show(item)} is listed twice; remove one"
    else:
        yield place, _wrong_value(error.validator, value, schema)


def _wrong_value(keyword: str, value: object, schema: dict) -> str:
    if keyword == "type":
        return _wrong_type(value, schema)
    what = {
        "minimum": "is too small",
        "exclusiveMinimum": "is too small",
        "maximum": "is too large",
        "not": "is even",
        "minLength": "is empty",
        "minItems": "is empty",
        "minProperties": "is empty",
        "maxItems": "is not empty",
        "enum": "is unknown",
    }.get(keyword, "is not allowed")
    is_name = keyword == "enum" and isinstance(value, str)
    words = [word for word in schema.get("enum", []) if isinstance(word, str)]
    guess = suggestion(value, words) if is_name else ""
    return f"{show(value)} {what}; allowed: {allowed(schema)}{guess}"


def _wrong_type(value: object, schema: dict) -> str:
    alternatives = schema.get("anyOf", [schema])
    types = [name for s in alternatives for name in types_of(s)]
    text = f"; allowed: {allowed(schema)}"
    if value is None:
        if isinstance(schema.get("default"), dict):
            text += "; leave the key out for the defaults"
        elif "default" in schema:
            text += f"; leave the key out for the default, {show(schema['default'])}"
        return f"null (no value) is not allowed here{text}"
    if is_number(value) and "integer" in types and "number" not in types:
        return f"{show(value)} is not a whole number{text}"
    text = f"{show(value)} is {kind(value)}{text}"
    if isinstance(value, str):
        return text + _unquote(value, types)
    if "array" in types and _admits(schema.get("items", {}), value):
        return f"{text}; write [{show(value)}]"
    if is_number(value) and "string" in types and "enum" not in schema:
        return f"{text}; write it in quotes: '{value}'"
    return text


def _unquote(value: str, types: list[str]) -> str:
    """Say how to write a text that was meant to be something else."""
    word = value.strip().lower()
    if "null" in types and word in ("", "none", "null", "nil", "nan"):
        return "; write null"
    if "boolean" in types and word in ("true", "yes", "on", "false", "no", "off"):
        return f"; write {show(word in ('true', 'yes', 'on'))} without quotes"
    if "array" in types:
        return f"; write [{value}]"
    if "number" in types or "integer" in types:
        try:
            number = float(value)
        except ValueError:
            return ""
        if math.isfinite(number):
            return f"; write {int(number) if number.is_integer() else number} without quotes"
    return ""


def _unknown_key(place: Place, known: dict, root: dict) -> str:
    *parent, key = place
    text = f"unknown key; allowed: {', '.join(known)}"
    if guess := suggestion(key, known):
        return text + guess
    homes = [home for home in _homes(key, root) if list(home) != parent]
    if len(homes) == 1:
        home = list(homes[0])
        if home[0] == "datasets":
            home[1] = parent[1] if len(parent) > 1 else "NAME"
        elif parent[:1] == ["datasets"] and parent[2:3] == ["params"]:
            home = [*parent[:3], *home[1:]]
        text += f"; it belongs under {show_path(home)}"
    return text


def _homes(key: str, schema: dict, place: Place = ()) -> Iterator[Place]:
    """Yield where in the config a key exists, apart from the parameters of single datasets."""
    for name, item in schema.get("properties", {}).items():
        if name == key:
            yield place
        if place != ("datasets", "*") or name != "params":
            yield from _homes(key, item, (*place, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _homes(key, schema["additionalProperties"], (*place, "*"))

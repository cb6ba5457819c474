"""Words for messages about the config: places, types and bounds as a reader of YAML knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


def show_path(path: Iterable[str | int]) -> str:
    """Write where a value stands: ``datasets.demo.channels.fl[0].features``."""
    parts = (
        f"[{part}]" if isinstance(part, int)
        else "." + (part if part.replace("_", "").replace("-", "").isalnum() else repr(part))
        for part in path
    )  # fmt: skip
    return "".join(parts).removeprefix(".")


def flow(value: Any) -> str:
    """Write a value as YAML on one line."""
    import yaml

    # A list around it, because a bare scalar would get an end-of-document mark.
    text = yaml.dump([value], Dumper=yaml.CSafeDumper, default_flow_style=True, width=1 << 30,
                     allow_unicode=True, sort_keys=False)  # fmt: skip
    return text.strip()[1:-1]


def kind(value: object) -> str:
    """Say of which type a value is: ``text``, ``a number``, ``a list`` and so on."""
    if value is None:
        return "null"
    names = {
        bool: "a yes/no value",  # before int, of which it is a subclass
        (int, float): "a number",
        str: "text",
        (list, tuple): "a list",
        Mapping: "a mapping (keys and values)",
    }
    found = (name for types, name in names.items() if isinstance(value, types))
    return next(found, f"a {type(value).__name__}")


def types_of(schema: dict) -> list[str]:
    """Return the JSON types that a schema allows."""
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def allowed(schema: dict) -> str:
    """Say what a schema allows: ``an odd whole number from 3 to 99 (pixels)``."""
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    words = [_with_bounds(schema, name) for name in types_of(schema) if name != "null"]
    unit = f" ({schema['unit']})" if "unit" in schema else ""
    null = ["null"] if "null" in types_of(schema) else []
    return " or ".join([" or ".join(words) + unit, *null])


def _with_bounds(schema: dict, name: str) -> str:
    text = _TYPES[name]
    if name not in ("integer", "number"):
        return text
    if schema.get("not") == {"multipleOf": 2}:
        text = text.replace("a whole", "an odd whole")
    if "minimum" in schema and "maximum" in schema:
        return f"{text} from {schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema and "maximum" in schema:
        least, most = schema["exclusiveMinimum"], schema["maximum"]
        return f"{text} greater than {least}, up to {most}"
    if "minimum" in schema:
        return f"{text} of at least {schema['minimum']}"
    if "exclusiveMinimum" in schema:
        return f"{text} greater than {schema['exclusiveMinimum']}"
    return text

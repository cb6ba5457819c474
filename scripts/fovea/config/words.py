"""Words for messages about the config: values, types and bounds as a reader of YAML knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fovea.plugins.registry import Registry

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}
_LONGEST = 70


def show(value: object) -> str:
    """Write a value on one line as it would stand in YAML, shortened where it is long."""
    text = _flow(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _flow(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)


def show_path(path: Iterable[str | int]) -> str:
    """Write where a value stands: ``datasets.demo.channels.fl[0].features``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum()
            text += ("." if text else "") + (part if plain else repr(part))
    return text


def kind(value: object) -> str:
    """Say what a value is: ``text``, ``a number``, ``a list`` and so on."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a yes/no value"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping (keys and values)"
    return f"a {type(value).__name__}"


def types_of(schema: dict) -> list[str]:
    """Return the JSON types that a schema admits."""
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def allowed(schema: dict) -> str:
    """Say what a schema admits: ``an odd whole number from 3 to 99 (pixels)``."""
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    words = [_with_bounds(schema, name) for name in types_of(schema) if name != "null"]
    unit = f" ({schema['unit']})" if "unit" in schema else ""
    null = ["null"] if "null" in types_of(schema) else []
    return " or ".join([" or ".join(words) + unit, *null])


def _with_bounds(schema: dict, name: str) -> str:
    text = _KINDS[name]
    if name not in ("integer", "number"):
        return text
    if schema.get("not") == {"multipleOf": 2}:
        text = text.replace("a whole", "an odd whole")
    if "minimum" in schema and "maximum" in schema:
        return f"{text} from {schema['minimum']} to {schema['maximum']}"
    if "minimum" in schema:
        return f"{text} of at least {schema['minimum']}"
    if "exclusiveMinimum" in schema:
        return f"{text} greater than {schema['exclusiveMinimum']}"
    return text


def suggestion(word: str, known: Iterable[str | None]) -> str:
    """Return ``; did you mean 'x'?`` if a known word is much like this one, else nothing."""
    from difflib import get_close_matches

    plain = {_plain(candidate): candidate for candidate in known if candidate}
    given = _plain(word)
    close = get_close_matches(given, plain, n=1, cutoff=0.7)
    if not close:
        # `mean` for intensity_mean, `minutes` for min
        close = [name for name in plain if min(len(name), len(given)) > 2 and _nested(name, given)]
    return f"; did you mean {plain[close[0]]!r}?" if len(close) == 1 else ""


def _nested(one: str, other: str) -> bool:
    return one in other or other in one


def unknown_name(name: str, registry: Registry, also: Iterable[str] = ()) -> str:
    """Say that a registry has no such entry: ``'aera' is no phase feature; allowed: ...``."""
    names = ", ".join([*registry, *also])
    none = "" if registry else ", for none is registered"
    return f"{show(name)} is no {registry.kind}{none}; allowed: {names}{suggestion(name, registry)}"


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")

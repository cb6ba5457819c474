"""Parameters of plug-ins' methods: types, defaults and checks, told from the function's signature.

A parameter is a keyword with a default. Its type is that of the annotation, which may be
``float | None`` or ``Literal["a", "b"]``, or else that of the default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

_TYPES = {
    bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null",
}  # fmt: skip


def properties(function: Callable) -> dict[str, dict]:
    """Return the JSON schema of each parameter that has a type the config can check."""
    try:
        target = inspect.unwrap(function)
        hints = get_type_hints(target.__init__ if isinstance(target, type) else function)
    except (NameError, TypeError):  # annotations that are no types, such as words of the author
        hints = {}
    found = {}
    for name, known in inspect.signature(function).parameters.items():
        if known.default is known.empty:
            continue
        rule = _rule(hints.get(name)) or _rule(type(known.default))
        if rule:
            found[name] = {"title": name} | rule | {"default": known.default}
    return found


def _rule(hint: object) -> dict | None:
    """Return the part of a JSON schema that an annotation stands for; None where there is none."""
    if get_origin(hint) is Literal:
        words = list(get_args(hint))
        return {"type": sorted({_TYPES[type(word)] for word in words}), "enum": words}
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if any(option not in _TYPES for option in options):
        return None
    types = [_TYPES[option] for option in options]
    return {"type": types[0] if len(types) == 1 else types}


def added(section: Mapping[str, dict], own: Mapping[str, dict]) -> dict[str, dict]:
    """Return the keys of a section of the config's schema, and those of a plug-in's method.

    Where two methods have a parameter of one name, the section allows what either does; the
    values for a method are checked by `properties` of its function alone.
    """
    result = dict(section)
    for key, rule in own.items():
        known = result.get(key)
        if known is None:
            result[key] = deepcopy(rule)
        elif "description" not in known and _loose(known) != _loose(rule):
            types = {*_types(known), *_types(rule)}
            result[key] = {"title": key, "type": sorted(types), "default": known["default"]}
    return result


def _types(rule: Mapping) -> list[str]:
    types = rule["type"]
    return [types] if isinstance(types, str) else list(types)


def _loose(rule: Mapping) -> dict:
    return {key: value for key, value in rule.items() if key != "default"}

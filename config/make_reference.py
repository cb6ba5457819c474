"""The reference of all keys, made from the schema, the one place that describes a key.

`make reference` writes the tables of `config/README.md` and the comments of the demo's
`config/config.yaml` again; a test compares both with the schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fovea.config.schema import SCHEMA, load_schema
from fovea.config.words import allowed
from fovea.errors import show
from fovea.plugins.registry import FLUORESCENCE_FEATURES, METHODS, PHASE_FEATURES

_HEAD = "| key | allowed | default | unit | meaning | reruns |\n|---|---|---|---|---|---|\n"
_COLUMN = 31  # where the comments of the demo's config begin, if its keys leave room


@dataclass(frozen=True)
class Key:
    """A key of the config: its part of the schema, and the steps that run again when it changes."""

    schema: dict
    required: bool = False
    reruns: str = ""


def known_keys(schema: dict, place: str = "", reruns: str = "") -> Iterator[tuple[str, Key]]:
    """Yield every key of a schema by its place, in the schema's order.

    `NAME` stands for a name of the user's choice, `[]` for each entry of a list. The keys of
    `params` are yielded once, and not again for each dataset.
    """
    reruns = schema.get("reruns", reruns)
    for name, item in schema.get("properties", {}).items():
        here = f"{place}.{name}".lstrip(".")
        own = item.get("reruns", reruns)
        yield here, Key(item, name in schema.get("required", ()), own)
        if here != "datasets.NAME.params":
            yield from known_keys(item, here, own)
    named = schema.get("additionalProperties")
    if isinstance(named, dict) and "properties" in named:
        yield f"{place}.NAME", Key(named, reruns=reruns)
        yield from known_keys(named, f"{place}.NAME", reruns)
    if "items" in schema:
        yield from known_keys(schema["items"], f"{place}[]", reruns)
    for branch in schema.get("anyOf", []):
        yield from known_keys(branch, place, reruns)


def with_tables(text: str, keys: Mapping[str, Key]) -> str:
    """Return the text of `config/README.md` with its tables made anew.

    A table of keys stands between the lines ``<!-- keys: datasets -->`` (``params``, ``others``)
    and ``<!-- end -->``.
    """
    rows = {"datasets": "", "params": "", "others": ""}
    for place, key in keys.items():
        top = re.match(r"\w+", place)[0]
        rows[top if top in rows else "others"] += _row(place, key)
    for group, lines in rows.items():
        before, after = f"<!-- keys: {group} -->\n", "<!-- end -->\n"
        head, _, rest = text.partition(before)
        text = head + before + _HEAD + lines + after + rest.partition(after)[2]
    for channel, features in (("pc", PHASE_FEATURES), ("fl", FLUORESCENCE_FEATURES)):
        names = ", ".join(f"`{name}`" for name in features)
        text = re.sub(rf"^\| `{channel}` \| .*$", f"| `{channel}` | {names} |", text, flags=re.M)
    return text


def _row(place: str, key: Key) -> str:
    item = key.schema
    default = "required" if key.required else item.get("if_missing", "")
    if "default" in item:
        default = f"`{show(item['default'])}`".replace("'", "")
    without_unit = {name: value for name, value in item.items() if name != "unit"}
    cells = (
        f"`{place}`",
        allowed(without_unit),
        default,
        item.get("unit", ""),
        _owners(place) + item["description"],
        key.reruns,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _owners(place: str) -> str:
    """Say to which methods a parameter belongs, if not to all of its step."""
    _, section, name = f"{place}..".split(".")[:3]
    registry = METHODS.get(section, {})
    owners = registry.owners(name) if registry else []
    if not owners or len(owners) == len(registry):
        return ""
    return f"Method{'s' if len(owners) > 1 else ''} {' and '.join(owners)}: "


def with_comments(text: str, keys: Mapping[str, Key]) -> str:
    """Return the text of the demo's config with the comments of its keys made anew."""
    lines: list[str] = []
    parents: list[tuple[int, str]] = []  # (column, place) of the keys around a line
    for line in text.splitlines():
        match = re.match(r"( *(- )?)(\w+):", line)
        if match is None:
            lines.append(line)
            continue
        column = len(match[1])
        while parents and parents[-1][0] >= column:
            parents.pop()
        around = parents[-1][1] if parents else ""
        if match[2]:  # an entry of a list
            around = around.removesuffix("[]") + "[]"
            parents[-1] = (parents[-1][0], around)
        place = f"{around}.{match[3]}".lstrip(".")
        if place not in keys:
            place = f"{around}.NAME"
        parents.append((column, place))
        code, _, comment = line.partition(" # ")
        if not place.endswith(".NAME"):  # names of the user's choice keep theirs
            comment = _comment(place, keys[place].schema)
        lines.append(f"{code.rstrip():<{_COLUMN}}  # {comment}")
    return "\n".join(lines) + "\n"


def _comment(place: str, item: dict) -> str:
    """The first sentence of a key's description, and what it does not say: names, unit, bounds."""
    sentence = re.split(r"\.(?:\s|$)", item["description"], maxsplit=1)[0]
    section, name = f".{place}".split(".")[-2:]

    def said(word: str) -> bool:
        return re.search(rf"\b{word}\b", sentence, re.I) is not None

    names = METHODS[section] if name == "method" and section in METHODS else item.get("enum", [])
    words = [word for word in names if word is not None]
    if all(map(said, words)):
        words = []
    if "unit" in item and not item["unit"].startswith("that of") and not said(item["unit"]):
        words.append(item["unit"])
    # Larger bounds only stop errors of typing.
    if "minimum" in item and item.get("maximum", math.inf) < 10_000:
        words.append(f"{item['minimum']} to {item['maximum']}")
    return sentence + (f" ({', '.join(words)})" if words else "")


def main() -> None:
    """Write the reference and the comments of the demo's config."""
    keys = dict(known_keys(load_schema(SCHEMA)))
    for name, made in (("README.md", with_tables), ("config.yaml", with_comments)):
        path = SCHEMA.with_name(name)
        path.write_text(made(path.read_text("utf-8"), keys), "utf-8")


if __name__ == "__main__":
    main()

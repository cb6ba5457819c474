"""YAML and JSON of people, read with bounds: on size, depth, aliases and numbers, and without keys
that are given twice.

A text of 300 letters can stand for 10^9 values (`anchors`_), which no program survives that walks
over them. So the events of the parser are counted before anything is built.

.. _anchors: https://en.wikipedia.org/wiki/Billion_laughs_attack
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from fovea.errors import FoveaError, show

LARGEST = 10_000_000  #: bytes of a file
DEEPEST = 40  #: levels of nesting; a config has some 10
MOST = 200_000  #: values, those of aliases counted each time; 10,000 samples have 70,000
GREATEST = 2**63  #: an integer must be smaller than that, with either sign


class _RefusedError(ValueError):
    """What is wrong, and the line and column, counted from 0."""

    def __init__(self, text: str, mark: Any):
        super().__init__(text)
        self.text, self.line, self.column = text, mark.line, mark.column


def read_yaml(path: str | os.PathLike[str], absent: str = "correct the path") -> Any:
    """Read a file of YAML or JSON; `absent` is what to do if it cannot be opened.

    Raises
    ------
    FoveaError
        If it cannot be read, is no YAML, or exceeds a bound; the message names line and column.
    """
    return parse(_text(Path(path), absent), str(path))


def parse(text: str, source: str) -> Any:
    """Read a text of YAML or JSON; `source` names it in messages, errors are as of `read_yaml`."""
    import yaml

    try:
        # JSON may have tabs, and YAML reads some numbers of JSON as text.
        return json.loads(text, object_pairs_hook=_unique, parse_int=_bounded)
    except (_InJsonError, RecursionError):
        text = text.replace("\t", " ")  # and what is wrong is found where it stands
    except ValueError:
        pass
    try:
        _count(text)
        return _build(text)
    except _RefusedError as refused:
        place = f"line {refused.line + 1}, column {refused.column + 1}"
        raise FoveaError(f"{source}: {place}: {refused.text}") from None
    except yaml.YAMLError as error:
        raise FoveaError(f"{source}: {_fault(error, text.splitlines())}") from None


class _InJsonError(ValueError):
    """Something in JSON that is refused."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _InJsonError
    return found


def _bounded(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) >= GREATEST:
        raise _InJsonError
    return value


def _text(path: Path, absent: str) -> str:
    try:
        # A pipe would be waited for, and a device may have no end.
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise FoveaError(f"{path}: is a pipe or a device; name a file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FoveaError(f"{path}: {why}; {absent}") from error
    if len(data) > LARGEST:
        raise FoveaError(
            f"{path}: has more than {LARGEST // 10**6} MB, so it is no such file of text; "
            "name another one"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].splitlines() or [b""]
        line = data.count(b"\n", 0, error.start) + 1
        column = len(before[-1].decode("utf-8-sig")) + 1 if line == len(before) else 1
        raise FoveaError(
            f"{path}: line {line}, column {column}: is not written in UTF-8; save the file in "
            "this encoding"
        ) from None


def _count(text: str) -> None:
    """Refuse a text that is nested too deeply or has too many values."""
    import yaml

    sizes: dict[str | None, int] = {}  # values for which an anchor stands
    around: list[list] = []  # of each list or mapping that is open: anchor, values before it
    total = 0
    for event in yaml.parse(text, Loader=_loader()):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = around.pop()
            sizes[anchor] = total - before
        elif isinstance(event, yaml.CollectionStartEvent):
            around.append([event.anchor, total])
            total += 1
            if len(around) > DEEPEST:
                what = f"is nested more than {DEEPEST} levels deep; correct the brackets"
                raise _RefusedError(what, event.start_mark)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor] = 1
            total += 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes and any(event.anchor == name for name, _ in around):
                name = show(f"*{event.anchor}")
                what = f"{name} stands inside what it stands for; write out what is meant"
                raise _RefusedError(what, event.start_mark)
            total += sizes.get(event.anchor, 1)
        if total > MOST:
            what = f"more than {MOST:,} values up to here, those of aliases such as *a counted "
            what += "each time; write less, such as ranges of fields of view"
            raise _RefusedError(what, event.start_mark)


def _build(text: str) -> Any:
    loader = _loader()(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        for inner in _nodes(node):
            _check_keys(inner, loader)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _nodes(root: Any) -> Iterable[Any]:
    """Yield each list and mapping under a node once, in the order of the text."""
    import yaml

    seen, rest = set(), [root]
    while rest:
        node = rest.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        yield node
        mapping = isinstance(node, yaml.MappingNode)
        rest += reversed([n for pair in node.value for n in pair] if mapping else node.value)


def _check_keys(node: Any, loader: Any) -> None:
    import yaml

    first: dict[Any, Any] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        value = loader.construct_object(key)
        if value in first:
            line = first[value].start_mark.line + 1
            text = f"the key {show(value)} stands in line {line} already; remove one of them"
            raise _RefusedError(text, key.start_mark)
        first[value] = key


@cache
def _loader() -> type:
    """The safe loader of PyYAML, that of libyaml where there is one, with located faults."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                value = super().construct_object(node, deep)
            except (ValueError, OverflowError, KeyError, AttributeError, TypeError) as error:
                if isinstance(error, _RefusedError) or not isinstance(node, yaml.ScalarNode):
                    raise
                if node.tag == "tag:yaml.org,2002:int" and len(node.value) > 20:
                    value = GREATEST  # Python reads 4,300 digits, no more
                else:
                    text = f"{show(node.value)} has no value; put it in quotes if it is text"
                    raise _RefusedError(text, node.start_mark) from None
            if isinstance(value, int) and abs(value) >= GREATEST:
                text = f"{show(node.value)} is too large a number; allowed: up to {GREATEST - 1}"
                raise _RefusedError(text, node.start_mark)
            return value

    return Loader


def _fault(error: Any, lines: list[str]) -> str:
    """Say where a text is no YAML, and what to do."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character that YAML does not allow
        return f"is no YAML: {' '.join(str(error).split())}; remove what is no text"
    # A tab is noticed where the line begins, or where the one before was to go on.
    near = [n for n in (mark.line, mark.line - 1) if 0 <= n < len(lines)]
    for n in near:
        indent = lines[n][: len(lines[n]) - len(lines[n].lstrip())]
        if "\t" in indent:
            return (
                f"line {n + 1} begins with a tab, and YAML takes spaces only; replace the tabs at "
                "the beginning of lines by spaces"
            )
    problem = " ".join(filter(None, (error.context, error.problem)))
    return (
        f"line {mark.line + 1}, column {mark.column + 1}: is no YAML ({problem}); compare the "
        "indents with those of the lines above, and put text with a colon, # or braces in quotes"
    )

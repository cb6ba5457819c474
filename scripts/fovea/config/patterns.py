"""Find files by a pattern such as ``img_{fov}_{channel}_{frame}.tif``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from fovea.errors import FoveaError

PLACEHOLDERS = ("fov", "channel", "frame", "z")
NUMBERS = ("frame", "z")


@dataclass(frozen=True)
class Match:
    """A file, and the values of the placeholders in its path; None without that placeholder."""

    path: str
    fov: str | None = None
    channel: str | None = None
    frame: int | None = None
    z: int | None = None


def match_pattern(pattern: str, base: str | os.PathLike[str] = ".") -> list[Match]:
    """Find the files that a pattern describes.

    ``{frame}`` and ``{z}`` match digits. ``{fov}`` and ``{channel}`` match digits, or any text if
    more files are found so. ``*`` matches any text. None of them matches a ``/``. A placeholder
    that occurs twice matches the same text. Relative paths start from `base`. FoveaError for
    unknown placeholders, or if no file matches.
    """
    names = re.findall(r"\{([^{}]*)\}", pattern)
    for name in names:
        if name not in PLACEHOLDERS:
            allowed = ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)
            raise FoveaError(
                f"input: pattern {pattern!r}: {{{name}}} is unknown; allowed are {allowed}"
            )
    if not names:
        raise FoveaError(
            f"input: pattern {pattern!r} has no placeholder; put {{fov}}, {{channel}}, {{frame}} "
            "or {z} where the numbers stand, or name the file without `pattern`"
        )
    texts = [name for name in ("fov", "channel") if name in names]
    forms = product((r"\d+", r"[^/]+?"), repeat=len(texts))
    found = (list(_find(pattern, base, dict(zip(texts, form, strict=True)))) for form in forms)
    best = max(found, key=len)  # the first of several that find as many
    if not best:
        raise FoveaError(f"input: no file matches the pattern {pattern!r}; correct the pattern")
    return best


def _find(pattern: str, base: str | os.PathLike[str], forms: dict[str, str]) -> Iterator[Match]:
    forms = {**dict.fromkeys(NUMBERS, r"\d+"), **forms}
    segments = [segment for segment in pattern.split("/") if segment not in ("", ".")]
    start = "/" if os.path.isabs(pattern) else ""
    for path, values in _descend(os.fspath(base), start, segments, forms, {}):
        found = {name: int(text) if name in NUMBERS else text for name, text in values.items()}
        yield Match(path, **found)  # type: ignore[arg-type]


def _descend(
    base: str, path: str, segments: list[str], forms: dict[str, str], values: dict[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Follow a pattern from directory to directory: path and values of each match."""
    segment, rest = segments[0], segments[1:]
    names = [segment]
    if "{" in segment or "*" in segment:
        try:
            names = sorted(os.listdir(os.path.join(base, path) or "."))
        except OSError:
            return
    regex = re.compile(_regex(segment, forms, values))
    for name in names:
        match = regex.fullmatch(name)
        if match is None:
            continue
        here, found = os.path.join(path, name), {**values, **match.groupdict()}
        if rest:
            if os.path.isdir(os.path.join(base, here)):
                yield from _descend(base, here, rest, forms, found)
        elif os.path.isfile(os.path.join(base, here)):
            yield here, found


def _regex(segment: str, forms: dict[str, str], values: dict[str, str]) -> str:
    parts: list[str] = []
    seen: set[str] = set()
    for piece in re.split(r"(\{[^{}]*\}|\*)", segment):
        name = piece[1:-1]
        if piece == "*":
            parts.append(r"[^/]*")
        elif not (piece.startswith("{") and piece.endswith("}")):
            parts.append(re.escape(piece))
        elif name in values:
            parts.append(re.escape(values[name]))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{forms[name]})")
    return "".join(parts)

"""File names with placeholders, such as ``img_{fov}_{channel:name}_{frame}.tif``.

`fovea.config.folders` finds the files that a pattern describes. Standard library only.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from fovea.errors import FoveaError, suggestion

_NUMBER = "[0-9]+"
_NAME = "[^/]+?"  # the shortest text that makes the whole path fit
_GUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_CLOCK = ("year", "month", "day", "hour", "minute", "second", "ms")

#: What a placeholder without a form matches.
PLACEHOLDERS = {
    **dict.fromkeys(("fov", "channel", "frame", "z"), _NUMBER),
    # not in the middle of a word: A1 to AF48, the wells of 6 to 1536
    "well": "(?<![A-Za-z0-9])(?:[A-P]|A[A-F])[0-9]{1,2}(?![0-9])",
    "row": "(?:[A-Za-z]{1,2}|[0-9]+)",
    "column": _NUMBER,
    "label": _NAME,  # a channel's name beside its number
    **dict.fromkeys(_CLOCK, _NUMBER),
    "guid": f"(?:{_GUID})?",
    "skip": _NUMBER,
}
#: Placeholders that also match text, as in ``{channel:name}``.
NAMED = ("fov", "channel", "well", "row", "label", "skip")
#: Names that programs give to images that are made of a recording's images.
_WORDS = (
    r"(?:thumb(?:nail)?s?|(?:cp_)?masks?|seg|segm|segmentation|outlines?|labels?|ids|"
    r"flows?|cellprob|prob(?:abilities)?|overlay|merged?|composite|montage|stitched|roi|rois|"
    r"simple)"
)
_MADE = re.compile(rf"(?i)(?<![a-z]){_WORDS}(?![a-z])|thumb")
_SUFFIX = re.compile(r"(?i)(?:\.companion|\.ome)?\.[a-z0-9]+$")
_ENDS = re.compile(rf"(?i)[ _.-]+{_WORDS}$|^{_WORDS}[ _.-]+")


@dataclass(frozen=True)
class Match:
    """A file, and what its path says; None for what the pattern does not hold.

    `fov` is the field's name with that of its well, `channel` the number or name of the channel and
    `label` its name beside a number. `seconds` is the time, of the day 0 or of the calendar.
    `loose` is the text that ``*`` and ``**/`` stand for.
    """

    path: str
    fov: str | None = None
    channel: str | None = None
    frame: int | None = None
    z: int | None = None
    label: str | None = None
    seconds: float | None = None
    loose: str = ""


@dataclass(frozen=True)
class Pattern:
    """A pattern, ready to be compared with paths. Made by `compiled`."""

    text: str
    regex: re.Pattern = field(repr=False)
    start: str  # the folder before the first placeholder; empty for the present one
    #: Regular expressions of the folders on the way; None where any folder may be on it.
    folders: tuple[re.Pattern, ...] | None = field(repr=False)

    def match(self, path: str, before: int = 0) -> Match | None:
        """Return what a path says from its letter `before` on, or None where it does not fit."""
        own = path[before:]
        if not own.isascii():  # an umlaut may be one letter, or two on disks of a Mac
            own = unicodedata.normalize("NFC", own)
        found = self.regex.fullmatch(own)
        if found is None or ("thumb" in own.lower() and "thumb" not in self.text.lower()):
            return None
        return _match(path, found)

    def may_hold(self, folder: str, depth: int) -> bool:
        """Return whether files of the pattern may lie in a folder, `depth` below the start."""
        if self.folders is None:
            return True
        folder = unicodedata.normalize("NFC", folder)
        return depth < len(self.folders) and bool(self.folders[depth].fullmatch(folder))


def check_pattern(text: str) -> str | None:
    """Return what is wrong with a pattern, in words that follow its text; None if it is right."""
    names = re.findall(r"\{([^{}]*)\}", text)
    allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for whole in names:
        name, _, form = whole.partition(":")
        if name not in PLACEHOLDERS:
            text = f"has {{{whole}}}, which is no placeholder; allowed: {allowed}"
            return text + suggestion(name, PLACEHOLDERS)
        if form in ("", "number") or (form.isdigit() and int(form) > 0):
            continue
        if name not in NAMED or (form != "name" and "|" not in form):
            forms = "a width such as {frame:4}, {channel:name} for text, {channel:GFP|Phase}"
            return f"has {{{whole}}}, which is no form of {{{name}}}; allowed: {forms}"
    if not set(names) - {"guid", "skip"}:
        return "has no placeholder; allowed: " + allowed
    depth = 0
    for sign in re.findall("[<>]", text):
        depth += 1 if sign == "<" else -1
        if depth not in (0, 1):
            break
    return "has a < without its >, or one inside the other" if depth else None


@cache
def compiled(text: str) -> Pattern:
    """Compile a pattern. FoveaError says what is wrong with it.

    ``{fov}``, ``{channel}``, ``{frame}``, ``{z}`` and the parts of a time match digits, with a
    width such as ``{channel:1}`` as many. ``{channel:name}`` matches text, ``{channel:A|B}`` one of
    these. ``*`` matches any text, ``**/`` any folders. ``<...>`` is optional; of ``<a|b|c>`` each
    may stand there once, in any order. A placeholder that occurs twice matches the same text. The
    suffix is the same in capitals.
    """
    wrong = check_pattern(text)
    if wrong:
        raise FoveaError(f"input: pattern {text!r} {wrong}")
    tidy = re.sub(r"^(?:\./)+|(?<=/)\./|(?<=/)/+", "", text)
    literal = re.match(r"(?:[^{}*<>/]*/)*", tidy)
    start = literal.group() if literal else ""
    whole = _Regex().of(unicodedata.normalize("NFC", tidy))
    plain = "**/" not in tidy and not any("/" in part for part in re.findall("<[^>]*>", tidy))
    folders = None
    if plain:
        parts = tidy[len(start) :].split("/")[:-1]
        paths = [start + "/".join(parts[: n + 1]) for n in range(len(parts))]
        normal = [unicodedata.normalize("NFC", path) for path in paths]
        folders = tuple(re.compile(_Regex().of(path, suffix=False)) for path in normal)
    return Pattern(text, re.compile(whole), start.rstrip("/") or start[:1], folders)


class _Regex:
    """Writes the regular expression of a pattern.

    `known` are placeholders that occurred, with the names of their groups: the placeholder, a
    number, and ``t`` before it where the group matches text of any kind.
    """

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.count = 0

    def of(self, text: str, *, suffix: bool = True) -> str:
        end = re.search(r"\.[A-Za-z0-9]+(?:<f>)?$", text) if suffix else None
        body = text[: end.start()] if end else text
        pieces = re.split(r"(<[^<>]*>)", body)
        written = [self._choice(p[1:-1]) if p[:1] == "<" else self._plain(p) for p in pieces]
        ending = re.escape(end.group().removesuffix("<f>")) if end else ""
        optional = "f?" if end and end.group().endswith("<f>") else ""
        return "".join(written) + (f"(?i:{ending}{optional})" if end else "")

    def _choice(self, text: str) -> str:
        """Write parts of which each may stand there once, as a tree, so that it fails early."""
        parts = re.split(r"\|(?![^{]*\})", text)

        def tree(rest: tuple[int, ...]) -> str:
            ways = [self._plain(parts[i], local=True) + tree(tuple(set(rest) - {i})) for i in rest]
            return f"(?:{'|'.join(ways)})?" if ways else ""

        return tree(tuple(range(len(parts))))

    def _plain(self, text: str, *, local: bool = False) -> str:
        written = []
        for piece in re.split(r"(\{[^{}]*\}|\*\*/|\*)", text):
            if piece == "**/":
                written.append(self._group("loose", "(?:[^/]+/)*?", free=True))
            elif piece == "*":
                written.append(self._group("loose", "[^/]*?", free=True))
            elif piece.startswith("{") and piece.endswith("}"):
                written.append(self._placeholder(piece[1:-1], local))
            else:
                written.append(re.escape(piece))
        return "".join(written)

    def _placeholder(self, whole: str, local: bool) -> str:
        name, _, form = whole.partition(":")
        expression = PLACEHOLDERS[name]
        if form == "name":
            expression = _NAME
        elif form == "number":
            expression = _NUMBER
        elif form.isdigit():
            expression = f"[0-9]{{{int(form)}}}"
        elif form:
            ways = sorted(map(re.escape, form.split("|")), key=len, reverse=True)
            expression = f"(?:{'|'.join(ways)})"
        free = expression == _NAME
        if name in ("guid", "skip") and not free:
            return f"(?:{expression})"
        if name in self.known:
            return f"(?P={self.known[name]})"
        written = self._group(name, expression, free=free)
        if not local and name != "skip":
            self.known[name] = f"{name}_{'t' * free}{self.count}"
        return written

    def _group(self, name: str, expression: str, *, free: bool) -> str:
        self.count += 1
        return f"(?P<{name}_{'t' * free}{self.count}>{expression})"


def is_made(name: str) -> bool:
    """Return whether a name is one that programs give to what is made of images, such as masks."""
    return bool(_MADE.search(name))


def made_of(paths: Iterable[str]) -> dict[str, str]:
    """Return which files are named as made of another, such as its mask, and that other one.

    ``set2_ids.ome.tiff`` is, if ``set2.ome.tiff`` is in the same folder.
    """
    stems: dict[tuple[str, str], str] = {}
    for path in paths:
        folder, name = os.path.split(path)
        stems[folder, _SUFFIX.sub("", name)] = path
    found = {}
    for (folder, stem), path in stems.items():
        bare = stem
        while (shorter := _ENDS.sub("", bare)) != bare:
            bare = shorter
            if (folder, bare) in stems:
                found[path] = stems[folder, bare]
                break
    return found


def _match(path: str, found: re.Match) -> Match | None:
    groups = [(*key.split("_"), text) for key, text in found.groupdict().items() if text]
    values = {name: text for name, _, text in groups}
    if any(free[0] == "t" and is_made(text) for name, free, text in groups if name != "loose"):
        return None
    loose = "\n".join(text for name, _, text in groups if name == "loose")
    clock = {key: int(values[key]) for key in _CLOCK if key in values}
    seconds = _seconds(clock) if clock else None
    if clock and seconds is None:
        return None
    numbers = {key: int(values[key]) for key in ("frame", "z") if key in values}
    return Match(
        path, _field_name(values), values.get("channel"), label=values.get("label"),
        seconds=seconds, loose=loose, **numbers,
    )  # fmt: skip


def _field_name(values: dict[str, str]) -> str | None:
    """Return the name of a field: that of its well, then its own."""
    well = values.get("well")
    if well is not None and well.isdigit():
        well = f"W{int(well)}"
    if "row" in values or "column" in values:
        row = values.get("row", "")
        row = _letters(int(row)) if row.isdigit() else row
        column = values.get("column", "")
        well = row + (f"{int(column):02d}" if column else "")
    return "_".join(name for name in (well, values.get("fov")) if name) or None


def _letters(row: int) -> str:
    """Return the letters of a plate's row, counted from 1: A to Z, then AA."""
    if not 0 < row <= 702:
        return str(row)
    return (chr(64 + (row - 1) // 26) if row > 26 else "") + chr(65 + (row - 1) % 26)


def _seconds(clock: dict[str, int]) -> float | None:
    """Return a time in seconds; None for a date that does not exist."""
    rest = clock.get("ms", 0) / 1000
    if "year" not in clock and "month" not in clock:
        days, hours, minutes = (clock.get(key, 0) for key in ("day", "hour", "minute"))
        return ((days * 24 + hours) * 60 + minutes) * 60 + clock.get("second", 0) + rest
    year = clock.get("year", 2000)
    year += 2000 if year < 100 else 0
    given = (
        clock.get(key, least) for key, least in zip(_CLOCK[1:-1], (1, 1, 0, 0, 0), strict=True)
    )
    try:
        return (datetime(year, *given) - datetime(1970, 1, 1)).total_seconds() + rest
    except ValueError:
        return None

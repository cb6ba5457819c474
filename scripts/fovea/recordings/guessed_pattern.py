"""Guess a pattern for the names of single images by the words that stand before their numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import takewhile

from fovea.config.folders import Found, sort_out
from fovea.config.patterns import compiled, is_made

#: What people and programs write before a number, and what it counts.
ROLES = {
    **dict.fromkeys(("t", "time", "timepoint", "tp", "frame", "fr", "cycle", "scan"), "frame"),
    **dict.fromkeys(("xy", "pos", "position", "p", "s", "site", "field", "fov", "fld", "series",
                     "scene", "point", "view", "loc", "location", "f", "m", "stage"), "fov"),
    **dict.fromkeys(("c", "ch", "chan", "channel", "w", "wv", "wave", "wavelength"), "channel"),
    **dict.fromkeys(("z", "slice", "plane", "zstep", "stack"), "z"),
}  # fmt: skip
_CHANNELS = re.compile(
    r"(?i)phase|phaco|bright|dic|trans|bf$|^ph\d?$|fp$|gfp|rfp|yfp|cfp|cherry|dapi|hoechst|fitc|"
    r"tritc|texas|cy\d|alexa|red|green|blue|fluo|venus|tomato|mono|light|camera|ch\d|\d{3}"
)
_CLOCK = (
    r"(?<![0-9])(?:19|20)[0-9]{2}[-_.]?[0-9]{2}[-_.]?[0-9]{2}[-_ T.]{1,2}"
    r"[0-9]{2}[-_.h]?[0-9]{2}(?:[-_.m]?[0-9]{2})?(?![0-9])"
)
_UNITS = {
    "d": "day",
    "h": "hour",
    "min": "minute",
    "m": "minute",
    "sec": "second",
    "s": "second",
    "ms": "ms",
}  # from the largest to the smallest
_UNIT = re.compile(r"(?:ms|min|sec|[dhms])(?![A-Za-z])")
_TOKEN = re.compile(rf"{_CLOCK}|(?<![A-Za-z0-9])[A-P][0-9]{{1,2}}(?![A-Za-z0-9])|[0-9]+")


def tells_images_apart(found: Found) -> bool:
    """Return whether names tell frames, channels or z planes apart, and not fields alone."""
    ways = ("channel", "frame", "z", "seconds")
    return any(len({getattr(m, way) for m in found.matches}) > 1 for way in ways)


def propose(files: Sequence[str], folder: str) -> str | None:
    """Return a pattern for files by the words before the numbers in their names, or None.

    The pattern is strict: other names than those of the files' channels do not match it.
    """
    files = [f for f in files if not f.lower().endswith((".ome.tif", ".ome.tiff"))]
    start = "" if folder in (".", "") else os.path.join(os.path.normpath(folder), "")
    if set(start) & set("{}<>*|"):
        return None  # a pattern would not mean this folder
    kept = [f.removeprefix(start) for f in files if not is_made(os.path.basename(f))]
    groups: dict[tuple[tuple[str, ...], str], list[list[str]]] = {}
    for name in kept:
        values = _TOKEN.findall(name)
        key = tuple(_TOKEN.split(name)), "".join(map(_kind, values))
        groups.setdefault(key, []).append(values)
    if not groups:
        return None
    texts, kinds = max(groups, key=lambda key: (len(groups[key]), key))
    place, names = _variants(texts, [own for own, kind in groups if kind == kinds])
    rows = [row for (own, kind), found in groups.items() if kind == kinds
            and all(a == b or i == place for i, (a, b) in enumerate(zip(own, texts, strict=False)))
            and len(own) == len(texts) for row in found]  # fmt: skip
    roles = _roles(texts, kinds, rows, named=bool(names))
    if roles is None or not any(role.startswith("{") for role in roles):
        return None
    written = list(texts)
    if names:
        before, after = _around(names)
        inner = {name: name[len(before) : len(name) - len(after)] for name in names}
        kind = _name_kind(inner, roles, place, groups, kinds)
        if kind is None:
            return None
        written[place] = f"{before}{{{kind}:{'|'.join(sorted(inner.values()))}}}{after}"
    pairs = zip(written, [*roles, ""], strict=True)
    pattern = start + "".join(text + role for text, role in pairs)
    found = sort_out(compiled(pattern), files)
    good = found.matches and found.images == len(found.matches) and tells_images_apart(found)
    return pattern if good else None


def _kind(value: str) -> str:
    if value.isdigit() and len(value) < 14:
        return "n"
    return "w" if value[0].isalpha() else "c"


def _variants(texts: tuple[str, ...], others: list[tuple[str, ...]]) -> tuple[int, list[str]]:
    """Return where other names differ from `texts` by a word, and the words; -1 and none."""
    found: dict[int, list[str]] = {}
    for own in others:
        if len(own) == len(texts):
            places = [i for i, (a, b) in enumerate(zip(own, texts, strict=True)) if a != b]
            if len(places) == 1:
                found.setdefault(places[0], [texts[places[0]]]).append(own[places[0]])
    usable = {}
    for i, names in found.items():
        before, after = _around(names)
        inner = [name[len(before) : len(name) - len(after)] for name in names]
        if all(inner) and not any("/" in name or "{" in name or "|" in name for name in inner):
            usable[i] = names
    place = max(usable, key=lambda i: (len(usable[i]), i), default=-1)
    return place, usable.get(place, [])


def _around(names: list[str]) -> tuple[str, str]:
    """Return the common beginning and end of names, cut where a word begins or ends."""
    before = re.sub(r"[A-Za-z0-9]+$", "", _beginning(names))
    rest = [name[len(before) :][::-1] for name in names]
    return before, re.sub(r"^[A-Za-z0-9]+", "", _beginning(rest)[::-1])


def _beginning(names: list[str]) -> str:
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def _roles(
    texts: Sequence[str], kinds: str, rows: list[list[str]], *, named: bool
) -> list[str] | None:
    """Return the placeholder of each number, or the number where it is always the same."""
    columns = list(zip(*rows, strict=True))
    roles: list[str] = []
    used: dict[str, int] = {}
    unknown: list[int] = []
    times = _durations(texts, columns)
    for i, (kind, values) in enumerate(zip(kinds, columns, strict=True)):
        role = _role(texts, i)
        if i in times:
            roles.append(f"{{{times[i]}}}")
            used["clock"] = i
        elif len(set(values)) == 1:
            roles.append(values[0])
        elif kind == "c":
            roles.append(_clock(values[0]))
            used["clock"] = i
        elif kind == "w" and _is_channel(texts, i, values):
            roles.append("C{channel}")
            used["channel"] = i
        elif kind == "w":
            roles.append("{well}")
        elif role and role not in used:
            used[role] = i
            roles.append(f"{{{role}}}")
        elif role and list(map(_number, values)) == list(map(_number, columns[used[role]])):
            roles.append(f"{{{role}}}" if values == columns[used[role]] else "{skip}")
        elif role == "fov" and not roles.count("{well}"):
            roles[used["fov"]] = "{well:number}"
            roles.append("{fov}")
        else:
            roles.append("")
            unknown.append(i)
    free = [role for role in ("frame", "fov") if role not in used]
    if "clock" in used and "frame" in free:
        free.remove("frame")
    if len(unknown) == 2 and len(free) == 2 and "/" in texts[unknown[1]]:
        roles[unknown.pop(0)] = "{fov}"  # a folder for each field, whose files are numbered
        free = ["frame"]
    if len(unknown) > 1 or (unknown and not free):
        return None
    if unknown:
        roles[unknown[0]] = f"{{{free[0]}}}"
    return roles


def _role(texts: Sequence[str], i: int) -> str:
    """Return what the word before a number counts; an empty text if nothing tells."""
    if i and texts[i] == "c" and re.search(r"(?:^|[^A-Za-z])r$", texts[i - 1]):
        return "column"
    if texts[i + 1] == "c" and re.search(r"(?:^|[^A-Za-z])r$", texts[i]):
        return "row"
    if re.match(r"[ _]?nm(?![A-Za-z])", texts[i + 1]):
        return "channel"  # a wavelength
    word = re.search(r"([A-Za-z]+)[ _.(=#-]*$", texts[i])
    return ROLES.get(word.group(1).lower(), "") if word else ""


def _number(text: str) -> int:
    return int(re.sub("[^0-9]", "", text))


def _is_channel(texts: Sequence[str], i: int, values: Sequence[str]) -> bool:
    """Return whether C1, C2 are channels and no wells: where other numbers have such letters."""
    others = any(re.search(r"(?:^|[^A-Za-z])[TZS]$", text) for text in texts)
    return others and all(value[0] == "C" for value in values)


def _durations(texts: Sequence[str], columns: Sequence[Sequence[str]]) -> dict[int, str]:
    """Return which numbers are parts of a time with its units, such as ``01d12h30m``.

    A unit is no beginning of a word, and before another digit only if a smaller unit follows.
    """
    order = list(_UNITS)
    units = [_UNIT.match(text) for text in texts[1:]]
    found: dict[int, str] = {}
    for i, values in enumerate(columns):
        unit = units[i]
        if unit is None or not values[0].isdigit():
            continue
        name, after = unit.group(), texts[i + 1][unit.end() :]
        if not after and i + 1 < len(columns):
            smaller = units[i + 1]
            if smaller is None or order.index(smaller.group()) <= order.index(name):
                continue
        follows = i - 1 in found and re.fullmatch(f"({'|'.join(order)})[-_]?", texts[i])
        if (follows or not _role(texts, i)) and _UNITS[name] not in found.values():
            found[i] = _UNITS[name]
    varied = any(len(set(columns[i])) > 1 for i in found)
    return found if varied else {}


def _clock(example: str) -> str:
    """Write the placeholders of a date with a time of the day."""
    names = iter(("year", "month", "day", "hour", "minute", "second"))
    widths = iter((4, 2, 2, 2, 2, 2))
    written, rest = "", example
    while rest:
        if rest[0].isdigit():
            width = next(widths)
            written, rest = f"{written}{{{next(names)}:{width}}}", rest[width:]
        else:
            written, rest = written + rest[0], rest[1:]
    return written


def _name_kind(
    inner: dict[str, str], roles: list[str], place: int, groups: dict, kinds: str
) -> str | None:
    """Return what differing words name: channels, fields of view or their wells."""
    if "{channel}" in roles:
        column = roles.index("{channel}")
        numbers: dict[str, set[str]] = {}
        for (texts, kind), rows in groups.items():
            if kind == kinds and texts[place : place + 1] and texts[place] in inner:
                numbers.setdefault(texts[place], set()).update(row[column] for row in rows)
        if len(set().union(*numbers.values())) == sum(map(len, numbers.values())):
            return "label"
    elif any(_CHANNELS.search(name) for name in inner.values()):
        return "channel"
    if "{fov}" not in roles:
        return "fov"
    return "well" if "{well}" not in roles and "{well:number}" not in roles else None

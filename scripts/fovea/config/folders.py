"""The files of a folder that a pattern or a layout describes, and those that it leaves out.

Standard library only, for Snakemake reads its rules in every job. A folder may hold hundreds of
thousands of files: each folder is listed once, and no file is looked at by itself.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from fovea.config.layouts import LAYOUTS
from fovea.config.patterns import Match, Pattern, compiled, is_made
from fovea.errors import FoveaError, suggestion

_DEEPEST = 8  # levels of folders that are looked into
_SOME = 2000  # files by which the pattern of a layout is chosen


@dataclass(frozen=True)
class Found:
    """The files that `pattern` describes, and the other files of their folders (`left`)."""

    pattern: str
    matches: list[Match]
    left: list[str]

    @property
    def folders(self) -> set[str]:
        """The folders that hold the files."""
        return {os.path.dirname(match.path) or "." for match in self.matches}

    @property
    def images(self) -> int:
        """How many different images the names of the files tell apart."""
        return len({replace(match, path="", loose="") for match in self.matches})


def find_source(source: dict[str, Any], base: str | os.PathLike[str] = ".") -> Found:
    """Find the files of an input with `pattern`, or with `layout` and `folder`."""
    if "pattern" in source:
        return find(source["pattern"], base)
    return find_layout(source["layout"], source["folder"], base)


def find(pattern: str, base: str | os.PathLike[str] = ".") -> Found:
    """Find the files of a pattern; FoveaError if it is wrong, or if no file matches."""
    wanted = compiled(pattern)
    found = sort_out(wanted, walk(base, wanted.start, wanted))
    if not found.matches:
        raise FoveaError(
            f"input: no file matches the pattern {pattern!r}{_hint(wanted, found.left)}"
        )
    return found


def find_layout(name: str, folder: str, base: str | os.PathLike[str] = ".") -> Found:
    """Find the files of a folder that are named as a layout says, by the pattern that fits best.

    FoveaError if there is no such layout or folder, or if no file is named so.
    """
    if name not in LAYOUTS:
        text = suggestion(str(name), LAYOUTS)
        raise FoveaError(f"input: there is no layout {name!r}; allowed: {', '.join(LAYOUTS)}{text}")
    if not os.path.isdir(os.path.join(base, folder)):
        raise FoveaError(f"input: there is no folder {folder}; correct `folder`")
    files = list(walk(base, folder))
    found = best_layout(files, folder, [name])
    if found is None:
        raise FoveaError(
            f"input: no file in {folder} is named as layout {name} expects, such as "
            f"{LAYOUTS[name].example}; `fovea describe {folder}` names the layout that fits"
        )
    return found[1]


def best_layout(
    files: list[str], folder: str, names: Iterable[str] = LAYOUTS
) -> tuple[str, Found] | None:
    """Return which of several layouts tells most images in a folder apart, and its files.

    Of those that tell as many apart, it is the first. None where none describes any. Where there
    are many files, some of them decide.
    """
    some = files[:: -(-len(files) // _SOME) or 1]
    best: tuple[int, str, Pattern] | None = None
    for name in names:
        layout = LAYOUTS[name]
        for text in layout.patterns:
            pattern = compiled(text)
            found = sort_out(pattern, some, folder)
            first = found.matches[0] if found.matches else None
            timed = first and (first.frame is not None or first.seconds is not None)
            if first and (timed or not layout.timed) and (best is None or found.images > best[0]):
                best = found.images, name, pattern
    if best is None:
        return None
    return best[1], sort_out(best[2], files, folder)


def sort_out(pattern: Pattern, files: Iterable[str], folder: str = "") -> Found:
    """Part the files that a pattern describes from the others.

    The pattern counts from `folder`, whose own name may hold anything. An image that lacks a part
    of the name that most others have, such as the number of its frame, is none of them, and
    neither is one that is called a mask or the like while others are not.
    """
    matches: list[Match] = []
    left: list[str] = []
    before = 0 if folder in (".", "") else len(os.path.join(os.path.normpath(folder), ""))
    for path in files:
        match = pattern.match(path, before)
        if match is None:
            left.append(path)
        else:
            matches.append(match)
    doubtful = {m.path for m in matches if is_made(m.loose)} if "*" in pattern.text else set()
    if 0 < len(doubtful) < len(matches):  # masks, for example, beside the images
        left += sorted(doubtful)
        matches = [m for m in matches if m.path not in doubtful]
    if "<" in pattern.text:
        parts = [_parts(match) for match in matches]
        kinds = Counter(parts)
        if len(kinds) > 1:
            usual = max(kinds, key=lambda kind: (kinds[kind], kind))
            left += [m.path for m, own in zip(matches, parts, strict=True) if own != usual]
            matches = [m for m, own in zip(matches, parts, strict=True) if own == usual]
    return Found(pattern.text, matches, left)


def _parts(match: Match) -> tuple[bool, ...]:
    return tuple(v is not None for v in (match.fov, match.channel, match.frame, match.seconds))


def walk(
    base: str | os.PathLike[str], start: str = "", pattern: Pattern | None = None
) -> Iterator[str]:
    """Yield the files below `start`, as paths from `base`, folder by folder in order of names.

    With a pattern, only folders are entered that may hold files of it. What begins with a dot is
    hidden, and left out; Zarr stores are not entered.
    """
    start = "" if start in ("", ".") else os.path.normpath(start)
    queue = [(start, 0)]
    while queue:
        folder, depth = queue.pop()
        try:
            with os.scandir(os.path.join(base, folder) or ".") as entries:
                names = sorted((e.name, e.is_dir()) for e in entries if e.name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise FoveaError(
                f"input: the folder {folder or '.'} cannot be listed ({error.strerror}); ask its "
                "owner, or check the disk"
            ) from error
        folders = []
        for name, is_folder in names:
            path = os.path.join(folder, name)
            if not is_folder:
                yield path
            elif (depth < _DEEPEST and not name.endswith(".zarr")
                  and (pattern is None or pattern.may_hold(path, depth))):  # fmt: skip
                folders.append((path, depth + 1))
        queue += reversed(folders)


def left_for_a_name(pattern: str, left: Iterable[str]) -> str | None:
    """Say which files a pattern leaves out because they hold a name and not a number, or None."""
    for name in ("channel", "fov"):
        loose = pattern.replace(f"{{{name}}}", f"{{{name}:name}}")
        named = [] if loose == pattern else list(filter(compiled(loose).match, left))
        if named:
            such = named[0] if len(named) == 1 else f"{len(named)} files such as {named[0]}"
            return (
                f"left out: {such}, for {{{name}}} stands for a number; if this is part of the "
                f"recording, write {{{name}:name}}"
            )
    return None


def _hint(pattern: Pattern, left: list[str]) -> str:
    """Say what may be wrong with a pattern that no file matches."""
    if "\\" in pattern.text:
        return "; write / between folders, and not \\"
    for name in ("channel", "fov"):
        loose = pattern.text.replace(f"{{{name}}}", f"{{{name}:name}}")
        if loose != pattern.text and any(map(compiled(loose).match, islice(left, _SOME))):
            return f"; {{{name}}} stands for a number; for names write {loose!r}"
    return "; correct the pattern"

"""Globs, searched within bounds: ``/**`` would otherwise walk the whole disk, /proc included."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import sys
import time
from collections.abc import Iterator

from fovea.errors import FoveaError

MOST = 200_000  #: files and folders that are looked at for one pattern
PATIENCE = 5.0  #: seconds after each of which a search says where it is


def search(pattern: str, base: str | os.PathLike[str] = ".") -> list[str]:
    """Return what a glob matches, as `glob.glob` with ``recursive=True`` does; each path once.

    A search that takes long says so, with where it is, on the standard error.

    Raises
    ------
    FoveaError
        If more than `MOST` files and folders would have to be looked at.
    """
    return list(dict.fromkeys(_Search(pattern, os.fspath(base)).found()))


class _Search:
    def __init__(self, pattern: str, base: str):
        self.pattern, self.base, self.seen = pattern, base, 0
        self.said = time.monotonic()

    def found(self) -> Iterator[str]:
        rest = self.pattern.lstrip(os.sep)
        root = self.pattern[: len(self.pattern) - len(rest)]
        parts = [*filter(None, rest.split(os.sep)), *([""] if rest.endswith(os.sep) else [])]
        yield from self._below(root, parts)

    def _below(self, folder: str, parts: list[str]) -> Iterator[str]:
        """Yield what the rest of a pattern matches in a folder."""
        part, *rest = parts
        if part == "**":
            yield from self._anywhere(folder, rest)
        elif not glob.has_magic(part):
            path = os.path.join(folder, part)
            if os.path.lexists(os.path.join(self.base, path)):
                yield from self._go_on(path, rest)
        else:
            matches = re.compile(fnmatch.translate(part)).match
            for name, is_folder in self._entries(folder):
                hidden = name.startswith(".") and not part.startswith(".")
                if not hidden and matches(name) and (is_folder or not rest):
                    yield from self._go_on(os.path.join(folder, name), rest)

    def _go_on(self, path: str, rest: list[str]) -> Iterator[str]:
        if not rest:
            yield path
        elif rest != [""]:
            yield from self._below(path, rest)
        elif path and os.path.isdir(os.path.join(self.base, path)):  # the pattern ends in a slash
            yield os.path.join(path, "")

    def _anywhere(self, folder: str, rest: list[str]) -> Iterator[str]:
        """Yield what the rest matches in a folder and all below it; files, too, without a rest."""
        if rest:
            yield from self._go_on(folder, rest)
        elif folder:
            yield os.path.join(folder, "")
        for name, is_folder in self._entries(folder):
            if name.startswith("."):
                continue
            path = os.path.join(folder, name)
            if is_folder:
                yield from self._anywhere(path, rest)
            elif not rest:
                yield path

    def _entries(self, folder: str) -> Iterator[tuple[str, bool]]:
        """Yield the names in a folder, and whether each is a folder; nothing if it cannot be read.

        FoveaError where too many have been looked at.
        """
        where = os.path.join(self.base, folder)
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    self.seen += 1
                    if self.seen > MOST:
                        raise FoveaError(
                            f"input: {self.pattern!r} means more than {MOST:,} files and folders, "
                            f"the last of them in {where}; name a folder nearer to the recording"
                        )
                    self._say(where)
                    yield entry.name, _is_folder(entry)
        except OSError:
            return

    def _say(self, where: str) -> None:
        now = time.monotonic()
        if now - self.said >= PATIENCE:
            self.said = now
            print(
                f"Fovea: input: {self.pattern!r}: {self.seen:,} files and folders looked at, "
                f"now in {where}", file=sys.stderr, flush=True,
            )  # fmt: skip


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False

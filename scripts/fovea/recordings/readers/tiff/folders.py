"""The TIFF files given and those beside them: their names, and the UUIDs in their first bytes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from fovea.recordings.readers.base import join
from fovea.recordings.readers.tiff.heads import TiffHead, read_head

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
READERS = 16  # files whose first bytes are read at the same time


class Folders:
    """The files given, and those beside them: their names, heads and UUIDs, each read once."""

    def __init__(self, files: Iterable[str], base: str | os.PathLike[str]) -> None:
        self.given = {join(base, file): file for file in files}
        self._heads: dict[str, TiffHead] = {}
        self._names: dict[str, dict[str, list[str]]] = {}
        self._by_uuid: dict[str, dict[str, list[str]]] = {}

    def head(self, path: str) -> TiffHead:
        """Return the head of a file."""
        if path not in self._heads:
            self._heads[path] = read_head(path)
        return self._heads[path]

    def read_heads(self, paths: Iterable[str]) -> None:
        """Read the heads of many files at once: on a network each waits for the disk."""
        unknown = [path for path in dict.fromkeys(paths) if path not in self._heads]
        with ThreadPoolExecutor(READERS) as pool:
            self._heads.update(zip(unknown, pool.map(read_head, unknown), strict=True))

    def named(self, folder: str, name: str) -> str | None:
        """Return the path of a file, also if it is written in other case and that is unique."""
        path = os.path.normpath(os.path.join(folder, name))
        folder, name = os.path.split(path)
        names = self._listed(folder).get(_alike(name), [])
        if name in names:
            return path
        return os.path.join(folder, names[0]) if len(names) == 1 else None

    def below(self, folder: str, name: str) -> str | None:
        """Return the path of the only file of a name in the folders inside `folder`."""
        try:
            inside = [entry.path for entry in os.scandir(folder) if entry.is_dir()]
        except OSError:
            return None
        found = [path for place in inside if (path := self.named(place, name)) is not None]
        return found[0] if len(found) == 1 else None

    def with_uuid(self, uuid: str, folders: Iterable[str]) -> list[str]:
        """Return the files of a UUID: in the first of `folders` with any, or of those given."""
        for folder in folders:
            if folder not in self._by_uuid:
                names = [name for same in self._listed(folder).values() for name in same]
                paths = [
                    os.path.join(folder, name)
                    for name in sorted(names)
                    if name.lower().endswith(TIFF_SUFFIXES)
                ]
                self._by_uuid[folder] = self._index(paths)
            if uuid in self._by_uuid[folder]:
                return self._by_uuid[folder][uuid]
        return self._given_by_uuid.get(uuid, [])

    @cached_property
    def _given_by_uuid(self) -> dict[str, list[str]]:
        return self._index(self.given)

    def _index(self, paths: Iterable[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        paths = list(paths)
        self.read_heads(paths)
        for path in paths:
            uuid = self.head(path).uuid
            if uuid is not None:
                found.setdefault(uuid, []).append(path)
        return found

    def _listed(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._names:
            listed: dict[str, list[str]] = {}
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_file():
                            listed.setdefault(_alike(entry.name), []).append(entry.name)
            except OSError:
                pass  # then no file of it is found
            self._names[folder] = listed
        return self._names[folder]


def _alike(name: str) -> str:
    """Return what names have in common that differ in case or in how umlauts are composed."""
    return unicodedata.normalize("NFC", name).lower()

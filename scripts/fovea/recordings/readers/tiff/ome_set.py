"""The files of OME-TIFF sets: found by the names and UUIDs in their descriptions.

A description names the file of each plane, and may state the file's UUID, which stands in that file
as well. Files are renamed, moved into folders and copied in part, so a name alone proves nothing
where a UUID contradicts it. No file is taken by its place in a list.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from fovea.errors import FoveaError
from fovea.recordings.readers.ome_xml import OmeDocument, parse_ome
from fovea.recordings.readers.tiff.folders import Folders
from fovea.recordings.readers.tiff.heads import TiffHead, plain_uuid
from fovea.recordings.readers.tiff.pages import LOST, TiffSources

Key = tuple[str | None, str | None]  # a file's name and UUID in a description


@dataclass
class OmeSet:
    """A description, and the files that it names.

    `path` and `name` are of the file with the description, `origin` is the path of the file given
    that led to it. `absent` are names of files that are not there.
    """

    document: OmeDocument
    path: str
    name: str
    origin: str
    folders: Folders
    absent: list[str] = field(default_factory=list)
    _found: dict[Key, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.companion = is_companion(self.path)
        self.uuid = plain_uuid(self.document.uuid)
        self.keys = set().union(*(image.data.keys for image in self.document.images))
        named = [self._named(_plain_name(name)) for name, uuid in self.keys if name and uuid]
        self.folders.read_heads(path for path in named if path is not None)

    def called(self, path: str) -> str:
        """Return the name of a file for messages: as given, or beside the description."""
        if path in self.folders.given:
            return self.folders.given[path]
        beside = os.path.relpath(path, os.path.dirname(self.path))
        return os.path.normpath(os.path.join(os.path.dirname(self.name), beside))

    def find(self, key: Key) -> str | None:
        """Return the path of a file of the set, or None if it is absent.

        FoveaError if a file of that name is there, but is of another set.
        """
        if key not in self._found:
            self._found[key] = self._find(*key)
            if self._found[key] is None:
                name, uuid = key
                self.absent.append(_plain_name(name) if name else f"a file of UUID {uuid}")
        return self._found[key]

    def _find(self, name: str | None, uuid_text: str | None) -> str | None:
        uuid = plain_uuid(uuid_text)
        own = None if self.companion else self.path
        if name is None and uuid is None:
            return own
        alone = own is not None and len(self.keys) == 1
        if alone and (None in (uuid, self.uuid) or uuid == self.uuid):
            return own  # a file that describes itself, whatever it was renamed to
        named = None if name is None else self._named(_plain_name(name))
        if named is not None and self._fits(named, uuid):
            return named
        if uuid is not None:
            if uuid == self.uuid and own is not None:
                return own
            same = self.folders.with_uuid(uuid, self._places())
            if len(same) > 1:
                raise FoveaError(
                    f"{self.name}: {self.called(same[0])} and {self.called(same[1])} have the same "
                    "UUID, so which of them is meant cannot be told; move copies to another folder"
                )
            if same:
                return same[0]
        return None if named is None else self._of_this_set(named)

    def _named(self, name: str) -> str | None:
        """Return the file of a name in a description, which is relative to that."""
        last = os.path.basename(name)
        for place in self._places():
            for part in dict.fromkeys((name, last)):
                path = None if _is_absolute(part) else self.folders.named(place, part)
                if path is not None:
                    return path
        return self.folders.below(os.path.dirname(self.path), last)

    def _places(self) -> list[str]:
        return _folders_of(self.path, self.origin)

    def _fits(self, path: str, uuid: str | None) -> bool:
        """Return whether nothing in a file contradicts that it is the one of a UUID in this set."""
        if path == self.path:
            return uuid is None or self.uuid is None or self.uuid == uuid
        head = self.folders.head(path)
        if head.uuid is not None and uuid is not None:
            return head.uuid == uuid
        return None in (head.metadata_uuid, self.uuid) or head.metadata_uuid == self.uuid

    def _of_this_set(self, path: str) -> str:
        """Return a file whose UUID is not the one expected, if it belongs to the set nevertheless.

        There are programs that write the same description, with its UUID, into each file.
        """
        head = self.folders.head(path)
        if self.uuid is not None and self.uuid in (head.uuid, head.metadata_uuid):
            return path
        if path == self.path and not self.companion and len(self.keys) == 1:
            return path
        raise FoveaError(
            f"{self.name}: {self.called(path)} is not the file that it names so (their UUIDs "
            "differ), but one of another recording; copy the files of the set again, into a "
            "folder of their own"
        )


def is_companion(file: str) -> bool:
    """Return whether a file holds OME-XML and nothing else, by its name."""
    return file.lower().endswith(".ome")


def open_set(folders: Folders, sources: TiffSources, path: str) -> OmeSet:
    """Return the set that a file given belongs to, with its description read."""
    name = folders.given[path]
    place, title = path, name
    head = TiffHead() if is_companion(path) else folders.head(path)
    if head.metadata_file is not None:
        found = _master(folders, path, head)
        if found is None:
            raise FoveaError(
                f"{name}: its description is in {head.metadata_file}, which is not beside it; "
                "copy that file too"
            )
        place = found
        beside = os.path.relpath(place, os.path.dirname(path))
        title = os.path.normpath(os.path.join(os.path.dirname(name), beside))
        title = folders.given.get(place, title)
    if not is_companion(place) and not folders.head(place).ome:
        sources.get(place, title).page(0)  # which says what is wrong with an unreadable file
        if place == path and not place.lower().endswith((".ome.tif", ".ome.tiff")):
            raise FoveaError(
                f"{title}: holds no OME-XML, and no file of the OME-TIFF sets beside it in `input` "
                "names it; leave it out"
            )
        raise FoveaError(LOST.format(title))
    try:
        if is_companion(place):
            document = parse_ome(_read(place, title))
        else:
            document = parse_ome(sources.get(place, title).description())
    except ValueError as error:
        raise FoveaError(
            f"{title}: its description cannot be read ({error}); export it again"
        ) from error
    if not document.images:
        raise FoveaError(f"{title}: its OME-XML names no image; export it again")
    return OmeSet(document, place, title, path, folders)


def _master(folders: Folders, path: str, head: TiffHead) -> str | None:
    """Return the file with the description that a file without one points to."""
    name, places = _plain_name(head.metadata_file or ""), _folders_of(path)
    last = os.path.basename(name)
    tries = [] if _is_absolute(name) else [(place, name) for place in places]
    tries += [(place, last) for place in places]
    tries += [(os.path.dirname(place), last) for place in places]
    named = [folders.named(*pair) for pair in tries]
    named += [given for given in folders.given if os.path.basename(given).lower() == last.lower()]
    found = [one for one in dict.fromkeys(named) if one is not None and one != path]
    if head.metadata_uuid is not None:
        right = [one for one in found if folders.head(one).uuid == head.metadata_uuid]
        right = right or folders.with_uuid(head.metadata_uuid, places)
        found = right or found
    return found[0] if found else None


def _folders_of(*paths: str) -> list[str]:
    """Return the folders of files, and those of the files that links among them stand for."""
    real = [os.path.realpath(path) for path in paths]
    return list(dict.fromkeys(map(os.path.dirname, [*paths, *real])))


def _read(path: str, name: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as error:
        raise FoveaError(
            f"{name}: {os.path.basename(path)} cannot be read ({error.strerror})"
        ) from error


def _plain_name(name: str) -> str:
    """Return a file's name in a description with the separators of this system."""
    return name.strip().replace("\\", "/")


def _is_absolute(name: str) -> bool:
    return name.startswith("/") or name[1:3] == ":/"

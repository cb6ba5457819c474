"""OME-TIFF: the images of OME documents, and the pages in one or several files."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from html import unescape
from os.path import realpath

import numpy as np

from fovea.errors import FoveaError, counted
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import rgb_error
from fovea.recordings.readers.ome_xml import OmeImage
from fovea.recordings.readers.stack import Stack
from fovea.recordings.readers.tiff.about import program_pixel_size
from fovea.recordings.readers.tiff.folders import Folders
from fovea.recordings.readers.tiff.heads import plain_uuid, read_head
from fovea.recordings.readers.tiff.ome_set import OmeSet, is_companion, open_set
from fovea.recordings.readers.tiff.pages import TiffSources, check_page
from fovea.recordings.readers.tiff.stack import PageStack, PageTable, TiffStack

NAMES = re.compile(r"""<(?:[\w.-]+:)?UUID\b[^>]*?FileName\s*=\s*(?:"([^"]*)"|'([^']*)')""")
UUIDS = re.compile(r"<(?:[\w.-]+:)?UUID\b[^>]*>\s*([^<]*?)\s*</")


def is_part_of_set(sources: TiffSources, file: str, base: str | os.PathLike[str]) -> bool:
    """Return whether an OME-TIFF or companion file belongs together with other files."""
    path = join(base, file)
    if is_companion(file):
        return True
    head = read_head(path)
    if not head.ome or head.metadata_file is not None:
        return head.ome
    text = sources.get(path, file).description()
    names = {os.path.basename(unescape(a or b).replace("\\", "/")) for a, b in NAMES.findall(text)}
    uuids = {plain_uuid(uuid) for uuid in UUIDS.findall(text)}
    return len(names) > 1 or len(uuids - {head.uuid, None}) > 1 - (head.uuid in uuids)


def ome_stacks(
    sources: TiffSources, files: list[str], base: str | os.PathLike[str], notes: list[str]
) -> list[TiffStack]:
    """Return the fields of view in OME-TIFF files.

    Files that name one another are parts of one recording, whichever of them holds the description
    and in whatever order they are given; a file of it that is given alone stands for all of it.
    The images of other files follow one another. Remarks are appended to `notes`.

    It is a FoveaError if a file's place in its set cannot be told.
    """
    folders = Folders(files, base)
    folders.read_heads(path for path in folders.given if not is_companion(path))
    number = {realpath(path): i for i, path in enumerate(folders.given)}
    # The longest description first: files that were written one after another describe those
    # before them, and most files of a set repeat it, so that only one has to be parsed.
    order = sorted(folders.given, key=lambda path: (not is_companion(path), *_rank(folders, path)))
    owner: dict[str, OmeSet] = {}
    sets: list[tuple[int, OmeSet, list[tuple[OmeImage, PageTable]]]] = []
    for path in order:
        if realpath(path) in owner:
            continue
        one = open_set(folders, sources, path)
        tables = [(image, _table(sources, image, one)) for image in one.document.images]
        paths = {realpath(place) for _, table in tables for place, _ in table.files}
        _check_named(one, path, paths)
        for place in paths | ({realpath(one.path)} if one.companion else set()):
            if place in owner and place in paths:
                raise FoveaError(
                    f"{folders.given[path]}: describes the images of {one.called(place)}, as "
                    f"{owner[place].name} does otherwise; leave one of the two out"
                )
            owner[place] = one
        owner[realpath(path)] = one
        mine = paths | {realpath(path), realpath(one.path)}
        first = min(number[place] for place in mine & number.keys())
        sets.append((first, one, tables))
    return [
        stack
        for _, one, tables in sorted(sets, key=lambda entry: entry[0])
        for stack in _stacks_of(sources, one, tables, len(files) > 1, notes)
    ]


def slices_as_frames(
    sources: TiffSources, file: str, base: str | os.PathLike[str], axes: str, notes: list[str]
) -> list[TiffStack]:
    """Return the fields of view of a file whose z planes are the frames that `axes` names.

    ImageJ and others save a time series as one frame of many slices. An empty list unless this is
    such a file, and describes its own pages only: then `axes` refer to the order of its pages.
    """
    folders = Folders([file], base)
    path = join(base, file)
    one = open_set(folders, sources, path)
    images = one.document.images
    outer = set(axes.upper()[:-2]) - ({"P"} if len(images) > 1 else set())
    wanted = {"T", "C"} if any(image.sizes[1] > 1 for image in images) else {"T"}
    if outer not in (wanted, {"T", "C"}) or any(
        image.sizes[0] > 1 or image.sizes[2] < 2 for image in images
    ):
        return []
    tables = [(image, _table(sources, image, one)) for image in images]
    if {place for _, table in tables for place, _ in table.files} != {path}:
        return []
    stacks = _stacks_of(sources, one, tables, False, notes)
    for stack in stacks:
        stack.swap_frames_and_planes()
    return stacks


def _rank(folders: Folders, path: str) -> tuple[bool, int]:
    head = folders.head(path)
    return head.metadata_file is not None, -head.length


def _check_named(one: OmeSet, path: str, paths: set[str]) -> None:
    """Raise FoveaError unless the description names files that are there, and the file given."""
    name = one.folders.given[path]
    if not paths:
        raise FoveaError(
            f"{name}: of the {counted(len(one.absent), 'image file')} that its description "
            f"names, none is there: {_some(one.absent)}; copy them, too, and give renamed "
            "files their old names"
        )
    if realpath(path) in paths or is_companion(path):
        return
    uuid = one.folders.head(path).uuid
    same = [place for place in paths if uuid and one.folders.head(place).uuid == uuid]
    if same:
        raise FoveaError(
            f"{name}: is a copy of {one.called(same[0])} (both have the same UUID); leave it out"
        )
    if path == one.path and not one.absent:
        return  # a file that holds nothing but the description
    missing = f"; {_some(one.absent)} is not there" if one.absent else ""
    raise FoveaError(
        f"{name}: the description of its set, in {one.name}, does not name it{missing}; give a "
        "renamed file its old name, and move files of other recordings to another folder"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _table(sources: TiffSources, image: OmeImage, one: OmeSet) -> PageTable:
    """Return the file and page of each plane."""
    table = PageTable(image.sizes)
    for key, planes in image.data.single():
        where = one.find(key)
        if where is not None:
            table.put_all(_recorded(planes), where, one.called(where))
    total = math.prod(image.sizes)
    for data in image.data.runs():
        where = one.find(data.key)
        if where is None:
            continue
        name, count = one.called(where), data.count
        if count is None:
            count = min(total, sources.get(where, name).count - data.ifd)
        numbered = enumerate(image.planes(data.first, count), data.ifd)
        rows = np.array([(*plane, page) for page, plane in numbered], np.int64).reshape(-1, 4)
        table.put_all(rows, where, name)
    return table


def _recorded(planes: np.ndarray) -> np.ndarray:
    """Return the planes of one file, (n, 4) int64 t, c, z and page, that were recorded.

    In place of a plane that was skipped, Micro-Manager names the page of the nearest plane of that
    channel, after having named it for the plane itself (`fillInMissingTiffDatas`).
    """
    _, first, group = np.unique(planes[:, 3], return_index=True, return_inverse=True)
    origin = first[group.ravel()]
    copied = (origin != np.arange(len(planes))) & (planes[:, 1] == planes[origin, 1])
    return planes[~copied]


def _stacks_of(
    sources: TiffSources,
    one: OmeSet,
    tables: list[tuple[OmeImage, PageTable]],
    chosen: bool,
    notes: list[str],
) -> list[TiffStack]:
    """Return the fields of view of a set; of those given alone if only some are `chosen`."""
    given = {realpath(path) for path in one.folders.given}
    given &= {realpath(path) for _, table in tables for path, _ in table.files}
    chosen = chosen and bool(given)
    stacks: list[TiffStack] = []
    faults: list[FoveaError] = []
    left_out: list[str] = []
    used: dict[str, list[np.ndarray]] = {}
    for number, (image, table) in enumerate(tables):
        where = {realpath(path) for path, _ in table.files}
        name = image.name or f"image {number}"
        if not where:
            left_out.append(name)
        elif not chosen or where & given:
            stacks.append(_stack(sources, image, table, one.name, faults))
            if image.sizes != image.stated:
                notes.append(_beyond(one.name, name, image))
            for (path, _), planes in table.by_file():
                used.setdefault(path, []).append(table.pages.ravel()[planes])
    if faults and not any(stack.readable for stack in stacks):
        raise faults[0]
    notes.extend(str(fault) for fault in faults)  # one damaged file spoils no other position
    for path, pages in used.items():
        numbers, counts = np.unique(np.concatenate(pages), return_counts=True)
        if (counts > 1).any():
            raise FoveaError(
                f"{one.name}: its description puts several planes on page "
                f"{numbers[counts > 1][0]} of {one.called(path)}, so which of them it shows cannot "
                "be told; export it again"
            )
    if one.absent:
        what = "a file that is" if len(one.absent) == 1 else f"{len(one.absent)} files that are"
        without = f"; without any: {_some(left_out)}, left out" if left_out else ""
        notes.append(f"{one.name} names {what} not there: {_some(one.absent)}{without}")
    return stacks


def _beyond(file: str, name: str, image: OmeImage) -> str:
    what = [
        f"{there} {axis}, not {stated}"
        for axis, stated, there in zip(
            ("frames", "channels", "z planes"), image.stated, image.sizes, strict=True
        )
        if there != stated
    ]
    return f"{file}: {name} has {' and '.join(what)} as its description counts them"


def _stack(
    sources: TiffSources, image: OmeImage, table: PageTable, file: str, faults: list[FoveaError]
) -> PageStack:
    if image.samples > 1:
        raise rgb_error(file)
    described = {item.name: getattr(image, item.name) for item in fields(Stack)} | {"source": file}
    for (path, name), planes in table.by_file():
        try:
            source = sources.get(path, name)
            page = source.page(int(table.pages.flat[planes[0]]))
        except FoveaError as error:
            faults.append(error)
            continue
        dtype = check_page(source, page)
        if (page.imagelength, page.imagewidth) != (image.height, image.width):
            raise FoveaError(
                f"{file}: its description says {image.height} x {image.width} pixels, its pages "
                f"have {page.imagelength} x {page.imagewidth}; export it again"
            )
        if image.pixel_size_um is None:
            described["pixel_size_um"] = program_pixel_size(page)[1]
        return PageStack(**{**described, "dtype": dtype}, table=table)
    return PageStack(**described, table=table, readable=False)

"""OME-TIFF: the images of an OME document, and the pages in one or several files."""

from __future__ import annotations

import math
import os
from dataclasses import fields

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import rgb_error
from fovea.recordings.readers.ome_xml import OmeDocument, OmeImage, parse_ome
from fovea.recordings.readers.stack import Stack
from fovea.recordings.readers.tiff.pages import TiffSources, check_page
from fovea.recordings.readers.tiff.stack import PageStack, PageTable, TiffStack


def is_ome(description: str) -> bool:
    """Return whether a page's description is OME-XML."""
    return description.rstrip("\0 \r\n\t").endswith("OME>")


def is_part_of_set(sources: TiffSources, file: str, base: str | os.PathLike[str]) -> bool:
    """Return whether an OME-TIFF or companion file names other files than itself."""
    path = join(base, file)
    if file.lower().endswith(".ome"):
        return True
    if not is_ome(sources.get(path, file).description()):
        return False
    document, _ = _document(sources, file, path)
    return len(set().union(*(image.data.files for image in document.images))) > 1


def ome_stacks(
    sources: TiffSources, files: list[str], base: str | os.PathLike[str], notes: list[str]
) -> list[TiffStack]:
    """Return the fields of view in OME-TIFF files.

    Files that name one another are parts of one recording; otherwise the images of each file follow
    those of the file before it. Remarks are appended to `notes`.
    """
    given = {join(base, file) for file in files if not file.lower().endswith(".ome")}
    covered: set[str] = set()
    stacks: list[TiffStack] = []
    for file in files:
        path = join(base, file)
        if path in covered:
            continue
        document, place = _document(sources, file, path)
        absent: set[str] = set()
        for image in document.images:
            table = _table(sources, image, document, file, path, place, absent)
            where = {path for path, _ in table.files}
            if len(files) > 1 and where and not where & given:
                continue  # an image of the set whose files the config does not name
            covered |= where
            if table.files:
                stacks.append(_stack(sources, image, table, file))
        if absent:
            names = ", ".join(sorted(absent)[:3]) + (" ..." if len(absent) > 3 else "")
            notes.append(f"{file} names {len(absent)} file(s) that are not there: {names}")
        covered.add(path)
    return stacks


def _document(sources: TiffSources, file: str, path: str) -> tuple[OmeDocument, str]:
    """Return the OME document of a file, and the directory that its file names start from."""
    place = os.path.dirname(path)
    try:
        if file.lower().endswith(".ome"):
            return parse_ome(_read(path, file)), place
        document = parse_ome(sources.get(path, file).description())
        if not document.images and document.metadata_file:
            companion = os.path.join(place, os.path.basename(document.metadata_file))
            if not os.path.exists(companion):
                raise FoveaError(
                    f"{file}: its description is in {document.metadata_file}, which is not beside "
                    "it; copy that file too"
                )
            if companion.lower().endswith(".ome"):
                document = parse_ome(_read(companion, file))
            else:
                document = parse_ome(sources.get(companion, document.metadata_file).description())
    except ValueError as error:
        raise FoveaError(
            f"{file}: its description cannot be read ({error}); export it again"
        ) from error
    if not document.images:
        raise FoveaError(f"{file}: its OME-XML names no image; export it again")
    return document, place


def _read(path: str, name: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as error:
        raise FoveaError(
            f"{name}: {os.path.basename(path)} cannot be read ({error.strerror})"
        ) from error


def _table(
    sources: TiffSources, image: OmeImage, document: OmeDocument, file: str, path: str, place: str,
    absent: set[str],
) -> PageTable:  # fmt: skip
    """Return the file and page of each plane."""
    table = PageTable(image.sizes)
    total = math.prod(image.sizes)
    companion = file.lower().endswith(".ome")
    for data in image.data:
        where, name = path, file
        own = data.file is None or (data.uuid is not None and data.uuid == document.uuid)
        if data.file is not None and not (own and not companion):
            where = os.path.join(place, os.path.basename(data.file))
            name = os.path.join(os.path.dirname(file), os.path.basename(data.file))
            if not os.path.exists(where):
                if os.path.basename(data.file).lower() != os.path.basename(path).lower():
                    absent.add(data.file)
                    continue
                where, name = path, file
        count = data.count
        if count is None:
            count = min(total, sources.get(where, name).count - data.ifd)
        for step, plane in enumerate(image.planes(data.first, count)):
            if all(0 <= i < n for i, n in zip(plane, image.sizes, strict=True)):
                table.put(plane, where, name, data.ifd + step)
    return table


def _stack(sources: TiffSources, image: OmeImage, table: PageTable, file: str) -> PageStack:
    if image.samples > 1:
        raise rgb_error(file)
    where, name, index = table.first()
    source = sources.get(where, name)
    page = source.page(index)
    dtype = check_page(source, page)
    if (page.imagelength, page.imagewidth) != (image.height, image.width):
        raise FoveaError(
            f"{file}: its description says {image.height} x {image.width} pixels, its pages have "
            f"{page.imagelength} x {page.imagewidth}; export it again"
        )
    described = {item.name: getattr(image, item.name) for item in fields(Stack)}
    return PageStack(**{**described, "source": file, "dtype": dtype}, table=table)

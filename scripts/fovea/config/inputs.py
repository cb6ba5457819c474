"""Which files the `input` or the `traces` of a dataset mean.

Standard library only, for Snakemake reads its rules in every job.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fovea.config.patterns import made_of
from fovea.config.search import search
from fovea.errors import FoveaError

IMAGE_SUFFIXES = (
    ".nd2", ".czi", ".tif", ".tiff", ".btf", ".tf8", ".tf2", ".lsm", ".stk", ".lif",
    ".companion.ome",
)  # fmt: skip
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
ZARR_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
KEYS = ("pattern", "layout", "folder", "files", "axes", "sizes")
FORMS = (("pattern",), ("layout", "folder"), ("files",))
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]+://")
_EDITED = "_inspected"  # what PyAMA adds to the name of traces that were looked through


def resolve_input(source: Any, base: str | os.PathLike[str] = ".") -> list[str]:
    """List the files and directories that an input depends on.

    Parameters
    ----------
    source : str, list or dict
        The config's `input`: a path, a glob, an OME-Zarr directory, a directory of files, a list
        of these (one file per position), ``{"files": ..., "axes": "TCYX"}``,
        ``{"pattern": "img_{fov}_{channel}_{frame}.tif"}`` or ``{"layout": "nis", "folder": ...}``.
        For a pattern or a layout these are the directories that hold the files, of which there may
        be hundreds of thousands.
    base : path
        Directory that relative paths start from; they stay relative to it.

    Raises
    ------
    FoveaError
        If something does not exist, matches nothing, is listed twice or has a wrong form.
    """
    if not isinstance(source, dict):
        return resolve_files(source, base)
    check_mapping(source)
    if "files" in source:
        return resolve_files(source["files"], base)
    from fovea.config.folders import find_source

    return natural_sorted(find_source(source, base).folders)


def check_mapping(source: dict[str, Any]) -> None:
    """Raise FoveaError unless `source` has one of the forms of a mapping."""
    unknown = [key for key in source if key not in KEYS]
    if unknown:
        raise FoveaError(f"input: unknown key {unknown[0]!r}; allowed are {', '.join(KEYS)}")
    if sum(all(key in source for key in form) for form in FORMS) != 1:
        raise FoveaError(
            "input: give either `pattern` or `files`, or `layout` and `folder`, and not more of "
            "these"
        )


def resolve_files(source: Any, base: str | os.PathLike[str] = ".") -> list[str]:
    """List the files that a path, a glob, a directory or a list of these means."""
    items = source if isinstance(source, (list, tuple)) else [source]
    if not items:
        raise FoveaError("input: the list of files is empty; name at least one file")
    found: list[str] = []
    for item in items:
        if not isinstance(item, (str, os.PathLike)) or not os.fspath(item):
            raise FoveaError(f"input: {item!r} is no path; give a file, a glob or a directory")
        found.extend(_resolve_one(os.fspath(item), base))
    seen: set[str] = set()
    for path in found:
        if os.path.normpath(path) in seen:
            raise FoveaError(f"input: {path} is listed twice; each position must be named once")
        seen.add(os.path.normpath(path))
    return found


def _resolve_one(path: str, base: str | os.PathLike[str]) -> list[str]:
    full = os.path.join(base, path)
    if os.path.isdir(full):
        return [path] if is_zarr(full) else _directory(path, full)
    if os.path.isfile(full):
        return [path]
    if os.path.exists(full):
        raise FoveaError(f"input: {path} is a pipe or a device; name a file or a directory")
    if glob.has_magic(path) and not _ADDRESS.match(path):
        matches = natural_sorted(
            match
            for match in search(path, base)
            if is_zarr(os.path.join(base, match)) or os.path.isfile(os.path.join(base, match))
        )
        if matches:
            return matches
        raise FoveaError(f"input: no file matches {path!r}{_where(base)}; correct the glob")
    raise FoveaError(f"input: {path} {absent(path, _where(base))}")


def absent(path: str, where: str = "") -> str:
    """Say of a path that it does not exist, and what may be the matter with it."""
    if _ADDRESS.match(path):
        if path.lower().startswith("file://"):
            return "is an address; write the path of the file, without file://"
        return (
            "is an address, and Fovea reads files on disk; download it, or mount the storage, and "
            "give the path"
        )
    if path.startswith("~"):
        return "does not exist: ~ is not replaced by your home folder; write the whole path"
    if "\\" in path and os.sep == "/":
        return (
            f"does not exist{where}: it is a path of Windows; write it as this computer has it, "
            "with /"
        )
    return f"does not exist{where}; correct the path"


def masks_left_out(source: Any, base: str | os.PathLike[str] = ".") -> list[str]:
    """List the masks, and the like, that the directories of an input hold beside their images."""
    if isinstance(source, dict):
        source = source.get("files", [])
    found = []
    for path in source if isinstance(source, (list, tuple)) else [source]:
        full = os.path.join(base, path)
        if os.path.isdir(full) and not is_zarr(full):
            found += [os.path.join(path, name) for name in made_of(_images(full))]
    return found


def _images(full: str) -> list[str]:
    """List what may be a recording in a directory."""
    return natural_sorted(
        name for name in os.listdir(full) if not name.startswith(".")
        and (name.lower().endswith(IMAGE_SUFFIXES) or is_zarr(os.path.join(full, name)))
    )  # fmt: skip


def _directory(path: str, full: str) -> list[str]:
    """List the recordings in a directory: its OME-Zarr stores, or its image files of one kind.

    What is named as the mask of another is none of them.
    """
    made = made_of(_images(full))
    names = natural_sorted(
        name for name in os.listdir(full) if not name.startswith(".") and name not in made
    )
    stores = [name for name in names if is_zarr(os.path.join(full, name))]
    files = [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
    files = [name for name in files if os.path.isfile(os.path.join(full, name))]
    companions = [name for name in files if name.lower().endswith(".companion.ome")]
    if companions:
        files = companions
    kinds = {_kind(name) for name in files} | ({".zarr"} if stores else set())
    if not kinds:
        pictures = any(name.lower().endswith(PICTURES) for name in names)
        remedy = "save its PNG or JPEG images as TIFF" if pictures else "name the files"
        raise FoveaError(
            f"input: the directory {path} holds no recording that Fovea knows "
            f"({', '.join(IMAGE_SUFFIXES)} or OME-Zarr); {remedy}"
        )
    if len(kinds) > 1:
        raise FoveaError(
            f"input: the directory {path} holds several kinds of files "
            f"({', '.join(sorted(kinds))}); name the files or use a glob"
        )
    return [os.path.join(path, name) for name in stores or files]


def _kind(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    return ".tif" if suffix in (".tif", ".tiff", ".btf", ".tf8", ".tf2") else suffix


def _where(base: str | os.PathLike[str]) -> str:
    return "" if os.fspath(base) in (".", "") else f" in {os.fspath(base)}"


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is the directory of a Zarr store, array or group."""
    return os.path.isdir(path) and any(os.path.exists(os.path.join(path, f)) for f in ZARR_FILES)


def natural_sorted(names: Iterable[str]) -> list[str]:
    """Sort with numbers by value: ``pos2`` comes before ``pos10``."""

    def key(text: str) -> tuple[Any, ...]:
        parts = re.split(r"(\d+)", text)
        return (tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts), text)

    return sorted(names, key=key)


def resolve_traces(source: str | list[str]) -> list[str]:
    """List the files of traces that a path, a glob or a list of these means.

    Where an edited version of a file lies beside it, as PyAMA writes it (``..._inspected.csv``, or
    the same name in a folder ``inspected``), it is taken. FoveaError for what matches nothing.
    """
    found: list[str] = []
    for item in source if isinstance(source, list) else [source]:
        if os.path.isfile(item):
            found.append(item)
            continue
        matches = [m for m in search(item) if os.path.isfile(m)] if glob.has_magic(item) else []
        # Excel puts ~$a.xlsx beside a.xlsx while that is open
        matches = [m for m in matches if not os.path.basename(m).startswith("~$")]
        if not matches:
            if glob.has_magic(item) and not _ADDRESS.match(item):
                raise FoveaError(f"{item}: no file matches it; correct the path")
            raise FoveaError(f"{item}: it {absent(item)}")
        found += natural_sorted(matches)
    edited = [path for path in found if _is_edited(path)]
    chosen = [_edited(path) or path for path in found if not _is_edited(path)]
    return list(dict.fromkeys([*chosen, *edited]))


def _is_edited(path: str) -> bool:
    return Path(path).stem.endswith(_EDITED) or Path(path).parent.name == "inspected"


def _edited(path: str) -> str | None:
    """Return the edited version of a file, if there is one."""
    file = Path(path)
    name = f"{file.stem}{_EDITED}{file.suffix}"
    places = (file.with_name(name), file.parent / "inspected" / file.name,
              file.parent / "inspected" / name)  # fmt: skip
    return next((str(place) for place in places if place.is_file()), None)

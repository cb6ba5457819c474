"""Open a recording: find the format of its files, and the reader for that format.

The format is taken from the first bytes of a file, not from its name.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Any

from fovea.config.inputs import check_mapping, is_zarr, resolve_files
from fovea.errors import FoveaError
from fovea.recordings.readers.base import Recording
from fovea.recordings.readers.checks import all_unusable, reading

READERS = {
    "TIFF": ("tiff.reader", "TiffRecording"),
    "ND2": ("nd2.reader", "Nd2Recording"),
    "CZI": ("czi.reader", "CziRecording"),
    "OME-Zarr": ("zarr.reader", "ZarrRecording"),
    "other": ("bioio_reader", "BioioRecording"),
}
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk")
#: First bytes of compressed files and archives.
PACKED = (
    b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!",
    b"\x28\xb5\x2f\xfd",
)  # fmt: skip
#: Tables; a workbook of Excel begins like a .zip file.
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
PACKED_SUFFIXES = (".gz", ".tgz", ".zip", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst")
#: First bytes of formats that plug-ins of bioio read, by suffix.
MAGIC = {
    ".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff",
    ".gif": b"GIF8", ".bmp": b"BM", ".lif": b"\x70\0\0\0",
    ".oib": b"\xd0\xcf\x11\xe0", ".zvi": b"\xd0\xcf\x11\xe0", ".ims": b"\x89HDF\r\n\x1a\n",
}  # fmt: skip


def open_recording(
    source: Any,
    *,
    base: str | os.PathLike[str] = ".",
    metadata: Mapping[str, Any] | None = None,
) -> Recording:
    """Open an input of any known format.

    Parameters
    ----------
    source : str, list or dict
        The config's `input` value, see `fovea.config.inputs.resolve_input`. Several files are
        positions of one recording, in the order given (a glob: sorted, numbers by value).
    base : path
        Directory that relative paths start from.
    metadata : dict, optional
        What inspect wrote (`inspect_input.load_metadata`). With it, only the files whose
        frames are read are opened; a file that has changed since then is an error.

    Returns
    -------
    Recording
        To be used as a context manager.

    Raises
    ------
    FoveaError
        If there is no such file, or it cannot be read; one line that names file and remedy.
    """
    options: dict[str, Any] = {}
    if isinstance(source, dict):
        check_mapping(source)
        if "files" not in source:
            from fovea.recordings.readers.tiff.pattern import PatternRecording

            with reading(source.get("pattern") or source["folder"]):
                return PatternRecording(source, base)
        options = {key: source[key] for key in ("axes", "sizes") if source.get(key) is not None}
        source = source["files"]
    files = resolve_files(source, base)
    known = metadata is not None and metadata.get("fields_per_file") is not None
    kind, readable = _common_kind(files, base, known)
    if options and kind != "TIFF":
        raise FoveaError(
            f"{files[0]}: `axes` is for plain TIFF stacks, but this is {kind}, which names its "
            "own axes; remove `axes` from the config"
        )
    module, name = READERS.get(kind, READERS["other"])
    reader = getattr(importlib.import_module(f"fovea.recordings.readers.{module}"), name)

    def open_one(file: str, base: str | os.PathLike[str]) -> Recording:
        file_kind(file, base)  # says best what is wrong with a file of another kind
        with reading(file):
            return reader(file, base, **options)

    if len(files) == 1:
        return open_one(files[0], base)
    if kind == "TIFF" and not options and not known:
        from fovea.recordings.readers.tiff.reader import belong_together

        with reading(readable[0]):
            if belong_together(readable, base):
                return reader(files, base)
    from fovea.recordings.readers.several import SeveralRecordings

    return SeveralRecordings(open_one, files, base, metadata)


def _common_kind(
    files: list[str], base: str | os.PathLike[str], any_file: bool
) -> tuple[str, list[str]]:
    """Return the format of files, and those whose format can be told.

    With `any_file`, one file that can be told is enough. It is a FoveaError if there is none, or
    files of several formats.
    """
    kinds: dict[str, str] = {}
    errors: list[FoveaError] = []
    for file in files:
        try:
            kinds[file] = file_kind(file, base)
        except FoveaError as error:
            errors.append(error)
        if any_file and kinds:
            break
    if not kinds:
        raise all_unusable(files, errors)
    first, kind = next(iter(kinds.items()))
    other = next((file for file in kinds if kinds[file] != kind), None)
    if other is not None:
        raise FoveaError(
            f"input: {first} is {kind} but {other} is {kinds[other]}; "
            "the files of one input must be of one format"
        )
    return kind, list(kinds)


def file_kind(file: str, base: str | os.PathLike[str] = ".") -> str:
    """Tell the format of a file from its first bytes.

    Returns ``"ND2"``, ``"CZI"``, ``"TIFF"``, ``"OME-Zarr"``, or the suffix for all others. It is a
    FoveaError if the file is empty or cannot be opened, or is not what its suffix says.
    """
    path = os.path.join(base, file)
    if os.path.isdir(path):
        if is_zarr(path):
            return "OME-Zarr"
        raise FoveaError(f"{file}: is a directory without a recording; name a file in it")
    try:
        with open(path, "rb") as handle:
            head = handle.read(16)
    except PermissionError as error:
        raise FoveaError(
            f"{file}: no permission to read it; ask its owner, or `chmod +r` it"
        ) from error
    except OSError as error:
        raise FoveaError(
            f"{file}: cannot be opened ({error.strerror}); check path and disk"
        ) from error
    suffix = os.path.splitext(file)[1].lower()
    if not head:
        raise FoveaError(f"{file}: is empty; copy it again from the microscope")
    if head[:4] in (b"\xda\xce\xbe\x0a", b"\0\0\0\x0c") and (head[0] or suffix == ".nd2"):
        return "ND2"
    if head[:4] in TIFF_MAGIC:
        return "TIFF"
    if head.startswith(b"ZISRAWFILE"):
        return "CZI"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" and file.lower().endswith(".ome"):
        return "TIFF"
    if suffix in TABLES:
        raise FoveaError(
            f"{file}: is a table; name the recording itself, or give a file of traces to `traces`, "
            "in place of `input`, of a dataset in config/config.yaml"
        )
    if head.startswith(PACKED) or suffix in PACKED_SUFFIXES:
        raise FoveaError(f"{file}: is compressed or an archive; unpack it, and name what is in it")
    known = {".nd2": "ND2", ".czi": "CZI", **dict.fromkeys(TIFF_SUFFIXES, "TIFF")}
    if not head.startswith(MAGIC.get(suffix, b"")):
        known[suffix] = suffix[1:].upper()
    if suffix in known:
        raise FoveaError(
            f"{file}: is no {known[suffix]} file although it is called {suffix} "
            f"(it starts with {head[:8]!r}); export or copy it again"
        )
    if not suffix:
        raise FoveaError(
            f"{file}: is of no format that Fovea knows, and has no suffix that would tell "
            f"(it starts with {head[:8]!r}); name a recording, or export it as OME-TIFF"
        )
    return suffix

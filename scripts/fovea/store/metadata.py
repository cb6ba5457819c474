"""The ``zarr.json`` of arrays and groups on disk, with checksums of it and of the array's data.

They stand in the attributes under ``fovea``, as ``crc32c``: ``metadata`` of all else in the file,
``data`` of the array's data. A ``zarr.json`` of Fovea 0.1.0 has none; what is read of it is checked
for what is needed. Other programs may write the file anew with the same content, and add
consolidated metadata.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.jobs.atomic import begin, publish
from fovea.store.format import checksum, damaged, group_metadata

_OWN, _SUMS = "fovea", "crc32c"
_SUM = re.compile(rb'(?<="metadata": ")[0-9a-f]{8}(?=")')
_NONE = "00000000"  # in the place of the checksum while it is computed


def text(content: dict, data: int | None = None, indent: int | None = 1) -> str:
    """The text of a ``zarr.json``, with its checksum and that of an array's `data`, if given."""
    sums = {"metadata": _NONE} | ({} if data is None else {"data": f"{data:08x}"})
    attributes = content["attributes"]
    own = {**attributes.get(_OWN, {}), _SUMS: sums}
    written = _dumped({**content, "attributes": {**attributes, _OWN: own}}, indent)
    return _SUM.sub(f"{checksum(written):08x}".encode(), written, count=1).decode()


def _dumped(content: dict, indent: int | None) -> bytes:
    return (json.dumps(content, indent=indent, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _is_as_written(written: bytes, known: re.Match, content: dict) -> bool:
    """Whether a file, or its content where another program has written it anew, is unchanged."""
    wanted = int(known[0], 16)
    if checksum(written[: known.start()] + _NONE.encode() + written[known.end() :]) == wanted:
        return True
    own = content["attributes"][_OWN]
    own = {**own, _SUMS: {**own[_SUMS], "metadata": _NONE}}
    counted = {**content, "attributes": {**content["attributes"], _OWN: own}}
    counted.pop("consolidated_metadata", None)
    return any(checksum(_dumped(counted, indent)) == wanted for indent in (1, None))


def write_metadata(path: Path, content: dict, data: int | None = None) -> None:
    """Write the ``zarr.json`` of the group or array `path`, which appears when it is complete."""
    path.mkdir(parents=True, exist_ok=True)
    file = path / "zarr.json"
    begin(file).write_text(text(content, data), "utf-8")
    publish(file)


def write_group(path: str | Path, attributes: dict | None = None) -> None:
    """Write the ``zarr.json`` of a group."""
    write_metadata(Path(path), group_metadata(attributes))


def read_metadata(path: Path, kind: str | None = None) -> dict:
    """Content of the ``zarr.json`` of a group or array, of which the `kind` may be stated.

    It is as it was given to `write_metadata`; what that was told of the data is under ``crc32c``,
    None where nothing is known, and ``has_checksum`` is False for one of Fovea 0.1.0. FoveaError if
    the file is not there or not as it was written.
    """
    file = path / "zarr.json"
    try:
        written = file.read_bytes()
    except OSError as error:
        raise FoveaError(
            f"{path} is not there or not whole; run Snakemake again to make it"
        ) from error
    try:
        content, known = json.loads(written), _SUM.search(written)
        if known is not None and not _is_as_written(written, known, content):
            raise damaged(file)
        content = _checked(content, known is not None)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise damaged(file) from error
    if kind not in (None, content["node_type"]):
        raise damaged(file)
    return content


def _checked(content: dict, has_checksum: bool) -> dict:
    """The content without checksums; an exception if it is not what is needed."""
    attributes = content.setdefault("attributes", {})
    own = attributes.setdefault(_OWN, {})
    data = None
    if _SUMS in own:
        data = own.pop(_SUMS).get("data")
    elif has_checksum:
        raise ValueError("the name of the checksum is damaged")
    if not own:
        attributes.pop(_OWN)
    if content["node_type"] == "array":
        shape, dtype = content["shape"], content["data_type"]
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("no shape")
        chunk = content["chunk_grid"]["configuration"]["chunk_shape"]
        if [type(n) for n in chunk] != [int] * len(shape) or any(
            stored < max(1, n) for stored, n in zip(chunk, shape, strict=True)
        ):
            raise ValueError("not one chunk")
        if np.dtype(dtype).name != dtype:
            raise ValueError("no type of numbers")
    elif content["node_type"] != "group":
        raise ValueError("neither array nor group")
    content["has_checksum"] = has_checksum
    content["crc32c"] = None if data is None else int(data, 16)
    return content


def read_attributes(path: str | Path) -> dict:
    """Attributes of a group or array."""
    return read_metadata(Path(path))["attributes"]

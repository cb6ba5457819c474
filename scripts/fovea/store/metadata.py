"""The ``zarr.json`` of arrays and groups on disk, with checksums of it and of the array's data.

They stand in the attributes under ``fovea``, as ``crc32c``: ``metadata`` of all else in the file in
one canonical form, ``data`` of the array's data. A ``zarr.json`` of Fovea 0.1.0 has none; what is
read of it is checked for what is needed. Other programs may add consolidated metadata.
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
_SUM = re.compile(r'"metadata": "[0-9a-f]{8}"')


def text(content: dict, data: int | None = None, indent: int | None = 1) -> str:
    """The text of a ``zarr.json``, with its checksum and that of an array's `data`, if given."""
    attributes = dict(content["attributes"])
    sums = {} if data is None else {"data": f"{data:08x}"}
    attributes[_OWN] = {**attributes.get(_OWN, {}), _SUMS: sums}
    content = {**content, "attributes": attributes}
    sums["metadata"] = _checksum(content)
    return json.dumps(content, indent=indent, ensure_ascii=False) + "\n"


def _checksum(content: dict) -> str:
    """The checksum of the content of a ``zarr.json``, whatever it says of itself."""
    own = content["attributes"][_OWN]
    sums = {key: value for key, value in own[_SUMS].items() if key != "metadata"}
    attributes = {**content["attributes"], _OWN: {**own, _SUMS: sums}}
    counted = {**content, "attributes": attributes}
    counted.pop("consolidated_metadata", None)
    return f"{checksum(json.dumps(counted, sort_keys=True).encode()):08x}"


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
        written = file.read_text("utf-8")
    except OSError as error:
        raise FoveaError(
            f"{path} is not there or not whole; run Snakemake again to make it"
        ) from error
    except ValueError as error:
        raise damaged(file) from error
    try:
        content = _checked(json.loads(written), _SUM.search(written) is not None)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise damaged(file) from error
    if kind not in (None, content["node_type"]):
        raise damaged(file)
    return content


def _checked(content: dict, has_checksum: bool) -> dict:
    """The content without checksums; an exception if it is not as it was, or not what is needed."""
    attributes = content.setdefault("attributes", {})
    own = attributes.setdefault(_OWN, {})
    data = None
    if _SUMS in own:
        if own[_SUMS]["metadata"] != _checksum(content):
            raise ValueError("not as it was written")
        data = own.pop(_SUMS).get("data")
    elif has_checksum:
        raise ValueError("the name of the checksum is damaged")
    if not own:
        attributes.pop(_OWN)
    if content["node_type"] == "array":
        shape, dtype = content["shape"], content["data_type"]
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("no shape")
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

"""What a table was made from: the recording, and a digest of the parameters that matter.

The digest is the same as long as these parameters are, so two tables with the same one were made in
the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

#: Parameters that do not change what is measured.
_OTHERS = ("copy_only", "photobleaching", "display", "seed")


def digest(*made_with: Any) -> str:
    """Return twelve hexadecimal digits of anything that JSON can hold."""
    text = json.dumps(made_with, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def dataset_digest(entry: Mapping[str, Any]) -> str:
    """Return the digest of a dataset: its input, channels, plane and parameters."""
    if entry["traces"] is not None:
        return digest(recording_of(entry), entry["channels"], entry["time"])
    channels = entry["channels"]
    indices = [{key: value for key, value in channel.items() if key != "name"} if channel else None
               for channel in (channels["pc"], *channels["fl"])]  # fmt: skip
    params = {key: value for key, value in entry["params"].items() if key not in _OTHERS}
    params["cropping"] = {k: v for k, v in params["cropping"].items() if k != "keep"}
    return digest(recording_of(entry), indices, entry["z"], params)


def recording_of(entry: Mapping[str, Any]) -> str:
    """Return the input of a dataset in one line; of absolute paths the last part: they may move."""
    source = _plain(entry["input"] if entry["traces"] is None else entry["traces"])
    return source if isinstance(source, str) else json.dumps(source)


def _plain(source: Any) -> Any:
    if isinstance(source, dict):
        return {key: _plain(value) for key, value in source.items()}
    if isinstance(source, list):
        return [_plain(value) for value in source]
    if isinstance(source, str) and os.path.isabs(source):
        return os.path.basename(os.path.normpath(source))
    return source

"""Paths of stores from the files that the rules declare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def groups_of(files: str | Iterable[str]) -> list[Path]:
    """Channel groups of ``zarr.json`` files, of the groups themselves or of arrays in them."""
    parents = [Path(file).parent for file in ([files] if isinstance(files, str) else files)]
    return [path.parent if path.name.isdigit() else path for path in parents]

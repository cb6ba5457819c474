"""Paths of stores from the files that the rules declare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def groups_of(files: str | Iterable[str]) -> list[Path]:
    """Channel groups of ``zarr.json`` files, of the groups themselves or of arrays in them."""
    parents = [Path(file).parent for file in ([files] if isinstance(files, str) else files)]
    return [path.parent if path.name.isdigit() else path for path in parents]


def channels_of(files: Iterable[str]) -> dict[str, Path]:
    """Channel groups to their flat fields, from ``flat_field_ch_1.tif`` and the like."""
    return {f"fl_ch_{Path(file).stem.rsplit('_', 1)[1]}": Path(file) for file in files}

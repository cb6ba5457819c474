"""Which files the `traces` of a dataset means. Standard library only: it runs in every job."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from fovea.config.inputs import natural_sorted
from fovea.errors import FoveaError

_EDITED = "_inspected"


def resolve_traces(source: str | list[str]) -> list[str]:
    """List the files of traces that a path, a glob or a list of these means.

    Where an edited version of a file lies beside it, as PyAMA writes it
    (``..._inspected.csv``, or the same name in a folder ``inspected``), that one is taken.

    Raises
    ------
    FoveaError
        If a file does not exist, or a glob matches nothing.
    """
    found: list[str] = []
    for item in source if isinstance(source, list) else [source]:
        if os.path.isfile(item):
            found.append(item)
            continue
        matches = [m for m in glob.glob(item, recursive=True) if os.path.isfile(m)]
        # Excel puts ~$a.xlsx beside a.xlsx while that is open
        matches = [m for m in matches if not os.path.basename(m).startswith("~$")]
        if not matches:
            known = "no file matches it" if glob.has_magic(item) else "it does not exist"
            raise FoveaError(f"{item}: {known}; correct the path")
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

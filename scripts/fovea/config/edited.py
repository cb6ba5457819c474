"""Tables of edited tracks: which fields of view have one, and whether their names are right.

Standard library only, for Snakemake reads its rules in every job.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from fovea.config.datasets import recordings
from fovea.config.paths import EDITED, fill
from fovea.errors import FoveaError, unknown

#: Where the tables are looked for if the config says nothing; only this folder may be missing.
USUAL = "config/edited_tracks"
_NAME = re.compile(r"(.+)_fov_(\d{3,})\.csv")


def edited_table(config: Mapping, dataset: str, fov: str) -> list[str]:
    """Return the table of a field of view, if there is one; `fov` is as in paths, ``003``."""
    folder = config["edited_tracks"]
    file = os.path.join(folder or "", fill(EDITED, dataset=dataset, fov=fov))
    return [file] if folder and os.path.exists(file) else []


def edited_fields(config: Mapping, dataset: str) -> list[int]:
    """Return the fields of view of a dataset whose tracks were edited."""
    names = map(_NAME.fullmatch, _names(config))
    return sorted(int(match[2]) for match in names if match and match[1] == dataset)


def check_edited(config: Mapping) -> None:
    """Raise FoveaError if the folder is not there, or holds a table of no field of view."""
    folder = config["edited_tracks"]
    if folder is None or (folder == USUAL and not os.path.exists(folder)):
        return
    if not os.path.isdir(folder):
        raise FoveaError(f"there is no folder {folder!r}")
    known = [name for name in recordings(config)
             if config["datasets"][name]["channels"]["pc"] is not None]  # fmt: skip
    for name in _names(config):
        file, match = os.path.join(folder, name), _NAME.fullmatch(name)
        if match is None or match[2] != f"{int(match[2]):03d}":
            raise FoveaError(
                f"{file}: is not named as a table of edited tracks, such as "
                f"{fill(EDITED, dataset=known[0] if known else 'demo', fov='000')}; rename it, or "
                "move it elsewhere"
            )
        if match[1] not in known:
            raise FoveaError(f"{file}: {unknown(match[1], 'dataset with phase contrast', known)}")


def _names(config: Mapping) -> list[str]:
    folder = config["edited_tracks"]
    if folder is None or not os.path.isdir(folder):
        return []
    return sorted(n for n in os.listdir(folder) if n.endswith(".csv") and not n.startswith("."))

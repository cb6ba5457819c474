"""What Snakemake's option `--delete-all-output` leaves, for it deletes declared files only.

The outputs of the rules are the ``zarr.json`` of arrays and stores, which are written last. What
has none any more is no array, so the rest of it goes, too.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from fovea.config.paths import DEMO_TRUTH
from fovea.config.plan import Plan
from fovea.jobs.checksums import FOLDER, checked_file

_DRY = re.compile(r"--dry-?run|-[a-zA-Z]*n[a-zA-Z]*")


def deletes_all(options: Sequence[str]) -> bool:
    """Return whether a command line of Snakemake deletes all output, and does not just say so."""
    return "--delete-all-output" in options and not any(map(_DRY.fullmatch, options))


def remove_remains(plan: Plan, folder: str | Path = ".") -> None:
    """Delete the rest of arrays and stores whose ``zarr.json`` is deleted, and empty folders.

    Checksums of files that are deleted go, too.
    """
    folder = Path(folder)
    for name in plan.datasets:
        for field in (folder / plan.paths.RESULTS / name).glob("fov_*"):
            cells = field / "cells.zarr"
            arrays = (path for path in field.glob("images.zarr/*/*") if path.is_dir())
            for place in (*arrays, cells):
                if place.is_dir() and not (place / "zarr.json").exists():
                    shutil.rmtree(place)
    if any(dataset.is_demo for dataset in plan.datasets.values()):
        shutil.rmtree(folder / DEMO_TRUTH, ignore_errors=True)
    for file in (plan.paths.STATUS, plan.paths.INDEX, plan.paths.START_PAGE):
        (folder / file).unlink(missing_ok=True)
    for file in (folder / plan.paths.RESULTS).rglob(f"{FOLDER}/*.json"):
        if not checked_file(file).exists():
            file.unlink()
    for place, _, _ in os.walk(folder / plan.paths.RESULTS, topdown=False):
        if not os.listdir(place):
            os.rmdir(place)

"""What a run says of its results: saturation, doubtful segmentation, cells that are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.runs.cell_counts import without_cells
from fovea.runs.doubtful import doubtful
from fovea.runs.removed import removed
from fovea.runs.saturation import saturated


def remarks(plan: Plan, places: Iterable[tuple[str, str]], folder: str | Path = ".") -> list[str]:
    """Return warnings about results, of one line or several; also of files that are damaged.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    """
    places, said = list(places), []
    for say in (saturated, doubtful, removed, without_cells):
        try:
            said.append(say(plan, places, folder))
        except FoveaError as error:
            said.append(f"Fovea: WARNING: {error}")
    return list(dict.fromkeys(filter(None, said)))

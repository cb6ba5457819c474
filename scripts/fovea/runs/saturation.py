"""What the end of a run says of cells in which the camera is saturated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fovea.config.fovs import format_fovs
from fovea.config.names import channel_of
from fovea.config.plan import Plan
from fovea.errors import counted
from fovea.jobs.log_state import saturated_cells


def saturated(plan: Plan, places: Iterable[tuple[str, str]], folder: str | Path = ".") -> str:
    """Say of each dataset and channel in how many cells the camera is saturated; empty for none.

    The numbers are those that the logs of extraction give.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    """
    found: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for dataset, fov in places:
        step = plan.steps.EXTRACT.of(dataset=dataset, fov=fov)
        if fov and all((Path(folder) / file).exists() for file in step.files):
            for channel, cells, kept in saturated_cells(Path(folder) / step.log):
                found.setdefault((dataset, channel), []).append((int(fov), cells, kept))
    return "\n".join(
        f"Fovea: WARNING: the camera saturates in {sum(cells for _, cells, _ in fields)} of "
        f"{counted(sum(kept for *_, kept in fields), 'cell')} of dataset {dataset}, channel "
        f"{channel_of(channel)} (field of view {format_fovs(fov for fov, *_ in fields)}), so "
        f"intensities are too low; the feature saturated_pixels says in which rows"
        for (dataset, channel), fields in found.items()
    )

"""Whether what is still to be copied and computed fits on the disk: told before the first job."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fovea.errors import counted
from fovea.jobs.space import amount, field_bytes, free_bytes

if TYPE_CHECKING:
    from fovea.config.plan import Plan


def words(plan: Plan, due: Collection[tuple[str, str]], folder: str = "results") -> str:
    """Say that fields of view, (dataset, field), will not fit on the disk of a folder, or nothing.

    The amount is an estimate from the size of their frames, as far as it is known.
    """
    needed = 0
    for name, fov in due:
        dataset = plan.datasets[name]
        channels = (len(dataset.groups(kind)) for kind in ("pc", "fl"))
        needed += field_bytes(dataset.size("copy_raw", fov), *channels)
    free = free_bytes(folder)
    if needed <= free:
        return ""
    return (
        f"Warning: {counted(len(due), 'field')} of view that are to be processed will need about "
        f"{amount(needed)}, and {amount(free)} are free in {folder}; the run will stop when the "
        "disk is full, and goes on with the same command"
    )

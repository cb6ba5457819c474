"""Whether what is still to be copied and computed fits on the disk.

Told before the first job, and at the end of a run for which a disk was full.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fovea.errors import counted
from fovea.jobs.space import amount, field_bytes, free_bytes, says_full

if TYPE_CHECKING:
    from fovea.config.plan import Plan
    from fovea.runs.status import Row


def words(plan: Plan, due: Collection[tuple[str, str]], folder: str | None = None) -> str:
    """Say that fields of view, (dataset, field), will not fit on the disk, or nothing.

    The amount is an estimate from the size of their frames, as far as it is known. `folder` is on
    the disk, by default that of the results.
    """
    folder = folder or plan.paths.RESULTS
    needed = sum(_field_bytes(plan, name, fov) for name, fov in due)
    free = free_bytes(folder)
    if needed <= free:
        return ""
    return (
        f"Warning: {counted(len(due), 'field')} of view that are to be processed will need about "
        f"{amount(needed)}, and {amount(free)} are free in {folder}; the run will stop when the "
        "disk is full, and goes on with the same command"
    )


def rest(plan: Plan, rows: Iterable[Row], folder: str | None = None) -> str:
    """Say what fields of view that are not done will need, where a disk was full for one of them.

    That is what their frames need in all, as far as their sizes are known, less what is there.
    """
    folder = folder or plan.paths.RESULTS
    left = [row for row in rows if row.fov and row.state != "done"]
    if not any(says_full(row.error) for row in left):
        return ""
    needed = 0
    for row in left:
        there = _bytes_of(Path(folder) / row.dataset / f"fov_{row.fov}")
        needed += max(0, _field_bytes(plan, row.dataset, row.fov) - there)
    return (
        f"Fovea: a disk was full; the {counted(len(left), 'field')} of view that "
        f"{'is' if len(left) == 1 else 'are'} not done will need about {amount(needed)} more, and "
        f"{amount(free_bytes(folder))} are free in {folder}"
    )


def _field_bytes(plan: Plan, name: str, fov: str) -> int:
    dataset = plan.datasets[name]
    channels = (len(dataset.groups(kind)) for kind in ("pc", "fl"))
    return field_bytes(dataset.size("copy_raw", fov), *channels)


def _bytes_of(folder: Path) -> int:
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)

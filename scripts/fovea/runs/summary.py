"""The last lines of a run: fields of view, cells and why others were lost, samples, the pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fovea.config.dataset_plan import DatasetPlan
from fovea.config.plan import Plan
from fovea.errors import counted
from fovea.runs.cell_counts import Counts, field_counts, lost_words
from fovea.runs.status import Row


def summary(plan: Plan, rows: Sequence[Row], folder: str | Path = ".") -> str:
    """Return what a run has made, a few lines, of which the last says where to look.

    `rows` are those of `fovea.runs.status.collect`.
    """
    fields = [row for row in rows if row.fov]
    done = sum(row.state == "done" for row in fields)
    lines = []
    if fields:
        lines.append(f"{done} of {counted(len(fields), 'field')} of view done")
    for name, dataset in plan.datasets.items():
        own = [field_counts(dataset, row.fov, folder) for row in fields if row.dataset == name]
        measured = [counts for counts in own if counts is not None]
        if measured:
            lines.append(f"dataset {name}: {cells_words(sum(measured, Counts()), dataset, folder)}")
    lines += made_words(plan, folder)
    if (Path(folder) / plan.paths.START_PAGE).exists():
        lines.append(f"look at {plan.paths.START_PAGE}")
    return "\n".join(f"Fovea: {line}" for line in lines)


def cells_words(counts: Counts, dataset: DatasetPlan, folder: str | Path = ".") -> str:
    """Say how many cells were found and kept, and which parameters left out the others."""
    words = f"{counted(counts.found, 'cell')} found, {counts.kept} kept"
    return "; ".join([words, *lost_words(counts, dataset, folder)])


def made_words(plan: Plan, folder: str | Path = ".") -> list[str]:
    """Say how many samples and fits there are of those that the config asks for."""
    merged = [
        str(plan.steps.merged("traces", "csv")).replace("{sample}", name) for name in plan.samples
    ]
    fits = [file for name in plan.samples for file in plan.fits_of(name).values()]
    said = []
    for what, files in (("sample", merged), ("fit", fits)):
        if files:
            there = sum((Path(folder) / file).exists() for file in files)
            said.append(f"{there} of {counted(len(files), what)} made")
    return [", ".join(said)] if said else []

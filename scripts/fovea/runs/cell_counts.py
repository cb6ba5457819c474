"""How many cells there are, and what to say of datasets and samples that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fovea.config import samples
from fovea.config.dataset_plan import DatasetPlan
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import counted
from fovea.jobs.checksums import as_written, read_rows
from fovea.recordings.inspect_input import load_metadata

#: Why extraction leaves out a cell, with the parameter that did it.
_WHY = {
    "short": ("seen in fewer frames than extraction.min_frames", "min_frames", "",
              "a tenth of the recording's"),
    "border": ("nearer to the edge than extraction.border_margin", "border_margin", " pixels",
               "half a cell"),
}  # fmt: skip

#: The parameters of extraction that leave out cells.
LOST_BY = [key for _, key, _, _ in _WHY.values()]


@dataclass
class Counts:
    """Cells of one field of view or of several."""

    found: int = 0  # that were tracked
    kept: int = 0  # that have traces
    good: int = 0  # that curation has not rejected
    reasons: Counter = field(default_factory=Counter)  # why cells were left out, how many

    @property
    def lost(self) -> dict[str, int]:
        """How many cells each parameter of extraction has left out."""
        return {key: self.reasons[reason] for reason, (_, key, _, _) in _WHY.items()}

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.found + other.found, self.kept + other.kept, self.good + other.good,
                      self.reasons + other.reasons)  # fmt: skip


def count_cells(path: str | Path) -> Counts | None:
    """Count the cells in ``..._cells.csv`` of a field of view, or ``..._traces_cells.csv``.

    None where the table is not there or has no such columns.
    """
    if not Path(path).exists():
        return None
    with as_written(path):
        found, rows = Counts(), read_rows(path)
        if not rows.fieldnames or "reason" not in rows.fieldnames:
            return None
        for row in rows:
            found.found += 1
            found.kept += not row["reason"]
            found.good += row.get("good", "True") == "True" and not row["reason"]
            found.reasons.update(filter(None, row["reason"].split(", ")))
    return found


def field_counts(dataset: DatasetPlan, fov: str, folder: str | Path = ".") -> Counts | None:
    """Return the counts of a field of view; None where its cells are not, or not yet, measured."""
    if not fov or dataset.pc is None or dataset.params["copy_only"]:
        return None
    return count_cells(
        Path(folder) / str(dataset.steps.EXTRACT.of(dataset=dataset.name, fov=fov)["cells"])
    )


def without_cells(plan: Plan, places: Iterable[tuple[str, str]], folder: str | Path = ".") -> str:
    """Say which datasets and samples have no cell, and why; empty where all have some.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    """
    return "\n".join(f"Fovea: WARNING: {line}" for line in _lines(plan, places, Path(folder)))


def _lines(plan: Plan, places: Iterable[tuple[str, str]], folder: Path) -> Iterator[str]:
    by_dataset: dict[str, list[Counts | None]] = {}
    for dataset, fov in places:
        counts = field_counts(plan.datasets[dataset], fov, folder)
        by_dataset.setdefault(dataset, []).append(counts)
    empty = []
    for name, fields in by_dataset.items():
        if plan.datasets[name].pc is None and not plan.datasets[name].params["copy_only"]:
            yield (
                f"no cells are looked for in dataset {name}: it has no phase-contrast channel "
                "(channels.pc is null); set the index of the channel that shows the cells"
            )
        measured = [counts for counts in fields if counts is not None]
        total = sum(measured, Counts())
        if measured and not total.kept:
            empty.append(name)
            several = f"any of the {len(measured)} fields of view"
            place = several if len(measured) > 1 else "the only field of view"
            place += " that could be measured" if len(measured) < len(fields) else ""
            yield (
                f"no cell was kept in {place} of dataset {name}: "
                f"{_why(total, plan.datasets[name], folder)}"
            )
    for sample in plan.samples:
        merged = str(plan.steps.merged("traces_cells", "csv")).replace("{sample}", sample)
        counts = count_cells(folder / merged)
        if counts is None or counts.good:
            continue
        parts = samples.sample_parts(plan.config, sample)
        if counts.kept:
            every = f"all {counts.kept} cells with traces are"
            every = "the only cell with traces is" if counts.kept == 1 else every
            why = f"{every} judged bad in {plan.config['curation']}"
        elif set(parts) <= set(empty):
            why = "see above"
        else:
            recorded = next((plan.datasets[name] for name in parts if name in plan.datasets), None)
            why = _why(counts, recorded, folder)
        yield f"sample {sample} has no cell, so its tables, fits and figures are empty: {why}"


def _why(counts: Counts, dataset: DatasetPlan | None, folder: Path) -> str:
    """Say which parameters removed the cells."""
    if dataset is None:
        return "its files of traces hold no good cell"
    if not counts.found:
        method = dataset.params["segmentation"]["method"]
        return (
            f"nothing was found in channel {dataset.pc}; look at channels.pc and at the parameters "
            f"of segmentation (method {method}) with `fovea preview --dataset {dataset.name}`"
        )
    words = "; ".join(lost_words(counts, dataset, folder))
    return f"{words}; change these parameters and give the same command again"


def lost_words(counts: Counts, dataset: DatasetPlan, folder: str | Path = ".") -> list[str]:
    """Say how many cells each limit of extraction has left out; a cell may be counted twice.

    Where cells were seen in too few frames, the number of frames of the recording comes last.
    """
    given: Mapping = dataset.params["extraction"]
    words = [
        f"{n} of {counted(counts.found, 'cell')} {'was' if n == 1 else 'were'} "
        + (_limit(reason, given) if reason in _WHY else f"left out as {reason}")
        for reason, n in counts.reasons.most_common()
    ]
    return words + _recorded(dataset, Path(folder)) if counts.reasons["short"] else words


def _limit(reason: str, given: Mapping) -> str:
    """Say which limit of extraction a cell has not kept; null stands for its default."""
    text, key, unit, default = _WHY[reason]
    value = given[key]
    return f"{text} (null: {default})" if value is None else f"{text} = {value}{unit}"


def _recorded(dataset: DatasetPlan, folder: Path) -> list[str]:
    """Say how many frames the fields of view have, from the fewest to the most."""
    path = folder / fill(dataset.paths.METADATA, dataset=dataset.name)
    if not path.exists():  # what a failed inspection leaves
        return []
    frames = sorted({entry["frames"] for entry in load_metadata(path)["fields"]})
    span = f"{frames[0]} to " if len(frames) > 1 else ""
    return [f"the recording has {span}{counted(frames[-1], 'frame')}"] if frames else []

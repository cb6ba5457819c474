"""The state of a run, read from its files and logs: which field of view is where."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import exists
from pathlib import Path

from fovea.config.dataset_plan import LAST_STEPS
from fovea.config.datasets import dataset_fovs
from fovea.config.fovs import ALL
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.config.steps import Step
from fovea.errors import FoveaError, counted
from fovea.jobs.atomic import whole_csv
from fovea.jobs.log_state import read_log
from fovea.recordings.inspect_input import load_metadata
from fovea.runs.cell_counts import LOST_BY, field_counts

_BAD = ("failed", "interrupted")


@dataclass
class Row:
    """One field of view: where it stands."""

    dataset: str
    fov: str  # empty for a dataset whose recording could not be read
    state: str = "done"  # or failed, running, interrupted, waiting
    step: str = ""  # that failed, runs or comes next
    progress: str = ""  # frames done of all in this step
    error: str = ""  # what went wrong, in one line
    log: str = ""  # of the step
    target: str = ""  # what to ask Snakemake for to make just this
    frames: int | None = None  # that the recording holds
    planned_frames: int | None = None  # that it should have held
    cells_found: int | None = None  # that were tracked, once they are measured
    cells_kept: int | None = None  # that have traces
    #: Why cells have no traces: parameter of extraction to number of cells, of which some may be
    #: counted for both.
    lost: Mapping[str, int] = field(default_factory=dict)

    @property
    def cells(self) -> str:
        """How many cells have traces, of all that were tracked; empty where it is not known."""
        return "" if self.cells_kept is None else f"{self.cells_kept} of {self.cells_found}"


def collect(
    plan: Plan, folder: str | Path = ".", read: Callable[[Path], Mapping] = load_metadata
) -> list[Row]:
    """Find out the state of every field of view; `folder` is its working directory.

    `read` reads the metadata of a recording, for who keeps them. There is one row with an empty
    `fov` for a dataset whose fields of view are not known yet.
    """
    folder = Path(folder)
    active = any((folder / ".snakemake" / "locks").glob("*"))
    rows = []
    for name, dataset in plan.datasets.items():
        metadata = folder / fill(plan.paths.METADATA, dataset=name)
        try:
            recorded = read(metadata)["fields"] if metadata.exists() else None
        except FoveaError as error:  # damaged; the other datasets are shown nevertheless
            rows.append(_damaged(name, "", plan.steps.INSPECT_INPUT.of(dataset=name), error))
            continue
        fovs, fits = _fovs(plan.config, name, recorded)
        steps = dataset.dataset_steps()
        # Where the config does not fit the recording, all but the inspection will be done again.
        first = plan.steps.INSPECT_INPUT.name
        again = () if fits else [step.name for step in steps if step.name != first]
        whole = _row(name, "", steps, folder, active, again)
        if whole.state in _BAD or (fovs is None and whole.state != "done"):
            rows.append(whole)
        for fov in fovs or ():
            number = f"{fov:03d}"
            steps = [step.of(dataset=name, fov=number) for step in dataset.field_steps(fov)]
            rows.append(_row(name, number, steps, folder, active))
            last = [step.files[0] for step in steps if step.name in LAST_STEPS]
            rows[-1].target = " ".join(last or steps[-1].files[:1])
            try:
                counts = field_counts(dataset, number, folder)
            except FoveaError as error:
                step = next(step for step in steps if step.name == plan.steps.EXTRACT.name)
                rows[-1] = _damaged(name, number, step, error)
                continue
            if counts:
                rows[-1].cells_found, rows[-1].cells_kept = counts.found, counts.kept
                rows[-1].lost = counts.lost
            if recorded is not None and fov < len(recorded):
                rows[-1].frames = recorded[fov]["frames"]
                rows[-1].planned_frames = recorded[fov]["planned_frames"]
    return rows


def _damaged(dataset: str, fov: str, step: Step, error: FoveaError) -> Row:
    """Return the row of what was made, but cannot be read any more."""
    return Row(dataset, fov, "failed", step.name, "", str(error), step.log, step.files[0])


def _fovs(
    config: Mapping, dataset: str, recorded: Sequence | None
) -> tuple[list[int] | None, bool]:
    """Return the fields of view, None if they are not known; and whether the recording has them."""
    if recorded is None:
        return None, True
    try:
        return dataset_fovs(config, dataset, len(recorded)), True
    except FoveaError:
        listed = config["datasets"][dataset]["fovs"] != ALL
        return dataset_fovs(config, dataset) if listed else None, False


def _row(
    dataset: str, fov: str, steps: Sequence[Step], folder: Path, active: bool,
    again: Container[str] = (),
) -> Row:  # fmt: skip
    """Return where a field of view or a dataset stands: at its first step in trouble, if any."""
    row = Row(dataset, fov)
    for number, step in enumerate(steps):
        # Outputs that are not kept were there if those of the next step are.
        files = step.files if step.kept else steps[number + 1].files
        # Thousands of files are asked for, which takes half the time without `Path`.
        if step.name not in again and all(exists(f"{folder}/{file}") for file in files):
            continue
        state, progress, error = read_log(folder / step.log, active)
        if state != "waiting":
            return Row(dataset, fov, state, step.name, progress, error, step.log, step.files[0])
        if row.state == "done":
            row = Row(dataset, fov, state, step.name, target=step.files[0])
    return row


def write(
    rows: Sequence[Row],
    path: str | Path,
    left_out_of: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Write ``status.csv``: per field of view its state, and where it failed, why, and the log.

    `left_out_of` maps (dataset, field of view) to the samples that are made without it.
    """
    header = ("dataset", "fov", "state", "failed_step", "error", "log", "frames",
              "planned_frames", "left_out_of", "cells_found", "cells_kept",
              *(f"lost_{parameter}" for parameter in LOST_BY))  # fmt: skip
    with whole_csv(path, header, checked=False) as lines:
        for row in rows:
            failed = (row.step, row.error, row.log) if row.state in _BAD else ("", "", "")
            without = (left_out_of or {}).get((row.dataset, row.fov), "")
            frames, cells = (row.frames, row.planned_frames), (row.cells_found, row.cells_kept)
            lines.writerow((row.dataset, row.fov, row.state, *failed, *frames, without, *cells,
                            *map(row.lost.get, LOST_BY)))  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return the state of every field of view, for people."""
    columns = ("dataset", "fov", "state", "cells", "step", "progress", "error")
    cells = [columns, *(tuple(getattr(row, name) for name in columns) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    counts = {state: sum(row.state == state for row in rows) for state in
              ("done", "running", "waiting", "interrupted", "failed")}  # fmt: skip
    summary = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    return "\n".join([*lines, "", f"{summary} of {len(rows)}"])


def failures(rows: Sequence[Row], command: Sequence[str], table: str) -> str:
    """Say what failed, why, where to read more, and how to try again; empty if nothing failed.

    `command` is the one that was run, its program first, and `table` the file of `write`.
    """
    failed = [row for row in rows if row.state in _BAD]
    if not failed:
        return ""
    program, *options = (shlex.quote(word) for word in command)
    fields = [row for row in rows if row.fov]
    bad = sum(row.state in _BAD for row in fields)
    whole = len(failed) - bad
    counts = [f"{bad} of {counted(len(fields), 'field')} of view failed"] * bool(bad)
    datasets = counted(len({row.dataset for row in rows}), "dataset")
    counts += [f"{whole} of {datasets} failed"] * bool(whole)
    lines = [f"Fovea: {', '.join(counts)}"]
    for row in failed:
        place = f"{row.dataset}, field of view {row.fov}" if row.fov else row.dataset
        lines += [f"  {place}, step {row.step}: {row.error}", f"    log: {row.log}"]
        # Targets come first: some options take all words that follow.
        lines.append(f"    try again: {' '.join([program, row.target, *options])}")
    lines.append(f"Try again all of them: the same command. The table: {table}")
    return "\n".join(lines)

"""The state of a run, read from its files and logs: which field of view is where."""

from __future__ import annotations

import csv
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fovea.config import channel_indices, dataset_fovs, params_for
from fovea.errors import FoveaError

_LINE = re.compile(r"^\S+ \S+ (INFO|WARNING|ERROR)\s+(.*)$")
_PROGRESS = re.compile(r"^(frame|cell) \d+ of \d+$")
_PROCESS = re.compile(r"^host (\S+), process (\d+),")
_BAD = ("failed", "interrupted")
_TAIL = 4096  # bytes at the end of a log that hold its last lines


@dataclass
class Row:
    """One field of view: where it stands.

    Attributes
    ----------
    dataset, fov : str
        The field of view; `fov` is empty for a dataset whose recording could not be read.
    state : str
        ``done``, ``failed``, ``running``, ``interrupted`` or ``waiting``.
    step : str
        The step that failed, runs or comes next.
    progress : str
        Frames done of all in this step.
    error : str
        What went wrong, in one line.
    log : str
        The step's log.
    target : str
        What to ask Snakemake for to make just this.
    """

    dataset: str
    fov: str
    state: str
    step: str = ""
    progress: str = ""
    error: str = ""
    log: str = ""
    target: str = ""


def steps(config: dict, dataset: str) -> list[tuple[str, str, list[str]]]:
    """Name, log and files of each step of a field of view, in the order they are run."""
    pc, fl = channel_indices(config, dataset)
    params = params_for(config, dataset)
    raw = [f"pc_ch_{pc}"] * (pc is not None) + [f"fl_ch_{c}" for c in fl]
    found = [("copy_raw", "copy_raw", _arrays(raw))]
    if params["copy_only"]:
        return found
    derived = []
    if pc is not None:
        derived = [f"seg_labeled_ch_{pc}", f"seg_tracked_ch_{pc}"]
        found.append(("segment", f"segment_ch_{pc}", _arrays(derived[:1])))
        found.append(("track", f"track_ch_{pc}", _arrays(derived[1:])))
    if fl:
        smooth = [f"fl_background_ch_{c}" for c in fl]
        derived += smooth
        found.append(("background", "background", _arrays(smooth)))
    if pc is not None:
        traces = ["{dataset}_fov_{fov}_traces.csv"]
        kept = ["cells.zarr/zarr.json"] if params["cropping"]["keep"] else traces
        found.append(("crop", "crop", kept))
        found.append(("extract", "extract", traces))
    found.append(("cache", "cache", _arrays(raw + derived, level=1)))
    return found


def _arrays(groups: Iterable[str], level: int = 0) -> list[str]:
    return [f"images.zarr/{group}/{level}/zarr.json" for group in groups]


def collect(config: dict, folder: str | Path = ".") -> list[Row]:
    """Find out the state of every field of view.

    Parameters
    ----------
    config : dict
        The checked config.
    folder : path
        The working directory, with ``results`` and ``logs``.

    Returns
    -------
    list of Row
        By dataset and field of view; one row with an empty `fov` for a dataset whose fields of
        view are not known yet.
    """
    folder = Path(folder)
    active = any((folder / ".snakemake" / "locks").glob("*"))
    rows = []
    for dataset in config["datasets"]:
        known = _fovs(config, dataset, folder)
        if known is None:
            logs = folder / "logs" / dataset / "inspect_input.log"
            state = read_log(logs, active) if logs.exists() else ("waiting", "", "")
            rows.append(_row(dataset, "", "inspect_input", state, logs, folder))
            rows[-1].target = f"results/{dataset}/metadata.yaml"
            continue
        plan = steps(config, dataset)
        for fov in known:
            rows.append(_field(dataset, f"{fov:03d}", plan, folder, active))
            last = [files for step, _, files in plan if step != "cache"][-1][0]
            place = f"results/{dataset}/fov_{fov:03d}"
            rows[-1].target = f"{place}/{last.format(dataset=dataset, fov=f'{fov:03d}')}"
    return rows


def _fovs(config: dict, dataset: str, folder: Path) -> list[int] | None:
    from fovea.inspect_input import fov_count

    metadata = folder / "results" / dataset / "metadata.yaml"
    if not metadata.exists():
        return None
    try:
        return dataset_fovs(config, dataset, fov_count(metadata))
    except FoveaError:
        return None


def _field(dataset: str, fov: str, plan, folder: Path, active: bool) -> Row:
    waiting = None
    for step, name, files in plan:
        results = folder / "results" / dataset / f"fov_{fov}"
        if all((results / f.format(dataset=dataset, fov=fov)).exists() for f in files):
            continue
        log = folder / "logs" / dataset / f"fov_{fov}" / f"{name}.log"
        state = read_log(log, active) if log.exists() else ("waiting", "", "")
        if state[0] != "waiting":
            return _row(dataset, fov, step, state, log, folder)
        waiting = waiting or step
    if waiting:
        return Row(dataset, fov, "waiting", waiting)
    return Row(dataset, fov, "done")


def _row(dataset, fov, step, state, log: Path, folder: Path) -> Row:
    name = log.relative_to(folder).as_posix() if log.exists() else ""
    return Row(dataset, fov, state[0], step, state[1], state[2], name)


def read_log(path: Path, active: bool) -> tuple[str, str, str]:
    """State, progress and error of the job that wrote a log.

    Parameters
    ----------
    path : Path
        The log.
    active : bool
        Whether Snakemake is at work in this folder (or was killed there).
    """
    with path.open("rb") as file:
        head = file.read(_TAIL).decode("utf-8", "replace").splitlines()
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read().decode("utf-8", "replace").splitlines()
    lines = [found.groups() for line in tail if (found := _LINE.match(line))]
    progress = next((text for _, text in reversed(lines) if _PROGRESS.match(text)), "")
    if lines and lines[-1][0] == "ERROR":
        return "failed", progress, lines[-1][1].removeprefix("failed: ")
    if lines and lines[-1][1].startswith("done in "):
        return "waiting", "", ""  # its output was deleted since
    if active and _alive(head):
        return "running", progress, ""
    text = "the job ended without a message: it was killed, perhaps for want of memory"
    return "interrupted", progress, text


def _alive(head: list[str]) -> bool:
    """Whether the process named in a log runs, or may run on another machine."""
    for line in head[:3]:
        if (found := _LINE.match(line)) and (process := _PROCESS.match(found[2])):
            if process[1] != socket.gethostname():
                return True
            return Path(f"/proc/{process[2]}").exists() or not Path("/proc/self").exists()
    return False


def write(rows: list[Row], path: str | Path) -> None:
    """Write ``status.csv``: per field of view its state, and where it failed, why, and the log."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("dataset", "fov", "state", "failed_step", "error", "log"))
        for row in rows:
            failed = (row.step, row.error, row.log) if row.state in _BAD else ("", "", "")
            lines.writerow((row.dataset, row.fov, row.state, *failed))
    temporary.replace(path)


def table(rows: list[Row]) -> str:
    """The state of every field of view, for people."""
    columns = ("dataset", "fov", "state", "step", "progress", "error")
    cells = [columns, *(tuple(getattr(row, name) for name in columns) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    counts = {state: sum(row.state == state for row in rows) for state in
              ("done", "running", "waiting", "interrupted", "failed")}  # fmt: skip
    summary = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    return "\n".join([*(line.rstrip() for line in lines), "", f"{summary} of {len(rows)}"])


def failures(rows: list[Row], cores: int | None = None) -> str:
    """What failed, why, where to read more, and how to try again; empty if nothing failed."""
    failed = [row for row in rows if row.state in _BAD]
    if not failed:
        return ""
    lines = [f"Fovea: {len(failed)} of {len(rows)} fields of view failed"]
    for row in failed:
        place = f"{row.dataset}, field of view {row.fov}" if row.fov else row.dataset
        lines += [f"  {place}, step {row.step}: {row.error}", f"    log: {row.log}"]
        lines.append(f"    try again: snakemake --cores {cores or 'all'} {row.target}")
    lines.append("All of them: the same command again. The table: results/status.csv")
    return "\n".join(lines)

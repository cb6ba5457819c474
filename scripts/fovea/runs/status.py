"""The state of a run, read from its files and logs: which field of view is where."""

from __future__ import annotations

import csv
import os
import re
import shlex
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fovea.config.fovs import ALL
from fovea.config.validation import channel_indices, dataset_fovs, params_for, recordings
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
    frames, planned_frames : int or None
        Frames that the recording holds, and that it should have held.
    """

    dataset: str
    fov: str
    state: str
    step: str = ""
    progress: str = ""
    error: str = ""
    log: str = ""
    target: str = ""
    frames: int | None = None
    planned_frames: int | None = None


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
    if pc is not None and fl and params["photobleaching"]:
        trend = "{dataset}_fov_{fov}_photobleaching.csv"
        found.append(("photobleaching", "photobleaching", [trend]))
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
    for dataset in recordings(config):
        fields, fits = _fovs(config, dataset, folder)
        recorded = _recorded(dataset, folder)
        whole = _whole(config, dataset, folder, active, fits)
        if whole is not None and (fields is None or whole.state in _BAD):
            rows.append(whole)
        plan = steps(config, dataset)
        for fov in fields or []:
            rows.append(_field(dataset, f"{fov:03d}", plan, folder, active))
            if fov < len(recorded):
                rows[-1].frames = recorded[fov]["frames"]
                rows[-1].planned_frames = recorded[fov]["planned_frames"]
    return rows


def _recorded(dataset: str, folder: Path) -> list[dict]:
    """What inspect found of each field of view; nothing where it has not looked yet."""
    from fovea.recordings.inspect_input import load_metadata

    metadata = folder / "results" / dataset / "metadata.yaml"
    return load_metadata(metadata)["fields"] if metadata.exists() else []


def _fovs(config: dict, dataset: str, folder: Path) -> tuple[list[int] | None, bool]:
    """The fields of view, None while they are not known; and whether the recording has them."""
    from fovea.recordings.inspect_input import fov_count

    metadata = folder / "results" / dataset / "metadata.yaml"
    if not metadata.exists():
        return None, True
    try:
        return dataset_fovs(config, dataset, fov_count(metadata)), True
    except FoveaError:
        listed = config["datasets"][dataset]["fovs"] != ALL
        return dataset_fovs(config, dataset) if listed else None, False


def _whole(config: dict, dataset: str, folder: Path, active: bool, fits: bool) -> Row | None:
    """The first step for a whole dataset that is not done."""
    names = [("inspect_input", "metadata.yaml"), ("processing_config", "processing_config.yaml")]
    params = params_for(config, dataset)
    if params["flat_field"]["method"] != "none" and not params["copy_only"]:
        fl = channel_indices(config, dataset)[1]
        names += [(f"flat_field_ch_{c}", f"flat_field_ch_{c}.tif") for c in fl]
    for step, file in names:
        log = folder / "logs" / dataset / f"{step}.log"
        target = f"results/{dataset}/{file}"
        if (folder / target).exists() and (fits or step == "inspect_input"):
            continue
        state = read_log(log, active) if log.exists() else ("waiting", "", "")
        row = _row(dataset, "", step, state, log, folder)
        row.target = target
        return row
    return None


def _field(dataset: str, fov: str, plan, folder: Path, active: bool) -> Row:
    place = f"results/{dataset}/fov_{fov}"
    plan = [
        (step, name, [f"{place}/{f.format(dataset=dataset, fov=fov)}" for f in files])
        for step, name, files in plan
    ]
    # The last file of all, and a display level, which nothing else needs.
    last = [files[0] for step, _, files in plan if step != "cache"][-1:]
    last += [files[0] for step, _, files in plan if step == "cache"]
    row = Row(dataset, fov, "done", target=" ".join(last))
    for step, name, files in plan:
        if all((folder / file).exists() for file in files):
            continue
        log = folder / "logs" / dataset / f"fov_{fov}" / f"{name}.log"
        state = read_log(log, active) if log.exists() else ("waiting", "", "")
        if state[0] != "waiting":
            found = _row(dataset, fov, step, state, log, folder)
            found.target = row.target
            return found
        if row.state == "done":
            row.state, row.step = "waiting", step
    return row


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


def write(
    rows: list[Row], path: str | Path, left_out_of: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Write ``status.csv``: per field of view its state, and where it failed, why, and the log.

    Parameters
    ----------
    rows : list of Row
    path : path
    left_out_of : mapping, optional
        (dataset, field of view) to the samples that are made without it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        names = ("dataset", "fov", "state", "failed_step", "error", "log", "frames")
        lines.writerow((*names, "planned_frames", "left_out_of"))
        for row in rows:
            failed = (row.step, row.error, row.log) if row.state in _BAD else ("", "", "")
            counts = row.frames, row.planned_frames
            without = (left_out_of or {}).get((row.dataset, row.fov), "")
            lines.writerow((row.dataset, row.fov, row.state, *failed, *counts, without))
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


def failures(rows: list[Row], command: list[str]) -> str:
    """What failed, why, where to read more, and how to try again; empty if nothing failed.

    Parameters
    ----------
    rows : list of Row
        As `collect` gives them.
    command : list of str
        The command that was run, its program first.
    """
    failed = [row for row in rows if row.state in _BAD]
    if not failed:
        return ""
    program, *options = (shlex.quote(word) for word in command)
    fields = [row for row in rows if row.fov]
    bad = sum(row.state in _BAD for row in fields)
    whole = len(failed) - bad
    counts = [f"{bad} of {len(fields)} fields of view failed"] * bool(bad)
    counts += [f"{whole} of {len({row.dataset for row in rows})} datasets failed"] * bool(whole)
    lines = [f"Fovea: {', '.join(counts)}"]
    for row in failed:
        place = f"{row.dataset}, field of view {row.fov}" if row.fov else row.dataset
        lines += [f"  {place}, step {row.step}: {row.error}", f"    log: {row.log}"]
        # Targets come first: some options take all words that follow.
        lines.append(f"    try again: {' '.join([program, row.target, *options])}")
    lines.append("Try again all of them: the same command. The table: results/status.csv")
    return "\n".join(lines)

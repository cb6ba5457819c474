"""What a job's log tells of the job: whether it runs, failed or was interrupted, and how far it is.

The words of the lines stand here, and `fovea.jobs.log` writes them.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
STARTED, DONE, FAILED = "started", "done", "failed"
HOST = "host %s, process %d, threads %d, Python %s"
PROGRESS = "%s %d of %d"

#: Of pixels in cells that are as bright as the camera can tell: channel group, cells, all cells
#: and rows of the traces, the last two with their words.
SATURATED = (
    "%s: the camera saturates in %d of %s (%s of the traces), so intensities are too low "
    "there; the feature saturated_pixels says which rows these are"
)

_SATURATED = re.compile(r"^(\S+): the camera saturates in (\d+) of (\d+) cells? ")
_LINE = re.compile(r"^\S+ \S+ (INFO|WARNING|ERROR)\s+(.*)$")
_PROGRESS = re.compile(r"^(frame|cell) \d+ of \d+$")
_DONE = re.compile(rf"^{DONE} in ([\d.]+) s\b")
_TIME, _STAMP = "%Y-%m-%d %H:%M:%S,%f", 23  # at the start of each line, and its length
_PROCESS = re.compile(r"^host (\S+), process (\d+),")
_TAIL = 4096  # bytes at either end of a log that hold its first and last lines


def read_log(path: Path, active: bool) -> tuple[str, str, str]:
    """Return the state of the job that wrote a log, frames or cells done of all, and its error.

    The state is ``waiting`` (also without a log, and where a job is done and its output was
    deleted since), ``running``, ``interrupted`` or ``failed``; the error is one line. `active` says
    whether Snakemake is at work in this folder (or was killed there).
    """
    try:
        head, tail = _ends(path)
    except FileNotFoundError:
        return "waiting", "", ""
    lines = [found.groups() for line in tail if (found := _LINE.match(line))]
    progress = next((text for _, text in reversed(lines) if _PROGRESS.match(text)), "")
    if lines and lines[-1][0] == "ERROR":
        return "failed", progress, lines[-1][1].removeprefix(f"{FAILED}: ")
    if lines and lines[-1][1].startswith(f"{DONE} in "):
        return "waiting", "", ""
    if active and _alive(head):
        return "running", progress, ""
    text = "the job ended without a message: it was killed, perhaps for want of memory"
    return "interrupted", progress, text


@dataclass(frozen=True)
class Timing:
    """How long a job has worked for which share of its frames or cells."""

    seconds: float  # so far
    done: float  # 1 at its end
    written: float  # when, in seconds since the epoch
    #: Seconds that all frames take, without what comes before the first one, such as compiling
    #: kernels; None where too few of them are done to tell.
    whole: float | None


def read_timing(path: Path) -> Timing | None:
    """Return the timing of the job that wrote a log; None where it has done nothing, or failed."""
    try:
        head, tail = _ends(path)
        written = path.stat().st_mtime
    except FileNotFoundError:
        return None
    lines = [(text, found[2]) for text in (*head, *tail) if (found := _LINE.match(text))]
    reached = [(_seconds(line), int(text.split()[1]) / int(text.split()[3]))
               for line, text in lines if _PROGRESS.match(text)]  # fmt: skip
    whole = None
    if reached and reached[-1][1] > reached[0][1]:
        (first, before), (last, done) = reached[0], reached[-1]
        whole = (last - first) / (done - before)
    if lines and (found := _DONE.match(lines[-1][1])):
        return Timing(float(found[1]), 1.0, written, float(found[1]) if whole is None else whole)
    if not reached:
        return None
    return Timing(reached[-1][0] - _seconds(lines[0][0]), reached[-1][1], written, whole)


def _seconds(line: str) -> float:
    return datetime.strptime(line[:_STAMP], _TIME).timestamp()


def _ends(path: Path) -> tuple[list[str], list[str]]:
    """Return the first and the last lines of a log; they may be the same."""
    with path.open("rb") as file:
        head = file.read(_TAIL).decode("utf-8", "replace").splitlines()
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        return head, file.read().decode("utf-8", "replace").splitlines()


def saturated_cells(path: Path) -> list[tuple[str, int, int]]:
    """Return the channel groups in which a log of extraction says that the camera saturates.

    With each come the number of such cells, and that of all cells with traces.
    """
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    texts = [line[2] for text in lines if (line := _LINE.match(text)) and line[1] == "WARNING"]
    return [(found[1], int(found[2]), int(found[3]))
            for text in texts if (found := _SATURATED.match(text))]  # fmt: skip


def _alive(head: list[str]) -> bool:
    """Return whether the process named in a log runs, or may run on another machine."""
    for line in head[:3]:
        if (found := _LINE.match(line)) and (process := _PROCESS.match(found[2])):
            if process[1] != socket.gethostname():
                return True
            return Path(f"/proc/{process[2]}").exists() or not Path("/proc/self").exists()
    return False

"""What `make torture` does to processes, bytes and recordings, one helper each."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil

from fovea.errors import FoveaError
from fovea.jobs.checksums import FOLDER
from fovea.recordings.readers import open_recording
from support.made_results import Results
from support.processes import Process

_TRACES, _CELLS, _IMAGES = "{fov}/movie_{name}_traces.csv", "{fov}/cells.zarr", "{fov}/images.zarr"
_SAMPLE = "merged/all_traces.csv"
#: What is made from the files of a field of view that begin so; the first that fits counts.
_READ_BY = {
    "images.zarr/pc_ch": (f"{_IMAGES}/seg_labeled_ch_0/0", _CELLS, f"{_IMAGES}/pc_ch_0/1"),
    "images.zarr/fl_ch": (f"{_IMAGES}/fl_background_ch_1/0", _CELLS, f"{_IMAGES}/fl_ch_1/1"),
    "images.zarr/seg_labeled": (f"{_IMAGES}/seg_tracked_ch_0/0",),
    "images.zarr/seg_tracked": (f"{_IMAGES}/fl_background_ch_1/0", _CELLS, _TRACES),
    "images.zarr/fl_background": (_CELLS, f"{_IMAGES}/fl_background_ch_1/1"),
    "images.zarr/": (f"{_IMAGES}/seg_labeled_ch_0/0", _CELLS),
    "cells.zarr/": (_TRACES,),
    "movie_{name}_drift": (_CELLS,),
    "movie_{name}_merges": (_TRACES,),
    "movie_{name}_lineage": (_TRACES, _SAMPLE),
    "movie_": (_SAMPLE,),
}


def read_by(path: Path) -> list[str]:
    """What a step makes from a file of the results of the dataset `movie`, in their folder."""
    parts = path.parts
    if not parts[1].startswith("fov_"):  # about the whole dataset
        return [_IMAGES.format(fov="movie/fov_000"), _SAMPLE]
    begin = "/".join(part for part in parts[2:] if part != FOLDER)
    field = {"fov": "/".join(parts[:2]), "name": parts[1]}
    made = next(made for start, made in _READ_BY.items() if begin.startswith(start.format(**field)))
    return [name.format(**field) for name in made]


def processes(run: Process, target: str, rng: random.Random) -> list[psutil.Process]:
    """The tree of a run, its head, or one of its jobs; nothing where it has ended."""
    try:
        head = psutil.Process(run.process.pid)
        below = head.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    if target == "head":
        return [head]
    if target == "job":
        return [rng.choice(below)] if below else []
    return [head, *below]


def send(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def wait(run: Process, seconds: float) -> None:
    """Wait for the end of a run and of what it started; what does not end is killed."""
    try:
        run.process.wait(seconds)
    except subprocess.TimeoutExpired:
        run.kill()
    deadline = time.time() + 60  # jobs whose head was killed end by themselves, or are ended here
    for process in psutil.process_iter(["pid"]):
        try:
            if os.getsid(process.pid) == run.process.pid:
                process.wait(max(0.1, min(10, deadline - time.time())))
        except psutil.TimeoutExpired:
            process.kill()
        except (psutil.Error, ProcessLookupError):
            continue


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a part exchanged, cut off, or set to zero."""
    changed, kind = bytearray(data), rng.choice(["bytes", "cut", "empty", "zeros", "bit"])
    if not data or kind == "empty":
        return b""
    start = rng.randrange(len(data))
    length = rng.randint(1, min(64, len(data) - start))
    if kind == "cut":
        return data[:start]
    if kind == "bit":
        changed[start] ^= 1 << rng.randrange(8)
    else:
        changed[start : start + length] = (
            bytes(length) if kind == "zeros" else rng.randbytes(length)
        )
    return bytes(changed)


def read_all(path: Path) -> int:
    """Read all of a recording with at most 4 GB; 0 also where an error says what is wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    try:
        with open_recording(str(path)) as recording:
            for fov, field in enumerate(recording.info.fields):
                if field.error is None:
                    for _ in recording.frames(fov, list(range(len(recording.info.channels))), 0):
                        pass
    except FoveaError as error:
        return 0 if "\n" not in str(error) else 3
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 4
    return 0


def steps_again(results: Results, target: Path) -> dict[str, object]:
    """What each step makes of results: the files that it writes, or its error."""
    found: dict[str, object] = {}
    asks = {name: getattr(results, name) for name in ("provenance", "merge", "fit", "parameters")}
    for fov in (0, 1):
        for name in ("segment", "background", "track", "crop", "extract"):
            asks[f"{name} {fov}"] = partial(getattr(results, name), fov)
    for name, ask in asks.items():
        results.target = target / name.replace(" ", "_")
        try:
            ask()
        except Exception as error:
            found[name] = error
        else:
            written = [path for path in results.target.rglob("*") if path.is_file()]
            found[name] = {str(p.relative_to(results.target)): p.read_bytes() for p in written}
    return found

"""What `make torture` does to processes, bytes and recordings, one helper each."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from support.processes import Process


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

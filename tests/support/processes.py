"""Snakemake as a process of its own that can be killed with all that it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from support.harness import SNAKEMAKE, arguments, environment

PATIENCE = 300  # seconds after which a run that does not get on is given up


class Process:
    """A run of Snakemake in a session of its own."""

    def __init__(self, folder: Path, *more: str):
        self.folder = folder
        self.terminal = folder / "terminal.txt"
        self.started = time.time()
        with self.terminal.open("wb") as out:
            self.process = subprocess.Popen(
                [str(SNAKEMAKE), *arguments(*more)], cwd=folder, env=environment(),
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    @property
    def text(self) -> str:
        """What it has written on the terminal."""
        return self.terminal.read_text("utf-8")

    def jobs(self) -> int:
        """Number of jobs started."""
        logs = sorted(self.folder.glob(".snakemake/log/*.snakemake.log"))
        own = [log.read_text("utf-8") for log in logs if log.stat().st_mtime >= self.started]
        return len(re.findall(r"^Job \d+: ", "".join(own), re.M))

    def wait_for(self, condition: Callable[[], bool], pause: float = 0.02) -> bool:
        """Wait until something is so; False if the run ended before."""
        while self.process.poll() is None:
            if condition():
                return True
            if time.time() - self.started > PATIENCE:
                self.kill()
                raise AssertionError(f"the run does not get on:\n{self.text}")
            time.sleep(pause)
        return False

    def writing(self, array: Path) -> bool:
        """Whether a job of this run is in the middle of an array or store."""
        try:
            if (array / "zarr.json").exists():
                return False
            places = [array, *array.parent.glob(f".{array.name}.*")]
            data = [path for place in places for path in place.rglob("*") if path.is_file()]
            return any(path.stat().st_mtime >= self.started for path in data)
        except FileNotFoundError:
            return False

    def kill(self) -> None:
        """Kill -9 of the whole tree, so that none of it can react."""
        parent = psutil.Process(self.process.pid)
        parent.suspend()  # it must not start anything now
        tree = [parent, *parent.children(recursive=True)]
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(tree[1:], timeout=30)
        assert alive == []

    def interrupt(self) -> int:
        """Control-C: SIGINT for all of the tree; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)

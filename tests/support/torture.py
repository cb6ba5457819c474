"""Kills, cut writes, damaged files, hostile configs and inputs, at random: `make torture`.

Everything follows from one seed. Each trial ends in the same results as a run that nobody disturbs,
or in an error of one line; other numbers, a traceback and a hang are failures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from fovea.simulation.simulate import simulate
from support.harness import (
    SNAKEMAKE,
    Run,
    arguments,
    dataset,
    digests,
    dry_runs,
    environment,
    snakemake,
    write_config,
)
from support.mistreat import damaged, processes, read_all, send, wait
from support.processes import Process

PATIENCE = 300  # seconds after which a trial counts as hanging
HOSTILE = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**30, "1" * 5000, "", " ", "a\nb", "\t",
    "../..", "/dev/zero", "/etc/passwd", "/", "{fov}", "\u202e", "é" * 300, [], {}, [[]], [None],
    {"": None}, {"a": {"b": []}}, [1] * 2000, {1: 2}, "0-99999", "99999999999-1", "all", "null",
]  # fmt: skip


class TortureError(Exception):
    """Something that must not happen."""


class Torture:
    """A place with a finished run, which trials start from."""

    def __init__(self, place: Path):
        self.place = place
        self.finished = place / "finished"
        simulate(self.finished / "data/movie.ome.tiff", place / "truth", 2, 8, 160, 192, 5)
        self.config = write_config(
            self.finished,
            {"movie": dataset("data/movie.ome.tiff", "all", fl=(1,))},
            samples=[{"name": "all"}],
        )
        snakemake(self.finished)
        self.expected = self.results(self.finished)

    def results(self, folder: Path) -> dict[str, str]:
        """Checksums of what does not say how the run went."""
        return {name: digest for name, digest in digests(folder / "results").items()
                if not name.startswith("report/index")
                and name not in ("status.csv", "index.csv")}  # fmt: skip

    def started(self, rng: random.Random) -> Path:
        """A folder in which some of the steps, at random, are still to be done."""
        folder = self.place / "trial"
        shutil.copytree(self.finished, folder)
        wanted = ["cells.zarr", "images.zarr/fl_background_ch_1", "images.zarr/seg_tracked_ch_0",
                  "images.zarr/seg_labeled_ch_0", "images.zarr"]  # fmt: skip
        for fov in ("000", "001"):
            shutil.rmtree(folder / f"results/movie/fov_{fov}" / rng.choice(wanted))
        return folder

    def check_repeated(self, folder: Path, seed: str) -> None:
        """Give the command again, as messages say, and compare."""
        run = snakemake(folder, expected=None)
        if "--unlock" in run.text:
            snakemake(folder, "--unlock")
            run = snakemake(folder, expected=None)
        if run.code != 0:
            raise TortureError(f"the same command failed ({seed}):\n{run.text[-3000:]}")
        found = self.results(folder)
        if other := [n for n in self.expected if found.get(n) != self.expected[n]]:
            raise TortureError(f"other results: {other[:5]}")

    # Kinds of trials

    def kill(self, rng: random.Random) -> None:
        """A signal to the tree, the head or a job of a run, at some moment."""
        folder = self.started(rng)
        run = Process(folder)
        run.wait_for(lambda: run.jobs() > 0)
        time.sleep(rng.uniform(0, 4))
        name = rng.choice(["KILL", "TERM", "INT", "HUP", "STOP"])
        target = rng.choice(["tree", "head", "job"])
        number = getattr(signal, f"SIG{name}")
        chosen = processes(run, target, rng)
        for process in chosen:
            send(process, number)
        if name == "STOP":
            time.sleep(rng.uniform(0.1, 2))
            for process in chosen:
                send(process, signal.SIGCONT)
        if target == "job" or name == "STOP":
            wait(run, PATIENCE)
        else:
            wait(run, 60)
        self.check_repeated(folder, f"{name} of {target}")

    def writes(self, rng: random.Random) -> None:
        """No file may become larger than some size, as if the disk were full."""
        folder = self.started(rng)
        most = int(10 ** rng.uniform(3, 6))

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        done = subprocess.run(
            [str(SNAKEMAKE), *arguments()], cwd=folder, env=environment(), preexec_fn=limit,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode == 0 and self.results(folder) != self.expected:
            raise TortureError(f"exit code 0 with other results, files of at most {most} bytes")
        self.check_repeated(folder, f"files of at most {most} bytes")

    def damage(self, rng: random.Random) -> None:
        """A file of the results is damaged, and what depends on it is made again."""
        folder = self.place / "trial"
        shutil.copytree(self.finished, folder)
        names = [n for n in self.expected if n.startswith("movie/") and "cells.zarr/" not in n]
        name = rng.choice(sorted(names))
        path = folder / "results" / name
        before = path.stat()
        path.write_bytes(damaged(path.read_bytes(), rng))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        for later in ("cells.zarr", "movie_fov_{fov}_traces.csv"):
            for fov in ("000", "001"):
                victim = folder / f"results/movie/fov_{fov}" / later.format(fov=fov)
                if victim.is_dir():
                    shutil.rmtree(victim)
                elif victim != path:
                    victim.unlink()
        _no_traceback(snakemake(folder, expected=None))
        found = self.results(folder)
        if other := [n for n in found if n != name and found[n] != self.expected.get(n)]:
            raise TortureError(f"{name} is damaged, and there are other values in {other[:5]}")

    def configs(self, rng: random.Random) -> None:
        """Values of the config are exchanged for hostile ones, and a run is planned."""
        config = json.loads(json.dumps(self.config))
        for _ in range(rng.randint(1, 3)):
            here = config
            while isinstance(here, dict | list) and here:
                keys = list(here) if isinstance(here, dict) else range(len(here))
                key = rng.choice(list(keys))
                if not isinstance(here[key], dict | list) or rng.random() < 0.3:
                    here[key] = rng.choice(HOSTILE)
                    break
                here = here[key]
        folder = self.place / "trial"
        shutil.copytree(self.finished, folder)
        path = folder / "hostile.yaml"
        path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        (run,) = dry_runs([(folder, ["--configfile", "hostile.yaml"])], expected=None)
        _no_traceback(run)
        if run.code != 0 and "hostile.yaml" not in run.text:
            raise TortureError(f"no message names the config:\n{run.text[-2000:]}")

    def inputs(self, rng: random.Random) -> None:
        """A recording is damaged, described and read."""
        folder = self.place / "trial"
        folder.mkdir()
        path = folder / "movie.ome.tiff"
        path.write_bytes(damaged((self.finished / "data/movie.ome.tiff").read_bytes(), rng))
        child = os.fork()
        if child == 0:
            os._exit(read_all(path))
        deadline = time.time() + PATIENCE
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.time() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise TortureError("reading does not end")
            time.sleep(0.02)
        if ended[1]:
            raise TortureError(f"reading ended with {os.waitstatus_to_exitcode(ended[1])}")


def _no_traceback(run: Run) -> None:
    if "Traceback (most recent call last)" in run.text:
        raise TortureError(f"a traceback:\n{run.text[-3000:]}")


KINDS: dict[str, Callable] = {
    "configs": Torture.configs,
    "inputs": Torture.inputs,
    "damage": Torture.damage,
    "kill": Torture.kill,
    "writes": Torture.writes,
}


def main() -> int:
    """Trials until the time is over; prints a table and returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--only", choices=KINDS, action="append", help="kinds; all by default")
    parser.add_argument("--trial", type=int, help="only the trial of this number")
    given = parser.parse_args()
    kinds = given.only or list(KINDS)
    tried, passed = Counter(), Counter()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        torture = Torture(Path(folder))
        end = time.time() + given.seconds
        number = given.trial or 0
        while time.time() < end or not tried:
            for kind in kinds:
                if tried and time.time() > end:
                    break
                tried[kind] += 1
                try:
                    KINDS[kind](torture, random.Random(f"{given.seed} {kind} {number}"))
                    passed[kind] += 1
                except (TortureError, AssertionError, subprocess.TimeoutExpired) as error:
                    print(
                        f"{kind}: {error}\nAgain: make torture ARGS='--seed {given.seed} "
                        f"--only {kind} --trial {number}'",
                        flush=True,
                    )
                shutil.rmtree(torture.place / "trial", ignore_errors=True)
            if given.trial is not None:
                break
            number += 1
    print("| kind | tried | passed |\n|---|---|---|")
    for kind in kinds:
        print(f"| {kind} | {tried[kind]} | {passed[kind]} |")
    return int(tried != passed)


if __name__ == "__main__":
    sys.exit(main())

"""Kills, cut writes, damaged files, hostile configs and inputs, at random: `make torture`.

Everything follows from one seed. Each trial ends in the same results as a run that nobody disturbs,
or in an error of one line; other numbers, a traceback and a hang are failures.
"""

from __future__ import annotations

import argparse
import json
import math
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

from fovea.errors import FoveaError
from fovea.jobs.checksums import FOLDER, checked_file
from fovea.simulation.simulate import simulate
from support.harness import (
    SNAKEMAKE,
    Run,
    arguments,
    copied,
    dataset,
    digests,
    dry_runs,
    environment,
    snakemake,
    write_config,
)
from support.made_results import Results, make_results
from support.mistreat import damaged, processes, read_all, read_by, send, steps_again, wait
from support.processes import Process

KILLS = 5  # of one trial, before its results are compared
PATIENCE = 300  # seconds after which a trial counts as hanging
HOSTILE = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**30, "1" * 5000, "", " ", "a\nb", "\t",
    "../..", "/dev/zero", "/etc/passwd", "/", "{fov}", "\u202e", "é" * 300, [], {}, [[]], [None],
    {"": None}, {"a": {"b": []}}, [1] * 2000, {1: 2}, "0-99999", "99999999999-1", "all", "null",
]  # fmt: skip


class TortureError(Exception):
    """Something that must not happen."""


class Torture:
    """A place with finished runs, which trials start from: of fields of view, and of a sample."""

    def __init__(self, place: Path):
        self.place = place
        self.fields, self.finished = place / "fields", place / "finished"
        simulate(self.fields / "data/movie.ome.tiff", place / "truth", 2, 6, 128, 160, 5)
        movie = {"movie": dataset("data/movie.ome.tiff", "all", fl=(1,))}
        write_config(self.fields, movie)
        snakemake(self.fields)
        self.expected_fields = self.results(self.fields)
        copied(self.fields, self.finished)
        self.config = write_config(self.finished, movie, samples=[{"name": "all"}])
        snakemake(self.finished)
        self.expected = self.results(self.finished)
        self.made: Results | None = None

    def results(self, folder: Path) -> dict[str, str]:
        """Checksums of what does not say how the run went."""
        return {name: digest for name, digest in digests(folder / "results").items()
                if not name.startswith("report/index")
                and name not in ("status.csv", "index.csv")}  # fmt: skip

    def started(self, rng: random.Random) -> Path:
        """A folder in which some of the steps, at random, are still to be done."""
        folder = copied(self.fields, self.place / "trial")
        self.undo(folder, rng)
        return folder

    def undo(self, folder: Path, rng: random.Random) -> None:
        """Delete what some step has made of a field of view."""
        wanted = ["cells.zarr", "images.zarr/fl_background_ch_1", "images.zarr/seg_tracked_ch_0",
                  "images.zarr/seg_labeled_ch_0", "images.zarr"]  # fmt: skip
        (chosen,) = rng.choices(wanted, [4, 3, 3, 2, 1])  # the last ones take longest
        field = folder / "results/movie" / rng.choice(["fov_000", "fov_001"])
        shutil.rmtree(field / chosen, ignore_errors=True)

    def again(self, folder: Path) -> Run:
        """Give the command again, as messages say."""
        if any((folder / ".snakemake/locks").glob("*")):
            snakemake(folder, "--unlock")
        return snakemake(folder, expected=None)

    def check_repeated(self, folder: Path, what: str) -> None:
        """Give the command again, as messages say, and compare."""
        run = self.again(folder)
        if run.code != 0:
            raise TortureError(f"the same command failed ({what}):\n{run.text[-3000:]}")
        found, expected = self.results(folder), self.expected_fields
        if other := [n for n in expected if found.get(n) != expected[n]]:
            raise TortureError(f"other results ({what}): {other[:5]}")

    # Kinds of trials

    def kill(self, rng: random.Random) -> None:
        """Signals to the tree, the head or a job of runs, at some moment, one after the other."""
        folder, sent = self.started(rng), []
        for _ in range(KILLS):
            name = rng.choice(["KILL", "TERM", "INT", "HUP", "STOP"])
            target = rng.choice(["tree", "head", "job"])
            sent.append(f"{name} of {target}")
            self.kill_once(folder, name, target, rng)
            if any((folder / ".snakemake/locks").glob("*")):
                snakemake(folder, "--unlock")
            self.undo(folder, rng)
        self.check_repeated(folder, ", ".join(sent))

    def kill_once(self, folder: Path, name: str, target: str, rng: random.Random) -> None:
        """Start a run, and send a signal when it is at work."""
        run = Process(folder)
        run.wait_for(lambda: run.jobs() > 0)
        time.sleep(rng.uniform(0, 3))
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
        _no_traceback(Run(run.process.returncode, run.text))

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
        if done.returncode == 0 and self.results(folder) != self.expected_fields:
            raise TortureError(f"exit code 0 with other results, files of at most {most} bytes")
        self.check_repeated(folder, f"files of at most {most} bytes")

    def damage(self, rng: random.Random) -> None:
        """A file of the results is damaged, and read by all steps, without Snakemake."""
        if self.made is None:
            self.made = make_results(self.place / "made")
            self.expected_made = steps_again(self.made, self.place / "again")
        folder = copied(self.made.folder / "results", self.place / "trial/results").parent
        path = rng.choice(sorted(p for p in folder.rglob("*") if p.is_file()))
        path.write_bytes(damaged(path.read_bytes(), rng))
        found = steps_again(Results(folder, self.made.source), folder / "again")
        name = path.relative_to(folder)
        for step, made in found.items():
            if isinstance(made, FoveaError):
                if "\n" in str(made) or not _named(path, str(made)):
                    raise TortureError(f"{name} is damaged, and {step} says: {made}")
            elif isinstance(made, Exception):
                raise TortureError(f"{name} is damaged, and {step} ends in {made!r}")
            elif made != self.expected_made[step]:
                raise TortureError(f"{name} is damaged, and {step} makes something else")

    def again_of_damaged(self, rng: random.Random) -> None:
        """A file of the results is damaged, and what reads it is made again by Snakemake."""
        folder = copied(self.finished, self.place / "trial")
        path = rng.choice(sorted(p for p in (folder / "results/movie").rglob("*") if p.is_file()
                                 and not p.name.startswith(".snakemake")))  # fmt: skip
        before = path.stat()
        path.write_bytes(damaged(path.read_bytes(), rng))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        victim = folder / "results" / rng.choice(read_by(path.relative_to(folder / "results")))
        if victim.is_dir():
            shutil.rmtree(victim)
        else:
            victim.unlink()
        targets = [] if rng.random() < 0.15 else ["results/merged/all_traces.csv"]
        run = snakemake(folder, *targets, expected=None)
        name = path.relative_to(folder / "results").as_posix()
        _no_traceback(run)
        found = self.results(folder)
        if other := [n for n in found if n != name and found[n] != self.expected.get(n)]:
            raise TortureError(f"{name} is damaged, and there are other values in {other[:5]}")
        if run.code and not _named(path.relative_to(folder), run.text):
            raise TortureError(f"{name} is damaged, and no line says so:\n{run.text[-3000:]}")

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
        folder = copied(self.finished, self.place / "trial")
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


def _named(path: Path, text: str) -> bool:
    """Whether a line says what to do about a file, or about the array or store that it is in."""
    if path.parent.name == FOLDER:
        path = checked_file(path)
    names = [path, *(folder for folder in path.parents if "images.zarr" in folder.parts
                     or "cells.zarr" in folder.parts)]  # fmt: skip
    lines = [line for line in text.splitlines() if "delete" in line]
    return any(name.as_posix() in line for name in names for line in lines)


KINDS: dict[str, Callable] = {
    "configs": Torture.configs,
    "inputs": Torture.inputs,
    "damage": Torture.damage,
    "rerun": Torture.again_of_damaged,
    "kill": Torture.kill,
    "writes": Torture.writes,
}


def main() -> int:
    """Trials until the time is over; prints a table and returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    parser.add_argument("--trials", type=int, help="end after so many of each kind")
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
                count = KILLS if kind == "kill" else 1
                tried[kind] += count
                try:
                    KINDS[kind](torture, random.Random(f"{given.seed} {kind} {number}"))
                    passed[kind] += count
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
            kinds = [kind for kind in kinds if tried[kind] < (given.trials or math.inf)]
            if not kinds:
                break
    print("| kind | tried | passed |\n|---|---|---|")
    for kind in tried:
        print(f"| {kind} | {tried[kind]} | {passed[kind]} |")
    return int(tried != passed)


if __name__ == "__main__":
    sys.exit(main())

"""Overhead of Slurm jobs, on a real Slurm that is started for it (see tests/cluster/slurm.py).

.venv/bin/python benchmarks/cluster.py              12 fields of view: local, and in Slurm jobs
.venv/bin/python benchmarks/cluster.py --many 500   the head's work for very many fields of view

With --many, sbatch is replaced by a stand-in: it submits, through the real one, a job that copies
the results of a field of view that was processed before, in place of processing one. What the head
does, and what Slurm does with 500 jobs, is real.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import common
import scaling

from cluster.slurm import Cluster, wait_until
from fovea.simulation.simulate import simulate

SLURM = ["--profile", str(common.ROOT / "profiles" / "slurm")]
SUBREAPER = 36  # of prctl: orphaned processes of jobs become children of this one

SBATCH = """\
#!/bin/bash
given=()
for word in "$@"; do
  case $word in --wrap=*)
    fovs=$(grep -o 'fov=[0-9]*' <<< "$word" | cut -d= -f2 | sort -u | tr '\\n' ' ')
    word="--wrap=sh $PWD/copy $fovs" ;;
  esac
  given+=("$word")
done
exec {sbatch} "${{given[@]}}"
"""
COPY = """\
for fov; do
  new=results/bench/fov_$fov
  cp -r done/fov_000 $new
  cp -r timed/fov_000 benchmarks/bench/fov_$fov
  for file in $new/*.csv; do
    other=$new/bench_fov_${fov}_${file#*fov_000_}
    [ $file = $other ] || mv $file $other
  done
done
"""


class Bench:
    """A folder with a recording of many small fields of view, and a cluster of two CPUs."""

    def __init__(self, folder: Path, fovs: int, frames: int, size: int):
        self.folder = folder
        simulate(folder / "bench.ome.tiff", folder / "truth", fovs=fovs, frames=frames,
                 height=size, width=size, cells=1)  # fmt: skip
        self.choose(fovs)
        self.cluster = Cluster(folder / "slurm", nodes=2, cpus=1, lost_after=300)

    def choose(self, fovs: int) -> None:
        common.write_config(self.folder, scaling.CONFIG.format(last=fovs - 1, disk=3, tile=24))

    def run(self, *options: str) -> tuple[float, float, float, resource.struct_rusage]:
        """Wall seconds, CPU seconds with all Slurm jobs, those of the head, and its usage."""
        before = common.children_cpu()
        start = time.perf_counter()
        with (self.folder / "terminal.txt").open("wb") as out:
            head = subprocess.Popen([*common.SNAKEMAKE, *options], cwd=self.folder, stdout=out,
                                    stderr=out, env=self.cluster.environment)  # fmt: skip
            _, status, usage = os.wait4(head.pid, 0)
        wall = time.perf_counter() - start
        head.returncode = os.waitstatus_to_exitcode(status)
        if head.returncode:
            sys.exit((self.folder / "terminal.txt").read_text())
        wait_until(lambda: not self.cluster.jobs("RUNNING", "COMPLETING"), what="for jobs")
        time.sleep(1)
        while _reap():
            pass
        return wall, common.children_cpu() - before, common.seconds_of(usage), usage


def _reap() -> bool:
    """Wait for one process that has ended."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def compare(bench: Bench, fovs: int) -> None:
    """The same fields of view on two local cores, and in Slurm jobs on two CPUs."""
    bench.run(*SLURM)  # compiles
    print(f"{'':34}{'jobs':>6}{'wall, s':>10}{'CPU, s':>10}{'CPU s per field':>18}")
    ways = {"local, 2 cores": ["--cores", "2"], "a Slurm job each": SLURM}
    for number in (4, 12):
        ways[f"{number} fields of view in a Slurm job"] = [
            *SLURM, "--group-components", f"fov={number}"
        ]  # fmt: skip
    for name, options in ways.items():
        common.clean(bench.folder)
        old = len(bench.cluster.jobs())
        wall, cpu, _, _ = bench.run(*options)
        jobs = len(bench.cluster.jobs()) - old
        print(f"{name:34}{jobs:6}{wall:10.1f}{cpu:10.1f}{cpu / fovs:18.1f}", flush=True)


def many(bench: Bench, fovs: int, at_once: int) -> None:
    """What the head does for very many fields of view, with jobs that only copy."""
    bench.choose(1)
    bench.run("--cores", "2")
    (bench.folder / "results" / "bench").rename(bench.folder / "done")
    (bench.folder / "benchmarks" / "bench").rename(bench.folder / "timed")
    common.clean(bench.folder)
    bench.choose(fovs)
    (bench.folder / "copy").write_text(COPY)
    (bench.folder / "benchmarks" / "bench").mkdir(parents=True)
    stand_in = bench.cluster.root / "bin" / "sbatch"
    stand_in.write_text(SBATCH.format(sbatch=shutil.which("sbatch")))
    stand_in.chmod(0o755)
    _, _, cpu, usage = bench.run(*SLURM, "--dry-run", "--quiet", "all")
    print(f"planning: {cpu:.1f} s of CPU time, {usage.ru_maxrss / 1000:.0f} MB", flush=True)
    old = len(bench.cluster.jobs())
    wall, _, cpu, usage = bench.run(*SLURM, "--jobs", str(at_once))
    times = sorted(bench.cluster.run("squeue", "-h", "--states", "all", "-o", "%V").split())
    first, last = (datetime.fromisoformat(times[index]) for index in (old, -1))
    number = len(times) - old
    seconds = (last - first).total_seconds()
    print(f"run: {wall:.0f} s; {number} Slurm jobs submitted in {seconds:.0f} s: "
          f"{60 * number / seconds:.0f} per minute")  # fmt: skip
    print(f"head: {cpu:.1f} s of CPU time, {cpu / number:.2f} s per job; "
          f"{usage.ru_maxrss / 1000:.0f} MB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--many", type=int, help="number of tiny fields of view")
    parser.add_argument("--jobs", type=int, default=1000, help="Slurm jobs in the queue at once")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with common.temporary_folder("slurm") as folder:
        fovs = options.many or 12
        size = (2, 32) if options.many else (options.frames, options.size)
        bench = Bench(folder, fovs, *size)
        try:
            bench.cluster.start()
            if options.many:
                many(bench, fovs, options.jobs)
            else:
                compare(bench, fovs)
        finally:
            bench.cluster.stop()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""CPU time and peak memory of each job under load, at a quarter and at the whole of it.

    .venv/bin/python benchmarks/load.py [CASE ...]

Each case is run through Snakemake on two cores, so that each job is a process of its own. Writes
benchmarks/load.json, in which cases that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
import tifffile

from fovea.jobs.log_state import STARTED
from fovea.simulation.field import Field
from fovea.simulation.simulate import simulate

TARGET = common.ROOT / "benchmarks/load.json"
CONFIG = """
datasets:
  load:
    input: load.ome.tiff
    fovs: "0-{last}"
    channels:
      pc: {{channel: 0, features: [area, aspect_ratio]}}
      fl: [{{channel: 1, features: [intensity_total, intensity_mean]}}]
params:
  copy_only: {copy_only}
  segmentation: {{morph_size: {disk}, morph_iterations: 1}}
  background: {{tile_size: {tile}}}
  extraction: {{min_frames: 1, border_margin: 0}}
"""
MERGED = """
datasets:
  load:
    traces: "traces/*_traces.csv"
    time: {interval: 5, unit: min}
    channels:
      pc: {channel: 0, features: [area]}
      fl: [{channel: 1, features: [intensity_total]}]
samples: [{name: all}]
analysis: [{model: line, channel: 1, feature: intensity_total}]
"""


def config(folder: Path, fovs: int = 1, copy_only: str = "false", disk: int = 3, tile: int = 100):
    """Write the config of a recording."""
    text = CONFIG.format(last=fovs - 1, copy_only=copy_only, disk=disk, tile=tile)
    common.write_config(folder, text)


def fields(folder: Path, number: int, copy_only: str = "false") -> None:
    """Fields of view with two frames of 48 x 48 pixels."""
    simulate(folder / "load.ome.tiff", folder / "truth", fovs=number, frames=2, height=48,
             width=48, cells=1)  # fmt: skip
    config(folder, number, copy_only, tile=24)


def copied_fields(folder: Path, number: int) -> None:
    """The same, of which nothing but the raw images is asked for."""
    fields(folder, number, "true")


def frames(folder: Path, number: int) -> None:
    """Frames of 64 x 64 pixels."""
    simulate(folder / "load.ome.tiff", folder / "truth", fovs=1, frames=number, height=64,
             width=64, cells=1)  # fmt: skip
    config(folder, tile=32)


def pixels(folder: Path, number: int) -> None:
    """One frame of so many pixels: a simulated one of 500 x 500, again and again."""
    part = Field(0, 1, 500, 500, common.cells_of(500), channels=1).render(0)
    times = round(number**0.5) // 500
    frame = [np.tile(image, (times, times)) for image in (part.phase, *part.fluo)]
    tifffile.imwrite(folder / "load.ome.tiff", np.stack(frame), metadata={"axes": "CYX"})
    config(folder, disk=7)


def cells(folder: Path, number: int, side: int = 2048, time_points: int = 8) -> None:
    """Grainy disks of 16 pixels that tremble, in 8 frames of 2048 x 2048 pixels."""
    rng = np.random.default_rng(0)
    disks = common.trembling_disks(rng, number, side)
    recording = np.empty((time_points, 2, side, side), np.uint16)
    for (phase, fluorescence), at in zip(recording, disks, strict=False):
        phase[:] = rng.normal(9000, 30, phase.shape)
        phase[at] = rng.normal(7000, 900, at[0].shape)
        fluorescence[:] = rng.normal(500, 10, phase.shape)
        fluorescence[at] += 400
    tifffile.imwrite(folder / "load.ome.tiff", recording, metadata={"axes": "TCYX"})
    config(folder)


def merged(folder: Path, number: int, each: int = 100, time_points: int = 48) -> None:
    """Cells of fields of view with 100 cells, whose fluorescence rises in 48 frames."""
    (folder / "traces").mkdir()
    rng = np.random.default_rng(0)
    frame = np.tile(np.arange(time_points), each)
    for fov in range(number // each):
        cell = np.repeat(np.arange(1, each + 1), time_points)
        place = rng.integers(20, 2000, (each, 2)).repeat(time_points, 0)
        height, rate = rng.lognormal(9, 0.5, each), rng.lognormal(-2.5, 0.3, each)
        rise = 1 - np.exp(-rate[cell - 1] * np.maximum(frame - 4, 0))
        value = height[cell - 1] * rise + rng.normal(0, 50, frame.size)
        table = np.stack([np.full(frame.size, fov), cell, frame, place[:, 1], place[:, 0],
                          place[:, 1] - 20, place[:, 0] - 20, place[:, 1] + 20, place[:, 0] + 20,
                          rng.integers(900, 1100, frame.size), value], 1)  # fmt: skip
        np.savetxt(folder / f"traces/load_fov_{fov:03d}_traces.csv", table, comments="",
                   fmt=["%d", "%d", "%d,True", *["%d"] * 7, "%.17g"], delimiter=",",
                   header="fov,cell,frame,good,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,"
                          "bbox_y1,area_ch_0,intensity_total_ch_1")  # fmt: skip
    common.write_config(folder, MERGED)


CASES: dict[str, tuple[int, Callable[[Path, int], None]]] = {
    "copied_fields": (2000, copied_fields),
    "fields": (200, fields),
    "cells": (6000, cells),
    "frames": (4000, frames),
    "pixels": (8000**2, pixels),
    "merged": (100_000, merged),
}


def run(folder: Path) -> dict:
    """Seconds on the clock, and CPU time and peak memory of Snakemake's own process."""
    start = time.perf_counter()
    with open(folder / "out.txt", "wb") as out:
        head = subprocess.Popen([*common.SNAKEMAKE, "--cores", "2"], cwd=folder, stdout=out,
                                stderr=out)  # fmt: skip
        found = {}
        while head.poll() is None:
            found = _used(head.pid) or found
            time.sleep(0.2)
    if head.returncode:
        sys.exit((folder / "out.txt").read_text("utf-8")[-5000:])
    return {"wall_s": round(time.perf_counter() - start, 1), **found}


def _used(process: int) -> dict:
    """CPU seconds and peak memory in MB of a process; nothing of one that has ended."""
    try:
        times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return {}
    peak = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return {"cpu_s": sum(map(int, times)) / 100, "peak_mb": peak[0] * 1024 // 10**6} if peak else {}


def measure(number: int, make: Callable[[Path, int], None]) -> dict:
    """What the head and the jobs of each step take together, and the most memory of one job."""
    with common.temporary_folder("load") as folder:
        make(folder, number)
        found = {"snakemake": run(folder)}
        for log, seconds, megabytes in common.jobs_of(folder):
            rule = re.search(rf"{STARTED} (\w+?)(_\d+)? \(", log.read_text("utf-8"))[1]
            step = found.setdefault(rule, {"jobs": 0, "cpu_s": 0.0, "peak_mb": 0})
            step["jobs"] += 1
            step["cpu_s"] = round(step["cpu_s"] + seconds, 2)
            step["peak_mb"] = max(step["peak_mb"], megabytes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all by default")
    for name in parser.parse_args().cases or CASES:
        whole, make = CASES[name]
        known = json.loads(TARGET.read_text()) if TARGET.exists() else {}
        found = known[name] = {}
        for number in (whole // 4, whole):
            found[str(number)] = measure(number, make)
            common.write_json(TARGET.name, known)
        print(f"\n{name}: {whole:,}\n{'step':<24}{'jobs':>7}{'CPU s':>10}{'of 1/4':>8}{'MB':>7}")
        less, more = found.values()
        for step, row in more.items():
            ratio = f"{row['cpu_s'] / less[step]['cpu_s']:.1f}" if step in less else ""
            print(f"{step:<24}{row.get('jobs', ''):>7}{row['cpu_s']:>10.1f}{ratio:>8}"
                  f"{row['peak_mb']:>7}")  # fmt: skip


if __name__ == "__main__":
    main()

"""Measure every step against its plain scipy / scikit-image version, and a whole field of view.

`make bench` runs it with its defaults, which take some 15 minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("scripts", "tests", "benchmarks")]

import numpy as np
import steps

from fovea.simulation.field import Field
from fovea.simulation.simulate import simulate

CONFIG = """
datasets:
  bench:
    input: bench.ome.tiff
    fovs: [0]
    channels:
      pc: {channel: 0, features: [area, aspect_ratio]}
      fl:
        - {channel: 1, features: [intensity_total, intensity_mean]}
        - {channel: 2, features: [intensity_total, intensity_mean]}
params:
  extraction: {min_frames: 2, border_margin: 0}
"""


def measure_steps(size: int, cells: int, repeats: int) -> dict:
    """Median CPU time per frame of both versions of each step, taken in turn."""
    field = Field(0, repeats + 1, size, size, cells, channels=2)
    last = steps.prepare(field.render(0))
    times: dict[str, list[tuple[float, float]]] = {}
    for t in range(1, repeats + 1):
        here = steps.prepare(field.render(t))
        for name, plain, fast, equal in steps.pairs(last, here):
            fast()  # compiled and in the cache
            start = time.process_time()
            expected = plain()
            middle = time.process_time()
            found = fast()
            end = time.process_time()
            assert equal(expected, found), f"{name}: the results differ"
            frames = 2 if name == "track" else 1
            pair = (middle - start) / frames, (end - middle) / frames
            times.setdefault(name, []).append(pair)
        last = here
    return {
        name: {
            "plain_ms": round(1e3 * median(a for a, _ in pairs), 2),
            "fovea_ms": round(1e3 * median(b for _, b in pairs), 2),
            "ratio": round(median(a / b for a, b in pairs), 1),
        }
        for name, pairs in times.items()
    }


def measure_field(folder: Path, frames: int, size: int, cells: int, repeats: int = 3) -> dict:
    """A field of view through Snakemake, several times: the run with the median CPU time."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=1, frames=frames, height=size,
             width=size, cells=cells, channels=2)  # fmt: skip
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(CONFIG)
    runs = []
    for _ in range(repeats):
        for name in ("results", "logs", "benchmarks", ".snakemake"):
            shutil.rmtree(folder / name, ignore_errors=True)
        runs.append(_process(folder))
    runs.sort(key=lambda run: run["cpu_s"])
    return runs[len(runs) // 2] | {"cpu_s_of_all_runs": [run["cpu_s"] for run in runs]}


def _process(folder: Path) -> dict:
    """One run on one core: CPU and wall time, memory, files."""
    command = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile"),
               "--cores", "1"]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, memory = {}, {}
    for log in sorted((folder / "logs").rglob("*.log")):
        found = re.search(r"CPU time ([\d.]+) s, peak memory (\d+) MB", log.read_text("utf-8"))
        if found and "bench" in log.parts:
            name = log.stem.split("_ch_")[0]
            cpu[name], memory[name] = float(found[1]), int(found[2])
    images = folder / "results/bench/fov_000/images.zarr"
    cropped = folder / "results/bench/fov_000/cells.zarr"
    stored = [p for p in (folder / "results").rglob("*") if p.is_file()]
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_s": round(sum(cpu.values()), 2),
        "cpu_s_with_snakemake": round(total, 2),
        "wall_s": round(wall, 2),
        "cpu_s_per_job": cpu,
        "peak_rss_mb": memory,
        "files": len(stored),
        "files_images": sum(p.is_file() for p in images.rglob("*")),
        "files_cells": sum(p.is_file() for p in cropped.rglob("*")),
        "bytes": sum(p.stat().st_size for p in stored),
        "bytes_background": sum(
            p.stat().st_size for p in images.glob("fl_background_ch_*/0/*") if p.is_file()
        ),
    }


def table(result: dict) -> str:
    """The result for people."""
    lines = [f"{'step':<28}{'plain ms':>10}{'Fovea ms':>10}{'ratio':>8}"]
    for name, row in result["steps"].items():
        lines.append(f"{name:<28}{row['plain_ms']:>10}{row['fovea_ms']:>10}{row['ratio']:>8}")
    field = result["fov"]
    lines.append("")
    lines.append(f"a field of view, {result['frames']} frames, through Snakemake on one core:")
    for key, value in field.items():
        lines.append(f"  {key}: {value}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=96, help="frames of the field of view")
    parser.add_argument("--size", type=int, default=2048, help="height and width in pixels")
    parser.add_argument("--cells", type=int, default=170)
    parser.add_argument("--repeats", type=int, default=5, help="frames that each step is timed on")
    parser.add_argument(
        "--folder", help="where the field of view is processed (default: temporary)"
    )
    options = parser.parse_args()
    found = measure_steps(options.size, options.cells, options.repeats)
    folder = Path(tempfile.mkdtemp(prefix="fovea-bench-", dir=options.folder))
    try:
        field = measure_field(folder, options.frames, options.size, options.cells)
    finally:
        shutil.rmtree(folder)
    # what plain versions would compute for the same frames, and nothing else
    per_frame = sum(
        found[name]["plain_ms"] for name in ("segment", "track", "background", "extract")
    )
    per_frame += 7 * found["cache"]["plain_ms"]
    field["plain_cpu_s"] = round(per_frame * options.frames / 1e3, 1)
    field["ratio"] = round(field["plain_cpu_s"] / field["cpu_s"], 1)
    result = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, numpy {np.__version__}",
        "frames": options.frames,
        "size": [options.size, options.size],
        "steps": found,
        "fov": field,
    }
    (ROOT / "benchmarks" / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()

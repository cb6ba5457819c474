"""Measure every step against its plain scipy / scikit-image version, and a whole field of view.

`make bench` runs it with its defaults, which take some 15 minutes on one core.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import common
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
  segmentation: {method: logstd}
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
            plain_ms, expected = common.cpu_ms(plain)
            fast_ms, found = common.cpu_ms(fast)
            assert equal(expected, found), f"{name}: the results differ"
            frames = 2 if name == "track" else 1
            times.setdefault(name, []).append((plain_ms / frames, fast_ms / frames))
        last = here
    return {name: common.compared(pairs, "plain", "fovea", 1) for name, pairs in times.items()}


def measure_field(folder: Path, frames: int, size: int, cells: int, repeats: int = 3) -> dict:
    """A field of view through Snakemake, several times: the run with the median CPU time."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=1, frames=frames, height=size,
             width=size, cells=cells, channels=2)  # fmt: skip
    common.write_config(folder, CONFIG)
    runs = []
    for _ in range(repeats):
        common.clean(folder)
        runs.append(_process(folder))
    runs.sort(key=lambda run: run["cpu_s"])
    return runs[len(runs) // 2] | {"cpu_s_of_all_runs": [run["cpu_s"] for run in runs]}


def _process(folder: Path) -> dict:
    """One run on one core: CPU and wall time, memory, files."""
    wall, total = common.run_workflow(folder, "--cores", "1")
    cpu, memory = {}, {}
    for log, seconds, megabytes in common.jobs_of(folder):
        if "bench" in log.parts:
            name = log.stem.split("_ch_")[0]
            cpu[name], memory[name] = seconds, megabytes
    images = folder / "results/bench/fov_000/images.zarr"
    cropped = folder / "results/bench/fov_000/cells.zarr"
    stored = [p for p in (folder / "results").rglob("*") if p.is_file()]
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
    parser.add_argument("--cells", type=int, default=common.CELLS)
    parser.add_argument("--repeats", type=int, default=5, help="frames that each step is timed on")
    parser.add_argument(
        "--folder", help="where the field of view is processed (default: temporary)"
    )
    options = parser.parse_args()
    found = measure_steps(options.size, options.cells, options.repeats)
    with common.temporary_folder("bench", options.folder) as folder:
        field = measure_field(folder, options.frames, options.size, options.cells)
    # the time of the plain versions for the same frames, without input and output
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
    common.write_json("bench.json", result)
    print(table(result))


if __name__ == "__main__":
    main()

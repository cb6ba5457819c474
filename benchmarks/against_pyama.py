"""PyAMA and Fovea on the same ND2 file and one core: CPU time, memory, and what they find.

    .venv/bin/python benchmarks/against_pyama.py PYAMA_CHECKOUT --python PYTHON

PYTHON is that of an environment with PyAMA's dependencies: numpy, scipy, xarray, pandas,
scikit-image, pyyaml, tqdm, typer, bioio, bioio-nd2 and bioio-ome-tiff. Everything that a user waits
for is counted, imports included, and nothing of either program is replaced. Writes
benchmarks/against_pyama.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import common
import numpy as np
import pandas as pd
import tifffile
from scipy.spatial import KDTree

from fovea.simulation.simulate import simulate
from support.nd2_writer import write_nd2

CONFIG = """
datasets:
  bench:
    input: bench.nd2
    channels:
      pc: {channel: 0, features: [area]}
      fl:
        - {channel: 1, features: [intensity_total]}
        - {channel: 2, features: [intensity_total]}
params:
  segmentation: {method: logstd}
"""
#: What PyAMA's own wizard does with the same answers.
DRIVER = """
import sys
from pathlib import Path
from pyama_core.io import load_microscopy_file
from pyama_core.processing.workflow.run import run_complete_workflow
from pyama_core.types.processing import ChannelSelection, Channels, ProcessingContext
_, metadata = load_microscopy_file(Path(sys.argv[1]))
channels = Channels(
    pc=ChannelSelection(channel=0, features=["area"]),
    fl=[ChannelSelection(channel=c, features=["intensity_total"]) for c in (1, 2)],
)
context = ProcessingContext(output_dir=Path(sys.argv[2]), channels=channels, params={})
sys.exit(not run_complete_workflow(metadata, context, n_workers=1))
"""


def record(folder: Path, frames: int, size: int, cells: int) -> None:
    """Write a simulated field of view as ND2, one phase and two fluorescence channels."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=1, frames=frames, height=size,
             width=size, cells=cells, channels=2)  # fmt: skip
    images = tifffile.imread(folder / "bench.ome.tiff").reshape(1, frames, 1, 3, size, size)
    write_nd2(folder / "bench.nd2", images, loops="T")
    (folder / "bench.ome.tiff").unlink()
    common.write_config(folder, CONFIG)


#: Runs a command on the first core. It is a small process, for what it starts counts the memory of
#: the process that has started it.
LAUNCHER = """
import json, os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
start = time.perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
found = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
         "wall_s": round(time.perf_counter() - start, 2),
         "peak_mb": round(usage.ru_maxrss * 1024 / 1e6)}
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
sys.exit(status != 0)
"""


def used(folder: Path, command: list[str], **environment: str) -> dict:
    """What a command and all it starts use on one core; its output is kept in a file."""
    with open(folder / "output.txt", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, "used.json", *command], cwd=folder, stdout=out,
            stderr=out, env=os.environ | environment,
        )  # fmt: skip
    if done.returncode:
        sys.exit((folder / "output.txt").read_text("utf-8", "replace")[-5000:])
    return json.loads((folder / "used.json").read_text())


def compared(folder: Path, traces: Path) -> dict:
    """How many cells a table of traces holds, and how bright they are, against the truth.

    Only cells count that touch neither others nor the border in that frame. One is found if the
    nearest row of the frame lies within its radius.
    """
    truth = pd.read_csv(folder / "truth/cells.csv")
    table = pd.read_csv(traces)
    alone = truth[(truth.area > 0) & ~truth.touches & ~truth.at_border & truth.visible]
    found, ratios = 0, []
    for frame, cells in alone.groupby("frame"):
        rows = table[table.frame == frame]
        if rows.empty:
            continue
        tree = KDTree(rows[["position_x", "position_y"]])
        distance, nearest = tree.query(cells[["centroid_x", "centroid_y"]])
        near = distance < np.sqrt(cells.area / np.pi)
        found += int(near.sum())
        got = rows.iloc[nearest[near]]
        ratios += [got[f"intensity_total_ch_{c}"].to_numpy() / cells[near][f"total_ch_{c}"]
                   for c in (1, 2)]  # fmt: skip
    return {
        "rows": len(table),
        "isolated_cells": len(alone),
        "found": found,
        "median_of_total_over_true": round(float(np.median(np.concatenate(ratios))), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="folder of PyAMA's repository")
    parser.add_argument("--python", default=sys.executable, help="of its environment")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=2048, help="height and width in pixels")
    parser.add_argument("--cells", type=int, default=common.CELLS)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, in turn")
    options = parser.parse_args()
    source = str(options.checkout.resolve() / "pyama-core/src")
    runs: dict[str, list[dict]] = {"pyama": [], "fovea": [], "cp": []}
    with common.temporary_folder("pyama") as folder:
        record(folder, options.frames, options.size, options.cells)
        fovea = [*common.SNAKEMAKE, "--cores", "1"]
        used(folder, fovea)  # compiles what is not in the cache
        for _ in range(options.repeats):
            shutil.rmtree(folder / "pyama", ignore_errors=True)
            command = [options.python, "-c", DRIVER, "bench.nd2", "pyama"]
            runs["pyama"].append(used(folder, command, PYTHONPATH=source))
            common.clean(folder)
            runs["fovea"].append(used(folder, fovea))
            shutil.rmtree(folder / "copy", ignore_errors=True)
            copy = ["cp", "-r", "bench.nd2", "results", "copy"]
            (folder / "copy").mkdir()
            runs["cp"].append(used(folder, copy))
        found = {
            "pyama": compared(folder, next((folder / "pyama").rglob("*_traces.csv"))),
            "fovea": compared(folder, next((folder / "results").rglob("*_traces.csv"))),
        }
    medians = {
        name: {key: median(run[key] for run in each) for key in each[0]}
        for name, each in runs.items()
    }
    ratios = [a["cpu_s"] / b["cpu_s"] for a, b in zip(runs["pyama"], runs["fovea"], strict=True)]
    result = {
        "machine": f"{platform.processor() or platform.machine()}, one core",
        "frames": options.frames,
        "size": [options.size, options.size],
        "medians": medians,
        "runs": runs,
        "times_pyama": round(median(ratios), 1),
        "times_cp": round(medians["fovea"]["cpu_s"] / medians["cp"]["cpu_s"], 1),
        "found": found,
    }
    common.write_json("against_pyama.json", result)
    print(f"{'':<8}{'CPU s':>8}{'clock s':>9}{'MB':>7}")
    for name, row in medians.items():
        print(f"{name:<8}{row['cpu_s']:>8.1f}{row['wall_s']:>9.1f}{row['peak_mb']:>7.0f}")
    print(f"Fovea is {result['times_pyama']} times as fast, at {result['times_cp']} times cp.")
    for name, row in found.items():
        print(f"{name}: {row}")


if __name__ == "__main__":
    main()

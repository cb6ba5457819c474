"""Peak memory of the steps inspect and copy against the number of fields of view and of frames.

    .venv/bin/python benchmarks/copy_memory.py

Every file is written, and every step run, in a process of its own. Writes
benchmarks/copy_memory.json: MB at the peak, per format and step, in the order of `recordings`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import common

SIZE, CHANNELS = 128, 2
RECORDINGS = [(4, 10), (64, 10), (256, 10), (4, 640)]  # fields of view, frames

WRITE = """
import sys
import numpy as np
name, fovs, frames, channels, size = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(0)
data = rng.integers(0, 4096, (fovs, frames, 1, channels, size, size), np.uint16)
if name.endswith(".nd2"):
    from support.nd2_writer import write_nd2 as write
elif name.endswith(".czi"):
    from support.czi_writer import write_czi as write
elif name.endswith(".zarr"):
    from support.zarr_writer import write_bioformats2raw as write
else:
    from support.recordings import write_ome_tiff as write
about = {"xml": "<ImageDocument/>"} if name.endswith(".czi") else {}
write(name, data, **about)
"""
PEAK = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
INSPECT = """
import sys
from fovea.recordings.inspect_input import inspect_input
inspect_input(sys.argv[1], "metadata.yaml")
"""
COPY = """
import sys
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import load_metadata
copy_raw(sys.argv[1], "images.zarr", int(sys.argv[2]) - 1, {"pc_ch_0": 0, "fl_ch_1": 1},
         metadata=load_metadata("metadata.yaml"))
"""


def run(code: str, *arguments: object, folder: Path) -> str:
    """Output of a piece of Python in a process of its own."""
    path = os.pathsep.join(str(common.ROOT / name) for name in ("scripts", "tests"))
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def measure(suffix: str, fovs: int, frames: int) -> tuple[float, float]:
    """MB at the peak of inspect, and of copying the last field of view."""
    name = f"a.{suffix}"
    with common.temporary_folder("memory") as folder:
        run(WRITE, name, fovs, frames, CHANNELS, SIZE, folder=folder)
        inspect = float(run(INSPECT + PEAK, name, folder=folder))
        return inspect, float(run(COPY + PEAK, name, fovs, folder=folder))


def main() -> None:
    table: dict[str, dict[str, list[int]]] = {}
    print(f"{'format':<10}{'fields':>8}{'frames':>8}{'inspect, MB':>13}{'copy, MB':>10}")
    for suffix in ("nd2", "czi", "ome.tiff", "zarr"):
        table[suffix] = {"inspect": [], "copy": []}
        for fovs, frames in RECORDINGS:
            inspect, copy = measure(suffix, fovs, frames)
            print(f"{suffix:<10}{fovs:>8}{frames:>8}{inspect:>13.0f}{copy:>10.0f}", flush=True)
            table[suffix]["inspect"].append(round(inspect))
            table[suffix]["copy"].append(round(copy))
    lines = [
        f'"size": {SIZE}',
        f'"channels": {CHANNELS}',
        f'"recordings": {json.dumps([{"fields": p, "frames": t} for p, t in RECORDINGS])}',
        *(f"{json.dumps(name)}: {json.dumps(peaks)}" for name, peaks in table.items()),
    ]
    text = ",\n ".join(lines)
    Path(__file__).with_name("copy_memory.json").write_text(f"{{\n {text}\n}}\n")


if __name__ == "__main__":
    main()

"""Shared by the benchmarks: import paths, one thread per library, timing, runs of Snakemake.

Import it before numpy, which reads the number of threads when it is loaded.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / folder) for folder in ("scripts", "tests")]
import numpy as np

SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile")]
CELLS = 170  # of a frame of 2048 x 2048


def cells_of(size: int) -> int:
    """As many cells per area as 170 in 2048 x 2048 pixels."""
    return max(1, CELLS * size**2 // 2048**2)


def trembling_disks(
    rng: np.random.Generator, number: int, side: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and columns, (number, pixels), of disks of 16 pixels in one frame after another.

    They tremble by a pixel around places of their own in frames of side x side pixels.
    """
    step, radius = 26, 8
    grid = np.stack(np.mgrid[: side // step, : side // step], -1).reshape(-1, 2)
    places = rng.permutation(grid)[:number] * step + step // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = np.argwhere(np.hypot(y, x) <= radius) - radius
    while True:
        points = places[:, None] + rng.integers(-1, 2, (number, 1, 2)) + disk
        yield points[..., 0], points[..., 1]


def cpu_ms(function: Callable[[], object]) -> tuple[float, object]:
    """CPU milliseconds of a call, and its result."""
    start = time.process_time()
    result = function()
    return 1e3 * (time.process_time() - start), result


def compared(pairs: list[tuple[float, float]], first: str, second: str, digits: int = 2) -> dict:
    """Medians of two times that were measured in turn, and the median of their ratio."""
    return {
        f"{first}_ms": round(median(a for a, _ in pairs), 2),
        f"{second}_ms": round(median(b for _, b in pairs), 2),
        "ratio": round(median(a / b for a, b in pairs), digits),
    }


def seconds_of(usage: resource.struct_rusage) -> float:
    """CPU seconds, those of the kernel included."""
    return usage.ru_utime + usage.ru_stime


def children_cpu() -> float:
    """CPU seconds of all processes that were started and have ended."""
    return seconds_of(resource.getrusage(resource.RUSAGE_CHILDREN))


@contextmanager
def temporary_folder(name: str, parent: str | None = None) -> Iterator[Path]:
    """A folder that is removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"fovea-{name}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def write_config(folder: Path, text: str) -> None:
    """Write the config of a run."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "config.yaml").write_text(text)


def clean(folder: Path) -> None:
    """Remove what a run has made."""
    for name in ("results", "logs", "benchmarks", ".snakemake"):
        shutil.rmtree(folder / name, ignore_errors=True)


def run_workflow(folder: Path, *options: str) -> tuple[float, float]:
    """Wall and CPU seconds of Snakemake with all its jobs."""
    before, start = children_cpu(), time.perf_counter()
    done = subprocess.run([*SNAKEMAKE, *options], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start, children_cpu() - before


def jobs_of(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """Log, CPU seconds and peak memory in MB of each job of a run."""
    for log in sorted((folder / "logs").rglob("*.log")):
        text = log.read_text("utf-8")
        if found := re.search(r"CPU time ([\d.]+) s, peak memory (\d+) MB", text):
            yield log, float(found[1]), int(found[2])


def write_json(name: str, result: dict) -> None:
    """Write a result beside the benchmarks."""
    (ROOT / "benchmarks" / name).write_text(json.dumps(result, indent=1) + "\n")

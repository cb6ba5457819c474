"""CPU time at the start of jobs, with and without numba's search for BLAS.

    .venv/bin/python benchmarks/numba_import.py

Every start is a process of its own, both kinds in turn; prints medians in seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

import common

REPEATS = 7
LOAD = {
    "segment": "from fovea.segmentation.logstd import segment_logstd",
    "crop": "from fovea.cells.crop import crop",
}
SEARCHED = "import numba, numba.np.arraymath"  # scipy.linalg is loaded before Fovea can hide it


def start(code: str) -> float:
    """CPU seconds of a process that imports a step."""
    before = common.children_cpu()
    environment = {**os.environ, "PYTHONPATH": str(common.ROOT / "scripts")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return common.children_cpu() - before


def main() -> None:
    for step, code in LOAD.items():
        start(code)  # files are in the page cache
        pairs = [(start(f"{SEARCHED}\n{code}"), start(code)) for _ in range(REPEATS)]
        with_search, without = (median(times) for times in zip(*pairs, strict=True))
        print(f"{step}: {with_search:.2f} s with the search, {without:.2f} s without")


if __name__ == "__main__":
    main()

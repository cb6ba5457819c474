"""How the workflow scales: fields of view on cores, and the scheduler's overhead for 500 of them.

.venv/bin/python benchmarks/scaling.py              1, 2, 4, 8 fields of view on 1 and 2 cores
.venv/bin/python benchmarks/scaling.py --many 500   a dry run and a real run with tiny frames
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from fovea.simulation.simulate import simulate

CONFIG = """
datasets:
  bench:
    input: bench.ome.tiff
    fovs: "0-{last}"
    channels:
      pc: {{channel: 0, features: [area, aspect_ratio]}}
      fl: [{{channel: 1, features: [intensity_total, intensity_mean]}}]
params:
  segmentation: {{morph_size: {disk}}}
  background: {{tile_size: {tile}}}
  extraction: {{min_frames: 1, border_margin: 0}}
"""


def run(folder: Path, fovs: int, cores: int, *more: str, disk: int = 7, tile: int = 100):
    """Wall and CPU seconds of Snakemake with all its jobs."""
    config = CONFIG.format(last=fovs - 1, disk=disk, tile=tile)
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "config.yaml").write_text(config)
    command = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile"),
               "--cores", str(cores), "--quiet", "all", *more]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def clean(folder: Path) -> None:
    """Remove what a run has made."""
    for name in ("results", "logs", "benchmarks", ".snakemake"):
        shutil.rmtree(folder / name, ignore_errors=True)


def scale(folder: Path, frames: int, size: int) -> None:
    """Wall time of 1 to 8 fields of view on 1 and 2 cores."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=8, frames=frames, height=size,
             width=size, cells=max(1, 170 * size**2 // 2048**2))  # fmt: skip
    print(f"{frames} frames of {size} x {size}, one phase contrast, one fluorescence")
    print(f"{'fields':>7}{'1 core, s':>12}{'2 cores, s':>12}{'faster':>9}")
    for fovs in (1, 2, 4, 8):
        walls = []
        for cores in (1, 2):
            clean(folder)
            walls.append(run(folder, fovs, cores)[0])
        print(f"{fovs:>7}{walls[0]:>12.1f}{walls[1]:>12.1f}{walls[0] / walls[1]:>9.2f}")


def many(folder: Path, fovs: int) -> None:
    """A dry run and a real run of very many tiny fields of view."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=fovs, frames=2, height=48,
             width=48, cells=1)  # fmt: skip
    small = {"disk": 3, "tile": 24}
    wall, cpu = run(folder, fovs, 2, "--dry-run", **small)
    print(f"dry run of {fovs} fields of view: {wall:.1f} s, CPU {cpu:.1f} s")
    wall, cpu = run(folder, fovs, 2, **small)
    print(
        f"run on 2 cores: {wall:.1f} s, CPU {cpu:.1f} s, {cpu / fovs:.2f} s CPU per field of view"
    )
    wall, cpu = run(folder, fovs, 2, **small)
    print(f"nothing to be done: {wall:.1f} s, CPU {cpu:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--many", type=int, help="number of tiny fields of view")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=1024)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fovea-scaling-"))
    try:
        if options.many:
            many(folder, options.many)
        else:
            scale(folder, options.frames, options.size)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

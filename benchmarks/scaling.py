"""How the workflow scales: fields of view on cores, and the scheduler's overhead for 500 of them.

.venv/bin/python benchmarks/scaling.py              1, 2, 4, 8 fields of view on 1 and 2 cores
.venv/bin/python benchmarks/scaling.py --many 500   a dry run and a real run with tiny frames
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common

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
    common.write_config(folder, CONFIG.format(last=fovs - 1, disk=disk, tile=tile))
    return common.run_workflow(folder, "--cores", str(cores), "--quiet", "all", *more)


def scale(folder: Path, frames: int, size: int) -> None:
    """Wall time of 1 to 8 fields of view on 1 and 2 cores."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=8, frames=frames, height=size,
             width=size, cells=common.cells_of(size))  # fmt: skip
    print(f"{frames} frames of {size} x {size}, one phase contrast, one fluorescence")
    print(f"{'fields':>7}{'1 core, s':>12}{'2 cores, s':>12}{'faster':>9}")
    for fovs in (1, 2, 4, 8):
        walls = []
        for cores in (1, 2):
            common.clean(folder)
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
    with common.temporary_folder("scaling") as folder:
        if options.many:
            many(folder, options.many)
        else:
            scale(folder, options.frames, options.size)


if __name__ == "__main__":
    main()

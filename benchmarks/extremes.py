"""Unusual input: many labels, none, only one; large frames; jobs with a single tiny frame.

.venv/bin/python benchmarks/extremes.py
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import common
import numpy as np
import scaling
import steps

from fovea.segmentation.logstd import segment_logstd
from fovea.simulation.field import Field
from fovea.simulation.simulate import simulate

SIZE, REPEATS = 2048, 5


def frames() -> dict[str, steps.Frame]:
    """Frames with 170 cells, with 1,000, with none, and one that is all cell."""
    usual = Field(0, 1, SIZE, SIZE, 170, channels=2).render(0)
    part = Field(1, 1, 410, 410, 40, channels=2).render(0)
    empty = Field(2, 1, SIZE, SIZE, 0, channels=2).render(0)
    side = -(-SIZE // 410)
    many_phase = np.tile(part.phase, (side, side))[:SIZE, :SIZE].copy()
    many = [np.tile(f, (side, side))[:SIZE, :SIZE].copy() for f in part.fluo]
    texture = np.random.default_rng(0).normal(9000, 900, (SIZE, SIZE)).astype(np.uint16)
    found = {
        "170 cells": steps.prepare(usual),
        "1,000 cells": steps.frame_of(many_phase, many, segment_logstd(many_phase)),
        "no cell": steps.prepare(empty),
        "all one cell": steps.frame_of(texture, usual.fluo, np.ones((SIZE, SIZE), np.uint16)),
    }
    return found


def times(frame: steps.Frame) -> dict[str, float]:
    """CPU milliseconds of Fovea's version of each step."""
    found = {}
    for name, _, fast, _ in steps.pairs(frame, frame):
        fast()
        spent = [common.cpu_ms(fast)[0] for _ in range(REPEATS)]
        found[name] = median(spent) / (2 if name == "track" else 1)
    return found


def compare() -> None:
    """Times of unusual frames beside those of a usual one."""
    rows = {name: times(frame) for name, frame in frames().items()}
    usual = rows["170 cells"]
    names = list(rows)
    print(f"CPU ms per frame, and times as long{'':<4}" + "".join(f"{name:>22}" for name in names))
    for step in usual:
        cells = (f"{row[step]:.1f} ({row[step] / usual[step]:.1f})" for row in rows.values())
        print(f"{step:<38}" + "".join(f"{cell:>22}" for cell in cells))


def start_up(folder: Path, size: int) -> None:
    """CPU time and memory of each job of a field of view with a single frame."""
    simulate(folder / "bench.ome.tiff", folder / "truth", fovs=1, frames=1, height=size,
             width=size, cells=common.cells_of(size))  # fmt: skip
    for _ in range(2):  # the first run compiles, if that has not been done
        common.clean(folder)
        scaling.run(folder, 1, 1)
    for log, seconds, megabytes in common.jobs_of(folder):
        print(f"  {log.stem:<28}{seconds:>8} s{megabytes:>8} MB")


def main() -> None:
    compare()
    for size in (64, 5000):
        print(f"\nOne frame of {size} x {size}: CPU time and peak memory of each job, all included")
        with common.temporary_folder("extremes") as folder:
            start_up(folder, size)


if __name__ == "__main__":
    main()

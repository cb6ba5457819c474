"""CPU time of tracking and extraction with 100, 1,000 and 6,000 cells in a frame.

.venv/bin/python benchmarks/crowds.py

Cells are disks of 16 pixels that tremble by one, in frames of 2048 x 2048, tracked with the
parameters that `fovea describe` prints. The last row is of 500 frames, so that what grows with
their number shows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import common
import numpy as np
import steps

from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker
from tracking import OPTIONS

SIZE = 2048


def frames(cells: int, number: int) -> Iterator[np.ndarray]:
    """Labels of so many frames, (H, W) uint16."""
    disks = common.trembling_disks(np.random.default_rng(0), cells, SIZE)
    for at in islice(disks, number):
        labels = np.zeros((SIZE, SIZE), np.uint16)
        labels[at] = np.arange(1, cells + 1)[:, None]
        yield labels


def track(tracker, cells: int, number: int) -> float:
    """CPU milliseconds per frame, those of drawing the labels left out."""
    drawing, _ = common.cpu_ms(lambda: sum(1 for _ in frames(cells, number)))
    start = time.process_time()
    links = tracker.link(frames(cells, number))
    for _ in links.render(frames(cells, number)):
        pass
    return (1e3 * (time.process_time() - start) - 2 * drawing) / number


def extract(cells: int) -> float:
    """CPU milliseconds per frame with two fluorescence channels, the decoding included."""
    labels = next(frames(cells, 1))
    rng = np.random.default_rng(1)
    images = [(rng.normal(500, 10, labels.shape) + 400 * (labels > 0)).astype(np.uint16)
              for _ in range(2)]  # fmt: skip
    backgrounds = [np.full(labels.shape, 500, np.float32)] * 2
    crops = list(steps.crops_of(labels, images, backgrounds))
    return min(common.cpu_ms(lambda: steps.extract(crops))[0] for _ in range(3))


def main() -> None:
    trackers = {"iou": lambda: IouTracker(**OPTIONS), "lap": lambda: LapTracker(**OPTIONS)}
    for make in trackers.values():
        track(make(), 10, 2)  # compiles, or loads what is compiled
    print("CPU ms per frame, and µs per cell of it")
    print(f"{'cells':>8}{'frames':>8}" + "".join(f"{name:>20}" for name in (*trackers, "extract")))
    for cells, number in ((100, 16), (1000, 16), (6000, 16), (1000, 125), (1000, 500)):
        spent = [track(make(), cells, number) for make in trackers.values()]
        spent += [extract(cells)] if number == 16 else []
        row = "".join(f"{f'{ms:.1f} ({1e3 * ms / cells:.0f})':>20}" for ms in spent)
        print(f"{cells:>8}{number:>8}{row}", flush=True)


if __name__ == "__main__":
    main()

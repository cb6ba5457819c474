"""Statistics of tracks that need no ground truth, for the log of every run."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

_JUMP = 1.5  # ratio of areas from one frame to the next that is called a jump


def track_statistics(
    boxes: np.ndarray, areas: np.ndarray, frames: int, lineage: Sequence[tuple]
) -> dict[str, float]:
    """How steady cells and tracks are.

    `boxes` is the (P, 6) table of `fovea.tracking.boxes`, `areas` (P,) the pixels of each of its
    rows, `frames` T of the recording; `lineage` holds (cell, first frame, last frame, parent).

    Returns ``cells``; ``complete``, those in all frames; ``cells_per_frame``, ``fewest``, ``most``;
    ``median_length``, frames from a cell's first to its last; ``area_jumps``, the share of steps
    from one frame to the next in which a cell's area changes by more than half; ``missed``, frames
    that lie in gaps; ``divisions``; ``splits_per_frame``, new cells beside daughters and those of
    the first frame.
    """
    counts = np.bincount(boxes[:, 0], minlength=frames)
    lengths = np.array([last - first + 1 for _, first, last, _ in lineage])
    order = np.lexsort((boxes[:, 0], boxes[:, 1]))
    frame, cell, area = boxes[order, 0], boxes[order, 1], areas[order]
    steps = (np.diff(cell) == 0) & (np.diff(frame) == 1)
    ratio = area[:-1][steps] / area[1:][steps]
    new = sum(first > 0 and not parent for _, first, _, parent in lineage)
    return {
        "cells": len(lineage),
        "complete": int((lengths == frames).sum()),
        "cells_per_frame": len(boxes) / max(1, frames),
        "fewest": int(counts.min()) if frames else 0,
        "most": int(counts.max(initial=0)),
        "median_length": float(np.median(lengths)) if len(lengths) else 0.0,
        "area_jumps": float((np.maximum(ratio, 1 / ratio) > _JUMP).sum() / max(1, len(ratio))),
        "missed": int(lengths.sum()) - len(boxes),
        "divisions": len({parent for *_, parent in lineage if parent}),
        "splits_per_frame": new / max(1, frames - 1),
    }


def log_statistics(statistics: dict[str, float], frames: int, log: logging.Logger) -> None:
    """Log what `track_statistics` found."""
    s = statistics
    log.info("%d cells, %d of them from first to last of %d frames",
             s["cells"], s["complete"], frames)  # fmt: skip
    log.info("cells per frame: %d to %d, mean %.1f", s["fewest"], s["most"], s["cells_per_frame"])
    log.info("median track length: %g frames; frames missed in gaps: %d",
             s["median_length"], s["missed"])  # fmt: skip
    log.info("jumps in area (by more than half): %.2f %% of steps; new cells per frame: %.2f; "
             "divisions: %d",
             100 * s["area_jumps"], s["splits_per_frame"], s["divisions"])  # fmt: skip

"""Statistics of tracks that need no ground truth, for the log of every run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_JUMP = 1.5  # ratio of areas from one frame to the next that is called a jump


def track_statistics(areas: Sequence[dict[int, int]], lineage: Sequence[tuple]) -> dict[str, float]:
    """How steady cells and tracks are.

    Parameters
    ----------
    areas : sequence of dict
        For each frame, ID to pixels.
    lineage : sequence of (cell, first_frame, last_frame, parent)

    Returns
    -------
    dict
        ``cells``; ``complete``, those in all frames; ``cells_per_frame``, ``fewest``, ``most``;
        ``median_length``, frames from a cell's first to its last; ``area_jumps``, the share of
        steps from one frame to the next in which a cell's area changes by more than half;
        ``missed``, frames that lie in gaps; ``divisions``; ``splits_per_frame``, new cells beside
        daughters and those of the first frame.
    """
    counts = np.array([len(present) for present in areas])
    lengths = np.array([last - first + 1 for _, first, last, _ in lineage])
    seen = int(counts.sum())
    steps = jumps = 0
    for before, here in pairwise(areas):
        both = [c for c in before if c in here]
        ratio = np.array([before[c] / here[c] for c in both])
        steps += len(both)
        jumps += int((np.maximum(ratio, 1 / ratio) > _JUMP).sum()) if both else 0
    new = sum(first > 0 and not parent for _, first, _, parent in lineage)
    return {
        "cells": len(lineage),
        "complete": int((lengths == len(areas)).sum()),
        "cells_per_frame": float(counts.mean()) if len(counts) else 0.0,
        "fewest": int(counts.min(initial=np.iinfo(np.int64).max)) if len(counts) else 0,
        "most": int(counts.max(initial=0)),
        "median_length": float(np.median(lengths)) if len(lengths) else 0.0,
        "area_jumps": jumps / steps if steps else 0.0,
        "missed": int(lengths.sum()) - seen,
        "divisions": len({parent for *_, parent in lineage if parent}),
        "splits_per_frame": new / max(1, len(areas) - 1),
    }


def log_statistics(areas, lineage, log: logging.Logger) -> None:
    """Log the statistics of `track_statistics`."""
    m = track_statistics(areas, lineage)
    log.info("%d cells, %d of them from first to last of %d frames",
             m["cells"], m["complete"], len(areas))  # fmt: skip
    log.info("cells per frame: %d to %d, mean %.1f", m["fewest"], m["most"], m["cells_per_frame"])
    log.info("median track length: %g frames; frames missed in gaps: %d",
             m["median_length"], m["missed"])  # fmt: skip
    log.info("jumps in area (by more than half): %.2f %% of steps; new cells per frame: %.2f; "
             "divisions: %d",
             100 * m["area_jumps"], m["splits_per_frame"], m["divisions"])  # fmt: skip

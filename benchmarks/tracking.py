"""Measure tracking on annotated and on simulated recordings, and print the tables of both.

    .venv/bin/python benchmarks/tracking.py FOLDER [--seeds 100,101,102] [--masks true|dark]

FOLDER has the recordings that docs/accuracy.md names. Cells of the simulator are tracked on their
true masks, less those that are invisible in a frame, or on what mode `dark` finds. `possible` is
the share of cells that these masks never lose for more than two frames and never merge; a cell out
of view is lost. `others found` are divisions that are none, or not where they are found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from fovea.evaluation.evaluate import as_text, read_labels
from fovea.evaluation.scores import Match, match_frame
from fovea.evaluation.track_scores import MISSES, inferred_parents, track_scores
from fovea.inspection.arrays import segment
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.simulation.cells import CROWDED
from fovea.simulation.field import Field
from fovea.tracking.iou import IouTracker
from fovea.tracking.lap import LapTracker

OPTIONS = {"max_gap": 2, "max_merge": 8, "divisions": True, "drift": True}
SIMULATED = {
    "crowded": {"behaviour": CROWDED},
    "three times as fast": {"behaviour": replace(CROWDED, speed=3.0)},
    "six times as fast": {"behaviour": replace(CROWDED, speed=6.0)},
    "one frame an hour": {"behaviour": CROWDED, "interval": 3600.0},
    "5 % missed": {"behaviour": replace(CROWDED, invisible=0.05)},
    "60 cells, half touch": {"behaviour": replace(CROWDED, touching=0.5), "cells": 60},
}


def drawn(kind: str, seed: int, masks: str) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Objects to track, true cells, (T, H, W) each, and mothers by daughter."""
    field = Field(seed, 48, channels=0, **SIMULATED[kind])
    found, truth = [], []
    for view in field.frames():
        truth.append(view.labels)
        if masks == "dark":
            found.append(_dark(view.phase))
        else:
            unseen = [row["cell"] for row in view.rows if not row["visible"]]
            found.append(np.where(np.isin(view.labels, unseen), 0, view.labels))
    parents = {row["cell"]: row["parent"] for row in field.parameters if row["parent"]}
    return np.stack(found), np.stack(truth), parents


def _dark(frame: np.ndarray) -> np.ndarray:
    return segment_phase(frame, cell_diameter=36, mode="dark", tuning={"expand": 0.05})


def real(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, dict[int, int]]]:
    """Names, objects to track, reference, and mothers by daughter, of the recordings."""
    known = read_labels(folder / "t98g_long_reference_ids.ome.tiff")
    frames = read_labels(folder / "t98g_long.ome.tiff").astype(np.uint16)
    network, agreeing = (
        segment(frames, cell_diameter=62, mode="network", consistency=agree)
        for agree in (False, True)
    )
    cells = read_labels(folder / "ecoli_reference_ids.ome.tiff")
    yield "T98G, 18 frames, the reference's masks", known, known, inferred_parents(list(known))
    yield "T98G, 18 frames, mode network", network, known, inferred_parents(list(known))
    yield "T98G, 18 frames, with consistency", agreeing, known, inferred_parents(list(known))
    yield "E. coli, the reference's masks", cells, cells, inferred_parents(list(cells))


def possible(matches: list[Match]) -> float:
    """Share of cells that are never lost for long, and never in an object with another.

    A cell that is out of view for more than these frames, and comes back, is lost, too.
    """
    right: dict[int, bool] = {}
    found: dict[int, int] = {}
    for t, match in enumerate(matches):
        held = np.bincount(match.partner[match.partner >= 0], minlength=len(match.result))
        for cell, partner in zip(match.reference.tolist(), match.partner.tolist(), strict=True):
            missed = t - found.setdefault(cell, t - 1) - (partner >= 0)
            found[cell] = t if partner >= 0 else found[cell]
            alone = partner < 0 or held[partner] == 1
            right[cell] = right.get(cell, True) and alone and missed <= MISSES
    return float(np.mean(list(right.values())))


def switches(matches: list[Match]) -> int:
    """Number of times that the ID of a cell is another than when it was last found."""
    last: dict[int, int] = {}
    count = 0
    for match in matches:
        for i in np.flatnonzero(match.partner >= 0):
            cell, name = int(match.reference[i]), int(match.result[match.partner[i]])
            count += last.get(cell, name) != name
            last[cell] = name
    return count


def row(tracker, labels: np.ndarray, truth: np.ndarray, parents: dict[int, int]) -> dict:
    """Scores of a tracker on one recording."""
    start = time.process_time()
    links = tracker.link(labels)
    ids = list(links.render(labels))
    spent = 1000 * (time.process_time() - start) / len(labels)
    matches = [match_frame(a, b) for a, b in zip(truth, ids, strict=True)]
    found = {cell: parent for cell, _, _, parent in links.lineage() if parent}
    scores = track_scores(matches, found, parents)
    before = [match_frame(a, b) for a, b in zip(truth, labels, strict=True)]
    return {
        "complete": scores["complete"], "possible": possible(before), "TRA": scores["TRA"],
        "switches": 100 * switches(matches) / len(labels), "links": scores["links_of_found"],
        "found": scores["divisions_found"], "divisions": scores["divisions"],
        "false": len(set(found.values())) - scores["divisions_found"], "ms": spent,
    }  # fmt: skip


def line(name: str, method: str, rows: list[dict]) -> dict[str, str]:
    """Line of a table: means over seeds, and sums of divisions."""
    mean = {key: float(np.mean([r[key] for r in rows])) for key in rows[0]}
    found, divisions, false = (sum(r[key] for r in rows) for key in ("found", "divisions", "false"))
    return {
        "recording": name, "method": method, "complete": f"{mean['complete']:.3f}",
        "possible": f"{mean['possible']:.3f}", "TRA": f"{mean['TRA']:.4f}",
        "switches per 100 frames": f"{mean['switches']:.1f}", "links": f"{mean['links']:.4f}",
        "divisions found": f"{found} of {divisions}", "others found": str(false),
        "CPU ms": f"{mean['ms']:.1f}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the recordings")
    parser.add_argument("--seeds", default="100,101,102,103", help="of the simulator")
    parser.add_argument("--masks", choices=("true", "dark"), default="true")
    given = parser.parse_args()
    trackers = {"iou": IouTracker(**OPTIONS), "lap": LapTracker(**OPTIONS)}
    warm = np.zeros((2, 40, 40), np.uint16)
    warm[:, 10:20, 10:20] = 1
    for tracker in trackers.values():
        list(tracker.link(warm).render(warm))
    table = [line(name, method, [row(tracker, *data)]) for name, *data in real(given.folder)
             for method, tracker in trackers.items()]  # fmt: skip
    print(as_text(table), end="\n\n")
    table = []
    for kind in SIMULATED:
        data = [drawn(kind, int(seed), given.masks) for seed in given.seeds.split(",")]
        for method, tracker in trackers.items():
            table.append(line(kind, method, [row(tracker, *d) for d in data]))
    print(as_text(table))


if __name__ == "__main__":
    main()

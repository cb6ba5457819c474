"""Measure laptrack on the labels of benchmarks/tracking.py, and print the same table.

    VENV/bin/python benchmarks/other_trackers.py FOLDER [--seeds 100,101,102,103]

VENV is an environment of its own, with Fovea's packages and laptrack. It does not correct jumps of
the stage, so labels are put where they would be without. It has its authors' options, but for one
length: a cell may move by `REACH` median diameters from one frame to the next, as the distance has
to suit the recording.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from fovea.evaluation.evaluate import as_text
from fovea.tracking.edges import described, linked
from tracking import SIMULATED, drawn, line, real, row

REACH = 1.5
GAP = 2


def steady(labels: np.ndarray) -> np.ndarray:
    """Labels without the jumps of the stage, on a larger ground."""
    drift = np.cumsum([o.shift for o in described(labels)[0]], axis=0)
    corners = drift.max(axis=0) - drift
    shape = np.array(labels.shape[1:]) + corners.max(axis=0)
    out = np.zeros((len(labels), *shape), labels.dtype)
    for frame, target, (y, x) in zip(labels, out, corners, strict=True):
        target[y : y + frame.shape[0], x : x + frame.shape[1]] = frame
    return out


def reach(labels: np.ndarray) -> float:
    """Pixels that a cell may move from one frame to the next."""
    areas = np.concatenate([o.areas[o.members] for o in described(labels)[0]])
    return REACH * float(np.sqrt(4 / np.pi * np.median(areas)))


@dataclass
class Laptrack:
    """laptrack, by distances of centroids or by overlaps of masks."""

    overlap: bool = False

    def link(self, labels: np.ndarray):
        ground = steady(labels)
        tree = (self._overlaps if self.overlap else self._distances)(ground)
        return linked(labels, sorted(tree))

    def _distances(self, labels: np.ndarray):
        from laptrack import LapTrack
        from scipy.ndimage import center_of_mass

        names = [np.unique(frame[frame > 0]) for frame in labels]
        centres = [np.array(center_of_mass(frame > 0, frame, known)).reshape(-1, 2)
                   for frame, known in zip(labels, names, strict=True)]  # fmt: skip
        square = reach(labels) ** 2
        tracker = LapTrack(
            cutoff=square, gap_closing_cutoff=square, gap_closing_max_frame_count=GAP,
            splitting_cutoff=square,
        )  # fmt: skip
        for ends in tracker.predict(centres).edges:
            yield tuple((t, int(names[t][i])) for t, i in ends)

    def _overlaps(self, labels: np.ndarray):
        from laptrack import OverLapTrack

        tracker = OverLapTrack(
            cutoff=0.9, gap_closing_cutoff=0.9, gap_closing_max_frame_count=GAP,
            splitting_cutoff=0.9,
        )  # fmt: skip
        tracks, splits, _ = tracker.predict_overlap_dataframe(labels.astype(int))
        nodes = {name: sorted(part.index) for name, part in tracks.groupby("track_id")}
        for chain in nodes.values():
            yield from pairwise([(int(t), int(label)) for t, label in chain])
        splits = splits.reindex(columns=["parent_track_id", "child_track_id"])  # none without any
        for parent, child in splits.to_numpy():
            yield tuple((int(t), int(label)) for t, label in (nodes[parent][-1], nodes[child][0]))


METHODS = {"laptrack": Laptrack(), "laptrack, overlap": Laptrack(overlap=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="folder with the recordings")
    parser.add_argument("--seeds", default="100,101,102,103", help="of the simulator")
    parser.add_argument("--methods", default=";".join(METHODS), help="separated by ;")
    given = parser.parse_args()
    trackers = {name: METHODS[name] for name in given.methods.split(";")}
    table = []
    for name, *data in real(given.folder):
        table += [line(name, method, [row(t, *data)]) for method, t in trackers.items()]
        print(as_text(table[-len(trackers) :]), flush=True)
    for kind in SIMULATED:
        data = [drawn(kind, int(seed), "true") for seed in given.seeds.split(",")]
        for method, tracker in trackers.items():
            table.append(line(kind, method, [row(tracker, *d) for d in data]))
            print(as_text(table[-1:]), flush=True)
    print(as_text(table))


if __name__ == "__main__":
    main()

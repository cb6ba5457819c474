"""Scores of segmentation on annotated recordings that it was neither trained nor tuned on.

    .venv/bin/python benchmarks/accuracy.py DATA

DATA is a folder with the recordings that docs/accuracy.md names. Prints the rows of its first
table, but for the stills that networks were trained on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np

from fovea.evaluation.accuracy import TRAINED_ON, annotated, read_frames
from fovea.evaluation.evaluate import read_labels
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.plugins.registry import SEGMENTATION, load

RUNS = {
    "T98G, 20 further stills": [("network", 48), ("adherent", 48)],
    "E. coli in a growing colony": [("dark", 35), ("dark", 40), ("dark", 52)],
    "C2C12 myoblasts": [("adherent", 16), ("adherent", 20), ("network", 16)],
}

FILES = {
    "E. coli in a growing colony": ("ecoli_colony.ome.tiff", "ecoli_colony_ids.ome.tiff"),
    "C2C12 myoblasts": ("c2c12_phase.ome.tiff", "c2c12_ids.ome.tiff"),
}


def pairs(data: Path, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames and their annotated labels, (H, W) each."""
    if name.startswith("T98G"):
        stills = annotated(data / "t98g_annotated")
        return [(frame, labels) for still, frame, labels in stills if still not in TRAINED_ON]
    frames, labels = FILES[name]
    return list(zip(read_frames(data / frames), read_labels(data / labels), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the recordings")
    given = parser.parse_args()
    segment = load(SEGMENTATION, "phase")
    print("| recording | mode, cell_diameter | SEG | SEG by frame: mean (lowest, highest) | F1 |")
    print("|---|---|---|---|---|")
    for name, runs in RUNS.items():
        known = pairs(given.data, name)
        for mode, diameter in runs:
            options = {"mode": mode, "cell_diameter": diameter}
            matches = [
                match_frame(labels, segment(frame.astype(np.uint16), **options))
                for frame, labels in known
            ]
            single = [segmentation_scores([match])["SEG"] for match in matches]
            all_cells = segmentation_scores(matches)
            print(f"| {name} | {mode}, {diameter} | {all_cells['SEG']:.3f} | {np.mean(single):.3f} "
                  f"({min(single):.3f}, {max(single):.3f}) | {all_cells['F1']:.3f} |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

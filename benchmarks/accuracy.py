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

from fovea.evaluation.accuracy import annotated, read_frames
from fovea.evaluation.evaluate import read_labels, score
from fovea.plugins.registry import SEGMENTATION, load

TRAINED_ON = ("set2", "set12", "set22", "set32", "set42")
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


def stacked(labels: list[np.ndarray], shape: np.ndarray) -> np.ndarray:
    """Labels of frames of different sizes in one array, (T, H, W), 0 beside the smaller ones."""
    sizes = [[(0, n - m) for n, m in zip(shape, one.shape, strict=True)] for one in labels]
    return np.stack([np.pad(one, size) for one, size in zip(labels, sizes, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the recordings")
    given = parser.parse_args()
    segment = load(SEGMENTATION, "phase")
    print("| recording | mode, cell_diameter | SEG | SEG by frame: mean (lowest, highest) | F1 |")
    print("|---|---|---|---|---|")
    for name, runs in RUNS.items():
        known = pairs(given.data, name)
        shape = np.max([labels.shape for _, labels in known], axis=0)
        for mode, diameter in runs:
            options = {"mode": mode, "cell_diameter": diameter}
            found = [segment(frame.astype(np.uint16), **options) for frame, _ in known]
            single = [
                score(labels[None], result[None], tracks=False)[0]["SEG"]
                for (_, labels), result in zip(known, found, strict=True)
            ]
            padded = [stacked(several, shape) for several in ([pair[1] for pair in known], found)]
            all_cells, _ = score(*padded, tracks=False)
            print(f"| {name} | {mode}, {diameter} | {all_cells['SEG']:.3f} | {np.mean(single):.3f} "
                  f"({min(single):.3f}, {max(single):.3f}) | {all_cells['F1']:.3f} |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

"""Fit the numbers with which modes and diameters are chosen: `python training/calibrate.py --help`.

Every mode is tried with every diameter on annotated frames, also reduced, noisy and inverted ones,
and on drawn pictures. Weights of the measures are found with which the best trial of each recording
comes first; how well they do is told of each recording by weights from the others. The result goes
into fovea/segmentation/phase/quality.yaml. docs/algorithms.md#mode-and-diameter explains it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import numpy as np
import pandas as pd
import tifffile
import yaml

from calibration import evaluated, fitted
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.segmentation.phase.choose import WAYS
from fovea.segmentation.phase.quality import NUMBERS
from fovea.segmentation.phase.trials import STEP, labelled, look, measures_of

_FRAMES = 2  # of a recording, the first and the last
_LABELS = ("_reference_ids", "_ids")
_STILLS = ("set3", "set10", "set20", "set22", "set30", "set42", "set50")  # of many alike
_LARGEST = 4.0  # times the cells' diameter: larger diameters are not tried


@dataclass(frozen=True)
class Case:
    """Annotated frames of one look; those of one group are of one recording or kind."""

    name: str
    group: str
    frames: list[np.ndarray]  # (H, W) uint8 or uint16
    labels: list[np.ndarray]  # (H, W) unsigned integer


def cases(folders: list[Path], drawn: int) -> Iterator[Case]:
    """Yield annotated recordings of folders, varied ones, and pictures drawn for training."""
    number = 0
    for path in sorted(path for folder in folders for path in folder.rglob("*_ids.*tif*")):
        stem = path.name.split(".")[0]
        stem = stem.removesuffix(next(e for e in _LABELS if stem.endswith(e)))
        if path.parent.name.endswith("annotated") and stem not in _STILLS:
            continue
        labels = _read(path)
        images = [p for p in sorted(path.parent.glob(f"{stem}*.*tif*")) if "_ids" not in p.name]
        images.sort(key=lambda p: p.name.split(".")[0] != stem)  # the same name comes first
        frames = [f for f in map(_read, images) if f[0].shape == labels[0].shape]
        if frames:
            case = Case(stem, _group(path, stem), frames[0], labels)
            yield case
            yield varied(case, number)
            number += 1
    yield from drawn_cases(drawn)


def _group(path: Path, stem: str) -> str:
    """Return the first part of a name: files called alike are taken to be of one kind."""
    return "t98g" if path.parent.name.startswith("t98g") else stem.split("_")[0]


def _read(path: Path) -> list[np.ndarray]:
    stack = np.squeeze(tifffile.imread(path))
    stack = stack[:, 0] if stack.ndim == 4 else stack
    stack = stack if stack.ndim == 3 else stack[None]
    chosen = np.unique(np.linspace(0, len(stack) - 1, _FRAMES).round().astype(int))
    return [np.ascontiguousarray(stack[i]) for i in chosen]


def varied(case: Case, number: int) -> Case:
    """Return frames reduced to 0.6, noisier, or inverted: one after the other by number."""
    rng = np.random.default_rng(0)
    frames, labels = case.frames, case.labels
    kind = ("reduced", "noisy", "inverted")[number % 3]
    if kind == "reduced":
        places = np.ix_(*(((np.arange(int(0.6 * n)) + 0.5) / 0.6).astype(int)
                          for n in frames[0].shape))  # fmt: skip
        frames, labels = ([np.ascontiguousarray(image[places]) for image in images]
                          for images in (frames, labels))  # fmt: skip
    elif kind == "noisy":
        # As much noise again as there is between neighbouring rows.
        spread = 1.48 * np.median(np.abs(np.diff(frames[0].astype(float), axis=0)))
        frames = [np.clip(f + rng.normal(0, spread, f.shape), 0, np.iinfo(f.dtype).max)
                  .astype(f.dtype) for f in frames]  # fmt: skip
    else:
        frames = [~f for f in frames]
    return Case(f"{case.name} {kind}", case.group, frames, labels)


def drawn_cases(count: int) -> Iterator[Case]:
    """Yield drawn pictures, which need the environment of training, at several magnifications."""
    if not count:
        return
    import cv2

    from pictures import render
    from shapes import KINDS, arrangement
    from stills import DIAMETER
    from targets import without_specks

    for number in range(count):
        rng = np.random.default_rng([77, number])
        kind = KINDS[number % len(KINDS)]
        labels = without_specks(arrangement(rng, kind, 12 * DIAMETER), 0.02 * DIAMETER**2)
        frame = render(rng, labels).astype(np.float32)
        side = int(12 * DIAMETER * np.exp(rng.uniform(np.log(0.4), np.log(1.3))))
        size = (side, side)
        way = cv2.INTER_AREA if side < len(frame) else cv2.INTER_LINEAR
        frame = cv2.resize(frame, size, interpolation=way)
        labels = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
        frame += rng.normal(0, rng.uniform(0, 0.02) * frame.std(), frame.shape)
        if labels.max() > 3:
            yield Case(f"drawn {kind} {number}", f"drawn {kind}",
                       [np.clip(frame, 0, 65535).astype(np.uint16)],
                       [labels.astype(np.uint16)])  # fmt: skip


def tried(case: Case) -> list[dict[str, object]]:
    """Return a row for every mode, contrast and diameter, with its measures and scores."""
    areas = np.concatenate([np.unique(x[x > 0], return_counts=True)[1] for x in case.labels])
    true = float(np.sqrt(4 / np.pi * np.median(areas)))
    seen = [look(frame) for frame in case.frames]
    top = min(min(min(f.shape) for f in case.frames) / 4, _LARGEST * true)
    diameters = [d for i in range(18) if (d := 6.4 * STEP**i) <= max(top, 9)]
    scores = {}

    def series():
        for found in labelled(seen, WAYS, diameters):
            for way, labels in found.labels.items():
                matches = [match_frame(truth[place].astype(np.uint32), one) for truth, place, one
                           in zip(case.labels, found.windows, labels, strict=True)]  # fmt: skip
                scores[way, found.diameter] = segmentation_scores(matches)
            yield found

    return [
        {"case": case.name, "group": case.group, "true": true, "mode": way[0], "contrast": way[1],
         "d": diameter, "SEG": scores[way, diameter]["SEG"], "F1": scores[way, diameter]["F1"],
         **asdict(measures)}
        for way, trials in measures_of(seen, series()).items()
        for diameter, measures in trials
    ]  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, help="folders with X.tif and X_ids.tif")
    parser.add_argument("--drawn", type=int, default=0, metavar="N", help="pictures to draw")
    parser.add_argument("--table", type=Path, help="where all trials are kept, CSV")
    parser.add_argument("--again", action="store_true", help="fit to the table, without trials")
    parser.add_argument("--output", type=Path, default=NUMBERS)
    options = parser.parse_args(arguments)
    if options.again:
        rows = pd.read_csv(options.table)
    else:
        found = []
        for case in cases(options.folders, options.drawn):
            found += tried(case)
            print(case.name, flush=True)
        rows = pd.DataFrame(found)
        if options.table:
            rows.to_csv(options.table, index=False)
    for line in evaluated(rows):
        print(line)
    numbers = fitted(rows)
    head = "# Written by training/calibrate.py; see quality.py.\n"
    options.output.write_text(head + yaml.safe_dump(numbers, sort_keys=False), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

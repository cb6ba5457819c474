"""Accuracy of segmentation and tracking on annotated and on simulated recordings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.evaluation.evaluate import read_labels, score
from fovea.evaluation.scores import Match, segmentation_scores
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.tracking.iou import IouTracker
from fovea.tracking.linker import Linker

#: Parameters of segmentation for each kind of recording.
T98G = {"cell_diameter": 48.0, "mode": "network"}
ADHERENT = {"cell_diameter": 48.0, "mode": "adherent"}
ECOLI = {"cell_diameter": 18.0, "mode": "dark"}
DEMO = {"cell_diameter": 36.0, "mode": "dark", "tuning": {"expand": 0.05}}
#: The stills on which the network that Fovea brings was trained, and how rows call them.
TRAINED_ON = ("set2", "set12", "set22", "set32", "set42")
TRAINED, FURTHER = "stills of the training, together", "further stills, together"
#: Parameters of tracking for all of them.
TRACKING = {"overlap": "mask", "max_gap": 2, "max_merge": 8, "divisions": True, "drift": True}
_COLUMNS = ("SEG", "SEG_frames_mean", "SEG_frames_sd", "F1", "foreground_IoU", "TRA", "CT",
            "complete", "links_of_found", "divisions_found", "divisions")  # fmt: skip


def read_frames(path: Path) -> np.ndarray:
    """Return the phase contrast of a TIFF, its first channel, (T, H, W) uint16."""
    import tifffile

    try:
        frames = tifffile.imread(path)
    except OSError as error:
        raise FoveaError(f"{path} cannot be read: {error}") from error
    if frames.ndim == 4:
        frames = frames[:, 0]
    return frames[None] if frames.ndim == 2 else frames


def segmented(frames: Sequence[np.ndarray], parameters: dict) -> np.ndarray:
    """Return the labels of all frames, (T, H, W)."""
    return np.stack([segment_phase(frame, **parameters) for frame in frames])


def tracked(labels: np.ndarray, tracker: Linker) -> tuple[np.ndarray, dict[int, int]]:
    """Return the IDs of all frames, (T, H, W), and a mapping of daughters to mothers."""
    links = tracker.link(labels)
    parents = {cell: parent for cell, _, _, parent in links.lineage() if parent}
    return np.stack(list(links.render(labels))), parents


def annotated(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, frame and labels of each annotated still."""
    for path in sorted(folder.glob("*_ids.ome.tiff")):
        frames = read_frames(path.with_name(path.name.replace("_ids", "")))
        yield path.name.removesuffix("_ids.ome.tiff"), frames[0], read_labels(path)[0]


def _row(name: str, parameters: dict, scores: dict) -> dict:
    row = {key: parameters[key] for key in ("mode", "cell_diameter")}
    return {"recording": name} | row | {key: scores[key] for key in _COLUMNS if key in scores}


def stills(folder: Path, parameters: dict = T98G) -> tuple[list[dict], list[dict]]:
    """Return the scores of annotated stills: a row for each, and one for each kind of them.

    Stills on which the network was trained are kept apart from all others; sizes may differ.
    """
    rows: list[dict] = []
    matches: dict[str, list[Match]] = {}
    for name, frame, labels in annotated(folder):
        scores, found = score(labels[None], segment_phase(frame, **parameters)[None])
        rows.append(_row(name, parameters, scores))
        matches.setdefault(TRAINED if name in TRAINED_ON else FURTHER, []).extend(found)
    if not rows:
        raise FoveaError(f"{folder} has no annotated frames (*_ids.ome.tiff)")
    return rows, [_row(kind, parameters, segmentation_scores(matches[kind]))
                  for kind in (TRAINED, FURTHER) if kind in matches]  # fmt: skip


def movie(frames: Path, reference: Path, parameters: dict, name: str) -> dict:
    """Return the scores of a recording against the IDs of another program."""
    ids, parents = tracked(segmented(read_frames(frames), parameters), IouTracker(**TRACKING))
    return _row(name, parameters, score(read_labels(reference), ids, parents)[0])


def simulated(crowded: bool, fovs: int = 2, frames: int = 48, parameters: dict = DEMO) -> list:
    """Return the scores of simulated fields of view against the truth, one row for each."""
    from fovea.simulation.field import simulate_fov

    rows = []
    for fov in range(fovs):
        truth = simulate_fov(0, frames, 512, 512, 25, fov=fov, crowded=crowded, channels=0)
        ids, parents = tracked(segmented(truth.phase, parameters), IouTracker(**TRACKING))
        theirs = {p["cell"]: p["parent"] for p in truth.parameters if p["parent"]}
        scores, _ = score(truth.labels.astype(np.uint32), ids, parents, theirs)
        name = f"demo{', crowded' if crowded else ''}, field of view {fov}"
        rows.append(_row(name, parameters, scores))
    return rows


def cpu_time(frame: np.ndarray, parameters: dict, repeats: int = 5) -> float:
    """Return the median CPU time, in ms, of segmenting 2048 x 2048 pixels of tiled frames."""
    tiles = [-(-2048 // n) for n in frame.shape]
    large = np.ascontiguousarray(np.tile(frame, tiles)[:2048, :2048])
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        segment_phase(large, **parameters)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times[1:]))


def targets(folder: str | Path) -> list[dict]:
    """Return all scores, also with cell diameters that are wrong by a quarter, and CPU times.

    The folder holds ``t98g_annotated``, ``t98g_phase.ome.tiff``, ``ecoli_phase_fluo.ome.tiff`` and
    the reference IDs of both.
    """
    folder = Path(folder)
    movies = [
        ("t98g", "t98g_phase", T98G), ("t98g", "t98g_phase", ADHERENT),
        ("ecoli", "ecoli_phase_fluo", ECOLI),
    ]  # fmt: skip
    rows = []
    for usual in (T98G, ADHERENT):
        rows += [row for part in stills(folder / "t98g_annotated", usual) for row in part]
        for factor in (0.75, 1.25):
            wrong = usual | {"cell_diameter": usual["cell_diameter"] * factor}
            rows += stills(folder / "t98g_annotated", wrong)[1]
    for name, file, usual in movies:
        reference = folder / f"{name}_reference_ids.ome.tiff"
        for factor in (1, 0.75, 1.25):
            parameters = usual | {"cell_diameter": usual["cell_diameter"] * factor}
            rows.append(movie(folder / f"{file}.ome.tiff", reference, parameters, name))
    for crowded in (False, True):
        rows += simulated(crowded)
    for name, file, parameters in movies:
        frame = read_frames(folder / f"{file}.ome.tiff")[0]
        row = _row(f"{name}, 2048 x 2048", parameters, {})
        rows.append(row | {"CPU_ms": round(cpu_time(frame, parameters))})
    return rows

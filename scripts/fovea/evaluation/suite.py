"""A suite: segmentation measured on many annotated recordings, with what Fovea proposes for each.

Nothing is known of a recording but its frames: mode, contrast and cell diameter are those that the
workflow finds for a config that leaves them open, as `fovea describe` prints it.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fovea.config.phase_tuning import leaves_open
from fovea.errors import FoveaError, counted
from fovea.evaluation.annotated import Position, read_position
from fovea.evaluation.evaluate import score
from fovea.evaluation.failures import Verdicts, counts, verdicts
from fovea.evaluation.pairs import Row
from fovea.evaluation.scores import Match, match_frame, segmentation_scores
from fovea.evaluation.simulated import SIMULATED, Drawn
from fovea.evaluation.suite_list import parameters
from fovea.segmentation.consistent import consistent
from fovea.segmentation.phase.diameter import inner_areas
from fovea.segmentation.segment import levels_of, method_of

FRAMES = 10  # of a row, at most, unless all are wanted
_TRACKING = {"max_gap": 2, "max_merge": 8, "divisions": True, "drift": True}
_TRACKED = ("TRA", "links_of_found", "complete", "divisions_found", "divisions")
_SIDE = 2048  # pixels of the frame for which CPU time is given
_LOG = logging.getLogger("fovea")


@dataclass(frozen=True)
class Shot:
    """A frame that was measured."""

    name: str
    frame: np.ndarray  # (H, W) uint16
    labels: np.ndarray  # (H, W) uint32, the reference
    found: np.ndarray  # (H, W) uint16 or uint32
    match: Match
    verdicts: Verdicts


@dataclass(frozen=True)
class Measured:
    """A row of the table, and the frames behind it."""

    row: dict[str, Any]
    shots: list[Shot] = field(default_factory=list)

    @property
    def worst(self) -> Shot | None:
        """Return the frame in which cells are overlapped least; None where none has cells."""
        shots = [shot for shot in self.shots if len(shot.match.iou)]
        return min(shots, key=lambda shot: shot.match.iou.mean(), default=None)


def read_row(row: Row) -> Drawn:
    """Read or draw the positions of a row; a FoveaError says which file is wrong."""
    if row.simulated is not None:
        return SIMULATED[row.simulated]()
    return Drawn([read_position(*pair, row.channel) for pair in row.files])


def measure(
    row: Row,
    given: Mapping[str, Any],
    all_frames: bool = False,
    threads: int = 1,
    log: logging.Logger = _LOG,
) -> Measured:
    """Segment the frames of a row, and score them.

    Parameters
    ----------
    row : Row
        What is measured.
    given : mapping
        Parameters of segmentation that replace those of the row.
    all_frames : bool
        Measure all frames, not 10 that are spread evenly. Rows with tracks always have all.
    threads : int
        For the proposal; results do not depend on it.

    Raises
    ------
    FoveaError
        If a file cannot be read or its pixels are not as expected.
    """
    drawn = read_row(row)
    everything = all_frames or row.tracks
    total = sum(len(position.frames) for position in drawn.positions)
    options, chosen_by = proposal(drawn.positions, {**row.segmentation, **given}, threads, log)
    shots, time_ms = [], np.nan
    segment = _nothing if options is None else method_of(options)
    spread = list(_spread(drawn.positions, total if everything else FRAMES))
    if everything and options and options.get("consistency"):
        segmented = _agreeing(drawn.positions, options)
    else:
        segmented = (segment(frame) for _, frame, _ in spread)
    for (name, frame, labels), found in zip(spread, segmented, strict=True):
        shots.append(
            Shot(name, frame, labels, found, match_frame(labels, found), verdicts(labels, found))
        )
    blank = sum(not len(shot.match.reference) for shot in shots)
    if blank:
        log.warning("%s: no cell is labelled in %d of %d frames; objects there count as extra",
                    row.name, blank, len(shots))  # fmt: skip
    if options is not None:
        time_ms = cpu_time(segment, shots[0].frame)
    scores = segmentation_scores([shot.match for shot in shots])
    used = options or {"mode": "none found"}
    result = {
        "recording": row.name,
        "kind": row.kind,
        "frames": f"{len(shots)} of {total}" if len(shots) < total else str(total),
        "cells_per_frame": _cells(shots),
        "mode": used.get("mode") or used["method"],
        "contrast": used.get("contrast", ""),
        "cell_diameter": used.get("cell_diameter", np.nan),
        "chosen_by": chosen_by,
        "SEG": scores["SEG"],
        "F1": scores["F1"],
        **counts(shot.verdicts for shot in shots),
        "CPU_ms": time_ms if np.isnan(time_ms) else round(time_ms),
        "tuned_on": row.tuned_on,
    }
    if row.tracks:
        result |= _tracked(drawn, shots)
    return Measured(result, shots)


def proposal(
    positions: Sequence[Position],
    given: Mapping[str, Any],
    threads: int = 1,
    log: logging.Logger = _LOG,
) -> tuple[dict[str, Any] | None, str]:
    """Return parameters of segmentation in which nothing is left open, and who chose them.

    That is "hand" where all were given, else "Fovea", or "Fovea, not sure" where it says so. The
    parameters are None where Fovea finds no cells, and thus no parameters. The step `find_cells` of
    the workflow finds them in copies of the frames, so that both always agree.
    """
    from fovea.segmentation.phase.found import find_cells, resolved

    wanted = parameters(given)
    if wanted["method"] != "phase" or not leaves_open(wanted):
        return resolved(wanted, None), "hand"
    with tempfile.TemporaryDirectory() as folder:
        files = [_copied(p, Path(folder) / f"{i:05d}.ome.tif") for i, p in enumerate(positions)]
        target = Path(folder) / "found.yaml"
        quiet = logging.getLogger("fovea.suite")  # the table says it all
        quiet.setLevel(logging.CRITICAL)
        try:
            find_cells(files, target, wanted, 0, threads=threads, log=quiet)
        except FoveaError as error:
            log.warning("%s", error)
            return None, "Fovea"
        about = yaml.safe_load(target.read_text("utf-8"))["about"]
        return resolved(wanted, target), "Fovea" if about["sure"] else "Fovea, not sure"


def _copied(position: Position, path: Path) -> str:
    import tifffile

    frames = position.frames.astype(np.uint16, copy=False)
    tifffile.imwrite(path, frames, ome=True, metadata={"axes": "TYX"})
    return str(path)


def _spread(
    positions: Sequence[Position], count: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, frame and labels of at most `count` frames, spread evenly over all of them."""
    places = [(p, t) for p in positions for t in range(len(p.frames))]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    for i in chosen.tolist():
        position, t = places[i]
        name = position.name if len(position.frames) == 1 else f"{position.name}, frame {t}"
        yield name, position.frames[t].astype(np.uint16), position.labels[t]


def _agreeing(positions: Sequence[Position], options: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Yield labels that agree with those of neighbouring frames, of all positions."""
    for position in positions:
        frames = (frame.astype(np.uint16) for frame in position.frames)
        for labels, _ in consistent(map(levels_of(options), frames)):
            yield labels


def _nothing(frame: np.ndarray) -> np.ndarray:
    return np.zeros(frame.shape, np.uint16)


def _cells(shots: Sequence[Shot]) -> str:
    """Return the least and the largest number of annotated cells in a frame."""
    numbers = [len(shot.match.reference) for shot in shots]
    least, most = min(numbers), max(numbers)
    return str(most) if least == most else f"{least} to {most}"


def annotated_diameter(shots: Sequence[Shot]) -> float:
    """Return the median diameter of the annotated cells that do not touch a frame's border.

    It is that of a disk of the same area, in pixels; NaN without such cells.
    """
    areas = np.concatenate([np.zeros(0), *(inner_areas(shot.labels) for shot in shots)])
    return float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else np.nan


def cpu_time(segment: Any, frame: np.ndarray, repeats: int = 3) -> float:
    """Return the median CPU time in ms of segmenting 2048 x 2048 pixels, tiles of the frame."""
    tiles = [-(-_SIDE // n) for n in frame.shape]
    large = np.ascontiguousarray(np.tile(frame, tiles)[:_SIDE, :_SIDE])
    times = []
    for _ in range(repeats):
        start = time.process_time()
        segment(large)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))


def _tracked(drawn: Drawn, shots: Sequence[Shot]) -> dict[str, Any]:
    """Track the objects found, and score the tracks: means over positions, and sums of counts."""
    from fovea.tracking.lap import LapTracker

    rows, start = [], 0
    for number, position in enumerate(drawn.positions):
        stop = start + len(position.frames)
        labels = np.stack([shot.found for shot in shots[start:stop]])
        links = LapTracker(**_TRACKING).link(labels)
        parents = {cell: parent for cell, _, _, parent in links.lineage() if parent}
        theirs = drawn.parents[number] if drawn.parents else None
        ids = np.stack(list(links.render(labels)))
        rows.append(score(position.labels, ids, parents, theirs)[0])
        start = stop
    found = {key: float(np.mean([row[key] for row in rows])) for key in _TRACKED if key in rows[0]}
    for key in ("divisions_found", "divisions"):
        if key in found:
            found[key] = sum(row[key] for row in rows)
    return found


def check(rows: Sequence[Row]) -> None:
    """Read all files of a suite once, so that a wrong one is known before anything long starts.

    A FoveaError says which file is wrong.
    """
    for row in rows:
        if row.simulated is None:
            drawn = read_row(row)
            stills = [p.name for p in drawn.positions if len(p.frames) == 1]
            if row.tracks and stills:
                raise FoveaError(
                    f"{row.name}: {counted(len(stills), 'still')} cannot be tracked; leave "
                    "`tracks` out"
                )

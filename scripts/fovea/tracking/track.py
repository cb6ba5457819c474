"""Follow the cells: one ID per cell over all frames."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from pathlib import Path

import numpy as np

from fovea.jobs.atomic import whole_csv
from fovea.jobs.log import progress
from fovea.plugins.loader import needs
from fovea.plugins.registry import TRACKING, load
from fovea.store.format import LABELS
from fovea.store.groups import provenance, write_derived_group
from fovea.store.reader import ArrayReader, Stack
from fovea.store.writer import ArrayWriter
from fovea.tracking.boxes import COLUMNS, measure_cells, write_boxes
from fovea.tracking.confidence import SUSPECT, Confidence
from fovea.tracking.edited import read_edited
from fovea.tracking.flagging import FrameByFrame
from fovea.tracking.statistics import log_statistics, track_statistics

LINEAGE_COLUMNS = (
    "fov", "cell", "first_frame", "last_frame", "parent", "confidence", "repaired",
)  # fmt: skip
MERGES_COLUMNS = ("fov", "cell", "first_frame", "last_frame", "holds")
DRIFT_COLUMNS = ("fov", "frame", "shift_y", "shift_x")

_LOG = logging.getLogger("fovea")


def track(
    source: str | Path,
    target: str | Path,
    parameters: dict,
    lineage: str | Path | None = None,
    drift: str | Path | None = None,
    fov: int = 0,
    merges: str | Path | None = None,
    images: str | Path | None = None,
    log: logging.Logger = _LOG,
    edited: str | Path | None = None,
    dataset: str = "",
) -> None:
    """Give the objects of all frames the IDs of their cells.

    Parameters
    ----------
    source : path
        Channel group with labels, ``0`` (T, H, W) uint16 or uint32.
    target : path
        Channel group to write: ``0`` (T, H, W) uint16 or uint32, IDs 1..N; ``boxes`` (P, 6)
        int32, one row per cell and frame in which it exists, see `fovea.tracking.boxes`.
    parameters : dict
        ``method`` and that method's parameters.
    lineage, drift : path or None
        CSV to write: one row per cell, its first and last frame, its parent, 0 for none, its
        confidence (`fovea.tracking.confidence`), and the number of its frames in which the
        segmentation decided by the neighbouring frames; and one row per frame, how far its image
        has moved since the first frame, in pixels. A frame without phase contrast is given the
        shift of the last one that has it.
    fov : int
        Index of the field of view, for the tables.
    merges : path or None
        CSV to write: one row for each time in which the object of a cell holds several cells, with
        its first and last frame and the IDs of these cells.
    images : path or None
        Channel group with the raw phase contrast, ``0`` (T, H, W), for methods of plug-ins that
        need it.
    edited : path or None
        Table of tracks that were edited by hand (`fovea.tracking.edited`), whose cells and parents
        take the place of those that the method finds.
    dataset : str
        Name of the dataset in that table.

    Frames in which phase contrast was not recorded are passed over: the method sees the others
    one after the other, so that no track ends there, and they have no IDs.
    """
    source, target = Path(source), Path(target)
    options = dict(parameters)
    method = options.pop("method")
    tracker = load(TRACKING, method)(**options)
    edits = read_edited(edited, dataset, fov) if edited else None
    measured = [(np.zeros((0, len(COLUMNS)), np.int32), np.zeros(0, np.int64))]
    with ArrayReader(source / "0") as frames:
        present, count = frames.present, len(frames)
        decided = _decided(frames.attributes)
        confidence, repaired = Confidence(), Counter()
        by_hand = {}
        if edits:
            edits.check_frames(present)
            by_hand = {"edited_tracks": edits.digest}
        about = provenance("track", parameters, source=source.name, unit="cell ID", largest_label=0,
                           **by_hand)  # fmt: skip
        if hasattr(tracker, "link"):
            log.info("linking objects")
            if needs(TRACKING, method).images:
                with ArrayReader(Path(images) / "0") as phase:
                    links = tracker.link(Stack(frames), Stack(phase))
            else:
                links = tracker.link(progress(frames.recorded(), len(present), log))
            turns = [np.empty(frames.shape[1:], links.dtype) for _ in range(2)]
            shown = _Shown(frames.recorded())
            tracked = links.render(shown, cycle(turns))
        else:
            shown = _Shown(frames.recorded())
            links, tracked = None, map(_narrow, map(tracker.update, shown))
        missing = {"missing": frames.missing}
        with ArrayWriter(target / "0", frames.shape, "uint16", about, LABELS, **missing) as out:
            log.info("writing IDs")
            others = None if links else FrameByFrame()
            for t, ids in enumerate(progress(tracked, len(present), log)):
                if others:
                    others.add(ids)
                if edits:
                    ids = edits.relabelled(ids, t, int(present[t]))
                out.append(ids)
                measured.append(measure_cells(ids, t))
                shift = links.objects[t].shift if links else np.zeros(2, np.int64)
                confidence.add(ids, *measured[-1], shift)
                for label in decided.get(int(present[t]), ()):
                    repaired.update(set(ids[shown.last == label].tolist()) - {0})
            boxes, areas = map(np.concatenate, zip(*measured, strict=True))
            about["fovea"]["largest_label"] = int(boxes[:, 1].max(initial=0))
    if links:
        rows, merged = links.lineage(), links.merges()
    else:
        parents, merged = others.merges(getattr(tracker, "parents", {}))
        rows = list(_lineage(boxes, parents))
    if edits:
        rows, merged = list(_lineage(boxes, edits.parents)), edits.merges(merged)
        log.info("edited tracks, %s: %s", edited, edits.words)
    trusted = confidence.tracks({cell: parent for cell, *_, parent in rows if parent})
    shifts = links.drift if links else np.zeros((len(present), 2), np.int64)
    # until here frames are counted among those that have phase contrast
    log_statistics(track_statistics(boxes, areas, len(present), rows), len(present), log)
    boxes[:, 0] = present[boxes[:, 0]]
    write_boxes(target, boxes, count, parameters)
    write_derived_group(target, source, labels=True)
    if lineage:
        with whole_csv(lineage, LINEAGE_COLUMNS) as lines:
            lines.writerows((fov, cell, *present[[first, last]].tolist(), parent,
                             round(trusted[cell], 4), repaired[cell])
                            for cell, first, last, parent in rows)  # fmt: skip
    if merges:
        with whole_csv(merges, MERGES_COLUMNS) as lines:
            lines.writerows((fov, cell, *present[[first, last]].tolist(), " ".join(map(str, cells)))
                            for cell, first, last, cells in merged)  # fmt: skip
    if drift:
        with whole_csv(drift, DRIFT_COLUMNS) as lines:
            held = shifts[np.maximum(np.searchsorted(present, range(count), "right") - 1, 0)]
            lines.writerows((fov, t, *shift) for t, shift in enumerate(held.tolist()))
    doubtful = sum(value < SUSPECT for value in trusted.values())
    log.info("suspected switches: %d; tracks of a confidence below %g: %d of %d",
             confidence.suspected, SUSPECT, doubtful, len(trusted))  # fmt: skip
    if decided:
        log.info("cells with frames that the segmentation decided by their neighbours: %d",
                 len(repaired))  # fmt: skip
    if links:
        log.info("objects that hold several cells and were not divided: of %d cells, in %d frames",
                 len({cell for cell, *_ in merged}), len(links.held))  # fmt: skip
        moved = np.array([o.shift for o in links.objects])
        log.info("gaps closed: %d; merged objects divided: %d", links.joined, links.parted)
        log.info("frames after which the image has moved: %d, at most by %.1f pixels",
                 moved.any(axis=1).sum(), np.hypot(*moved.T).max(initial=0))  # fmt: skip


class _Shown:
    """Passes frames on and keeps the last one; `itertools.tee` would keep up to 57."""

    def __init__(self, frames: Iterable[np.ndarray]):
        self._frames = iter(frames)
        self.last = np.zeros((0, 0), np.uint16)

    def __iter__(self) -> Iterator[np.ndarray]:
        return self

    def __next__(self) -> np.ndarray:
        self.last = next(self._frames)
        return self.last


def _narrow(labels: np.ndarray) -> np.ndarray:
    """IDs as uint16, or uint32 where they need it."""
    fits = labels.max(initial=0) <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16 if fits else np.uint32, copy=False)


def _decided(attributes: Mapping) -> dict[int, list[int]]:
    """Return the labels that the segmentation decided by neighbouring frames, by frame."""
    found: dict[int, list[int]] = {}
    for pairs in attributes.get("fovea", {}).get("decisions", {}).values():
        for frame, label in pairs:
            found.setdefault(frame, []).append(label)
    return found


def _lineage(boxes: np.ndarray, parents: dict) -> Iterator[tuple[int, int, int, int]]:
    """Rows of the lineage table of a method that gives IDs frame by frame."""
    cells, first = np.unique(boxes[:, 1], return_index=True)
    _, last = np.unique(boxes[::-1, 1], return_index=True)
    spans = zip(boxes[first, 0].tolist(), boxes[::-1][last, 0].tolist(), strict=True)
    for cell, span in zip(cells.tolist(), spans, strict=True):
        yield cell, *span, int(parents.get(cell, 0))

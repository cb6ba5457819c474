"""Segment every phase-contrast frame of a field of view."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.jobs.log import progress
from fovea.jobs.threads import ordered_map
from fovea.plugins.registry import LEVELS, PREPROCESSING, SEGMENTATION, load
from fovea.segmentation.consistent import consistent
from fovea.segmentation.guards import Removal, collected, words
from fovea.segmentation.repair import FILLED, JOINED, KEPT, KINDS, PARTED, Decision, Frame
from fovea.store.format import LABELS
from fovea.store.groups import provenance, write_derived_group
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter

_LOG = logging.getLogger("fovea")


def segment(
    source: str | Path,
    target: str | Path,
    parameters: dict,
    preprocess: str | None = None,
    threads: int = 1,
    fov: int = 0,
    log: logging.Logger = _LOG,
) -> None:
    """Label the cells of a recording, frame by frame.

    Parameters
    ----------
    source : path
        Channel group with the raw phase contrast, ``0`` (T, H, W) uint16.
    target : path
        Channel group to write: ``0`` (T, H, W) uint16 or uint32, labels 1..N in each frame.
    parameters : dict
        ``method`` and the parameters of that method; with ``consistency`` true the labels are
        made to agree with those of neighbouring frames, and the array says in its attribute
        ``decisions`` what was done: (frame, label) by kind.
    preprocess : str or None
        Name of a function that is applied to each frame before segmentation.
    threads : int
        Frames that are computed at a time; the result does not depend on it.
    fov : int
        Index of the field of view, for messages.

    Raises
    ------
    FoveaError
        If phase contrast was recorded in no frame.
    """
    source, target = Path(source), Path(target)
    steady = parameters.get("consistency", False)
    method = (levels_of if steady else method_of)(parameters)
    prepare = load(PREPROCESSING, preprocess) if preprocess else None
    counts, removals = [], {}
    decisions: dict[str, list[list[int]]] = {kind: [] for kind in KINDS}

    def labelled_frame(frame: np.ndarray) -> tuple[Any, list[Removal]]:
        with collected() as noted:
            return method(prepare(frame) if prepare else frame), noted

    with ArrayReader(source / "0") as frames:
        recorded = len(frames.present)
        if not recorded:
            raise FoveaError(
                f"field of view {fov}: its phase-contrast channel ({source.name}) was recorded in "
                f"no frame, so no cells can be found; leave it out with `exclude_fovs: [{fov}]`"
            )
        about = provenance("segment", parameters, preprocess=preprocess, source=source.name,
                           unit="label", largest_label=0)  # fmt: skip
        with ArrayWriter(target / "0", frames.shape, "uint16", about, LABELS,
                         missing=frames.missing) as out:  # fmt: skip
            labelled = ordered_map(labelled_frame, frames.recorded(), threads)
            found = progress(_agreeing(labelled) if steady else labelled, recorded, log)
            for t, (labels, noted, *decided) in zip(frames.present, found, strict=True):
                out.append(labels)
                counts.append(int(labels.max(initial=0)))
                if noted and not counts[-1]:
                    removals[int(t)] = noted[0]
                for kind, label in decided[0] if steady else ():
                    decisions[kind].append([int(t), label])
            about["fovea"]["largest_label"] = max(counts)
            if steady:
                about["fovea"]["decisions"] = decisions
            if removals:
                about["fovea"]["removed"] = words(removals, recorded)
    write_derived_group(target, source, labels=True)
    if frames.missing:
        log.info("phase contrast was recorded in %d of %d frames", recorded, len(frames))
    for line in words(removals, recorded):
        log.warning("%s", line)
    log.info(
        "objects per frame: %d to %d, mean %.1f; frames without any: %d",
        min(counts), max(counts), sum(counts) / len(counts), counts.count(0),
    )  # fmt: skip
    if steady:
        log.info(
            "made to agree with neighbouring frames: %d objects joined from pieces, %d parted from "
            "others, %d faint ones kept, %d holes filled",
            *(len(decisions[kind]) for kind in (JOINED, PARTED, KEPT, FILLED)),
        )  # fmt: skip


def method_of(parameters: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the method that labels a frame by itself, from ``method`` and its parameters."""
    return partial(load(SEGMENTATION, parameters["method"]), **_own(parameters))


def levels_of(parameters: Mapping[str, Any]) -> Callable[[np.ndarray], Frame]:
    """Return the method that labels a frame, with finer and coarser labels where it has them."""
    if parameters["method"] not in LEVELS:
        method = method_of(parameters)
        return lambda frame: Frame(method(frame))
    levels = partial(load(LEVELS, parameters["method"]), **_own(parameters))
    return lambda frame: Frame(*levels(frame))


def _own(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key not in ("method", "consistency")}


def _agreeing(
    labelled: Iterable[tuple[Frame, list[Removal]]],
) -> Iterator[tuple[np.ndarray, list[Removal], list[Decision]]]:
    """Yield labels that agree with neighbouring frames, what guards removed, what was decided."""
    waiting: list[list[Removal]] = []

    def frames() -> Iterator[Frame]:
        for frame, noted in labelled:
            waiting.append(noted)
            yield frame

    for labels, decisions in consistent(frames()):
        yield labels, waiting.pop(0), decisions

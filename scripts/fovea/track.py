"""Follow the cells: one ID per cell over all frames."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from fovea.images import provenance, write_derived_group
from fovea.logs import progress
from fovea.registry import TRACKING, load
from fovea.zarrays import LABELS, ArrayReader, ArrayWriter

_LOG = logging.getLogger("fovea")


def track(
    source: str | Path, target: str | Path, parameters: dict, log: logging.Logger = _LOG
) -> None:
    """Give the objects of all frames the IDs of their cells.

    Parameters
    ----------
    source : path
        Channel group with labels, ``0`` (T, H, W) uint16 or uint32.
    target : path
        Channel group to write: ``0`` (T, H, W) uint16 or uint32, IDs 1..N.
    parameters : dict
        ``method`` and that method's parameters.
    """
    source, target = Path(source), Path(target)
    options = dict(parameters)
    tracker = load(TRACKING, options.pop("method"))(**options)
    with ArrayReader(source / "0") as frames:
        about = provenance("track", parameters, source=source.name, unit="cell ID", largest_label=0)
        with ArrayWriter(target / "0", frames.shape, "uint16", about, LABELS) as out:
            lengths = np.zeros(0, np.int64)
            for labels in progress(frames, len(frames), log):
                tracked = tracker.update(labels)
                out.append(tracked)
                lengths = np.pad(lengths, (0, tracker.cells - len(lengths)))
                lengths[tracker.ids - 1] += 1
            about["fovea"]["largest_label"] = tracker.cells
    write_derived_group(target, source, labels=True)
    full = int((lengths == len(frames)).sum())
    log.info("%d cells, %d of them in all %d frames", tracker.cells, full, len(frames))
    if tracker.cells:
        log.info("median track length: %g frames", np.median(lengths))

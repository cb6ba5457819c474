"""Channel groups as the steps write them, from arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fovea.store.contrast import CountLimits
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import write_group
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter
from fovea.tracking.boxes import measure_cells, write_boxes


def write_channel(
    group: Path, frames: np.ndarray, missing: Collection[int] = (), pixel_um=None, **about
) -> Path:
    """Write (T, H, W) counts or labels as a channel group, as copying does; the group.

    Frames of `missing` are left out, whatever they hold.
    """
    limits = CountLimits()
    recorded = [frame for t, frame in enumerate(frames) if t not in missing]
    for frame in recorded:
        limits.add(frame)
    attributes = provenance("test", {}, display_limits=list(limits.limits()), **about)
    with ArrayWriter(group / "0", frames.shape, frames.dtype, attributes, missing=missing) as out:
        for frame in recorded:
            out.append(frame)
    write_group(group, ngff(group.name, pixel_um))
    return group


def write_tracked(
    group: Path, ids: np.ndarray, missing: Collection[int] = (), pixel_um=None
) -> Path:
    """Write (T, H, W) IDs of cells and their boxes as a channel group, as tracking does."""
    boxes = np.concatenate([measure_cells(frame, t)[0] for t, frame in enumerate(ids)])
    write_boxes(group, boxes[~np.isin(boxes[:, 0], list(missing))], len(ids), {})
    return write_channel(group, ids, missing, pixel_um, largest_label=int(ids.max()))


@dataclass
class Stored:
    """An array that was read: its frames, (T, ...), what it lacks, and Fovea's attributes."""

    frames: np.ndarray
    missing: frozenset[int]
    about: dict

    @property
    def present(self) -> list[int]:
        return [t for t in range(len(self.frames)) if t not in self.missing]


def read_stored(path: Path) -> Stored:
    """Read an array that a step wrote."""
    with ArrayReader(path) as array:
        return Stored(np.stack(list(array)), array.missing, array.attributes["fovea"])

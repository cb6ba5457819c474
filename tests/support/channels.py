"""Channel groups as the steps write them, from arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.store.contrast import CountLimits
from fovea.store.groups import ngff, provenance
from fovea.store.writer import ArrayWriter, write_group
from fovea.tracking.boxes import measure_cells, write_boxes


def write_channel(group: Path, frames: np.ndarray, **about) -> Path:
    """Write (T, H, W) counts or labels as a channel group, as copying does; the group."""
    limits = CountLimits()
    for frame in frames:
        limits.add(frame)
    attributes = provenance("test", {}, display_limits=list(limits.limits()), **about)
    with ArrayWriter(group / "0", frames.shape, frames.dtype, attributes) as out:
        for frame in frames:
            out.append(frame)
    write_group(group, ngff(group.name))
    return group


def write_tracked(group: Path, ids: np.ndarray) -> Path:
    """Write (T, H, W) IDs of cells and their boxes as a channel group, as tracking does."""
    boxes = np.concatenate([measure_cells(frame, t)[0] for t, frame in enumerate(ids)])
    write_boxes(group, boxes, len(ids), {})
    return write_channel(group, ids, largest_label=int(ids.max()))

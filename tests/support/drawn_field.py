"""A tracked field of view of drawn cells: a division, a gap, and a cell without confidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.exports.fields import Field
from fovea.jobs.atomic import whole_csv
from fovea.store.format import LABELS
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import write_group
from fovea.store.writer import ArrayWriter
from fovea.tracking.boxes import measure_cells, write_boxes
from fovea.tracking.track import LINEAGE_COLUMNS, MERGES_COLUMNS


def family() -> tuple[np.ndarray, dict[int, int]]:
    """IDs (6, 40, 50): cell 1 divides into 3 and 4 after frame 2; 2 is missed in frame 3."""
    ids = np.zeros((6, 40, 50), np.uint16)
    for t in range(6):
        if t < 3:
            ids[t, 5:15, 5 + t : 13 + t] = 1
        else:
            ids[t, 4:9, 8 + t : 16 + t] = 3
            ids[t, 11:16, 8 + t : 15 + t] = 4
        if t != 3:
            ids[t, 25:33, 30 - t : 40 - t] = 2
    return ids, {3: 1, 4: 1}


def draw_field(folder: Path, ids: np.ndarray, parents: dict[int, int], known: bool = True) -> Field:
    """Write IDs (T, H, W) and parents as the step track does, with a grey image.

    `known` says whether the size of a pixel (0.65 µm) and the times (every 600 s) are.
    """
    field = Field("drawn", 0, folder / "results/drawn/fov_000", 0, (),
                  np.arange(len(ids)) * 600.0 if known else None)  # fmt: skip
    size, interval = ((0.65, 0.65), 600.0) if known else (None, None)
    image = np.where(ids > 0, 3000, 1000).astype(np.uint16)
    write_group(folder / "results/drawn/fov_000/images.zarr")
    for kind, stack, codec in (("pc", image, {}), ("seg_tracked", ids, {"codec": LABELS})):
        group = field.group(kind)
        group.mkdir(parents=True)
        about = provenance("copy", {}, display_limits=[900, 3100])
        with ArrayWriter(group / "0", stack.shape, stack.dtype, about, **codec) as out:
            for frame in stack:
                out.append(frame)
        window = (0, 65535, 900, 3100) if kind == "pc" else None
        write_group(group, ngff(group.name, size, interval, window))
    rows = [measure_cells(frame, t)[0] for t, frame in enumerate(ids)]
    boxes = np.concatenate([np.zeros((0, 6), np.int32), *rows])
    write_boxes(field.group("seg_tracked"), boxes, len(ids), {})
    with whole_csv(field.table("lineage"), LINEAGE_COLUMNS) as lines:
        for cell in np.unique(boxes[:, 1]).tolist():
            frames = boxes[boxes[:, 1] == cell, 0]
            score = "" if cell == 2 else 0.9
            lines.writerow((0, cell, frames.min(), frames.max(), parents.get(cell, 0), score, 0))
    with whole_csv(field.table("merges"), MERGES_COLUMNS) as lines:
        lines.writerow((0, 2, 4, 5, "2 9"))
    return field

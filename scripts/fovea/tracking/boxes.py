"""The table of boxes: where every cell is in every frame.

Tracking writes it once, beside the IDs, so that later steps need not search the images again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.kernels.boxes import boxes_and_areas
from fovea.store.groups import provenance
from fovea.store.metadata import read_attributes
from fovea.store.reader import read_array
from fovea.store.writer import write_array

#: Columns of the table; ends are exclusive.
COLUMNS = ("frame", "cell", "y0", "x0", "y1", "x1")


def measure_cells(ids: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and areas of the cells of one frame, by ID, from its IDs (H, W).

    The boxes are (n, 6) int32 with the `COLUMNS`, the areas (n,) int64 in pixels.
    """
    boxes, areas = boxes_and_areas(ids, int(ids.max(initial=0)))
    (present,) = np.nonzero(areas)
    rows = np.column_stack([np.full_like(present, frame), present + 1, boxes[present]])
    return rows.astype(np.int32), areas[present]


def write_boxes(group: Path, boxes: np.ndarray, frames: int, parameters: dict) -> None:
    """Write the table, (P, 6) int32 with the `COLUMNS`, as the array ``boxes`` of a channel group.

    `frames` is T of the recording, `parameters` those of the tracking, for the attributes.
    """
    cells = int(boxes[:, 1].max(initial=0))
    about = provenance("track", parameters, unit="frame, cell ID, pixel",
                       columns=", ".join(COLUMNS), ends="exclusive",
                       frames=frames, largest_label=cells)  # fmt: skip
    write_array(group / "boxes", boxes, ["row", "column"], about)


def read_boxes(group: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the boxes of a tracked channel group; FoveaError if they are missing or damaged.

    Returns
    -------
    bboxes : (N, T, 4) int32
        [y0, x0, y1, x1] of the IDs 1..N, ends exclusive; 0 in frames without the cell.
    valid : (N, T) bool
        Whether the cell exists in the frame.
    """
    about = read_attributes(group / "boxes")["fovea"]
    shape = about["largest_label"], about["frames"]
    bboxes, valid = np.zeros((*shape, 4), np.int32), np.zeros(shape, bool)
    rows = read_array(group / "boxes")
    frame, cell = rows[:, 0], rows[:, 1] - 1
    bboxes[cell, frame] = rows[:, 2:]
    valid[cell, frame] = True
    return bboxes, valid

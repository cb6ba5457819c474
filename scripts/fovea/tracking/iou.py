"""Tracking `iou`: objects of consecutive frames are linked by intersection over union."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.kernels.boxes import overlapping_boxes
from fovea.tracking.linker import Linker
from fovea.tracking.objects import Objects


@dataclass
class IouTracker(Linker):
    """Link objects by intersection over union.

    Parameters
    ----------
    min_iou : float
        Pairs with a smaller intersection over union are no match.
    overlap : {"box", "mask"}
        Whether the overlap is that of the bounding boxes or of the pixels; across gaps it is
        that of the boxes.

    See `fovea.tracking.linker.TwoPassTracker` for the others.
    """

    min_iou: float = 0.1
    overlap: str = "mask"

    def __post_init__(self):
        if self.overlap not in ("box", "mask"):
            raise ValueError(f"overlap must be box or mask, got {self.overlap!r}")

    def pairs(self, before: Objects, here: Objects):
        if self.overlap == "box":
            return super().pairs(before, here)
        left, right, shared = here.shared.T
        left, right = left - 1, right - 1
        known = (before.areas[left] > 0) & (here.areas[right] > 0)
        pairs = left[known], right[known], shared[known]
        return self._matches(*pairs, before.areas, here.areas)

    def affinity(self, boxes, others, areas, other_areas, frames):
        boxes, others = boxes.astype(np.int32), others.astype(np.int32)
        order = (np.argsort(b[:, 0], kind="stable") for b in (boxes, others))
        pairs, shared = overlapping_boxes(boxes, others, *order)
        sizes = (np.prod(b[:, 2:] - b[:, :2], axis=1, dtype=np.int64) for b in (boxes, others))
        return self._matches(pairs[:, 0], pairs[:, 1], shared, *sizes)

    def _matches(self, left, right, shared, areas, other_areas):
        iou = shared / (areas[left] + other_areas[right] - shared)
        fits = iou >= self.min_iou
        return left[fits], right[fits], iou[fits]

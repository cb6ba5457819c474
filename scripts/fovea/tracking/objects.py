"""Objects of single frames: their boxes, sizes and overlaps, as trackers compare them.

The first pass of a tracker sees every frame once and keeps only these tables, so its memory does
not depend on the size of the frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from fovea.kernels.boxes import boxes_and_areas, overlapping_runs
from fovea.tracking.drift import coarse_mask, estimate_shift


@dataclass
class Objects:
    """The objects of one frame.

    Attributes
    ----------
    boxes : (N, 4) int32
        y0, x0, y1, x1 of the labels 1..N, ends exclusive.
    areas : (N,) int64
        Pixels; 0 for a label that does not occur or takes no part.
    shift : (2,) int64
        How far the image has moved since the frame before, y and x in pixels.
    shared : (P, 3) int64
        Label of the frame before, label of this frame, pixels that both hold once the frame
        before is shifted.
    """

    boxes: np.ndarray
    areas: np.ndarray
    shift: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))
    shared: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    @property
    def members(self) -> np.ndarray:
        """Indices (label - 1) of the objects that take part, (M,) int64."""
        return np.flatnonzero(self.areas)

    @property
    def centres(self) -> np.ndarray:
        """Centres of the boxes, (N, 2) float64, y and x in pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:] - 1) / 2

    def shifted(self, shift: np.ndarray) -> np.ndarray:
        """Boxes moved by `shift`, (N, 4) int32."""
        return (self.boxes + np.tile(shift, 2)).astype(np.int32)


def describe(
    frames: Iterable[np.ndarray], min_size: int | None, max_size: int | None, drift: bool
) -> Iterator[tuple[Objects, np.ndarray]]:
    """Describe the objects of each frame of labels, (H, W) unsigned integer, one after the other.

    Objects of fewer pixels than `min_size`, or more than `max_size`, take no part. `Objects.shift`
    is 0 without `drift`; `Objects.shared` is not filled. The labels are yielded, too.
    """
    before = None
    for labels in frames:
        boxes, areas = boxes_and_areas(labels, int(labels.max(initial=0)))
        areas[(areas < (min_size or 0)) | (areas > (max_size or labels.size))] = 0
        here = Objects(boxes, areas)
        if drift:
            known = coarse_mask(labels), here.centres[here.members]
            if before is not None:
                masks, centres = zip(before, known, strict=True)
                here.shift = estimate_shift(*masks, *centres, labels.shape)
            before = known
        yield here, labels


def shared_pixels(before: np.ndarray, here: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Pixels that each pair of objects shares, (P, 3) int64; `before` is moved by `shift`."""
    height, width = here.shape
    dy, dx = (int(n) for n in shift)
    if abs(dy) >= height or abs(dx) >= width:
        return np.zeros((0, 3), np.int64)
    then = before[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    now = here[max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)]
    keys, lengths = overlapping_runs(then, now)
    pairs, inverse = np.unique(keys, return_inverse=True)
    pixels = np.bincount(inverse, lengths, len(pairs)).astype(np.int64)
    columns = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF), pixels
    return np.stack([column.astype(np.int64) for column in columns], axis=1)

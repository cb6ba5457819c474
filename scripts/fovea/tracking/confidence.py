"""How far tracks can be trusted, told from the IDs of consecutive frames alone.

The confidence of a link between two successive objects of a cell is the cube root of the product of

- the overlap: the share of the smaller one's pixels that both have, at least 0.1, so that cells
  that move by more than their size can be told apart by the others; 0.5 across a gap;
- the competition: the pixels that both have, of these and the most that either shares with another
  cell;
- the change of area: the smaller area divided by the larger one;

divided by the number of frames from one to the other. That of a track is the least of its links,
times 0.5 for each end that is neither in the first or last frame nor at the frame's edge, for cells
neither appear nor vanish; 0.8 if it is a division.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fovea.tracking.objects import shared_pixels

SUSPECT = 0.5  # links of a smaller confidence are suspected to join two cells
_LEAST = 0.1  # overlap of objects that do not overlap
_UNKNOWN = 0.5  # overlap across a gap
_END, _DIVISION = 0.5, 0.8  # factors for an end in the middle of the recording


class Confidence:
    """Collects the links of all cells, frame by frame."""

    def __init__(self):
        self.suspected = 0  # number of links
        self.time = 0
        self.weakest: dict[int, float] = {}
        self._before: np.ndarray | None = None
        self._seen: dict[int, tuple[int, int, bool]] = {}  # frame, area, whether at the edge
        self._begins_inside: dict[int, bool] = {}  # in the middle of the recording

    def add(self, ids: np.ndarray, boxes: np.ndarray, areas: np.ndarray, shift: np.ndarray) -> None:
        """Add a frame.

        Parameters
        ----------
        ids : (H, W) unsigned integer
        boxes, areas : (N, 6) int32, (N,) int64
            Of the cells of the frame, as of `fovea.tracking.boxes.measure_cells`.
        shift : (2,) int64
            How far the image has moved since the frame before, y and x in pixels.
        """
        own: dict[int, int] = {}
        rival: dict[int, int] = {}
        if self._before is not None:
            for cell, other, pixels in shared_pixels(self._before, ids, shift).tolist():
                for name in {cell, other}:
                    known = own if cell == other else rival
                    known[name] = max(known.get(name, 0), pixels)
        edge = (boxes[:, 2:4] == 0).any(axis=1) | (boxes[:, 4:] == ids.shape).any(axis=1)
        columns = boxes[:, 1], areas, edge
        for cell, area, at_edge in zip(*(column.tolist() for column in columns), strict=True):
            if cell in self._seen:
                last, size, _ = self._seen[cell]
                smaller, larger = sorted((size, area))
                overlap, competition = _UNKNOWN, 1.0
                if last == self.time - 1:
                    shared = own.get(cell, 0)
                    overlap = max(_LEAST, shared / smaller)
                    competition = (shared + 1) / (shared + rival.get(cell, 0) + 1)
                score = float(np.cbrt(overlap * competition * smaller / larger))
                score /= self.time - last
                self.suspected += score < SUSPECT
                self.weakest[cell] = min(self.weakest[cell], score)
            else:
                self.weakest[cell] = 1.0
                self._begins_inside[cell] = self.time > 0 and not at_edge
            self._seen[cell] = self.time, area, at_edge
        if self._before is None or self._before.dtype != ids.dtype:
            self._before = np.empty_like(ids)
        np.copyto(self._before, ids)
        self.time += 1

    def tracks(self, parents: Mapping[int, int]) -> dict[int, float]:
        """Return the confidence of each cell, 0..1; `parents` are mothers by daughter."""
        mothers = set(parents.values())
        found = {}
        for cell, weakest in self.weakest.items():
            last, _, at_edge = self._seen[cell]
            if self._begins_inside[cell]:
                weakest *= _DIVISION if cell in parents else _END
            if last < self.time - 1 and not at_edge:
                weakest *= _DIVISION if cell in mothers else _END
            found[cell] = weakest
        return found

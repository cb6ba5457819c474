"""Repair the labels of a frame by those of its neighbours, by rules of `consistent` beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fovea.kernels import boxes, regions

JOINED, PARTED, KEPT, FILLED = KINDS = ("joined", "parted", "kept", "filled")

_INSIDE = 0.5  # share of an object's pixels above which it is part of another
_WHOLE = 0.3  # least share of a cell's pixels before that its part of an object must have
_SAME = 0.5  # share of two objects' pixels that they must share to be one cell
_COVERED = 0.3  # largest share of a cell's pixels before that is covered where it is missed

Decision = tuple[str, int]  # what was done, label of the object that came of it


@dataclass(frozen=True)
class Frame:
    """Labels of a frame, (H, W) unsigned integer, 0 background, 1..N.

    `finer` and `coarser`, (H, W) integer, have more and fewer objects where borders are doubtful;
    None for a method that has no such segmentations.
    """

    labels: np.ndarray
    finer: np.ndarray | None = None
    coarser: np.ndarray | None = None

    @cached_property
    def areas(self) -> np.ndarray:
        """Pixels of the labels 0..N, that of the background left out, (N + 1,) int64."""
        return np.concatenate(([0], self._measures[1]))

    @cached_property
    def boxes(self) -> np.ndarray:
        """y0, x0, y1, x1 of the labels 0..N, ends exclusive, (N + 1, 4) int32."""
        return np.concatenate((np.zeros((1, 4), np.int32), self._measures[0]))

    @cached_property
    def _measures(self) -> tuple[np.ndarray, np.ndarray]:
        return boxes.boxes_and_areas(self.labels, int(self.labels.max(initial=0)))


def repair(before: Frame, here: Frame, later: Sequence[Frame]) -> tuple[Frame, list[Decision]]:
    """Repair a frame; the frame before is repaired, the later ones, nearest first, are not.

    Returns a frame with labels, and decisions, as `consistent` yields them.
    """
    work = _Repair(before, here, later)
    work.part()
    work.join()
    work.fill()
    return work.result()


class _Repair:
    """The labels of a frame while they are repaired."""

    def __init__(self, before: Frame, here: Frame, later: Sequence[Frame]):
        self.before, self.here, self.later = before, here, later
        self.labels = here.labels
        self.count = len(here.areas) - 1
        self.decisions: list[Decision] = []
        self.pieces: Frame | None = None  # of the finer segmentation

    def result(self) -> tuple[Frame, list[Decision]]:
        """Number the objects in raster order if there are new ones."""
        if not self.decisions:
            return Frame(self.labels), []
        first, areas = regions.first_pixels_and_areas(self.labels, self.count)
        kept = areas > 0
        kept[0] = False
        labels = boxes.in_raster_order(self.labels, first, kept)
        named = [(kind, int(labels.flat[first[label]])) for kind, label in self.decisions]
        return Frame(labels), sorted(named, key=lambda decision: decision[1])

    # --- Objects that hold several cells

    def part(self) -> None:
        """Part objects in which most pixels of two or more cells of the frame before lie."""
        inside: dict[int, list[int]] = {}
        for cell, label, pixels in _shared(self.before.labels, self.labels):
            if pixels > _INSIDE * self.before.areas[cell]:
                inside.setdefault(label, []).append(cell)
        for label, cells in sorted(inside.items()):
            if len(cells) > 1:
                crop = _slices(self.here.boxes[label])
                mask = self.here.labels[crop] == label
                parts = self._at_finer_borders(mask, cells, crop)
                if parts is None:
                    parts = self._half_way(mask, cells, crop)
                if parts is not None:
                    self._set_apart(label, mask, parts, crop)

    def _at_finer_borders(self, mask, cells: list[int], crop) -> np.ndarray | None:
        """Assign the pieces of the finer segmentation to the cells they share most pixels with.

        Returns the index of the part of each pixel, (h, w); None if there is one part alone.
        """
        if self.here.finer is None:
            return None
        names, piece = np.unique(self.here.finer[crop][mask], return_inverse=True)
        table = np.zeros((len(names), len(cells)), np.int64)
        known = self.before.labels[crop][mask]
        for i, cell in enumerate(cells):
            table[:, i] = np.bincount(piece[known == cell], minlength=len(names))
        owner = np.where(table.any(axis=1), table.argmax(axis=1), -1)
        sizes = np.bincount(owner[piece] + 1, minlength=len(cells) + 1)[1:]
        whole = np.flatnonzero(sizes >= _WHOLE * self.before.areas[cells])
        if len(whole) < 2:
            return None
        place = np.full(len(cells) + 1, int(sizes[whole].argmax()))
        place[whole] = np.arange(len(whole))
        parts = np.zeros(mask.shape, np.int64)
        parts[mask] = place[owner[piece]]
        return parts

    def _half_way(self, mask, cells: list[int], crop) -> np.ndarray | None:
        """Divide an object between cells before and later, if there are several again.

        A pixel belongs to the pair of cells to which the sum of distances is least; that to the
        n-th frame counts 1 / n. The result is as of `_at_finer_borders`.
        """
        from scipy.ndimage import distance_transform_edt

        known = self.before.labels[crop]
        for n, frame in enumerate(self.later, 1):
            shown = frame.labels[crop]
            numbers = np.bincount(shown[mask], minlength=len(frame.areas))
            numbers[0] = 0
            found = np.flatnonzero(numbers > _INSIDE * frame.areas)
            pairs: dict[int, int] = {}  # object there: cell here, the largest
            for cell in cells if len(found) > 1 else ():
                common = np.bincount(shown[known == cell], minlength=len(frame.areas))[found]
                other = int(found[common.argmax()])
                areas = self.before.areas[cell], frame.areas[other]
                if common.max() < _WHOLE * min(areas):
                    continue
                if other not in pairs or areas[0] > self.before.areas[pairs[other]]:
                    pairs[other] = cell
            if len(pairs) > 1:
                ways = [
                    distance_transform_edt(known != cell)
                    + distance_transform_edt(shown != other) / n
                    for other, cell in pairs.items()
                ]
                parts = np.argmin(ways, axis=0)
                sizes = np.bincount(parts[mask], minlength=len(pairs))
                whole = sizes >= _WHOLE * self.before.areas[list(pairs.values())]
                return parts if whole.all() else None
        return None

    def _set_apart(self, label: int, mask, parts, crop) -> None:
        """Give the second and later parts of an object labels of their own."""
        labels = self._writable()[crop]
        self.decisions.append((PARTED, label))
        for i in range(1, int(parts[mask].max()) + 1):
            self.count += 1
            labels[mask & (parts == i)] = self.count
            self.decisions.append((PARTED, self.count))

    # --- Cells in several pieces

    def join(self) -> None:
        """Join objects that lie in one cell of the frame before."""
        now = Frame(self.labels) if self.decisions else self.here
        parted = {label for _, label in self.decisions}
        pieces: dict[int, list[int]] = {}
        for cell, label, pixels in _shared(self.before.labels, now.labels):
            if pixels > _INSIDE * now.areas[label] and label not in parted:
                pieces.setdefault(cell, []).append(label)
        for cell, labels in sorted(pieces.items()):
            if len(labels) > 1:
                self._join_again(now, cell, labels) or self._join_coarse(now, labels)

    def _join_coarse(self, now: Frame, labels: list[int]) -> None:
        """Join objects that the coarser segmentation does not part."""
        if self.here.coarser is not None:
            for group in self._held_together(now, labels, self.here.coarser).values():
                self._unite(now, group)

    def _join_again(self, now: Frame, cell: int, labels: list[int]) -> bool:
        """Join objects that are one object again in most of the next frames."""
        crop = _slices(self.before.boxes[cell])
        inside = self.before.labels[crop] == cell
        votes: dict[tuple[int, ...], list[np.ndarray]] = {}
        for frame in self.later:
            for other, group in self._held_together(now, labels, frame.labels).items():
                both = inside & (frame.labels[crop] == other)
                least = _SAME * min(self.before.areas[cell], frame.areas[other])
                if np.count_nonzero(both) >= least:
                    votes.setdefault(tuple(group), []).append(both)
        group = max(votes, key=lambda group: len(votes[group]), default=())
        if 2 * len(votes.get(group, ())) <= len(self.later):
            return False
        kept = self._unite(now, list(group))
        part = self._writable()[crop]
        part[votes[group][0] & (part == 0)] = kept
        return True

    def _held_together(self, now: Frame, labels: list[int], image) -> dict[int, list[int]]:
        """Group objects by the object of another segmentation that holds most of their pixels."""
        groups: dict[int, list[int]] = {}
        for label in labels:
            crop = _slices(now.boxes[label])
            numbers = np.bincount(image[crop][now.labels[crop] == label])
            numbers[0] = 0
            other = int(numbers.argmax())
            if numbers[other] > _INSIDE * now.areas[label]:
                groups.setdefault(other, []).append(label)
        return {other: group for other, group in groups.items() if len(group) > 1}

    def _unite(self, now: Frame, group: list[int]) -> int:
        """Give objects the label of the largest of them, which is returned."""
        kept = max(group, key=lambda label: (now.areas[label], -label))
        labels = self._writable()
        for label in group:
            crop = _slices(now.boxes[label])
            labels[crop][now.labels[crop] == label] = kept
        self.decisions.append((JOINED, kept))
        return kept

    # --- Cells that are missed

    def fill(self) -> None:
        """Fill holes: cells before that are not covered here, and are there again later."""
        covered = np.zeros(len(self.before.areas), np.int64)
        for cell, _, pixels in _shared(self.before.labels, self.labels):
            covered[cell] += pixels
        missed = (covered <= _COVERED * self.before.areas) & (self.before.areas > 0)
        for cell in np.flatnonzero(missed).tolist():
            crop = _slices(self.before.boxes[cell])
            inside = self.before.labels[crop] == cell
            if self._keep_faint(inside, crop, int(self.before.areas[cell])):
                continue
            for frame in self.later:
                numbers = np.bincount(frame.labels[crop][inside], minlength=len(frame.areas))
                numbers[0] = 0
                other = int(numbers.argmax())
                largest = max(self.before.areas[cell], frame.areas[other])
                if numbers[other] < _SAME * largest:
                    continue
                free = inside & (frame.labels[crop] == other) & (self.labels[crop] == 0)
                if 2 * np.count_nonzero(free) >= numbers[other]:
                    self.count += 1
                    self._writable()[crop][free] = self.count
                    self.decisions.append((FILLED, self.count))
                break

    def _keep_faint(self, inside, crop, area: int) -> bool:
        """Keep pieces of the finer segmentation in the place of a cell, though they are faint."""
        if self.here.finer is None:
            return False
        if self.pieces is None:
            self.pieces = Frame(self.here.finer)
        finer, areas = self.pieces.labels, self.pieces.areas
        numbers = np.bincount(finer[crop][inside], minlength=len(areas))
        numbers[0] = 0
        masks = []
        for piece in np.flatnonzero(numbers > _INSIDE * areas):
            place = _slices(self.pieces.boxes[piece])
            mask = finer[place] == piece
            if not self.labels[place][mask].any():
                masks.append((place, mask, areas[piece]))
        if not masks or sum(pixels for *_, pixels in masks) < _WHOLE * area:
            return False
        self.count += 1
        labels = self._writable()
        for place, mask, _ in masks:
            labels[place][mask] = self.count
        self.decisions.append((KEPT, self.count))
        return True

    def _writable(self) -> np.ndarray:
        """Return the labels, once as a copy that has room for more of them."""
        if self.labels is self.here.labels:
            roomy = 2 * self.count < np.iinfo(np.uint16).max - len(self.before.areas)
            self.labels = self.labels.astype(np.uint16 if roomy else np.uint32)
        return self.labels


def _slices(box: np.ndarray) -> tuple[slice, slice]:
    y0, x0, y1, x1 = box.tolist()
    return slice(y0, y1), slice(x0, x1)


def _shared(before: np.ndarray, here: np.ndarray) -> list[tuple[int, int, int]]:
    """Return the pairs of labels that share pixels, and how many, by label before."""
    keys, lengths = boxes.overlapping_runs(before, here)
    pairs, inverse = np.unique(keys, return_inverse=True)
    pixels = np.bincount(inverse, lengths, len(pairs)).astype(np.int64)
    columns = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF), pixels
    return list(zip(*(column.tolist() for column in columns), strict=True))

"""What became of each annotated cell, and of each object found: found, or one kind of failure.

With the pixels that a cell and an object share, an object *covers* a cell if it holds more than
half of the cell's pixels, and *lies in* a cell if more than half of its own pixels do. The object
*belongs* to the cells that it covers or lies in; one that belongs to two or more is *joined*.
Cells get the first verdict of this list that is true, so that each has exactly one:

- `found`: an object with an intersection over union of more than 0.5. There is one at most, and no
  other cell has it.
- `merged`: a joined object belongs to the cell.
- `split`: of the objects that lie in the cell and hold a tenth of it at least, its pieces, there
  are two or more, and together they hold more than half of it.
- `too wide`: an object covers the cell and is larger than it.
- `too narrow`: an object that is no larger than the cell lies in it and holds a quarter of it at
  least.
- `missed`: nothing of the above, so that there is no object, or little of one, at this place.

Each object has one verdict, too: that of the cells on whose account it is mentioned above, and
`extra` if it is on none's: debris, background, or a further piece of a cell that is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

FOUND, EXTRA = "found", "extra"
#: What may become of a cell instead of being found.
FAILURES = ("missed", "merged", "split", "too wide", "too narrow")
_PIECE, _NARROW = 0.1, 0.25  # least shares of a cell that a piece and a narrow object hold


@dataclass(frozen=True)
class Verdicts:
    """Verdicts of one frame: of the reference's cells, and of the result's objects, by label."""

    cells: dict[int, str]  # `FOUND` or one of `FAILURES`
    objects: dict[int, str]  # `FOUND`, `EXTRA`, or one of `FAILURES` other than missed


def verdicts(reference: np.ndarray, result: np.ndarray) -> Verdicts:
    """Judge a frame, two arrays of labels (H, W) unsigned integer, 0 background.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if reference.shape != result.shape:
        raise ValueError(f"the reference is {reference.shape}, the result {result.shape}")
    keys, shared = np.unique(
        (reference.ravel().astype(np.uint64) << np.uint64(32)) | result.ravel().astype(np.uint64),
        return_counts=True,
    )
    areas: dict[int, int] = {}
    sizes: dict[int, int] = {}
    pairs = []
    for key, common in zip(keys.tolist(), shared.tolist(), strict=True):
        cell, thing = key >> 32, key & 0xFFFFFFFF
        areas[cell] = areas.get(cell, 0) + common
        sizes[thing] = sizes.get(thing, 0) + common
        if cell and thing:
            pairs.append((cell, thing, common))
    cells = dict.fromkeys(sorted(areas.keys() - {0}), "missed")
    objects = dict.fromkeys(sorted(sizes.keys() - {0}), EXTRA)
    owners: dict[int, list[tuple[int, int]]] = {}  # of each object, the cells that it belongs to
    for cell, thing, common in pairs:
        area, size = areas[cell], sizes[thing]
        if 2 * common > area or 2 * common > size:
            owners.setdefault(thing, []).append((cell, common))
        if 2 * common > area + size - common:
            cells[cell] = objects[thing] = FOUND
    own: dict[int, list[tuple[int, int]]] = {}  # of each cell, the objects that are its alone
    for thing, members in owners.items():
        if len(members) == 1:
            own.setdefault(members[0][0], []).append((thing, members[0][1]))
            continue
        lost = [cell for cell, _ in members if cells[cell] != FOUND]
        cells |= dict.fromkeys(lost, "merged")
        if lost and objects[thing] != FOUND:
            objects[thing] = "merged"
    for cell, things in own.items():
        if cells[cell] == "missed":
            cells[cell], accused = _alone(areas[cell], things, sizes)
            objects |= dict.fromkeys(accused, cells[cell])
    return Verdicts(cells, objects)


def _alone(area: int, things: list[tuple[int, int]], sizes: dict) -> tuple[str, list[int]]:
    """Judge a cell by the objects that belong to it alone; return these, where it is on account."""
    inside = [(common, thing) for thing, common in things if 2 * common > sizes[thing]]
    pieces = [(common, thing) for common, thing in inside if common >= _PIECE * area]
    if len(pieces) > 1 and 2 * sum(common for common, _ in pieces) > area:
        return "split", [thing for _, thing in pieces]
    for thing, common in things:
        if 2 * common > area and sizes[thing] > area:
            return "too wide", [thing]
    largest = max(inside, default=(0, 0))
    if largest[0] >= _NARROW * area:
        return "too narrow", [largest[1]]
    return "missed", []


def counts(judged: Iterable[Verdicts]) -> dict[str, int]:
    """Count the cells of each failure over all frames, and the extra objects."""
    total = dict.fromkeys((*FAILURES, EXTRA), 0)
    for frame in judged:
        for verdict in (*frame.cells.values(), *frame.objects.values()):
            if verdict == EXTRA:
                total[EXTRA] += 1
        for verdict in frame.cells.values():
            if verdict != FOUND:
                total[verdict] += 1
    return total

"""Tracks that were edited by hand: the table of a field of view that replaces what was found.

It has a row for each object of the automatic tracking, which says where the object is and which
cell it belongs to. So it does not depend on the numbers that tracking gives to cells, only on the
objects: a row whose object is not there, or an object without a row, is an error.
"""

from __future__ import annotations

import csv
import hashlib
import io
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError, show
from fovea.kernels.boxes import relabel
from fovea.tracking.boxes import measure_cells
from fovea.tracking.links import Node, merge_rows

#: `tracked` is the ID that Fovea's tracking gave; `cell` is 0 for an object that is left out;
#: `parent` stands in the first row of a cell.
COLUMNS = (
    "dataset", "fov", "frame", "position_x", "position_y", "area", "tracked", "cell", "parent",
)  # fmt: skip
_REMEDY = (
    "segmentation or tracking has changed since the tracks were edited: delete this table, run "
    "Snakemake, and import the edited tracks again, or edit new ones"
)
_MOST = 2**31 - 1  # IDs are stored as int32

#: Cell, first and last frame, and the cells in its object then.
MergeRow = tuple[int, int, int, tuple[int, ...]]


@dataclass
class EditedTracks:
    """The content of such a table, and what has been done with it.

    Attributes
    ----------
    path : path
        The table, for messages.
    frame, tracked, cell : (P,) int64
        Columns of the table, one row per object.
    place : (P, 3) int64
        As of `places`.
    parents : dict of int to int
        Cell to the one that it comes from.
    digest : str
        Twelve hexadecimal digits of the file's content.
    given : dict of (frame, automatic ID) to int
        Cell of each object of the frames so far, counted among those with phase contrast.
    """

    path: Path
    frame: np.ndarray
    place: np.ndarray
    tracked: np.ndarray
    cell: np.ndarray
    parents: dict[int, int]
    digest: str
    given: dict[Node, int] = field(default_factory=dict)

    def check_frames(self, present: np.ndarray) -> None:
        """Raise FoveaError for a row of a frame in which phase contrast was not recorded."""
        wrong = np.setdiff1d(self.frame, present)
        if len(wrong):
            raise FoveaError(
                f"{self.path}: has rows of frame {wrong[0]}, in which this field of view has no "
                f"phase contrast; {_REMEDY}"
            )

    def relabelled(self, ids: np.ndarray, t: int, frame: int) -> np.ndarray:
        """Return a frame with the IDs of the table, (H, W) uint16 or uint32.

        `ids` (H, W) unsigned integer are those of the automatic tracking, `t` is the number of
        the frame among those that have phase contrast.
        """
        boxes, areas = measure_cells(ids, frame)
        found = np.column_stack([places(boxes[:, 2:], areas), boxes[:, 1]])
        (rows,) = np.nonzero(self.frame == frame)
        known = np.column_stack([self.place[rows], self.tracked[rows], self.cell[rows]])
        found, known = (part[np.lexsort(part.T[3::-1])] for part in (found, known))
        self._compare(found, known[:, :4], frame)
        wide = self.cell.max(initial=0) > np.iinfo(np.uint16).max
        table = np.zeros(int(ids.max(initial=0)) + 1, np.uint32 if wide else np.uint16)
        table[found[:, 3]] = known[:, 4]
        self.given |= {(t, name): cell for name, cell
                       in zip(found[:, 3].tolist(), known[:, 4].tolist(), strict=True)}  # fmt: skip
        out = np.empty(ids.shape, table.dtype)
        relabel(ids, table, out)
        return out

    def _compare(self, found: np.ndarray, known: np.ndarray, frame: int) -> None:
        """Raise FoveaError if the objects of a frame are not those of the rows, both in order."""
        there, rows = ({tuple(one) for one in part[:, :3].tolist()} for part in (found, known))
        for gone in sorted(rows - there):
            raise FoveaError(f"{self.path}: no object is {_at(gone, frame)} any more; {_REMEDY}")
        for new in sorted(there - rows):
            raise FoveaError(f"{self.path}: has no row for the object {_at(new, frame)}; {_REMEDY}")
        # what is left are objects of the same place and area, which tracking has numbered
        alike = (found[1:, :3] == found[:-1, :3]).all(axis=1).nonzero()[0]
        alike = np.union1d(alike, alike + 1)
        if len(found) != len(known) or (found[alike] != known[alike]).any():
            one = found[alike[0]] if len(alike) else known[0]
            raise FoveaError(
                f"{self.path}: several objects are {_at(one, frame)}, and nothing tells them "
                f"apart; {_REMEDY}"
            )

    def merges(self, rows: Iterable[MergeRow]) -> list[MergeRow]:
        """Return when objects of edited cells hold others, from when those of automatic ones did.

        Of a cell that is held it is known which one it is now from its last object until then, or
        else from the first one afterwards. An object in which no second cell is left holds none.
        """
        seen: dict[int, list[int]] = {}
        nodes: dict[int, list[Node]] = {}
        for (t, name), cell in sorted(self.given.items()):
            if cell:
                seen.setdefault(name, []).append(t)
                nodes.setdefault(cell, []).append((t, cell))

        def now(name: int, t: int) -> int:
            frames = seen.get(name)
            return self.given[frames[max(0, bisect_right(frames, t) - 1)], name] if frames else 0

        held: dict[Node, tuple[int, ...]] = {}
        for owner, first, last, inside in rows:
            for t in range(first, last + 1):
                cell = self.given.get((t, owner), 0)
                cells = {now(name, t) for name in inside} - {0} | {cell}
                if cell and len(cells) > 1:
                    held[t, cell] = tuple(sorted(cells))
        return merge_rows(dict(sorted(nodes.items())), held)

    @property
    def words(self) -> str:
        """How many objects have another cell than tracking gave to them."""
        kept = self.cell > 0
        other = int((kept & (self.cell != self.tracked)).sum())
        return (
            f"{other} of {len(kept)} objects have another ID than tracking gave, {(~kept).sum()} "
            "are left out"
        )


def places(boxes: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return where objects are: twice the centre of the box, y and x, and the area, (N, 3) int64.

    `boxes` (N, 4) int are y0, x0, y1, x1, ends exclusive; `areas` (N,) are in pixels.
    """
    boxes = boxes.astype(np.int64)
    return np.column_stack([boxes[:, :2] + boxes[:, 2:] - 1, areas])


def _at(place: Iterable[int], frame: int) -> str:
    y, x, area, *_ = place
    return f"at x {x / 2:g}, y {y / 2:g} with an area of {area} pixels in frame {frame}"


def read_edited(path: str | Path, dataset: str, fov: int) -> EditedTracks:
    """Read the table of a field of view.

    Raises
    ------
    FoveaError
        If it is none, or of another field of view, or if its cells contradict each other.
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        header = next(lines, [])
        rows = [(lines.line_num, row) for row in lines if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FoveaError(
            f"{path}: is no table of edited tracks, but no CSV in UTF-8; `fovea import geff` "
            "writes it"
        ) from error
    if tuple(header) != COLUMNS:
        raise FoveaError(
            f"{path}: is no table of edited tracks, whose first line is {','.join(COLUMNS)}; "
            "`fovea import geff` writes it"
        )
    numbers = [_numbers(path, line, row, dataset, fov) for line, row in rows]
    table = np.array(numbers, np.int64).reshape(-1, 7)
    frame, place, tracked, cell, parent = (
        table[:, 0], table[:, 1:4], table[:, 4], table[:, 5], table[:, 6])  # fmt: skip
    largest = 10 * (int(tracked.max(initial=0)) + len(table))  # tables hold all up to the largest
    kept = np.flatnonzero(cell > 0)
    kept = kept[np.lexsort((frame[kept], cell[kept]))]
    twice = np.flatnonzero((cell[kept][1:] == cell[kept][:-1])
                           & (frame[kept][1:] == frame[kept][:-1]))  # fmt: skip
    if len(twice):
        one, two = sorted((int(kept[twice[0]]), int(kept[twice[0] + 1])))
        raise FoveaError(
            f"{path}: lines {rows[one][0]} and {rows[two][0]} give cell {cell[one]} two objects in "
            f"frame {frame[one]}; give one of them another cell"
        )
    begins = np.flatnonzero(np.diff(cell[kept], prepend=0))
    first = dict(zip(cell[kept][begins].tolist(), kept[begins].tolist(), strict=True))
    parents = {}
    for row in np.flatnonzero((parent > 0) | (cell > largest)).tolist():
        name, mother, line = int(cell[row]), int(parent[row]), rows[row][0]
        if name > largest:
            raise FoveaError(
                f"{path}: line {line}: cell is {name}, and no ID above {largest} is needed; number "
                "new cells consecutively"
            )
        if first.get(name) != row:
            raise FoveaError(
                f"{path}: line {line}: has a parent and is not the first object of its cell; give "
                "the parent in the row of the cell's first frame"
            )
        if mother not in first or frame[first[mother]] >= frame[row]:
            raise FoveaError(
                f"{path}: line {line}: the parent of cell {name} is {mother}, which is not there "
                f"before frame {frame[row]}; correct the parent, or leave it empty"
            )
        parents[name] = mother
    return EditedTracks(path, frame, place, tracked, cell, parents,
                        hashlib.sha256(data).hexdigest()[:12])  # fmt: skip


def _numbers(path: Path, line: int, row: list[str], dataset: str, fov: int) -> list[int]:
    """Return a row as frame, place, tracked, cell and parent."""
    if len(row) != len(COLUMNS):
        raise FoveaError(
            f"{path}: line {line} has {len(row)} values and the header {len(COLUMNS)}; correct it"
        )
    given = dict(zip(COLUMNS, map(str.strip, row), strict=True))

    def whole(name: str, least: int = 0, factor: int = 1) -> int:
        try:
            value = float(given[name] or ("0" if name == "parent" else "")) * factor
            if value.is_integer() and least <= value <= _MOST:
                return int(value)
        except ValueError:
            pass
        half = " in steps of 0.5" if factor == 2 else " and whole"
        raise FoveaError(
            f"{path}: line {line}: {name} is {show(given[name])}; it is a number from {least}{half}"
        )

    if given["dataset"] != dataset or whole("fov") != fov:
        raise FoveaError(
            f"{path}: line {line} is of {given['dataset']}, field of view {given['fov']}; this is "
            f"the table of {dataset}, field of view {fov}: correct the name of the file"
        )
    return [whole("frame"), whole("position_y", 0, 2), whole("position_x", 0, 2), whole("area", 1),
            whole("tracked", 1), whole("cell"), whole("parent")]  # fmt: skip

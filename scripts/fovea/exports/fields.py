"""The tracks of a field of view, as exports write them: objects, and links between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fovea.cells.extract import read_confidence, read_merged
from fovea.config.dataset_plan import DatasetPlan
from fovea.config.datasets import dataset_fovs
from fovea.config.fovs import ALL, format_fovs, parse_fovs
from fovea.config.names import group_name
from fovea.config.paths import fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError, counted, unknown
from fovea.jobs.checksums import as_written, read_rows
from fovea.kernels.boxes import boxes_and_areas
from fovea.recordings.inspect_input import load_metadata
from fovea.recordings.times import frame_times, stored_times
from fovea.store.groups import pixel_size
from fovea.store.reader import ArrayReader, read_array


@dataclass(frozen=True)
class Field:
    """A field of view that has been tracked, in the results of a run.

    Attributes
    ----------
    dataset, fov : str, int
    folder : path
        Of its files.
    pc, fl : int, sequence of int
        Indices of its phase-contrast channel and of its fluorescence channels.
    times : (T,) float64 or None
        When its frames were taken, in seconds, where that is known.
    """

    dataset: str
    fov: int
    folder: Path
    pc: int
    fl: tuple[int, ...]
    times: np.ndarray | None

    @property
    def name(self) -> str:
        """Its name in those of files: ``demo_fov_000``."""
        return f"{self.dataset}_fov_{self.fov:03d}"

    def group(self, kind: str, channel: int | None = None) -> Path:
        """Return a channel group of its images, by default that of the phase contrast."""
        return (
            self.folder / "images.zarr" / group_name(kind, self.pc if channel is None else channel)
        )

    def raw(self, channel: int | None = None) -> Path:
        """Return the raw images of a channel, by default the phase contrast.

        FoveaError if there is no such channel.
        """
        if channel is None or channel == self.pc:
            return self.group("pc")
        if channel not in self.fl:
            known = map(str, (self.pc, *self.fl))
            text = unknown(str(channel), f"channel of {self.dataset}", known)
            raise FoveaError(f"--channel: {text}")
        return self.group("fl", channel)

    @property
    def raw_groups(self) -> list[Path]:
        """The raw images of all channels, phase contrast first."""
        return [self.raw(channel) for channel in (self.pc, *self.fl)]

    def table(self, name: str) -> Path:
        """Return one of its tables."""
        return self.folder / f"{self.name}_{name}.csv"

    @cached_property
    def pixel_size_um(self) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometers, where known."""
        return pixel_size(self.group("pc"))

    @property
    def interval_s(self) -> float | None:
        """Mean time between frames in seconds, where known."""
        if self.times is None or len(self.times) < 2:
            return None
        return float(self.times[-1] - self.times[0]) / (len(self.times) - 1)


@dataclass(frozen=True)
class Tracks:
    """Objects of a field of view, by frame and cell, and the links between them.

    Attributes
    ----------
    shape : (int, int, int)
        T, H, W.
    frame, cell : (P,) int64
        A cell has the same number in all frames.
    boxes : (P, 4) int64
        y0, x0, y1, x1 in pixels, ends exclusive.
    area : (P,) int64
        Pixels.
    merged : (P,) bool
        Whether the object holds another cell, too.
    confidence : (P,) float64
        Of the object's track; NaN where it is not known.
    links : (L, 2) int64
        Indices of two objects, the earlier one first: successive objects of a cell, then the last
        object of each mother and the first one of a daughter, by the second index.
    division : (L,) bool
        Whether a link leads from a mother to a daughter.
    without_mother : list of int
        Cells whose mother, in the table of lineage, is not there before they are. They have no link
        to it.
    """

    shape: tuple[int, int, int]
    frame: np.ndarray
    cell: np.ndarray
    boxes: np.ndarray
    area: np.ndarray
    merged: np.ndarray
    confidence: np.ndarray
    links: np.ndarray
    division: np.ndarray
    without_mother: list[int]

    @property
    def position(self) -> np.ndarray:
        """Centres of the boxes, y and x in pixels, (P, 2) float64, as tables have them."""
        return (self.boxes[:, :2] + self.boxes[:, 2:] - 1) / 2

    @property
    def words(self) -> str:
        """How many cells and objects there are, and which mothers are missing."""
        cells = counted(len(np.unique(self.cell)), "cell")
        text = f"{cells}, {counted(len(self.frame), 'object')}, "
        text += counted(len(np.unique(self.links[self.division, 0])), "division")
        if self.without_mother:
            text += "; the table of lineage gives " + ", ".join(
                f"cell {cell}" for cell in self.without_mother[:5]
            )
            more = len(self.without_mother) - 5
            text += (f" and {more} more" if more > 0 else "") + (
                " a mother that is not there before, which is left out"
            )
        return text

    def components(self, links: np.ndarray) -> np.ndarray:
        """Number the sets of objects that some of the links hold together, (P,) int64 from 1."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self.frame)
        ones = np.ones(len(links), np.int8)
        graph = coo_array((ones, (links[:, 0], links[:, 1])), shape=(count, count))
        return connected_components(graph, directed=False)[1].astype(np.int64) + 1


def tracked_fields(
    plan: Plan, folder: str | Path = ".", dataset: str | None = None, fovs: str = ALL
) -> list[Field]:
    """Return the tracked fields of view of a run; `folder` has its ``results``.

    Parameters
    ----------
    dataset : str, optional
        Its name; by default all that have phase contrast.
    fovs : str
        Fields of view as in a config, ``"0-5, 7"``; ``all`` takes those that have been tracked.

    Raises
    ------
    FoveaError
        If the dataset is not in the config or has no phase contrast, or if a field of view that is
        named, or every one, has not been tracked yet.
    """
    folder = Path(folder)
    if dataset is not None and dataset not in plan.datasets:
        raise FoveaError("--dataset: " + unknown(dataset, "recording of the config", plan.datasets))
    named, found, lacking = parse_fovs(fovs), [], []
    for name, own in plan.datasets.items():
        metadata = folder / fill(own.paths.METADATA, dataset=name)
        if dataset not in (None, name) or own.pc is None or not metadata.exists():
            continue
        recorded = load_metadata(metadata)
        for fov in dataset_fovs(plan.config, name, len(recorded["fields"])):
            if named is None or fov in named:
                files = own.steps.track(own.pc).of(dataset=name, fov=f"{fov:03d}").files
                if all((folder / file).exists() for file in files):
                    found.append(_field(own, recorded, folder, fov))
                else:
                    lacking.append(fov)
    seen = [field.fov for field in found]
    missing = sorted(set(lacking if named is None else named) - set(seen))
    if not found or (missing and named is not None):
        which = f" {format_fovs(missing)}" if missing else ""
        raise FoveaError(
            f"field of view{which} of {dataset or ', '.join(plan.datasets)} has no tracked cells; "
            "run Snakemake first (`fovea status` lists all), for a dataset with phase contrast"
        )
    return found


def _field(own: DatasetPlan, metadata: dict, folder: Path, fov: int) -> Field:
    given = {key: own.entry["time"][key] for key in ("interval", "unit", "mapping")}
    times = None
    stated = given["mapping"] or given["interval"] is not None
    if stated or stored_times(metadata, fov)[0] is not None:
        times = frame_times(metadata, fov, own.pc, **given)[0]
    place = folder / fill(own.paths.FIELD, dataset=own.name, fov=f"{fov:03d}")
    return Field(own.name, fov, place, own.pc, tuple(own.fl), times)


def read_tracks(field: Field) -> Tracks:
    """Read objects and links of a field of view; FoveaError if a file is missing or damaged."""
    group = field.group("seg_tracked")
    rows = read_array(group / "boxes").astype(np.int64)
    frame, cell = rows[:, 0], rows[:, 1]
    shape, area = _areas(group, frame, cell)
    numbers = np.arange(1, int(cell.max(initial=0)) + 1)
    merged = read_merged(field.table("merges"), numbers, shape[0])[cell - 1, frame]
    known = {name: float(value) for name, (value, _)
             in read_confidence(field.table("lineage")).items() if value}  # fmt: skip
    confidence = np.array([known.get(name, np.nan) for name in cell.tolist()], float)
    order = np.lexsort((frame, cell))
    same = cell[order][1:] == cell[order][:-1]
    links = np.column_stack([order[:-1][same], order[1:][same]])
    ends = np.concatenate([[True], ~same, [True]]) if len(order) else np.ones(1, bool)
    names = cell[order][ends[:-1]].tolist()
    first = dict(zip(names, order[ends[:-1]].tolist(), strict=True))
    last = dict(zip(names, order[ends[1:]].tolist(), strict=True))
    births, without = [], []
    for daughter, mother in mothers(field.table("lineage")):
        if daughter in first and frame[last.get(mother, first[daughter])] < frame[first[daughter]]:
            births.append((last[mother], first[daughter]))
        else:
            without.append(daughter)
    births = np.array(births, np.int64).reshape(-1, 2)
    division = np.repeat([False, True], [len(links), len(births)])
    links = np.concatenate([links, births])
    order = np.lexsort((links[:, 1], division))
    return Tracks(shape, frame, cell, rows[:, 2:], area, merged, confidence, links[order],
                  division[order], sorted(without))  # fmt: skip


def _areas(
    group: Path, frame: np.ndarray, cell: np.ndarray
) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return T, H, W of IDs, and the area of each object in pixels, (P,) int64."""
    area = np.zeros(len(frame), np.int64)
    with ArrayReader(group / "0") as frames:
        for t in np.unique(frame).tolist():
            ids, here = frames[t], np.flatnonzero(frame == t)
            most = max(int(ids.max(initial=0)), int(cell[here].max()))
            area[here] = boxes_and_areas(ids, most)[1][cell[here] - 1]
            if not area[here].all():
                raise FoveaError(
                    f"{group}: IDs and boxes of frame {t} are of different runs; delete this "
                    "folder and run Snakemake again"
                )
        return frames.shape, area


def mothers(lineage: Path) -> Iterator[tuple[int, int]]:
    """Yield each daughter with its mother."""
    with as_written(lineage):
        rows = [(int(row["cell"]), int(row["parent"])) for row in read_rows(lineage)]
    yield from ((daughter, mother) for daughter, mother in rows if mother)

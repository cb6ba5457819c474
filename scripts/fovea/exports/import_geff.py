"""Take tracks back that were edited in a GEFF store, into the table that tracking reads.

The nodes of the store are looked up among the objects of the results by their place, for programs
number nodes and tracks as they like. What is no node any more is left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fovea.config.paths import EDITED, fill
from fovea.config.plan import Plan
from fovea.errors import FoveaError, counted
from fovea.exports.edited_graph import Edges, Objects, cells_of
from fovea.exports.fields import Field, Tracks, mothers, read_tracks, tracked_fields
from fovea.exports.geff_store import Store, read_store
from fovea.jobs.atomic import number_text, whole_file
from fovea.store.reader import ArrayReader
from fovea.tracking.edited import COLUMNS, places, read_edited

#: Units of length to micrometers.
_UNITS = {"nanometer": 1e-3, "micrometer": 1.0, "micron": 1.0, "millimeter": 1e3, "meter": 1e6}
_NEAR = 0.02  # how exactly a centre is met, in pixels


def import_store(
    path: Path, plan: Plan, directory: Path, dataset: str | None = None, fov: int | None = None
) -> str:
    """Take the tracks of a store over into the table that tracking reads; return what was done.

    Parameters
    ----------
    path : path
        The GEFF store.
    plan : Plan
        Of the run.
    directory : path
        Its working directory, which has ``results``.
    dataset, fov : optional
        Whose tracks they are; by default what the metadata of the store say.

    Raises
    ------
    FoveaError
        If it is not known whose they are, or for one of the reasons of `import_geff`.
    """
    folder = plan.config["edited_tracks"]
    if folder is None:
        raise FoveaError(
            f"{path}: edited_tracks is null in the config, so that edited tracks would change "
            "nothing; name a folder there"
        )
    store = read_store(path)
    said = store.extra.get("dataset"), store.extra.get("fov")
    for option, given, known in zip(("--dataset", "--fov"), (dataset, fov), said, strict=True):
        if given is not None and known not in (None, given):
            raise FoveaError(
                f"{path}: is of {said[0]}, field of view {said[1]}, and not of {option} {given}; "
                "leave the option out, or name another store"
            )
    dataset, fov = said[0] if dataset is None else dataset, said[1] if fov is None else fov
    if dataset is None and len(plan.datasets) == 1:
        dataset = next(iter(plan.datasets))
    if dataset is None or fov is None:
        raise FoveaError(
            f"{path}: does not say of which field of view it is; give --dataset and --fov"
        )
    (field,) = tracked_fields(plan, directory, dataset, str(fov))
    table, words = import_geff(store, field, directory / folder)
    return f"{table}: {words}"


def import_geff(store: Store, field: Field, folder: str | Path) -> tuple[Path, str]:
    """Write the table of edited tracks of a field of view.

    A table that is there and differs is kept beside it, with a number after its name.

    Parameters
    ----------
    store : Store
    field : Field
        Its results, from which the store was exported.
    folder : path
        That of the config key `edited_tracks`.

    Returns
    -------
    path, str
        The table, and what is in it.

    Raises
    ------
    FoveaError
        If a node is not one of the objects of the results, or if cells would not be possible.
    """
    target = Path(folder) / fill(EDITED, dataset=field.dataset, fov=f"{field.fov:03d}")
    tracks = read_tracks(field)
    objects, index = _objects(field, tracks, target)
    nodes = _find(store, field, tracks, objects, index)
    base = Edges(index[tracks.links], tracks.division)
    edges = Edges(nodes[store.links], store.division)
    lost = {cell: mother for cell, mother in mothers(field.table("lineage"))
            if cell in tracks.without_mother}  # fmt: skip
    cells, parents = cells_of(store.path, objects, nodes, edges, base, lost)
    _write(target, field, objects, cells, parents)
    kept = cells > 0
    moved = int((kept & (cells != objects.cell)).sum())
    divided = counted(len(set(parents.values())), "division")
    words = (
        f"{counted(len(np.unique(cells[kept])), 'cell')}, {counted(int(kept.sum()), 'object')}, "
        f"{divided}; {moved} objects have another ID than before, {int((~kept).sum())} are left out"
    )
    return target, words


def _objects(field: Field, tracks: Tracks, table: Path) -> tuple[Objects, np.ndarray]:
    """Return all objects of the automatic tracking, and which of them each of the results is."""
    place = places(tracks.boxes, tracks.area)
    here = np.column_stack([tracks.frame, place])
    if not table.exists():
        order = np.lexsort((tracks.cell, tracks.frame))
        index = np.argsort(order)
        return Objects(*(a[order] for a in (tracks.frame, place, tracks.cell, tracks.cell))), index
    known = read_edited(table, field.dataset, field.fov)
    objects = Objects(known.frame, known.place, known.tracked, known.cell)
    rows: dict[tuple, list[int]] = {}
    for row in np.lexsort((known.cell, known.frame))[::-1].tolist():
        rows.setdefault((int(known.frame[row]), *known.place[row].tolist()), []).append(row)
    index = np.zeros(len(here), np.int64)
    for i in np.lexsort((tracks.cell, tracks.frame)).tolist():
        found = rows.get(tuple(here[i].tolist()))
        if not found:
            raise FoveaError(
                f"{table}: is of other objects than the results; delete it, run Snakemake, and "
                "import again"
            )
        index[i] = found.pop()
    return objects, index


def _find(
    store: Store, field: Field, tracks: Tracks, objects: Objects, index: np.ndarray
) -> np.ndarray:
    """Return the object of each node, (N,) int64; FoveaError if a node has none of its own."""
    frames = tracks.shape[0]
    wrong = ~((store.t >= 0) & (store.t < frames) & (store.t % 1 == 0))
    if wrong.any():
        raise FoveaError(
            f"{store.path}: a node has {store.t[wrong][0]:g} as its frame; {field.name} has the "
            f"frames 0 to {frames - 1}: it is the store of another recording, or in other units"
        )
    tried = [_match(store, scale, field, tracks, objects, index) for scale in _scales(store, field)]
    _, nodes = max(tried, key=lambda one: (one[0], (one[1] >= 0).sum()))
    lost = np.flatnonzero(nodes < 0)
    if len(lost):
        raise FoveaError(
            f"{store.path}: {counted(len(lost), 'node lies', 'nodes lie')} on no object of "
            f"{field.name}, the first at {store.at(lost[0])}; Fovea takes links back and no new "
            "objects, and only those of the results that the store was exported from: export it "
            "again if segmentation has changed"
        )
    order = np.argsort(nodes, kind="stable")
    twice = order[1:][np.diff(nodes[order]) == 0]
    if len(twice):
        raise FoveaError(
            f"{store.path}: two nodes lie on one object of {field.name}, at "
            f"{store.at(int(twice.min()))}; delete one of them"
        )
    return nodes


def _scales(store: Store, field: Field) -> list[tuple[float, float]]:
    """Return what the positions may have to be divided by, for y and x, to be in pixels."""
    size, unit = field.pixel_size_um, store.unit
    if unit in (None, "", "pixel"):  # programs of this community write lengths without a unit
        return [(1.0, 1.0)] + ([size] if size and unit != "pixel" else [])
    if unit not in _UNITS or size is None:
        raise FoveaError(
            f"{store.path}: its positions are in {unit}, and "
            + ("the size of a pixel is not known" if unit in _UNITS else "that is no length")
            + "; write them in pixels"
        )
    return [(size[0] / _UNITS[unit], size[1] / _UNITS[unit])]


def _match(
    store: Store, scale: tuple[float, float], field: Field, tracks: Tracks, objects: Objects,
    index: np.ndarray,
) -> tuple[int, np.ndarray]:  # fmt: skip
    """Return how many nodes are at the centre of an object, and the object of each, or -1.

    Of the others, it is the object that has the node's box, or else the one at its pixel.
    """
    centres: dict[tuple, list[int]] = {}
    for i, key in enumerate(np.column_stack([objects.frame, objects.place[:, :2]]).tolist()):
        centres.setdefault(tuple(key), []).append(i)
    boxes: dict[tuple, list[int]] = {}
    for key, i in zip(np.column_stack([tracks.frame, tracks.boxes]).tolist(), index.tolist(),
                      strict=True):  # fmt: skip
        boxes.setdefault(tuple(key), []).append(i)
    t, twice = store.t.astype(np.int64), 2 * np.column_stack([store.y, store.x]) / scale
    near = np.rint(twice)
    met = (np.abs(twice - near) < 2 * _NEAR).all(axis=1)
    nodes, exact = np.full(len(t), -1), 0
    for n, place in enumerate(near.astype(np.int64).tolist()):
        found = centres.get((int(t[n]), *place), []) if met[n] else []
        exact += bool(found)
        if len(found) != 1 and store.box is not None:
            same = boxes.get((int(t[n]), *store.box[n].tolist()), [])
            found = [i for i in same if i in found] or found or same
        if len(found) > 1 and store.cell is not None:
            found = [i for i in found if objects.cell[i] == store.cell[n]]
        if len(found) == 1:
            nodes[n] = found[0]
    open_ = np.flatnonzero(nodes < 0)
    keys = zip(tracks.frame.tolist(), tracks.cell.tolist(), strict=True)
    number = dict(zip(keys, index.tolist(), strict=True))
    with ArrayReader(field.group("seg_tracked") / "0") as ids:
        for frame in np.unique(t[open_]).tolist():
            image = ids[frame]
            for n in open_[t[open_] == frame].tolist():
                y, x = np.rint(twice[n] / 2).astype(np.int64).tolist()
                if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    nodes[n] = number.get((frame, int(image[y, x])), -1)
    return exact, nodes


def _write(
    target: Path, field: Field, objects: Objects, cells: np.ndarray, parents: Mapping[int, int]
) -> None:
    """Write the table, if it differs from the one that is there."""
    rows = [",".join(COLUMNS)]
    begun: set[int] = set()
    for row in np.lexsort((objects.tracked, objects.frame)).tolist():
        y, x, area = objects.place[row].tolist()
        cell = int(cells[row])
        mother = parents.get(cell) if cell not in begun else None
        begun.add(cell)
        values = (field.dataset, field.fov, objects.frame[row], number_text(x / 2),
                  number_text(y / 2), area, objects.tracked[row], cell, mother or "")  # fmt: skip
        rows.append(",".join(map(str, values)))
    text = "\n".join(rows) + "\n"
    if target.exists():
        if target.read_text("utf-8") == text:
            return
        numbers = (target.with_name(f"{target.name}.{number}") for number in range(1, 10**6))
        shutil.copy2(target, next(path for path in numbers if not path.exists()))
    with whole_file(target) as temporary:
        temporary.write_text(text, "utf-8")

"""Export tracks in the folders of the Cell Tracking Challenge.

The layout is that of "Naming and file content conventions" of https://celltrackingchallenge.net:
an image of labels for each frame, and a table of tracks, one line L B E P each: label, first and
last frame, label of the parent or 0. A track has no gap there. A cell that was missed in some
frames therefore goes on under a new label, whose parent is the label before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from fovea.errors import FoveaError, counted
from fovea.exports.fields import Field, Tracks, read_tracks
from fovea.exports.needs import need_new
from fovea.jobs.atomic import whole_folder
from fovea.kernels.boxes import relabel
from fovea.store.reader import ArrayReader

MOST = np.iinfo(np.uint16).max  # labels in an image


def export_ctc(field: Field, target: str | Path, truth: bool = False) -> tuple[Tracks, int]:
    """Write the tracks of a field of view as a sequence of the challenge.

    Labels are the IDs of the cells, and greater numbers after gaps; where these exceed 65,535, all
    are numbered anew in the same order.

    Parameters
    ----------
    field : Field
    target : path
        Folder of the dataset. It receives ``01_RES/mask000.tif`` and so on, uint16, with
        ``res_track.txt``; the number of the sequence is that of the field of view plus 1.
    truth : bool
        Write it as a reference instead: ``01_GT/TRA/man_track000.tif`` and ``man_track.txt``, and
        the same labels as ``01_GT/SEG/man_seg000.tif``.

    Returns
    -------
    tracks : Tracks
    split : int
        Number of tracks that go on under a new label after a gap.

    Raises
    ------
    FoveaError
        If the folder of the sequence exists, if there are more than 65,535 tracks, or if the
        results are damaged.
    """
    folder = Path(target) / f"{field.fov + 1:02d}_{'GT' if truth else 'RES'}"
    need_new(folder)
    tracks = read_tracks(field)
    label, rows = whole_tracks(tracks)
    if len(rows) > MOST:
        raise FoveaError(
            f"{field.name} has {len(rows)} tracks without gaps, and images of this format hold "
            f"{MOST} labels; export fewer frames, or use `fovea export geff`"
        )
    if len(rows) and rows[-1, 0] > MOST:  # IDs of cells may skip numbers
        names = rows[:, 0].copy()
        label = np.searchsorted(names, label) + 1
        rows[:, 0] = np.arange(1, len(rows) + 1)
        rows[:, 3] = np.where(rows[:, 3] > 0, np.searchsorted(names, rows[:, 3]) + 1, 0)
    with whole_folder(folder) as written:
        images, table = written / "mask", written / "res_track.txt"
        if truth:
            images, table = written / "TRA" / "man_track", written / "TRA" / "man_track.txt"
            (written / "TRA").mkdir()
            (written / "SEG").mkdir()
        digits = max(3, len(str(tracks.shape[0] - 1)))
        with ArrayReader(field.group("seg_tracked") / "0") as frames:
            for t, ids in enumerate(frames):
                image = _labels(ids, tracks.cell[tracks.frame == t], label[tracks.frame == t])
                name = f"{t:0{digits}d}.tif"
                tifffile.imwrite(f"{images}{name}", image, compression="zlib")
                if truth:
                    tifffile.imwrite(written / "SEG" / f"man_seg{name}", image, compression="zlib")
        table.write_text("".join(f"{a} {b} {c} {d}\n" for a, b, c, d in rows.tolist()), "ascii")
    return tracks, len(rows) - len(np.unique(tracks.cell))


def whole_tracks(tracks: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """Divide tracks at gaps.

    Returns
    -------
    label : (P,) int64
        Of each object: its cell, or a number beyond all cells after a gap.
    rows : (L, 4) int64
        Label, first frame, last frame, parent of each track; by label.
    """
    label = tracks.cell.copy()
    following = int(label.max(initial=0)) + 1
    parent: dict[int, int] = {}
    for before, after in tracks.links[~tracks.division][_by_time(tracks)].tolist():
        label[after] = label[before]
        if tracks.frame[after] - tracks.frame[before] > 1:
            label[after] = following
            parent[following] = int(label[before])
            following += 1
    for mother, daughter in tracks.links[tracks.division].tolist():
        parent[int(label[daughter])] = int(label[mother])
    names = np.unique(label)
    first = np.full(following, np.iinfo(np.int64).max)
    last = np.full(following, -1)
    np.minimum.at(first, label, tracks.frame)
    np.maximum.at(last, label, tracks.frame)
    parents = np.array([parent.get(name, 0) for name in names.tolist()], np.int64)
    return label, np.column_stack([names, first[names], last[names], parents])


def _by_time(tracks: Tracks) -> np.ndarray:
    """Return the order of the links within cells, by the frame and cell of the second object."""
    after = tracks.links[~tracks.division][:, 1]
    return np.lexsort((tracks.cell[after], tracks.frame[after]))


def _labels(ids: np.ndarray, cells: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the labels of a frame, (H, W) uint16, from its IDs."""
    table = np.zeros(int(ids.max(initial=0)) + 1, np.uint16)
    table[cells] = labels
    out = np.empty(ids.shape, np.uint16)
    relabel(ids, table, out)
    return out


def words(tracks: Tracks, split: int) -> str:
    """Say what was written, and how many tracks there are because of gaps."""
    if not split:
        return tracks.words
    return f"{tracks.words}; {counted(split, 'more track')} because of gaps"

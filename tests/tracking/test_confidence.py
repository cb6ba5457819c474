"""The confidence of tracks: by hand, and as a predictor of errors in simulated recordings."""

import csv

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.stats import mannwhitneyu

from fovea.cells.extract import read_confidence
from fovea.evaluation.scores import match_frame
from fovea.simulation.field import Field
from fovea.store.groups import ngff, provenance
from fovea.store.metadata import write_group
from fovea.store.writer import ArrayWriter
from fovea.tracking.boxes import measure_cells
from fovea.tracking.confidence import Confidence
from fovea.tracking.iou import IouTracker
from fovea.tracking.track import track

STILL = np.zeros(2, np.int64)


def confidence(frames, parents=None, shifts=None):
    found = Confidence()
    for t, ids in enumerate(frames):
        found.add(ids, *measure_cells(ids, t), STILL if shifts is None else np.array(shifts[t]))
    return found.tracks(parents or {}), found.suspected


def drawn(*cells, shape=(20, 40)):
    """IDs of a frame: (cell, x0, x1), all in rows 5 to 15."""
    ids = np.zeros(shape, np.uint16)
    for cell, x0, x1 in cells:
        ids[5:15, x0:x1] = cell
    return ids


def test_by_hand():
    steady = drawn((1, 10, 20), (2, 25, 35))
    assert confidence([steady] * 4) == ({1: 1.0, 2: 1.0}, 0)
    # it moves by half its length: half of it is shared
    moved, suspected = confidence([drawn((1, 10, 20)), drawn((1, 15, 25))])
    assert moved[1] == pytest.approx(np.cbrt(0.5))
    assert suspected == 0
    # the stage moves with it
    assert confidence([drawn((1, 10, 20)), drawn((1, 15, 25))], shifts=[(0, 0), (0, 5)])[0] == {
        1: 1.0
    }
    # its area halves, and another cell takes the rest
    taken, _ = confidence([drawn((1, 10, 20)), drawn((1, 10, 15), (2, 15, 20))])
    assert taken[1] == pytest.approx(np.cbrt(51 / 101 * 0.5))
    assert taken[2] == 0.5  # it appears inside the frame
    # missed for two frames
    gap, suspected = confidence([drawn((1, 10, 20)), drawn(), drawn(), drawn((1, 10, 20))])
    assert gap[1] == pytest.approx(np.cbrt(0.5) / 3)
    assert suspected == 1
    # cells that change places do not overlap with themselves
    swapped, suspected = confidence([steady, drawn((2, 10, 20), (1, 25, 35))])
    assert swapped[1] == swapped[2] == pytest.approx(np.cbrt(0.1 / 101))
    assert suspected == 2


def test_ends():
    empty, inside, at_edge = drawn(), drawn((1, 10, 20)), drawn((1, 0, 10))
    assert confidence([inside, inside])[0][1] == 1
    assert confidence([empty, inside, inside])[0][1] == 0.5
    assert confidence([empty, inside, inside, empty])[0][1] == 0.25
    assert confidence([empty, at_edge, at_edge, empty])[0][1] == 1
    divided = [drawn((1, 10, 20)), drawn((2, 10, 15), (3, 15, 20))]
    assert confidence(divided, {2: 1, 3: 1})[0] == {1: 0.8, 2: 0.8, 3: 0.8}
    assert confidence([])[0] == {}


def errors(known, found):
    """Whether each ID belongs to several cells, or to one that has several IDs."""
    cells, names = {}, {}
    for ids, own in zip(known, found, strict=True):
        match = match_frame(ids, own)
        for i in np.flatnonzero(match.partner >= 0):
            cell, name = int(match.reference[i]), int(match.result[match.partner[i]])
            cells.setdefault(name, set()).add(cell)
            names.setdefault(cell, set()).add(name)
    return {name: len(own) > 1 or any(len(names[cell]) > 1 for cell in own)
            for name, own in cells.items()}  # fmt: skip


def test_low_confidence_predicts_errors():
    """In crowded fields of view whose cells are merged and missed, tracked by boxes alone."""
    trusted, wrong = [], []
    for seed in (1, 2, 3):
        field = Field(seed, 20, 400, 400, 24, channels=0, crowded=True)
        known = [field.render(t).labels for t in range(20)]
        rng = np.random.default_rng(seed)
        labels = []
        for ids in known:  # in one frame of ten touching cells are one object
            merged = rng.random() < 0.1
            objects = label(ids > 0)[0] if merged else ids.astype(np.int64)
            objects[np.isin(objects, np.flatnonzero(rng.random(objects.max() + 1) < 0.02))] = 0
            labels.append(objects.astype(np.uint16))
        tracker = IouTracker(overlap="box", max_gap=2, max_merge=0)
        links = tracker.link(labels)
        found = [ids.copy() for ids in links.render(labels)]
        parents = {cell: parent for cell, *_, parent in links.lineage() if parent}
        values, _ = confidence(found, parents, [o.shift for o in links.objects])
        for name, is_wrong in errors(known, found).items():
            trusted.append(values[name])
            wrong.append(is_wrong)
    trusted, wrong = np.array(trusted), np.array(wrong)
    assert 20 < wrong.sum() < len(wrong) - 20
    pairs = wrong.sum() * (~wrong).sum()
    area = mannwhitneyu(trusted[~wrong], trusted[wrong]).statistic / pairs
    print(f"{len(wrong)} tracks, {wrong.sum()} wrong, AUC {area:.3f}")
    assert area > 0.7
    assert wrong[trusted < 0.3].mean() > 2 * wrong[trusted > 0.7].mean()


def written(folder, labels, decisions=None):
    about = provenance("segment", {}, largest_label=int(labels.max()))
    if decisions is not None:
        about["fovea"]["decisions"] = decisions
    group = folder / "seg_labeled_ch_0"
    with ArrayWriter(group / "0", labels.shape, "uint16", about) as out:
        for frame in labels:
            out.append(frame)
    write_group(group, ngff("seg_labeled_ch_0"))
    return group


def test_the_step_writes_it(tmp_path):
    labels = np.stack([drawn((1, 10, 20), (2, 25, 35)), drawn((1, 10, 20)),
                       drawn((1, 11, 20), (2, 25, 35))])  # fmt: skip
    decisions = {"joined": [[2, 2]], "parted": [], "kept": [], "filled": [[0, 2]]}
    source = written(tmp_path, labels, decisions)
    lineage = tmp_path / "lineage.csv"
    track(source, tmp_path / "seg_tracked_ch_0", {"method": "iou"}, lineage=lineage)
    rows = list(csv.DictReader(lineage.read_text().splitlines()))
    assert [(row["cell"], row["repaired"]) for row in rows] == [("1", "0"), ("2", "2")]
    assert [float(row["confidence"]) for row in rows] == [
        pytest.approx(np.cbrt(0.9), abs=1e-4), pytest.approx(np.cbrt(0.5) / 2, abs=1e-4)
    ]  # fmt: skip
    assert read_confidence(lineage)[2] == (rows[1]["confidence"], "2")
    (tmp_path / ".checksums" / "lineage.csv.json").unlink()
    lineage.write_text("fov,cell,first_frame,last_frame,parent\n0,1,0,2,0\n")  # of 0.1.0
    assert read_confidence(lineage) == {1: ("", "")}
    assert read_confidence(None) == {}

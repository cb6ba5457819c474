"""What exports read: objects and links, against plain loops; which fields of view there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import regionprops

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports.fields import read_tracks, tracked_fields
from support.drawn_field import draw_field, family
from support.made_results import plan


def plain(ids, parents):
    """(frame, cell) to box, area; and the links, by loops over regions."""
    objects, links, seen = {}, {}, {}
    for t, frame in enumerate(ids):
        for region in regionprops(frame):
            objects[t, region.label] = (region.bbox, region.area)
            seen.setdefault(region.label, []).append(t)
    for cell, frames in seen.items():
        for i in range(1, len(frames)):
            links[(frames[i - 1], cell), (frames[i], cell)] = False
    left_out = []
    for child, mother in parents.items():
        if child not in seen:
            continue
        if mother in seen and seen[mother][-1] < seen[child][0]:
            links[(seen[mother][-1], mother), (seen[child][0], child)] = True
        else:
            left_out.append(child)
    return objects, links, sorted(left_out)


def check(field, ids, parents):
    tracks = read_tracks(field)
    names = list(zip(tracks.frame.tolist(), tracks.cell.tolist(), strict=True))
    objects = {
        name: (tuple(box), area)
        for name, box, area in zip(names, tracks.boxes.tolist(), tracks.area.tolist(), strict=True)
    }
    links = {
        (names[a], names[b]): division
        for (a, b), division in zip(tracks.links.tolist(), tracks.division.tolist(), strict=True)
    }
    assert (objects, links, tracks.without_mother) == plain(ids, parents)
    assert len(names) == len(set(names))
    assert len(tracks.links) == len(links)
    assert tracks.shape == ids.shape
    return tracks


def test_a_family(tmp_path):
    ids, parents = family()
    tracks = check(draw_field(tmp_path, ids, parents), ids, parents)
    assert tracks.division.sum() == 2
    assert np.isnan(tracks.confidence[tracks.cell == 2]).all()
    assert (tracks.confidence[tracks.cell != 2] == 0.9).all()
    assert tracks.merged.tolist() == ((tracks.cell == 2) & (tracks.frame >= 4)).tolist()
    assert tracks.position[0].tolist() == [9.5, 8.5]
    assert len(set(tracks.components(tracks.links))) == 2


@given(seed=st.integers(0, 10**6), frames=st.integers(1, 5), most=st.sampled_from([3, 70_000]))
def test_any_labels_and_parents(tmp_path_factory, seed, frames, most):
    rng = np.random.default_rng(seed)
    names = rng.choice(most, 3, replace=False) + 1
    picked = np.concatenate([[0], names])
    ids = picked[rng.integers(0, 4, (frames, 4, 5))].astype(np.uint32)
    parents = {int(rng.choice(names)): int(rng.choice(names)) for _ in range(3)}
    check(draw_field(tmp_path_factory.mktemp("field"), ids, parents), ids, parents)


def test_a_field_without_cells(tmp_path):
    ids = np.zeros((2, 4, 5), np.uint16)
    assert len(check(draw_field(tmp_path, ids, {}), ids, {}).frame) == 0


def test_ids_and_boxes_of_different_runs(tmp_path):
    ids, parents = family()
    field = draw_field(tmp_path / "one", ids, parents)
    other = draw_field(tmp_path / "two", np.where(ids == 4, 0, ids), parents)
    other.group("seg_tracked").joinpath("0").rename(tmp_path / "0")
    field.group("seg_tracked").joinpath("0").rename(tmp_path / "old")
    (tmp_path / "0").rename(field.group("seg_tracked") / "0")
    with pytest.raises(FoveaError, match="IDs and boxes of frame 3 are of different runs"):
        read_tracks(field)


def test_the_fields_of_a_run(run):
    (field,) = tracked_fields(plan(), run)
    assert (field.name, field.fov, field.pc, field.fl) == ("a_fov_000", 0, 0, (1,))
    assert field.interval_s == pytest.approx(900, abs=1)
    assert field.pixel_size_um is not None
    assert [one.fov for one in tracked_fields(plan(), run, "a", "0")] == [0]
    with pytest.raises(FoveaError, match=r"field of view 1 of a has no tracked cells; run"):
        tracked_fields(plan(), run, "a", "0-1")
    with pytest.raises(FoveaError, match="'b' is no recording of the config; allowed: a"):
        tracked_fields(plan(), run, "b")


def test_a_folder_without_results(run, tmp_path, capsys):
    words = ["--configfile", str(run / "config/config.yaml"), "--directory", str(tmp_path)]
    assert main(["export", "geff", *words]) == 1
    assert "of a has no tracked cells; run Snakemake first" in capsys.readouterr().err

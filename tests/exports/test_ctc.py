"""The folders of the Cell Tracking Challenge, scored with py-ctcmetrics."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
from ctc_metrics.scripts.evaluate import evaluate_sequence
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports import ctc
from fovea.exports.ctc import export_ctc, whole_tracks
from fovea.exports.fields import read_tracks
from support.drawn_field import draw_field, family

METRICS = ["Valid", "SEG", "DET", "TRA", "CT", "TF"]


def scores(result, truth):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluate_sequence(str(result), str(truth), METRICS, threads=1)


def test_the_result_is_its_own_reference(tmp_path):
    field = draw_field(tmp_path, *family())
    export_ctc(field, tmp_path / "out")
    export_ctc(field, tmp_path / "out", truth=True)
    found = scores(tmp_path / "out/01_RES", tmp_path / "out/01_GT")
    assert {name: found[name] for name in METRICS} == dict.fromkeys(METRICS, 1)


def test_what_is_written(tmp_path):
    ids, parents = family()
    _, split = export_ctc(draw_field(tmp_path, ids, parents), tmp_path / "out")
    folder = tmp_path / "out/01_RES"
    assert (folder / "res_track.txt").read_text().splitlines() == [
        "1 0 2 0", "2 0 2 0", "3 3 5 1", "4 3 5 1", "5 4 5 2",
    ]  # fmt: skip
    assert split == 1
    wanted = ids.copy()
    wanted[4:][ids[4:] == 2] = 5
    for t, frame in enumerate(wanted):
        image = tifffile.imread(folder / f"mask{t:03d}.tif")
        assert image.dtype == np.uint16
        assert np.array_equal(image, frame)
    assert len(list(folder.iterdir())) == 7


def plain(ids, parents):
    """Labels without gaps, and the rows of the table, cell by cell in plain loops."""
    new, rows = ids.astype(np.int64), []
    following, last = int(ids.max(initial=0)) + 1, {}
    spans = {}
    for t in range(len(ids)):
        for cell in np.unique(ids[t][ids[t] > 0]).tolist():
            seen, name = last.get(cell, (t - 1, cell))
            if seen < t - 1:
                spans[following] = [t, t, name]
                name, following = following, following + 1
            spans.setdefault(name, [t, t, 0])[1] = t
            last[cell] = t, name
            new[t][ids[t] == cell] = name
    for child, mother in parents.items():
        if child in spans and mother in last and last[mother][0] < spans[child][0]:
            spans[child][2] = last[mother][1]
    rows = [[name, *span] for name, span in sorted(spans.items())]
    return new, rows


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40)
def test_any_tracks_are_divided_at_gaps(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 5, (6, 2, 3)).astype(np.uint16)
    ids[rng.random((6, 2, 3)) < 0.6] = 0
    parents = {int(rng.integers(1, 5)): int(rng.integers(1, 5)) for _ in range(3)}
    tracks = read_tracks(draw_field(tmp_path_factory.mktemp("field"), ids, parents))
    label, rows = whole_tracks(tracks)
    new, wanted = plain(ids, parents)
    assert rows.tolist() == wanted
    for t, cell, name in zip(tracks.frame, tracks.cell, label, strict=True):
        assert set(new[t][ids[t] == cell].tolist()) == {name}
    ends = {name: last for name, _, last, _ in wanted}
    assert all(ends[parent] < first for _, first, _, parent in wanted if parent)


def test_ids_beyond_16_bits_that_fit_after_all_are_written_and_others_refused(
    tmp_path, monkeypatch
):
    ids, parents = family()
    wide = ids.astype(np.uint32)
    wide[ids == 2] = 70_000
    field = draw_field(tmp_path, wide, parents)
    export_ctc(field, tmp_path / "out")
    rows = (tmp_path / "out/01_RES/res_track.txt").read_text().splitlines()
    assert rows == ["1 0 2 0", "2 3 5 1", "3 3 5 1", "4 0 2 0", "5 4 5 4"]
    assert tifffile.imread(tmp_path / "out/01_RES/mask000.tif").max() == 4
    monkeypatch.setattr(ctc, "MOST", 4)
    with pytest.raises(FoveaError, match="has 5 tracks without gaps, and images of this format"):
        export_ctc(field, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_existing_folder_is_kept(tmp_path):
    field = draw_field(tmp_path, *family())
    (tmp_path / "01_GT").mkdir()
    with pytest.raises(FoveaError, match="01_GT: exists already"):
        export_ctc(field, tmp_path, truth=True)


def test_the_command(run, tmp_path, capsys):
    words = ["export", "ctc", "--directory", str(run), "--output", str(tmp_path)]
    assert main(words) == 0
    assert main([*words, "--truth"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'a' / '01_RES'}: ")
    assert scores(tmp_path / "a/01_RES", tmp_path / "a/01_GT")["TRA"] == 1

"""Scores against those of the Cell Tracking Challenge, as py-ctcmetrics computes them."""

import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.evaluation.evaluate import as_text, evaluate, read_labels, score
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.evaluation.track_scores import Tracks, inferred_parents, track_scores


def scene(seed, frames=6, cells=7, size=60):
    """Squares on the move, some of which divide: IDs (T, H, W), child to parent."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((frames, size, size), np.uint16)
    centres = rng.uniform(8, size - 8, (cells, 2))
    names = list(range(1, cells + 1))
    parents, following = {}, cells + 1
    for t in range(frames):
        if t == frames // 2:
            mother = int(rng.integers(len(names)))
            parents |= {following: names[mother], following + 1: names[mother]}
            centres = np.concatenate([centres, centres[mother : mother + 1] + 7])
            names[mother] = following
            names.append(following + 1)
            following += 2
        centres = np.clip(centres + rng.normal(0, 1, centres.shape), 4, size - 5)
        for name, (y, x) in zip(names, centres.astype(int), strict=True):
            labels[t, y - 3 : y + 4, x - 3 : x + 4] = name
    return labels, parents


def damaged(labels, parents, seed):
    """The same with objects missing, merged, split, moved, and IDs confused."""
    rng = np.random.default_rng(seed)
    found = labels.copy()
    following = int(labels.max()) + 1
    for t in range(len(found)):
        present = np.unique(found[t][found[t] > 0])
        kind = rng.integers(6)
        if kind == 0:
            found[t][found[t] == rng.choice(present)] = 0
        elif kind == 1 and len(present) > 1:
            a, b = rng.choice(present, 2, replace=False)
            found[t][found[t] == a] = b
        elif kind == 2:
            found[t, 2:6, 50:57] = following
        elif kind == 3:
            found[t] = np.roll(found[t], 2, axis=0)
        elif kind == 4:
            found[t:][found[t:] == rng.choice(present)] = following
        following += 1
    frames = Tracks.of([np.unique(f)[1:] for f in found]).frames
    parents = {c: p for c, p in parents.items() if c in frames and p in frames}
    return found, {c: p for c, p in parents.items() if frames[p][-1] < frames[c][0]}


def by_challenge(folder, reference, parents, result, result_parents):
    from ctc_metrics.scripts.evaluate import evaluate_sequence

    def write(place, name, labels, table, known):
        place.mkdir(parents=True, exist_ok=True)
        for t, frame in enumerate(labels):
            tifffile.imwrite(place / f"{name}{t:03d}.tif", frame)
        if table:
            spans = Tracks.of([np.unique(f)[1:] for f in labels]).frames
            lines = [f"{c} {f[0]} {f[-1]} {known.get(c, 0)}" for c, f in sorted(spans.items())]
            (place / table).write_text("\n".join(lines) + "\n")

    write(folder / "gt" / "TRA", "man_track", reference, "man_track.txt", parents)
    write(folder / "gt" / "SEG", "man_seg", reference, None, {})
    write(folder / "res", "mask", result, "res_track.txt", result_parents)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluate_sequence(
            str(folder / "res"), str(folder / "gt"), ["SEG", "DET", "TRA", "CT", "TF", "Valid"],
            threads=1,
        )  # fmt: skip


def whole_tracks(labels):
    """Whether each ID occurs without gaps, as the challenge demands."""
    frames = Tracks.of([np.unique(f)[1:] for f in labels]).frames.values()
    return all(f[-1] - f[0] + 1 == len(f) for f in frames)


@pytest.mark.parametrize("seed", range(12))
def test_scores_equal_those_of_the_challenge(tmp_path, seed):
    reference, parents = scene(seed)
    for trial in range(100):
        result, result_parents = damaged(reference, parents, 100 * seed + trial)
        if whole_tracks(result):
            break
    assert whole_tracks(reference)
    scores, _ = score(reference, result, result_parents, parents)
    theirs = by_challenge(tmp_path, reference, parents, result, result_parents)
    assert theirs["Valid"] == 1
    for name in ("SEG", "DET", "TRA", "CT", "TF"):
        assert scores[name] == pytest.approx(theirs[name], abs=1e-9), name


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_result_like_the_reference_is_perfect(seed):
    labels, parents = scene(seed)
    scores, _ = score(labels, labels, parents, parents)
    for name in ("SEG", "F1", "DET", "TRA", "CT", "TF", "complete", "links", "foreground_IoU"):
        assert scores[name] == 1, name
    assert scores["divisions_found"] == scores["divisions"] == len(parents) // 2


def test_segmentation_scores_by_hand():
    reference = np.zeros((10, 10), np.uint8)
    reference[:4, :4], reference[6:, 6:] = 1, 2
    result = np.zeros((10, 10), np.uint32)
    result[:4, :5] = 70_000  # 16 of 20 pixels
    result[6:, 6:8] = 3  # half of cell 2, which is not more than half
    match = match_frame(reference, result)
    np.testing.assert_allclose(match.iou, [0.8, 0])
    scores = segmentation_scores([match])
    assert scores["SEG"] == pytest.approx(0.4)
    assert scores["F1"] == pytest.approx(2 / 4)
    assert scores["foreground_IoU"] == pytest.approx((16 + 8) / (20 + 16))


def test_nothing_to_score():
    empty = np.zeros((2, 5, 5), np.uint8)
    scores, _ = score(empty, empty)
    assert np.isnan(scores["SEG"])
    assert scores["foreground_IoU"] == 1
    full = empty + 1
    assert score(full, empty)[0]["TRA"] == 0
    assert score(full, empty)[0]["SEG"] == 0


def test_a_track_that_is_missed_for_long_is_not_complete():
    reference = np.zeros((8, 9, 9), np.uint8)
    reference[:, 2:6, 2:6] = 1
    for missed, complete in ((2, 1), (3, 0)):
        result = reference.copy()
        result[2 : 2 + missed] = 0
        matches = [match_frame(a, b) for a, b in zip(reference, result, strict=True)]
        assert track_scores(matches)["complete"] == complete


def test_parents_are_told_from_ids():
    labels, parents = scene(2)
    assert inferred_parents(list(labels)) in (parents, {})
    frames = np.zeros((2, 9, 20), np.uint8)
    frames[0, 2:7, 2:18] = 1
    frames[1, 2:7, 2:9], frames[1, 2:7, 11:18] = 2, 3
    assert inferred_parents(list(frames)) == {2: 1, 3: 1}


def test_command_prints_and_writes(tmp_path, capsys):
    reference, parents = scene(1)
    result, _ = damaged(reference, parents, 3)
    names = [str(tmp_path / name) for name in ("reference.tif", "result.tif")]
    tifffile.imwrite(names[0], reference)
    tifffile.imwrite(names[1], result)
    table, figure = tmp_path / "scores.csv", tmp_path / "worst.png"
    assert main(["evaluate", *names, "--table", str(table), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    expected, _ = score(reference.astype(int), result.astype(int))
    assert ["TRA", f"{expected['TRA']:.3f}"] in [line.split() for line in printed.splitlines()]
    assert f"{expected['SEG']:.3f}" in table.read_text()
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main(["evaluate", names[0], str(tmp_path / "none.tif")]) == 1
    assert "none.tif cannot be read as labels" in capsys.readouterr().err


def test_shapes_must_agree():
    with pytest.raises(FoveaError, match=r"\(1, 4, 4\), the result \(1, 5, 4\)"):
        score(np.zeros((1, 4, 4), int), np.zeros((1, 5, 4), int))


def test_images_are_no_labels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(FoveaError, match="labels are whole numbers with the axes T, Y, X or Y, X"):
        read_labels(tmp_path / "a.tif")


def test_path_function(tmp_path):
    labels, _ = scene(5)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    scores = evaluate(tmp_path / "a.tif", tmp_path / "a.tif", tmp_path / "scores.json")
    assert scores["TRA"] == 1
    assert '"SEG": 1.0' in (tmp_path / "scores.json").read_text()
    assert as_text([{"a": 1, "b": 0.25}]).splitlines() == ["a  b", "1  0.250"]

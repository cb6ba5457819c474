"""`fovea evaluate --suite`: rows, proposals, tables, pictures, and each of its options."""

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.cli import main
from fovea.config.phase_tuning import MODES, SMALLEST_FOR_NETWORK
from fovea.evaluation import suite, suite_best
from fovea.evaluation.annotated import Position
from fovea.evaluation.failures import EXTRA, FAILURES, verdicts
from fovea.evaluation.overlay import MARKS, REFERENCE, RESULT, overlay, write_overlay
from fovea.evaluation.pairs import Row
from fovea.evaluation.scores import match_frame, segmentation_scores
from fovea.evaluation.simulated import SIMULATED, Drawn
from fovea.evaluation.suite import Measured, Shot, annotated_diameter, measure
from fovea.evaluation.suite_table import suite_text, tables, write_suite
from fovea.segmentation.phase.found import find_cells, resolved
from fovea.segmentation.phase.segment_phase import segment_phase
from fovea.simulation.field import Field

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FOVEA_SHARED", ROOT.parent / "shared")) / "data"
DARK = {"mode": "dark", "contrast": "dark", "cell_diameter": 30}


@pytest.fixture(scope="module")
def cells():
    """Frames of dark cells, (T, H, W), and their labels."""
    views = list(Field(3, 12, 192, 192, 7, channels=0).frames())
    return np.stack([v.phase for v in views]), np.stack([v.labels for v in views])


@pytest.fixture
def folder(tmp_path, cells, monkeypatch):
    """A stack and two stills, each with labels, and an image without."""
    monkeypatch.chdir(tmp_path)
    frames, labels = cells
    place = tmp_path / "data"
    (place / "stills").mkdir(parents=True)
    options = {"photometric": "minisblack"}
    tifffile.imwrite(place / "movie_phase.tif", frames, **options)
    tifffile.imwrite(place / "movie_ids.tif", labels, **options)
    for i in (0, 11):
        tifffile.imwrite(place / "stills" / f"set{i}.tif", frames[i])
        np.save(place / "stills" / f"set{i}_masks.npy", labels[i])
    tifffile.imwrite(place / "other.tif", frames[0])
    return place


def shot(reference, result, frame=None):
    frame = np.zeros(reference.shape, np.uint16) if frame is None else frame
    match, judged = match_frame(reference, result), verdicts(reference, result)
    return Shot("x", frame, reference, result, match, judged)


def test_a_row_by_the_plain_way(folder, cells):
    """Frames spread evenly; scores, failures and cells of what `segment_phase` finds in them."""
    frames, labels = cells
    files = ((folder / "movie_phase.tif", folder / "movie_ids.tif"),)
    row = Row(
        "movie",
        files,
        segmentation={"mode": "dark", "contrast": "dark"},
        tuned_on="none",
        kind="round",
    )
    measured = measure(row, {"cell_diameter": 30})
    numbers = [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]
    found = [segment_phase(frames[t], **DARK) for t in numbers]
    known = [labels[t] for t in numbers]
    scores = segmentation_scores([match_frame(a, b) for a, b in zip(known, found, strict=True)])
    assert scores["SEG"] > 0.5
    cells_in = [len(np.unique(frame)) - 1 for frame in known]
    expected = {
        "recording": "movie", "kind": "round", "frames": "10 of 12", "mode": "dark",
        "cells_per_frame": f"{min(cells_in)} to {max(cells_in)}"
        if min(cells_in) < max(cells_in) else str(max(cells_in)),
        "cell_diameter": 30, "chosen_by": "hand", "SEG": scores["SEG"], "F1": scores["F1"],
        "tuned_on": "none",
    }  # fmt: skip
    assert {key: measured.row[key] for key in expected} == expected
    judged = [verdicts(a, b) for a, b in zip(known, found, strict=True)]
    extra = [kind for frame in judged for kind in frame.objects.values() if kind == EXTRA]
    assert measured.row[EXTRA] == len(extra)
    failed = sum(measured.row[kind] for kind in FAILURES)
    assert failed == sum(cells_in) - sum(s.match.hits for s in measured.shots)
    assert measured.row["CPU_ms"] > 0
    assert [s.name for s in measured.shots] == [f"movie_phase, frame {t}" for t in numbers]
    every = measure(row, {"cell_diameter": 30}, all_frames=True)
    assert every.row["frames"] == "12"
    assert "TRA" not in every.row


def test_the_proposal_is_what_the_workflow_finds(folder, tmp_path, cells):
    """From files as they are, and from what the suite copies of stills and stacks of 8 bits."""
    frames, labels = cells
    source = folder / "movie.ome.tif"
    tifffile.imwrite(source, frames, ome=True, metadata={"axes": "TYX"})
    wanted = suite.parameters({})
    find_cells(str(source), tmp_path / "found.yaml", wanted, 0)
    theirs = resolved(wanted, tmp_path / "found.yaml")
    position = Position("movie", frames, labels.astype(np.uint32))
    options, chosen_by = suite.proposal([position], {})
    assert options == theirs
    sure = yaml.safe_load((tmp_path / "found.yaml").read_text())["about"]["sure"]
    assert chosen_by == ("Fovea" if sure else "Fovea, not sure")
    assert suite.proposal([position], {}, threads=2)[0] == theirs
    kept, chosen_by = suite.proposal([position], {"cell_diameter": 30})
    assert chosen_by.startswith("Fovea")
    assert kept["cell_diameter"] == 30
    fixed, chosen_by = suite.proposal([position], {"mode": "network", "cell_diameter": 30})
    assert (fixed["contrast"], chosen_by) == ("dark", "hand")
    other, chosen_by = suite.proposal([position], {"method": "logstd"})
    assert (other["method"], chosen_by) == ("logstd", "hand")


def test_no_cells_found_is_a_row_of_its_own(monkeypatch, caplog):
    """Of a recording in which Fovea finds nothing, all cells are missed, and it is said."""
    labels = np.zeros((1, 64, 64), np.uint32)
    labels[0, 10:20, 10:20], labels[0, 30:40, 30:40] = 1, 2
    blank = Drawn([Position("blank", np.full((1, 64, 64), 9, np.uint16), labels)])
    monkeypatch.setitem(SIMULATED, "blank", lambda: blank)
    with caplog.at_level(logging.WARNING, "fovea"):
        row = measure(Row("blank", simulated="blank"), {}).row
    assert (row["SEG"], row["F1"], row["missed"], row["mode"]) == (0, 0, 2, "none found")
    assert np.isnan(row["CPU_ms"])
    assert "no cells were found" in caplog.text


def test_frames_without_labels_are_said(monkeypatch, caplog, cells):
    frames, labels = cells
    known = labels[:2].astype(np.uint32)
    known[1] = 0
    drawn = Drawn([Position("a", frames[:2], known)])
    monkeypatch.setitem(SIMULATED, "some", lambda: drawn)
    with caplog.at_level(logging.WARNING, "fovea"):
        row = measure(Row("some", simulated="some"), DARK).row
    assert "some: no cell is labelled in 1 of 2 frames" in caplog.text
    assert row[EXTRA] >= len(np.unique(segment_phase(frames[1], **DARK))) - 1


def test_diameter_of_annotated_cells():
    labels = np.zeros((60, 60), np.uint32)
    labels[5:15, 5:15], labels[20:32, 20:32], labels[40:55, 40:55] = 1, 2, 9
    labels[:30, 55:] = 3  # at the border
    size = annotated_diameter([shot(labels, labels)])
    assert size == pytest.approx(np.sqrt(4 / np.pi * 144))
    empty = np.zeros_like(labels)
    assert np.isnan(annotated_diameter([shot(empty, empty)]))


def test_best_is_the_best_of_all_that_is_tried(cells, monkeypatch):
    frames, labels = cells
    shots = [shot(labels[t], np.zeros_like(labels[t]), frames[t]) for t in range(3)]
    size = annotated_diameter(shots)
    trials = [t for t in suite_best.candidates(size) if t["mode"] != "network"]
    monkeypatch.setattr(suite_best, "candidates", lambda annotated: trials)

    def seg(options):
        matches = [match_frame(s.labels, segment_phase(s.frame, **options)) for s in shots]
        return segmentation_scores(matches)["SEG"]

    scores = [seg(options) for options in trials]
    best = trials[int(np.argmax(scores))]
    row = {"SEG": max(scores) - 0.04, "cell_diameter": 1.2 * size}
    added = suite_best.best_of(Measured(row, shots))
    assert added["best_SEG"] == max(scores) > 0.5
    assert (added["best_mode"], added["best_diameter"]) == (best["mode"], best["cell_diameter"])
    assert added["SEG_ratio"] == pytest.approx(row["SEG"] / max(scores))
    assert (added["mode_right"], added["diameter_right"]) == ("yes", "yes")
    assert added["annotated_diameter"] == size
    row = {"SEG": max(scores) - 0.06, "cell_diameter": 0.7 * size}
    added = suite_best.best_of(Measured(row, shots))
    assert (added["mode_right"], added["diameter_right"]) == ("no", "no")


def test_candidates_are_every_mode_and_contrast():
    tried = list(suite_best.candidates(40.0))
    pairs = {(t["mode"], t["contrast"]) for t in tried}
    assert pairs == {(m, c) for m in MODES for c in ("dark", "bright")}
    assert {t["cell_diameter"] for t in tried} == {40 * f for f in suite_best.FACTORS}
    least = [t["cell_diameter"] for t in suite_best.candidates(7.0) if t["mode"] == "network"]
    assert min(least) >= SMALLEST_FOR_NETWORK
    assert not list(suite_best.candidates(float("nan")))


def test_tables_and_files(tmp_path):
    first = {"recording": "a | b", "frames": "3", "cells_per_frame": "4", "mode": "dark",
             "contrast": "bright", "cell_diameter": 18.04, "chosen_by": "Fovea", "SEG": 0.5,
             "F1": float("nan"), "missed": 1, "merged": 0, "split": 2, "too wide": 0,
             "too narrow": 0, "extra": 7, "CPU_ms": 120, "tuned_on": "none"}  # fmt: skip
    second = first | {"recording": "c", "best_SEG": 0.6, "best_mode": "network", "TRA": 0.9,
                      "mode_right": "no", "divisions": 3}  # fmt: skip
    plain, best, tracks = tables([first, second])
    assert [row["mode, contrast, diameter"] for row in plain] == ["dark, bright, 18"] * 2
    assert (plain[0]["F1"], plain[0]["SEG"], plain[0]["extra"]) == ("", "0.500", "7")
    assert [row["recording"] for row in best] == [row["recording"] for row in tracks] == ["c"]
    assert (best[0]["its SEG"], tracks[0]["TRA"]) == ("0.600", "0.900")
    assert len(tables([first])) == 1
    write_suite([first, second], tmp_path / "a.md")
    lines = (tmp_path / "a.md").read_text().splitlines()
    assert lines[0].startswith("| recording | frames | cells per frame | mode, contrast, diam")
    assert lines[2].startswith("| a / b | 3 | 4 | dark, bright, 18 | Fovea | 0.500 |  | 1 | 0 |")
    assert lines[4] == ""
    assert {line.count("|") for line in lines[:4]} == {lines[0].count("|")}
    write_suite([first, second], tmp_path / "a.json")
    rows = json.loads((tmp_path / "a.json").read_text())
    assert rows[1] == first | {"F1": None} | {k: v for k, v in second.items() if k not in first} | {
        "recording": "c"
    }
    write_suite([first, second], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("a | b,3,4,dark,bright,18.0")
    assert suite_text([first]).splitlines()[1].startswith("a | b")


def test_pictures_show_both_outlines_and_every_failure(tmp_path):
    reference = np.zeros((90, 90), np.uint32)
    result = np.zeros((90, 90), np.uint32)
    reference[10:20, 10:20] = 1  # found
    result[10:20, 10:21] = 4
    reference[40:60, 10:30] = 2  # missed
    result[70:80, 70:80] = 7  # extra
    frame = np.arange(8100, dtype=np.uint16).reshape(90, 90)
    judged = verdicts(reference, result)
    picture, marks = overlay(frame, reference, result, judged)
    factor = len(picture) // 90
    assert picture.shape == (90 * factor, 90 * factor, 3)
    assert sorted((round(y / factor), round(x / factor), kind) for x, y, kind in marks) == [
        (50, 20, "missed"), (75, 75, "extra"),
    ]  # fmt: skip
    is_ours = (picture == RESULT).all(axis=2)
    is_theirs = (picture == REFERENCE).all(axis=2)
    window = np.s_[40 * factor : 60 * factor, 10 * factor : 30 * factor]
    assert is_theirs[window].any()
    assert not is_ours[window].any()
    assert is_ours[70 * factor : 80 * factor, 70 * factor : 80 * factor].any()
    grey = ~(is_ours | is_theirs)
    assert (picture[grey] == picture[grey][:, :1]).all()
    target = tmp_path / "a.png"
    write_overlay(frame, reference, result, judged, target, "title")
    once = target.read_bytes()
    write_overlay(frame, reference, result, judged, target, "title")
    assert once.startswith(b"\x89PNG")
    assert target.read_bytes() == once
    assert set(MARKS) == {*FAILURES, EXTRA}
    for kind in ("missed", "extra"):
        part, marks = overlay(frame, reference, result, judged, side=30, kind=kind)
        assert [found for _, _, found in marks] == [kind]
        assert part.shape[0] % 30 == 0


def test_simulated_rows_are_alike_every_time_and_separable():
    for name, least, most in (("bacteria", 100, 220), ("yeast", 60, 140), ("bright", 200, 400)):
        first, second = SIMULATED[name](), SIMULATED[name]()
        for a, b in zip(first.positions, second.positions, strict=True):
            np.testing.assert_array_equal(a.frames, b.frames)
            np.testing.assert_array_equal(a.labels, b.labels)
            assert least <= len(np.unique(a.labels)) - 1 <= most
            assert a.frames.dtype == np.uint16
            # cells are darker, or brighter, than what surrounds them
            inside, outside = (
                np.median(a.frames[a.labels > 0]),
                np.median(a.frames[a.labels == 0]),
            )
            assert (inside > outside) == (name == "bright")


def test_the_command(folder, capsys):
    options = ["--suite", "data", "--mode", "dark", "--cell-diameter", "30"]
    files = ["--out", "t.md", "--table", "t.json", "--figures", "pictures"]
    assert main(["evaluate", *options, *files]) == 0
    output = capsys.readouterr()
    rows = json.loads(Path("t.json").read_text())
    assert [row["recording"] for row in rows] == ["movie_phase", "stills"]
    assert [row["frames"] for row in rows] == ["10 of 12", "2"]
    assert all(row["SEG"] > 0.5 for row in rows)
    assert "1 image without labels: other.tif" in output.err
    assert "1 of 2: movie_phase, SEG 0." in output.err
    assert output.out.rstrip().endswith(" s")
    assert "2 rows in " in output.out
    assert Path("t.md").read_text().count("\n") == 4
    names = {path.name for path in Path("pictures").iterdir()}
    assert {name for name in names if not name.startswith("worst")} == {
        "01_movie_phase.png", "02_stills.png",
    }  # fmt: skip
    kinds = {kind for kind in (*FAILURES, EXTRA) if any(row[kind] for row in rows)}
    known = {f"worst_{kind.replace(' ', '_')}.png" for kind in kinds}
    assert known >= names - {"01_movie_phase.png", "02_stills.png"}
    assert main(["evaluate", *options, "--all-frames"]) == 0
    assert " 12 " in capsys.readouterr().out


def test_the_command_with_a_list(folder, capsys):
    rows = [{"name": "a", "frames": "movie_phase.tif", "ids": "movie_ids.tif", "tracks": True}
            | DARK, {"name": "b", "frames": "stills/*.tif", "ids": "stills/*.npy", "mode": "dark",
                     "cell_diameter": 22}]  # fmt: skip
    Path("data/suite.yaml").write_text(yaml.safe_dump(rows))
    assert main(["evaluate", "--suite", "data", "--out", "t.json"]) == 0
    done = json.loads(Path("t.json").read_text())
    assert [(row["recording"], row["cell_diameter"]) for row in done] == [("a", 30), ("b", 22)]
    assert done[0]["frames"] == "12"
    assert 0 < done[0]["TRA"] <= 1
    assert "links of found objects" in capsys.readouterr().out
    Path("other.yaml").write_text(yaml.safe_dump(rows[1:]))
    assert main(["evaluate", "--suite", "data", "--list", "other.yaml", "--out", "t.json"]) == 0
    assert [row["recording"] for row in json.loads(Path("t.json").read_text())] == ["b"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--suite", "nowhere"], "nowhere is no folder; name the one with the annotated"),
        (["--suite", "data", "--list", "none.yaml"], "none.yaml: No such file or directory"),
        (["--suite", "data", "--out", "t.xlsx"], "t.xlsx: a table is a file .md, .json or .csv"),
        (["--suite", "data", "--mode", "network", "--cell-diameter", "5"], "cell_diameter"),
        (["--suite", "data/stills", "--list", "tracks.yaml"], "1 still cannot be tracked"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(folder, capsys, options, words):
    rows = [{"name": "x", "frames": "set0.tif", "ids": "set0_masks.npy", "tracks": True}]
    Path("tracks.yaml").write_text(yaml.safe_dump(rows))
    assert main(["evaluate", *options]) == 1
    output = capsys.readouterr()
    assert words in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_a_broken_recording_stops_the_suite_at_once(folder, capsys):
    np.save("data/stills/set11_masks.npy", np.zeros((5, 5), np.uint8) + np.eye(5, dtype=np.uint8))
    assert main(["evaluate", "--suite", "data"]) == 1
    output = capsys.readouterr()
    assert "set11.tif has the shape (192, 192) (YX), and its labels" in output.err
    assert "SEG" not in output.err


def test_the_command_needs_one_of_its_two_forms(capsys):
    for words in (["evaluate"], ["evaluate", "a.tif", "b.tif", "--suite", "x"]):
        assert main(words) == 2
        assert "name a reference and a result, or a folder as --suite" in capsys.readouterr().err


@pytest.mark.skipif(not DATA.exists(), reason=f"the shared recordings are not in {DATA}")
def test_real_recordings_are_found_by_their_names(tmp_path, capsys):
    table = tmp_path / "t.json"
    options = ["--suite", str(DATA), "--mode", "dark", "--cell-diameter", "18"]
    assert main(["evaluate", *options, "--out", str(table)]) == 0
    rows = {row["recording"]: row for row in json.loads(table.read_text())}
    assert {"c2c12_phase", "ecoli_colony", "ecoli_phase_fluo", "t98g_phase", "t98g_long",
            "t98g_annotated"} <= set(rows)  # fmt: skip
    assert rows["t98g_annotated"]["frames"] == "10 of 25"
    assert rows["ecoli_phase_fluo"]["SEG"] > 0.85
    assert "yeast_brightfield.ome.tiff" in capsys.readouterr().err

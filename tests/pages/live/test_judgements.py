"""Verdicts of the page: saved at once, undone, and never written over what others wrote."""

from __future__ import annotations

import csv
import shutil

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fovea.errors import FoveaError
from fovea.pages.live.judgements import (
    ChangedError,
    History,
    Judgements,
    Place,
    frames_judged,
    words_of,
)
from fovea.samples.curation import read_curation

HEADER = "dataset,fov,cell,good,from_frame,to_frame,note,frame,position_x,position_y\n"
A, B, C = ("demo", 0, 7), ("demo", 1, 3), ("demo", 1, 4)
HERE = Place(5, 10.5, 20.0)


@pytest.fixture
def table(tmp_path):
    return tmp_path / "config" / "curation.csv"


def page(table):
    return Judgements(table, ["demo"])


def test_a_verdict_is_saved_at_once_with_its_place(table):
    said = page(table).judge(History(), {A: HERE}, False, note="dead,\n  really")
    assert said == "cell 7 of demo, field of view 0 marked bad"
    assert table.read_text() == HEADER + 'demo,0,7,false,,,"dead, really",5,10.5,20\n'
    assert [p.name for p in table.parent.iterdir()] == ["curation.csv"]


def test_a_verdict_on_all_frames_takes_the_place_of_others(table):
    judgements, history = page(table), History()
    judgements.judge(history, {A: HERE}, False, (3, 9), "gone")
    judgements.judge(history, {A: HERE}, True, (5, 6))
    assert words_of(judgements.rows_of(A)) == "bad in frames 3 to 9; good in frames 5 to 6"
    judgements.judge(history, {A: HERE}, False, (5, 6))
    assert words_of(judgements.rows_of(A)) == "bad in frames 3 to 9; bad in frames 5 to 6"
    judgements.judge(history, {A: HERE}, True, (3, 9))
    # A note stays with its frames until another is given.
    assert judgements.rows_of(A)[-1][:4] == (True, 3, 9, "gone")
    judgements.judge(history, {A: HERE}, True)
    assert words_of(judgements.rows_of(A)) == "good"


def test_several_cells_at_once_are_one_step_to_undo(table):
    judgements, history = page(table), History()
    assert judgements.judge(history, {A: HERE, B: HERE, C: None}, False) == "3 cells marked bad"
    assert len(judgements.by_cell()) == 3
    assert set(judgements.by_cell("demo", 1)) == {B, C}
    assert "undone: 3 cells" in judgements.undo(history)
    assert table.read_text() == HEADER
    assert "redone: 3 cells" in judgements.redo(history)
    assert len(read_curation(table)) == 3
    assert judgements.redo(history) == "Nothing to redo"


def test_each_page_undoes_its_own_changes(table):
    judgements, first, second = page(table), History(), History()
    judgements.judge(first, {A: HERE}, False)
    judgements.judge(second, {B: HERE}, False)
    judgements.undo(first)
    assert list(judgements.by_cell()) == [B]
    assert judgements.undo(first) == "Nothing to undo"
    judgements.judge(first, {B: HERE}, True)
    with pytest.raises(ChangedError, match="judged by another page or program"):
        judgements.undo(second)
    assert words_of(judgements.rows_of(B)) == "good"


def test_what_another_program_wrote_is_kept_and_said(table):
    judgements, history = page(table), History()
    judgements.judge(history, {A: HERE}, False)
    with table.open("a") as file:
        file.write("demo,1,3,true,,,by hand,,,\n# a remark\n")
    said = judgements.judge(history, {C: HERE}, False)
    assert "was changed by another program" in said
    assert [verdict.key for verdict in read_curation(table)] == [A, B, C]
    assert "# a remark" in table.read_text()


def test_a_verdict_on_a_cell_that_others_judged_meanwhile_is_refused(table):
    judgements, history = page(table), History()
    judgements.judge(history, {A: HERE}, False)
    shown = {A: judgements.rows_of(A)}
    text = table.read_text().replace("false", "true")
    table.write_text(text)
    with pytest.raises(ChangedError, match=r"cell 7 .* \(good\), so nothing was saved"):
        judgements.judge(history, {A: HERE}, False, (1, 2), shown=shown)
    assert table.read_text() == text
    judgements.judge(history, {A: HERE}, False, (1, 2))  # the page shows it now
    assert words_of(judgements.rows_of(A)) == "good; bad in frames 1 to 2"


def test_nothing_is_written_over_a_table_that_cannot_be_read(table):
    table.parent.mkdir()
    table.write_text("dataset,fov,cell\ndemo,0,1\n")
    judgements = page(table)
    assert "column good is missing" in judgements.error
    with pytest.raises(FoveaError, match="nothing was saved"):
        judgements.judge(History(), {A: HERE}, False)
    assert table.read_text() == "dataset,fov,cell\ndemo,0,1\n"
    table.write_text("dataset,fov,cell,good\ndemo,0,1,yes\n")
    judgements.judge(History(), {A: HERE}, False)
    assert [verdict.cell for verdict in read_curation(table)] == [1, 7]


def test_a_table_saved_by_excel_keeps_its_rows(table):
    table.parent.mkdir()
    text = "\ufeffdataset;fov;cell;good;from_frame;to_frame;note;frame;position_x;position_y\r\n"
    text += 'demo;0;1;FALSCH;3;4;"a; b";3;10,5;7\r\n'
    table.write_text(text, "utf-8")
    page(table).judge(History(), {A: HERE}, True)
    assert table.read_text().splitlines()[1:] == [
        "demo,0,1,false,3,4,a; b,3,10.5,7", "demo,0,7,true,,,,5,10.5,20"
    ]  # fmt: skip


def test_a_table_that_was_deleted_is_made_anew_from_what_is_there(table):
    judgements, history = page(table), History()
    judgements.judge(history, {A: HERE}, False)
    shutil.rmtree(table.parent)
    assert judgements.refresh()
    assert not judgements.by_cell()
    judgements.judge(history, {B: HERE}, False)
    assert [verdict.key for verdict in read_curation(table)] == [B]


def test_without_a_table_in_the_config_nothing_is_saved():
    judgements = Judgements(None, ["demo"])
    assert not judgements.refresh()
    with pytest.raises(FoveaError, match="curation is null in the config"):
        judgements.judge(History(), {A: HERE}, False)


KEYS = st.sampled_from([A, B, C])
ENDS = st.one_of(st.just((None, None)), st.tuples(st.integers(0, 5), st.integers(5, 9)))
NOTES = st.text(st.characters(codec="utf-8"), max_size=12)
STEPS = st.lists(st.tuples(KEYS, st.booleans(), ENDS, NOTES), max_size=6)


@given(STEPS, st.integers(0, 6))
def test_undo_leads_back_and_the_file_says_what_the_page_shows(tmp_path_factory, steps, back):
    table = tmp_path_factory.mktemp("judged") / "curation.csv"
    judgements, history, states = page(table), History(), [{}]
    for key, good, frames, note in steps:
        judgements.judge(history, {key: HERE}, good, frames, note)
        states.append(judgements.by_cell())
        read = Judgements(table, ["demo"])
        assert read.by_cell() == states[-1], table.read_text()
    back = min(back, len(steps))
    for _ in range(back):
        judgements.undo(history)
    assert judgements.by_cell() == states[len(steps) - back]
    for _ in range(back):
        judgements.redo(history)
    assert judgements.by_cell() == states[-1]


@given(st.lists(st.tuples(st.booleans(), ENDS), max_size=4), st.lists(st.booleans(), max_size=12))
def test_later_rows_override_earlier_ones_frame_by_frame(rows, good):
    frames = list(range(len(good)))
    expected = list(good)
    for verdict, (first, last) in rows:
        for frame in frames:
            if (first is None or frame >= first) and (last is None or frame <= last):
                expected[frame] = verdict
    given_rows = [(verdict, *ends, "", None, None) for verdict, ends in rows]
    assert frames_judged(given_rows, frames, good) == expected


def test_notes_come_back_from_the_file(table):
    notes = ['"', "a,b", "'=1+1", "<script>alert(1)</script>", "\u202eabc", "#no comment"]
    for number, note in enumerate(notes):
        page(table).judge(History(), {("demo", 0, number): HERE}, True, note=note)
    with table.open(encoding="utf-8", newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == notes
    assert [verdict.note for verdict in read_curation(table)] == notes

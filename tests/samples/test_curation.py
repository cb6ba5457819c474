"""Verdicts on cells: never on another cell, whatever changed, and from any spreadsheet."""

from __future__ import annotations

import csv
import logging

import pytest

from fovea.cli import main
from fovea.config.paths import Paths
from fovea.errors import FoveaError
from fovea.runs.check_tables import check_curation
from fovea.samples import curation
from fovea.samples.curation import read_curation
from fovea.samples.imports.pyama_config import write_curation
from fovea.samples.verdicts import command_for
from support.merged import merge_all, metadata_text

HEADER = "dataset,fov,cell,good,from_frame,to_frame,note,frame,position_x,position_y\n"
FRAMES = 6
#: Cell to its centre in frame 0; it moves by a pixel a frame. Boxes are of 20 x 20 pixels.
BEFORE = {1: (180, 60), 2: (40, 40), 3: (100, 120)}
AFTER = {1: (20, 200), 2: (40, 40), 3: (180, 61), 4: (100, 119)}  # one cell more, and other IDs


def field(folder, cells, removed=(), frames=range(FRAMES), dataset="rec", fov=0):
    """Write traces and cells of a field of view; returns the file of traces."""
    place = folder / "results" / dataset / f"fov_{fov:03d}"
    place.mkdir(parents=True, exist_ok=True)
    (place.parent / "metadata.yaml").write_text(metadata_text([FRAMES] * (fov + 1)))
    lines = ["fov,cell,frame,good,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1,"
             "area_ch_0,intensity_total_ch_1,intensity_mean_ch_1"]  # fmt: skip
    table = ["fov,cell,first_frame,last_frame,frames,kept,reason"]
    for cell, (x, y) in cells.items():
        for t in frames:
            box = (x + t - 10, y - 10, x + t + 10, y + 10)
            lines.append(f"{fov},{cell},{t},True,{x + t - 0.5},{y - 0.5},"
                         f"{','.join(map(str, box))},100,{t},1")  # fmt: skip
        table.append(f"{fov},{cell},{frames[0]},{frames[-1]},{len(frames)},True,")
    table += [f"{fov},{cell},0,1,2,False,short" for cell in removed]
    path = place / f"{dataset}_fov_{fov:03d}_traces.csv"
    path.write_text("\n".join(lines) + "\n")
    path.with_name(f"{dataset}_fov_{fov:03d}_cells.csv").write_text("\n".join(table) + "\n")
    return path


def bad_cells(folder, path, rows="", header=HEADER):
    """Merge, with rows of a curation table, and return the cells that are not good."""
    table = folder / "config" / "curation.csv"
    table.parent.mkdir(exist_ok=True)
    table.write_text(header + rows)
    merged = merge_all(folder, "s", [path], curation=table, seen=folder / Paths().SEEN)
    with open(merged / "s_traces_cells.csv") as file:
        lines = (line for line in file if not line.startswith("#"))
        return {int(row["cell"]) for row in csv.DictReader(lines) if row["good"] == "False"}


def refused(folder, path, rows, header=HEADER) -> str:
    with pytest.raises(FoveaError) as caught:
        bad_cells(folder, path, rows, header)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder / 'config' / 'curation.csv'}: ")


# --------------------------------------------------------------- cells that are other ones by now


@pytest.mark.parametrize("judged", ["before the change", "at the change"])
def test_a_verdict_does_not_fall_on_another_cell(tmp_path, judged):
    """Also where the row is new: its user has seen the results of the merge before."""
    row = "rec,0,1,false,,,dead\n"
    path = field(tmp_path, BEFORE)
    assert bad_cells(tmp_path, path) == set()
    if judged == "before the change":
        assert bad_cells(tmp_path, path, row) == {1}
    field(tmp_path, AFTER)
    for _ in range(2):  # it stays refused
        assert refused(tmp_path, path, row) == (
            "rec, field of view 0, cell 1 (line 2) may be another cell than at the merge before: "
            "the cell was at x 179.5, y 59.5 in frame 0, where cell 3 is now; segmentation or "
            f"tracking has changed since: `fovea curation rebase --curation {tmp_path}/config/"
            "curation.csv` finds the cells again; or correct the row, with frame, position_x and "
            "position_y to say which cell you mean"
        )
    assert command_for("config/curation.csv") == "fovea curation rebase"
    assert bad_cells(tmp_path, path, "rec,0,3,false,,,dead,0,180,61\n") == {3}
    assert bad_cells(tmp_path, path) == set()  # without rows, the new cells are taken as they are
    assert bad_cells(tmp_path, path, "rec,0,1,false,,,dead\n") == {1}


def test_verdicts_by_number_alone_are_said(tmp_path, caplog):
    """Where nothing tells which cell was meant: at the first merge, for rows without a place."""
    logging.getLogger("fovea").propagate = True
    path = field(tmp_path, BEFORE)
    rows = "rec,0,1,false,,,,0,180,60\nrec,0,2,false,,,\n"
    words = "curation.csv: 1 row is applied by the number of the cell alone"
    with caplog.at_level("WARNING"):
        assert bad_cells(tmp_path, path, rows) == {1, 2}
    assert words in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING"):
        assert bad_cells(tmp_path, path, rows) == {1, 2}
    assert words not in caplog.text


def test_a_verdict_stays_with_a_cell_that_is_where_it_was(tmp_path):
    """A cell may lose frames and move a little; others may come and go."""
    row = "rec,0,1,false,,,dead\n"
    path = field(tmp_path, BEFORE)
    bad_cells(tmp_path, path)
    field(tmp_path, {1: (184, 57), 9: (20, 200)}, frames=range(2, FRAMES))
    assert bad_cells(tmp_path, path, row) == {1}


def test_neighbours_that_were_exchanged_are_told_apart(tmp_path):
    """Their boxes overlap, so that each holds the other's centre."""
    path = field(tmp_path, {1: (60, 60), 2: (66, 60)})
    bad_cells(tmp_path, path)
    field(tmp_path, {2: (60, 60), 1: (66, 60)})
    assert "where cell 2 is now" in refused(tmp_path, path, "rec,0,1,false,,,\n")


def test_a_cell_that_is_not_followed_any_more(tmp_path):
    """Its ID is that of a fragment now, which was removed; another cell is where it was."""
    path = field(tmp_path, BEFORE)
    bad_cells(tmp_path, path)
    field(tmp_path, {2: (40, 40), 3: (180, 61), 4: (100, 119)}, removed=[1])
    assert "where cell 3 is now" in refused(tmp_path, path, "rec,0,1,false,,,\n")


def test_traces_without_positions_are_curated_by_number(tmp_path):
    path = field(tmp_path, BEFORE)
    for cells in (BEFORE, AFTER):
        text = field(tmp_path, cells).read_text().splitlines()
        rows = [",".join(["", *line.split(",")[10:]]) for line in text[1:]]
        starts = [",".join(line.split(",")[:4]) for line in text[1:]]
        head = "fov,cell,frame,good,area_ch_0,intensity_total_ch_1,intensity_mean_ch_1\n"
        path.write_text(head + "".join(f"{a}{b}\n" for a, b in zip(starts, rows, strict=True)))
        assert bad_cells(tmp_path, path, "rec,0,1,false,,,\n") == {1}
    assert not (tmp_path / Paths().SEEN).exists()


# --------------------------------------------------------------------- rows that state the place


@pytest.mark.parametrize(
    ("row", "bad"),
    [("rec,0,1,false,,,,0,180,60", {1}), ("rec,0,1,false,2,3,,,183.5,52", set()),
     ("rec,0,1,false,,,,,185,60", {1}), ("rec,0,1,false,,,,5,\"184,5\",\"59,5\"", {1})],
)  # fmt: skip
def test_rows_with_the_place_of_their_cell(tmp_path, row, bad):
    assert bad_cells(tmp_path, field(tmp_path, BEFORE), row + "\n") == bad


@pytest.mark.parametrize(
    ("row", "message"),
    [("rec,0,1,false,,,,0,40,40", "rec, field of view 0, cell 1 (line 2) was seen at x 40, y 40 in "
      "frame 0, where cell 2 is; segmentation or tracking has changed since: "),
     ("rec,0,1,false,,,,0,400,40", "was seen at x 400, y 40 in frame 0, where no cell is"),
     ("rec,0,7,false,,,,0,180,60", "cell 7 (line 2) was seen at x 180, y 60 in frame 0, where cell "
      "1 is"),
     ("rec,0,7,false,,,,,180,60", "was seen at x 180, y 60, where cell 1 is"),
     ("rec,0,7,false,,,,0,400,60", "cell 7 (line 2) was seen at x 400, y 60 in frame 0, where no "
      "cell is"),
     ("rec,0,1,false,,,,0,180,", "line 2: has one of position_x and position_y; give both or none"),
     ("rec,0,1,false,,,,0,a,b", "line 2: the position is 'a, b'; position_x and position_y are "
      "numbers of pixels"),
     ("rec,0,1,false,,,,x,1,1", "line 2: frame is 'x'; it is a whole number")],
)  # fmt: skip
def test_rows_whose_cell_is_not_at_its_place(tmp_path, row, message):
    assert message in refused(tmp_path, field(tmp_path, BEFORE), row + "\n")


# ------------------------------------------------------------------------- cells that were removed


@pytest.mark.parametrize("place", ["", ",0,300,200"])
def test_a_verdict_on_a_cell_that_was_removed_is_harmless(tmp_path, place, caplog):
    """It was judged, and then min_frames or border_margin was raised."""
    logging.getLogger("fovea").propagate = True
    path = field(tmp_path, BEFORE, removed=[8])
    rows = f"rec,0,8,false,,,short{place}\nrec,0,2,false,,,\n"
    with caplog.at_level("INFO"):
        assert bad_cells(tmp_path, path, rows) == {2, 8}  # a removed cell is never good
    assert (
        "rec, field of view 0, cell 8 (line 2) was removed when the traces were extracted; its row "
        "changes nothing"
    ) in caplog.text
    row = "rec,0,9,false,,,\n"
    assert "rec, field of view 0, cell 9 (line 2) is not in the traces" in refused(
        tmp_path, path, row
    )


# --------------------------------------------------------------------- tables of spreadsheets


@pytest.mark.parametrize(
    "data",
    [
        b"dataset;fov;cell;good;note\r\nrec;0;1;FALSCH;tot\r\n;;;;\r\n",
        b"\xef\xbb\xbfdataset;fov;cell;good;note;;\r\nrec;0;1;FAUX;mort;;\r\n",
        "dataset\tfov\tcell\tgood\tnote\nrec\t0\t1\tFALSE\ttöt\n".encode("utf-16"),
        "dataset;fov;cell;good;note\nrec;0;1;nein;für später\n".encode("cp1252"),
        b"sep=;\ndataset;fov;cell;good;note;;\nrec;0;1;0;;;\n",
        b"Dataset,FOV,Cell,Good,Note\nrec,0,1,No,\n",
        b"dataset,fov,cell,good,note\n\"rec,0,1,false,\"\"a, b\"\"\"\n",
        b"dataset,fov,cell,good,note\nrec;0;1;false;x\n",
        b"dataset;fov;cell;good;from_frame;to_frame\nrec;0,0;1,0;FALSCH;0,0;5,0\n",
        b"dataset;fov;cell;good;frame;position_x;position_y\nrec;0;1;FALSCH;0;180,5;60,25\n",
        b"# judged by NN\n\ndataset,fov,cell,good\nrec,0,1,bad\n# rec,0,2,bad\n",
        b"dataset,fov,cell,good\rrec,0,1,bad\r",
    ],
)  # fmt: skip
def test_tables_of_spreadsheets(tmp_path, data):
    path = field(tmp_path, BEFORE)
    table = tmp_path / "curation.csv"
    table.write_bytes(data)
    merged = merge_all(tmp_path, "s", [path], curation=table)
    with open(merged / "s_traces.csv") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        assert {row["cell"] for row in rows if row["good"] == "False"} == {"1"}


def test_wrong_rows_are_named_with_their_line_in_the_file(tmp_path):
    table = tmp_path / "c.csv"
    for text, message in (
        ("sep=;\n# a\n\ndataset;fov;cell;good\nrec;0;1;FALSCH\n\nrec;0;1;kaputt\n",
         "line 7: good is 'kaputt'; allowed: true or false"),
        ("dataset;fov;cell;good\nrec;0,5;1;FALSCH\n", "line 2: fov is '0,5'; it is a whole number"),
        ("dataset;fov;cell;good;good\nrec;0;1;1;1\n", "two columns have the same name"),
    ):  # fmt: skip
        table.write_text(text)
        with pytest.raises(FoveaError) as caught:
            read_curation(table)
        assert message in str(caught.value)


# --------------------------------------------------------------------------------- finding again


def run(capsys, folder, code=0) -> list[str]:
    assert main(["curation", "rebase", "--directory", str(folder)]) == code
    out = capsys.readouterr()
    return (out.err if code else out.out).replace(f"{folder}/", "").splitlines()


def test_cells_are_found_again(tmp_path, capsys):
    rows = ("rec,0,1,false,,,dead\nrec,0,3,false,2,4,\"a, b\"\nrec,0,2,true,,,,0,40,40\n"
            "rec,0,2,false,,,,0,400,40\nrec,1,1,false,,,\n")  # fmt: skip
    path = field(tmp_path, BEFORE)
    bad_cells(tmp_path, path)
    field(tmp_path, AFTER)
    refused(tmp_path, path, rows)
    table = tmp_path / "config" / "curation.csv"
    before = table.read_bytes()
    assert run(capsys, tmp_path) == [
        "rec, field of view 0, cell 1 (line 2): now cell 3, at x 179.5, y 60.5 in frame 0",
        "rec, field of view 0, cell 3 (line 3): now cell 4, at x 99.5, y 118.5 in frame 0",
        "rec, field of view 0, cell 2 (line 4): the same, at x 39.5, y 39.5 in frame 0",
        "rec, field of view 0, cell 2 (line 5): not found, for no cell is at its place; its row is "
        "a comment now",
        "rec, field of view 1, cell 1 (line 6): not found, for there are no traces of its field of "
        "view; its row is a comment now",
        "config/curation.csv: written anew; the table as it was is config/curation_1.csv",
    ]
    assert (tmp_path / "config" / "curation_1.csv").read_bytes() == before
    text = table.read_text()
    assert text.splitlines() == [
        HEADER.strip(), "rec,0,3,false,,,dead,0,179.5,60.5",
        'rec,0,4,false,2,4,"a, b",0,99.5,118.5', "rec,0,2,true,,,,0,39.5,39.5",
        "# not found: rec,0,2,false,,,,0,400,40", "# not found: rec,1,1,false,,,,",
    ]  # fmt: skip
    assert bad_cells(tmp_path, path, text, header="") == {3}
    run(capsys, tmp_path)
    assert [v.cell for v in read_curation(table)] == [3, 4, 2]
    assert (tmp_path / "config" / "curation_2.csv").read_text() == text


def test_a_table_that_is_missing(tmp_path, capsys):
    (line,) = run(capsys, tmp_path, 1)
    assert line == "config/curation.csv: there is no curation table; name it with --curation"


def test_rows_are_added_in_the_form_of_the_table(tmp_path):
    table = tmp_path / "c.csv"
    table.write_text("dataset;fov;cell;good;from_frame;to_frame;note;frame\nrec;0;1;FALSCH;;;;")
    write_curation(table, [("rec", 0, 2, "false", 1, 2, "x")])
    assert [(v.cell, v.good, v.first, v.note) for v in read_curation(table)] == [
        (1, False, None, ""), (2, False, 1, "x")
    ]  # fmt: skip
    table.write_text("dataset,fov\n")
    with pytest.raises(FoveaError, match="its first line must be dataset,fov,cell,good,from_frame"):
        write_curation(table, [])
    table.write_bytes("dataset,fov,cell,good,from_frame,to_frame,note\n".encode("utf-16"))
    with pytest.raises(FoveaError, match="is not in UTF-8, so that no rows can be added"):
        write_curation(table, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"root:x:0:0:root:/root:/bin/bash\n", "unknown column 'root:x:0:0:root:/root:/bin/bash'"),
        (b"", "the column dataset is missing"),
        (b"\x7fELF\x02\x01\x01" + bytes(7) + b"\xd8\x00\xdc", "cannot be read as utf-16"),
        (b"II*\0" + bytes(300), "unknown column"),
        (HEADER.encode() + b"a,0,1,true,,,,,,\n" * 20, "has 415 bytes, which no curation"),
    ],
)  # fmt: skip
def test_other_files_are_no_curation_table(content, message, tmp_path, monkeypatch):
    monkeypatch.setattr(curation, "_MOST_BYTES", 400)
    table = tmp_path / "table"
    table.write_bytes(content)
    with pytest.raises(FoveaError) as caught:
        check_curation({"curation": str(table)}, "config.yaml")
    assert str(caught.value).startswith(f"config.yaml: curation: {table}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_are_left_for_later_and_a_table_need_not_be_there(tmp_path):
    table = tmp_path / "table.csv"
    check_curation({"curation": str(table)}, "config.yaml")
    check_curation({"curation": None}, "config.yaml")
    table.write_text(HEADER + "other,x,y,perhaps\n", "utf-8")
    check_curation({"curation": str(table)}, "config.yaml")

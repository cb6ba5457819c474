"""Tracks that were edited in a GEFF store by its own package come back as the tracks of Fovea."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import geff
import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports.fields import read_tracks
from fovea.exports.geff import export_geff
from fovea.exports.geff_store import Store, read_store
from fovea.exports.import_geff import import_geff
from fovea.plugins.registry import TRACKING
from fovea.store.reader import ArrayReader, read_array
from fovea.tracking.track import track
from support.drawn_field import draw_field, family
from support.strategies import examples, label_stacks

DRAWN = {"method": "as_drawn"}


class AsDrawn:
    """A method of tracking for which the labels of frames are the IDs of cells."""

    parents = family()[1]

    def update(self, labels):
        return labels


@pytest.fixture(autouse=True, scope="module")
def as_drawn():
    TRACKING.register("as_drawn", AsDrawn)
    yield
    TRACKING.remove("as_drawn")


class Case:
    """A field of view that is tracked, exported, edited, imported and tracked again."""

    def __init__(self, folder, labels, parameters=DRAWN, **known):
        self.folder, self.parameters = folder, parameters
        self.field = draw_field(folder, labels, {}, **known)
        shutil.copytree(self.field.group("seg_tracked"), self.field.group("seg_labeled"))
        self.stores = 0
        self.track()

    @property
    def table(self):
        return self.folder / "config/edited_tracks/drawn_fov_000.csv"

    def track(self):
        tables = {name: self.field.table(name) for name in ("lineage", "merges", "drift")}
        shutil.rmtree(self.field.group("seg_tracked"))
        edited = self.table if self.table.exists() else None
        track(self.field.group("seg_labeled"), self.field.group("seg_tracked"), self.parameters,
              edited=edited, dataset="drawn", **tables)  # fmt: skip

    def export(self):
        self.stores += 1
        store = self.folder / f"{self.stores}.geff"
        export_geff(self.field, store)
        return geff.read(str(store))

    def take(self, graph, metadata, track_again=True):
        self.stores += 1
        store = self.folder / f"{self.stores}.geff"
        geff.write(graph, str(store), metadata)
        words = import_geff(read_store(store), self.field, self.table.parent)[1]
        if track_again:
            self.track()
        return words

    def store(self, **changes):
        """What is read of the store that is exported, without writing it, which takes seconds."""
        tracks = read_tracks(self.field)
        y, x = tracks.position.T
        known = Store(self.folder / "drawn.geff", tracks.frame.astype(float), y, x, "pixel",
                      tracks.boxes, tracks.cell, tracks.links, tracks.division, {})  # fmt: skip
        return replace(known, **changes)

    def take_store(self, **changes):
        import_geff(self.store(**changes), self.field, self.table.parent)
        self.track()

    def ids(self):
        with ArrayReader(self.field.group("seg_tracked") / "0") as frames:
            return np.stack([frames[t] for t in range(len(frames))])

    def results(self):
        """All that tracking writes, but for the note that tracks were edited."""
        tables = [self.field.table(name).read_text() for name in ("lineage", "merges", "drift")]
        ids, boxes = self.ids(), read_array(self.field.group("seg_tracked") / "boxes")
        return ids.tolist(), ids.dtype, boxes.tolist(), *tables

    def mothers(self):
        with self.field.table("lineage").open() as file:
            return {int(row["cell"]): int(row["parent"]) for row in csv.DictReader(file)}


def node(graph, frame, cell):
    """The node of a cell in a frame."""
    (found,) = (n for n, own in graph.nodes(data=True) if (own["t"], own["cell"]) == (frame, cell))
    return found


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path, family()[0])


def test_tracks_that_were_not_edited_come_back_equal(case):
    before = case.results()
    assert case.mothers()[3] == 1  # there is a division, and a gap
    graph, about = case.export()
    read, known = read_store(case.folder / "1.geff"), case.store()
    for name in ("t", "y", "x", "unit", "box", "cell", "links", "division"):
        assert np.array_equal(getattr(read, name), getattr(known, name)), name
    assert case.take(graph, about) == (
        "4 cells, 14 objects, 1 division; 0 objects have another ID than before, 0 are left out"
    )
    assert case.results() == before


@given(labels=label_stacks())
@examples(20)
def test_any_tracks_that_were_not_edited_come_back_equal(tmp_path_factory, labels):
    case = Case(tmp_path_factory.mktemp("field"), labels,
                {"method": "iou", "max_gap": 2, "max_merge": 1, "divisions": True})  # fmt: skip
    before = case.results()
    case.take_store()
    assert case.results() == before


def test_a_track_is_split(case):
    graph, about = case.export()
    graph.remove_edge(node(graph, 2, 2), node(graph, 4, 2))
    before = case.ids()
    case.take(graph, about)
    wanted = before.copy()
    wanted[4:][before[4:] == 2] = 5
    assert np.array_equal(case.ids(), wanted)
    assert case.mothers() == {1: 0, 2: 0, 3: 1, 4: 1, 5: 0}


def test_tracks_are_joined(case):
    graph, about = case.export()
    graph.remove_edge(node(graph, 2, 1), node(graph, 3, 4))
    case.take(graph, about)  # with one daughter left, the mother goes on
    before = family()[0]
    assert np.array_equal(case.ids(), np.where(before == 3, 1, before))
    assert case.mothers() == {1: 0, 2: 0, 4: 0}


def test_tracks_are_swapped(case):
    graph, about = case.export()
    one, two = ((node(graph, 3, cell), node(graph, 4, cell)) for cell in (3, 4))
    graph.remove_edges_from([one, two])
    graph.add_edges_from([(one[0], two[1]), (two[0], one[1])], division=False)
    case.take(graph, about)
    before, wanted = family()[0], family()[0]
    wanted[4:][before[4:] == 3] = 4
    wanted[4:][before[4:] == 4] = 3
    assert np.array_equal(case.ids(), wanted)
    assert case.mothers() == {1: 0, 2: 0, 3: 1, 4: 1}


def test_objects_are_deleted_and_stay_so(case):
    graph, about = case.export()
    graph.remove_nodes_from([n for n, own in graph.nodes(data=True) if own["cell"] == 2])
    words = case.take(graph, about)
    assert words.endswith("0 objects have another ID than before, 5 are left out")
    before = family()[0]
    assert np.array_equal(case.ids(), np.where(before == 2, 0, before))
    case.take_store()  # which has no nodes for them
    assert np.array_equal(case.ids(), np.where(before == 2, 0, before))
    case.take(*geff.read(str(case.folder / "1.geff")))  # the first store has them again
    assert np.array_equal(case.ids(), np.where(before == 2, 5, before))
    assert case.table.with_name("drawn_fov_000.csv.1").exists()


def test_a_division_is_added_and_one_removed(case):
    graph, about = case.export()
    graph.remove_edge(node(graph, 2, 1), node(graph, 3, 3))
    graph.remove_edge(node(graph, 2, 1), node(graph, 3, 4))
    graph.add_edge(node(graph, 2, 2), node(graph, 3, 4), division=True)
    case.take(graph, about)
    assert case.mothers() == {1: 0, 2: 0, 3: 0, 4: 2, 5: 2}
    assert sorted(np.unique(case.ids()[5])) == [0, 3, 4, 5]
    before = case.results()
    case.take(*case.export())
    assert case.results() == before


def test_a_lone_daughter_stays_one(tmp_path):
    case = Case(tmp_path, family()[0])
    graph, about = case.export()
    graph.remove_edge(node(graph, 2, 2), node(graph, 4, 2))
    graph.add_edge(node(graph, 2, 2), node(graph, 4, 2), division=True)
    case.take(graph, about)
    assert case.mothers()[5] == 2
    before = case.results()
    case.take_store(division=np.zeros_like(case.store().division))  # by a program without such
    assert case.results() == before


def test_cells_that_are_held_by_others_get_their_new_ids(tmp_path):
    labels = np.zeros((9, 20, 40), np.uint16)
    for t in range(9):
        labels[t, 5:15, 4:14], labels[t, 5:15, 15:25] = 1, 2
        if 3 <= t < 6:
            labels[t, 5:15, 4:25] = 1
    case = Case(tmp_path, labels, {"method": "iou", "max_gap": 2, "max_merge": 0})
    with case.field.table("merges").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["first_frame"], row["last_frame"], row["holds"]) == ("3", "5", "1 2")
    graph, about = case.export()
    graph.remove_edge(node(graph, 1, 2), node(graph, 2, 2))
    case.take(graph, about)
    with case.field.table("merges").open() as file:
        (row,) = csv.DictReader(file)
    held = row["holds"]
    assert held == f"1 {case.ids()[2, 10, 20]}" != "1 2"
    graph, about = case.export()
    graph.remove_nodes_from([n for n, own in graph.nodes(data=True) if own["cell"] > 1])
    case.take(graph, about)
    with case.field.table("merges").open() as file:
        assert not list(csv.DictReader(file))  # no second cell is left


def foreign(graph, scale, moved=0.0):
    """A store of a program that keeps nothing but positions, in lengths without a unit."""
    found = nx.DiGraph()
    for n, own in graph.nodes(data=True):
        found.add_node(n + 100, time=own["t"], y=own["y"] * scale + moved, x=own["x"] * scale)
    found.add_edges_from((a + 100, b + 100) for a, b in graph.edges)
    return found


@pytest.mark.parametrize(
    ("scale", "moved", "units"),
    [(0.65, 0, None), (650, 0, ["frame", "nanometer", "nanometer"]), (1, 1.3, None)],
)  # fmt: skip
def test_nodes_are_found_by_their_place(case, scale, moved, units):
    graph, _ = case.export()
    graph.remove_edge(node(graph, 2, 2), node(graph, 4, 2))
    store = case.folder / "other.geff"
    geff.write(foreign(graph, scale, moved), str(store), axis_names=["time", "y", "x"],
               axis_types=["time", "space", "space"], axis_units=units)  # fmt: skip
    import_geff(read_store(store), case.field, case.table.parent)
    case.track()
    assert case.mothers() == {1: 0, 2: 0, 3: 1, 4: 1, 5: 0}


@pytest.mark.parametrize(
    ("place", "links", "message"),
    [
        ((0, 35.0, 8.5), (), r"1 node lies on no object of drawn_fov_000, the first at x 8.5, y 35 "
         "of frame 0; Fovea takes links back and no new objects"),
        ((0, 28.5, 34.5), (), "two nodes lie on one object of drawn_fov_000, at x 34.5, y 28.5 of "
         "frame 0; delete one of them"),
        ((6, 9.5, 8.5), (), "has 6 as its frame; drawn_fov_000 has the frames 0 to 5"),
        ((0.5, 9.5, 8.5), (), "has 0.5 as its frame"),
        ((0, 9.5, 8.5), [(9, 13)], "2 links lead to the object at x 16, y 13 of frame 5; a cell "
         "comes from one: delete the others"),
        ((0, 9.5, 8.5), [(12, 0)], "a link leads from x 16.5, y 6 of frame 5 to x 8.5, y 9.5 of "
         "frame 0; links lead to a later frame"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(case, place, links, message):
    store = case.store(box=None, cell=None)
    for values, value in zip((store.t, store.y, store.x), place, strict=True):
        values[0] = value
    links = np.concatenate([store.links, np.array(links, np.int64).reshape(-1, 2)])
    store = replace(store, links=links, division=np.zeros(len(links), bool))
    with pytest.raises(FoveaError, match=message) as error:
        import_geff(store, case.field, case.table.parent)
    assert "\n" not in str(error.value)
    assert not case.table.exists()


def test_units_that_are_not_understood(case):
    with pytest.raises(FoveaError, match="its positions are in inch, and that is no length"):
        import_geff(case.store(unit="inch"), case.field, case.table.parent)
    store = str(case.folder / "other.geff")
    geff.write(foreign(case.export()[0], 1), store, axis_names=["time", "y"],
               axis_types=["time", "space"])  # fmt: skip
    with pytest.raises(FoveaError, match="has 1 axis of time and 1 of space"):
        read_store(store)


def test_lengths_without_the_size_of_a_pixel(tmp_path):
    case = Case(tmp_path, family()[0], known=False)
    with pytest.raises(FoveaError, match="in micrometer, and the size of a pixel is not known"):
        import_geff(case.store(unit="micrometer"), case.field, case.table.parent)


def test_what_is_no_store(tmp_path):
    with pytest.raises(FoveaError, match=r"none.geff: cannot be read as a GEFF store: "):
        read_store(tmp_path / "none.geff")
    (tmp_path / "out/tracks.geff").mkdir(parents=True)
    with pytest.raises(FoveaError, match=r"did you mean \S+out/tracks.geff\?"):
        read_store(tmp_path / "out")


def test_a_table_of_other_objects(case):
    case.take_store()
    text = case.table.read_text()
    case.table.write_text(text.replace(",8.5,9.5,80,", ",8.5,9.5,81,"))
    with pytest.raises(FoveaError, match="is of other objects than the results; delete it"):
        case.take_store()


@pytest.fixture
def place(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def test_the_command(place, tmp_path, capsys):
    out = tmp_path / "out"
    where = ["--directory", str(place)]
    assert main(["export", "geff", "--output", str(out), *where]) == 0
    store = str(out / "a_fov_000.geff")
    capsys.readouterr()
    assert main(["import", "geff", store, *where]) == 0
    table = place / "config/edited_tracks/a_fov_000.csv"
    assert capsys.readouterr().out.startswith(f"{table}: ")
    assert len(read_tracks_of(table)) > 10
    assert main(["import", "geff", store, "--fov", "1", *where]) == 1
    said = capsys.readouterr().err
    assert "is of a, field of view 0, and not of --fov 1; leave the option out" in said
    assert main(["import", "geff", store, store, "--fov", "0", *where]) == 1
    assert "--fov is for one store" in capsys.readouterr().err
    graph, _ = geff.read(store)
    bare = str(out / "bare.geff")
    geff.write(graph, bare, axis_names=["t", "y", "x"], axis_types=["time", "space", "space"])
    assert main(["import", "geff", bare, *where]) == 1
    assert "does not say of which field of view it is; give --dataset and --fov" in (
        capsys.readouterr().err
    )
    assert main(["import", "geff", bare, "--fov", "0", *where]) == 0
    config = place / "config/config.yaml"
    config.write_text(config.read_text() + "edited_tracks: null\n")
    assert main(["import", "geff", store, *where]) == 1
    assert "edited_tracks is null in the config" in capsys.readouterr().err


def read_tracks_of(table):
    with table.open() as file:
        return list(csv.DictReader(file))


def test_read_tracks_are_those_of_the_table(case):
    case.take_store()
    rows, tracks = read_tracks_of(case.table), read_tracks(case.field)
    y, x = tracks.position.T
    assert [float(row["position_x"]) for row in rows] == x.tolist()
    assert [float(row["position_y"]) for row in rows] == y.tolist()
    assert [int(row["area"]) for row in rows] == tracks.area.tolist()

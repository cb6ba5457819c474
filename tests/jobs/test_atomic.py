"""Two jobs that make the same array or store: they never write the same file."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.jobs import atomic as module
from fovea.jobs.atomic import whole_csv, whole_folder
from fovea.store.reader import ArrayReader
from fovea.store.writer import ArrayWriter

SHAPE = (3, 8, 8)


@pytest.fixture
def job(monkeypatch):
    """A function that makes the code believe that it runs in another process."""

    def become(number: int) -> None:
        monkeypatch.setattr(module.os, "getpid", lambda: number)

    return become


def frame(value: int) -> np.ndarray:
    return np.full(SHAPE[1:], value, np.uint16)


def test_the_job_that_begins_later_wins(tmp_path, job):
    path = tmp_path / "0"
    job(1)
    old = ArrayWriter(path, SHAPE, "uint16").__enter__()
    old.append(frame(1))
    job(2)
    new = ArrayWriter(path, SHAPE, "uint16").__enter__()
    new.append(frame(2))
    job(1)
    with pytest.raises(FoveaError, match="another job makes it now"):
        old.append(frame(1))
    assert old.__exit__(FoveaError, FoveaError("x"), None) is None
    job(2)
    new.append(frame(2))
    new.append(frame(2))
    new.__exit__(None, None, None)
    with ArrayReader(path) as array:
        assert [int(array[t].max()) for t in range(3)] == [2, 2, 2]
    assert sorted(p.name for p in path.iterdir()) == ["c.0.0.0", "zarr.json"]


def test_a_job_that_has_lost_its_file_at_the_end_publishes_nothing(tmp_path, job):
    path = tmp_path / "0"
    job(1)
    old = ArrayWriter(path, SHAPE, "uint16").__enter__()
    for value in range(3):
        old.append(frame(value))
    job(2)
    new = ArrayWriter(path, SHAPE, "uint16").__enter__()
    job(1)
    with pytest.raises(FoveaError, match="another job makes it now"):
        old.__exit__(None, None, None)
    assert not (path / "zarr.json").exists()
    assert not (path / "c.0.0.0").exists()
    job(2)
    for _ in range(3):
        new.append(frame(7))
    new.__exit__(None, None, None)
    with ArrayReader(path) as array:
        assert int(array[0].max()) == 7


def test_what_a_killed_job_has_left_is_removed(tmp_path, job):
    path = tmp_path / "0"
    job(1)
    ArrayWriter(path, SHAPE, "uint16").append(frame(1))
    assert len(list(path.iterdir())) == 1
    job(2)
    with ArrayWriter(path, SHAPE, "uint16") as array:
        for _ in range(3):
            array.append(frame(2))
    assert sorted(p.name for p in path.iterdir()) == ["c.0.0.0", "zarr.json"]


def test_a_folder_is_published_as_a_whole(tmp_path, job):
    target = tmp_path / "cells.zarr"
    job(1)
    old = module.begin(target)
    old.mkdir()
    (old / "zarr.json").write_text("old")
    job(2)
    new = module.begin(target)
    new.mkdir()
    (new / "zarr.json").write_text("new")
    job(1)
    assert not old.exists()
    with pytest.raises(FoveaError, match=r"cells\.zarr: another job"):
        module.publish(target)
    assert not target.exists()
    job(2)
    module.publish(target)
    assert (target / "zarr.json").read_text() == "new"


def test_a_table_is_there_as_a_whole_and_nothing_but_its_checksum_beside_it(tmp_path):
    left = tmp_path / ".a.csv.elsewhere.123"
    left.write_text("cell\n")  # by a job that was killed
    with whole_csv(tmp_path / "a.csv", ["cell", "frame"]) as rows:
        assert not (tmp_path / "a.csv").exists()
        rows.writerow([1, 0])
    assert (tmp_path / "a.csv").read_text() == "cell,frame\n1,0\n"
    with pytest.raises(RuntimeError), whole_csv(tmp_path / "a.csv", ["cell"]):
        raise RuntimeError
    assert (tmp_path / "a.csv").read_text() == "cell,frame\n1,0\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".checksums", "a.csv"]


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "folder"
    with pytest.raises(FileNotFoundError), whole_folder(target) as written:
        (written / "missing" / "a").write_text("a")
    assert list(target.parent.iterdir()) == []
    with whole_folder(target) as written:
        (written / "a").write_text("a")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["folder"]
    assert (target / "a").read_text() == "a"

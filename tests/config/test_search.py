"""Globs within bounds: the same as Python's own, and an end where that has none."""

from __future__ import annotations

import glob
import os
import random

import pytest

from fovea.config import search as module
from fovea.config.inputs import resolve_input
from fovea.config.search import search
from fovea.errors import FoveaError

PARTS = ["*", "**", "a", "[a-c]*", "*.tif", "c?", ".*", ".h", "b.tif", "?", "nothing", "link"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Folders and files, some hidden, and a link to a folder."""
    rng, root = random.Random(5), tmp_path_factory.mktemp("tree")

    def fill(folder, depth):
        folder.mkdir(exist_ok=True)
        for name in ("a", "b.tif", ".h", "c1", "c2.tif"):
            if depth and rng.random() < 0.7:
                fill(folder / name, depth - 1)
            else:
                (folder / name).touch()

    fill(root, 2)
    (root / "link").symlink_to(root / "a" if (root / "a").is_dir() else root / "c1")
    return root


def test_it_finds_the_files_that_glob_finds(tree):
    rng = random.Random(6)
    found = 0
    for _ in range(300):
        pattern = "/".join(rng.choice(PARTS) for _ in range(rng.randint(1, 3)))
        for given, base in ((pattern, tree), (f"{tree}/{pattern}", ".")):
            expected = glob.glob(given, root_dir=base, recursive=True)
            ours = search(given, base)
            files = [{p for p in paths if os.path.isfile(os.path.join(base, p))}
                     for paths in (expected, ours)]  # fmt: skip
            assert files[0] == files[1], given
            assert len(set(ours)) == len(ours)
            found += len(files[0])
    assert found > 500


def test_a_search_without_end_is_refused(tree, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    with pytest.raises(FoveaError, match="means more than 3 files and folders, the last of them"):
        resolve_input("**", tree)


def test_a_search_that_takes_long_says_where_it_is(tree, monkeypatch, capsys):
    found = search("**", tree)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert search("**", tree) == found
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= len(found)
    assert f"Fovea: input: '**': 1 files and folders looked at, now in {tree}" in lines[0]


def test_pipes_and_devices_are_no_input(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", "/dev/zero"):
        with pytest.raises(FoveaError, match="is a pipe or a device; name a file or a directory"):
            resolve_input(str(path))

"""A cache of kernels that is damaged, full, of somebody else, or nowhere: never harm to a job."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import logging
import os
import stat
from pathlib import Path

import numba
import pytest

from fovea.kernels import jit, kernel_cache

cache_folder = importlib.import_module("fovea.kernels.cache_folder")  # also a function's name

# Faults of numba's files


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A function that compiles a tiny kernel as a new process would, with a cache of its own."""
    source = tmp_path / "tiny.py"
    source.write_text("def add(a):\n    return a + 1\n", "utf-8")
    folder = tmp_path / "cache"
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(folder))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    monkeypatch.setattr(kernel_cache, "_told", [])

    def new_process():
        kernel_cache._told.clear()
        spec = importlib.util.spec_from_file_location("tiny", source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return jit.kernel(module.add)

    return new_process


def cached(folder: Path, kind: str) -> Path:
    (path,) = folder.rglob(f"*.{kind}")
    return path


def hits(kernel) -> int:
    return sum(kernel.stats.cache_hits.values())


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 4
    path.write_bytes(data)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("fault", [cut, empty, zeros, flipped, folder_instead])
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_damaged_files_are_compiled_anew(tiny, tmp_path, caplog, fault, kind):
    assert tiny()(1) == 2
    again = tiny()
    assert again(1) == 2
    assert hits(again) == 1
    assert kernel_cache.told() == []
    fault(cached(tmp_path, kind))
    with caplog.at_level(logging.INFO, "fovea"):
        damaged = tiny()
        assert damaged(1) == 2
    assert hits(damaged) == 0
    if fault is not folder_instead:  # which cannot be replaced, and may be taken for missing
        told = [r.message for r in caplog.records if "compiled anew" in r.message]
        assert len(told) == 1
        healed = tiny()
        assert healed(1) == 2
        assert hits(healed) == 1


def test_numba_alone_fails_on_a_damaged_index(tiny, tmp_path, monkeypatch):
    """If this fails, numba is no longer stopped by its cache: `_Files` may go."""
    kernel = numba.njit(cache=True)(tiny().py_func)
    assert kernel(1) == 2
    empty(cached(tmp_path, "nbi"))
    with pytest.raises(EOFError):
        numba.njit(cache=True)(tiny().py_func)(1)


def test_every_clone_has_the_same_cache(tiny, tmp_path, monkeypatch):
    """One with other kernels has its own: what a kernel calls is compiled into it."""
    assert tiny()(1) == 2
    moved = tmp_path / "elsewhere" / "tiny.py"
    moved.parent.mkdir()
    moved.write_text((tmp_path / "tiny.py").read_text())
    spec = importlib.util.spec_from_file_location("tiny", moved)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for version, found in ((kernel_cache.sources(), 1), ("another version", 0)):
        monkeypatch.setattr(kernel_cache, "sources", lambda version=version: version)
        other = jit.kernel(module.add)
        assert other(1) == 2
        assert hits(other) == found


def test_missing_data(tiny, tmp_path):
    assert tiny()(1) == 2
    cached(tmp_path, "nbc").unlink()
    assert tiny()(1) == 2
    assert kernel_cache.told() == []


def test_a_full_disk(tiny, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kernel_cache._Files, "_open_for_write", full)
    with caplog.at_level(logging.INFO, "fovea"):
        kernel = tiny()
        assert kernel(1) == 2
        assert kernel(1.5) == 2.5
    assert [record.message for record in caplog.records] == kernel_cache.told()
    assert "compiled anew: [Errno 28] No space left on device" in kernel_cache.told()[0]


def test_no_cache_at_all(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert tiny()(1) == 2
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    def nowhere(function):
        raise RuntimeError("cannot cache function 'add': no locator available")

    monkeypatch.setattr(kernel_cache, "_Cache", nowhere)
    assert tiny()(1) == 2
    assert "cannot be used" in kernel_cache.told()[0]


def test_a_folder_that_cannot_be_written_is_read(tiny, tmp_path, monkeypatch):
    assert tiny()(1) == 2
    folder = cached(tmp_path, "nbi").parent

    def refuses(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(numba.core.caching.tempfile, "TemporaryFile", refuses)
    monkeypatch.setattr(kernel_cache._Files, "_open_for_write", refuses)
    folder.chmod(0o500)
    try:
        kernel = tiny()
        assert kernel(1) == 2
    finally:
        folder.chmod(0o700)
    assert hits(kernel) == 1
    assert kernel_cache.told() == []


# Whose folder it is


@pytest.fixture
def places(tmp_path, monkeypatch):
    """No variables, a home and a temporary folder that are empty."""
    for name in ("FOVEA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache_folder.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(cache_folder, "refused", {})
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private_whatever_the_umask(places):
    for umask in (0o000, 0o002, 0o077):
        before = os.umask(umask)
        try:
            folder = cache_folder.cache_folder()
        finally:
            os.umask(before)
        assert folder.parent == places / "home/.cache/fovea"
        assert mode(folder) == 0o700
        assert not mode(folder.parent) & 0o022
        folder.rmdir()


def test_a_folder_that_others_can_write_is_refused(places):
    folder = cache_folder.cache_folder()
    for open_to in (0o777, 0o770, 0o702):
        folder.chmod(open_to)
        other = cache_folder.cache_folder()
        assert other.parent == places / f"tmp/fovea-{os.getuid()}"
        assert f"{folder}: others can write there" in next(iter(cache_folder.refused))


def test_a_folder_that_cannot_be_written_is_used_if_all_kernels_are_in_it(places, monkeypatch):
    folder = cache_folder.cache_folder()
    monkeypatch.setattr(cache_folder.os, "access", lambda path, how: path != folder)
    assert cache_folder.cache_folder().parent == places / f"tmp/fovea-{os.getuid()}"
    (folder / f"ready-{cache_folder.machine()}").touch()
    assert cache_folder.cache_folder() == folder
    assert cache_folder.compiled()


def test_a_folder_of_another_user_is_refused(places, monkeypatch, caplog):
    """Also under the temporary folder, where anybody can make one of this name."""
    cache_folder.cache_folder()
    (places / "tmp/fovea-4321").mkdir(mode=0o777)
    monkeypatch.setattr(cache_folder.os, "getuid", lambda: 4321)
    if os.stat(places).st_uid == 0:  # root's folders are those of the system
        for path in (places / "home/.cache/fovea", places / "tmp/fovea-4321"):
            os.chown(path, 1234, -1)
    assert cache_folder.cache_folder() is None
    assert len(cache_folder.refused) == 2
    assert cache_folder.compiled()
    with caplog.at_level(logging.INFO, "fovea"):
        cache_folder.ensure_compiled(logging.getLogger("fovea"))
    assert caplog.text.count("a folder for compiled kernels cannot be used") == 2


def test_a_link_is_no_folder(places):
    folder = cache_folder.cache_folder()
    folder.rmdir()
    folder.symlink_to(places / "tmp")
    assert cache_folder.cache_folder().parent == places / f"tmp/fovea-{os.getuid()}"


def test_the_variable_counts_before_anybody_asks_for_the_home(places, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(cache_folder.Path, "home", nobody)
    assert cache_folder.cache_folder().parent == places / f"tmp/fovea-{os.getuid()}"
    monkeypatch.setenv("FOVEA_CACHE", str(places / "mine"))
    assert cache_folder.cache_folder().parent == places / "mine"
    monkeypatch.setenv("FOVEA_CACHE", "/dev/null/mine")
    monkeypatch.setattr(cache_folder.tempfile, "tempdir", "/dev/null")
    assert cache_folder.cache_folder() is None


def test_a_full_disk_beneath_the_lock_is_no_reason_to_compile_twice(places, monkeypatch, caplog):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_folder, "_lock", full)
    monkeypatch.setattr(cache_folder.subprocess, "run", None)
    with caplog.at_level(logging.INFO, "fovea"):
        cache_folder.ensure_compiled(logging.getLogger("fovea"))
    assert "kernels cannot be stored" in caplog.text

"""Compiling the kernels: once for many jobs at once, and never a reason to stand still."""

from __future__ import annotations

import importlib
import logging
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fovea.runs import compile_kernels

cache_folder = importlib.import_module("fovea.kernels.cache_folder")  # also a function's name
LOG = logging.getLogger("fovea.test")


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """An empty cache, and a compiler that only says that it was called."""
    monkeypatch.setenv("FOVEA_CACHE", str(tmp_path))
    calls = []

    def run(command, **_):
        calls.append(command[-1])
        time.sleep(0.3)
        cache_folder.stamp().touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(cache_folder.subprocess, "run", run)
    return calls


def lock_of(owner: str) -> None:
    path = cache_folder.stamp().with_name(f"compiling-{cache_folder.machine()}")
    path.write_text(owner)


def test_one_job_compiles_for_all(compiler):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cache_folder.ensure_compiled, [LOG] * 8))
    assert len(compiler) == 1
    assert compiler[0].endswith("fovea.runs.compile_kernels")
    assert cache_folder.compiled()
    cache_folder.ensure_compiled(LOG)
    assert len(compiler) == 1
    left = [path.name for path in cache_folder.cache_folder().iterdir()]
    assert left == [cache_folder.stamp().name]


def test_a_lock_whose_owner_was_killed_is_taken_over(compiler):
    lock_of(f"{cache_folder.platform.node()} 999999999\n")
    cache_folder.ensure_compiled(LOG)
    assert len(compiler) == 1


def test_a_job_does_not_wait_for_ever(compiler, monkeypatch):
    lock_of("another-machine 1\n")
    monkeypatch.setattr(cache_folder, "PATIENCE", 1)
    monkeypatch.setattr(cache_folder, "_abandoned", lambda path: False)
    cache_folder.ensure_compiled(LOG)
    assert compiler == []


def test_a_compiler_that_fails_stops_no_job(compiler, monkeypatch, caplog):
    def fails(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "no such thing")

    monkeypatch.setattr(cache_folder.subprocess, "run", fails)
    with caplog.at_level(logging.INFO, "fovea.test"):
        cache_folder.ensure_compiled(LOG)
    assert "no such thing" in caplog.text
    assert not cache_folder.compiled()


def test_each_kind_of_machine_has_its_own_stamp(compiler, monkeypatch):
    cache_folder.ensure_compiled(LOG)
    monkeypatch.setattr(cache_folder, "machine", lambda: "another")
    assert not cache_folder.compiled()
    cache_folder.ensure_compiled(LOG)
    assert len(compiler) == 2


def test_a_job_of_a_cluster_compiles_in_one_process(monkeypatch):
    monkeypatch.setattr("fovea.jobs.threads.processors", lambda: 64)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert compile_kernels._processes() == 3
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert compile_kernels._processes() == 1

"""How often Snakemake looks for jobs to start."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from support.harness import REPOSITORY

RULES = REPOSITORY / "rules" / "scheduler.smk"


@pytest.fixture
def schedule(monkeypatch):
    """The method as the workflow leaves it; put back afterwards."""
    name = "_schedule_reevalutation"
    original = getattr(JobScheduler, name)
    monkeypatch.setattr(JobScheduler, name, original)
    exec(compile(RULES.read_text("utf-8"), RULES, "exec"), {})
    assert getattr(JobScheduler, name) is not original
    return getattr(JobScheduler, name)


def test_one_timer_at_a_time(schedule):
    looks = threading.Semaphore(0)
    scheduler, other = (SimpleNamespace(_open_jobs=s) for s in (looks, threading.Semaphore(0)))
    for _ in range(2):
        for _ in range(9):
            schedule(scheduler, 0.05)
        assert looks.acquire(timeout=30), "it never looks again"
        assert not looks.acquire(timeout=0.5), "several timers at a time"
    schedule(other, 0.05)
    assert other._open_jobs.acquire(timeout=30)


def test_the_end_does_not_wait_for_a_timer(schedule):
    before = set(threading.enumerate())
    schedule(SimpleNamespace(_open_jobs=threading.Semaphore(0)), 60)
    (timer,) = set(threading.enumerate()) - before
    assert timer.daemon
    timer.cancel()


def test_snakemake_needs_it_still():
    """By itself, Snakemake has a timer for each call. If it has not, remove the workaround."""
    looks = threading.Semaphore(0)
    for _ in range(3):
        JobScheduler._schedule_reevalutation(SimpleNamespace(_open_jobs=looks), 0.01)
    assert all(looks.acquire(timeout=30) for _ in range(3))

"""profiles/slurm on a real Slurm: the results of a local run, whatever happens on the way.

Each story says what happens, and how many Slurm jobs it takes.
"""

from __future__ import annotations

import csv
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cluster.site import FOVS, PATIENCE
from cluster.slurm import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]


@dataclass(frozen=True)
class Story:
    """Something that happens to a run of some fields of view.

    With `rough` it happens to the nodes; with `sample` the fields of view make a sample.
    """

    tell: Callable
    fovs: int
    rough: bool = False
    sample: bool = False

    @property
    def name(self) -> str:
        return self.tell.__name__


def a_node_crashes_and_another_cannot_be_reached(here):
    """A node that is given up may still work: its job and the new one make the same arrays."""
    here.hold()
    here.start()
    held = here.held()
    old = tuple(job.id for job in held.values())
    crashed = held["000"].node
    lost = next(job.node for job in held.values() if job.node != crashed)
    here.cluster.crash(crashed)
    here.cluster.disconnect(lost)
    redone = [fov for fov, job in held.items() if job.node in (crashed, lost)]
    still = [here.segmenting(fov) for fov, job in held.items() if job.node == lost]
    here.held(*redone, not_in=old)
    assert still
    assert all(os.path.exists(f"/proc/{process}") for process in still), "not two at work"
    here.go_on()
    here.end()
    here.check()
    assert here.states.count("NODE_FAIL") == len(redone) == 2
    assert here.states.count("COMPLETED") == 3


def time_limit(here):
    """The second try has twice the time."""
    here.hold()
    here.start()
    job = here.held()["000"]
    here.cluster.run("scontrol", "update", f"JobId={job.id}", "TimeLimit=1")
    wait_until(lambda: here.jobs()[0].state == "TIMEOUT", PATIENCE, what="for the time limit")
    here.go_on()
    here.end()
    here.check()
    assert here.states == ["TIMEOUT", "COMPLETED"]
    assert here.jobs()[1].minutes == 2 * job.minutes


def killed_head(here):
    """Its jobs go on; unlocking the folder cancels them."""
    here.hold()
    here.start()
    held = here.held()
    old = tuple(job.id for job in held.values())
    here.head.send_signal(signal.SIGKILL)
    here.end(-signal.SIGKILL)
    here.run(expected=1)
    assert "--unlock" in here.text
    assert here.states == ["RUNNING"] * 2
    here.unlock()
    assert here.states == ["CANCELLED"] * 2, "unlocked while jobs are left"
    here.start()
    here.held(not_in=old)
    assert here.states == ["CANCELLED"] * 2 + ["RUNNING"] * 2, "two jobs for one field of view"
    here.go_on()
    here.end()
    here.check()
    assert here.states == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


def killed_and_cancelled(here):
    """A step is killed, another field's job is cancelled: only these two are redone."""
    here.hold()
    here.start()
    held = here.held()
    os.kill(here.segmenting("000"), signal.SIGKILL)
    here.cluster.run("scancel", held["001"].id)
    here.held("000", "001", not_in=(held["000"].id, held["001"].id))
    here.go_on()
    here.end()
    here.check()
    assert Counter(here.states) == {"CANCELLED": 1, "FAILED": 1, "COMPLETED": 3}
    assert here.job_of("002", "extract") == held["002"].id, "the third was done again"


def the_same_bytes_as_a_local_run(here):
    """One job per field of view, on several nodes, and one per step of a sample."""
    here.hold()
    here.start()
    held = here.held()
    assert len({job.node for job in held.values()}) > 1, "all on one node"
    here.go_on()
    here.end()
    here.check()
    assert here.states == ["COMPLETED"] * 3
    assert {job.id for job in here.jobs("group_fov")} == {job.id for job in held.values()}
    assert {job.cpus for job in here.jobs("group_fov")} == {1}
    for fov, job in held.items():
        logs = {path.stem for path in (here.folder / f"logs/small/fov_{fov}").glob("*.log")}
        for step in logs - {"overview"}:
            assert f"Slurm job {job.id} on node {job.node}" in here.log(fov, step), step
        assert len(logs - {"overview"}) == 8
    others = {here.submitted()[job.id]: job.cpus for job in here.jobs("rule_")}
    assert others == {"rule_merge": 1, "rule_plot_traces": 1, "rule_fit": 8,
                      "rule_plot_fits": 1, "rule_sample_page": 1, "rule_fit_page": 1}  # fmt: skip
    (merge,) = here.jobs("rule_merge")
    assert (merge.memory, merge.minutes) == (1000, 10), "not by the size of its tables"
    here.run()
    assert "Nothing to be done" in here.text
    assert len(here.jobs()) == 3 + len(others)


def neighbours(here):
    """The price of one job for two: a failure takes the other along, which then gets done alone."""
    here.hold()
    here.start("--group-components", "fov=2", "--retries", "0")
    first = wait_until(
        lambda: [fov for fov in here.fovs if here.job_of(fov)], PATIENCE, what="for the first"
    )
    assert len(first) == 1, "not one after the other"
    (second,) = set(here.fovs) - set(first)
    here.hold(second)
    here.go_on()
    here.held(second)
    assert list(here.folder.glob(f"results/small/fov_{first[0]}/*_traces.csv"))
    os.kill(here.segmenting(second), signal.SIGKILL)
    here.go_on(second)
    here.end(1)
    assert "of 2 fields of view" in here.text
    whole = ("images.zarr/**/zarr.json", "cells.zarr/zarr.json", "*.csv")
    left = [p for name in whole for p in here.folder.glob(f"results/small/fov_*/{name}")]
    assert left == [], "a job that failed left something that could be taken for whole"
    here.run()
    here.check()
    assert here.states == ["FAILED", "COMPLETED", "COMPLETED"]


def out_of_memory(here):
    """The second try has twice the memory."""
    (here.folder / "greedy").touch()
    here.run()
    here.check()
    assert here.states == ["FAILED", "COMPLETED"]
    first, second = here.jobs()
    assert second.memory == 2 * first.memory
    assert "memory limit" in here.node_log(first)


def one_field_fails_three_times(here):
    """The other one gets done; the first can be tried again."""
    (here.folder / "broken_000").touch()
    here.run(expected=1)
    assert Counter(here.states) == {"FAILED": 3, "COMPLETED": 1}
    here.check("001")
    with (here.folder / "results" / "status.csv").open(encoding="utf-8") as file:
        failed, good = csv.DictReader(file)
    assert (failed["state"], good["state"]) == ("failed", "done")
    assert "this field of view is broken" in failed["error"]
    assert "this field of view is broken" in here.text
    (here.folder / "broken_000").unlink()
    here.run()
    here.check()
    assert Counter(here.states) == {"FAILED": 3, "COMPLETED": 2}


def head_stopped_with_control_c(here):
    """The head cancels its jobs; the same command goes on."""
    here.hold()
    here.start()
    here.held()
    here.head.send_signal(signal.SIGINT)
    here.end(1)
    here.wait_for_jobs()
    assert here.states == ["CANCELLED"] * 2
    here.go_on()
    here.run()
    here.check()
    assert here.states == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


def head_stopped_with_sigterm(here):
    """The head waits for the jobs that run; the same command finds them done."""
    here.hold()
    here.start()
    here.held()
    here.head.send_signal(signal.SIGTERM)
    wait_until(lambda: "Will exit after finishing" in here.text, what="for the head to notice")
    here.go_on()
    here.end(1)
    assert here.states == ["COMPLETED"] * 2
    here.run()
    here.check()
    assert len(here.jobs()) == 2, "what was done is done again"


def two_fields_in_a_job(here):
    """One after the other on one CPU, with the time of both and the memory of one."""
    here.run("--group-components", "fov=2")
    here.check()
    assert here.states == ["COMPLETED"]
    (job,) = here.jobs()
    assert {here.job_of(fov, "extract") for fov in here.fovs} == {job.id}
    assert job.cpus == 1
    assert job.minutes == 2 * (14 + 15)  # the page of a field of view has the latter


def results_that_are_seen_late(here):
    """A shared disk that shows a folder only some seconds after it was written."""
    here.more = {"LATE": "results/small/fov_000"}
    here.run()
    here.check()
    assert here.states == ["COMPLETED"]
    assert "Waiting at most 20 seconds for missing files" in here.node_log(here.jobs()[0])


# Those that take longest come first.
STORIES = [
    Story(a_node_crashes_and_another_cannot_be_reached, FOVS, rough=True),
    Story(time_limit, 1),
    Story(killed_head, 2),
    Story(one_field_fails_three_times, 2),
    Story(killed_and_cancelled, FOVS),
    Story(the_same_bytes_as_a_local_run, FOVS, sample=True),
    Story(neighbours, 2),
    Story(head_stopped_with_control_c, 2),
    Story(out_of_memory, 1),
    Story(head_stopped_with_sigterm, 2),
    Story(two_fields_in_a_job, 2),
    Story(results_that_are_seen_late, 1),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test(story, told):
    told[story].result()

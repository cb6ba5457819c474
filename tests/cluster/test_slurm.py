"""profiles/slurm on a real Slurm: the results of a local run, whatever happens on the way.

Most of the time is waiting, for the head looks at the queue ever less often while nothing ends; so
several runs are at work at once, each in a folder of its own.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.slurm import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]


def at_once(*stories) -> None:
    """Let stories happen at the same time; each is a function and its site."""
    with ThreadPoolExecutor(len(stories)) as pool:
        for future in [pool.submit(story, here) for story, here in stories]:
            future.result()


def states(here) -> list[str]:
    """How the Slurm jobs of all runs ended, in the order they were submitted."""
    return [job.state for job in here.jobs()]


def test_the_same_bytes_as_a_local_run(site):
    here = site(4)
    here.hold()
    here.start()
    held = here.held()
    assert len({job.node for job in held.values()}) > 1, "all on one node"
    here.go_on()
    here.end()
    here.check()
    assert states(here) == ["COMPLETED"] * 4, "not one job per field of view"
    for fov, job in held.items():
        assert job.cpus == 1
        logs = {path.stem for path in (here.folder / f"logs/small/fov_{fov}").glob("*.log")}
        for step in logs - {"overview"}:
            assert f"Slurm job {job.id} on node {job.node}" in here.log(fov, step), step
        assert len(logs - {"overview"}) == 7
    here.run()
    assert "Nothing to be done" in here.text
    assert len(here.jobs()) == 4


def test_faults_of_single_jobs(site):
    at_once((out_of_memory, site(1, "memory")), (killed_and_cancelled, site(3, "killed")))


def out_of_memory(here):
    """The second try has twice the memory."""
    (here.folder / "greedy").touch()
    here.run()
    here.check()
    assert states(here) == ["FAILED", "COMPLETED"]
    first, second = (int(job.memory.removesuffix("M")) for job in here.jobs())
    assert second == 2 * first
    (log,) = (here.folder / "logs" / "slurm").rglob(f"{here.jobs()[0].id}.log")
    assert "memory limit" in log.read_text("utf-8")


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
    assert sorted(states(here)) == ["CANCELLED", "COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]
    assert here.job_of("002", "extract") == held["002"].id, "the third was done again"


def test_a_node_crashes_and_another_cannot_be_reached(site):
    """A node that is given up may still work: its job and the new one make the same arrays."""
    here = site(3)
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
    assert states(here).count("NODE_FAIL") == len(redone)
    assert states(here).count("COMPLETED") == 3


def test_the_head_stops(site):
    at_once(
        (stopped_with_control_c, site(2, "int")),
        (stopped_with_sigterm, site(2, "term")),
        (killed_head, site(2, "kill")),
    )


def ended(here) -> bool:
    return not {"RUNNING", "COMPLETING", "PENDING"} & set(states(here))


def stopped_with_control_c(here):
    """The head cancels its jobs; the same command goes on."""
    here.hold()
    here.start()
    here.held()
    here.signal(signal.SIGINT)
    here.end(1)
    wait_until(lambda: ended(here), what="for the jobs to be cancelled")
    assert states(here) == ["CANCELLED"] * 2
    here.go_on()
    here.run()
    here.check()
    assert states(here) == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


def stopped_with_sigterm(here):
    """The head waits for the jobs that run; the same command finds them done."""
    here.hold()
    here.start()
    here.held()
    here.signal(signal.SIGTERM)
    wait_until(lambda: "Will exit after finishing" in here.text, what="for the head to notice")
    here.go_on()
    here.end(1)
    assert states(here) == ["COMPLETED"] * 2
    here.run()
    here.check()
    assert len(here.jobs()) == 2, "what was done is done again"


def killed_head(here):
    """Its jobs go on; unlocking the folder cancels them."""
    here.hold()
    here.start()
    held = here.held()
    old = tuple(job.id for job in held.values())
    here.signal(signal.SIGKILL)
    here.end(-signal.SIGKILL)
    here.run(expected=1)
    assert "--unlock" in here.text
    assert states(here) == ["RUNNING"] * 2
    here.unlock()
    assert states(here) == ["CANCELLED"] * 2, "unlocked while jobs are left"
    here.start()
    here.held(not_in=old)
    assert states(here) == ["CANCELLED"] * 2 + ["RUNNING"] * 2, "two jobs for one field of view"
    here.go_on()
    here.end()
    here.check()
    assert states(here) == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


def test_several_fields_of_view_in_a_job(site):
    at_once((together, site(4, "together")), (neighbours, site(2, "neighbours")))


def test_results_that_are_seen_late(site):
    """A shared disk that shows a folder only some seconds after it was written."""
    here = site(1)
    here.more = {"LATE": "results/small/fov_000"}
    here.run()
    here.check()
    assert states(here) == ["COMPLETED"]
    (log,) = (here.folder / "logs" / "slurm").rglob("*.log")
    assert "Waiting at most 20 seconds for missing files" in log.read_text("utf-8")


def together(here):
    """Two jobs of two fields of view and two CPUs each."""
    here.run("--group-components", "fov=2", "--cores", "2")
    here.check()
    assert states(here) == ["COMPLETED"] * 2
    assert [job.cpus for job in here.jobs()] == [2, 2]
    shared = [here.job_of(fov, "extract") for fov in here.fovs]
    assert sorted(shared.count(job) for job in set(shared)) == [2, 2]


def neighbours(here):
    """The price: a failure takes its neighbours along; in jobs of their own, they get done."""
    here.hold()
    here.start("--group-components", "fov=2", "--retries", "0", "--cores", "2")
    here.held()
    os.kill(here.segmenting("000"), signal.SIGKILL)
    here.go_on()
    here.end(1)
    assert "of 2 fields of view" in here.text
    left = list((here.folder / "results/small").glob("fov_*/**/zarr.json"))
    assert left == [], "a job that failed left something that could be taken for whole"
    here.run()
    here.check()
    assert states(here) == ["FAILED", "COMPLETED", "COMPLETED"]

"""What a run shows on the terminal: one line for each field of view, not several for each job.

These are filters and a handler for the records that Snakemake logs; their attributes are those that
Snakemake gives to its logger plug-ins. Its own log in `.snakemake/log` holds all records.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping

from fovea.config.plan import Plan
from fovea.errors import FoveaError
from fovea.runs.cell_counts import field_counts

#: Said at the start of a run.
HINT = (
    "Each field of view has a line here when it is done; `fovea status` shows how far the others "
    "are, and `--quiet host` brings back the lines of every job"
)
#: Records of single jobs and of the choice of the next ones.
_OF_JOBS = {
    "job_info", "job_started", "job_finished", "job_error", "group_info", "progress",
}  # fmt: skip
_CHOICES = {
    "Select jobs to execute...",
    "Updating checkpoint dependencies.",
    "DAG of jobs will be updated after completion.",
}
_SUBMITTED = "has been submitted with SLURM jobid"
#: How a script ended that has said itself what is wrong.
_SAID = "returned non-zero exit status 1."
_PLACE = re.compile(r'WorkflowError in file "[^"]*", line \d+:')
_FRAME = re.compile(r'  File "[^"]*", line \d+, in .*')

Job = tuple[str, frozenset]  # rule and wildcards


def event(record: logging.LogRecord) -> str:
    """Return which of Snakemake's events a record is of; empty for none."""
    return str(getattr(record, "event", None) or "")


def without_places(record: logging.LogRecord) -> bool:
    """Take files and lines of the workflow off an error that has its own words; a filter."""
    if event(record) == "error" and getattr(record, "exception", "") == "WorkflowError":
        first, *lines = record.getMessage().splitlines()
        if _PLACE.fullmatch(first):
            kept = [line for line in lines if not _FRAME.fullmatch(line)]
            record.msg, record.args = "\n".join(kept), None
    return True


def passes(record: logging.LogRecord) -> bool:
    """Return whether a record is none of those that `FieldLines` has lines for; a filter."""
    text = record.getMessage()
    ended = event(record) == "error" and text.startswith("RuleException:") and _SAID in text
    of_jobs = event(record) in _OF_JOBS or text in _CHOICES or _SUBMITTED in text
    return not (ended or of_jobs)


class FieldLines(logging.Handler):
    """Shows a line for each field of view that is done, each other job and each failed one.

    Parameters
    ----------
    plan : Plan
    due : callable
        Returns rule and wildcards of the jobs that the run has still to do.
    say : callable
        Is given each line.
    """

    def __init__(
        self, plan: Plan, due: Callable[[], Iterable[tuple[str, Mapping[str, str]]]],
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ):  # fmt: skip
        super().__init__(logging.INFO)
        self._plan, self._due, self._say = plan, due, say
        self._jobs: dict[int, tuple[str, Mapping[str, str], str]] = {}
        self._left: dict[tuple[str, str], set[Job]] | None = None  # None: to be asked for again
        self._done: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show the line of a record, if it has one."""
        about, kind = record.__dict__, event(record)
        if kind == "job_info":
            words = about["rule_msg"] or about["rule_name"]
            self._jobs[about["jobid"]] = about["rule_name"], about["wildcards"], words
            if "fov" not in about["wildcards"]:
                self._line(words)
        elif kind == "job_error":
            rule = about["rule_name"]
            *_, words = self._jobs.get(about["jobid"], (rule, {}, rule))
            logs = f" (log: {', '.join(about['log'])})" if about["log"] else ""
            more = f": {about['rule_msg']}" if about["rule_msg"] else ""
            self._line(f"FAILED {words}{more}{logs}")
        elif kind == "job_finished" and about["job_id"] in self._jobs:
            self._finished(*self._jobs.pop(about["job_id"])[:2])

    def _finished(self, rule: str, wildcards: Mapping[str, str]) -> None:
        if "fov" not in wildcards:
            self._left = None  # what is in a recording is known only after its inspection
            return
        place = wildcards["dataset"], wildcards["fov"]
        if self._left is None:
            self._left = {}
            for name, given in self._due():
                if "fov" in given:
                    own = self._left.setdefault((given["dataset"], given["fov"]), set())
                    own.add((name, frozenset(given.items())))
        left = self._left.get(place, set())
        left.discard((rule, frozenset(wildcards.items())))
        if not left:
            self._done.add(place)
            self._left.pop(place, None)
            total = len(self._done | self._left.keys())
            self._line(f"{self._words(*place)}; {len(self._done)} of {total}")

    def _words(self, dataset: str, fov: str) -> str:
        try:
            counts = field_counts(self._plan.datasets[dataset], fov)
        except FoveaError:  # the table is damaged, which its reader and the end of the run say
            counts = None
        cells = f", {counts.kept} of {counts.found} cells kept" if counts else ""
        return f"{dataset}, field of view {fov}: done{cells}"

    def _line(self, words: str) -> None:
        self._say(f"{time.strftime('%H:%M:%S')} {words}")

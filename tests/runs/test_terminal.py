"""What a run shows on the terminal, told from records as Snakemake logs them."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path

import pytest
from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.common import LogEvent

from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.runs.terminal import FieldLines, passes, without_places

FIELDS = ("000", "001")
STEPS = ("copy_raw", "segment")


def record(text: str, event: LogEvent | None = None, **more) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": text, "levelno": logging.INFO} | more)
    if event is not None:
        made.event = event
    return made


def info(number: int, rule: str, words: str, **wildcards: str) -> logging.LogRecord:
    return record("", LogEvent.JOB_INFO, jobid=number, rule_name=rule, rule_msg=words,
                  wildcards=wildcards)  # fmt: skip


def finished(number: int) -> logging.LogRecord:
    return record("", LogEvent.JOB_FINISHED, job_id=number)


class Run:
    """A run of two steps in each field of view of dataset a, known after its inspection."""

    def __init__(self):
        entry = {"input": "data/rec.nd2", "channels": {"pc": {"channel": 0}}}
        self.due: list[tuple[str, dict[str, str]]] = []
        self.lines: list[str] = []
        self.terminal = FieldLines(
            Plan(validated({"datasets": {"a": entry}})), lambda: self.due,
            lambda line: self.lines.append(line.split(" ", 1)[1]),
        )  # fmt: skip

    def start(self) -> None:
        self.see(info(0, "inspect_input", "Inspect a", dataset="a"), finished(0))
        self.due = [(step, {"dataset": "a", "fov": fov}) for fov in FIELDS for step in STEPS]

    def see(self, *records: logging.LogRecord) -> None:
        for one in records:
            self.terminal.handle(one)

    def do(self, number: int, step: str, fov: str) -> None:
        self.see(info(number, step, f"{step}: a, {fov}", dataset="a", fov=fov), finished(number))


def test_one_line_for_each_field_of_view(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Path("results/a/fov_001/a_fov_001_cells.csv")
    table.parent.mkdir(parents=True)
    table.write_text("fov,cell,reason\n1,1,\n1,2,short\n", "utf-8")
    run = Run()
    run.start()
    run.do(1, "copy_raw", "001")
    run.do(2, "copy_raw", "000")
    run.do(3, "segment", "001")
    run.see(info(4, "merge", "Merge the traces of sample s", sample="s"))
    run.do(5, "segment", "000")
    assert run.lines == [
        "Inspect a",
        "a, field of view 001: done, 1 of 2 cells kept; 1 of 2",
        "Merge the traces of sample s",
        "a, field of view 000: done; 2 of 2",
    ]
    checksum = table.parent / ".checksums" / f"{table.name}.json"
    checksum.parent.mkdir()
    checksum.write_text("damaged", "utf-8")
    again = Run()
    again.start()
    again.do(1, "copy_raw", "001")
    again.do(2, "segment", "001")
    assert again.lines[1:] == ["a, field of view 001: done; 1 of 2"]


def test_a_job_that_failed_has_a_line_and_its_field_of_view_is_not_done():
    run = Run()
    run.start()
    run.do(1, "copy_raw", "000")
    run.see(
        info(2, "segment", "Segment: a, field of view 000", dataset="a", fov="000"),
        record("", LogEvent.JOB_ERROR, jobid=2, rule_name="segment", rule_msg="out of memory",
               log=["logs/a/x.log"]),
    )  # fmt: skip
    assert run.lines[1:] == [
        "FAILED Segment: a, field of view 000: out of memory (log: logs/a/x.log)"
    ]


def test_lines_of_jobs_are_hidden_and_all_others_are_shown():
    hidden = [
        *(record("", LogEvent(event)) for event in ("job_info", "job_finished", "progress")),
        record("Select jobs to execute..."),
        record("Job 5 has been submitted with SLURM jobid 77 (log: x)."),
        record("RuleException:\nCalledProcessError in file x\nreturned non-zero exit status 1.",
               LogEvent.ERROR),
    ]  # fmt: skip
    shown = [
        record("Building DAG of jobs..."),
        record("Trying to restart job 5."),
        record("RuleException:\nCalledProcessError in file x\ndied with <Signals.SIGKILL: 9>.",
               LogEvent.ERROR),
        record("Job stats: x", LogEvent.RUN_INFO),
    ]  # fmt: skip
    assert not any(map(passes, hidden))
    assert all(map(passes, shown))


def test_errors_of_a_config_come_without_lines_of_the_workflow():
    text = (
        'WorkflowError in file "/x/rules/common.smk", line 26:\nconfig.yaml: a: wrong\nmend it\n'
        '  File "/x/rules/common.smk", line 30, in <module>'
    )
    shown = StringIO()
    terminal = ColorizingTextHandler(nocolor=True, stream=shown)
    terminal.addFilter(without_places)
    for exception in ("WorkflowError", "NameError"):
        terminal.handle(record(text, LogEvent.ERROR, exception=exception))
    assert shown.getvalue() == f"config.yaml: a: wrong\nmend it\n{text}\n"


@pytest.mark.parametrize("name", ["JOB_INFO", "JOB_FINISHED", "JOB_ERROR", "PROGRESS", "ERROR"])
def test_snakemake_names_its_events_as_before(name):
    assert str(LogEvent[name]) == name.lower()

"""Many dry runs in one process, so that Snakemake is imported once: python dry_runs.py < requests.

Standard input: a JSON list of ``{"folder": ..., "arguments": [...]}``. Standard output: for each,
in the same order, ``{"code": ..., "text": ..., "jobs": [...]}``, where a job holds what Snakemake
says of it: its rule, wildcards, message, input, output, log, benchmark, reason, resources, threads.
Each dry run is a fork of its own, so none sees what another one left behind.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from snakemake.cli import main
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

KEYS = ("rule_name", "wildcards", "rule_msg", "input", "output", "log", "benchmark", "reason",
        "resources", "threads")  # fmt: skip


def dry_run(folder: str, arguments: list[str]) -> dict:
    """One dry run in a forked process."""
    with tempfile.TemporaryDirectory() as place:
        text, found = Path(place) / "text", Path(place) / "jobs"
        child = os.fork()
        if child == 0:
            _in_child(folder, arguments, text, found)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        jobs = json.loads(found.read_text()) if found.exists() else []
        return {"code": code, "text": text.read_text(), "jobs": jobs}


def _in_child(folder: str, arguments: list[str], text: Path, found: Path) -> None:
    jobs = []

    def keep(record) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            jobs.append({key: _plain(getattr(record, key)) for key in KEYS})
        return True

    code = 1
    try:
        out = os.open(text, os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(folder)
        logger.addFilter(keep)  # a filter, because Snakemake removes handlers
        main(["--dry-run", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        found.write_text(json.dumps(jobs))
        os._exit(code)


def _plain(value):
    if isinstance(value, (str, int)) or value is None:
        return value
    if hasattr(value, "items"):
        return {str(key): str(item) for key, item in value.items()}
    return [str(item) for item in value]


if __name__ == "__main__":
    json.dump([dry_run(**request) for request in json.load(sys.stdin)], sys.stdout)

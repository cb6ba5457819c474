"""Logs of jobs: parameters, progress, timings, and on failure one line that a user can act on."""

from __future__ import annotations

import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fovea import __version__
from fovea.errors import FoveaError
from fovea.jobs.log_state import DONE, FAILED, FORMAT, HOST, PROGRESS, STARTED
from fovea.jobs.memory import keep_freed_memory, peak_memory
from fovea.jobs.space import full_disk
from fovea.kernels.cache_folder import ensure_compiled

NAME = "fovea"
INTERVAL = 5.0  # seconds between two lines of progress


@contextmanager
def job(snakemake) -> Iterator[logging.Logger]:
    """Keep the log of one job, from its rule and parameters to `done` or the error.

    `snakemake` is the object that Snakemake gives to a script. The logger writes to the rule's log
    file, as warnings of libraries do; Fovea's own warnings are also shown on the terminal. After
    an exception the log holds the traceback and, as its last line, the error; the terminal shows
    that line and the name of the log; the exit code of the job is 1.
    """
    file = Path(snakemake.log[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    log = logging.getLogger(NAME)
    log.setLevel(logging.INFO)
    log.propagate = False
    loggers = [log, logging.getLogger("py.warnings")]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
    words = {"fov": "field of view"}  # wildcards that people call otherwise
    place = ", ".join(f"{words.get(k, k)} {value}" for k, value in snakemake.wildcards.items())
    what = f"{snakemake.rule} ({place})"
    terminal = _terminal(what, file)
    log.addHandler(terminal)
    log.info("%s %s: Fovea %s", STARTED, what, __version__)
    log.info(HOST, platform.node(), os.getpid(), snakemake.threads, platform.python_version())
    for key, value in snakemake.params.items():
        log.info("parameter %s: %s", key, value)
    if number := os.environ.get("SLURM_JOB_ID"):
        log.info("Slurm job %s on node %s", number, os.environ.get("SLURMD_NODENAME", "unknown"))
    start = time.perf_counter()
    try:
        if {"fov", "fl"} & set(snakemake.wildcards.keys()):  # of a field of view, or flat_field
            ensure_compiled(log)
            keep_freed_memory()
        if paths := getattr(snakemake, "config", {}).get("plugins"):
            from fovea.plugins.loader import load_plugins

            load_plugins(paths)
        yield log
        usage = resource.getrusage(resource.RUSAGE_SELF)
        log.info(
            "%s in %.1f s; of the whole process: CPU time %.2f s, peak memory %d MB",
            DONE, time.perf_counter() - start, usage.ru_utime + usage.ru_stime,
            peak_memory(),
        )  # fmt: skip
    except BaseException as error:
        text = " ".join(str(error).split())
        if isinstance(error, KeyboardInterrupt):
            text = "stopped from outside"
        elif full := full_disk(error):
            text = full
        elif not isinstance(error, FoveaError):
            text = f"{type(error).__name__}: {text}"
        log.error("traceback", exc_info=error)
        log.error("%s: %s", FAILED, text)
        print(f"{what} failed: {text} (log: {file})", file=sys.stderr)
        sys.exit(1)
    finally:
        log.removeHandler(terminal)
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _terminal(what: str, file: Path) -> logging.Handler:
    """Return a handler that shows warnings only; an error is printed once, when the job ends."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: record.levelno == logging.WARNING)
    text = f"{what}, warning: {{message}} (log: {file})"
    handler.setFormatter(logging.Formatter(text, style="{"))
    return handler


def progress(
    frames: Iterable, total: int, log: logging.Logger, interval=INTERVAL, what="frame"
) -> Iterator:
    """Yield frames, and log every `interval` seconds and at the end: ``frame 40 of 180``."""
    last = time.perf_counter()
    for done, frame in enumerate(frames, 1):
        yield frame
        now = time.perf_counter()
        if now - last >= interval or done == total:
            log.info(PROGRESS, what, done, total)
            last = now

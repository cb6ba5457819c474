import atexit
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.append(str(Path(workflow.current_basedir).parent / "scripts"))
if SOURCES:
    sys.path.insert(0, f"{SOURCES}library")  # goes before a Fovea that is installed

from fovea.config import roots, written
from fovea.errors import FoveaError
from fovea.runs import hosted, terminal

if SOURCES:
    hosted.prefer(f"{SOURCES}library")

# Snakemake's own handler of the terminal; there is none where a logger plug-in writes to it.
TERMINAL = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
for handler in TERMINAL:
    handler.addFilter(terminal.without_places)


def command(*more):
    """The command line of this run, with more options if wanted, for people to repeat."""
    program, *options = sys.argv
    found = shutil.which("snakemake")
    short = found and os.path.realpath(found) == os.path.realpath(program)
    return ["snakemake" if short else program, *more, *options]


def check_config(file):
    """Stop if Fovea refuses a config; the message has the line, which Snakemake's has not."""
    try:
        if workflow.is_main_process and os.path.exists(file):
            roots.check_readable(written.read_config(file), file)
    except FoveaError as error:
        raise WorkflowError(str(error))


place = ".snakemake" if os.path.exists(".snakemake") else "."
if workflow.is_main_process and not os.access(place, os.W_OK):
    raise WorkflowError(
        f"{os.getcwd()}: cannot be written (a disk that is mounted read-only, or permissions), "
        "and Snakemake works nowhere else; run it in a folder of your own with --directory"
    )


@atexit.register
def say_how_to_unlock():
    """Name the command that unlocks the folder, where Snakemake refuses to start."""
    known = workflow.persistence if workflow.is_main_process else None
    if known is not None and not workflow.dryrun and known.locked:
        print(
            f"{os.getcwd()}: Snakemake is at work here, or was killed.\n"
            "If it is at work, wait for its end. If not, give these two commands:\n"
            f"    {shlex.join(command('--unlock'))}\n"
            f"    {shlex.join(command())}",
            file=sys.stderr,
        )


def inspect_first(names):
    """Say what to do where `--until` is given, and the fields of view are not known yet."""
    files = [fill(paths.METADATA, dataset=name) for name in names]
    options, until = [], False
    for word in command():
        until = word in ("--until", "-U") or (until and not word.startswith("-"))
        options += [] if until or word.startswith("--until=") else [word]
    due = [file for file in files if not os.path.exists(file)]
    return (
        "--until cannot be used before all recordings have been inspected, as the fields of view "
        "(`fovs: all`) are not known; give this command first, and then the same again:\n"
        f"    {shlex.join([*options, *due])}"
    )

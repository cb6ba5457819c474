"""What follows from verdicts: which jobs would run again, the command, and a run of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from fovea.errors import FoveaError

_STEPS = re.compile(r"^(\d+) of (\d+) steps \((\d+)%\) done", re.M)
_JOBS = re.compile(r"^Job stats:\n(.*?)\n\n", re.M | re.S)
_TAIL = 20_000  # bytes of a run's output that are looked at
_ERROR = re.compile(r"^(?:Fovea: .*|  .*, step .*|WorkflowError:.*\n(?:    .*\n?)*)", re.M)


def find_snakefile(folder: Path) -> Path | None:
    """Return the workflow of a working folder: its own, or that of this clone."""
    clone = Path(__file__).resolve().parents[4] / "Snakefile"
    places = (folder / "workflow" / "Snakefile", folder / "Snakefile", clone)
    return next((path for path in places if path.is_file()), None)


class Rerun:
    """Snakemake in a working folder, as one would call it there.

    Parameters
    ----------
    folder : path
        Working directory of the run.
    configfile : path or None
        Given as ``--configfile``.
    snakefile : path or None
        Looked for, see `find_snakefile`, where it is None.
    cores : int
        How many the run may use.
    """

    def __init__(self, folder: Path, configfile: Path | None, snakefile: Path | None, cores: int):
        self.folder, self.cores = folder, cores
        self.snakefile = snakefile or find_snakefile(folder)
        self._configfile = configfile
        self._process: subprocess.Popen | None = None
        self._asked: subprocess.Popen | None = None
        self._output: IO[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """The words of the command, to be given in the working folder."""
        words = ["snakemake", "--cores", str(self.cores)]
        usual = (self.folder / "Snakefile", self.folder / "workflow" / "Snakefile")
        if self.snakefile is not None and self.snakefile not in usual:
            words += ["--snakefile", str(self.snakefile)]
        if self._configfile is not None:
            words += ["--configfile", str(self._configfile)]
        return words

    @property
    def words(self) -> str:
        """The command, to be copied."""
        return f"cd {shlex.quote(str(self.folder))} && {shlex.join(self.command)}"

    @property
    def at_work(self) -> bool:
        """Whether Snakemake works in this folder, started here or elsewhere, or was killed."""
        return self.running or any((self.folder / ".snakemake" / "locks").glob("*"))

    @property
    def running(self) -> bool:
        """Whether the run that was started here goes on."""
        return self._process is not None and self._process.poll() is None

    def _start(self, *more: str, output) -> subprocess.Popen:
        if self.snakefile is None:
            raise FoveaError(
                f"{self.folder}: there is no Snakefile here, so it is not known which workflow to "
                "run; name it with --snakefile"
            )
        if shutil.which("snakemake", path=str(Path(sys.executable).parent)) is None:
            raise FoveaError(
                "Snakemake is not installed beside this program; give the command that is shown in "
                "the environment of the workflow"
            )
        kept = {name: value for name, value in os.environ.items() if "SNAKEMAKE" not in name}
        return subprocess.Popen(
            [sys.executable, "-m", *self.command, *more], cwd=self.folder,
            env=kept | {"TERM": "dumb"}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def would_run(self) -> str:
        """Return the table of jobs that would run again; empty if there is nothing to do."""
        with tempfile.TemporaryFile() as output:
            self._asked = self._start("--dry-run", "--quiet", "host", output=output)
            code = self._asked.wait()
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        if code:
            lines = [line for line in said.splitlines() if line.strip()]
            raise FoveaError(f"snakemake --dry-run failed: {lines[-1] if lines else 'no message'}")
        found = _JOBS.search(said)
        return found[1] if found else ""

    def run(self) -> None:
        """Start a run, unless one is at work."""
        if self.at_work:
            raise FoveaError(
                "Snakemake is at work in this folder, or was killed; wait for its end, or look at "
                "the terminal in which it runs"
            )
        self._output = tempfile.TemporaryFile()  # noqa: SIM115, it is read while the run goes on
        # With the lines of every job, of which `progress` reads how many are done.
        self._process = self._start("--quiet", "host", output=self._output)

    def stop(self) -> None:
        """Ask the run that was started here to end."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """Give up a dry run; a run that was started goes on."""
        if self._asked is not None and self._asked.poll() is None:
            self._asked.kill()

    def said(self) -> str:
        """Return the end of what the run has written so far."""
        if self._output is None:
            return ""
        size = os.fstat(self._output.fileno()).st_size
        data = os.pread(self._output.fileno(), _TAIL, max(0, size - _TAIL))
        return data.decode("utf-8", "replace")

    def progress(self) -> tuple[int, int] | None:
        """Return how many steps of how many are done; None before the first one is."""
        found = _STEPS.findall(self.said())
        return (int(found[-1][0]), int(found[-1][1])) if found else None

    def code(self) -> int | None:
        """Return the exit code of the run, None while it goes on or before there was one."""
        return None if self._process is None else self._process.poll()

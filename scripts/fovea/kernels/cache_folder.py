"""The folder of compiled kernels, and their compilation by one job for all others."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path

_BY_OTHERS, _STICKY = stat.S_IWGRP | stat.S_IWOTH, stat.S_ISVTX
PATIENCE = 300  # seconds that a job waits while another one compiles


def cache_folder() -> Path | None:
    """Return the folder of kernels compiled from these sources by this numba and Python.

    It lies in the folder named by ``FOVEA_CACHE``, by default in the user's cache folder, and in
    the temporary folder where neither can be used; None where that cannot be used either. Jobs and
    machines with different processors may share it: numba replaces files atomically and keeps one
    entry per type of processor. Only this user (or root) can have written there, because what is
    found there is run.
    """
    name = f"kernels-{sources()}"
    for base in (_named, _temporary):
        try:
            folder = base() / name
            _make_private(folder)
        except (OSError, RuntimeError) as error:  # RuntimeError: nobody knows the user's home
            refused[str(error)] = None
        else:
            return folder
    return None


@cache
def sources() -> str:
    """Return a digest of the sources of all kernels, of Python and of numba."""
    digest = hashlib.sha256(f"{sys.version} numba {_numba_version()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


#: Why folders cannot be used, in order, for the logs of jobs.
refused: dict[str, None] = {}


def _named() -> Path:
    if given := os.environ.get("FOVEA_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fovea"


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"fovea-{os.getuid()}"


def _make_private(folder: Path) -> None:
    """Make a folder that only this user can write, and nobody else can exchange; else OSError.

    One that is read-only will do where all kernels are in it.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    around = folder.parent.stat()
    if around.st_uid == os.getuid() and around.st_mode & _BY_OTHERS:
        folder.parent.chmod(stat.S_IMODE(around.st_mode) & ~_BY_OTHERS)  # as an open umask made it
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    for path in (folder.parent.resolve(), folder):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise OSError(f"{path}: is no folder")
        mine = found.st_uid in (os.getuid(), 0)
        shared = found.st_mode & _BY_OTHERS and not (path != folder and found.st_mode & _STICKY)
        if not mine or shared:
            raise OSError(
                f"{path}: others can write there, and what is there is run; set FOVEA_CACHE to a "
                "folder of your own"
            )
    if not (os.access(folder, os.W_OK) or _ready(folder).exists()):
        raise OSError(f"{folder}: cannot be written")


def _numba_version() -> str | None:
    """Return numba's version; None without numba, as where Snakemake runs with --sdm conda."""
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def machine() -> str:
    """Return a digest of the kind of processor; kernels are compiled for each kind."""
    kept = [platform.machine()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            first = takewhile(str.strip, file)  # the other cores are the same
            wanted = ("model name", "flags", "Features", "CPU part")
            kept += [line for line in first if line.startswith(wanted)]
    except OSError:
        kept.append(platform.node())
    return hashlib.sha256("".join(kept).encode()).hexdigest()[:16]


def stamp() -> Path | None:
    """Return the path of the file that exists once all kernels are compiled for this machine.

    None where there is no cache.
    """
    folder = cache_folder()
    return folder and _ready(folder)


def _ready(folder: Path) -> Path:
    return folder / f"ready-{machine()}"


def compiled() -> bool:
    """Whether there is nothing to compile beforehand.

    Kernels are ready, numba is not installed, or there is no cache.
    """
    return _numba_version() is None or (ready := stamp()) is None or ready.exists()


def ensure_compiled(log: logging.Logger) -> None:
    """Compile all kernels unless that has been done; of jobs that start together, one compiles.

    The others wait for it, for at most `PATIENCE` seconds. After that, or if compiling fails,
    each job goes on and compiles the kernels that it needs.
    """
    if compiled():
        for reason in refused:
            log.info("a folder for compiled kernels cannot be used: %s", reason)
        return
    ready = stamp()
    lock = ready.with_name(f"compiling-{machine()}")
    end = time.monotonic() + PATIENCE
    while not ready.exists() and time.monotonic() < end:
        try:
            is_mine = _lock(lock)
        except OSError as error:  # full, or read-only: compiling twice would gain nothing
            log.info("kernels cannot be stored, so each job compiles its own: %s", error)
            return
        if not is_mine:
            if _abandoned(lock):
                lock.unlink(missing_ok=True)
            time.sleep(0.2)
            continue
        try:
            log.info("compiling kernels (once per version and kind of machine)")
            library = str(Path(__file__).parents[2])
            paths = os.pathsep.join(filter(None, [library, os.environ.get("PYTHONPATH")]))
            done = subprocess.run(
                [sys.executable, "-m", "fovea.runs.compile_kernels"],
                env={**os.environ, "PYTHONPATH": paths},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                log.info("kernels could not be compiled beforehand: %s", done.stderr.strip()[-500:])
                return
        finally:
            lock.unlink(missing_ok=True)


def _lock(path: Path) -> bool:
    """Create the lock file, which names its owner; False if another job holds it."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(f"{platform.node()} {os.getpid()}\n")
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _abandoned(path: Path) -> bool:
    """Whether the owner of a lock ended without removing it, as far as this machine can tell."""
    try:
        owner = path.read_text("utf-8").split()
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    if len(owner) == 2 and owner[0] == platform.node() and Path("/proc/self").exists():
        return not Path(f"/proc/{owner[1]}").exists()
    return age > PATIENCE

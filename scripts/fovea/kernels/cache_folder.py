"""The folder of compiled kernels, and their compilation by one job for all others."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path

PATIENCE = 300  # seconds that a job waits while another one compiles


def cache_folder() -> Path:
    """Return the folder of kernels compiled from these sources by this numba and Python.

    It lies in the folder named by ``FOVEA_CACHE``, by default in the user's cache folder, and in
    the temporary folder where neither can be written. Jobs and machines with different processors
    may share it: numba replaces files atomically and keeps one entry per type of processor.
    """
    digest = hashlib.sha256(f"{sys.version} numba {_numba_version()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("FOVEA_CACHE") or Path(user) / "fovea") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"fovea-{os.getuid()}" / name


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


def stamp() -> Path:
    """Return the path of the file that exists once all kernels are compiled for this machine."""
    return cache_folder() / f"ready-{machine()}"


def compiled() -> bool:
    """Whether there is nothing to compile: kernels are ready, or numba is not installed."""
    return _numba_version() is None or stamp().exists()


def ensure_compiled(log: logging.Logger) -> None:
    """Compile all kernels unless that has been done; of jobs that start together, one compiles.

    The others wait for it, for at most `PATIENCE` seconds. After that, or if compiling fails,
    each job goes on and compiles the kernels that it needs.
    """
    if compiled():
        return
    lock = stamp().with_name(f"compiling-{machine()}")
    end = time.monotonic() + PATIENCE
    while not stamp().exists() and time.monotonic() < end:
        if not _lock(lock):
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
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{platform.node()} {os.getpid()}\n")
        return True
    except FileExistsError:
        return False
    except OSError:
        return True  # the folder is read-only: each job compiles for itself


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

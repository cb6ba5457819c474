"""Where compiled kernels are kept."""

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
from pathlib import Path

PATIENCE = 300  # seconds that a job waits for another one to compile


def cache_folder() -> Path:
    """Folder of the compiled kernels for this version of their sources, numba and Python.

    ``FOVEA_CACHE`` names the parent; without it, it is the user's cache folder, and where that
    cannot be written, the temporary folder. Several jobs, and machines with different processors,
    can share it: numba replaces files atomically and keeps one entry per processor type.
    """
    digest = hashlib.sha256(f"{sys.version} numba {_numba_version()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    for parent in _parents():
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.gettempdir()) / f"fovea-{os.getuid()}" / name


def _parents() -> list[Path]:
    chosen = os.environ.get("FOVEA_CACHE")
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return [Path(chosen)] if chosen else [Path(user) / "fovea"]


def _numba_version() -> str | None:
    """None where numba is not installed: Snakemake itself needs none with --sdm conda."""
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


def machine() -> str:
    """The kind of processor, as the machine describes it; kernels are compiled for each kind."""
    kept = [platform.machine()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("model name", "flags", "Features", "CPU part")):
                    kept.append(line)
                elif not line.strip():
                    break  # the other cores are the same
    except OSError:
        kept.append(platform.node())
    return hashlib.sha256("".join(kept).encode()).hexdigest()[:16]


def stamp() -> Path:
    """File that says that all kernels are compiled for this kind of machine."""
    return cache_folder() / f"ready-{machine()}"


def compiled() -> bool:
    """Whether there is nothing to compile: it is done, or is not for this environment to do."""
    return _numba_version() is None or stamp().exists()


def ensure_compiled(log: logging.Logger) -> None:
    """Compile all kernels, unless it is done; of many jobs that ask at once, one does it.

    Without it each of them would. The others wait for the first, for at most `PATIENCE` seconds:
    then, or where compiling fails, they go on, and compile what they need themselves.

    Parameters
    ----------
    log : logging.Logger
        Says what is done, and who does it.
    """
    if compiled():
        return
    lock = stamp().with_name(f"compiling-{machine()}")
    end = time.monotonic() + PATIENCE
    while not stamp().exists() and time.monotonic() < end:
        if not _lock(lock):
            if _left(lock):
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
    """Create a file that says who compiles; whether it was not there."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{platform.node()} {os.getpid()}\n")
        return True
    except FileExistsError:
        return False
    except OSError:
        return True  # nothing can be written there: each compiles for itself


def _left(path: Path) -> bool:
    """Whether the owner of a lock has ended without removing it, as far as one can see here."""
    try:
        owner = path.read_text("utf-8").split()
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    if len(owner) == 2 and owner[0] == platform.node() and Path("/proc/self").exists():
        return not Path(f"/proc/{owner[1]}").exists()
    return age > PATIENCE

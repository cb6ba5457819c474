"""Where compiled kernels are kept."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


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


def stamp() -> Path:
    """File that says that this machine has compiled all kernels."""
    return cache_folder() / f"ready-{platform.node()}"


def compiled() -> bool:
    """Whether there is nothing to compile: it is done, or is not for this environment to do."""
    return _numba_version() is None or stamp().exists()

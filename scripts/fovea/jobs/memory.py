"""Keep freed memory for the next frame, and tell how much a process has taken at most."""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # options of mallopt, from malloc.h
_LARGEST = 32 << 20  # bytes; glibc accepts no more


def keep_freed_memory() -> bool:
    """Let malloc reuse the memory of a frame for the next one; return whether it could be done.

    By default glibc returns freed arrays of megabytes to the system and gets the next ones page by
    page, filled with zeros, which takes a fifth to a third of the CPU time of copying. No result
    depends on it. Without glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, 1 << 30))


def peak_memory() -> int:
    """Return the most memory that this process has had, in MB.

    The kernel's own count (`ru_maxrss`) begins with what the process had before it became this
    program: the memory of Snakemake, which started it. So it serves only where there is no /proc.
    """
    try:
        found = re.search(
            r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("ascii", "replace")
        )
    except OSError:
        found = None
    kilobytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024 // 10**6

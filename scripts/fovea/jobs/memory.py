"""Keep freed memory for the next frame."""

from __future__ import annotations

import ctypes
import sys

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

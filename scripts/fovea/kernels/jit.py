"""One place for the options of every compiled function."""

from __future__ import annotations

from numba import njit

#: nogil lets several frames run in threads; error_model="numpy" removes checks for division by
#: zero; the disk cache spares every job but the first the compilation.
kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=False)

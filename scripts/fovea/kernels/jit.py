"""One place for the options of every compiled function."""

from __future__ import annotations

import sys


def _numba_without_blas():
    """Import numba without its search for BLAS, which imports scipy.linalg and takes 0.2 s.

    No kernel here uses linear algebra, and numba looks again when some other code does.
    """
    absent = "scipy.linalg" not in sys.modules
    if absent:
        sys.modules["scipy.linalg"] = None
    try:
        import numba
        import numba.np.arraymath
    finally:
        if absent:
            del sys.modules["scipy.linalg"]
    return numba


#: nogil lets several frames run in threads; error_model="numpy" removes checks for division by
#: zero; the disk cache spares every job but the first the compilation.
kernel = _numba_without_blas().njit(cache=True, nogil=True, error_model="numpy", fastmath=False)

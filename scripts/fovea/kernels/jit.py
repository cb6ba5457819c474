"""The options with which every kernel is compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def _numba_without_blas():
    """Import numba while scipy.linalg is hidden; see docs/workarounds.md.

    To find BLAS numba imports scipy.linalg, which no kernel uses and most jobs need not load.
    numba repeats the search when it compiles a function that uses linear algebra.
    """
    absent = "scipy.linalg" not in sys.modules
    if absent:
        sys.modules["scipy.linalg"] = None
    try:
        import numba
        import numba.extending
        import numba.np.arraymath
    finally:
        if absent:
            del sys.modules["scipy.linalg"]
    return numba


_numba = _numba_without_blas()
types, intrinsic = _numba.types, _numba.extending.intrinsic

_compile = _numba.njit(nogil=True, error_model="numpy", fastmath=False)


def kernel(function: Callable) -> Any:
    """Compile a function when it is called first, or load it from the cache.

    nogil lets threads compute several frames at a time; error_model="numpy" omits the check for
    division by zero.
    """
    from fovea.kernels.kernel_cache import attach

    dispatcher = _compile(function)
    attach(dispatcher)
    return dispatcher


def host_features() -> str:
    """Return the instruction sets that kernels are compiled for, such as ``+avx2,-avx512f``."""
    from numba.core.codegen import get_host_cpu_features

    return get_host_cpu_features()

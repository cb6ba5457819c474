"""Compiled kernels (numba): loops over pixels, bits and runs that numpy cannot do in one pass.

All kernels release the GIL, use no fast-math and no parallel loops, and therefore give the same
bits on every machine and for any number of threads.

Compiled code is kept in a cache of the user's, one folder per version of the kernels' sources:
numba itself looks only at the file of the function it loads, not at those it calls.
"""

from __future__ import annotations

import os

from fovea.kernels.cache_folder import cache_folder

os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))

"""Kernels: compiled loops (numba) over pixels, bits and runs that numpy needs several passes for.

All kernels release the GIL and use neither fast-math nor parallel loops, so that results are the
same bits on every machine and for any number of threads. Images are (H, W), and flat indices of
pixels are y W + x; labels are 0 in the background; neighbours are the 4 nearest pixels unless 8 are
named. Arguments called `out` receive the result.

Compiled code is cached per user, in one folder for each version of the kernels' sources: numba
invalidates a function's cache when its own file changes, but not when one that it calls does.
Kernels import nothing of Fovea; segmentation, tracking, background, cells, store and fits use
them.
"""

from __future__ import annotations

import os

from fovea.kernels.cache_folder import cache_folder

if not os.environ.get("NUMBA_CACHE_DIR") and (folder := cache_folder()):
    os.environ["NUMBA_CACHE_DIR"] = str(folder)

"""Arrays for planes that are used again once nobody holds them any more.

A new array of megabytes costs the operating system's work on each of its pages, which takes as
long as copying the plane. Planes pass through a copy job one after another, so a few arrays serve.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

KEPT = 16  # arrays; more are made, but not kept


class PlanePool:
    """Gives uninitialised arrays, if possible those it gave before and that nobody refers to."""

    def __init__(self) -> None:
        import numpy as np

        self._arrays: list[np.ndarray] = [np.empty(0)]
        self._alone = self._count(0)  # of an array that only the list refers to
        self._arrays.clear()

    def _count(self, index: int) -> int:
        return sys.getrefcount(self._arrays[index])

    def empty(self, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
        """Return an array of any content that no one else holds, nor a view of it."""
        import numpy as np

        for index in range(len(self._arrays)):
            if self._count(index) == self._alone:
                array = self._arrays[index]
                if array.shape == shape and array.dtype == dtype:
                    return array
                self._arrays[index] = np.empty(shape, dtype)
                return self._arrays[index]
        array = np.empty(shape, dtype)
        if len(self._arrays) < KEPT:
            self._arrays.append(array)
        return array
